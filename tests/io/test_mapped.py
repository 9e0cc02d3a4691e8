"""Files of tensors as views of their mapping: what is shared, what is copied, what it costs."""

import gc
import json
import os
import subprocess
import sys

import numpy as np
import pytest

import rushlight as rl
from rushlight import io
from rushlight.errors import FileFormatError
from rushlight.io import mapped
from rushlight.io.mapped import Source


def content(arrays):
    """Return a file with these (code, array) in this order: aligned or not, as it comes."""
    header, buffer = {}, b""
    for name, (code, array) in arrays.items():
        offsets = [len(buffer), len(buffer) + array.nbytes]
        header[name] = {"dtype": code, "shape": list(array.shape), "data_offsets": offsets}
        buffer += array.tobytes()
    raw = json.dumps(header).encode()
    raw += b" " * (-len(raw) % 8)
    return len(raw).to_bytes(8, "little") + raw + buffer


@pytest.fixture
def path(tmp_path):
    io.save_file({"w": np.arange(6, dtype="float32").reshape(2, 3)}, tmp_path / "m.safetensors")
    return tmp_path / "m.safetensors"


def is_mapped(array):
    """Tell whether an array is a view of a mapping."""
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array.base is not None


# ---- which are mapped


def test_by_size_or_as_asked(path, monkeypatch):
    assert not is_mapped(io.load_file(path)[0]["w"])
    assert is_mapped(io.load_file(path, mmap=True)[0]["w"])
    monkeypatch.setattr(mapped, "SMALL", path.stat().st_size)
    assert not is_mapped(io.load_file(path)[0]["w"])
    monkeypatch.setattr(mapped, "SMALL", path.stat().st_size - 1)
    assert is_mapped(io.load_file(path)[0]["w"])
    assert not is_mapped(io.load_file(path, mmap=False)[0]["w"])


def test_copies_where_they_must_be(tmp_path):
    path = tmp_path / "x"
    arrays = {
        "flags": ("BOOL", np.array([True, False, True])),
        "off": ("F64", np.array([1.5, 2.5])),  # at byte 3: not aligned
        "half": ("BF16", np.array([0x3F80], np.uint16)),
        "bytes": ("U8", np.array([1, 2, 3], np.uint8)),
    }
    path.write_bytes(content(arrays))
    found, _ = io.load_file(path, mmap=True)
    assert {name: is_mapped(array) for name, array in found.items()} == {
        "flags": False,
        "off": False,
        "half": False,
        "bytes": True,
    }
    assert found["off"].tolist() == [1.5, 2.5] and found["half"].tolist() == [1]
    assert all(array.flags.aligned and array.flags.writeable for array in found.values())


def test_bad_booleans_are_found_in_a_mapping(tmp_path):
    path = tmp_path / "x"
    raw = bytearray(content({"ok": ("U8", np.zeros(1, "u1")), "b": ("BOOL", np.ones(3, bool))}))
    raw[-1] = 7
    path.write_bytes(raw)
    with pytest.raises(FileFormatError, match="'b': got the byte 7 among booleans"):
        io.load_file(path, mmap=True)
    with io.safe_open(path, mmap=True) as file:
        assert file.get_tensor("ok").tolist() == [0]
        assert file.get_slice("b")[:2].tolist() == [True, True]
        with pytest.raises(FileFormatError, match="among booleans"):
            file.get_tensor("b")


# ---- what reaches the arrays, and what reaches the file


def test_writes_stay_in_memory(path):
    before = path.read_bytes()
    state = rl.load(path, mmap=True)
    state["w"].add_(10)
    again, _ = io.load_file(path, mmap=True)
    assert state["w"].sum().item() == 75 and again["w"].sum() == 15
    del state
    gc.collect()
    assert path.read_bytes() == before


@pytest.mark.skipif(os.name == "nt", reason="Windows keeps mapped files from being replaced")
def test_replacing_the_file_leaves_the_arrays(path):
    arrays, _ = io.load_file(path, mmap=True)
    with io.safe_open(path, mmap=True) as file:
        io.save_file({"w": arrays["w"] * 2, "v": arrays["w"]}, path)  # of itself, onto itself
        assert file.keys() == ["w"]
        assert file.get_tensor("w").tolist() == [[0, 1, 2], [3, 4, 5]]
    path.unlink()
    gc.collect()
    assert arrays["w"].tolist() == [[0, 1, 2], [3, 4, 5]]


def test_a_failed_write_leaves_the_mapped_file(path):
    arrays, _ = io.load_file(path, mmap=True)
    with pytest.raises(TypeError):
        io.save_file({"w": arrays["w"], "bad": object()}, path)
    assert io.load_file(path)[0]["w"].tolist() == arrays["w"].tolist()


def test_copies_outlive_truncation(path):
    arrays, _ = io.load_file(path, mmap=False)
    opened = io.safe_open(path, mmap=False)
    with open(path, "r+b") as file:
        file.truncate(80)
    assert arrays["w"].sum() == 15
    with opened, pytest.raises(FileFormatError, match="shrank while it was read"):
        opened.get_tensor("w")


def test_checksum_is_compared_unless_mapping_is_asked_for(tmp_path, monkeypatch):
    path = tmp_path / "state.safetensors"
    rl.save({"w": rl.ones(4), "step": 3}, path)
    path.write_bytes(path.read_bytes()[:-1] + b"\x40")
    monkeypatch.setattr(mapped, "SMALL", 0)
    for mmap in (None, False):
        with pytest.raises(FileFormatError, match="altered after it was saved"):
            rl.load(path, mmap=mmap)
    state = rl.load(path, mmap=True)
    assert state["step"] == 3 and is_mapped(state["w"].numpy())
    rl.save({"w": rl.ones(4)}, path)
    assert not is_mapped(rl.load(path)["w"].numpy())  # what was compared cannot change


