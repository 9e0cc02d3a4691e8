"""Files that Rushlight writes in torch's format: read by torch, by zip tools, and read back."""

import io
import sys
import tracemalloc
import zipfile
from collections import Counter, OrderedDict, namedtuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rushlight as rl

DTYPES = ["float16", "float32", "float64", "bool", "uint8", "int8", "int16", "int32", "int64"]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.pt"


def values(dtype):
    return (np.arange(24).reshape(2, 3, 4) % 5).astype(dtype)


def layouts(dtype):
    x = values(dtype)
    return {
        "plain": x,
        "transposed": x.T,
        "fortran": np.asfortranarray(x),
        "backwards": x[::-1, :, ::-1],
        "gaps": x[:, ::2, 1:],
        "repeated": np.broadcast_to(x[:1, :1], (5, 3, 4)),
        "number": x[1, 2, 3],
        "empty": x[:0],
    }


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_dtype_and_layout(path, dtype):
    state = {name: rl.from_numpy(np.asarray(array)) for name, array in layouts(dtype).items()}
    rl.save(state, path)
    for found in (rl.load(path), rl.load(path, mmap=True)):
        assert list(found) == list(state)
        for name, tensor in state.items():
            assert found[name].dtype == tensor.dtype, name
            np.testing.assert_array_equal(found[name].numpy(), tensor.numpy(), name, strict=True)


@pytest.mark.parametrize("mmap", [False, True])
def test_torch_reads_it(path, mmap):
    torch = pytest.importorskip("torch")
    state = {
        dtype: {name: rl.from_numpy(np.asarray(array)) for name, array in layouts(dtype).items()}
        for dtype in DTYPES
    }
    rl.save(state, path)
    found = torch.load(path, weights_only=True, mmap=mmap)
    for dtype, tensors in state.items():
        for name, tensor in tensors.items():
            theirs = found[dtype][name].numpy()
            np.testing.assert_array_equal(theirs, tensor.numpy(), f"{dtype} {name}", strict=True)


def everything():
    weight = rl.nn.Parameter(rl.arange(4.0).reshape(2, 2))
    return OrderedDict(
        state={"w": weight, "again": weight, "row": weight.detach()[1], "frozen": frozen()},
        grad=rl.ones(2, requires_grad=True),
        numbers=[0, 255, 256, 65535, 65536, -1, 2**31, -(2**31), -(2**31) - 1, 2**70, 1.5, -0.0],
        rest=(None, True, False, "é ☃\ud800", "", b"\x00\xff", 1 - 2j, {1, "a"}, Counter("aab")),
        numpy=[np.float32(0.5), np.int8(3), np.bool_(True)],
        keys={1: "int", 2.5: "float", None: "none", False: "bool", "": "empty"},
        dtype=rl.float64,
        tuples=((), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4)),
    )


def frozen():
    return rl.nn.Parameter(rl.ones(1), requires_grad=False)


def test_everything_comes_back(path):
    state = everything()
    rl.save(state, path)
    found = rl.load(path)
    assert type(found) is OrderedDict
    for key in ("numbers", "rest", "keys", "dtype", "tuples"):
        assert repr(found[key]) == repr(state[key]) and type(found[key]) is type(state[key])
    assert repr(found["numpy"]) == "[0.5, 3, True]"
    weights = found["state"]
    assert weights["w"] is weights["again"]
    assert type(weights["w"]) is type(weights["frozen"]) is rl.nn.Parameter
    assert [w.requires_grad for w in (weights["w"], weights["row"], weights["frozen"])] == [
        *(True, False, False)
    ]
    assert found["grad"].requires_grad and type(found["grad"]) is rl.Tensor
    weights["w"].data.zero_()
    assert weights["row"].tolist() == [0.0, 0.0]


