"""The safetensors format against the library, against damage and against malice."""

import contextlib
import io
import json
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from rushlight.errors import DtypeError, FileFormatError
from rushlight.io import load_bytes, load_file, save_bytes, save_file
from rushlight.io.mapped import Source
from rushlight.io.safetensors.reading import read_arrays

DTYPES = [
    "bool",
    *("uint8", "uint16", "uint32", "uint64"),
    *("int8", "int16", "int32", "int64"),
    *("float16", "float32", "float64"),
]


def sample():
    rng = np.random.default_rng(0)
    arrays = {f"x.{name}": rng.integers(0, 2, (2, 3)).astype(name) for name in DTYPES}
    arrays["scalar"] = np.array(2.5, np.float32)
    arrays["empty"] = np.zeros((0, 4), np.float64)
    arrays["unicode é ☃"] = np.array([np.nan, np.inf, -0.0], np.float32)
    return arrays


def assert_same(got, expected):
    assert got.keys() == expected.keys()
    for name, array in expected.items():
        assert got[name].dtype == array.dtype, name
        assert got[name].shape == array.shape, name
        assert got[name].tobytes() == array.tobytes(), name  # the bits, NaN and -0.0 included


def build(header, buffer=b"", pad=0):
    raw = header if isinstance(header, bytes) else json.dumps(header).encode()
    raw += b" " * pad
    return len(raw).to_bytes(8, "little") + raw + buffer


def entry(dtype="F32", shape=(1,), offsets=(0, 4), **more):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets), **more}


# ---- round trips


def test_round_trip(tmp_path):
    path = tmp_path / "a.safetensors"
    save_file(sample(), path, {"who": "é", "n": ""})
    arrays, metadata = load_file(path)
    assert_same(arrays, sample())
    assert metadata == {"who": "é", "n": ""}
    assert path.read_bytes() == save_bytes(sample(), {"n": "", "who": "é"})  # deterministic


def test_nothing_at_all():
    assert load_bytes(save_bytes({})) == ({}, {})


@pytest.mark.parametrize(
    "array",
    [
        np.arange(24.0).reshape(2, 3, 4).transpose(2, 0, 1),
        np.asfortranarray(np.arange(6, dtype="int16").reshape(2, 3)),
        np.arange(10, dtype="float32")[::-2],
        np.broadcast_to(np.float32(3), (2, 5)),
        np.arange(4, dtype=">f4"),
        np.arange(4, dtype=">i8")[::2],
    ],
    ids=["permuted", "fortran", "negative", "broadcast", "big-endian", "big-endian strided"],
)
def test_any_layout_is_written(array):
    loaded = load_bytes(save_bytes({"x": array}))[0]["x"]
    np.testing.assert_array_equal(loaded, array)
    assert loaded.dtype == array.dtype.newbyteorder("=")
    assert loaded.flags.c_contiguous and loaded.flags.writeable and loaded.flags.aligned


def test_arrays_own_their_memory():
    arrays, _ = load_bytes(save_bytes({"a": np.zeros(3), "b": np.zeros(3)}))
    arrays["a"] += 1
    assert arrays["b"].sum() == 0
    assert arrays["a"].base is None or arrays["a"].base.nbytes == 24


def test_header_is_aligned():
    for length in range(1, 20):
        content = save_bytes({"x" * length: np.ones(2, "float32")})
        assert int.from_bytes(content[:8], "little") % 8 == 0


@settings(max_examples=60, deadline=None)
@given(
    st.dictionaries(
        st.text(st.characters(exclude_categories=["Cs"]), max_size=8).filter(
            lambda name: name != "__metadata__"
        ),
        st.sampled_from(DTYPES).flatmap(
            lambda d: hnp.arrays(d, hnp.array_shapes(min_dims=0, max_dims=4, min_side=0))
        ),
        max_size=5,
    ),
    st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), st.just("v"), max_size=3),
)
def test_round_trip_of_anything(arrays, metadata):
    got, meta = load_bytes(save_bytes(arrays, metadata))
    assert_same(got, arrays)
    assert meta == metadata


# ---- the library as the oracle


def test_bytes_equal_the_library():
    oracle = pytest.importorskip("safetensors.numpy")
    assert save_bytes(sample()) == oracle.save(sample())
    assert save_bytes(sample(), {"a": 'é\n"\x7f\x00'}) == oracle.save(
        sample(), {"a": 'é\n"\x7f\x00'}
    )
    assert save_bytes({}) == oracle.save({})