def test_mapped_tensors_train_and_load(path):
    state = rl.load(path, mmap=True)
    layer = rl.nn.Linear(3, 2, bias=False)
    layer.load_state_dict({"weight": state["w"]})
    w = state["w"].requires_grad_()
    optimizer = rl.optim.SGD([w], lr=0.1)
    (w * w).sum().backward()
    optimizer.step()
    np.testing.assert_allclose(w.detach().numpy(), layer.weight.detach().numpy() * 0.8, rtol=1e-6)


def test_bfloat16_is_converted_when_it_is_used(tmp_path):
    values = {"w": np.arange(6, dtype="float32").reshape(2, 3), "b": np.ones((), "float32")}
    values["none"] = np.zeros((0, 2), "float32")
    io.save_file(values, tmp_path / "x.safetensors", dtype="bfloat16")
    (tmp_path / "shards").mkdir()
    io.save_sharded(values, tmp_path / "shards", max_shard_size=8, dtype="bfloat16")
    for path in (tmp_path / "x.safetensors", tmp_path / "shards"):
        state = rl.load(path, mmap=True)
        w = state["w"]
        assert type(w) is not rl.Tensor and isinstance(w, rl.Tensor)
        assert (w.shape, w.dtype) == ((2, 3), rl.float32) and type(w) is not rl.Tensor
        layer = rl.nn.Linear(3, 2, bias=False)
        layer.load_state_dict({"weight": w})
        assert type(w) is rl.Tensor and layer.weight.tolist() == values["w"].tolist()
        assert {n: t.numpy().tolist() for n, t in state.items()} == {
            name: array.tolist() for name, array in values.items()
        }
        assert type(rl.load(path)["w"]) is rl.Tensor  # small, and therefore read


def test_bfloat16_where_a_checksum_or_a_structure_stands(tmp_path):
    half = {"w": np.ones(2, "float32")}
    tree = json.dumps({"dict": [["a", {"array": "w"}]]})
    io.save_file(half, tmp_path / "x", {"rushlight.state": tree}, dtype="bfloat16")
    assert type(rl.load(tmp_path / "x", mmap=True)["a"]) is np.ndarray
    io.save_file(half, tmp_path / "x", {"rushlight.sha256": "0"}, dtype="bfloat16")
    assert rl.load(tmp_path / "x", mmap=True)["w"].tolist() == [1, 1]
    with pytest.raises(FileFormatError, match="SHA-256"):
        rl.load(tmp_path / "x")


# ---- sources


def test_a_file_that_cannot_be_mapped_is_read(path, monkeypatch):
    def refuse(*_, **__):
        raise OSError(19, "No such device")

    monkeypatch.setattr(mapped.mmaps, "mmap", refuse)
    monkeypatch.setattr(mapped, "SMALL", 0)
    assert io.load_file(path)[0]["w"].sum() == 15
    with pytest.raises(OSError, match="No such device"):
        io.load_file(path, mmap=True)


def test_a_file_that_shrinks_before_it_is_mapped(path):
    size = path.stat().st_size
    with open(path, "rb") as file:
        source = Source(file, size + 10_000, "x", True)
        assert not source.mapped
        with pytest.raises(FileFormatError, match="shrank"):
            source.view(size, size + 10)


def test_empty_file(tmp_path):
    (tmp_path / "x").write_bytes(b"")
    for mmap in (None, True, False):
        with pytest.raises(FileFormatError, match="got 0 bytes, expected at least 8"):
            io.load_file(tmp_path / "x", mmap=mmap)


# ---- what it costs

PROGRAM = """
import sys
import rushlight as rl
def held():
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmHWM")) >> 10
rl.io.load_file
path, how = sys.argv[1:]
before = held()
if how == "load":
    x = rl.load(path)["layer.7"]
elif how == "load_file":
    x = rl.io.load_file(path)[0]["layer.7"]
else:
    with rl.io.safe_open(path) as file:
        x = file.get_tensor("layer.7") if how == "tensor" else file.get_slice("layer.7")[:100]
assert float(x.sum()) == 0
print(held() - before)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="asks Linux what is held")
@pytest.mark.parametrize(
    ("how", "code"),
    [
        ("load", "F32"),
        ("load", "BF16"),
        ("load_file", "F32"),
        ("tensor", "BF16"),
        ("slice", "BF16"),
    ],
)
def test_one_tensor_of_500_mb(tmp_path, how, code):
    path = tmp_path / "large.safetensors"
    width = 2 if code == "BF16" else 4
    each = 1024 * 1024 * 4
    header = {
        f"layer.{i}": {
            "dtype": code,
            "shape": [1024, each // 1024 // width],
            "data_offsets": [i * each, (i + 1) * each],
        }
        for i in range(120)
    }
    raw = json.dumps(header).encode()
    raw += b" " * (-len(raw) % 8)
    with open(path, "wb") as file:  # zeros that no disk holds
        file.write(len(raw).to_bytes(8, "little") + raw)
        file.truncate(8 + len(raw) + 120 * each)
    run = [sys.executable, "-c", PROGRAM, str(path), how]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(run, capture_output=True, text=True, env=env, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 50
