"""Damaged and hostile ONNX files: refused with a clear error, before anything is allocated."""

import itertools
import os
import tracemalloc

import numpy as np
import pytest

import rushlight as rl
from rushlight.errors import FileFormatError

onnx = pytest.importorskip("onnx")

from tests.onnx import fuzz_load  # noqa: E402
from tests.onnx.test_load import FLOAT, mlp, model  # noqa: E402

from onnx import TensorProto, helper, numpy_helper  # noqa: E402

X, Y = [("x", FLOAT, [2])], [("y", FLOAT, None)]


def refused(proto, match):
    content = proto if isinstance(proto, bytes) else proto.SerializeToString()
    with pytest.raises(FileFormatError, match=match) as caught:
        rl.onnx.load(content)
    return str(caught.value)


def add(*inputs, name="add", outputs=("y",), op="Add", **attributes):
    return helper.make_node(op, list(inputs), list(outputs), name, **attributes)


# ---- the file


def test_a_file_cut_anywhere_is_refused():
    content = mlp().SerializeToString()
    for length in range(len(content)):
        try:
            net = rl.onnx.load(content[:length])
        except FileFormatError:
            continue
        assert length > len(content) - 20, length  # only the operator sets stand at the end
        assert net(rl.ones(1, 3)).shape == (1,)


@pytest.mark.parametrize("content", [b"", b"\0", b"PK\3\4" + b"\0" * 99, b"\x80\x02}q\x00.", b"{}"])
def test_other_files_are_refused(content):
    refused(content, "ONNX file")


def test_deep_nesting_is_refused():
    content = b""
    for _ in range(5000):  # a graph in an attribute in a node in a graph ...
        length = len(content)
        for tag in (0x32, 0x2A, 0x0A):
            content = bytes([tag]) + _varint(length) + content
            length = len(content)
    refused(b"\x3a" + _varint(len(content)) + content, "do not parse")


def _varint(number):
    found = b""
    while number > 127:
        found += bytes([number & 127 | 128])
        number >>= 7
    return found + bytes([number])


def test_the_fuzz_runs_clean():
    counts = fuzz_load.run(1500, seed=7)
    assert counts["refused"] > 500 and counts["read"] > 50


# ---- operators and their sets


def test_all_unknown_operators_are_named_at_once():
    nodes = [
        add("x", "x", outputs=["a"], op="Foo", name="first"),
        add("a", outputs=["b"], op="FusedMatMul", name="second", domain="com.microsoft"),
        add("b", outputs=["c"], op="Foo", name="third"),
        add("c", "c"),
    ]
    proto = model(nodes, X, Y, opsets=[helper.make_opsetid("com.microsoft", 1)])
    text = refused(proto, "unknown operators")
    assert "Foo (domain ai.onnx, set 17) in 'first', 'third'" in text
    assert "FusedMatMul (domain com.microsoft, set 1) in 'second'" in text
    assert "Add" not in text


@pytest.mark.parametrize(
    ("version", "said"),
    [
        (99, "version 99 of the operator set 'ai.onnx', expected 1 to .*; export it for an older"),
        (0, "version 0 of the operator set"),
        (-1, "version -1 of the operator set"),
        (1 << 40, "version 1099511627776 of"),
    ],
)
def test_sets_that_are_too_new_or_too_old_are_refused(version, said):
    refused(model([add("x", "x")], X, Y, version=version), said)


def test_an_operator_of_a_set_that_is_not_imported_is_listed_with_the_others():
    nodes = [
        add("x", outputs=["a"], op="Gelu", name="first", domain="com.microsoft"),
        add("x", op="Foo", name="second"),
    ]
    text = refused(model(nodes, X, Y), "unknown operators")
    assert "Gelu (domain com.microsoft, which opset_import does not have) in 'first'" in text
    assert "Foo (domain ai.onnx, set 17) in 'second'" in text


def test_an_operator_newer_than_its_set_is_unknown():
    refused(model([add("x", op="Gelu")], X, Y, version=13), r"Gelu \(domain ai.onnx, set 13\)")


def test_a_file_without_operator_sets_is_refused():
    proto = model([add("x", "x")], X, Y)
    del proto.opset_import[:]
    refused(proto, "no operator set")


