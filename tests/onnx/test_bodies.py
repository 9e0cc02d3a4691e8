"""Operators that the table lacks run as the body that ONNX defines them by."""

import numpy as np
import pytest

import rushlight as rl
from rushlight.errors import FileFormatError

pytest.importorskip("onnx")

from tests.onnx.test_load import FLOAT, model

from onnx import helper
from rushlight.onnx.load import bodies
from rushlight.onnx.load.table import find


@pytest.fixture
def without(monkeypatch):
    """Hide operators from the table."""
    hidden = set()
    monkeypatch.setattr(
        bodies, "find", lambda domain, op, v: None if op in hidden else find(domain, op, v)
    )
    return hidden.add


def loaded(node, count=1, version=24):
    names = node.input[:count]
    ports = [(name, FLOAT, None) for name in names], [(node.output[0], FLOAT, None)]
    return rl.onnx.load(model([node], *ports, version=version))


@pytest.mark.parametrize(
    "node",
    [
        helper.make_node("Swish", ["x"], ["y"], alpha=0.5),
        helper.make_node("Elu", ["x"], ["y"], alpha=2.0),
        helper.make_node("Softmax", ["x"], ["y"], axis=1),  # depends on the inputs' types
        helper.make_node("LayerNormalization", ["x", "scale", "bias"], ["y"], axis=-1),
        helper.make_node("CenterCropPad", ["x", "shape"], ["y"], axes=[0]),
    ],
    ids=lambda node: node.op_type,
)
def test_a_body_is_the_operator(without, node):
    x = rl.tensor(np.random.default_rng(0).standard_normal((3, 4)).astype(np.float32))
    more = {"scale": rl.full((4,), 2.0), "bias": rl.ones(4), "shape": rl.tensor([5])}
    given = [x, *(more[name] for name in node.input[1:])]
    ports = [(name, FLOAT if name != "shape" else 7, None) for name in node.input]
    proto = model([node], ports, [("y", FLOAT, None)], version=24)
    expected = rl.onnx.load(proto)(*given)
    without(node.op_type)
    net = rl.onnx.load(proto)
    x.requires_grad_()
    found = net(*given)
    np.testing.assert_allclose(found.detach().numpy(), expected.numpy(), rtol=1e-5, atol=1e-6)
    found.sum().backward()
    assert x.grad is not None
    again = net(rl.ones(2, 4), *given[1:]) if node.op_type != "CenterCropPad" else net(*given)
    assert again.shape[1] == 4  # other sizes of the same kind


def test_bodies_of_what_is_unknown_are_unknown(without):
    without("HardSwish")
    without("HardSigmoid")
    without("Clip")
    without("Max")
    with pytest.raises(FileFormatError, match=r"unknown operators: HardSwish"):
        loaded(helper.make_node("HardSwish", ["x"], ["y"]))


def test_sequences_are_unknown():
    assert not bodies.is_known("SequenceMap", "", 17)
    assert not bodies.is_known("DynamicQuantizeLinear", "", 17)
    assert not bodies.is_known("NoSuchOperator", "", 17)
    assert bodies.by_body() == []  # the table has them all; a newer onnx may have others
