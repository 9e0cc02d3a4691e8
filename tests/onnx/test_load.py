"""ONNX files as modules: what is a parameter, how they are called, trained, copied and shown."""

import copy
import inspect
import pickle

import numpy as np
import pytest

import rushlight as rl

onnx = pytest.importorskip("onnx")

from onnx import TensorProto, helper, numpy_helper  # noqa: E402
from rushlight.errors import DtypeError, FileFormatError, ShapeError  # noqa: E402

FLOAT = TensorProto.FLOAT


def model(nodes, inputs, outputs, initializers=(), version=17, functions=(), **more):
    """Make a model of nodes; inputs and outputs are (name, dtype, shape)."""
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info(*port) for port in inputs],
        [helper.make_tensor_value_info(*port) for port in outputs],
        [numpy_helper.from_array(np.asarray(a), name) for name, a in dict(initializers).items()],
    )
    opsets = [helper.make_opsetid("", version), *more.pop("opsets", ())]
    return helper.make_model(graph, opset_imports=opsets, functions=functions, **more)


def mlp():
    generator = np.random.default_rng(0)
    weights = {
        "fc1.weight": generator.standard_normal((8, 3)).astype(np.float32) / 2,
        "fc1.bias": np.zeros(8, np.float32),
        "fc2.weight": generator.standard_normal((1, 8)).astype(np.float32) / 2,
        "scale": np.array(1.0, np.float32),
        "shape": np.array([-1], np.int64),
    }
    nodes = [
        helper.make_node("Gemm", ["x", "fc1.weight", "fc1.bias"], ["h"], "fc1", transB=1),
        helper.make_node("Tanh", ["h"], ["a"], "act"),
        helper.make_node("Gemm", ["a", "fc2.weight"], ["b"], "fc2", transB=1),
        helper.make_node("Mul", ["b", "scale"], ["s"]),
        helper.make_node("Reshape", ["s", "shape"], ["y"]),
    ]
    return model(nodes, [("x", FLOAT, ["N", 3])], [("y", FLOAT, ["N"])], weights)


def cnn():
    generator = np.random.default_rng(1)
    ones, zeros = np.ones(4, np.float32), np.zeros(4, np.float32)
    weights = {
        "conv.weight": generator.standard_normal((4, 1, 3, 3)).astype(np.float32) / 3,
        "bn.weight": ones,
        "bn.bias": zeros,
        "bn.running_mean": zeros,
        "bn.running_var": ones,
        "fc.weight": generator.standard_normal((4, 2)).astype(np.float32),
    }
    norm = ["c", "bn.weight", "bn.bias", "bn.running_mean", "bn.running_var"]
    nodes = [
        helper.make_node("Conv", ["x", "conv.weight"], ["c"], "conv", pads=[1, 1, 1, 1]),
        helper.make_node("BatchNormalization", norm, ["n"], "bn", momentum=0.5),
        helper.make_node("Relu", ["n"], ["r"], "relu"),
        helper.make_node("GlobalAveragePool", ["r"], ["p"], "pool"),
        helper.make_node("Flatten", ["p"], ["f"], "flat"),
        helper.make_node("Dropout", ["f"], ["d"], "drop"),
        helper.make_node("MatMul", ["d", "fc.weight"], ["y"], "fc"),
    ]
    ports = [("x", FLOAT, ["N", 1, 5, 5])], [("y", FLOAT, ["N", 2])]
    return model(nodes, *ports, weights)


def test_it_computes_what_the_file_says(tmp_path):
    proto = mlp()
    onnx.save(proto, tmp_path / "m.onnx")
    x = np.random.default_rng(2).standard_normal((5, 3)).astype(np.float32)
    w = {t.name: numpy_helper.to_array(t) for t in proto.graph.initializer}
    expected = (np.tanh(x @ w["fc1.weight"].T) @ w["fc2.weight"].T)[:, 0]
    for source in (proto, proto.SerializeToString(), tmp_path / "m.onnx", str(tmp_path / "m.onnx")):
        net = rl.onnx.load(source)
        np.testing.assert_allclose(net(rl.tensor(x)).detach().numpy(), expected, rtol=1e-5)
    np.testing.assert_allclose(net(x=x).detach().numpy(), expected, rtol=1e-5)


def test_initializers_keep_their_names():
    net = rl.onnx.load(mlp())
    assert list(net.state_dict()) == ["scale", "shape", "fc1.weight", "fc1.bias", "fc2.weight"]
    assert [n for n, _ in net.named_parameters()] == ["fc1.weight", "fc1.bias", "fc2.weight"]
    assert net.names["fc1.weight"] == "fc1.weight"
    assert not net.training