def test_a_set_twice_is_refused():
    proto = model([add("x", "x")], X, Y, opsets=[helper.make_opsetid("ai.onnx", 13)])
    refused(proto, "versions 17 and 13 of the set 'ai.onnx'")


# ---- the graph


def test_a_cyclic_graph_is_refused():
    nodes = [
        add("x", "b", name="one", outputs=["a"]),
        add("a", "x", name="two", outputs=["b"]),
        add("b", "x", name="after"),
    ]
    text = refused(model(nodes, X, Y), "wait for each other")
    assert "'one' (Add), 'two' (Add)" in text and "cyclic" in text


def test_a_node_that_feeds_itself_is_refused():
    refused(model([add("x", "y")], X, Y), "wait for each other: 'add'")


def test_missing_inputs_are_named():
    refused(model([add("x", "gone")], X, Y), "node 'add' .*that nothing makes: 'gone'")
    refused(model([add("x", "x")], X, [("z", FLOAT, None)]), "outputs that nothing makes: 'z'")
    refused(model([add("x", "")], X, Y), "no input 'B'")
    refused(model([add("x")], X, Y), "got 1 inputs, expected 2")


def test_what_is_made_twice_is_refused():
    nodes = [add("x", "x", name="one"), add("x", "x", name="two")]
    refused(model(nodes, X, Y), "node 'two' .*output 'y', which 'one' makes, too")
    refused(model([add("x", "x", outputs=["x"])], X, X), "which an input or initializer makes")
    proto = model([add("x", "x")], X, Y)
    proto.graph.initializer.extend([numpy_helper.from_array(np.ones(1), "w")] * 2)
    refused(proto, "the name 'w' twice")
    refused(model([add("x", "x")], X + X, Y), "input: got the name 'x' twice")
    refused(model([add("x", "x")], X, Y + Y), "output: got the name 'y' twice")


def test_attributes_must_be_those_of_the_operator():
    refused(model([add("x", "x", axis=1)], X, Y), "attribute 'axis'.*does not have, expected none")
    refused(model([add("x", op="Elu", alpha="high")], X, Y), "'alpha': got type STRING, expected")
    refused(model([add("x", op="Cast")], X, Y), "no attribute 'to'")
    node = add("x", op="Elu", alpha=1.0)
    node.attribute.append(node.attribute[0])
    refused(model([node], X, Y), "attribute 'alpha': got it twice")


def test_what_is_no_tensor_is_refused():
    proto = model([add("x", "x")], X, Y)
    proto.graph.input[0].type.sequence_type.elem_type.tensor_type.elem_type = FLOAT
    refused(proto, "input 'x': got sequence, expected a tensor")
    refused(model([add("x", "x")], [("x", TensorProto.STRING, [1])], Y), "got strings")
    refused(model([add("x", "x")], [("x", FLOAT, [-1])], Y), "a size of -1")


# ---- functions


def _function(name, *nodes):
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("own", 1)]
    return helper.make_function("own", name, ["a"], ["b"], list(nodes), opsets)


def _call(name, source, result):
    return helper.make_node(name, [source], [result], domain="own")


def test_functions_that_call_themselves_are_refused():
    one, two = _function("One", _call("Two", "a", "b")), _function("Two", _call("One", "a", "b"))
    own = [helper.make_opsetid("own", 1)]
    refused(model([_call("One", "x", "y")], X, Y, functions=[one, two], opsets=own), "calls itself")


def test_functions_that_double_thirty_times_are_refused():
    chain = [_function("F0", helper.make_node("Neg", ["a"], ["b"]))]
    for i in range(30):
        body = [_call(f"F{i}", "a", "h"), _call(f"F{i}", "h", "b")]
        chain.append(_function(f"F{i + 1}", *body))
    own = [helper.make_opsetid("own", 1)]
    proto = model([_call("F30", "x", "y")], X, Y, functions=chain, opsets=own)
    refused(proto, r"functions that become \d{10} calls, expected at most 10,248 of 62 nodes")


