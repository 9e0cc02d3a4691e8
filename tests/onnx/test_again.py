"""What was loaded is exported again, and computes the same."""

import numpy as np
import pytest

import rushlight as rl
from rushlight import nn
from rushlight.models import GPT2

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


BATCH = {0: "N"}


class Of(nn.Module):
    """A module of one function."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x, y=None):
        return self.function(x) if y is None else self.function(x, y)


def ids(*shape):
    return rl.tensor(np.arange(np.prod(shape)).reshape(shape) % 3)


# what is exported, loaded and exported again; its example; the sizes that may change
MODELS = {
    "embedding": (nn.Embedding(5, 3), ids(2, 3), [BATCH]),
    "rnn": (nn.RNN(3, 4), rl.randn(2, 3, 3), [{0: "T", 1: "N"}]),
    "gru": (nn.GRU(3, 4, 2), rl.randn(2, 3, 3), [{0: "T", 1: "N"}]),
    "lstm": (nn.LSTM(3, 4), rl.randn(2, 3, 3), [{0: "T", 1: "N"}]),
    "transformer": (nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), rl.randn(2, 3, 8),
                    [{0: "N", 1: "T"}]),
    "text": (GPT2(9, 16, 8, 1, 2), ids(2, 5), [{0: "N", 1: "T"}]),
    "dict": (Of(lambda x: {"a": x + 1, "b": [x, x * 2]}), rl.randn(2, 3), [BATCH]),
    "filled": (Of(lambda x: rl.maximum(x, rl.zeros(x.shape[0], 3))), rl.randn(2, 3), [BATCH]),
    "counted": (Of(lambda x: x + rl.arange(x.shape[0])[:, None]), rl.randn(2, 3), [BATCH]),
    "gather": (Of(lambda x, i: x.gather(1, i)), (rl.randn(2, 3), ids(2, 4)), [BATCH, BATCH]),
    "places": (Of(lambda x, i: x[i, i]), (rl.randn(4, 3), ids(5)), [{}, BATCH]),
    "scatter": (Of(lambda x, i: x.scatter(1, i, 2.0)), (rl.randn(2, 3), ids(2, 1)), [BATCH, BATCH]),
    "loss": (Of(nn.functional.cross_entropy), (rl.randn(4, 3), ids(4)), [BATCH, BATCH]),
    "topk": (Of(lambda x: x.topk(2, 1)), rl.randn(4, 5), [BATCH]),
}  # fmt: skip


@pytest.mark.parametrize("name", MODELS)
def test_sizes_names_and_places_survive(tmp_path, name):
    net, example, axes = MODELS[name]
    dynamic = dict(zip("xy", axes, strict=False))
    first, second = tmp_path / "first.onnx", tmp_path / "second.onnx"
    rl.onnx.export(net, example, first, input_names=list(dynamic), dynamic_axes=dynamic)
    net = rl.onnx.load(first)
    report = rl.onnx.export(net, example, second, dynamic_axes=dynamic)
    again = rl.onnx.load(second)
    assert report.max_error < 1e-5 and len(report.runs) > 2
    assert again.inputs == net.inputs and again.outputs == net.outputs