@pytest.mark.parametrize("name", ["forward", "nodes", "nodes.w", "a..b", ".", "x.y", "x", "ö b"])
def test_names_that_cannot_be_keys_are_changed(name):
    w = np.ones(2, np.float32)
    nodes = [
        helper.make_node("Add", ["in", name], ["h"]),
        helper.make_node("Mul", ["h", "x.y.z"], ["out"]),
    ]
    proto = model(nodes, [("in", FLOAT, [2])], [("out", FLOAT, [2])], {name: w, "x.y.z": 3 * w})
    net = rl.onnx.load(proto)
    assert len(dict(net.named_parameters())) == 2
    assert net.get_parameter(net.names[name]).tolist() == [1, 1]
    assert net(rl.ones(2)).tolist() == [6, 6]
    net.load_state_dict(net.state_dict())


def test_the_parameters_can_be_chosen():
    net = rl.onnx.load(mlp(), parameters=["scale"])
    assert [name for name, _ in net.named_parameters()] == ["scale"]
    with pytest.raises(ValueError, match="got 'shape' of dtype int64, expected floating init"):
        rl.onnx.load(mlp(), parameters=["shape"])
    with pytest.raises(ValueError, match="got 'fc3'"):
        rl.onnx.load(mlp(), parameters=["fc3"])


def test_what_no_gradient_reaches_is_a_buffer():
    w = np.ones(2, np.float32)
    nodes = [
        helper.make_node("Cast", ["a"], ["i"], to=TensorProto.INT64),
        helper.make_node("Reshape", ["x", "i"], ["r"]),
        helper.make_node("Clip", ["r", "low"], ["c"]),
        helper.make_node("Add", ["c", "b"], ["y"]),
        helper.make_node("Shape", ["s"], ["z"]),
    ]
    ports = [("x", FLOAT, [1])], [("y", FLOAT, [1, 2]), ("z", TensorProto.INT64, [1])]
    given = {"a": w, "low": np.float32(0), "b": w, "s": w}
    net = rl.onnx.load(model(nodes, *ports, given))
    assert [name for name, _ in net.named_parameters()] == ["b"]
    y, z = net(rl.tensor([3.0]))
    assert y.tolist() == [[4, 4]] and z.tolist() == [2]


def test_an_mlp_trains():
    net = rl.onnx.load(mlp()).train()
    x = rl.tensor(np.random.default_rng(3).standard_normal((32, 3)).astype(np.float32))
    target = x[:, 0] - 2 * x[:, 1]
    optimizer = rl.optim.Adam(net.parameters(), lr=0.03)
    losses = []
    for _ in range(60):
        optimizer.zero_grad()
        loss = ((net(x) - target) ** 2).mean()
        loss.backward()
        assert all(p.grad is not None for p in net.parameters())
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.1 * losses[0]


def test_a_cnn_trains_with_its_dropout_and_batch_normalization():
    net = rl.onnx.load(cnn())
    x = rl.tensor(np.random.default_rng(4).standard_normal((16, 1, 5, 5)).astype(np.float32) + 1)
    before = net(x)
    assert rl.equal(before, net(x))
    buffers = {name: b.clone() for name, b in net.named_buffers()}
    assert set(buffers) == {"bn.running_mean", "bn.running_var"}
    net.train()
    labels = (x.mean((1, 2, 3)) > 1).long()
    optimizer = rl.optim.SGD(net.parameters(), lr=0.1)
    losses = []
    for _ in range(30):
        optimizer.zero_grad()
        loss = rl.nn.functional.cross_entropy(net(x), labels)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert np.mean(losses[-5:]) < np.mean(losses[:5])
    assert not rl.equal(buffers["bn.running_mean"], net.bn.running_mean)
    assert not rl.equal(net(x), net(x))  # dropout
    net.eval()
    assert rl.equal(net(x), net(x))


def test_copies_and_pickles_are_of_their_own():
    net = rl.onnx.load(cnn())
    x = rl.ones(2, 1, 5, 5)
    for other in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        assert rl.equal(other(x), net(x))
        with rl.no_grad():
            other.conv.weight.zero_()
        assert net.conv.weight.abs().sum() > 0
        assert not rl.equal(other(x), net(x))


def test_it_converts():
    net = rl.onnx.load(mlp()).double()
    assert net(rl.ones(2, 3, dtype="float64")).dtype == rl.float64


