"""Products: matmul, the linear layer's affine map, einsum."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

from rushlight.errors import DtypeError, ShapeError, explain
from rushlight.kernels import kernel
from rushlight.kernels.products import einsum as einsum_of
from rushlight.kernels.products import matmul as product_of
from rushlight.ops.contract import Saved, define
from rushlight.ops.elementwise import through_relu
from rushlight.ops.reduce import sum_to
from rushlight.ops.shape import expand, permute, reshape

Result = tuple[tuple[Any, ...], Saved]
Grads = tuple[Any, ...]


def swap(x: Any) -> Any:
    """Transpose the last two axes."""
    return permute(x, dims=(*range(x.ndim - 2), x.ndim - 1, x.ndim - 2))


def _same_dtype(where: str, *arrays: Any) -> None:
    dtypes = {a.dtype for a in arrays if a is not None}
    if len(dtypes) > 1:
        raise DtypeError(
            explain(
                where,
                got=f"dtypes {[a.dtype.name for a in arrays if a is not None]}",
                expected="one dtype",
                fix="convert with .to(...) first",
            )
        )


# ---- matmul


def _matmul_forward(a: Any, b: Any) -> Result:
    if a.dtype != b.dtype:
        _same_dtype("matmul", a, b)
    try:
        y = product_of(a, b)
    except ValueError:
        raise ShapeError(
            explain(
                "matmul",
                got=f"shapes {a.shape} and {b.shape}",
                expected="(..., n, k) and (..., k, m)",
                fix="transpose or reshape one of them",
            )
        ) from None
    return (y,), Saved((a, b))


def _matmul_backward(saved: Saved, grads: Grads, needs: Sequence[bool]) -> Sequence[Any]:
    (a, b), g = saved.inputs, grads[0]
    if a.ndim == 1 and b.ndim == 1:
        return (g * b if needs[0] else None, g * a if needs[1] else None)
    if a.ndim == 1:  # (k) (..., k, m): a is one row
        g = reshape(g, shape=(*g.shape[:-1], 1, g.shape[-1]))
        ga = matmul(g, swap(b)) if needs[0] else None
        gb = matmul(reshape(a, shape=(-1, 1)), g) if needs[1] else None
        return (None if ga is None else sum_to(ga, (1, a.shape[0])).reshape(a.shape), gb)
    if b.ndim == 1:  # (..., n, k) (k): b is one column
        g = reshape(g, shape=(*g.shape, 1))
        ga = matmul(g, reshape(b, shape=(1, -1))) if needs[0] else None
        gb = matmul(swap(a), g) if needs[1] else None
        return (ga, None if gb is None else sum_to(gb, (b.shape[0], 1)).reshape(b.shape))
    return (
        matmul(g, swap(b)) if needs[0] else None,
        matmul(swap(a), g) if needs[1] else None,
    )


matmul = define("matmul", _matmul_forward, _matmul_backward, fresh=True)


# ---- linear: y = x w^T + b, or relu of it


_linear = kernel("linear_forward")
_input_grad = kernel("linear_input_grad")
_weight_grad = kernel("linear_weight_grad")
_column_sum = kernel("column_sum")


def _linear_check(x: Any, w: Any, b: Any, **_: Any) -> None:
    if x.dtype != w.dtype or (b is not None and b.dtype != w.dtype):
        _same_dtype("linear", x, w, b)
    if x.ndim == 0 or x.shape[-1] != w.shape[-1] or w.ndim != 2:
        raise ShapeError(
            explain(
                "linear",
                got=f"input {x.shape} with weight {w.shape}",
                expected=f"input (*, {w.shape[-1]})",
                fix="flatten the input or set in_features to its last size",
            )
        )


def _linear_forward(x: Any, w: Any, b: Any, relu: bool = False) -> Result:
    y = _linear(x, w, b, relu)
    return (y,), Saved((x, w, None), (y,) if relu else ())


def _linear_backward(saved: Saved, grads: Grads, needs: Sequence[bool]) -> Sequence[Any]:
    (x, w, _), g = saved.inputs, through_relu(saved, grads[0])
    if g.ndim == 1:
        x, g = x[None], g[None]
    gx = _input_grad(g, w) if needs[0] else None
    return (
        gx if gx is None or saved.inputs[0].ndim > 1 else gx[0],
        _weight_grad(x, g) if needs[1] else None,
        _column_sum(g) if needs[2] else None,
    )


def _linear_graph_backward(saved: Saved, grads: Grads, needs: Sequence[bool]) -> Sequence[Any]:
    (x, w, _), g = saved.inputs, through_relu(saved, grads[0])
    count = prod(x.shape[:-1])
    rows, cols = reshape(g, shape=(count, w.shape[0])), reshape(x, shape=(count, w.shape[1]))
    return (
        reshape(matmul(rows, w), shape=x.shape) if needs[0] else None,
        matmul(swap(rows), cols) if needs[1] else None,
        sum_to(rows, (w.shape[0],)) if needs[2] else None,
    )


linear = define(
    "linear",
    _linear_forward,
    _linear_backward,
    graph_backward=_linear_graph_backward,
    fresh=True,
    takes_relu=True,
    check=_linear_check,
)


# ---- einsum without repeated letters in one operand (the caller takes diagonals first)


def _einsum_forward(*xs: Any, inputs: tuple[str, ...], output: str) -> Result:
    _same_dtype("einsum", *xs)
    y = einsum_of(f"{','.join(inputs)}->{output}", *xs)
    return (y,), Saved(xs, constants=(inputs, output))


def _einsum_backward(saved: Saved, grads: Grads, needs: Sequence[bool]) -> Sequence[Any]:
    (inputs, output), xs, g = saved.constants, saved.inputs, grads[0]
    found: list[Any] = []
    for i, (letters, need) in enumerate(zip(inputs, needs, strict=True)):
        if not need:
            found.append(None)
            continue
        rest = [j for j in range(len(xs)) if j != i]
        known = set(output).union(*(inputs[j] for j in rest))
        reached = "".join(c for c in letters if c in known)
        part = einsum(
            g, *(xs[j] for j in rest), inputs=(output, *(inputs[j] for j in rest)), output=reached
        )
        shape = tuple(n if c in known else 1 for c, n in zip(letters, xs[i].shape, strict=True))
        found.append(expand(reshape(part, shape=shape), shape=xs[i].shape))
    return found


einsum = define("einsum", _einsum_forward, _einsum_backward, view=True)
