"""safe_open: one array at a time, by the names of the safetensors library."""

import numpy as np
import pytest

import rushlight as rl
from rushlight import io
from rushlight.errors import DeviceError, DtypeError, FileFormatError
from rushlight.io import safe_open

ARRAYS = {
    "table": np.arange(24, dtype="float32").reshape(4, 3, 2),
    "flags": np.array([True, False, True]),
    "count": np.array(7, np.int64),
    "none": np.zeros((0, 5), np.float32),
    "wide": np.array([1, 2**63], np.uint64),
}


@pytest.fixture
def path(tmp_path):
    io.save_file(ARRAYS, tmp_path / "m.safetensors", {"who": "é"})
    return tmp_path / "m.safetensors"


@pytest.mark.parametrize("mmap", [None, True, False])
@pytest.mark.parametrize("framework", ["numpy", "np"])
def test_arrays(path, framework, mmap):
    with safe_open(path, framework, mmap=mmap) as file:
        assert sorted(file.keys()) == sorted(ARRAYS) and file.metadata() == {"who": "é"}
        for name, array in ARRAYS.items():
            found = file.get_tensor(name)
            assert (found.dtype, found.shape) == (array.dtype, array.shape)
            assert np.array_equal(found, array) and found.flags.writeable
            part = file.get_slice(name)
            assert part.get_shape() == list(array.shape)
        assert "table" in file and "x" not in file and len(file) == 5
        assert list(file) == file.keys() and "5 arrays" in repr(file)


def test_tensors(path):
    with safe_open(path) as file:
        table = file.get_tensor("table")
        assert isinstance(table, rl.Tensor) and table.dtype == rl.float32
        assert table.tolist() == ARRAYS["table"].tolist() and not table.requires_grad
        assert file.get_tensor("count").item() == 7
        with pytest.raises(DtypeError, match=r"'wide': got uint64.*safe_open\(path, 'numpy'\)"):
            file.get_tensor("wide")


INDEXES = {
    "all": ...,
    "row": 1,
    "last": -1,
    "rows": slice(1, 3),
    "steps": slice(None, None, 2),
    "turned": slice(None, None, -1),
    "cell": (1, 2, 0),
    "columns": (slice(None), slice(1, 2)),
    "dots": (..., 0),
    "new": (None, 1),
    "list": [0, 2],
    "nothing": slice(2, 2),
}


@pytest.mark.parametrize("mmap", [True, False])
@pytest.mark.parametrize("dtype", ["float32", "bool", "bfloat16", "int16"])
@pytest.mark.parametrize("index", INDEXES)
def test_slices(tmp_path, index, dtype, mmap):
    x = (np.arange(24) % 5).reshape(4, 3, 2).astype("float32" if dtype == "bfloat16" else dtype)
    written = "bfloat16" if dtype == "bfloat16" else None
    io.save_file({"x": x}, tmp_path / "x", dtype=written)
    with safe_open(tmp_path / "x", mmap=mmap) as file:
        part = file.get_slice("x")[INDEXES[index]]
        code = {"float32": "F32", "bool": "BOOL", "bfloat16": "BF16", "int16": "I16"}[dtype]
        assert file.get_slice("x").get_dtype() == code
    assert isinstance(part, rl.Tensor) and part.dtype == x.dtype
    assert part.tolist() == x[INDEXES[index]].tolist()
    part.numpy()


def test_slice_by_a_tensor_and_beyond_the_end(path):
    with safe_open(path) as file:
        part = file.get_slice("table")
        assert part[rl.tensor([3, 0])].tolist() == ARRAYS["table"][[3, 0]].tolist()
        with pytest.raises(IndexError, match="out of bounds"):
            part[4]


def test_what_was_read_outlives_the_closing(path):
    with safe_open(path, mmap=True) as file:
        x = file.get_tensor("table")
        part = file.get_slice("table")
    assert x.add_(1).sum().item() == 24 * 23 / 2 + 24
    for read in (lambda: file.get_tensor("table"), lambda: part[0]):
        with pytest.raises(ValueError, match="a read after it was closed"):
            read()
    file.close()
    assert "closed" in repr(file)


def test_without_a_block(path):
    file = safe_open(path)
    assert file.get_tensor("count").item() == 7
    file.close()


def test_unknown_names(path):
    with safe_open(path) as file:
        for read in (file.get_tensor, file.get_slice):
            with pytest.raises(
                KeyError, match=r"the name 'tabel', expected one of keys\(\): 'wide'"
            ):
                read("tabel")


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"framework": "pt"}, ValueError, "got 'pt', expected 'rushlight' or 'numpy'"),
        ({"device": "cuda:0"}, DeviceError, "got 'cuda:0'"),
        ({"filename": "missing"}, FileNotFoundError, "missing"),
    ],
)
def test_refused(path, options, error, text):
    with pytest.raises(error, match=text):
        safe_open(**{"filename": path, **options})


def test_damage_is_found_at_opening(path):
    content = path.read_bytes()
    for length in range(0, len(content), 5):  # each of them: test_safetensors.py
        path.write_bytes(content[:length])
        with pytest.raises(FileFormatError):
            safe_open(path)


def test_the_library_says_the_same(path):
    safetensors = pytest.importorskip("safetensors")
    with safetensors.safe_open(path, "np") as theirs, safe_open(path, "np") as ours:
        assert sorted(ours.keys()) == sorted(theirs.keys())
        assert ours.metadata() == theirs.metadata()
        for name in theirs.keys():  # noqa: SIM118 (it is no dict)
            np.testing.assert_array_equal(ours.get_tensor(name), theirs.get_tensor(name))
        for index in (slice(1, 3), (slice(None), slice(0, 2)), (..., 1)):
            mine, part = ours.get_slice("table"), theirs.get_slice("table")
            assert mine.get_shape() == part.get_shape() and mine.get_dtype() == part.get_dtype()
            np.testing.assert_array_equal(mine[index], part[index])