def test_an_initializer_that_is_an_input_may_be_replaced_by_what_it_states():
    add = helper.make_node("Add", ["x", "w"], ["y"])
    ports = [("x", FLOAT, ["N", 2]), ("w", FLOAT, ["N", 2])], [("y", FLOAT, ["N", 2])]
    net = rl.onnx.load(model([add], *ports, {"w": np.ones((3, 2), np.float32)}))
    assert [port.name for port in net.defaults] == ["w"]
    x = rl.ones(3, 2)
    assert rl.equal(net(x), 2 * x) and rl.equal(net(x, w=None), 2 * x)
    assert rl.equal(net(x, w=[[1, 2]] * 3), x + rl.tensor([1.0, 2.0]))
    with pytest.raises(ShapeError, match=r"input 'w': got \(2, 2\), expected w float32 \(N, 2\)"):
        net(x, w=rl.ones(2, 2))
    with pytest.raises(DtypeError, match="input 'w': got int64, expected float32"):
        net(x, w=rl.ones(3, 2, dtype="int64"))


def test_inputs_are_checked():
    net = rl.onnx.load(mlp())
    with pytest.raises(ShapeError, match=r"input 'x': got \(2, 4\), expected x float32 \(N, 3\)"):
        net(rl.ones(2, 4))
    with pytest.raises(DtypeError, match=r"input 'x': got int64, expected float32; convert it"):
        net(rl.ones(2, 3, dtype="int64"))
    with pytest.raises(TypeError, match="got 0 by position and none by name, expected inputs x"):
        net()
    with pytest.raises(TypeError, match="got 0 by position and z by name"):
        net(z=rl.ones(2, 3))


def test_the_signature_has_the_names_of_the_inputs():
    assert str(inspect.signature(rl.onnx.load(mlp()).forward)) == "(x)"
    node = helper.make_node("Neg", ["a b"], ["y"])
    net = rl.onnx.load(model([node], [("a b", FLOAT, [1])], [("y", FLOAT, [1])]))
    assert str(inspect.signature(net.forward)) == "(*args: 'Any', **kwargs: 'Any') -> 'Any'"
    assert net(**{"a b": rl.ones(1)}).item() == -1


def test_sizes_of_one_name_are_equal():
    node = helper.make_node("MatMul", ["a", "b"], ["c"])
    net = rl.onnx.load(
        model([node], [("a", FLOAT, ["N", "K"]), ("b", FLOAT, ["K", 2])], [("c", FLOAT, None)])
    )
    assert net(rl.ones(3, 4), rl.ones(4, 2)).shape == (3, 2)
    with pytest.raises(ShapeError, match="input 'b'"):
        net(rl.ones(3, 4), rl.ones(5, 2))


def test_several_outputs_have_names():
    node = helper.make_node("Split", ["x"], ["left", "right"], axis=1, num_outputs=2)
    outputs = [("left", FLOAT, None), ("right", FLOAT, None)]
    net = rl.onnx.load(model([node], [("x", FLOAT, None)], outputs, version=18))
    found = net(rl.tensor([[1.0, 2.0]]))
    left, right = found
    assert (left.tolist(), right.tolist()) == ([[1]], [[2]])
    assert found["right"] is right and found.asdict()["left"] is left


def test_an_initializer_that_is_an_input_may_be_given():
    node = helper.make_node("Add", ["x", "w"], ["y"])
    ports = [("x", FLOAT, [2]), ("w", FLOAT, [2])], [("y", FLOAT, [2])]
    net = rl.onnx.load(model([node], *ports, {"w": np.ones(2, np.float32)}))
    assert net(rl.zeros(2)).tolist() == [1, 1]
    assert net(rl.zeros(2), w=rl.full((2,), 5.0)).tolist() == [5, 5]


def test_a_parameter_that_is_an_output_is_a_tensor():
    nodes = [helper.make_node("Add", ["x", "w"], ["y"])]
    ports = [("x", FLOAT, [2])], [("y", FLOAT, [2]), ("w", FLOAT, [2])]
    net = rl.onnx.load(model(nodes, *ports, {"w": np.ones(2, np.float32)}))
    assert type(net(rl.ones(2))["w"]) is rl.Tensor


