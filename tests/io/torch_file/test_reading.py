"""Files that torch wrote, of every format, read as torch reads them."""

import pathlib
import sys
from collections import Counter, OrderedDict, defaultdict

import numpy as np
import pytest

import rushlight as rl
from rushlight.errors import DeviceError, FileFormatError
from rushlight.io.torch_file.storage import Unread

torch = pytest.importorskip("torch")

FORMATS = {
    "zip": {},
    "zip, protocol 5": {"pickle_protocol": 5},
    "zip, protocol 1": {"pickle_protocol": 1},
    "stream": {"_use_new_zipfile_serialization": False},
    "stream, protocol 4": {"_use_new_zipfile_serialization": False, "pickle_protocol": 4},
    "stream, protocol 1": {"_use_new_zipfile_serialization": False, "pickle_protocol": 1},
}
DTYPES = ["float16", "float32", "float64", "bfloat16", "bool", "uint8"]
DTYPES += ["int8", "int16", "int32", "int64"]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.pt"


@pytest.fixture(params=FORMATS)
def round_trip(request, path):
    """Return a function that takes an object from torch to Rushlight."""

    def take(value, **options):
        torch.save(value, path, **FORMATS[request.param])
        return rl.load(path, **options)

    return take


def values(dtype):
    made = torch.arange(24).reshape(2, 3, 4) % 7
    return (made % 2 == 0) if dtype == "bool" else (made.to(getattr(torch, dtype)) - 3)


def assert_equal(mine, theirs):
    assert mine.shape == tuple(theirs.shape)
    if theirs.numel():
        assert mine.stride() == theirs.stride()
    wide = theirs.float() if theirs.dtype == torch.bfloat16 else theirs
    assert str(mine.dtype) == str(wide.dtype).removeprefix("torch.")
    assert mine.requires_grad == theirs.requires_grad
    np.testing.assert_array_equal(mine.detach().numpy(), wide.detach().numpy())


@pytest.mark.parametrize("mmap", [None, True, False])
@pytest.mark.parametrize("dtype", DTYPES)
def test_every_dtype_and_layout(round_trip, dtype, mmap):
    x = values(dtype)
    state = {
        "x": x,
        "transposed": x.transpose(0, 2),
        "part": x[1:, ::2, 1:],
        "expanded": x[:1, 0, :1].expand(3, 5),
        "number": x[1, 2, 3],
        "one": x[1, 2, 3].clone(),
        "empty": torch.zeros(0, 3, dtype=x.dtype),
        "channels last": values(dtype)[None].contiguous(memory_format=torch.channels_last),
    }
    found = round_trip(state, mmap=mmap)
    assert list(found) == list(state)
    for name, theirs in state.items():
        assert_equal(found[name], theirs)


def test_shared_storages_stay_shared(round_trip, path):
    x = torch.arange(6.0)
    tied = torch.nn.Parameter(torch.ones(2))
    found = round_trip({"x": x, "x again": x, "part": x.reshape(2, 3)[:, 1:], "t": [tied, tied]})
    assert found["x"] is found["x again"]
    before = path.read_bytes()
    found["x"].numpy()[1] = 70.0
    assert found["part"].tolist() == [[70.0, 2.0], [4.0, 5.0]]
    found["part"].add_(1)
    assert found["x"].tolist() == [0.0, 71.0, 3.0, 3.0, 5.0, 6.0]
    assert found["t"][0] is found["t"][1]
    assert path.read_bytes() == before


@pytest.mark.parametrize("dtype", ["bfloat16", "bool"])
def test_shared_storages_that_are_converted_stay_shared(round_trip, dtype):
    x = torch.ones(4).to(getattr(torch, dtype))
    found = round_trip({"x": x, "part": x[2:]})
    assert isinstance(found["x"], Unread)
    found["x"].zero_()
    assert found["part"].tolist() == [0, 0]
    assert type(found["x"]) is type(found["part"]) is rl.Tensor


def test_shape_and_dtype_are_known_before_a_tensor_is_read(path):
    torch.save({"x": torch.ones(2, 3).bfloat16()}, path)
    x = rl.load(path)["x"]
    assert (x.shape, x.dtype, x.ndim, x.requires_grad) == ((2, 3), rl.float32, 2, False)
    assert "_array" not in vars(x)
    assert isinstance(x, rl.Tensor) and "_array" not in vars(x)
    assert (x + 1).tolist() == [[2.0] * 3] * 2
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = rl.load(path)["x"].nothing


