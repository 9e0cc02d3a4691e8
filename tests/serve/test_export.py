"""The exported folder as a user has it: alone with NumPy, checked, refused where it is wrong."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest

import rushlight as rl
from rushlight import nn
from rushlight.graph import RecordError
from rushlight.serve import ExportError, export
from rushlight.serve.checking import ask, imported

_PROGRAM = """
import sys
sys.path[:0] = [{numpy!r}, {folder!r}]
import numpy as np
import model
output = model.predict(np.load({folder!r} + "/example_input_0.npy"))
assert np.array_equal(output, np.load({folder!r} + "/example_output_0.npy"))
for name in ("rushlight", "scipy", "torch"):
    assert name not in sys.modules, name
print("alone")
"""


def net() -> nn.Module:
    """Return a small net with all that folding meets, its statistics not the initial ones."""
    rl.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1, bias=False),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(4, 4, 3, groups=2),
        nn.BatchNorm2d(4),
        nn.GELU(),
        nn.Flatten(),
        nn.Linear(16, 5),
        nn.LogSoftmax(dim=1),
    )
    model.train()
    for _ in range(3):
        model(rl.randn(8, 1, 8, 8) * 2 + 1)
    return model.eval()


def alone(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Python without site-packages, user packages or environment."""
    return subprocess.run(
        [sys.executable, "-I", "-S", *arguments],
        capture_output=True, text=True, timeout=120, env={"PATH": os.defpath},
    )  # fmt: skip


def test_runs_where_only_numpy_is_at_hand(tmp_path):
    folder = tmp_path / "served"
    export(net(), rl.randn(4, 1, 8, 8), folder)
    only = tmp_path / "packages"
    only.mkdir()
    source = pathlib.Path(np.__file__).parent
    for path in (source, source.parent / "numpy.libs"):
        if path.exists():
            (only / path.name).symlink_to(path)
    done = alone("-c", _PROGRAM.format(numpy=str(only), folder=str(folder)))
    assert done.stdout == "alone\n", done.stderr


def test_batch_norm_is_folded_and_weights_bear_the_layers_names(tmp_path):
    report = export(net(), rl.randn(4, 1, 8, 8), tmp_path / "served")
    arrays, _ = rl.io.load_file(tmp_path / "served" / "weights.safetensors")
    assert set(arrays) == {"0.weight", "0.bias", "4.weight", "4.bias", "8.weight", "8.bias"}
    code = (tmp_path / "served" / "model.py").read_text()
    assert "batch_norm" not in code and "relu=True" in code
    assert report.max_error <= 1e-6 and len(report.checked) == 5
    assert report.checked[-1] == "a batch of 1"


def test_any_batch_gives_what_the_model_gives(tmp_path):
    model = net()
    export(model, rl.randn(4, 1, 8, 8), tmp_path / "served")
    served = imported(tmp_path / "served")
    for n in (1, 2, 33):
        x = np.random.default_rng(n).standard_normal((n, 1, 8, 8)).astype(np.float32)
        np.testing.assert_allclose(
            served.predict(x), model(rl.tensor(x)).numpy(force=True), atol=1e-6
        )
    assert served.predict(np.zeros((0, 1, 8, 8), np.float32)).shape == (0, 5)


def test_several_inputs_and_outputs(tmp_path):
    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            self.gate = nn.Linear(3, 3)

        def forward(self, left, right):
            joined = self.gate(left) * right
            return {"sum": joined + left, "parts": (joined, right.sum(dim=1))}

    model, given = Two(), (rl.randn(4, 3), rl.randn(4, 3))
    export(model, given, tmp_path / "served")
    served, wanted = imported(tmp_path / "served"), model(*given)
    found = served.predict(*(g.numpy() for g in given))
    np.testing.assert_allclose(found["sum"], wanted["sum"].numpy(force=True), atol=1e-6)
    np.testing.assert_allclose(found["parts"][1], wanted["parts"][1].numpy(force=True), atol=1e-6)


def test_two_results_that_the_next_call_reads_have_two_names(tmp_path):
    class Halves(nn.Module):
        def forward(self, x):
            left, right = x.chunk(2, dim=1)
            return left - right

    x = rl.randn(4, 6)
    export(Halves(), x, tmp_path / "served")
    found = imported(tmp_path / "served").predict(x.numpy())
    np.testing.assert_array_equal(found, (x[:, :3] - x[:, 3:]).numpy())


