"""Random numbers and dropout, all of them from Rushlight's generators.

A node with a `seed` has a stream of its own, which goes on from call to call; the others share the
default generator, so that `rushlight.manual_seed` rules them.
"""

from __future__ import annotations

from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from rushlight import functional as F
from rushlight.errors import explain
from rushlight.onnx.load.operators.casting import dtype_of
from rushlight.onnx.load.table import Node, operator
from rushlight.onnx.load.values import as_array, as_value, scalar
from rushlight.ops import dropout as ops
from rushlight.random import Generator, source_of
from rushlight.tape import apply, wrap
from rushlight.tensor import Tensor

__all__: list[str] = []

_streams: WeakKeyDictionary[Node, Generator] = WeakKeyDictionary()


def _source(node: Node) -> Generator:
    seed = node.get("seed")
    if seed is None:
        return source_of(None)
    if node not in _streams:
        whole = seed if isinstance(seed, int) else int(np.float32(seed).view(np.uint32))
        _streams[node] = Generator(whole % 2**63)
    return _streams[node]


# ---- numbers


def _cast(node: Node, values: Any, like: Any = None) -> Any:
    said = node.get("dtype")
    return as_value(values.astype(as_array(like).dtype if said is None else dtype_of(said, node)))


def _normal(node: Node, shape: Any, like: Any = None) -> Any:
    mean, scale = float(node.get("mean", 0.0)), float(node.get("scale", 1.0))
    return _cast(node, _source(node).normal(tuple(shape), mean, scale), like)


def _uniform(node: Node, shape: Any, like: Any = None) -> Any:
    low, high = float(node.get("low", 0.0)), float(node.get("high", 1.0))
    return _cast(node, _source(node).uniform(tuple(shape), low, high), like)


@operator("RandomNormal")
def _random_normal(node: Node) -> Any:
    return _normal(node, node["shape"])


@operator("RandomUniform")
def _random_uniform(node: Node) -> Any:
    return _uniform(node, node["shape"])


@operator("RandomNormalLike")
def _random_normal_like(node: Node, x: Any) -> Any:
    return _normal(node, as_array(x).shape, x)


@operator("RandomUniformLike")
def _random_uniform_like(node: Node, x: Any) -> Any:
    return _uniform(node, as_array(x).shape, x)


@operator("Bernoulli", since=15)
def _bernoulli(node: Node, p: Tensor) -> Any:
    return _cast(node, F.bernoulli(p, generator=_source(node))._array, p)


@operator("Multinomial", since=7)
def _multinomial(node: Node, x: Tensor) -> Any:
    """Classes (N, sample_size), drawn by the unnormalized log-probabilities (N, C)."""
    count = int(node.get("sample_size", 1))
    found = F.multinomial(F.softmax(x.detach(), 1), count, True, generator=_source(node))
    return _cast(node, found._array)


# ---- dropout


def _dropped(node: Node, x: Tensor, p: float, training: bool, mask_dtype: Any) -> Any:
    if not 0.0 <= p <= 1.0:
        where = f"{node.op} ({node.name})"
        raise ValueError(explain(where, got=f"ratio {p}", expected="a probability, 0 to 1"))
    keep = None
    if training and p > 0.0:
        keep = _source(node).bernoulli(tuple(x.shape), 1.0 - p)
        factor = (keep * (0.0 if p == 1.0 else 1.0 / (1.0 - p))).astype(x.dtype)
        x = apply(ops.dropout, (x,), {"factor": factor})
    if not node.wants(1):
        return x
    return x, wrap(np.ones(x.shape, mask_dtype) if keep is None else keep.astype(mask_dtype))


@operator("Dropout")
def _dropout_by_attribute(node: Node, x: Tensor) -> Any:
    training = node.training and not node.get("is_test", 0)
    return _dropped(node, x, float(node.get("ratio", 0.5)), training, x.dtype)


@operator("Dropout", since=7)
def _dropout_of_modules(node: Node, x: Tensor) -> Any:
    """Versions 7 to 11 do not say when to drop: the module's mode does."""
    dtype = np.bool_ if node.version >= 10 else x.dtype
    return _dropped(node, x, float(node.get("ratio", 0.5)), node.training, dtype)


@operator("Dropout", since=12)
def _dropout(node: Node, x: Tensor, ratio: Any = None, training_mode: Any = None) -> Any:
    training = node.training or bool(scalar(training_mode, False))
    return _dropped(node, x, float(scalar(ratio, 0.5)), training, np.bool_)
