"""bfloat16 in files: every pattern of its bits, and rounding as torch and ml_dtypes do it."""

import numpy as np
import pytest

from rushlight.errors import DtypeError
from rushlight.io import load_bytes, load_file, save_bytes, save_file
from rushlight.io.bfloat16 import narrow, widen
from rushlight.tensor import from_numpy

ALL = np.arange(2**16, dtype=np.uint16)


def stored(array, dtype="bfloat16"):
    """Return the bits that a file of bfloat16 holds."""
    content = save_bytes({"x": array}, dtype=dtype)
    length = int.from_bytes(content[:8], "little")
    return np.frombuffer(content[8 + length :], "<u2").reshape(np.shape(array))


def around():
    """Return float32 values at, just below and just above all halves between two bfloat16."""
    rng = np.random.default_rng(0)
    low = np.concatenate([[0, 1, 0x7FFF, 0x8000, 0x8001, 0xFFFF], rng.integers(0, 2**16, 10)])
    return (ALL.astype(np.uint32)[:, None] << 16 | low.astype(np.uint32)).view(np.float32)


def test_all_patterns_come_back():
    assert np.array_equal(narrow(widen(ALL)), ALL)
    assert np.array_equal(stored(widen(ALL)), ALL)


def test_read_exactly():
    ml_dtypes = pytest.importorskip("ml_dtypes")
    theirs = ALL.view(ml_dtypes.bfloat16).astype(np.float32)
    finite = ~np.isnan(theirs)
    assert np.array_equal(widen(ALL)[finite], theirs[finite])
    assert np.isnan(widen(ALL)[~finite]).all()


def test_rounding():
    ml_dtypes = pytest.importorskip("ml_dtypes")
    x = around()
    with np.errstate(all="ignore"):
        theirs = x.astype(ml_dtypes.bfloat16).view(np.uint16)
    nan = np.isnan(x)
    assert np.array_equal(narrow(x)[~nan], theirs[~nan])
    kept = narrow(x)[nan]
    assert np.isnan(widen(kept)).all()
    assert np.array_equal(kept >> 15, np.signbit(x[nan]))


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_rounding_is_that_of_torch(dtype):
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    with np.errstate(all="ignore"):
        x = (rng.standard_normal(4000) * 10.0 ** rng.integers(-45, 45, 4000)).astype(dtype)
    x = np.concatenate([x, np.array([0, -0.0, np.inf, -np.inf, np.nan], dtype)])
    theirs = torch.from_numpy(x).to(torch.bfloat16).float().numpy()
    np.testing.assert_array_equal(widen(narrow(x)), theirs)
    number = ~np.isnan(theirs)  # of nan torch keeps the sign on some paths only
    assert np.array_equal(np.signbit(widen(narrow(x)))[number], np.signbit(theirs)[number])


def test_ties_go_to_even():
    x = np.array([1 + 2**-8, 1 + 3 * 2**-8, 3.4e38, -3.4e38], np.float32)
    np.testing.assert_array_equal(widen(narrow(x)), [1, 1 + 2**-6, np.inf, -np.inf])


@pytest.mark.parametrize("shape", [(), (0, 3), (4,), (2, 3, 4)])
def test_layouts(shape, tmp_path):
    x = np.arange(np.prod(shape, dtype=int), dtype=np.float32).reshape(shape)
    save_file({"x": x.T, "t": from_numpy(x)}, tmp_path / "x", dtype={"x": "bfloat16"})
    arrays, _ = load_file(tmp_path / "x")
    np.testing.assert_array_equal(arrays["x"], x.T)
    np.testing.assert_array_equal(arrays["t"], x)


def test_which_arrays():
    arrays = {"w": np.ones(3, np.float32), "h": np.ones(1, np.float16), "n": np.arange(2)}
    every, one = save_bytes(arrays, dtype="bfloat16"), save_bytes(arrays, dtype={"w": "bfloat16"})
    assert every.count(b"BF16") == 2 and b"I64" in every  # integers are left as they are
    assert one.count(b"BF16") == 1 and b"F16" in one.replace(b"BF16", b"")
    assert load_bytes(one)[0]["w"].tolist() == [1, 1, 1]
    assert save_bytes(arrays) == save_bytes(arrays, dtype={}) == save_bytes(arrays, dtype=None)


@pytest.mark.parametrize(
    ("dtype", "error", "text"),
    [
        ({"n": "bfloat16"}, DtypeError, r"array 'n': got int64, expected a float; leave it out"),
        ({"z": "bfloat16"}, ValueError, "dtype: got the name 'z', expected names of arrays"),
        ({"w": "float16"}, ValueError, "dtype: got 'float16', expected 'bfloat16'.*astype"),
        ("float32", ValueError, "got 'float32'"),
        (np.float32, ValueError, "expected 'bfloat16'"),
    ],
)
def test_refused(dtype, error, text):
    with pytest.raises(error, match=text):
        save_bytes({"w": np.ones(1, np.float32), "n": np.arange(1)}, dtype=dtype)


def test_bytes_equal_the_library():
    torch = pytest.importorskip("torch")
    oracle = pytest.importorskip("safetensors.torch")
    x = {"w": np.linspace(-3, 3, 7, dtype="float32"), "n": np.arange(3), "u": np.uint8([1])}
    theirs = {"w": torch.from_numpy(x["w"]).bfloat16(), "n": torch.arange(3), "u": torch.ones(1)}
    theirs["u"] = theirs["u"].to(torch.uint8)
    assert save_bytes(x, {"a": "b"}, dtype={"w": "bfloat16"}) == oracle.save(theirs, {"a": "b"})


def test_arrays_of_ml_dtypes():
    ml_dtypes = pytest.importorskip("ml_dtypes")
    x = np.array([1, -2.5, np.inf], ml_dtypes.bfloat16)
    assert np.array_equal(load_bytes(save_bytes({"x": x}))[0]["x"], x.astype(np.float32))
    assert np.array_equal(stored(x[::-1], None), x[::-1].view(np.uint16))
    with pytest.raises(DtypeError, match="float8"):
        save_bytes({"x": np.ones(1, ml_dtypes.float8_e5m2)})
