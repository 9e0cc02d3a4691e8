"""Linear systems, determinants and factorizations of (batches of) matrices.

Every backward is the matrix calculus of its factorization, in terms of the factors and of other
ops, so it serves the second order too. Dimension pairs (-2, -1) are rows and columns.

Source: Giles 2008, "An extended collection of matrix derivative results for forward and reverse
mode algorithmic differentiation"; Walter and Lehmann 2018, https://arxiv.org/abs/1001.1654 (QR).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from rushlight.errors import LinAlgError, ShapeError, explain
from rushlight.ops.contract import Saved, define
from rushlight.ops.elementwise import where
from rushlight.ops.linalg import matmul, swap
from rushlight.ops.reduce import sum_to
from rushlight.ops.shape import cat, reshape

__all__ = ["cholesky", "det", "eigh", "expm", "inv", "qr", "slogdet", "solve", "svd"]

Result = tuple[tuple[Any, ...], Saved]
Grads = tuple[Any, ...]
Needs = Sequence[bool]


def matrices(where_: str, x: Any, square: bool = True) -> None:
    """Check that x is a floating (batch of) matrices, square ones where that is asked."""
    if x.ndim < 2 or (square and x.shape[-1] != x.shape[-2]):
        raise ShapeError(
            explain(
                where_,
                got=f"a tensor {x.shape}",
                expected=f"(*, {'n, n' if square else 'm, n'})",
            )
        )


def run(where_: str, f: Callable[..., Any], *arrays: Any, **options: Any) -> Any:
    """Call NumPy; a matrix that it cannot take is an error that says so."""
    dtype = arrays[0].dtype
    wide = [a.astype(np.float32) if dtype == np.float16 else a for a in arrays]
    try:
        found = f(*wide, **options)
    except np.linalg.LinAlgError as error:
        text = str(error).rstrip(".")
        raise LinAlgError(
            explain(
                where_, got=f"{arrays[0].shape}: {text}", expected="a matrix for which it exists"
            )
        ) from None
    parts = found if isinstance(found, tuple) else (found,)
    parts = tuple(np.asarray(p).astype(dtype, copy=False) for p in parts)
    return parts if isinstance(found, tuple) else parts[0]


def _outer_diag(d: Any) -> Any:
    """Return d as columns that scale the rows of what they multiply: (*, n) -> (*, n, 1)."""
    return reshape(d, shape=(*d.shape, 1))


def _rows(d: Any) -> Any:
    """Return d as a row that scales columns: (*, n) -> (*, 1, n)."""
    return reshape(d, shape=(*d.shape[:-1], 1, d.shape[-1]))


def _column(x: Any) -> Any:
    return reshape(x, shape=(*x.shape, 1, 1))


def _eye(n: int) -> Any:
    return np.eye(n, dtype=np.bool_)


def _on_diagonal(d: Any) -> Any:
    """Return the matrices with d on their diagonal."""
    return where(_rows(d), 0.0, condition=_eye(d.shape[-1]))


# ---- inverse and solution


def _inv_forward(a: Any) -> Result:
    matrices("inv", a)
    y = run("inv", np.linalg.inv, a)
    return (y,), Saved((None,), (y,))


def _inv_backward(saved: Saved, grads: Grads, needs: Needs) -> Grads:
    y = swap(saved.outputs[0])
    return (-matmul(matmul(y, grads[0]), y),)


inv = define("inv", _inv_forward, _inv_backward, casts="none")


def _solve_forward(a: Any, b: Any) -> Result:
    matrices("solve", a)
    if b.ndim < 2 or b.shape[-2] != a.shape[-1] or a.dtype != b.dtype:
        raise ShapeError(
            explain(
                "solve",
                got=f"{a.dtype} {a.shape} and {b.dtype} {b.shape}",
                expected="(*, n, n) and (*, n, k) of one dtype",
            )
        )
    x = run("solve", np.linalg.solve, a, b)
    return (x,), Saved((a, None), (x,), b.shape)


def _solve_backward(saved: Saved, grads: Grads, needs: Needs) -> Grads:
    a, x = saved.inputs[0], saved.outputs[0]
    gb = solve(swap(a), grads[0])
    ga = sum_to(-matmul(gb, swap(x)), a.shape) if needs[0] else None
    return ga, sum_to(gb, saved.constants) if needs[1] else None


solve = define("solve", _solve_forward, _solve_backward, casts="none")


# ---- determinants


def _det_forward(a: Any) -> Result:
    matrices("det", a)
    return (run("det", np.linalg.det, a),), Saved((a,))


def _cofactors(a: Any) -> Any:
    """Return the derivative of det, which exists for singular matrices too."""
    u, s, vt = run("det", np.linalg.svd, a)
    n = s.shape[-1]
    others = np.where(_eye(n), 1.0, s[..., None, :]).prod(-1)
    sign = np.linalg.det(u) * np.linalg.det(vt)
    return (u * (others * sign[..., None])[..., None, :] @ vt).astype(a.dtype, copy=False)


def _det_backward(saved: Saved, grads: Grads, needs: Needs) -> Grads:
    return (_cofactors(saved.inputs[0]) * _column(grads[0]),)


def _det_graph_backward(saved: Saved, grads: Grads, needs: Needs) -> Grads:
    a = saved.inputs[0]
    return (swap(inv(a)) * _column(grads[0] * det(a)),)


det = define("det", _det_forward, _det_backward, graph_backward=_det_graph_backward, casts="none")


def _slogdet_forward(a: Any) -> Result:
    matrices("slogdet", a)
    sign, logabs = run("slogdet", lambda x: tuple(np.linalg.slogdet(x)), a)
    return (sign, logabs), Saved((a,))


def _slogdet_backward(saved: Saved, grads: Grads, needs: Needs) -> Grads:
    a, g = saved.inputs[0], grads[1]
    return (a * 0.0 if g is None else swap(inv(a)) * _column(g),)


slogdet = define("slogdet", _slogdet_forward, _slogdet_backward, casts="none")


# ---- factorizations


def _lower(x: Any, below: int = 0) -> Any:
    """Return the lower triangle from the diagonal that many cells below the main one."""
    return where(x, 0.0, condition=np.tri(x.shape[-2], x.shape[-1], -below, dtype=np.bool_))


def _cholesky_forward(a: Any) -> Result:
    matrices("cholesky", a)
    y = run("cholesky", np.linalg.cholesky, a)
    return (y,), Saved((None,), (y,))


def _cholesky_backward(saved: Saved, grads: Grads, needs: Needs) -> Grads:
    y = saved.outputs[0]
    p = _lower(matmul(swap(y), _lower(grads[0])))
    p = p + swap(_lower(p, 1))
    half = solve(swap(y), p * 0.5)  # y^-T p
    return (swap(solve(swap(y), swap(half))),)  # ... y^-1


cholesky = define("cholesky", _cholesky_forward, _cholesky_backward, casts="none")


def _qr_forward(a: Any) -> Result:
    matrices("qr", a, square=False)
    q, r = run("qr", lambda x: tuple(np.linalg.qr(x)), a)
    return (q, r), Saved((a,), (q, r))


def _zeros(g: Any, like: Any) -> Any:
    return like * 0.0 if g is None else g


def _qr_backward(saved: Saved, grads: Grads, needs: Needs) -> Grads:
    (a,), (q, r) = saved.inputs, saved.outputs
    gq, gr = _zeros(grads[0], q), _zeros(grads[1], r)
    m, n = a.shape[-2:]
    if m >= n:
        return (_tall_qr(q, r, gq, gr),)
    rest, left = (Ellipsis, slice(m, None)), (Ellipsis, slice(None, m))
    gy = gr[rest]  # a = (x, y) with x = q u and r = (u, v), so y = q v
    gx = _tall_qr(q, r[left], gq + matmul(a[rest], swap(gy)), gr[left])
    return (cat(gx, matmul(q, gy), dim=a.ndim - 1),)


def _tall_qr(q: Any, r: Any, gq: Any, gr: Any) -> Any:
    m = matmul(r, swap(gr)) - matmul(swap(gq), q)
    m = _lower(m) + swap(_lower(m, 1))
    return swap(solve(r, swap(gq + matmul(q, m))))


qr = define("qr", _qr_forward, _qr_backward, casts="none")


def _gaps(values: Any) -> Any:
    """Return values_j - values_i at (i, j), and 1 on the diagonal."""
    return where(1.0, _rows(values) - _outer_diag(values), condition=_eye(values.shape[-1]))


def _eigh_forward(a: Any, upper: bool) -> Result:
    matrices("eigh", a)
    w, v = run("eigh", lambda x: tuple(np.linalg.eigh(x, "U" if upper else "L")), a)
    return (w, v), Saved((None,), (w, v))


def _eigh_backward(saved: Saved, grads: Grads, needs: Needs) -> Grads:
    w, v = saved.outputs
    gw, gv = grads
    inner = 0.0 if gw is None else _on_diagonal(gw)
    if gv is not None:
        turn = matmul(swap(v), gv) / _gaps(w)
        inner = where(0.0, turn, condition=_eye(w.shape[-1])) + inner
    g = matmul(matmul(v, inner), swap(v))
    return ((g + swap(g)) * 0.5,)  # as of a symmetric matrix, though one triangle is read


eigh = define("eigh", _eigh_forward, _eigh_backward, casts="none")


def _svd_forward(a: Any) -> Result:
    matrices("svd", a, square=False)
    u, s, vt = run("svd", lambda x: tuple(np.linalg.svd(x, full_matrices=False)), a)
    return (u, s, vt), Saved((None,), (u, s, vt))


def _svd_backward(saved: Saved, grads: Grads, needs: Needs) -> Grads:
    u, s, vt = saved.outputs
    gu, gs, gvt = grads
    total: Any = 0.0 if gs is None else _on_diagonal(gs)
    gaps = _gaps(s * s)
    if gu is not None:
        turn = matmul(swap(u), gu)
        total = (turn - swap(turn)) / gaps * _rows(s) + total
    if gvt is not None:
        turn = matmul(vt, swap(gvt))
        total = (turn - swap(turn)) / gaps * _outer_diag(s) + total
    g = matmul(matmul(u, total), vt) if not isinstance(total, float) else None
    k = s.shape[-1]
    if gu is not None and u.shape[-2] > k:  # what leaves the span of u
        away = gu - matmul(u, matmul(swap(u), gu))
        g = g + matmul(away / _rows(s), vt)
    if gvt is not None and vt.shape[-1] > k:
        away = gvt - matmul(matmul(gvt, swap(vt)), vt)
        g = g + matmul(u, away / _outer_diag(s))
    return (g,)


svd = define("svd", _svd_forward, _svd_backward, casts="none")


# ---- the exponential


def _expm(a: Any) -> Any:
    from scipy.linalg import expm as scipy_expm  # only who needs it pays for the import

    return scipy_expm(a) if a.size else a.copy()


def _expm_forward(a: Any) -> Result:
    matrices("matrix_exp", a)
    return (run("matrix_exp", _expm, a),), Saved((a,))


def _expm_backward(saved: Saved, grads: Grads, needs: Needs) -> Grads:
    """The derivative stands in the upper right block of exp((a^T, g), (0, a^T))."""
    a, g = swap(saved.inputs[0]), grads[0]
    n = a.shape[-1]
    top, bottom = cat(a, g, dim=a.ndim - 1), cat(a * 0.0, a, dim=a.ndim - 1)
    block = expm(cat(top, bottom, dim=a.ndim - 2))
    return (block[..., :n, n:],)


expm = define("matrix_exp", _expm_forward, _expm_backward, casts="none")