def test_torch_reads_everything(path):
    torch = pytest.importorskip("torch")
    state = everything()
    rl.save(state, path)
    found = torch.load(path, weights_only=True)
    assert type(found) is OrderedDict
    for key in ("numbers", "rest", "keys", "tuples"):
        assert repr(found[key]) == repr(state[key]), key
    assert found["dtype"] is torch.float64 and found["numpy"] == [0.5, 3, True]
    weights = found["state"]
    assert weights["w"] is weights["again"] and type(weights["w"]) is torch.nn.Parameter
    assert weights["row"].data_ptr() == weights["w"].data_ptr() + 8
    assert not weights["frozen"].requires_grad and found["grad"].requires_grad


@pytest.mark.parametrize("name", ["a.pt", "a.pth", "A.PT", "a.ckpt", "a.bin", "a.pth.tar"])
def test_endings_of_torchs_format(tmp_path, name):
    rl.save({"x": rl.ones(2)}, tmp_path / name)
    assert (tmp_path / name).read_bytes().startswith(b"PK")


def test_the_format_may_be_given(tmp_path):
    rl.save({"x": rl.ones(2)}, tmp_path / "a", format="torch")
    rl.save({"x": rl.ones(2)}, tmp_path / "b.pt", format="safetensors")
    assert (tmp_path / "a").read_bytes().startswith(b"PK")
    assert rl.io.load_file(tmp_path / "b.pt")[0]["x"].tolist() == [1.0, 1.0]
    assert rl.load(tmp_path / "a")["x"].tolist() == rl.load(tmp_path / "b.pt")["x"].tolist()
    with pytest.raises(ValueError, match="got format='pickle', expected 'torch', 'safetensors'"):
        rl.save({}, tmp_path / "c", format="pickle")


def test_arrays_come_back_as_tensors(path):
    rl.save([np.arange(3), np.zeros((2, 2), ">f4")], path)
    found = rl.load(path)
    assert [type(x) for x in found] == [rl.Tensor, rl.Tensor]
    assert found[0].tolist() == [0, 1, 2] and found[1].dtype == rl.float32


def test_versions_of_modules_are_kept(path):
    state = OrderedDict(w=rl.ones(1))
    state._metadata = OrderedDict({"": {"version": 2}})
    rl.save(state, path)
    assert rl.load(path)._metadata == state._metadata


def test_the_same_object_gives_the_same_bytes(tmp_path):
    for name in ("a.pt", "b.pt"):
        rl.save(everything(), tmp_path / name)
    rl.save(rl.load(tmp_path / "a.pt"), tmp_path / "c.pt")
    a, b, c = ((tmp_path / name).read_bytes() for name in ("a.pt", "b.pt", "c.pt"))
    assert a == b
    assert c == (tmp_path / "a.pt").read_bytes()


def test_memory_is_written_once_and_no_more_than_is_needed(path):
    x = rl.arange(1000, dtype=rl.int64)
    state = {"whole": x, "part": x[10:20], "again": x.reshape(10, 100).transpose(0, 1)}
    rl.save(state, path)
    assert path.stat().st_size < 8000 + 4000
    rl.save({"part": x[10:20], "columns": x.reshape(100, 10)[:, ::5]}, path)
    with zipfile.ZipFile(path) as archive:
        sizes = [i.file_size for i in archive.infolist() if "/data/" in i.filename]
    assert sizes == [7968]  # they overlap: one storage, from the first byte to the last
    rl.save({"columns": x.reshape(100, 10)[:, ::5]}, path)  # alone: without the gaps
    with zipfile.ZipFile(path) as archive:
        assert [i.file_size for i in archive.infolist() if "/data/" in i.filename] == [1600]


def test_one_memory_of_two_dtypes_is_written_twice(path):
    x = np.arange(4, dtype=np.int32)
    rl.save({"a": rl.from_numpy(x), "b": rl.from_numpy(x.view(np.float32))}, path)
    found = rl.load(path)
    assert found["a"].tolist() == [0, 1, 2, 3] and found["b"].dtype == rl.float32


def test_tensors_are_not_copied(path):
    state = {str(i): rl.zeros(1 << 18) for i in range(8)}  # 8 MB
    rl.save(state, path)
    tracemalloc.start()
    try:
        rl.save(state, path)
        assert tracemalloc.get_traced_memory()[1] < 1 << 18
    finally:
        tracemalloc.stop()