def test_command_and_check(tmp_path):
    folder = tmp_path / "served"
    export(nn.Linear(3, 2), rl.randn(4, 3), folder)
    x = np.ones((7, 3), np.float32)
    np.save(tmp_path / "x.npy", x)

    def run(*arguments):
        return subprocess.run(
            [sys.executable, str(folder / "model.py"), *map(str, arguments)],
            capture_output=True, text=True, timeout=120,
        )  # fmt: skip

    assert run(tmp_path / "x.npy", tmp_path / "y.npy").returncode == 0
    assert np.load(tmp_path / "y.npy").shape == (7, 2)
    assert run("--check").stdout.startswith("ok: the largest error is 0")
    assert run().returncode == 2
    np.save(tmp_path / "x.npy", x[:, :2])
    done = run(tmp_path / "x.npy", tmp_path / "z.npy")
    assert done.returncode == 1 and "got shape (7, 2), expected (batch, 3)" in done.stderr
    assert not (tmp_path / "z.npy").exists()
    stored = np.load(folder / "example_output_0.npy")
    np.save(folder / "example_output_0.npy", stored + 1)
    assert run("--check").returncode == 1
    np.save(folder / "example_output_0.npy", stored)
    np.save(folder / "example_input_0.npy", np.full((4, 3), np.nan, np.float32))
    done = run("--check")  # NaN is far from everything
    assert done.returncode == 1 and done.stdout.startswith("FAILED: the largest error is inf")


def test_wrong_inputs_are_refused(tmp_path):
    export(nn.Linear(3, 2), rl.randn(4, 3), tmp_path / "served")
    predict = imported(tmp_path / "served").predict
    with pytest.raises(TypeError, match="got int64, expected float32"):
        predict(np.ones((2, 3), np.int64))
    with pytest.raises(ValueError, match=r"got shape \(3,\), expected \(batch, 3\)"):
        predict(np.ones(3, np.float32))
    assert predict(np.ones((2, 3))).dtype == np.float32


def test_a_row_that_is_not_there_is_refused(tmp_path):
    export(nn.Embedding(5, 2), rl.tensor([[0, 4], [1, 2]]), tmp_path / "served")
    predict = imported(tmp_path / "served").predict
    for row in (-1, 5):
        with pytest.raises(IndexError, match=f"got row {row}, expected 0 to 4"):
            predict(np.array([[0, row]]))


@pytest.mark.parametrize("size", [0, 5, 8, 60, -1])
def test_damaged_weights_are_refused(size, tmp_path):
    export(nn.Linear(3, 2), rl.randn(4, 3), tmp_path / "served")
    path = tmp_path / "served" / "weights.safetensors"
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(ValueError, match=r"weights\.safetensors"):
        imported(tmp_path / "served")


@pytest.mark.parametrize("int8", [False, True])
def test_weights_with_any_byte_cut_off_or_a_damaged_header_are_refused(int8, tmp_path):
    x = rl.randn(4, 3)
    export(nn.Linear(3, 2), x, tmp_path / "served", int8=[x] if int8 else None)
    path = tmp_path / "served" / "weights.safetensors"
    whole = path.read_bytes()
    header = 8 + int.from_bytes(whole[:8], "little")
    cut = [whole[:i] for i in range(len(whole))]
    flipped = [whole[:i] + bytes([whole[i] ^ 1]) + whole[i + 1 :] for i in range(header)]
    for content in (*cut, *flipped):
        path.unlink()  # the one before may still be mapped
        path.write_bytes(content)
        with pytest.raises(
            ValueError, match=r"weights\.safetensors: (its header|it ends|\d+ bytes)"
        ):
            imported(tmp_path / "served")


def test_weights_of_another_export_are_refused(tmp_path):
    for name in ("a", "b"):
        export(nn.Linear(3, 2), rl.randn(4, 3), tmp_path / name)
    path = tmp_path / "a" / "weights.safetensors"
    path.write_bytes((tmp_path / "b" / "weights.safetensors").read_bytes())
    with pytest.raises(ValueError, match=r"belongs to another model\.py"):
        imported(tmp_path / "a")


def test_all_that_cannot_be_served_is_named_at_once(tmp_path):
    class Special(nn.Module):
        def forward(self, x):
            return rl.lgamma(x) + rl.erfinv(x)

    model = nn.Sequential(nn.Linear(3, 3), Special())
    with pytest.raises(ExportError, match=r"2 that it cannot.*lgamma in 1.*erfinv in 1"):
        export(model, rl.rand(4, 3), tmp_path / "served")
    assert list(tmp_path.iterdir()) == []


def test_a_branch_on_the_elements_is_refused(tmp_path):
    class Branch(nn.Module):
        def forward(self, x):
            return x if x.sum() > 0 else -x

    with pytest.raises(RecordError, match=r"bool(__)?\(\)"):
        export(Branch(), rl.ones(4, 3), tmp_path / "served")
    assert list(tmp_path.iterdir()) == []