def test_functions_that_double_and_do_nothing_are_refused():
    chain = [_function("F0")]
    for i in range(30):
        body = [_call(f"F{i}", "a", "h"), _call(f"F{i}", "h", "b")]
        chain.append(_function(f"F{i + 1}", *body))
    own = [helper.make_opsetid("own", 1)]
    proto = model([_call("F30", "x", "y")], X, Y, functions=chain, opsets=own)
    refused(proto, r"functions that become \d{10} calls")


def _calls(count, *body, **more):
    """Return a model that calls one function many times."""
    names = ["x", *map(str, range(count - 1)), "y"]
    nodes = [_call("F", *pair) for pair in itertools.pairwise(names)]
    own = [helper.make_opsetid("own", 1)]
    return model(nodes, X, Y, functions=[_function("F", *body)], opsets=own)


def test_a_function_with_a_large_tensor_that_is_called_often_has_it_once():
    large = numpy_helper.from_array(np.zeros(1 << 16, np.float32))
    constant = helper.make_node("Constant", [], ["k"], value=large)
    proto = _calls(500, constant, helper.make_node("Add", ["a", "k"], ["b"]))
    assert _peak(proto) < 20 * (1 << 18)  # 500 copies would be 130 MB


def test_an_attribute_that_a_function_refers_to_often_is_read_once():
    function = _function("F", *[helper.make_node("Constant", [], [f"k{i}"]) for i in range(500)])
    for node in function.node:
        node.attribute.add(name="value", ref_attr_name="v", type=onnx.AttributeProto.TENSOR)
    function.node.append(helper.make_node("Neg", ["a"], ["b"]))
    function.attribute.append("v")
    call = _call("F", "x", "y")
    large = numpy_helper.from_array(np.zeros(1 << 16, np.float32))
    call.attribute.append(helper.make_attribute("v", large))
    own = [helper.make_opsetid("own", 1)]
    assert _peak(model([call], X, Y, functions=[function], opsets=own)) < 20 * (1 << 18)


def test_functions_with_names_that_fill_the_memory_are_refused():
    name = "c" * 100_000
    body = helper.make_node("Neg", ["a"], [name]), helper.make_node("Neg", [name], ["b"])
    refused(_calls(1000, *body), "names become more than 67,108,864 bytes")


def _peak(proto):
    content = proto.SerializeToString()
    tracemalloc.start()
    rl.onnx.load(content)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


# ---- names of which there is no end


def _dotted(other):
    """Return 1,024 names that differ only in which separators they have."""
    return ["".join(each) for each in itertools.product("." + other, repeat=10)]


def test_names_of_nodes_that_become_the_same_key_take_no_square_of_time():
    names = ["x", *map(str, range(1023)), "y"]
    pairs = zip(_dotted("/"), names[:-1], names[1:], strict=True)
    net = rl.onnx.load(model([add(a, op="Neg", name=n, outputs=[b]) for n, a, b in pairs], X, Y))
    keys = list(net.nodes._modules)
    assert keys[0] == "//////////" and keys[-1] == "//////////_1023"
    assert max(map(len, keys)) < 20  # an underscore more for each were a thousand


def test_names_of_initializers_that_become_the_same_key_take_no_square_of_time():
    given = {"." + name: np.ones(1, np.float32) for name in _dotted("_")}
    net = rl.onnx.load(model([add("x", "x")], X, Y, given))
    assert len(net.state_dict()) == len(set(net.names.values())) == 1024
    assert max(map(len, net.state_dict())) < 20


def test_a_name_of_a_thousand_parts_is_one_key():
    name = "a." * 5000 + "b"
    net = rl.onnx.load(model([add("x", name)], X, Y, {name: np.ones(2, np.float32)}))
    assert list(net.state_dict()) == [name.replace(".", "_")] == [net.names[name]]
    assert net(rl.ones(2)).tolist() == [2, 2]


# ---- tensors that lie