def test_the_archive_is_sound(path):
    rl.save({"x": rl.ones(3), "y": rl.ones(5)}, path)
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        assert archive.read("archive/byteorder").decode() == sys.byteorder
        assert archive.read("archive/version") == b"3\n"
        content = path.read_bytes()
        for info in archive.infolist():
            names, extra = content[info.header_offset + 26 : info.header_offset + 30 : 2]
            assert (info.header_offset + 30 + names + extra) % 64 == 0


def test_lengths_beyond_four_gigabytes(monkeypatch):
    from rushlight.io.torch_file import archive, writing

    monkeypatch.setattr(writing, "_WIDE", 100)  # so that 200 bytes are many
    monkeypatch.setattr(archive, "_WIDE", 100)
    file = io.BytesIO()
    made = writing._Writer(file)
    made.add("data.pkl", b"x" * 10)
    made.add("data/0", b"y" * 200)
    made.close()
    content = file.getvalue().replace(b"d" * 0, b"")
    monkeypatch.setattr(archive, "_WIDE", 100)
    found = archive.Archive(as_content(content))
    assert found.bytes_of("data/0").tobytes() == b"y" * 200
    assert found.bytes_of("data.pkl").tobytes() == b"x" * 10


def as_content(raw):
    from rushlight.io.torch_file.content import Content

    return Content(np.frombuffer(bytearray(raw), np.uint8), "file.pt", False)


# ---- what is refused


Point = namedtuple("Point", "x y")


class Thing:
    """Something of somebody's own."""


def looped():
    state = {}
    state["self"] = [state]
    return state


def deep():
    state = []
    for _ in range(200):
        state = [state]
    return state


@pytest.mark.parametrize(
    ("state", "text"),
    [
        ({"a": [1, {"b": Thing()}]}, r"save, at a\.1\.b: got Thing, expected a Tensor, Parameter"),
        ({"a": Point(1, 2)}, "at a: got Point"),
        ({"a": np.zeros(2, np.uint16)}, "at a: got an array of uint16"),
        ({"a": np.zeros(2, np.complex64)}, "at a: got an array of complex64"),
        ({"a": np.array(["s"])}, "at a: got an array of <U1"),
        ({"a": np.dtype("uint16")}, "at a: got the dtype uint16"),
        ({"a": {(1, 2): 3}}, "a key of a: got tuple"),
        ({"a": {1 << 70: 3}}, "a key of a: got an integer beyond"),
        ({"a": 1 << 3000}, "at a: got an integer of 3,001 bits"),
        (looped(), r"at self\.0: got a value that contains itself"),
        (deep(), "got more levels, expected at most 100"),
        (lambda: 0, "at the top: got function"),
    ],
)
def test_refused_values_are_named(path, state, text):
    path.write_bytes(b"old")
    with pytest.raises(TypeError, match=text):
        rl.save(state, path)
    assert path.read_bytes() == b"old"


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError, match="create the folder first"):
        rl.save({}, tmp_path / "nowhere" / "a.pt")


# ---- anything


keys = st.one_of(st.text(max_size=4), st.integers(-(2**63), 2**63 - 1), st.booleans(), st.none())
leaves = st.one_of(
    *(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5)),
    *(st.binary(max_size=5), st.complex_numbers()),
    st.lists(st.integers(0, 3), max_size=3).map(lambda shape: rl.ones(*shape)),
)
trees = st.recursive(
    leaves,
    lambda below: st.one_of(
        st.lists(below, max_size=3),
        st.lists(below, max_size=4).map(tuple),
        st.dictionaries(keys, below, max_size=3),
        st.dictionaries(keys, below, max_size=3).map(OrderedDict),
    ),
    max_leaves=8,
)


@settings(max_examples=60, deadline=None)
@given(trees)
def test_anything_comes_back(tmp_path_factory, state):
    path = tmp_path_factory.mktemp("s") / "x.pt"
    rl.save(state, path)
    assert repr(rl.load(path)) == repr(state)
