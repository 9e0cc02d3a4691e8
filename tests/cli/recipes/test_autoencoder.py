"""The autoencoder: its net, its data, its figures and pictures, through the command line too."""

import itertools
import json
import pathlib
import subprocess
import sys
import warnings

import numpy as np
import pytest

import rushlight as rl
from rushlight.nn.evaluating import evaluating
from rushlight.random import Generator, default_generator
from rushlight.train import Trainer

pytest.importorskip("typer")

from rushlight.cli import run
from rushlight.cli.recipes import autoencoder as recipe
from rushlight.cli.recipes import autoencoder_data as images
from rushlight.cli.recipes.autoencoder_net import Autoencoder, Noise
from rushlight.cli.recipes.images import read_images


@pytest.fixture(autouse=True)
def alone(monkeypatch, tmp_path, tmp_path_factory):
    """Work in an empty folder, with nothing but the bundled sample."""
    monkeypatch.setenv("MPLCONFIGDIR", str(tmp_path_factory.getbasetemp() / "matplotlib"))
    monkeypatch.setattr("rushlight.data.mnist._download", offline)
    monkeypatch.delenv("RUSHLIGHT_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)


def offline(*args):
    raise OSError("no net in tests")


def blobs(count, height=11, width=9, channels=0, seed=0):
    """Return images of a round spot somewhere, uint8 (N, H, W) or (N, H, W, C)."""
    rng = np.random.default_rng(seed)
    y, x = rng.random((2, count, 1, 1)) * [[[[height]]], [[[width]]]]
    far = np.square(np.arange(height)[:, None] - y) + np.square(np.arange(width) - x)
    grey = np.rint(255 * np.exp(-far / 6)).astype(np.uint8)
    return grey if not channels else np.stack([grey, 255 - grey, grey // 2], -1)


@pytest.fixture
def folder(tmp_path):
    """Return a folder of 40 grey images in one file."""
    path = tmp_path / "spots"
    path.mkdir()
    np.save(path / "spots.npy", blobs(40))
    return path


def train(*args, out="out"):
    """Train through the command line and return the result."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # run sets filters of its own
        assert run(["train", "autoencoder", "--out", out, "--size", "small", *map(str, args)]) == 0
    with open(f"{out}/result.json", encoding="utf-8") as file:
        return json.load(file)


def weights(out):
    return {name: value.numpy() for name, value in rl.load(f"{out}/best.safetensors").items()}


def assert_same(first, second):
    assert list(first) == list(second)
    for name, value in first.items():
        assert value.tobytes() == second[name].tobytes(), name


# ---- the net


@pytest.mark.parametrize("up", ["transposed", "upsample"])
@pytest.mark.parametrize(
    "shape", [(1, 28, 28), (3, 27, 18), (1, 17, 33), (3, 8, 9), (1, 1, 5), (1, 65, 40)]
)
def test_images_of_any_size_come_out_as_large_as_they_went_in(shape, up):
    net = Autoencoder(shape, 5, size="small", up=up)
    x = rl.rand(3, *shape)
    found = net(x)
    assert found.shape == x.shape and 0 <= float(found.min()) <= float(found.max()) <= 1
    found.sum().backward()
    assert all(np.isfinite(p.grad.numpy()).all() for p in net.parameters())
    assert net.encoder(x).shape == (3, 5)
    assert net.decoder(rl.zeros(2, 5)).shape == (2, *shape)


@pytest.mark.parametrize("size", ["small", "medium", "large"])
def test_sizes_differ_in_width(size):
    found = {
        s: sum(p.numel() for p in Autoencoder((1, 12, 12), size=s).parameters()) for s in SIZES
    }
    assert sorted(found, key=found.get) == SIZES
    assert Autoencoder((1, 12, 12), size=size)(rl.rand(2, 1, 12, 12)).shape == (2, 1, 12, 12)


SIZES = ["small", "medium", "large"]


def test_parts_of_the_net_are_as_asked_for():
    def kinds(**options):
        return [type(m).__name__ for m in Autoencoder((1, 28, 28), 3, **options).modules()]

    plain = kinds()
    assert plain.count("Conv2d") == plain.count("ConvTranspose2d") == 2
    assert plain.count("Linear") == 4 and plain.count("Sigmoid") == 1
    assert "Dropout" not in plain and "Noise" not in plain and "BatchNorm2d" in plain
    other = kinds(dropout=0.1, noise=0.3, up="upsample", logits=True, activation="tanh")
    assert other.count("Dropout") == other.count("Noise") == 1
    assert other.count("Upsample") == 2 and other.count("Conv2d") == 4
    assert not {"Sigmoid", "SiLU", "ConvTranspose2d"} & {*other} and other.count("Tanh") == 6


def test_larger_images_are_halved_more_often():
    side = [
        sum(type(m).__name__ == "Conv2d" for m in Autoencoder((1, n, n), 3, size="small").modules())
        for n in (8, 28, 32, 33, 64)
    ]
    assert side == [2, 2, 2, 3, 3]


def test_noise_is_drawn_in_training_alone_and_can_be_drawn_again():
    noise, x = Noise(0.3), rl.full((50, 4, 4), 0.5)
    rl.manual_seed(3)
    state = default_generator.get_state()
    first = noise(x).numpy()
    assert noise(x).numpy().tobytes() != first.tobytes()
    default_generator.set_state(state)
    assert noise(x).numpy().tobytes() == first.tobytes()
    assert first.dtype == np.float32 and 0 <= first.min() < 0.1 and 0.9 < first.max() <= 1
    assert abs(first.std() - 0.28) < 0.02  # a little below 0.3, for what lies outside is cut off
    assert noise.eval()(x) is x


# ---- the data


def test_pca_is_that_of_the_singular_vectors(monkeypatch):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(60, 3, 5)) * np.arange(1, 6), rng.normal(size=(20, 3, 5))
    mean, rows = x.reshape(60, -1).mean(0), y.reshape(20, -1)
    axes = np.linalg.svd(x.reshape(60, -1) - mean, full_matrices=False)[2]
    for wide, k in itertools.product((4096, 3), (1, 4, 10)):
        monkeypatch.setattr(images, "WIDE", wide)  # both ways to find them
        kept = (rows - mean) @ axes[:k].T @ axes[:k] + mean
        expected = np.square(kept - rows).mean(1)
        np.testing.assert_allclose(images.pca_error(x, y, y, k), expected, rtol=1e-9)
    few = images.pca_error(x[:4], x[:4], x[:4], 32)  # more components than there are axes
    assert few.max() < 1e-20


def test_parts_do_not_overlap_and_follow_from_the_seed():
    pixels = np.arange(40, dtype=np.uint8).reshape(40, 1, 1, 1)
    whole = images.Pixels(pixels, np.arange(40), ("a",))
    parts = images.split(whole, 6, 8, 0.2, Generator(1))
    assert [len(part) for part in parts] == [26, 6, 8]
    assert sorted(np.concatenate([part.labels for part in parts])) == list(range(40))
    assert all((part.pixels.ravel() == part.labels).all() for part in parts)
    again = images.split(whole, 6, 8, 0.2, Generator(1))
    other = images.split(whole, 6, 8, 0.2, Generator(2))
    for part, same, another in zip(parts, again, other, strict=True):
        assert (part.labels == same.labels).all() and (part.labels != another.labels).any()
        assert (part.given() == same.given()).all()
    train_part, validation, _ = parts
    assert (train_part.given() == train_part.clean()).all()
    assert (validation.given() != validation.clean()).any()


def test_a_noise_that_is_fixed_is_the_same_in_every_batch():
    part = images.Pixels(np.full((9, 1, 4, 4), 99, np.uint8), noise=0.3, generator=Generator(0))
    given, wanted = part.batch_reader()(slice(2, 5))
    assert (given.numpy() == part.given()[2:5]).all() and (given != wanted).any()
    assert (part[3][0].numpy() == given[1].numpy()).all()
    given.numpy()[:] = 0
    assert part.given()[2:5].any()  # a batch that is written to does not change the data


def test_folders_in_the_folder_are_the_classes(tmp_path):
    for name in ("cats", "dogs"):
        (tmp_path / name).mkdir()
        np.save(tmp_path / name / "x.npy", blobs(12))
    found, about = images.own_images(str(tmp_path), None, "auto")
    assert found.classes == ("cats", "dogs") and found.labels.tolist() == [0] * 12 + [1] * 12
    assert about == f"{tmp_path}: 24 grey images, 11 x 9"


def test_draws_have_mean_and_covariance_of_the_codes():
    rng = np.random.default_rng(0)
    codes = (rng.normal(size=(500, 2)) @ [[2, 1], [0, 0.5]] + [3, -1]).astype(np.float32)
    drawn = recipe.drawn_like(codes, 8_000, Generator(0))
    assert drawn.shape == (8_000, 2) and drawn.dtype == np.float32
    np.testing.assert_allclose(drawn.mean(0), codes.mean(0), atol=0.1)
    np.testing.assert_allclose(np.cov(drawn.T), np.cov(codes.T), atol=0.2)


# ---- the command


def test_two_epochs_on_the_bundled_sample(capsys, tmp_path, monkeypatch):
    def fewer(folder, train):
        whole, source = images.digits(folder, train)
        assert len(whole) == (5000 if train else 1000)
        part = whole.part(np.arange(1500 if train else 300), 0, Generator(0))
        return part, source

    monkeypatch.setattr(recipe, "digits", fewer)
    result = train("--epochs", 2, "--batch-size", 32, "--latent", 16)
    printed = capsys.readouterr().out
    assert "MNIST: 1,500 images (sample): 1,000 to train on, 500 to validate" in printed
    assert result["title"] == "Autoencoder: MNIST"
    test = result["test"]
    assert list(test) == ["loss", "mse", "psnr", "ssim", "pca_mse", "mse_to_pca"]
    assert 0.005 < test["mse"] < 0.08 and abs(test["pca_mse"] - 0.0278) < 0.003
    assert f"test MSE {test['mse']:.5f}" in printed
    assert f"PCA with 16 components: test MSE {test['pca_mse']:.5f}" in printed
    assert (result["train_samples"], result["test_samples"], result["latent"]) == (1000, 300, 16)
    pytest.importorskip("matplotlib")
    told = json.loads((tmp_path / "out" / "pictures" / "pictures.json").read_text())
    names = ["reconstructions", "codes", "samples", "errors", "worst"]
    assert [each["file"] for each in told] == [f"{i:02d}-{n}.png" for i, n in enumerate(names, 1)]
    for each in told:
        size = (tmp_path / "out" / "pictures" / each["file"]).stat().st_size
        assert 2_000 < size < 150_000 and each["caption"].endswith(".")


def test_a_net_that_was_trained_beats_a_line(folder):
    """Two numbers say where a spot lies, but not to a linear map."""
    np.save(folder / "spots.npy", blobs(400))
    options = ("--data", folder, "--latent", 2, "--epochs", 30, "--no-curves", "--batch-size", 20)
    result = train(*options)
    assert result["test"]["mse_to_pca"] < 0.5
    # the figures are those of the weights that were kept
    net = Autoencoder((1, 11, 9), 2, size="small", dropout=0.02, logits=True)
    net.load_state_dict(rl.load("out/best.safetensors"))
    whole, _ = images.own_images(str(folder), None, "auto")
    tested = images.split(whole, 60, 60, 0, Generator(0).spawn(*b"autoencoder"))[2]
    with evaluating(net), rl.no_grad():
        found = rl.sigmoid(net(rl.tensor(tested.clean()))).numpy()
    error = np.square(found - tested.clean()).mean()
    np.testing.assert_allclose(error, result["test"]["mse"], rtol=1e-5)


def test_a_folder_of_pictures_with_colours_classes_and_broken_files(tmp_path, capsys):
    image = pytest.importorskip("PIL.Image")
    pytest.importorskip("matplotlib")
    for name, pixels in zip(("day", "night"), np.split(blobs(40, 13, 10, 3), 2), strict=True):
        (tmp_path / "data" / name).mkdir(parents=True)
        for i, one in enumerate(pixels):
            image.fromarray(one).save(tmp_path / "data" / name / f"{i}.png")
    (tmp_path / "data" / "day" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    result = train("--data", "data", "--epochs", 2, "--noise", 0.3, "--loss", "mse")
    told = capsys.readouterr()
    assert (
        "data: 40 colour images, 13 x 10 (1 skipped): 28 to train on, 6 to validate, 6 to test"
        in told.out
    )
    assert "data: 1 file skipped: day/broken.png (" in told.err
    assert result["test_samples"] == 6 and result["data"] == "data"
    assert len(list((tmp_path / "out" / "pictures").glob("*.png"))) == 5


@pytest.mark.parametrize("more", [("--latent", 1), ("--up", "upsample", "--activation", "elu")])
def test_pictures_without_classes(folder, tmp_path, more):
    pytest.importorskip("matplotlib")
    train("--data", folder, "--epochs", 1, "--image-size", 9, *more)
    told = json.loads((tmp_path / "out" / "pictures" / "pictures.json").read_text())
    assert len(told) == (4 if "--latent" in more else 5)
    assert any(each["title"] == "Errors of the images" for each in told)


@pytest.mark.parametrize("loss", ["bce", "mse", "huber:delta=0.1"])
def test_the_loss_decides_whether_the_net_ends_in_a_sigmoid(folder, loss):
    result = train("--data", folder, "--epochs", 2, "--no-curves", "--loss", loss)
    assert 0 < result["test"]["mse"] < 0.2 and np.isfinite(result["test"]["loss"])


def test_the_loss_is_switched_where_the_net_gives_images(folder):
    pieces = ("--loss", "bce", "--switch", "2: loss=mse lr=0.01", "--ema", "0.9")
    train("--data", folder, "--epochs", 2, "--no-curves", *pieces)
    with open("out/history.json", encoding="utf-8") as file:
        first, second = json.load(file)["epochs"]
    assert first["val_loss"] > 2 * first["val_mse"]  # cross-entropy
    assert second["val_loss"] == pytest.approx(second["val_mse"], rel=1e-5)


def test_logits_and_probabilities_learn_the_same(folder):
    given = ("--data", folder, "--epochs", 2, "--no-curves", "--metric", "psnr", "--loss")
    first, second = train(*given, "bce", out="a"), train(*given, "bce_with_logits", out="b")
    for name, value in first["test"].items():
        np.testing.assert_allclose(second["test"][name], value, rtol=1e-3)


def test_both_interfaces_give_the_same_bits_with_noise_and_dropout(folder):
    given = ("--data", folder, "--epochs", 2, "--no-curves", "--noise", 0.2, "--dropout", 0.1)
    first, second = (train(*given, "--api", api, out=api) for api in ("autograd", "classic"))
    assert_same(weights("autograd"), weights("classic"))
    assert first["test"] == second["test"]


def test_the_same_seed_gives_the_same_bits_with_noise(folder):
    given = ("--data", folder, "--epochs", 2, "--no-curves", "--noise", 0.2)
    first, second = train(*given, out="a"), train(*given, out="b")
    assert_same(weights("a"), weights("b"))
    assert first["test"] == second["test"]
    assert train(*given, "--seed", 1, out="c")["test"] != first["test"]


def test_a_trainer_draws_other_noise_in_each_epoch_and_the_same_after_a_restart():
    x = np.zeros((8, 1, 9, 9), np.float32)

    def seen(epochs):
        net, found = Autoencoder((1, 9, 9), 2, size="small", noise=0.3), []
        net.encoder.register_forward_pre_hook(lambda module, args: found.append(args[0].numpy()))
        trainer = Trainer(net, "mse", seed=5, progress="none")
        for _ in range(epochs):
            trainer.fit(x, x, epochs=1, batch_size=8)
        return found

    first, second = seen(2)
    assert (first != second).any()
    assert all((a == b).all() for a, b in zip(seen(2), (first, second), strict=True))


# ---- a finished run


@pytest.fixture
def done(folder):
    """Return the result of a run whose folder is 'out'."""
    return train("--data", folder, "--epochs", 1, "--no-curves", "--latent", 4)


def test_a_run_is_evaluated_on_its_test_part_and_on_other_images(done, folder, capsys):
    capsys.readouterr()
    assert run(["evaluate", "out", "test", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == done["test"]
    assert run(["evaluate", "out", str(folder), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert list(found) == ["loss", "mse", "psnr", "ssim"] and found["mse"] != done["test"]["mse"]


def test_the_errors_of_a_denoiser_are_those_from_noisy_images(folder, capsys):
    result = train("--data", folder, "--epochs", 3, "--no-curves", "--noise", 0.5)
    capsys.readouterr()
    assert run(["evaluate", "out", "test", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == result["test"]
    noisy, clean = (evaluated(folder, noise, capsys) for noise in (0.5, 0.0))
    assert noisy["mse"] != clean["mse"]


def evaluated(folder, noise, capsys):
    """Evaluate the run in 'out' as if it had been told another noise."""
    with open("out/config.toml", encoding="utf-8") as file:
        text = file.read()
    with open("out/config.toml", "w", encoding="utf-8") as file:
        file.write(text.replace("noise = 0.5", f"noise = {noise}"))
    assert run(["evaluate", "out", str(folder), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_codes_and_reconstructions_of_new_images(done, tmp_path, capsys):
    pytest.importorskip("PIL")
    np.save("new.npy", blobs(4, 22, 18, seed=7))  # of another size: scaled to that of the net
    capsys.readouterr()
    assert run(["predict", "out", "new.npy"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "sample,mse,code_1,code_2,code_3,code_4" and len(lines) == 5
    assert lines[1].startswith("new.npy[0],")
    assert run(["predict", "out", "new.npy", "--out", "found.npy"]) == 0
    assert "4 images (1, 11, 9)  found.npy" in capsys.readouterr().out
    found = np.load("found.npy")
    given = read_images("new.npy", (11, 9)).pixels / 255
    error = float(lines[1].split(",")[1])
    np.testing.assert_allclose(np.square(found[0] - given[0]).mean(), error, rtol=1e-5)
    assert run(["predict", "out", "new.npy", "--out", "pngs"]) == 0
    assert "4 images and codes.npy  pngs" in capsys.readouterr().out
    codes = [[float(cell) for cell in line.split(",")[2:]] for line in lines[1:]]
    np.testing.assert_allclose(np.load("pngs/codes.npy"), codes, rtol=1e-6)
    for i in range(4):
        again = read_images(f"pngs/new-{i}.png").pixels[0] / 255
        np.testing.assert_allclose(again, found[i], atol=0.5 / 255 + 1e-6)


def test_digits_for_a_net_of_another_size_are_refused(done, tmp_path, capsys, monkeypatch):
    whole = images.Pixels(np.zeros((2, 1, 28, 28), np.uint8))
    monkeypatch.setattr(recipe, "holds_mnist", lambda folder: True)
    monkeypatch.setattr(recipe, "digits", lambda folder, train: (whole, "sample"))
    assert run(["evaluate", "out", "digits"]) == 2
    text = "digits: got the digits of MNIST, (1, 28, 28), expected images (1, 11, 9)"
    assert text in capsys.readouterr().err


KILLED = """
import os, sys
from rushlight.cli import run
from rushlight.cli.recipes.autoencoder_net import Noise
calls, forward = [], Noise.forward

def dies(self, input):
    calls.append(self.training)
    if calls.count(True) == 5:  # of the second epoch
        os._exit(9)
    return forward(self, input)

Noise.forward = dies
run(sys.argv[1:])
"""


def test_a_run_that_was_killed_sees_the_noise_of_the_uninterrupted_one(folder):
    given = ["--data", folder, "--epochs", 3, "--no-curves", "--noise", 0.3, "--dropout", 0.1]
    given += ["--batch-size", 8]  # 28 images: 4 batches
    whole = train(*given, out="whole")
    command = ["train", "autoencoder", "--out", "cut", "--size", "small", *map(str, given)]
    found = subprocess.run([sys.executable, "-c", KILLED, *command], check=False)
    assert found.returncode == 9 and not pathlib.Path("cut", "result.json").exists()
    result = train("--resume", out="cut")
    assert_same(weights("cut"), weights("whole"))
    assert result["test"] == whole["test"] and result["epochs"] == 3


MISTAKES = {
    "noise": (["--noise", "-1"], "--noise: got -1.0, expected a number >= 0"),
    "loss": (["--loss", "nll"], "--loss: got 'nll', expected a loss that compares images: bce_"),
    "switch of logits": (
        ["--switch", "2: lr=0.1 loss=mse"],
        "--switch: got 'loss=mse' for a net that gives logits, expected a net whose outputs are "
        "images; begin with --loss bce",
    ),
    "metric of logits": (["--switch", "2: metric=ssim"], "got 'metric=ssim' for a net that gives"),
    "switch to logits": (
        ["--loss", "bce", "--switch", "2: loss=bce_with_logits"],
        "--switch loss: got 'bce_with_logits', expected a loss that compares images: bce, mse",
    ),
    "up": (["--up", "down"], "--up: got 'down', expected transposed or upsample"),
    "latent": (["--latent", "0"], "--latent"),
    "size of MNIST": (["--image-size", "20"], "--image-size: got 20, expected none with MNIST"),
    "colours of MNIST": (["--channels", "rgb"], "--channels: got 'rgb', expected none with MNIST"),
    "no folder": (["--data", "nowhere"], "nowhere: got no such folder or file"),
    "few": (["--data", "few"], "--data few: got 7 images, expected 20 or more"),
    "metric": (["--metric", "beauty"], "'beauty'"),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_a_mistake_is_one_line_and_nothing_is_written(case, tmp_path, capsys):
    (tmp_path / "few").mkdir()
    np.save(tmp_path / "few" / "x.npy", blobs(7))
    args, text = MISTAKES[case]
    assert run(["train", "autoencoder", "--out", "out", *args]) != 0
    lines = [line for line in capsys.readouterr().err.splitlines() if "warning" not in line]
    assert len(lines) == 1 and text in lines[0]
    assert not (tmp_path / "out").exists()


def test_a_folder_of_mnist_files_is_known_by_its_files(tmp_path):
    assert not images.holds_mnist(str(tmp_path))
    (tmp_path / "mnist").mkdir()
    (tmp_path / "mnist" / "train-images-idx3-ubyte.gz").touch()
    assert images.holds_mnist(str(tmp_path))


def test_files_that_were_skipped_are_named_up_to_a_few(tmp_path):
    np.save(tmp_path / "x.npy", blobs(3))
    for i in range(7):
        (tmp_path / f"{i}.npy").touch()
    found = read_images(tmp_path)
    with pytest.warns(UserWarning, match=r"7 files skipped: 0.npy \(.*4.npy \(.*, and 2 more$"):
        images.tell_skipped(tmp_path, found)
