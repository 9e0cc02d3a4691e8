"""Products of matrices and einsum."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from rushlight.errors import ShapeError, explain
from rushlight.functional.dims import one_dim, varargs
from rushlight.functional.picking import diagonal
from rushlight.functional.shaping import expand, movedim
from rushlight.ops import linalg
from rushlight.tape import TensorBase, apply

if TYPE_CHECKING:
    from rushlight.tensor.tensor import Tensor

__all__ = [
    "addbmm",
    "addmm",
    "addmv",
    "addr",
    "baddbmm",
    "bmm",
    "dot",
    "einsum",
    "inner",
    "matmul",
    "mm",
    "mv",
    "outer",
    "tensordot",
    "vdot",
]


def matmul(input: Tensor, other: Tensor) -> Tensor:
    """Return the matrix product, with vectors and broadcast batches as in NumPy and torch.

    Example:
        >>> import rushlight as rl
        >>> rl.ones(2, 3) @ rl.ones(3)
        tensor([3., 3.])
    """
    return apply(linalg.matmul, (input, other), {})


def _product(where: str, a: Tensor, b: Tensor, dims: tuple[int, int]) -> Tensor:
    if (a._array.ndim, b._array.ndim) != dims:
        raise ShapeError(
            explain(
                where,
                got=f"shapes {a.shape} and {b.shape}",
                expected=f"{dims[0]} and {dims[1]} dims",
                fix="matmul broadcasts",
            )
        )
    return matmul(a, b)


def mm(input: Tensor, mat2: Tensor) -> Tensor:
    """Return the product of two matrices."""
    return _product("mm", input, mat2, (2, 2))


def bmm(input: Tensor, mat2: Tensor) -> Tensor:
    """Return the products of two batches of matrices, (B, n, k) and (B, k, m)."""
    if input._array.shape[:1] != mat2._array.shape[:1]:
        raise ShapeError(
            explain("bmm", got=f"batches {input.shape} and {mat2.shape}", expected="equal batches")
        )
    return _product("bmm", input, mat2, (3, 3))


def mv(input: Tensor, vec: Tensor) -> Tensor:
    """Return the product of a matrix and a vector."""
    return _product("mv", input, vec, (2, 1))


def dot(input: Tensor, tensor: Tensor) -> Tensor:
    """Return the inner product of two vectors."""
    return _product("dot", input, tensor, (1, 1))


def outer(input: Tensor, vec2: Tensor) -> Tensor:
    """Return the outer product of two vectors."""
    if input._array.ndim != 1 or vec2._array.ndim != 1:
        raise ShapeError(
            explain("outer", got=f"shapes {input.shape}, {vec2.shape}", expected="two vectors")
        )
    return input.unsqueeze(1) * vec2


def _added(input: Tensor, product: Tensor, beta: float, alpha: float) -> Tensor:
    scaled = product if alpha == 1 else product * alpha
    if beta == 0:  # nan and inf in the input do not get through
        shape = np.broadcast_shapes(input._array.shape, scaled._array.shape)
        return expand(scaled, shape) if shape != scaled._array.shape else scaled
    return (input if beta == 1 else input * beta) + scaled


def addmm(
    input: Tensor, mat1: Tensor, mat2: Tensor, *, beta: float = 1, alpha: float = 1
) -> Tensor:
    """Return beta * input + alpha * (mat1 @ mat2); the input does not count for beta 0."""
    return _added(input, mm(mat1, mat2), beta, alpha)


def addmv(input: Tensor, mat: Tensor, vec: Tensor, *, beta: float = 1, alpha: float = 1) -> Tensor:
    """Return beta * input + alpha * (mat @ vec); the input does not count for beta 0."""
    return _added(input, mv(mat, vec), beta, alpha)


def addr(input: Tensor, vec1: Tensor, vec2: Tensor, *, beta: float = 1, alpha: float = 1) -> Tensor:
    """Return beta * input + alpha * outer(vec1, vec2); the input does not count for beta 0."""
    return _added(input, outer(vec1, vec2), beta, alpha)


def baddbmm(
    input: Tensor, batch1: Tensor, batch2: Tensor, *, beta: float = 1, alpha: float = 1
) -> Tensor:
    """Return beta * input + alpha * bmm(batch1, batch2); the input does not count for beta 0."""
    return _added(input, bmm(batch1, batch2), beta, alpha)


def addbmm(
    input: Tensor, batch1: Tensor, batch2: Tensor, *, beta: float = 1, alpha: float = 1
) -> Tensor:
    """Return beta * input + alpha * the sum of the products of two batches of matrices."""
    return _added(input, bmm(batch1, batch2).sum(0), beta, alpha)


def inner(input: Tensor, other: Tensor) -> Tensor:
    """Return the sums of products over the last dims."""
    if not input._array.ndim or not other._array.ndim:
        return input * other
    return tensordot(input, other, ([-1], [-1]))


def tensordot(a: Tensor, b: Tensor, dims: Any = 2) -> Tensor:
    """Sum products over dims: the last `dims` of a with the first of b, or two lists of them."""
    m, n = a._array.ndim, b._array.ndim
    if isinstance(dims, int):
        ours, theirs = list(range(m - dims, m)), list(range(dims))
    else:
        ours = [one_dim(d, m, "tensordot") for d in varargs((dims[0],))]
        theirs = [one_dim(d, n, "tensordot") for d in varargs((dims[1],))]
    if [a._array.shape[d] for d in ours] != [b._array.shape[d] for d in theirs]:
        raise ShapeError(
            explain(
                "tensordot",
                got=f"shapes {a.shape} and {b.shape}, dims {ours} and {theirs}",
                expected="equal sizes",
            )
        )
    rows = [d for d in range(m) if d not in ours]
    cols = [d for d in range(n) if d not in theirs]
    size = prod(a._array.shape[d] for d in ours)
    left = a.permute(*rows, *ours).reshape(prod(a._array.shape[d] for d in rows), size)
    right = b.permute(*theirs, *cols).reshape(size, prod(b._array.shape[d] for d in cols))
    shape = [a._array.shape[d] for d in rows] + [b._array.shape[d] for d in cols]
    return matmul(left, right).reshape(shape)


vdot = dot


def einsum(equation: str, *operands: Any) -> Tensor:
    """Sum products of the operands as a subscript equation says.

    Args:
        equation: as in NumPy: letters, commas, `->`, and `...` for further dims.
        operands: the tensors (or one sequence of them).

    Raises:
        RuntimeError: if the equation does not fit the operands.

    Example:
        >>> import rushlight as rl
        >>> rl.einsum("ij,j->i", rl.ones(2, 3), rl.arange(3.0))
        tensor([3., 3.])
    """
    if len(operands) == 1 and not isinstance(operands[0], TensorBase):
        operands = tuple(operands[0])
    inputs, output = _letters(equation.replace(" ", ""), [x._array.ndim for x in operands])
    tensors = []
    for i, x in enumerate(operands):
        letters = inputs[i]
        for c in dict.fromkeys(letters):
            while letters.count(c) > 1:  # take the diagonal of a repeated letter
                a = letters.index(c)
                b = letters.index(c, a + 1)
                x = movedim(diagonal(x, 0, a, b), -1, a)
                letters = letters[:b] + letters[b + 1 :]
        inputs[i] = letters
        tensors.append(x)
    _check_sizes(equation, inputs, tensors)
    return apply(linalg.einsum, tuple(tensors), {"inputs": tuple(inputs), "output": output})


def _letters(equation: str, ndims: list[int]) -> tuple[list[str], str]:
    """Return the subscripts of each operand and of the output, `...` spelled out in letters."""
    left, arrow, right = equation.partition("->")
    inputs = left.split(",")
    if len(inputs) != len(ndims):
        raise RuntimeError(
            explain(
                "einsum", got=f"{len(ndims)} operands", expected=f"{len(inputs)} ({equation!r})"
            )
        )
    spare = [chr(c) for c in range(0x41, 0x7B) if chr(c).isalpha() and chr(c) not in equation]
    widest = max(
        [n - len(s.replace("...", "")) for s, n in zip(inputs, ndims, strict=True) if "..." in s],
        default=0,
    )
    dots = "".join(spare[: max(widest, 0)])
    for i, (letters, ndim) in enumerate(zip(inputs, ndims, strict=True)):
        free = ndim - len(letters.replace("...", ""))
        if free < 0 or (free and "..." not in letters):
            raise RuntimeError(
                explain("einsum", got=f"operand {i} of {ndim} dims", expected=f"{letters!r}")
            )
        inputs[i] = letters.replace("...", dots[len(dots) - free :])
    if not arrow:
        joined = "".join(inputs)
        once = sorted(c for c in set(joined) if joined.count(c) == 1 and c not in dots)
        return inputs, dots + "".join(once)
    output = right.replace("...", dots)
    if len(set(output)) < len(output) or not set(output) <= set("".join(inputs)):
        raise RuntimeError(
            explain("einsum", got=f"output {right!r}", expected="letters of the inputs, each once")
        )
    return inputs, output


def _check_sizes(equation: str, inputs: list[str], tensors: list[Tensor]) -> None:
    sizes: dict[str, int] = {}
    for letters, x in zip(inputs, tensors, strict=True):
        for c, n in zip(letters, x._array.shape, strict=True):
            if sizes.setdefault(c, n) != n:
                raise ShapeError(
                    explain(
                        f"einsum {equation!r}",
                        got=f"sizes {sizes[c]} and {n} for one letter, shapes "
                        f"{[t.shape for t in tensors]}",
                        expected="equal sizes",
                    )
                )
