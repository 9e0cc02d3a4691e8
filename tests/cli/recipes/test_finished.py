"""`rushlight evaluate` and `rushlight predict`: a finished run on other data."""

import gzip
import json

import numpy as np
import pytest

pytest.importorskip("typer")

from tests.cli.recipes.conftest import plain

from rushlight.data import Tecator


@pytest.fixture
def regression(trained, table):
    more = ["--csv", table, "--targets", "first,second", "--ignore", "id"]
    return trained("regression", "--epochs", "30", *more)


def numbers(text):
    names, *rows = [line.split(",") for line in text.strip().splitlines()]
    return names, np.array([[float(cell) for cell in row[1:]] for row in rows])


@pytest.mark.parametrize("recipe", ["tecator", "regression"])
def test_the_test_part_gives_the_figures_of_the_run(trained, call, recipe, table):
    more = ["--csv", table, "--targets", "first,second"] if recipe == "regression" else []
    result = trained(recipe, "--epochs", "2", *more)
    code, out, err = call("evaluate", "run", "test", "--json")
    assert code == 0, err
    assert json.loads(out) == result["test"]
    code, out, _ = call("evaluate", "run", "test")
    assert f"{result['test']['rmse']:.6g}" in out


def test_predictions_of_a_table_are_in_its_units(regression, call, table, here):
    lines = table.read_text().splitlines()
    (here / "new.csv").write_text("\n".join(line.rpartition(",")[0] for line in lines))
    code, out, err = call("predict", "run", "new.csv")  # without one of the targets
    assert code == 0, err
    names, found = numbers(out)
    assert names == ["sample", "first", "second"]
    wanted = np.array([[float(cell) for cell in line.split(",")[5:]] for line in lines[1:]])
    error = np.sqrt(np.square(found - wanted).mean(0))
    assert (error < wanted.std(0)).all()
    code, out, _ = call("evaluate", "run", table, "--json")
    assert json.loads(out)["rmse_first"] == pytest.approx(error[0], rel=1e-4)
    assert call("predict", "run", "new.csv", "--out", "p.csv")[0] == 0
    np.testing.assert_array_equal(numbers((here / "p.csv").read_text())[1], found)
    assert call("predict", "run", "new.csv", "--out", "p.npy")[0] == 0
    np.testing.assert_allclose(np.load(here / "p.npy"), found, rtol=1e-6)


def test_a_text_that_training_has_not_seen_is_told(regression, call, here):
    (here / "new.csv").write_text("a,b,colour\n1,2,violet\n1,2,red\n")
    code, out, err = call("predict", "run", "new.csv")
    assert code == 0
    assert "'violet' not seen in training" in err
    assert len(out.splitlines()) == 3
    (here / "new.csv").write_text("a,b,colour\n1,2,violet\n,2,red\n")
    code, out, err = call("predict", "run", "new.csv")
    assert "'violet' not seen in training" in err  # and the next warning is no less told
    assert "new.csv: 1 missing value filled, as in training" in err


def test_spectra_with_wavelengths_or_without(trained, call, here):
    trained("tecator", "--epochs", "5")
    x, y = Tecator("monitoring").arrays()
    names = [*(f"{nm} nm" for nm in Tecator.wavelengths), *Tecator.target_names]
    rows = [",".join(map(repr, row)) for row in np.hstack([x, y])[:5].tolist()]
    (here / "named.csv").write_text("\n".join([",".join(names), *rows]))
    (here / "bare.csv").write_text("\n".join(",".join(map(repr, row)) for row in x[:5].tolist()))
    named, bare = (numbers(call("predict", "run", f"{kind}.csv")[1]) for kind in ("named", "bare"))
    assert named[0] == bare[0] == ["sample", "water", "fat", "protein"]
    np.testing.assert_array_equal(named[1], bare[1])
    code, out, err = call("evaluate", "run", "named.csv", "--json")
    assert code == 0, err
    wanted = np.sqrt(np.square(named[1] - y[:5]).mean(0))
    found = json.loads(out)
    assert [found[f"rmse_{n}"] for n in Tecator.target_names] == pytest.approx(wanted, rel=1e-4)


