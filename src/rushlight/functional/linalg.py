"""Linear algebra: systems, determinants, factorizations and norms of (batches of) matrices.

The names of `torch.linalg` stand in `rushlight.linalg`, those that torch has at its top level too
here and there.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from rushlight.errors import DtypeError, ShapeError, explain
from rushlight.functional.composed import absolute
from rushlight.functional.creation import eye
from rushlight.functional.dims import one_dim
from rushlight.functional.elementwise import maximum, mul, where
from rushlight.functional.picking import tril, triu
from rushlight.functional.products import matmul
from rushlight.functional.reduction import norm as p_norm
from rushlight.functional.reduction import sum as total
from rushlight.functional.shaping import movedim, stack
from rushlight.ops import decompose
from rushlight.tape import TensorBase, apply, state

if TYPE_CHECKING:
    from rushlight.tensor.tensor import Tensor

__all__ = [
    "cholesky_inverse",
    "cholesky_solve",
    "cross",
    "det",
    "inverse",
    "logdet",
    "matrix_exp",
    "matrix_power",
    "pinverse",
    "slogdet",
]


class SlogDet(NamedTuple):
    """The sign of a determinant and the logarithm of its absolute value."""

    sign: Any
    logabsdet: Any


class QR(NamedTuple):
    """An orthogonal matrix and an upper triangular one."""

    Q: Any
    R: Any


class Eigh(NamedTuple):
    """Eigenvalues in ascending order and eigenvectors as columns."""

    eigenvalues: Any
    eigenvectors: Any


class SVD(NamedTuple):
    """Left singular vectors, singular values in descending order, right ones as rows."""

    U: Any
    S: Any
    Vh: Any


class LeastSquares(NamedTuple):
    """A solution and what is known of the system."""

    solution: Any
    residuals: Any
    rank: Any
    singular_values: Any


def _apply(where_: str, op: Any, *tensors: Tensor, **options: Any) -> Any:
    """Apply an op to floating tensors."""
    for x in tensors:
        if x._array.dtype.kind != "f":
            raise DtypeError(
                explain(where_, got=x.dtype, expected="a floating dtype", fix="convert with .to()")
            )
    return apply(op, tensors, options)


# ---- systems


def inv(A: Tensor) -> Tensor:
    """Return the inverse of square matrices (*, n, n).

    Raises:
        LinAlgError: a matrix is singular.

    Example:
        >>> import rushlight as rl
        >>> rl.linalg.inv(rl.tensor([[2.0, 0.0], [0.0, 4.0]]))
        tensor([[0.5000, 0.0000],
                [0.0000, 0.2500]])
    """
    return _apply("inv", decompose.inv, A)


inverse = inv


def solve(A: Tensor, B: Tensor, *, left: bool = True) -> Tensor:
    """Return the X of A X = B (X A = B for `left=False`); A is (*, n, n).

    B is (*, n) or (*, n, k): a batch of vectors if it has one dim less than A and its shape is
    that of A without the last, as in torch.

    Raises:
        LinAlgError: a matrix is singular.
    """
    vector = B._array.ndim == 1 or (
        B._array.ndim == A._array.ndim - 1 and B._array.shape == A._array.shape[:-1]
    )
    if vector and not left:
        raise ShapeError(
            explain("solve", got="a vector with left=False", expected="matrices (*, k, n)")
        )
    if not left:
        return solve(A.mT, B.mT).mT
    if vector:
        return _apply("solve", decompose.solve, A, B.unsqueeze(-1)).squeeze(-1)
    return _apply("solve", decompose.solve, A, B)


def solve_triangular(
    A: Tensor, B: Tensor, *, upper: bool, left: bool = True, unitriangular: bool = False
) -> Tensor:
    """Return the X of A X = B for the triangle of A alone; the rest of A is not looked at."""
    triangle = triu(A, int(unitriangular)) if upper else tril(A, -int(unitriangular))
    if unitriangular:
        triangle = triangle + eye(A.shape[-1], dtype=A.dtype)
    return solve(triangle, B, left=left)


def multi_dot(tensors: Sequence[Tensor]) -> Tensor:
    """Return the product of matrices in the order that costs least; the ends may be vectors."""
    if len(tensors) < 2:
        raise ShapeError(explain("multi_dot", got=len(tensors), expected="2 tensors or more"))
    first, last = tensors[0], tensors[-1]
    parts = list(tensors)
    if first.ndim == 1:
        parts[0] = first.unsqueeze(0)
    if last.ndim == 1:
        parts[-1] = last.unsqueeze(1)
    if any(p.ndim != 2 for p in parts):
        shapes = [tuple(t.shape) for t in tensors]
        raise ShapeError(explain("multi_dot", got=shapes, expected="matrices"))
    out = _cheapest(parts)
    if last.ndim == 1:
        out = out.squeeze(-1)
    return out.squeeze(0) if first.ndim == 1 else out


def _cheapest(parts: list[Tensor]) -> Tensor:
    """Multiply by dynamic programming over the splits (the matrix chain problem)."""
    sizes = [p.shape[0] for p in parts] + [parts[-1].shape[1]]
    n = len(parts)
    cost = {(i, i): 0 for i in range(n)}
    split: dict[tuple[int, int], int] = {}
    for length in range(1, n):
        for i in range(n - length):
            j = i + length
            choices = [
                (cost[i, k] + cost[k + 1, j] + sizes[i] * sizes[k + 1] * sizes[j + 1], k)
                for k in range(i, j)
            ]
            cost[i, j], split[i, j] = min(choices)

    def product(i: int, j: int) -> Tensor:
        if i == j:
            return parts[i]
        k = split[i, j]
        return matmul(product(i, k), product(k + 1, j))

    return product(0, n - 1)


_DRIVERS = {None: "r", "gelsy": "r", "gels": "e", "gelsd": "ers", "gelss": "ers"}


def lstsq(A: Tensor, B: Tensor, rcond: float | None = None, *, driver: Any = None) -> LeastSquares:
    """Return the X that makes ||A X - B|| least, of least norm if there are several.

    Args:
        A: matrices (*, m, n).
        B: (*, m) or (*, m, k).
        rcond: singular values below rcond times the largest count as 0; default eps * max(m, n).
        driver: says, as in torch, which fields are filled: residuals by 'gels', the rank by
            'gelsy' (the default), these and the singular values by 'gelsd' and 'gelss'. All are
            computed by singular values.
    """
    if driver not in _DRIVERS:
        raise RuntimeError(explain("lstsq", got=f"driver={driver!r}", expected=list(_DRIVERS)))
    decompose.matrices("lstsq", A._array, square=False)
    vector = B.ndim == A.ndim - 1
    right = B.unsqueeze(-1) if vector else B
    cut = np.finfo(A._array.dtype).eps * max(A.shape[-2:]) if rcond is None else rcond
    solution = matmul(pinv(A, cut), right)
    rank = matrix_rank(A, rtol=cut)
    residuals = values = A.new_empty(0)
    fields = _DRIVERS[driver]
    if "e" in fields and A.shape[-2] > A.shape[-1] and bool((rank == A.shape[-1]).all()):
        gap = matmul(A, solution) - right
        residuals = total(mul(gap, gap), -2)
    if "s" in fields:
        values = svdvals(A.detach())
    ranks = rank if "r" in fields else rank.new_empty(0)
    return LeastSquares(solution.squeeze(-1) if vector else solution, residuals, ranks, values)


# ---- determinants and powers


def det(A: Tensor) -> Tensor:
    """Return the determinants of matrices (*, n, n).

    Example:
        >>> import rushlight as rl
        >>> rl.linalg.det(rl.tensor([[1.0, 2.0], [3.0, 4.0]]))
        tensor(-2.)
    """
    return _apply("det", decompose.det, A)


def slogdet(A: Tensor) -> SlogDet:
    """Return the signs of the determinants and the logarithms of their absolute values."""
    return SlogDet(*_apply("slogdet", decompose.slogdet, A))


def logdet(input: Tensor) -> Tensor:
    """Return ln det; nan where the determinant is negative."""
    found = slogdet(input)
    return where(found.sign < 0, math.nan, found.logabsdet)


def matrix_power(A: Tensor, n: int) -> Tensor:
    """Return A multiplied n times with itself; its inverse for n < 0."""
    decompose.matrices("matrix_power", A._array)
    if n < 0:
        return matrix_power(inv(A), -n)
    if n == 0:
        one = eye(A.shape[-1], dtype=A.dtype)
        return (A * 0 + one) if A._requires_grad else one.expand(A.shape).clone()
    out, power = None, A
    while True:
        if n & 1:
            out = power if out is None else matmul(out, power)
        n >>= 1
        if not n:
            return out.clone() if out is A else out  # type: ignore[return-value]
        power = matmul(power, power)


def matrix_exp(A: Tensor) -> Tensor:
    """Return the sum of A**k / k! over k."""
    return _apply("matrix_exp", decompose.expm, A)


# ---- factorizations


def cholesky(A: Tensor, *, upper: bool = False) -> Tensor:
    """Return the lower triangular L of A = L L^T (the upper U of U^T U); A positive definite.

    Only the lower triangle of A is read; the gradient is that of a symmetric matrix.

    Raises:
        LinAlgError: a matrix is not positive definite.
    """
    y = _apply("cholesky", decompose.cholesky, A)
    return y.mT if upper else y


def cholesky_inverse(L: Tensor, upper: bool = False) -> Tensor:
    """Return the inverse of the matrix whose Cholesky factor is given."""
    half = inv(L)
    return matmul(half, half.mT) if upper else matmul(half.mT, half)


def cholesky_solve(B: Tensor, L: Tensor, upper: bool = False) -> Tensor:
    """Return the X of A X = B for the A whose Cholesky factor is given; B is (*, n, k).

    Example:
        >>> import rushlight as rl
        >>> rl.cholesky_solve(rl.tensor([[8.0]]), rl.tensor([[2.0]]))
        tensor([[2.]])
    """
    first, second = (L.mT, L) if upper else (L, L.mT)
    half = solve_triangular(first, B, upper=False)
    return solve_triangular(second, half, upper=True)


def qr(A: Tensor, mode: str = "reduced") -> QR:
    """Return the orthogonal Q and the upper triangular R of A = Q R, with min(m, n) columns."""
    if mode != "reduced":
        raise NotImplementedError(explain("qr", got=f"mode={mode!r}", expected="'reduced'"))
    return QR(*_apply("qr", decompose.qr, A))


def eigh(A: Tensor, UPLO: str = "L") -> Eigh:
    """Return eigenvalues and eigenvectors of symmetric matrices, of which one triangle is read."""
    if UPLO.upper() not in ("L", "U"):
        raise RuntimeError(explain("eigh", got=f"UPLO={UPLO!r}", expected="'L' or 'U'"))
    return Eigh(*_apply("eigh", decompose.eigh, A, upper=UPLO.upper() == "U"))


def eigvalsh(A: Tensor, UPLO: str = "L") -> Tensor:
    """Return the eigenvalues of symmetric matrices in ascending order."""
    return eigh(A, UPLO).eigenvalues


def svd(A: Tensor, full_matrices: bool = True, *, driver: Any = None) -> SVD:
    """Return U, S and Vh of A = U diag(S) Vh.

    With `full_matrices=True`, torch's default, U and Vh are square; there is no gradient through
    the vectors that this adds, so it is refused for matrices that are not square and need one.
    """
    if driver is not None:
        raise NotImplementedError(explain("svd", got=f"driver={driver!r}", expected="None"))
    if full_matrices and A.ndim >= 2 and A.shape[-1] != A.shape[-2]:
        if A._requires_grad:
            raise NotImplementedError(
                explain(
                    "svd",
                    got="full_matrices=True for a matrix that requires a gradient",
                    expected="full_matrices=False",
                )
            )
        parts = decompose.run("svd", lambda x: tuple(np.linalg.svd(x)), A._array)
        return SVD(*(A.new_tensor(p) for p in parts))
    return SVD(*_apply("svd", decompose.svd, A))


def svdvals(A: Tensor, *, driver: Any = None) -> Tensor:
    """Return the singular values in descending order."""
    return svd(A, full_matrices=False, driver=driver).S


def pinv(
    A: Tensor,
    rcond: Any = None,
    hermitian: bool = False,
    *,
    atol: Any = None,
    rtol: Any = None,
) -> Tensor:
    """Return the pseudo-inverse: singular values below max(atol, rtol * the largest) count as 0.

    Args:
        A: matrices (*, m, n).
        rcond: the older name of `rtol`.
        hermitian: take A as symmetric and read its lower triangle alone; default False.
        atol: number, or tensor of a number for each matrix; default 0.
        rtol: likewise; default the dtype's eps times max(m, n), or 0 if `atol` is above 0.
    """
    relative = rcond if rtol is None else rtol
    if hermitian:
        s, v = eigh(A)
        left, right = v, v.mT
        size = absolute(s)
    else:
        u, s, vh = svd(A, full_matrices=False)
        left, right, size = vh.mT, u.mT, s
    large = size > _cut(A, size, atol, relative)
    inverse = where(large, 1.0, 0.0).to(A.dtype) / where(large, s, 1.0)
    return matmul(left * inverse.unsqueeze(-2), right)


pinverse = pinv


def _cut(A: Tensor, s: Tensor, atol: Any, rtol: Any) -> Tensor:
    """Return the singular value at and below which all count as 0, a column for a batch."""
    values = s.detach()
    empty = not values.shape[-1]
    largest = values.new_zeros(*values.shape[:-1], 1) if empty else values.amax(-1, keepdim=True)
    low = _column(0.0 if atol is None else atol, values)
    if rtol is None:
        rtol = where(low > 0, 0.0, float(np.finfo(A._array.dtype).eps) * max(A.shape[-2:]))
    return maximum(low, largest * _column(rtol, values))


def _column(value: Any, like: Tensor) -> Tensor:
    """Return a number, or a tensor of a number for each matrix, as what goes with their values."""
    if not isinstance(value, TensorBase):
        return like.new_full((1,), value)
    if value._requires_grad and state.recording:
        got = "a tolerance that requires a gradient"
        raise RuntimeError(explain("pinv", got=got, expected="a constant", fix="detach() it"))
    tensor: Any = value.to(like.dtype)  # type: ignore[attr-defined]
    return (
        tensor if tensor.shape[-1:] == (1,) and tensor.ndim == like.ndim else tensor.unsqueeze(-1)
    )


def matrix_rank(
    A: Tensor, tol: Any = None, hermitian: bool = False, *, atol: Any = None, rtol: Any = None
) -> Tensor:
    """Return the number of singular values above max(atol, rtol * the largest).

    Args:
        A: matrices (*, m, n).
        tol: the older way to give `atol`, with rtol 0.
        hermitian, atol, rtol: as of `pinv`.
    """
    x = A.detach()
    if tol is not None:
        atol, rtol = tol, 0.0
    s = absolute(eigvalsh(x)) if hermitian else svdvals(x)
    return (s > _cut(A, s, atol, rtol)).sum(-1)


# ---- norms and products


def vector_norm(
    x: Tensor, ord: float = 2, dim: Any = None, keepdim: bool = False, *, dtype: Any = None
) -> Tensor:
    """Return the p-norm over `dim`, over all elements by default."""
    return p_norm(x if dtype is None else x.to(dtype), ord, dim, keepdim)


def matrix_norm(
    A: Tensor, ord: Any = "fro", dim: Any = (-2, -1), keepdim: bool = False, *, dtype: Any = None
) -> Tensor:
    """Return a norm of matrices: 'fro', 'nuc', 1, -1, inf, -inf (sums), 2, -2 (singular values)."""
    x = A if dtype is None else A.to(dtype)
    rows, columns = (one_dim(d, x.ndim, "matrix_norm") for d in dim)
    if ord == "fro":
        return p_norm(x, 2, (rows, columns), keepdim)
    x = movedim(x, (rows, columns), (-2, -1))
    if ord in ("nuc", 2, -2):
        s = svdvals(x)
        out = s.sum(-1) if ord == "nuc" else s.amax(-1) if ord == 2 else s.amin(-1)
    elif ord in (1, -1, math.inf, -math.inf):
        sums = absolute(x).sum(-2 if abs(ord) == 1 else -1)
        out = sums.amax(-1) if ord > 0 else sums.amin(-1)
    else:
        expected = "'fro', 'nuc', 1, -1, 2, -2, inf or -inf"
        raise RuntimeError(explain("matrix_norm", got=f"ord={ord!r}", expected=expected))
    if keepdim:
        for d in sorted((rows, columns)):
            out = out.unsqueeze(d)
    return out


def norm(
    A: Tensor, ord: Any = None, dim: Any = None, keepdim: bool = False, *, dtype: Any = None
) -> Tensor:
    """Return a norm: of matrices if two dims or a matrix with `ord` are given, else of vectors."""
    x = A if dtype is None else A.to(dtype)
    pair = isinstance(dim, (tuple, list)) and len(dim) == 2
    if ord is not None and (pair or (dim is None and x.ndim == 2)):
        return matrix_norm(x, ord, dim if pair else (-2, -1), keepdim)
    if isinstance(ord, str):
        raise RuntimeError(explain("norm", got=f"ord={ord!r}", expected="two dims for such an ord"))
    return vector_norm(x, 2 if ord is None else ord, dim, keepdim)


def cond(A: Tensor, p: Any = None) -> Tensor:
    """Return the condition number in a norm of `matrix_norm`; default the singular values'."""
    if p in (None, 2, -2):
        s = svdvals(A)
        return s[..., -1] / s[..., 0] if p == -2 else s[..., 0] / s[..., -1]
    return matrix_norm(A, p) * matrix_norm(inv(A), p)