@pytest.mark.parametrize("use", ["deepcopy", "pickle", "repr", "requires_grad", "data"])
def test_whatever_is_done_first_with_a_tensor_that_is_not_read(path, use):
    import copy
    import pickle

    theirs = torch.tensor([1.5, -2.0]).bfloat16()
    torch.save({"x": theirs, "p": torch.nn.Parameter(theirs)}, path)
    for name, x in rl.load(path).items():
        if use == "deepcopy":
            x = copy.deepcopy(x)
        elif use == "pickle":
            x = pickle.loads(pickle.dumps(x))
        elif use == "repr":
            assert "1.5" in repr(x)
        elif use == "requires_grad":
            x.requires_grad = True
        else:
            x.data = rl.tensor([1.5, -2.0])
        assert x.tolist() == [1.5, -2.0]
        assert x.shape == (2,) and x.dtype == rl.float32
        assert isinstance(x, rl.nn.Parameter) == (name == "p")
        assert use == "data" or type(x) in (rl.Tensor, rl.nn.Parameter)


def test_containers_numbers_and_text(round_trip):
    state = {
        "ordered": OrderedDict([("b", 1), ("a", 2)]),
        "counter": Counter({3: 2}),
        "default": defaultdict(list, {"a": [1]}),
        "set": {1, "a"},
        "numbers": [0, 255, 256, 65536, -1, -(2**31), 2**31, 2**70, -(2**70), 1.5, -0.0],
        "tuples": ((), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4)),
        "more": [None, True, False, "é ☃", "", b"bytes", bytearray(b"ab"), 1 - 2j],
        1: {2.5: {None: {True: "keys"}}},
        ("a", 1): "tuple",
    }
    found = round_trip(state)
    assert found == state
    assert [type(found[key]) for key in found] == [type(state[key]) for key in state]
    assert repr(found["numbers"]) == repr(state["numbers"])
    assert [type(item) for item in found["more"]] == [type(item) for item in state["more"]]
    found["default"]["new"].append(1)


def test_what_torch_has_and_we_have_otherwise(round_trip):
    state = {"size": torch.Size([2, 3]), "cuda": torch.device("cuda:1"), "cpu": torch.device("cpu")}
    state |= {"dtype": torch.float32, "flag": torch.bool}
    found = round_trip(state)
    assert found["size"] == (2, 3) and found["cuda"] == "cuda:1" and found["cpu"] == "cpu"
    assert found["dtype"] is rl.float32 and found["flag"] == rl.bool


def test_numpy_values(round_trip):
    array = np.asfortranarray(np.arange(6, dtype=">i4").reshape(2, 3))
    state = {"best": np.float64(0.5), "count": np.int16(-3), "yes": np.bool_(True), "a": array}
    found = round_trip(state | {"empty": np.zeros((0, 3))})
    assert [type(found[key]) for key in ("best", "count", "yes")] == [float, int, bool]
    assert (found["best"], found["count"], found["yes"]) == (0.5, -3, True)
    assert found["a"].tolist() == array.tolist() and found["a"].dtype.str[1:] == "i4"
    assert found["empty"].shape == (0, 3)


def test_parameters_and_gradients(round_trip):
    p, x = torch.nn.Parameter(torch.ones(2)), torch.ones(2, requires_grad=True)
    frozen = torch.nn.Parameter(torch.ones(2), requires_grad=False)
    found = round_trip({"p": p, "f": frozen, "x": x})
    assert [isinstance(v, rl.nn.Parameter) for v in found.values()] == [True, True, False]
    assert [value.requires_grad for value in found.values()] == [True, False, True]
    (found["p"] * found["x"]).sum().backward()
    assert found["p"].grad.tolist() == [1.0, 1.0]


def test_attributes_of_tensors_are_left_out(round_trip):
    x, p = torch.ones(2), torch.nn.Parameter(torch.zeros(2))
    x.note = p.note = "a note"
    found = round_trip({"x": x, "p": p})
    assert found["x"].tolist() == [1.0, 1.0] and not hasattr(found["x"], "note")
    assert isinstance(found["p"], rl.nn.Parameter) and not hasattr(found["p"], "note")


def test_versions_of_modules_come_along(round_trip):
    net = torch.nn.Sequential(torch.nn.BatchNorm1d(2))
    found = round_trip({"model": net.state_dict()})["model"]
    assert type(found) is OrderedDict and found._metadata == net.state_dict()._metadata
    mine = rl.nn.Sequential(rl.nn.BatchNorm1d(2))
    assert not any(mine.load_state_dict(found))


