"""Gathering and scattering of ONNX."""

from __future__ import annotations

from typing import Any

import numpy as np

import rushlight.functional as F
from rushlight.errors import ShapeError, explain
from rushlight.onnx.load.table import Node, operator
from rushlight.onnx.load.values import Value, as_array, as_value, carried, ints, like
from rushlight.tape import state
from rushlight.tensor import Tensor

__all__: list[str] = []


def _checked(indices: Any, size: int, node: Node) -> Any:
    """Return indices as a tensor of int64, which may count from the end."""
    found = as_array(indices)
    if found.size and (found.min() < -size or found.max() >= size):
        got = f"indices from {found.min()} to {found.max()}"
        raise IndexError(explain(node.title(), got=got, expected=f"{-size} to {size - 1}"))
    if isinstance(indices, Tensor):  # traced where the inputs name the places
        return like(indices, np.dtype(np.int64))
    return as_value(found.astype(np.int64))


def _places(indices: Any, size: int, node: Node) -> Any:
    """Return indices as a tensor of int64 from 0 on; they may count from the end."""
    found = _checked(indices, size, node)
    if state.trace is None and not (found._array < 0).any():
        return found
    return F.where(found < 0, found + size, found)


@operator("Gather")
@carried
def gather(node: Node, x: Any, indices: Value) -> Any:
    dim = node["axis"] % len(x.shape)
    return x[(slice(None),) * dim + (_checked(indices, x.shape[dim], node),)]


@operator("GatherElements")
@carried
def gather_elements(node: Node, x: Any, indices: Value) -> Any:
    dim = node["axis"] % len(x.shape)
    places = _places(indices, x.shape[dim], node)
    return F.gather(x, dim, places)


@operator("GatherND")
@carried
def gather_nd(node: Node, x: Any, indices: Value) -> Any:
    return x[_tuples(x, indices, node.get("batch_dims", 0), node)]


def _tuples(x: Any, indices: Any, batch: int, node: Node) -> tuple[Any, ...]:
    """Return an index of tensors: the batch's own places, then a column of the indices each."""
    own = []
    for dim in range(batch):
        shape = [1] * (len(indices.shape) - 1)
        shape[dim] = -1
        own.append(as_value(np.arange(x.shape[dim]).reshape(shape)))
    columns = [
        _checked(indices[..., i], x.shape[batch + i], node) for i in range(indices.shape[-1])
    ]
    return (*own, *columns)


@operator("ScatterElements", "Scatter")
@carried
def scatter_elements(node: Node, x: Any, indices: Value, updates: Any) -> Any:
    dim = node["axis"] % len(x.shape)
    places = _places(indices, x.shape[dim], node)
    how = node.get("reduction", "none")
    if how == "none":
        return F.scatter(x, dim, places, updates)
    return F.scatter_reduce(x, dim, places, updates, _REDUCTIONS[how])


_REDUCTIONS = {"add": "sum", "mul": "prod", "max": "amax", "min": "amin"}


@operator("ScatterND")
@carried
def scatter_nd(node: Node, x: Any, indices: Value, updates: Any) -> Any:
    """x with updates at tuples of indices; updates of one place go one after the other"""
    columns = as_array(indices)
    depth = columns.shape[-1]
    inner = x.shape[depth:]
    strides = np.cumprod([1, *reversed(x.shape[:depth])])[-2::-1] if depth else np.ones(0, int)
    flat = np.zeros(columns.shape[:-1], np.int64)
    for i, stride in enumerate(strides):
        places = _places(as_value(columns[..., i]), x.shape[i], node)
        flat = flat + as_array(places) * int(stride)
    rows = int(np.prod(x.shape[:depth]))
    width = int(np.prod(inner))
    base = F.reshape(x, [rows, width])
    source = F.reshape(updates, [flat.size, width])
    wide: Any = as_value(np.repeat(flat.reshape(-1, 1), width, axis=1))
    how = node.get("reduction", "none")
    if how == "none":
        found = F.scatter(base, 0, wide, source)
    else:
        found = F.scatter_reduce(base, 0, wide, source, _REDUCTIONS[how])
    return F.reshape(found, x.shape)


@operator("TensorScatter")
@carried
def tensor_scatter(node: Node, x: Any, update: Any, start: Value | None = None) -> Any:
    """x with the update written from a place of each batch on, around the end if 'circular'"""
    dim = node["axis"] % len(x.shape)
    batch, steps, size = x.shape[0], update.shape[dim], x.shape[dim]
    first = np.zeros(batch, np.int64) if start is None else np.array(ints(start))
    places = first[:, None] + np.arange(steps)
    if node["mode"] == "circular":
        places %= size
    elif places.size and places.max() >= size:
        got = f"steps up to {places.max()}"
        raise ShapeError(explain("TensorScatter", got=got, expected=f"at most {size - 1}"))
    shape = [1] * len(x.shape)
    shape[0], shape[dim] = places.shape
    spread: Any = np.broadcast_to(places.reshape(shape), update.shape)
    index: Any = as_value(np.ascontiguousarray(spread))
    return F.scatter(x, dim, index, update)


@operator("Compress")
@carried
def compress(node: Node, x: Any, condition: Value) -> Any:
    axis = node.get("axis")
    if axis is None:
        x, axis = F.reshape(x, -1), 0
    places = np.flatnonzero(as_array(condition))
    return F.index_select(x, axis % len(x.shape), F.tensor(places))


@operator("NonZero")
def non_zero(node: Node, x: Value) -> Any:
    return as_value(np.array(np.nonzero(as_array(x)), np.int64))


@operator("ArrayFeatureExtractor", domain="ai.onnx.ml")
@carried
def array_feature_extractor(node: Node, x: Any, indices: Value) -> Any:
    found: Tensor = x[..., F.reshape(_places(indices, x.shape[-1], node), -1)]
    return found if len(x.shape) > 1 else F.reshape(found, [1, -1])


@operator("Binarizer", domain="ai.onnx.ml")
def binarizer(node: Node, x: Any) -> Any:
    return F.gt(x, node["threshold"]).to(x.dtype)