def vecdot(x: Tensor, y: Tensor, *, dim: int = -1) -> Tensor:
    """Return the inner products along a dim."""
    return total(mul(x, y), dim)


def cross(input: Tensor, other: Tensor, dim: int | None = None) -> Tensor:
    """Return the cross products of vectors along a dim, by default the first of size 3."""
    if dim is None and 3 in input.shape:
        dim = input.shape.index(3)
    return cross_along(input, other, dim=-1 if dim is None else dim)


def cross_along(input: Tensor, other: Tensor, *, dim: int = -1) -> Tensor:
    """Return the cross products of vectors of 3 along a dim; the rest broadcasts.

    Example:
        >>> import rushlight as rl
        >>> rl.linalg.cross(rl.tensor([1.0, 0.0, 0.0]), rl.tensor([0.0, 1.0, 0.0]))
        tensor([0., 0., 1.])
    """
    d = one_dim(dim, input.ndim, "cross")
    if input.ndim != other.ndim or input.shape[d] != 3 or other.shape[d] != 3:
        raise ShapeError(
            explain(
                "cross",
                got=f"{input.shape} and {other.shape}",
                expected=f"as many dims and size 3 in dim {d}",
            )
        )
    a, b = input.unbind(d), other.unbind(d)
    parts = [a[i - 2] * b[i - 1] - a[i - 1] * b[i - 2] for i in range(3)]
    return stack(parts, d)


def vander(x: Tensor, N: int | None = None) -> Tensor:
    """Return the powers 0 to N - 1 (default the length) of the elements along a new last dim."""
    if not x.ndim:
        x = x.unsqueeze(0)
    n = x.shape[-1] if N is None else N
    if n < 1:
        raise RuntimeError(explain("vander", got=f"N={n}", expected="N >= 1"))
    return stack([x**k for k in range(n)], -1)


def tensorinv(A: Tensor, ind: int = 2) -> Tensor:
    """Return the inverse of the map from the last dims to the first `ind` ones."""
    front, back = A.shape[:ind], A.shape[ind:]
    return inv(A.reshape(math.prod(front), -1)).reshape(*back, *front)


def tensorsolve(A: Tensor, B: Tensor, dims: Any = None) -> Tensor:
    """Return the X of tensordot(A, X) = B; `dims` of A are moved to the end first."""
    if dims is not None:
        A = movedim(A, tuple(dims), tuple(range(A.ndim - len(dims), A.ndim)))
    shape = A.shape[B.ndim :]
    return solve(A.reshape(B.numel(), -1), B.reshape(-1)).reshape(shape)
