"""Single nodes as models: run by Rushlight, and by onnxruntime as the judge."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

import rushlight as rl

Array = Any


def normal(*shape: int, seed: int = 0) -> Array:
    return np.random.default_rng([seed, *shape]).standard_normal(shape).astype(np.float32)


def integers(*values: Any) -> Array:
    return np.array(values, np.int64)


@dataclass(frozen=True)
class Case:
    """A node: operator, version of the set, inputs (None: left out), how many outputs."""

    op: str
    version: int
    inputs: tuple[Any, ...]
    attributes: dict[str, Any] = field(default_factory=dict)
    outputs: int = 1
    domain: str = ""

    def __str__(self) -> str:
        shown = "-".join(f"{name}={value}" for name, value in self.attributes.items())
        return f"{self.op}{self.version}-{shown}".replace(" ", "")


def case(op: str, version: int, *inputs: Any, outputs: int = 1, **attributes: Any) -> Case:
    return Case(op, version, inputs, attributes, outputs)


def proto(node: Case, fixed: bool = False) -> Any:
    """Return the model of one node; its sizes are free, or `fixed` to those of the inputs."""
    from onnx import ValueInfoProto, helper

    names = ["" if x is None else f"x{i}" for i, x in enumerate(node.inputs)]
    results = [f"y{i}" for i in range(node.outputs)]
    made = helper.make_node(node.op, names, results, "node", domain=node.domain, **node.attributes)
    ports = [
        helper.make_tensor_value_info(
            name,
            helper.np_dtype_to_tensor_dtype(x.dtype),
            list(x.shape) if fixed else [None] * x.ndim,
        )
        for name, x in zip(names, node.inputs, strict=True)
        if name
    ]
    out = [ValueInfoProto(name=name) for name in results]
    graph = helper.make_graph([made], "node", ports, out)
    opsets = [helper.make_opsetid(node.domain, node.version)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=10)


def given(node: Case) -> list[Array]:
    return [x for x in node.inputs if x is not None]


def run(node: Case) -> list[Any]:
    """Return the outputs of Rushlight."""
    found = rl.onnx.load(proto(node))(*[rl.tensor(x) for x in given(node)])
    return list(found) if isinstance(found, tuple) else [found]


def judge(node: Case) -> list[Array]:
    """Return the outputs of onnxruntime."""
    ort = pytest.importorskip("onnxruntime")
    options = ort.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(proto(node, fixed=True).SerializeToString(), options)
    names = [port.name for port in session.get_inputs()]
    return list(session.run(None, dict(zip(names, given(node), strict=True))))


def agree(node: Case, atol: float = 1e-5) -> None:
    """Compare dtypes, shapes and values with onnxruntime's."""
    wanted = judge(node)
    for got, want in zip(run(node), wanted, strict=True):
        array = got.detach().numpy()
        assert array.dtype == want.dtype
        np.testing.assert_allclose(array, want, rtol=1e-4, atol=atol)


def check_gradient(node: Case, wanted: tuple[int, ...] | None = None) -> None:
    """Compare the gradients by the floating inputs with differences."""
    module = rl.onnx.load(proto(node)).double()
    inputs = [rl.tensor(x.astype(np.float64) if x.dtype.kind == "f" else x) for x in given(node)]
    for i, x in enumerate(inputs):
        if x.is_floating_point() and (wanted is None or i in wanted):
            x.requires_grad_()
    assert rl.check.gradcheck(lambda *args: module(*args), inputs)
