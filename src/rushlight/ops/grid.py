"""Sampling of images at given cells with given weights, and its two gradients.

    y[n, :, p] = sum over k of w[k, n, p] * x[n, :, cells[k, n, p]]

is linear in x and in w, so with the output's cotangent g the three maps are each other's gradients,
as those of a convolution are:

    <sample(x, w), g> = <x, spread(g, w)> = <w, weigh(x, g)>

Which cells a place meets is piecewise constant; the weights carry the gradient by the place.
Shapes: x (N, C, *S), w and cells (K, N, P), g (N, C, *O) with P = prod(O).
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any, TypeAlias

import numpy as np

from rushlight.arrays import channel_rows, from_channel_rows, widened
from rushlight.errors import DtypeError, ShapeError, explain
from rushlight.ops.contract import Saved, define
from rushlight.ops.elementwise import mask

__all__ = ["Cells", "piece", "sample", "spread", "weigh"]

Result = tuple[tuple[Any, ...], Saved]
Grads = tuple[Any, ...]
Ints: TypeAlias = tuple[int, ...]


class Cells:
    """The cells that each place meets, as the pattern of a sparse matrix (N * P, N * prod(S)).

    Args:
        flat: int64 (K, N, P), the number of a cell in a plane of S; -1 is outside and counts as 0.
        size: S.
        out: O, with P = prod(O).
    """

    def __init__(self, flat: Any, size: Ints, out: Ints) -> None:
        self.shape, self.size, self.out = flat.shape, size, out
        k, n, p = flat.shape
        self.inside = flat >= 0
        rows = flat + prod(size) * np.arange(n)[:, None]
        self.rows = np.where(self.inside, rows, 0).reshape(k, n * p)
        within = self.inside.reshape(k, n * p).T  # (N * P, K)
        self.indices = self.rows.T[within]
        self.starts = np.concatenate([[0], np.cumsum(within.sum(1))])

    def matrix(self, w: Any) -> Any:
        """Return the sparse matrix with the weights w (K, N, P)."""
        from scipy.sparse import csr_array

        k, n, p = self.shape
        within = self.inside.reshape(k, n * p).T
        data = w.reshape(k, n * p).T[within]
        shape = (n * p, n * prod(self.size))
        return csr_array((data, self.indices, self.starts), shape=shape)


def _rows(x: Any) -> Any:
    """(N, C, *S) -> (N * prod(S), C), C-ordered; float32 for float16, which SciPy has no sums of"""
    return widened(np.ascontiguousarray(channel_rows(x)))


def _image(rows: Any, shape: Ints, dtype: Any) -> Any:
    return from_channel_rows(rows.astype(dtype, copy=False), shape)


def _match(where: str, cells: Cells, x: Any = None, g: Any = None, w: Any = None) -> None:
    """Check the arrays that a map takes: an image, a gradient, weights."""
    n = cells.shape[1]
    given = [a for a in (x, g, w) if a is not None]
    right = all(
        a is None or (a.ndim == 2 + len(size) and a.shape[0] == n and a.shape[2:] == size)
        for a, size in ((x, cells.size), (g, cells.out))
    )
    channels = {a.shape[1] for a in (x, g) if a is not None}
    if not right or len(channels) > 1 or (w is not None and w.shape != cells.shape):
        expected = f"images ({n}, C, *{cells.size}), gradients ({n}, C, *{cells.out})"
        raise ShapeError(
            explain(
                where,
                got=f"shapes {[a.shape for a in given]}",
                expected=f"{expected}, weights {cells.shape}",
            )
        )
    if len({a.dtype for a in given}) > 1:
        got = f"dtypes {[a.dtype.name for a in given]}"
        raise DtypeError(explain(where, got=got, expected="one dtype", fix="convert with .to(...)"))


def _sample_forward(x: Any, w: Any, cells: Cells) -> Result:
    _match("sample", cells, x=x, w=w)
    rows = cells.matrix(widened(w)) @ _rows(x)
    y = _image(rows, (*x.shape[:2], *cells.out), x.dtype)
    return (y,), Saved((x, w), constants=(cells,))


def _sample_backward(saved: Saved, grads: Grads, needs: Sequence[bool]) -> Sequence[Any]:
    (x, w), (cells,), g = saved.inputs, saved.constants, grads[0]
    return (
        spread(g, w, cells=cells) if needs[0] else None,
        weigh(x, g, cells=cells) if needs[1] else None,
    )


def _spread_forward(g: Any, w: Any, cells: Cells) -> Result:
    _match("spread", cells, g=g, w=w)
    rows = cells.matrix(widened(w)).T @ _rows(g)
    dx = _image(rows, (*g.shape[:2], *cells.size), g.dtype)
    return (dx,), Saved((g, w), constants=(cells,))


def _spread_backward(saved: Saved, grads: Grads, needs: Sequence[bool]) -> Sequence[Any]:
    (g, w), (cells,), x = saved.inputs, saved.constants, grads[0]
    return (
        sample(x, w, cells=cells) if needs[0] else None,
        weigh(x, g, cells=cells) if needs[1] else None,
    )


def _weigh_forward(x: Any, g: Any, cells: Cells) -> Result:
    _match("weigh", cells, x=x, g=g)
    values, rows = _rows(x), _rows(g)
    dw = np.zeros((len(cells.rows), len(rows)), values.dtype)
    if values.size and rows.size:
        for part, at in zip(dw, cells.rows, strict=True):  # one of the K cells of every place
            np.einsum("pc,pc->p", values.take(at, 0), rows, out=part)
    dw = np.where(cells.inside, dw.reshape(cells.shape), 0).astype(x.dtype, copy=False)
    return (dw,), Saved((x, g), constants=(cells,))


def _weigh_backward(saved: Saved, grads: Grads, needs: Sequence[bool]) -> Sequence[Any]:
    (x, g), (cells,), w = saved.inputs, saved.constants, grads[0]
    return (
        spread(g, w, cells=cells) if needs[0] else None,
        sample(x, w, cells=cells) if needs[1] else None,
    )


sample = define("sample", _sample_forward, _sample_backward, fresh=True)
spread = define("spread", _spread_forward, _spread_backward, fresh=True)
weigh = define("weigh", _weigh_forward, _weigh_backward, fresh=True)


# ---- a piecewise linear function whose values and slopes are known


def _piece_forward(x: Any, value: Any, slope: Any) -> Result:
    """Return `value`, f(x) for an f that has the slope `slope` at x and is linear around it."""
    if value.shape != x.shape or slope.shape != x.shape:
        raise ShapeError(
            explain("piece", got=f"{value.shape} and {slope.shape} for {x.shape}", expected="x's")
        )
    return (value.astype(x.dtype),), Saved((None,), constants=(slope.astype(x.dtype, copy=False),))


def _piece_backward(saved: Saved, grads: Grads, needs: Sequence[bool]) -> Sequence[Any]:
    return (grads[0] * mask(saved.constants[0]),)


piece = define("piece", _piece_forward, _piece_backward, fresh=True)