def test_functions_of_the_model_are_written_out():
    inner = helper.make_function(
        "own",
        "Scaled",
        ["a"],
        ["b"],
        [
            helper.make_node("Constant", [], ["k"]),
            helper.make_node("Mul", ["a", "k"], ["b"], name="mul"),
        ],
        [helper.make_opsetid("", 17)],
        ["by"],
    )
    reference = inner.node[0].attribute.add()
    reference.name, reference.ref_attr_name = "value_float", "by"
    reference.type = onnx.AttributeProto.FLOAT
    twice = helper.make_function(
        "own",
        "Twice",
        ["a"],
        ["b", "c"],
        [
            helper.make_node("Scaled", ["a"], ["h"], domain="own", by=3.0),
            helper.make_node("Scaled", ["h"], ["b"], domain="own", by=2.0),
            helper.make_node("Neg", ["h"], ["c"]),
        ],
        [helper.make_opsetid("", 17), helper.make_opsetid("own", 1)],
    )
    nodes = [
        helper.make_node("Twice", ["x"], ["h", "n"], domain="own"),
        helper.make_node("Twice", ["h"], ["y"], domain="own"),
    ]
    ports = [("x", FLOAT, [1])], [("y", FLOAT, [1]), ("n", FLOAT, [1])]
    own = [helper.make_opsetid("own", 1)]
    net = rl.onnx.load(model(nodes, *ports, functions=[inner, twice], opsets=own))
    y, n = net(rl.tensor([1.0]))
    assert (y.item(), n.item()) == (36, -3)


def test_the_order_of_the_nodes_does_not_matter():
    nodes = [
        helper.make_node("Neg", ["h"], ["y"], "second"),
        helper.make_node("Abs", ["x"], ["h"], "first"),
    ]
    net = rl.onnx.load(model(nodes, [("x", FLOAT, [1])], [("y", FLOAT, [1])]))
    assert net(rl.tensor([-2.0])).item() == -2
    assert [name for name, _ in net.nodes.named_children()] == ["first", "second"]


def test_shapes_that_are_computed_are_dynamic():
    nodes = [
        helper.make_node("Shape", ["x"], ["s"]),
        helper.make_node("Gather", ["s", "zero"], ["n"]),
        helper.make_node("Unsqueeze", ["n", "axis"], ["n1"]),
        helper.make_node("Concat", ["n1", "rest"], ["t"], axis=0),
        helper.make_node("Reshape", ["x", "t"], ["y"]),
    ]
    given = {"zero": np.int64(0), "axis": np.array([0]), "rest": np.array([-1])}
    net = rl.onnx.load(model(nodes, [("x", FLOAT, None)], [("y", FLOAT, None)], given))
    for shape in ((2, 3, 4), (5, 2), (1, 1, 1, 7)):
        assert net(rl.ones(*shape)).shape == (shape[0], int(np.prod(shape[1:])))


def test_dtypes_that_tensors_lack_pass_through():
    node = helper.make_node("Concat", ["x", "x"], ["y"], axis=0)
    ports = [("x", TensorProto.UINT16, [2])], [("y", TensorProto.UINT16, [4])]
    found = rl.onnx.load(model([node], *ports))(np.array([1, 65535], np.uint16))
    assert found.dtype == np.uint16 and found.tolist() == [1, 65535, 1, 65535]


def test_an_error_names_the_node():
    node = helper.make_node("MatMul", ["a", "b"], ["c"], "product")
    ports = [("a", FLOAT, None), ("b", FLOAT, None)], [("c", FLOAT, None)]
    with pytest.raises(ShapeError) as caught:
        rl.onnx.load(model([node], *ports))(rl.ones(2, 3), rl.ones(2, 3))
    assert any("'product' (MatMul)" in note for note in caught.value.__notes__)


def test_repr_and_summary_name_the_nodes():
    net = rl.onnx.load(cnn())
    text = repr(net)
    assert "g: x float32 (N, 1, 5, 5) -> y float32 (N, 2)" in text
    assert "(conv): Conv(x, conv.weight -> c, " in text and "pads=[1, 1, 1, 1]" in text
    table = str(net.summary((2, 1, 5, 5)))
    assert "conv Conv" in table and "fc MatMul" in table
    assert "Parameters     52" in table


def test_missing_onnx_is_said_first(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "onnx", None)
    with pytest.raises(ImportError, match=r"pip install 'rushlight\[onnx\]'"):
        rl.onnx.load("nothing.onnx")


def test_it_is_no_path():
    with pytest.raises(TypeError, match="path, bytes or a ModelProto, not int"):
        rl.onnx.load(3)
    with pytest.raises(FileFormatError, match="no graph"):
        rl.onnx.load(b"")
