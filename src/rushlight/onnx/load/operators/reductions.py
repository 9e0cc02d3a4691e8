"""Reductions of ONNX, and the places of extremes."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np

import rushlight.functional as F
from rushlight.onnx.load.table import Node, operator
from rushlight.onnx.load.values import Value, as_array, as_value, carried, ints, like, scalar
from rushlight.tape import TensorBase
from rushlight.tensor import Tensor

__all__ = ["lowest"]

Formula = Callable[..., Any]  # (x, dims, keepdim) -> result


def _over(node: Node, x: Value, axes: Value | None) -> list[int]:
    """Return the dims to reduce, by attribute in older sets and by input in newer ones.

    Where none is named, all of them, or none if the node says so: it then reduces nothing, but
    applies what else belongs to it, such as the logarithm.
    """
    stated = node.get("axes") if axes is None else ints(axes)
    if not stated:
        return [] if node.get("noop_with_empty_axes") else list(range(len(x.shape)))
    return [axis % len(x.shape) if len(x.shape) else axis for axis in stated]


def _sum(x: Tensor, dims: Any, keepdim: bool) -> Any:
    return F.sum(x, dims, keepdim).to(x.dtype) if dims else x


def _mean(x: Tensor, dims: Any, keepdim: bool) -> Any:
    if not dims:
        return x
    if x.is_floating_point():
        return F.mean(x, dims, keepdim)
    count = prod(x.shape[dim] for dim in dims)
    return F.div(_sum(x, dims, keepdim), count, rounding_mode="trunc").to(x.dtype)


def _product(x: Tensor, dims: Any, keepdim: bool) -> Any:
    y = x
    for dim in sorted(dims, reverse=True):
        y = F.prod(y, dim, keepdim)
    return y.to(x.dtype)


def _extreme(f: Any, logic: Any, empty: Any) -> Formula:
    def reduced(x: Tensor, dims: Any, keepdim: bool) -> Any:
        if not dims:
            return x
        if x.dtype == np.bool_:
            return logic(x, dims, keepdim)
        if all(x.shape[dim] for dim in dims):
            return f(x, dims, keepdim)
        kept = [1 if i in dims else n for i, n in enumerate(x.shape) if keepdim or i not in dims]
        return F.full(kept, empty(x.dtype), dtype=x.dtype)

    return reduced


def lowest(dtype: Any) -> Any:
    """Return the lowest number of a dtype, which no other is below."""
    return -float("inf") if dtype.kind == "f" else int(np.iinfo(dtype).min)


def _highest(dtype: Any) -> Any:
    return float("inf") if dtype.kind == "f" else int(np.iinfo(dtype).max)


def _log_sum_exp(x: Tensor, dims: Any, keepdim: bool) -> Any:
    if not dims:
        return x
    if not all(x.shape[dim] for dim in dims):
        return F.log(_sum(x, dims, keepdim))
    return F.logsumexp(x, dims, keepdim)


def _squares(x: Tensor, dims: Any, keepdim: bool) -> Any:
    return _sum(F.mul(x, x), dims, keepdim)


_REDUCTIONS: dict[str, Formula] = {
    "ReduceSum": _sum,
    "ReduceMean": _mean,
    "ReduceProd": _product,
    "ReduceMax": _extreme(F.amax, F.any, lowest),
    "ReduceMin": _extreme(F.amin, F.all, _highest),
    "ReduceL1": lambda x, dims, keepdim: _sum(F.abs(x), dims, keepdim),
    "ReduceL2": lambda x, dims, keepdim: F.sqrt(_squares(x, dims, keepdim)).to(x.dtype),
    "ReduceLogSum": lambda x, dims, keepdim: F.log(_sum(x, dims, keepdim)).to(x.dtype),
    "ReduceLogSumExp": _log_sum_exp,
    "ReduceSumSquare": _squares,
}


def _reduction(f: Formula) -> Callable[..., Any]:
    def function(node: Node, x: Value, axes: Value | None = None) -> Any:
        dims = _over(node, x, axes)
        if not isinstance(x, TensorBase):  # unsigned integers: int64 holds what they add up to
            wide = F.tensor(as_array(x).astype(np.int64 if x.dtype.kind == "u" else np.float32))
            return like(f(wide, dims, bool(node["keepdims"])), x.dtype)
        return f(x, dims, bool(node["keepdims"]))

    return function


for _name, _f in _REDUCTIONS.items():
    operator(_name)(_reduction(_f))


# ---- places


def _place(node: Node, x: Value, f: Any) -> Any:
    """the index of the extreme along an axis: the first of several, or the last"""
    dim, keepdim = node["axis"] % len(x.shape), bool(node["keepdims"])
    if not isinstance(x, TensorBase):
        x = F.tensor(as_array(x).astype(np.float64))
    if not node.get("select_last_index"):
        return f(x, dim, keepdim)
    return F.sub(x.shape[dim] - 1, f(F.flip(x, dim), dim, keepdim))


@operator("ArgMax")
def arg_max(node: Node, x: Value) -> Any:
    return _place(node, x, F.argmax)


@operator("ArgMin")
def arg_min(node: Node, x: Value) -> Any:
    return _place(node, x, F.argmin)


@operator("TopK")
def top_k(node: Node, x: Value, k: Value | None = None) -> Any:
    """the k largest or smallest along an axis and their places; of equals the first goes first"""
    count = node["k"] if k is None else scalar(k)
    dim = node["axis"] % len(x.shape)
    largest = bool(node.get("largest", 1))
    if isinstance(x, TensorBase):
        return tuple(F.topk(x, count, dim, largest))
    array = as_array(x)
    order = np.argsort(_descending(array) if largest else array, axis=dim, kind="stable")
    places = F.narrow(F.tensor(order), dim, 0, count)
    return np.take_along_axis(array, as_array(places), dim), places


def _descending(array: Any) -> Any:
    """Return numbers whose ascending order is the descending one of an array."""
    return ~array if array.dtype.kind in "iu" else -array


@operator("Unique")
def unique(node: Node, x: Value) -> Any:
    """the distinct slices, where each is first, where each slice of x went, and how many"""
    axis = node.get("axis")
    array = as_array(x)
    _, first, back, counts = np.unique(
        array, return_index=True, return_inverse=True, return_counts=True, axis=axis
    )
    if not node["sorted"]:
        order = np.argsort(first)
        first, counts, back = first[order], counts[order], np.argsort(order)[back.reshape(-1)]
    rows = F.tensor(first.astype(np.int64))
    flat, dim = (x.reshape(-1), 0) if axis is None else (x, axis)
    found = carried(lambda node, x: F.index_select(x, dim, rows))(node, flat)
    tail = (as_value(a.reshape(-1).astype(np.int64)) for a in (first, back, counts))
    return (found, *tail)