def _with(**fields):
    proto = model([add("x", "w")], X, Y)
    proto.graph.initializer.append(TensorProto(name="w", **fields))
    return proto


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"dims": [1 << 30], "raw_data": b"\0" * 8}, "8 bytes of data, expected 4,294,967,296"),
        ({"dims": [1 << 30], "float_data": [0.0]}, "1 numbers in float_data, expected 1,073,741,8"),
        ({"dims": [1 << 62, 1 << 62], "raw_data": b""}, "a size that memory can hold"),
        ({"dims": [0, 1 << 62], "raw_data": b""}, "a size that memory can hold"),
        ({"dims": [-2, -2], "raw_data": b"\0" * 16}, "each >= 0"),
        ({"dims": [1] * 65, "raw_data": b"\0" * 4}, "65 dims, expected at most 64"),
        ({"dims": [2], "raw_data": b"\0" * 7}, "7 bytes of data, expected 8"),
        ({"dims": [2]}, "0 numbers in float_data, expected 2"),
        ({"dims": [1], "raw_data": b"\0" * 4, "float_data": [1.0]}, "in raw_data or float_data"),
        ({"dims": [1], "int64_data": [1]}, "data in int64_data"),
        ({"dims": [1], "data_type": TensorProto.STRING}, "strings are not supported"),
        ({"dims": [1], "data_type": 77}, "type 77"),
        ({"dims": [1], "data_type": TensorProto.BOOL, "raw_data": b"\2"}, "the byte 2 among bools"),
        (
            {"dims": [1], "data_type": TensorProto.INT8, "int32_data": [1 << 30]},
            "1073741824 to 1073741824, expected -128 to 127",
        ),
    ],
)
def test_tensors_that_lie_are_refused(fields, said):
    fields = {"data_type": FLOAT, **fields}
    tracemalloc.start()
    refused(_with(**fields), said)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1 << 20


def test_sparse_initializers_are_refused():
    proto = model([add("x", "x")], X, Y)
    values = helper.make_tensor("s", FLOAT, [1], [1.0])
    places = helper.make_tensor("i", TensorProto.INT64, [1], [0])
    proto.graph.sparse_initializer.append(helper.make_sparse_tensor(values, places, [1 << 40]))
    refused(proto, "a sparse initializer")


def test_operators_that_fill_the_memory_do_not_run_when_a_file_is_read():
    size = numpy_helper.from_array(np.array([1 << 40]))
    nodes = [
        helper.make_node("Constant", [], ["n"], value=size),
        helper.make_node("ConstantOfShape", ["n"], ["big"]),
        helper.make_node("Expand", ["x", "n"], ["wide"]),
        helper.make_node("Add", ["big", "wide"], ["y"]),
    ]
    net = rl.onnx.load(model(nodes, X, Y))
    with pytest.raises(MemoryError):
        net(rl.ones(2))


# ---- external data


@pytest.fixture
def beside(tmp_path):
    """Write a model with one external tensor; the entries are what it states of its data."""
    (tmp_path / "inner").mkdir()
    (tmp_path / "secret.bin").write_bytes(np.arange(4, dtype=np.float32).tobytes())
    (tmp_path / "inner" / "data.bin").write_bytes(np.arange(4, dtype=np.float32).tobytes())

    def write(count=1, dims=(2,), **entries):
        proto = model([add("x", "w0")], X, Y)
        for i in range(count):
            tensor = proto.graph.initializer.add(
                name=f"w{i}", data_type=FLOAT, dims=dims, data_location=TensorProto.EXTERNAL
            )
            for key, value in entries.items():
                tensor.external_data.add(key=key, value=str(value))
        path = tmp_path / "inner" / "m.onnx"
        path.write_bytes(proto.SerializeToString())
        return path

    return write


def test_external_data_are_read(beside):
    net = rl.onnx.load(beside(location="data.bin", offset=4, length=8))
    assert net.w0.tolist() == [1, 2]


def test_the_same_external_bytes_are_one_array(beside):
    net = rl.onnx.load(beside(count=3, location="data.bin", offset=0, length=8))
    assert len(net.state_dict()) == 1 and set(net.names) == {"w0", "w1", "w2"}


