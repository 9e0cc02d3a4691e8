"""`rushlight export`: the net of a run for use elsewhere."""

from __future__ import annotations

import inspect
import json

import numpy as np
import pytest

pytest.importorskip("typer")

import rushlight as rl
from rushlight.cli import run
from rushlight.serve.checking import imported


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """Return the folder of a run over a small table."""
    folder = tmp_path_factory.mktemp("runs")
    rng = np.random.default_rng(0)
    x = rng.standard_normal((60, 2))
    rows = [f"{a:.6f},{b:.6f},{a - b:.6f}" for a, b in x]
    table = folder / "table.csv"
    table.write_text("a,b,price\n" + "\n".join(rows) + "\n")
    out = folder / "run"
    code = run(["train", "regression", "--csv", str(table), "--targets", "price", "--epochs", "1",
                "--out", str(out)])  # fmt: skip
    assert code == 0
    return out


def test_numpy_folder_says_what_the_run_says(finished, tmp_path, capsys):
    capsys.readouterr()
    assert run(["export", str(finished), "--out", str(tmp_path / "served"), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["format"] == "numpy" and found["max_error"] <= 1e-6
    text = (tmp_path / "served" / "README.md").read_text()
    assert "1. a\n2. b\n" in text and "in their own units: price." in text
    rows = np.random.default_rng(1).normal(3.0, 2.0, (7, 2))
    table, out = tmp_path / "new.csv", tmp_path / "found.npy"
    table.write_text("a,b\n" + "\n".join(f"{a!r},{b!r}" for a, b in rows.tolist()) + "\n")
    assert run(["predict", str(finished), str(table), "--out", str(out)]) == 0
    y = imported(tmp_path / "served").predict(rows)  # in the units of the table, both
    np.testing.assert_allclose(y, np.load(out), rtol=1e-6, atol=1e-6)


def test_spectra_are_prepared_in_the_export(tmp_path):
    out, served, table = tmp_path / "run", tmp_path / "served", tmp_path / "new.csv"
    assert run(["train", "tecator", "--epochs", "1", "--no-curves", "--out", str(out)]) == 0
    assert run(["export", str(out), "--out", str(served), "--int8-weights-only"]) == 0
    spectra = np.random.default_rng(1).normal(3.0, 0.1, (5, 100)).cumsum(1)
    header = ",".join(f"nm{nm}" for nm in range(850, 1050, 2))
    np.savetxt(table, spectra, "%.17g", ",", header=header, comments="")
    assert run(["export", str(out), "--out", str(served), "--overwrite"]) == 0
    assert run(["predict", str(out), str(table), "--out", str(tmp_path / "y.npy")]) == 0
    y = imported(served).predict(spectra)
    np.testing.assert_allclose(y, np.load(tmp_path / "y.npy"), rtol=2e-6, atol=1e-6)
    assert "850 to 1048 nm" in (served / "README.md").read_text()


def test_int8_is_calibrated_by_training_data(finished, tmp_path, capsys):
    capsys.readouterr()
    arguments = ["--int8", "--samples", "20", "--out", str(tmp_path / "served")]
    assert run(["export", str(finished), *arguments]) == 0
    text = capsys.readouterr().out
    assert "int8 weights and activations" in text and "20 samples; mse" in text
    assert run(["export", str(finished), *arguments]) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert run(["export", str(finished), *arguments, "--overwrite", "--int8-weights-only"]) == 0
    assert "int8 weights of" in capsys.readouterr().out


def test_safetensors_has_the_weights(finished, tmp_path, capsys):
    path = tmp_path / "net.safetensors"
    assert run(["export", str(finished), "--format", "safetensors", "--out", str(path)]) == 0
    best, found = rl.load(finished / "best.safetensors"), rl.load(path)
    assert best.keys() == found.keys()
    for name, tensor in best.items():
        np.testing.assert_array_equal(found[name].numpy(), tensor.numpy())


@pytest.mark.skipif("format" not in inspect.signature(rl.save).parameters, reason="no .pt yet")
def test_pt_is_read_by_torch(finished, tmp_path):
    torch = pytest.importorskip("torch")
    path = tmp_path / "net.pt"
    assert run(["export", str(finished), "--format", "pt", "--out", str(path)]) == 0
    found = torch.load(path, weights_only=True)
    for name, tensor in rl.load(finished / "best.safetensors").items():
        np.testing.assert_array_equal(found[name].numpy(), tensor.numpy())


def test_onnx_says_what_the_run_says(finished, tmp_path, capsys):
    onnxruntime = pytest.importorskip("onnxruntime")
    if not hasattr(rl.onnx, "export"):
        pytest.skip("no ONNX export yet")
    path = tmp_path / "net.onnx"
    assert run(["export", str(finished), "--format", "onnx", "--out", str(path)]) == 0
    assert run(["export", str(finished), "--out", str(tmp_path / "served")]) == 0
    x = np.random.default_rng(0).standard_normal((5, 2)).astype(np.float32)
    session = onnxruntime.InferenceSession(str(path))
    (found,) = session.run(None, {"x": x})
    np.testing.assert_allclose(found, imported(tmp_path / "served").predict(x), atol=1e-5)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--format", "tflite", "--out", "x"], "--format: got 'tflite', expected one of numpy"),
        (["--format", "onnx", "--out", "x"], "expected a file .onnx; add the ending: x.onnx"),
        (["--format", "pt", "--int8", "--out", "x.pt"], "--int8: got --format pt"),
        (["--samples", "5", "--out", "x"], "--samples: got no --int8"),
        (["--out", "no/such/place"], "--out: got no folder"),
        ([], "Missing option '--out'"),
    ],
)
def test_mistakes_are_told_in_a_line(arguments, told, finished, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert run(["export", str(finished), *arguments]) == 2
    error = capsys.readouterr().err
    assert told in error and error.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_no_run_is_told(tmp_path, capsys):
    assert run(["export", str(tmp_path / "none"), "--out", str(tmp_path / "served")]) == 2
    assert "expected the folder of a run" in capsys.readouterr().err