def test_an_existing_folder_is_refused_unless_it_is_an_export(tmp_path):
    folder = tmp_path / "served"
    export(nn.Linear(3, 2), rl.randn(4, 3), folder)
    before = (folder / "model.py").read_text()
    with pytest.raises(FileExistsError, match="an earlier export"):
        export(nn.Linear(3, 2), rl.randn(4, 3), folder)
    assert (folder / "model.py").read_text() == before
    export(nn.Linear(3, 4), rl.randn(4, 3), folder, overwrite=True)
    assert imported(folder).predict(np.ones((1, 3), np.float32)).shape == (1, 4)
    (folder / "app.py").write_text("import model")
    with pytest.raises(FileExistsError, match=r"with other files in it: app\.py.*move them"):
        export(nn.Linear(3, 4), rl.randn(4, 3), folder, overwrite=True)
    assert (folder / "app.py").exists()
    (tmp_path / "mine").mkdir()
    with pytest.raises(FileExistsError, match="no export"):
        export(nn.Linear(3, 4), rl.randn(4, 3), tmp_path / "mine", overwrite=True)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["mine", "served"]


def test_a_wrong_result_is_not_written(tmp_path, monkeypatch):
    model, right = nn.Linear(3, 2), ask
    monkeypatch.setattr(
        sys.modules["rushlight.serve.export"], "ask", lambda *a: [y + 1e-3 for y in right(*a)]
    )
    with pytest.raises(ExportError, match=r"an error of 0\.00\d+ on the example, expected at most"):
        export(model, rl.randn(4, 3), tmp_path / "served")
    assert list(tmp_path.iterdir()) == []


def test_the_model_is_not_changed(tmp_path):
    model = net().train()
    before = {name: t.numpy(force=True).copy() for name, t in model.state_dict().items()}
    export(model, rl.randn(4, 1, 8, 8), tmp_path / "served")
    assert model.training and model[1].training
    for name, t in model.state_dict().items():
        np.testing.assert_array_equal(t.numpy(force=True), before[name])


# ---- int8


def test_int8_is_a_quarter_and_tells_what_it_changes(tmp_path):
    rl.manual_seed(0)
    model = nn.Sequential(nn.Linear(64, 256), nn.ReLU(), nn.Linear(256, 10))
    data = [(rl.randn(32, 64), rl.tensor(np.arange(32) % 10)) for _ in range(4)]
    plain = export(model, data[0][0], tmp_path / "plain")
    report = export(model, data[0][0], tmp_path / "small", int8=data)
    small = report.files["weights.safetensors"] / plain.files["weights.safetensors"]
    assert small < 0.3
    found = report.int8
    assert found is not None and found.layers == 2 and found.samples == 128
    assert 0 < found.mean_error < found.max_error < 0.1
    assert found.figure == "accuracy" and found.before is not None and found.after is not None
    arrays, _ = rl.io.load_file(tmp_path / "small" / "weights.safetensors")
    assert arrays["0.weight"].dtype == np.int8 and arrays["0.weight.scale"].shape == (256, 1)


def test_int8_is_what_integer_arithmetic_gives(tmp_path):
    rl.manual_seed(0)
    model = nn.Linear(16, 4)
    x = rl.randn(64, 16)
    export(model, x, tmp_path / "served", int8=[x])
    served = imported(tmp_path / "served")
    arrays, _ = rl.io.load_file(tmp_path / "served" / "weights.safetensors")
    w, scale = arrays["weight"].astype(np.int64), arrays["weight.scale"]
    a = x.numpy()
    low, high = min(a.min(), 0.0), max(a.max(), 0.0)
    step = np.float32((high - low) / 255)
    zero = round(-low / float(step))
    q = np.clip(np.rint(a / step) + zero, 0, 255).astype(np.int64)
    whole = (q - zero) @ w.T  # int64: exact
    wanted = whole * (step * scale.T) + model.bias.numpy(force=True)
    np.testing.assert_allclose(served.predict(a), wanted, rtol=1e-5, atol=1e-5)


def test_int8_of_convolutions_and_of_weights_alone(tmp_path):
    model, x = net(), rl.randn(16, 1, 8, 8)
    report = export(model, x, tmp_path / "served", int8=[x], int8_activations=False)
    assert report.int8 is not None and not report.int8.activations and report.int8.layers == 3
    assert report.int8.same_class is not None and report.int8.same_class > 0.8
    assert "on_grid" not in (tmp_path / "served" / "model.py").read_text()
    clipped = export(model, x, tmp_path / "clipped", int8=[x], percentile=99.0)
    assert clipped.int8 is not None and clipped.int8.activations


def test_int8_wants_samples_and_layers(tmp_path):
    with pytest.raises(ExportError, match="no samples"):
        export(nn.Linear(3, 2), rl.randn(4, 3), tmp_path / "served", int8=[])
    with pytest.raises(ExportError, match="linear layers or convolutions"):
        export(nn.ReLU(), rl.randn(4, 3), tmp_path / "served", int8=[rl.randn(4, 3)])
    with pytest.raises(TypeError, match="an item of 3 arrays"):
        x = rl.randn(4, 3)
        export(nn.Linear(3, 2), x, tmp_path / "served", int8=[(x, x, x)])
