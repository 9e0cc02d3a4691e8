"""What was loaded is exported again, and computes the same."""

import numpy as np
import pytest

import rushlight as rl

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
if not hasattr(rl.onnx, "export"):
    pytest.skip("rushlight.onnx.export is not there", allow_module_level=True)

from tests.onnx.test_load import FLOAT, cnn, mlp, model

from onnx import TensorProto, helper


@pytest.mark.parametrize(("proto", "shape"), [(mlp(), (3,)), (cnn(), (1, 5, 5))])
def test_a_loaded_model_is_exported_again(tmp_path, proto, shape):
    net = rl.onnx.load(proto)
    with rl.no_grad():
        for parameter in net.parameters():  # as if it had been trained
            parameter.mul_(1.5)
    path = tmp_path / "again.onnx"
    example = rl.tensor(np.random.default_rng(0).standard_normal((2, *shape)).astype(np.float32))
    rl.onnx.export(net, example, path, dynamic_axes={"x": {0: "N"}})
    again = rl.onnx.load(path)
    assert again.inputs[0].name == "x" and again.inputs[0].shape == ("N", *shape)
    x = rl.tensor(np.random.default_rng(1).standard_normal((5, *shape)).astype(np.float32))
    np.testing.assert_allclose(
        again(x).detach().numpy(), net(x).detach().numpy(), rtol=1e-5, atol=1e-6
    )


def test_computed_shapes_stay_dynamic(tmp_path):
    nodes = [
        helper.make_node("Shape", ["x"], ["s"]),
        helper.make_node("Gather", ["s", "zero"], ["n"]),
        helper.make_node("Concat", ["n", "rest"], ["t"], axis=0),
        helper.make_node("Reshape", ["x", "t"], ["y"]),
    ]
    given = {"zero": np.array([0]), "rest": np.array([-1])}
    net = rl.onnx.load(model(nodes, [("x", FLOAT, ["N", 2, 3])], [("y", FLOAT, None)], given))
    path = tmp_path / "again.onnx"
    rl.onnx.export(net, rl.randn(4, 2, 3), path, dynamic_axes={"x": {0: "N"}})
    assert rl.onnx.load(path)(rl.randn(7, 2, 3)).shape == (7, 6)


def test_two_inputs_keep_their_names(tmp_path):
    node = helper.make_node("Where", ["c", "a", "b"], ["y"])
    ports = [("c", TensorProto.BOOL, [2]), ("a", FLOAT, [2]), ("b", FLOAT, [2])]
    net = rl.onnx.load(model([node], ports, [("y", FLOAT, [2])]))
    path = tmp_path / "again.onnx"
    rl.onnx.export(net, (rl.tensor([True, False]), rl.ones(2), rl.zeros(2)), path)
    assert [port.name for port in rl.onnx.load(path).inputs] == ["c", "a", "b"]
