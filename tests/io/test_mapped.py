"""Files of tensors as views of their mapping: what is shared, copied, compared, what it costs."""

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
from rushlight.io import mapped, sums
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


OLD = "dc3c6bc2667b7b992762a92310df210c87324e5bad69ef7e8b61303df6318720"
STATE = {
    "net": {"w": rl.arange(6.0).reshape(2, 3), "mask": rl.tensor([True, False])},
    "steps": rl.tensor(3),
    "none": rl.zeros(0, 2),
    "lr": 0.5,
}


@pytest.fixture
def saved(tmp_path, monkeypatch):
    monkeypatch.setattr(mapped, "SMALL", 0)
    rl.save(STATE, tmp_path / "state.safetensors")
    return tmp_path / "state.safetensors"


def changed(path, name):
    """Change the last byte of an array in a file."""
    with io.safe_open(path) as file:
        _, entries = file._files[str(path)]
    raw = bytearray(path.read_bytes())
    raw[entries[name].last - 1] ^= 1
    path.write_bytes(raw)


def test_checksums_of_a_mapped_file_are_compared_when_a_tensor_is_used(saved):
    changed(saved, "net.w")
    state = rl.load(saved)
    w = state["net"]["w"]
    assert (w.shape, w.dtype, state["lr"]) == ((2, 3), rl.float32, 0.5)
    assert state["net"]["mask"].tolist() == [True, False] and state["steps"].item() == 3
    assert state["none"].shape == (0, 2)
    layer = rl.nn.Linear(3, 2, bias=False)
    for use in (w.sum, w.clone, lambda: w + 1, lambda: repr(w), lambda: w[0], w.numpy, w.detach):
        with pytest.raises(FileFormatError, match=r"'net.w': got .* altered after it was saved"):
            use()
    with pytest.raises(FileFormatError, match="altered"):
        layer.load_state_dict({"weight": w})
    with pytest.raises(FileFormatError, match="altered"):
        rl.save(state, saved.with_name("other.safetensors"))
    with pytest.raises(FileFormatError, match=r"'net.w': got .* altered"):
        rl.load(saved, mmap=False)
    unchecked = rl.load(saved, mmap=True)["net"]["w"]
    assert is_mapped(unchecked.numpy()) and unchecked[1, 1].item() == 4


def test_sound_tensors_of_a_mapped_file_are_ordinary_once_they_are_used(saved):
    state = rl.load(saved)
    w = state["net"]["w"]
    assert type(w) is not rl.Tensor and isinstance(w, rl.Tensor)
    assert w.tolist() == STATE["net"]["w"].tolist() and type(w) is rl.Tensor
    assert is_mapped(w.numpy())
    w.add_(1)
    assert rl.load(saved)["net"]["w"].tolist() == STATE["net"]["w"].tolist()


def test_what_takes_the_place_of_values_that_were_never_read(saved):
    w = rl.load(saved)["net"]["w"]
    w.data = rl.zeros(2)
    assert (w.shape, repr(w)) == ((2,), "tensor([0., 0.])") and type(w) is rl.Tensor


@pytest.mark.parametrize("mmap", [None, True, False])
@pytest.mark.parametrize(
    ("old", "new"), [(b"0.5", b"0.7"), (b'"I64"', b'"F64"'), (b"[2,3]", b"[3,2]")]
)
def test_a_changed_header_is_found_at_once(saved, mmap, old, new):
    raw = saved.read_bytes()
    assert raw.count(old) == 1
    saved.write_bytes(raw.replace(old, new))
    with pytest.raises(FileFormatError, match=r"header: got .* altered after it was saved"):
        rl.load(saved, mmap=mmap)


def test_sums_that_do_not_fit(saved):
    arrays, metadata = io.load_file(saved)
    for text in ("", metadata["rushlight.sums"] + " 0", metadata["rushlight.sums"][:-33], "\ud7ff"):
        io.save_file(arrays, saved, {**metadata, "rushlight.sums": text})
        with pytest.raises(FileFormatError, match=r"header: got .* remove 'rushlight.sums'"):
            rl.load(saved)


def test_arrays_of_a_mapped_file_are_compared_at_once(saved):
    for dtype in ("float32", "uint32"):
        rl.save({"a": np.ones(3, dtype), "t": rl.ones(2)}, saved)
        loaded = rl.load(saved)
        assert type(loaded["a"]) is np.ndarray and loaded["a"].tolist() == [1, 1, 1]
        changed(saved, "a")
        with pytest.raises(FileFormatError, match=r"'a': got .* altered"):
            rl.load(saved)


def test_files_with_one_checksum_of_everything(tmp_path, monkeypatch):
    """As versions before wrote them; the sum was made by such a version."""
    path = tmp_path / "old.safetensors"
    metadata = {
        "rushlight.state": '{"dict":[["w",{"tensor":"w"}],["n",3]]}',
        "rushlight.sha256": OLD,
    }
    for content in (np.arange(3, dtype="float32"), np.zeros(3, "float32")):
        io.save_file({"w": content}, path, metadata)
        for small in (0, mapped.SMALL):
            monkeypatch.setattr(mapped, "SMALL", small)
            if content.any():
                state = rl.load(path)
                assert state["n"] == 3 and not is_mapped(state["w"].numpy())
            else:
                with pytest.raises(FileFormatError, match="altered after it was saved"):
                    rl.load(path)
                assert rl.load(path, mmap=True)["w"].tolist() == [0, 0, 0]


@pytest.mark.parametrize("shift", [0, 1])
def test_nothing_of_a_mapped_file_is_converted_before_it_is_used(tmp_path, shift):
    path = tmp_path / "x"
    arrays = {"shift": ("U8", np.zeros(shift, "u1")), "f": ("F64", np.array([1.5, 2.5]))}
    path.write_bytes(content({**arrays, "b": ("BOOL", np.array([2], "u1"))}))
    state = rl.load(path, mmap=True)
    assert (type(state["f"]) is rl.Tensor) == (not shift)
    assert state["f"].tolist() == [1.5, 2.5]
    with pytest.raises(FileFormatError, match="'b': got the byte 2 among booleans"):
        state["b"].any()


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
        x = file.get_slice("layer.7")[:100]
assert float(x.sum()) == 0
print(held() - before)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="asks Linux what is held")
@pytest.mark.parametrize(
    ("how", "code"),
    [("load", "F32"), ("load", "BF16"), ("load_file", "F32"), ("slice", "BF16")],
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
    if how == "load" and code == "F32":  # as `save` writes it, without the time that takes
        kinds = {name: (code, tuple(entry["shape"])) for name, entry in header.items()}
        stated = [sums._sum(np.zeros(each // 4, "<f4"))] * 120
        text = " ".join([sums._outer(kinds, stated, ""), *stated])
        header["__metadata__"] = {"rushlight.sums": text}
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
