"""`rushlight train mnist`: its sizes, augmentation, confusion matrix and pictures."""

import json

import numpy as np
import pytest

from rushlight import nn
from rushlight.cli import run
from rushlight.cli.mistake import Mistake
from rushlight.cli.recipes import mnist as recipe
from rushlight.cli.recipes.explicit import explicit
from rushlight.cli.recipes.mnist import Mnist, MnistOptions, build, warp
from rushlight.data.augment import Augmented
from rushlight.random import Generator, manual_seed
from rushlight.tensor import from_numpy

pytest.importorskip("typer")
pytest.importorskip("matplotlib")


def tiny(options):
    """Return a net of two convolutions that trains in no time."""
    return nn.Sequential(
        nn.Conv2d(1, 3, 5, stride=4, bias=False),
        nn.BatchNorm2d(3),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(108, 10),
        nn.LogSoftmax(dim=1),
    )


@pytest.fixture
def quick(monkeypatch, tmp_path, tmp_path_factory):
    """Train a tiny net on the bundled sample in an empty folder."""

    def offline(*args):
        raise OSError("no net in tests")

    fonts = tmp_path_factory.getbasetemp() / "matplotlib"  # or it puts its list into our cache
    monkeypatch.setenv("MPLCONFIGDIR", str(fonts))
    monkeypatch.setattr(recipe, "build", tiny)
    monkeypatch.setattr("rushlight.data.mnist._download", offline)
    monkeypatch.delenv("RUSHLIGHT_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def sizes(figure):
    """Return width and height of a PNG."""
    header = figure.read_bytes()[:24]
    assert header[:8] == b"\x89PNG\r\n\x1a\n"
    return np.frombuffer(header[16:24], ">u4").tolist()


def test_an_augmented_run_leaves_matrix_and_pictures(quick, capsys):
    command = ["train", "mnist", "--augment", "full", "--epochs", "2", "--out", "a", "--json"]
    assert run(command) == 0
    out, err = capsys.readouterr()
    result = json.loads(out)
    assert "4,500 training images (sample), 500 for validation, augmentation full" in err
    assert result["title"] == "MNIST: convolutional network"
    assert err.count("accuracy ") == err.count("_accuracy ") + 1  # told once, in percent
    assert result["classes"] == list("0123456789")
    matrix = np.array(result["confusion_matrix"])
    assert matrix.shape == (10, 10)
    assert matrix.sum(1).tolist() == [100] * 10  # of the bundled test images
    assert matrix.trace() / 1000 == pytest.approx(result["test"]["accuracy"])
    assert result == json.loads((quick / "a" / "result.json").read_text())
    assert 'augment = "full"' in (quick / "a" / "config.toml").read_text()
    told = json.loads((quick / "a" / "pictures" / "pictures.json").read_text())
    assert [each["file"] for each in told] == [
        "01-augmented.png",
        "02-mistakes.png",
        "03-filters.png",
    ]
    for each in told:
        assert min(sizes(quick / "a" / "pictures" / each["file"])) > 100
        assert each["title"] and each["caption"].endswith(".")
    wrong = 1000 - matrix.trace()
    assert f"Of {wrong} mistakes in 1,000 test images" in told[1]["caption"]
    assert "The 3 filters" in told[2]["caption"]


def test_without_augmentation_there_is_no_picture_of_it(quick):
    assert run(["train", "mnist", "--epochs", "1", "--out", "a"]) == 0
    told = json.loads((quick / "a" / "pictures" / "pictures.json").read_text())
    assert told[0]["file"] == "01-mistakes.png"
    assert run(["train", "mnist", "--epochs", "1", "--out", "b", "--no-curves"]) == 0
    assert not (quick / "b" / "pictures").exists()
    assert "confusion_matrix" in json.loads((quick / "b" / "result.json").read_text())


def test_augmented_training_is_a_function_of_the_seed(quick, capsys):
    results = []
    for out, how, seed in (
        ("a", "light", 1),
        ("b", "light", 1),
        ("c", "light", 2),
        ("d", "full", 1),
    ):
        options = ["--augment", how, "--seed", str(seed), "--out", out, "--no-curves"]
        assert run(["train", "mnist", "--epochs", "1", "--json", *options]) == 0
        results.append(json.loads(capsys.readouterr().out)["test"]["loss"])
    assert results[0] == results[1]
    assert len(set(results)) == 3


def test_only_training_images_are_changed_and_none_is_in_both_parts(quick):
    with pytest.warns(UserWarning, match="sample"):
        plain, full = (Mnist().load(MnistOptions(augment=how)) for how in ("none", "full"))
    assert isinstance(full.train, Augmented)
    held = set(full.validation.indices)
    assert held.isdisjoint(full.train.dataset.indices)
    assert len(held) == 500 and len(full.train) == 4500
    assert held == set(plain.validation.indices)
    image = full.validation[0][0].numpy()
    np.testing.assert_array_equal(image, plain.validation[0][0].numpy())
    assert (full.train[0][0].numpy() != plain.train[0][0].numpy()).any()
    with pytest.warns(UserWarning, match="sample"):
        other = Mnist().load(MnistOptions(seed=1))
    assert held != set(other.validation.indices)


@pytest.mark.parametrize("how", ["light", "full"])
def test_digits_stay_what_they_are_under_augmentation(how):
    x = np.full((50, 1, 28, 28), recipe.BLACK, np.float32)
    x[:, :, 8:20, 12:16] = 2.8
    found = warp(how).keyed(x, Generator(0), np.arange(50))
    ink = (found - recipe.BLACK).sum((1, 2, 3)) / (x - recipe.BLACK).sum((1, 2, 3))
    assert ink.min() > 0.5 and ink.max() < 1.8  # nothing leaves the image
    np.testing.assert_allclose(found[:, :, 0, 0], recipe.BLACK, atol=1e-5)
    assert abs(found - x).max((1, 2, 3)).min() > 0.5


@pytest.mark.parametrize(
    ("size", "parameters"), [("small", 106_234), ("medium", 145_210), ("large", 576_106)]
)
def test_the_nets_of_each_size(size, parameters):
    net = build(MnistOptions(size=size, activation="gelu"))
    assert sum(p.numel() for p in net.parameters()) == parameters
    assert (
        sum(isinstance(m, nn.GELU) for m in net) == sum(isinstance(m, nn.Conv2d) for m in net) + 1
    )
    net.eval()
    found = net(from_numpy(np.zeros((2, 1, 28, 28), np.float32)))
    np.testing.assert_allclose(np.exp(found.numpy(force=True)).sum(1), 1, rtol=1e-5)


def test_the_explicit_way_gives_the_gradients_of_autograd():
    x = from_numpy(np.random.default_rng(0).random((3, 1, 28, 28)).astype(np.float32))
    nets = []
    for make in (lambda net: net, explicit):
        manual_seed(0)
        nets.append(make(build(MnistOptions(size="small", dropout=0.0))))
        nets[-1](x)[:, 3].sum().backward()
    for a, b in zip(*(net.parameters() for net in nets), strict=True):
        np.testing.assert_array_equal(a.grad.numpy(), b.grad.numpy())


def test_epochs_and_batches_unless_given():
    from rushlight.cli.recipes.recipe import Data

    def settled(source, **given):
        options = MnistOptions(**given)
        facts = {"data": source}
        Mnist().settle(options, Data(None, None, None, (), (), "", facts=facts))
        return options.epochs, options.batch_size

    assert settled("cache") == (6, 64)
    assert settled("cache", augment="light") == (10, 64)
    assert settled("cache", augment="full") == (15, 64)
    assert settled("sample", augment="full") == (30, 32)
    assert settled("sample", epochs=2, batch_size=7) == (2, 7)


def test_an_unknown_augmentation_is_a_line(capsys):
    assert run(["train", "mnist", "--augment", "more"]) == 2
    assert "--augment: got 'more', expected none or light or full" in capsys.readouterr().err
    with pytest.raises(Mistake, match="--augment"):
        MnistOptions(augment="elastic")