def test_library_reads_ours_and_we_read_the_library(tmp_path):
    oracle = pytest.importorskip("safetensors.numpy")
    safetensors = pytest.importorskip("safetensors")
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    save_file(sample(), ours, {"k": "v"})
    oracle.save_file(sample(), theirs, {"k": "v"})
    assert_same(oracle.load_file(ours), sample())
    arrays, metadata = load_file(theirs)
    assert_same(arrays, sample())
    assert metadata == {"k": "v"}
    with safetensors.safe_open(ours, "np") as file:
        assert file.metadata() == {"k": "v"}


def test_bfloat16_is_read_as_float32(tmp_path):
    torch = pytest.importorskip("torch")
    oracle = pytest.importorskip("safetensors.torch")
    x = torch.tensor([[1.0, -2.5, 3.14159], [float("inf"), float("nan"), 1e-40]])
    oracle.save_file({"x": x.to(torch.bfloat16), "h": x.half()}, tmp_path / "x")
    arrays, _ = load_file(tmp_path / "x")
    assert arrays["x"].dtype == np.float32
    np.testing.assert_array_equal(arrays["x"], x.to(torch.bfloat16).float().numpy())
    np.testing.assert_array_equal(arrays["h"], x.half().numpy())


# ---- what cannot be written


@pytest.mark.parametrize(
    ("arrays", "metadata", "error", "text"),
    [
        ({"x": np.zeros(1, "complex64")}, None, DtypeError, "array 'x': got complex64"),
        ({"x": np.array([None])}, None, DtypeError, "got object"),
        ({"x": np.zeros(1, "longdouble")}, None, DtypeError, "convert it first"),
        ({"x": [1.0]}, None, TypeError, "'x': list.*rushlight.save"),
        ({3: np.zeros(1)}, None, TypeError, "3: ndarray"),
        ({"__metadata__": np.zeros(1)}, None, ValueError, "keeps this name"),
        ({"\ud800": np.zeros(1)}, None, ValueError, "lone surrogate"),
        ({}, {"a": 1}, TypeError, "'a': int"),
        ({}, {1: "a"}, TypeError, "1: str"),
    ],
)
def test_refused_content(tmp_path, arrays, metadata, error, text):
    with pytest.raises(error, match=text):
        save_file(arrays, tmp_path / "x", metadata)
    assert not list(tmp_path.iterdir())


# ---- damage


def small():
    return save_bytes(
        {"a": np.arange(3, dtype="float32"), "b": np.array([True, False]), "c": np.zeros((0, 2))},
        {"note": "n"},
    )


def test_truncation_at_every_byte(tmp_path):
    content = small()
    path = tmp_path / "x.safetensors"
    for length in range(len(content)):
        with pytest.raises(FileFormatError):
            load_bytes(content[:length])
    for length in (0, 7, 8, 40, len(content) - 1):  # and by way of a file, which the text names
        path.write_bytes(content[:length])
        with pytest.raises(FileFormatError, match=r"x\.safetensors.*truncated"):
            load_file(path)


def test_bytes_behind_the_end():
    with pytest.raises(FileFormatError, match="a buffer of 15 bytes, expected the 14 bytes"):
        load_bytes(small() + b"\0")


