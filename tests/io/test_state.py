"""save and load: state dicts come back exactly, and damage is found."""

import json
import math
import pickle
from collections import OrderedDict, namedtuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from rushlight import io
from rushlight.errors import DeviceError, FileFormatError
from rushlight.tensor import Tensor, from_numpy


def tensor(*shape, dtype="float32"):
    return from_numpy(np.arange(math.prod(shape)).reshape(shape).astype(dtype))


def assert_same(got, expected, place="state"):
    assert type(got) is type(expected), place
    if isinstance(expected, Tensor):
        got, expected = got.numpy(), expected.detach().numpy()
    if isinstance(expected, np.ndarray):
        assert (got.dtype, got.shape) == (expected.dtype, expected.shape), place
        assert got.tobytes() == expected.tobytes(), place
    elif isinstance(expected, dict):
        assert_same(list(got), list(expected), f"keys of {place}")  # their order and types too
        for key in expected:
            assert_same(got[key], expected[key], f"{place}.{key}")
    elif isinstance(expected, list | tuple):
        assert len(got) == len(expected), place
        for i, (a, b) in enumerate(zip(got, expected, strict=True)):
            assert_same(a, b, f"{place}.{i}")
    elif isinstance(expected, float):
        assert repr(got) == repr(expected), place
    else:
        assert got == expected, place


@pytest.fixture
def path(tmp_path):
    return tmp_path / "state.safetensors"


def round_trip(state, path):
    io.save(state, path)
    return io.load(path)


NESTED = {
    "state": {
        0: {"step": 3, "exp_avg": tensor(2, 3), "max": tensor(2, 3, dtype="float64")},
        1: {"step": tensor(), "momentum_buffer": None},
        "1": {"step": 2**80, "exp_avg": tensor(0, 4)},
    },
    "param_groups": [
        {"lr": 1e-3, "betas": (0.9, 0.999), "eps": 1e-8, "params": [0, 1], "amsgrad": False},
        {"lr": math.inf, "low": -math.inf, "none": math.nan, "zero": -0.0, "empty": [(), {}, []]},
    ],
    "rng": {"state": np.arange(4, dtype=np.uint64), "spawn_key": (), "entropy": 2**127 - 1},
    "weights": OrderedDict([("b", tensor(2)), ("a", tensor(2, dtype="int64"))]),
    "best": {"é ☃": "text\n\ud800", True: 1, None: 2.0, 1.5: "half", "": ""},
    "mask": tensor(3, dtype="bool"),
    "half": np.array([1.5, np.nan], np.float16),
}


def test_nested_state_comes_back_exactly(path):
    assert_same(round_trip(NESTED, path), NESTED)


def test_type_of_the_whole(path):
    for state in ({}, OrderedDict(), OrderedDict(z=tensor(1), a=tensor(2))):
        assert_same(round_trip(state, path), state)


def test_numpy_scalars_become_python_scalars(path):
    state = {"a": np.float32(0.5), "b": np.int16(3), "c": np.bool_(True), "d": np.float64("nan")}
    assert_same(round_trip(state, path), {"a": 0.5, "b": 3, "c": True, "d": math.nan})


def test_loaded_values_are_free(path):
    state = round_trip({"a": tensor(3), "b": np.zeros(3)}, path)
    state["b"] += 1
    state["a"].numpy()[0] = 7.0
    assert not state["a"].requires_grad
    assert_same(io.load(path), {"a": tensor(3), "b": np.zeros(3)})


def test_values_of_a_tensor_that_requires_grad(path):
    x = tensor(2, 2)
    x.requires_grad_()
    assert_same(round_trip({"x": x}, path), {"x": tensor(2, 2)})


def test_arguments_that_torch_scripts_pass(path):
    io.save({"a": tensor(2)}, path)
    for options in ({"map_location": "cpu"}, {"weights_only": True}, {"weights_only": False}):
        assert_same(io.load(path, **options), {"a": tensor(2)})
    with pytest.raises(DeviceError, match="got 'cuda', expected 'cpu'"):
        io.load(path, "cuda")


def test_names_that_read_alike(path):
    state = {"a": {"b": tensor(1)}, "a.b": tensor(2), "a.b#1": tensor(3), "__metadata__": tensor(4)}
    assert_same(round_trip(state, path), state)


keys = st.one_of(st.text(max_size=4), st.integers(), st.booleans(), st.none())
arrays = hnp.arrays(
    st.sampled_from([np.dtype(d) for d in ("float32", "int64", "bool", "float16")]),
    hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3),
)
leaves = st.one_of(
    *(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5)),
    *(arrays, arrays.map(from_numpy)),
)
trees = st.recursive(
    leaves,
    lambda below: st.one_of(
        st.lists(below, max_size=3),
        st.lists(below, max_size=3).map(tuple),
        st.dictionaries(keys, below, max_size=3),
        st.dictionaries(keys, below, max_size=3).map(OrderedDict),
    ),
    max_leaves=8,
)


@settings(max_examples=40, deadline=None)
@given(st.dictionaries(keys, trees, max_size=3))
def test_anything_comes_back(tmp_path_factory, state):
    # Where text cannot be a name of the format, save says so; else it is exact.
    path = tmp_path_factory.mktemp("s") / "x"
    try:
        io.save(state, path)
    except ValueError as error:
        assert "lone surrogate" in str(error)
        return
    assert_same(io.load(path), state)


# ---- files of other tools, and ours for them


def test_flat_state_is_an_ordinary_file(path):
    oracle = pytest.importorskip("safetensors.numpy")
    state = OrderedDict(weight=tensor(3, 2), bias=tensor(3), count=tensor(dtype="int64"))
    io.save(state, path)
    arrays = oracle.load_file(path)
    assert set(arrays) == set(state)
    for name, value in state.items():
        np.testing.assert_array_equal(arrays[name], value.numpy())
    assert io.load_file(path)[1]["format"] == "pt"