def test_a_tensor_or_a_list_alone(round_trip):
    assert round_trip(torch.arange(3)).tolist() == [0, 1, 2]
    assert round_trip([1, torch.ones(())])[1].item() == 1.0
    assert round_trip(5) == 5


def test_the_other_byte_order(path):
    from tests.io.torch_file.building import archive, storage, tensor

    swapped = np.arange(6, dtype=">f4" if sys.byteorder == "little" else "<f4").tobytes()
    order = {"little": b"big", "big": b"little"}[sys.byteorder]
    path.write_bytes(archive({"x": tensor()}, {"byteorder": order, "data/0": swapped}))
    for mmap in (True, False):
        assert rl.load(path, mmap=mmap)["x"].tolist() == [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]]
    half = np.array([1.5, -2.0], ">f4").view(">u2")[::2].copy().tobytes()
    value = {"x": tensor(storage("BFloat16", count=2), 0, (2,), (1,))}
    path.write_bytes(archive(value, {"byteorder": b"big", "data/0": half}))
    assert rl.load(path)["x"].tolist() == [1.5, -2.0]


def test_files_without_checksums(path):
    before = torch.serialization.get_crc32_options()
    torch.serialization.set_crc32_options(False)
    try:
        torch.save({"x": torch.ones(3)}, path)
    finally:
        torch.serialization.set_crc32_options(before)
    assert rl.load(path, mmap=False)["x"].tolist() == [1.0] * 3


def test_a_tar_archive_as_torch_reads_it(path):
    from tests.io.torch_file.building import plain_tar

    path.write_bytes(plain_tar())
    mine, theirs = rl.load(path), torch.load(path, weights_only=False)
    assert_equal(mine["state"]["w"], theirs["state"]["w"])
    assert_equal(mine["v"], theirs["v"])
    mine["v"].zero_()
    assert mine["state"]["w"].tolist() == [[0.0, 1.0, 0.0], [0.0, 0.0, 0.0]]


def test_map_location(path):
    torch.save({"x": torch.ones(2)}, path)
    for place in (None, "cpu", torch.device("cpu"), {"cuda:0": "cpu"}, lambda s, where: s):
        assert rl.load(path, map_location=place)["x"].tolist() == [1.0, 1.0]
    for place in ("cuda", {"cpu": "cuda:1"}):
        with pytest.raises(DeviceError, match="got 'cuda"):
            rl.load(path, map_location=place)


def test_a_mapped_file_may_be_replaced(path):
    rl.save({"x": rl.arange(1000.0)}, path)
    x = rl.load(path, mmap=True)["x"]
    rl.save({"x": rl.zeros(5)}, path)
    assert x.tolist() == list(range(1000))
    path.unlink()
    assert x.sum().item() == 499500.0


def test_writing_to_a_mapped_tensor_leaves_the_file(path):
    rl.save({"x": rl.arange(4.0)}, path)
    before = path.read_bytes()
    x = rl.load(path, mmap=True)["x"]
    x.mul_(-1)
    assert x.tolist() == [-0.0, -1.0, -2.0, -3.0] and path.read_bytes() == before


# ---- what is not read


class Model(torch.nn.Module):
    """A module of somebody's own."""


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (
            {"a": {"w": torch.ones(2) + 1j}},
            r"at a\.w: got a complex64 tensor, expected a",
        ),
        ({"w": torch.ones(2).to(torch.float8_e4m3fn)}, "at w: got a float8_e4m3fn tensor"),
        ({"w": torch.ones(2).to(torch.uint16)}, "at w: got a uint16 tensor"),
        ({"w": torch.ones(2).to_sparse()}, "at w: got a sparse tensor"),
        ({"w": torch.ones(2, device="meta")}, r"at w: got a meta \(without values\) tensor"),
        ({"a": [1, torch.bfloat16]}, r"at a\.1: got the dtype bfloat16, expected one"),
        ({"net": Model()}, "the name '.*Model' at net, expected a name of tensors .*state dict"),
        ({"path": pathlib.PurePosixPath("a")}, "the name 'pathlib.* at path"),
    ],
)
def test_what_is_refused_is_named(path, value, text):
    torch.save(value, path)
    for options in ({}, {"weights_only": False}):
        with pytest.raises(FileFormatError, match=text):
            rl.load(path, **options)


def test_torchscript_is_explained(path):
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.save(torch.jit.script(torch.nn.Identity()), path)
    with pytest.raises(FileFormatError, match=r"a TorchScript program.*torch\.jit\.load"):
        rl.load(path)