BAD = {
    "not json": (build(b"{]"), "no JSON"),
    "not an object": (build(b"[]"), "at its start"),
    "leading space": (build(b" {}"), "at its start"),
    "not UTF-8": (build(b'{"\xff":1}'), "no JSON"),
    "empty header": (build(b""), "at its start"),
    "deep": (build(b'{"a":' + b"[" * 200_000), "no JSON"),
    "endless digits": (build(b'{"a":' + b"9" * 10_000 + b"}"), "no JSON"),
    "duplicate": (
        build(b'{"a":%s,"a":%s}' % ((json.dumps(entry()).encode(),) * 2), bytes(4)),
        "'a' twice",
    ),
    "duplicate inside": (
        build(b'{"a":{"dtype":"F32","dtype":"F32","shape":[1],"data_offsets":[0,4]}}', bytes(4)),
        "'dtype' twice",
    ),
    "metadata list": (build({"__metadata__": []}), "__metadata__"),
    "metadata number": (build({"__metadata__": {"a": 1}}), "text: text"),
    "entry list": (build({"a": [1]}), "an object with dtype, shape and data_offsets"),
    "entry short": (build({"a": {"dtype": "F32"}}), "an object with dtype"),
    "entry long": (build({"a": entry(more=1)}, bytes(4)), "an object with dtype"),
    "dtype unknown": (build({"a": entry("F4")}, bytes(4)), "dtype 'F4', expected one of U64"),
    "dtype list": (build({"a": entry(["F32"])}, bytes(4)), "dtype"),
    "shape negative": (build({"a": entry(shape=(-1, -1))}, bytes(4)), r"\[-1, -1\]"),
    "shape float": (build({"a": entry(shape=(1.0,))}, bytes(4)), "shape"),
    "shape bool": (build({"a": entry(shape=(True,))}, bytes(4)), "shape"),
    "shape null": (build({"a": {**entry(), "shape": None}}, bytes(4)), "shape None"),
    "shape many": (build({"a": entry(shape=[1] * 65)}, bytes(4)), "a list of 65"),
    "shape vast": (build({"a": entry(shape=[2**62] * 64)}, bytes(4)), "beyond 2"),
    "shape wraps": (build({"a": entry(shape=[2**32, 2**32, 1])}, bytes(4)), "4 bytes"),
    "shape vast and empty": (build({"a": entry(shape=[2**70, 0], offsets=(0, 0))}), "NumPy can"),
    "offsets one": (build({"a": entry(offsets=(0,))}, bytes(4)), "two byte positions"),
    "offsets turned": (build({"a": entry(offsets=(4, 0))}, bytes(4)), "begin <= end"),
    "offsets negative": (build({"a": entry(offsets=(-4, 0))}, bytes(4)), "begin <= end"),
    "offsets outside": (build({"a": entry(offsets=(0, 4))}, bytes(3)), "buffer of 3 bytes"),
    "offsets far": (build({"a": entry(offsets=(2**60, 2**60 + 4))}, bytes(4)), "begins at"),
    "overlap": (build({"a": entry(), "b": entry()}, bytes(4)), "begins at byte 0"),
    "overlap in part": (build({"a": entry(), "b": entry(offsets=(2, 6))}, bytes(6)), "byte 4"),
    "gap": (build({"a": entry(), "b": entry(offsets=(5, 9))}, bytes(9)), "begins at byte 5"),
    "gap at the start": (build({"a": entry(offsets=(1, 5))}, bytes(5)), "begins at byte 1"),
    "size": (build({"a": entry(shape=(2,))}, bytes(4)), "4 bytes, expected 8 bytes for F32"),
    "bool of 2": (build({"a": entry("BOOL", (4,))}, b"\1\0\2\0"), "byte 2 among booleans"),
    "surrogate": (build(b'{"__metadata__":{"a":"\\ud800"}}'), "lone surrogate"),
    "length beyond": ((1000).to_bytes(8, "little") + b"{}", "header length of 1,000"),
    "length vast": (b"\xff" * 8 + b"{}", "header length of 18,446"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_file(name):
    content, text = BAD[name]
    with pytest.raises(FileFormatError, match=text) as caught:
        load_bytes(content)
    assert len(str(caught.value)) < 400


def test_header_cap(tmp_path):
    path = tmp_path / "vast"
    with open(path, "wb") as file:  # a sparse file: long enough for the header it claims
        file.write((100_000_001).to_bytes(8, "little"))
        file.truncate(100_000_100)
    with pytest.raises(FileFormatError, match="expected at most 100,000,000"):
        load_file(path)


def test_claims_cost_no_memory():
    vast = build({"a": entry("F64", (2**37,), (0, 2**40))}, bytes(64))
    tracemalloc.start()
    with pytest.raises(FileFormatError):
        load_bytes(vast)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1_000_000


def test_file_that_shrinks_while_it_is_read():
    content = small()
    with pytest.raises(FileFormatError, match=r"x: got .* bytes, expected .* at least.*shrank"):
        read_arrays(Source(io.BytesIO(content[:-4]), len(content), "x"))


def test_every_single_bit_flip():
    content = small()
    for position in range(len(content) * 8):
        raw = bytearray(content)
        raw[position // 8] ^= 1 << (position % 8)
        with contextlib.suppress(FileFormatError):
            load_bytes(bytes(raw))


def test_metadata_that_is_null_is_none():
    assert load_bytes(build({"__metadata__": None})) == ({}, {})
