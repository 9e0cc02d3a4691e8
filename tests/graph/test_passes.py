"""What passes make of a graph."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import rushlight as rl
from rushlight import nn
from rushlight.graph import Graph, drop_dead, fold_batch_norm, fold_constants, record
from rushlight.ops.contract import OPS


def run(graph: Graph, *arrays: Any) -> Any:
    """Compute the first output of a graph whose nodes are all ops, by the ops."""
    known = dict(zip(graph.inputs, arrays, strict=True))

    def held(value: Any) -> Any:
        if not hasattr(value, "kind"):
            return value
        return known.get(value, value.array)

    for node in graph.nodes:
        options = {key: held(value) for key, value in node.options.items()}
        outputs, _ = OPS[node.op].forward(*[held(x) for x in node.inputs], **options)
        known.update(zip(node.outputs, outputs, strict=True))
    return known[graph.outputs[0]]


def trained(*layers: Any) -> Any:
    """Return a model whose batch norms have statistics and parameters unlike 0 and 1."""
    model = nn.Sequential(*layers)
    rl.manual_seed(3)
    with rl.no_grad():
        for module in model.modules():
            if hasattr(module, "running_mean"):
                module.running_mean.normal_()
                module.running_var.uniform_(0.5, 2.0)
                if module.weight is not None:
                    module.weight.normal_()
                    module.bias.normal_()
    return model.eval()


IMAGES = rl.rand(2, 4, 6, 6)
VOLUMES = rl.rand(2, 4, 3, 4, 5)
CASES = [
    ((nn.Conv2d(4, 6, 3), nn.BatchNorm2d(6)), IMAGES),
    ((nn.Conv2d(4, 6, 3, bias=False, groups=2), nn.BatchNorm2d(6), nn.ReLU()), IMAGES),
    ((nn.Conv2d(4, 6, 3), nn.BatchNorm2d(6, affine=False)), IMAGES),
    ((nn.Conv3d(4, 2, 2, stride=2), nn.BatchNorm3d(2)), VOLUMES),
    ((nn.ConvTranspose2d(4, 6, 3, stride=2), nn.BatchNorm2d(6)), IMAGES),
    ((nn.ConvTranspose2d(4, 6, 3, groups=2, bias=False), nn.BatchNorm2d(6)), IMAGES),
    ((nn.Conv1d(6, 5, 2), nn.BatchNorm1d(5)), rl.rand(3, 6, 4)),
    ((nn.Linear(6, 5), nn.BatchNorm1d(5)), rl.rand(3, 6)),
    ((nn.Linear(6, 5, bias=False), nn.BatchNorm1d(5), nn.Linear(5, 2)), rl.rand(3, 6)),
]


@pytest.mark.parametrize("layers, x", CASES)
def test_batch_norms_fold_into_what_is_before_them(layers: Any, x: Any) -> None:
    model = trained(*layers)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    graph = record(model, x)
    count = len(graph.nodes)
    fold_batch_norm(graph)
    assert len(graph.nodes) == count - 1
    assert not any(node.op.startswith("batch_norm") for node in graph.nodes)
    with rl.no_grad():
        np.testing.assert_allclose(run(graph, x.numpy()), model(x).numpy(), rtol=2e-5, atol=2e-5)
    assert all((before[name] == value).all() for name, value in model.state_dict().items())
    assert not any("running" in value.name for value in graph.parameters)


class Shared(nn.Module):
    """Its convolution is read by the norm and by others."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(4, 4, 1), nn.BatchNorm2d(4)

    def forward(self, x: Any) -> Any:
        y = self.conv(x)
        return self.norm(y) + y


@pytest.mark.parametrize(
    "model, x",
    [
        (Shared(), IMAGES),
        (nn.Sequential(nn.Linear(6, 5), nn.BatchNorm1d(4)), rl.rand(3, 4, 6)),  # over dim 1
        (nn.Sequential(nn.ReLU(), nn.BatchNorm2d(4)), IMAGES),
        (nn.BatchNorm2d(4), IMAGES),
    ],
)
def test_batch_norms_that_stay(model: Any, x: Any) -> None:
    graph = record(model, x)
    count = len(graph.nodes)
    fold_batch_norm(graph)
    assert len(graph.nodes) == count
    with rl.no_grad():
        np.testing.assert_array_equal(run(graph, x.numpy()), model.eval()(x).numpy())


def test_one_convolution_before_two_norms() -> None:
    conv = nn.Conv2d(4, 4, 1)
    model = trained(conv, nn.BatchNorm2d(4), conv, nn.BatchNorm2d(4))
    graph = record(model, IMAGES)
    fold_batch_norm(graph)
    assert [node.op for node in graph.nodes] == ["conv", "conv"]
    names = [value.name for value in graph.constants()]
    assert len(set(names)) == len(names) == 4
    with rl.no_grad():
        np.testing.assert_allclose(run(graph, IMAGES.numpy()), model(IMAGES).numpy(), atol=1e-5)


class Prepared(nn.Module):
    """Its weight is computed from another at each call."""

    def __init__(self) -> None:
        super().__init__()
        self.raw, self.unused = nn.Parameter(rl.rand(3, 3)), nn.Parameter(rl.rand(2))

    def forward(self, x: Any) -> Any:
        _ = x * 3 + self.unused.sum()
        return x @ (self.raw.softmax(0) * rl.arange(3)).T


def test_constants_are_folded_and_dead_nodes_dropped() -> None:
    model = Prepared()
    graph = record(model, rl.rand(2, 3))
    fold_constants(graph)
    (node,) = graph.nodes
    assert node.op == "matmul" and node.inputs[1].kind == "constant"
    wanted = (model.raw.softmax(0) * rl.arange(3)).T.detach().numpy()
    np.testing.assert_array_equal(node.inputs[1].array, wanted)
    assert graph.parameters == () and graph.constants() == [node.inputs[1]]


def test_what_changes_with_a_size_is_not_folded() -> None:
    class Numbered(nn.Module):
        def forward(self, x: Any) -> Any:
            return x + rl.arange(x.shape[0]).unsqueeze(1)

    fixed = record(Numbered(), rl.rand(2, 3))
    fold_constants(fixed)
    assert [node.op for node in fixed.nodes] == ["add"]
    graph = record(Numbered(), rl.rand(2, 3), dynamic_axes={"x": {0: "n"}})
    fold_constants(graph)
    assert [node.op for node in graph.nodes] == ["arange", "reshape", "cast", "add"]


def test_dropping_keeps_what_is_returned() -> None:
    graph = record(Prepared(), rl.rand(2, 3))
    drop_dead(graph)
    assert [v.name for v in graph.parameters] == ["raw"]
    assert "sum" not in [node.op for node in graph.nodes]


def test_values_can_be_replaced_everywhere() -> None:
    graph = record(Shared(), IMAGES)
    conv, norm, add = graph.nodes
    graph.replace(norm.outputs[0], conv.outputs[0])
    assert add.inputs == (conv.outputs[0], conv.outputs[0])
    graph.replace(add.outputs[0], graph.inputs[0])
    assert graph.outputs == (graph.inputs[0],) and graph.result is graph.inputs[0]