def test_files_of_the_library_load_as_tensors(path):
    oracle = pytest.importorskip("safetensors.numpy")
    oracle.save_file({"w": np.ones((2, 3), np.float32), "n": np.array(3)}, path, {"format": "pt"})
    state = io.load(path)
    assert set(state) == {"w", "n"}
    assert all(isinstance(value, Tensor) for value in state.values())
    assert state["n"].item() == 3


def test_torch_state_dict_both_ways(path):
    torch = pytest.importorskip("torch")
    oracle = pytest.importorskip("safetensors.torch")
    net = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4))
    oracle.save_file(net.state_dict(), path)
    state = io.load(path)
    io.save(state, path)
    net.load_state_dict(oracle.load_file(path))  # strict: every name, every shape
    for name, value in net.state_dict().items():
        np.testing.assert_array_equal(state[name].numpy(), value.numpy())


def test_array_that_no_tensor_can_hold(path):
    io.save_file({"x": np.zeros(1, np.uint64)}, path)
    with pytest.raises(FileFormatError, match=r"'x'.*uint64.*load_file"):
        io.load(path)


# ---- what is refused


class Thing:
    pass


Point = namedtuple("Point", "x y")


@pytest.mark.parametrize(
    ("state", "text"),
    [
        ({"a": [1, {"b": Thing()}]}, r"at a\.1\.b: got Thing"),
        ({"a": {1, 2}}, "at a: got set"),
        ({"a": 1j}, "at a: got complex"),
        ({"a": b"bytes"}, "at a: got bytes"),
        ({"a": Point(1, 2)}, "at a: got Point"),
        ({"a": np.array([None])}, "at a: got ndarray of object"),
        ({"a": np.zeros(2, np.complex64)}, "at a: got ndarray of complex64"),
        ({"a": np.array(["s"])}, "at a: got ndarray of <U1"),
        ({"a": {(1, 2): 3}}, "a key of a: got tuple"),
        ({"a": lambda: 0}, "at a: got function"),
        ([1, 2], "the state: got list, expected a dict"),
        (tensor(2), "the state: got Tensor"),
    ],
)
def test_refused_values_are_named(path, state, text):
    path.write_bytes(b"old")
    with pytest.raises(TypeError, match=text):
        io.save(state, path)
    assert path.read_bytes() == b"old"


def test_state_that_contains_itself(path):
    state = {}
    state["self"] = state
    with pytest.raises(TypeError, match="contain itself"):
        io.save(state, path)


def test_other_files(path):
    path.write_bytes(pickle.dumps({}))
    with pytest.raises(FileFormatError, match="a Python pickle"):
        io.load(path)
    for content in (b"", b"PK", b"hello, this is no such file at all", bytes(64)):
        path.write_bytes(content)
        with pytest.raises(FileFormatError):
            io.load(path)
    with pytest.raises(FileNotFoundError):
        io.load(path.with_name("missing"))


# ---- damage


def test_every_changed_byte_is_found_or_harmless(path):
    state = {"w": tensor(2, 2), "lr": 0.5, "betas": (0.9, 0.999)}
    io.save(state, path)
    content = path.read_bytes()
    header = 8 + int.from_bytes(content[:8], "little")
    for position in range(len(content)):
        raw = bytearray(content)
        raw[position] ^= 0x01
        path.write_bytes(bytes(raw))
        try:
            got = io.load(path)
        except FileFormatError:
            continue
        assert position < header, "a change of the values must be found"
        # What is left: a renamed key of the metadata, so that no checksum is stated.
        assert set(got) in ({"w", "lr", "betas"}, {"w"})


def test_changed_value_and_changed_structure(path):
    io.save({"w": tensor(4), "lr": 0.5}, path)
    content = path.read_bytes()
    for raw in (content[:-1] + b"\x41", content.replace(b"0.5", b"0.7")):
        assert raw != content
        path.write_bytes(raw)
        with pytest.raises(FileFormatError, match="altered after it was saved"):
            io.load(path)


@pytest.mark.parametrize(
    ("tree", "text"),
    [
        ({"dict": [["a", {"tensor": "w"}]]}, None),
        ({"dict": [["a", {"tensor": "v"}]]}, "no array 'v'"),
        ({"dict": []}, "no place refers to: 'w'"),
        ({"dict": [["a", {"tensor": "w"}], ["b", {"tensor": "w"}]]}, "no array 'w'"),
        ({"dict": 3}, "unknown tag 'dict'"),
        ({"dict": [[1]]}, "cannot be read"),
        ({"dict": [[{"dict": []}, 1]]}, "a dict as a key"),
        ({"dict": [[{"tuple": [1]}, 1]]}, "a tuple as a key"),
        ({"dict": [[{"tensor": "w"}, 1]]}, "no array 'w'"),
        ({"dict": [[n * (2**61 - 1), 1] for n in range(2000)]}, "more than 1,000 keys beyond"),
        ({"code": "import os"}, "unknown tag 'code'"),
        ({"a": 1, "b": 2}, "2 tags"),
        ({"float": "1e5"}, "unknown tag 'float'"),
    ],
)
def test_structures_of_other_hands(path, tree, text):
    io.save_file({"w": np.ones(1)}, path, {"rushlight.state": json.dumps(tree)})
    if text is None:
        assert set(io.load(path)) == {"a"}
        return
    with pytest.raises(FileFormatError, match=text):
        io.load(path)
    io.save_file({}, path, {"rushlight.state": '{"tuple":' * 5000 + "[]" + "}" * 5000})
    with pytest.raises(FileFormatError, match="cannot be read"):
        io.load(path)