def idx(array):
    head = bytes([0, 0, 8, array.ndim]) + b"".join(n.to_bytes(4, "big") for n in array.shape)
    return head + array.tobytes()


def test_digits_of_ones_own(trained, call, here, monkeypatch):
    image = pytest.importorskip("PIL.Image")
    monkeypatch.setattr("rushlight.cli.recipes.mnist.build", plain)
    result = trained("mnist", "--epochs", "1")
    assert json.loads(call("evaluate", "run", "test", "--json")[1]) == result["test"]
    with pytest.warns(UserWarning, match="sample"):
        from rushlight.data import MNIST

        digits = MNIST(train=False)
    pixels, labels = digits.data.numpy()[:40], digits.targets.numpy()[:40].astype(np.uint8)
    (here / "own").mkdir()
    (here / "own" / "my-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(pixels)))
    (here / "own" / "my-labels-idx1-ubyte").write_bytes(idx(labels))
    code, out, err = call("evaluate", "run", "own", "--json")
    assert code == 0, err
    accuracy = json.loads(out)["accuracy"]
    assert accuracy > 0.7
    code, out, _ = call("predict", "run", "own/my-images-idx3-ubyte.gz")
    names, found = numbers(out)
    assert names[:3] == ["sample", "digit", "p0"]
    assert (found[:, 0] == labels).mean() == pytest.approx(accuracy)
    np.testing.assert_allclose(found[:, 1:].sum(1), 1, rtol=1e-5)
    (here / "png").mkdir()
    for i in range(3):
        shown = pixels[i] if i else 255 - pixels[i]  # the first one dark on light
        image.fromarray(shown).save(here / "png" / f"{i}.png")
    code, out, err = call("predict", "run", "png")
    assert code == 0, err
    assert "1 of 3 images are dark on light: inverted" in err
    np.testing.assert_allclose(numbers(out)[1], found[:3], rtol=1e-5)


MISTAKES = {
    "no run": (["evaluate", "nowhere", "test"], "nowhere: got no folder"),
    "no config": (["evaluate", ".", "test"], "config.toml: got no such file"),
    "no data": (["evaluate", "run", "none.csv"], "none.csv: got no such file"),
    "channels": (["predict", "run", "short.csv"], "got 2 columns, expected 100 channels"),
    "contents": (["evaluate", "run", "bare.csv"], "column names, 'water' among them"),
    "hole": (["predict", "run", "hole.csv"], "line 2: got a row without a channel"),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_mistakes_are_one_line(trained, call, here, case):
    args, text = MISTAKES[case]
    trained("tecator", "--epochs", "1")
    row = ",".join(["2.5"] * 100)
    (here / "short.csv").write_text("a,b\n1,2\n")
    (here / "bare.csv").write_text(f"{row}\n{row}\n")
    (here / "hole.csv").write_text(f"{row}\n{row[:-3]}\n")
    code, out, err = call(*args)
    assert code == 2
    assert out == ""
    assert text in err
    assert len(err.splitlines()) == 1


def test_a_missing_column_and_a_dropped_row_are_one_line(regression, call, here):
    (here / "new.csv").write_text("a,colour\n1,red\n2,red\n")
    code, _, err = call("predict", "run", "new.csv")
    assert code == 2
    assert "no column 'b', expected one of a, colour" in err


def test_a_run_without_an_epoch_says_how_to_go_on(trained, call, here):
    trained("tecator", "--epochs", "1")
    (here / "run" / "best.safetensors").unlink()
    code, _, err = call("predict", "run", "x.csv")
    assert code == 2
    assert "rushlight train tecator --resume --out run" in err


def test_a_preparation_that_is_damaged_is_told(trained, call, here):
    trained("tecator", "--epochs", "1")
    (here / "run" / "preparation.json").write_text("{")
    code, _, err = call("evaluate", "run", "test")
    assert code == 2
    assert "preparation.json" in err