def test_many_external_ranges_are_found_by_place(tmp_path):
    content = np.arange(300, dtype=np.float32)
    (tmp_path / "d").write_bytes(content.tobytes())
    proto = model([add("x", "x")], X, Y)
    for i in np.random.default_rng(0).permutation(300):
        tensor = proto.graph.initializer.add(
            name=f"w{i}", data_type=FLOAT, dims=[1], data_location=TensorProto.EXTERNAL
        )
        for key, value in (("location", "d"), ("offset", str(4 * i)), ("length", "4")):
            tensor.external_data.add(key=key, value=value)
    (tmp_path / "m").write_bytes(proto.SerializeToString())
    net = rl.onnx.load(tmp_path / "m")
    assert [net.get_buffer(f"w{i}").item() for i in range(300)] == content.tolist()
    for at, dims in ((0, 2), (4 * 157, 2), (4 * 299 - 2, 1), (2, 1)):  # of the first: that of both
        tensor.dims[:], tensor.name = [dims], "more"
        tensor.external_data[1].value, tensor.external_data[2].value = str(at), str(4 * dims)
        again = type(proto).FromString(proto.SerializeToString())
        again.graph.initializer.insert(0, tensor)
        (tmp_path / "m").write_bytes(again.SerializeToString())
        with pytest.raises(FileFormatError, match="external bytes that another tensor has"):
            rl.onnx.load(tmp_path / "m")


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        ({"location": "../secret.bin"}, "'../secret.bin', expected a path below"),
        ({"location": "a/../../secret.bin"}, "a path below"),
        ({"location": "..\\secret.bin"}, "a path below"),
        ({"location": "/etc/passwd"}, "a path below"),
        ({"location": "C:\\secret.bin"}, "a path below"),
        ({"location": ""}, "a path below"),
        ({"location": "."}, "a path below|a file"),
        ({"location": "gone.bin"}, r"'gone.bin' \(No such file"),
        ({"location": "data.bin", "offset": 12, "length": 8}, "bytes 12 to 20 .* at most 16"),
        ({"location": "data.bin", "offset": 99, "length": 8}, "bytes 99 to 107"),
        ({"location": "data.bin", "offset": 99}, "external bytes"),
        ({"location": "data.bin", "length": 4}, "4 external bytes, expected 8"),
        ({"location": "data.bin", "offset": -4, "length": 8}, "offset '-4'"),
        ({"location": "data.bin", "length": "8" * 5000}, "a count of bytes"),
        ({"location": "data.bin", "length": "eight"}, "a count of bytes"),
    ],
)
def test_external_data_elsewhere_or_out_of_range_are_refused(beside, entries, said):
    with pytest.raises(FileFormatError, match=said):
        rl.onnx.load(beside(**entries))


def test_external_bytes_that_overlap_are_refused(beside):
    path = beside(location="data.bin", offset=0, length=8)
    proto = onnx.load(path, load_external_data=False)
    other = proto.graph.initializer.add()
    other.CopyFrom(proto.graph.initializer[0])
    other.name, other.external_data[1].value = "w1", "4"
    path.write_bytes(proto.SerializeToString())
    with pytest.raises(FileFormatError, match="that another tensor has"):
        rl.onnx.load(path)


def test_external_bytes_of_two_types_are_refused(beside):
    path = beside(count=2, location="data.bin", offset=0, length=8)
    proto = onnx.load(path, load_external_data=False)
    proto.graph.initializer[1].data_type = TensorProto.INT32
    path.write_bytes(proto.SerializeToString())
    with pytest.raises(FileFormatError, match="external bytes that another tensor has"):
        rl.onnx.load(path)


@pytest.mark.skipif(not hasattr(os, "symlink"), reason="no links here")
def test_links_are_not_followed(beside, tmp_path):
    path = beside(location="link.bin", length=8)
    os.symlink(tmp_path / "secret.bin", path.parent / "link.bin")
    with pytest.raises(FileFormatError, match="the link"):
        rl.onnx.load(path)
    path = beside(location="folder/secret.bin", length=8)
    os.symlink(tmp_path, path.parent / "folder")
    with pytest.raises(FileFormatError, match="the link"):
        rl.onnx.load(path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_a_pipe_is_not_opened(beside):
    path = beside(location="pipe", length=8)
    os.mkfifo(path.parent / "pipe")
    with pytest.raises(FileFormatError, match="expected a file"):
        rl.onnx.load(path)


def test_a_model_from_memory_has_no_external_data(beside):
    refused(beside(location="data.bin", length=8).read_bytes(), "give load.. the path")
