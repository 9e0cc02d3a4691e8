"""The affine map of the linear layer, and the map that is linear in each of two inputs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rushlight.errors import DtypeError, ShapeError, explain
from rushlight.functional.shaping import reshape, unsqueeze
from rushlight.ops import linalg
from rushlight.tape import apply

if TYPE_CHECKING:
    from rushlight.tensor.tensor import Tensor

__all__ = ["bilinear", "linear"]


def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Return x W^T + b over the last dim.

    Args:
        input: (*, in_features).
        weight: (out_features, in_features), or (in_features) without a bias.
        bias: (out_features), or None.

    Example:
        >>> import rushlight as rl
        >>> rl.nn.functional.linear(rl.ones(1, 2), rl.tensor([[1.0, 2.0]]), rl.tensor([0.5]))
        tensor([[3.5000]])
    """
    if weight._array.ndim == 1 and bias is None:
        return apply(linalg.matmul, (input, weight), {})
    return apply(linalg.linear, (input, weight, bias), {})


def bilinear(input1: Tensor, input2: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Return y_o = x1^T W_o x2 + b_o over the last dims.

    Args:
        input1: (*, in1_features).
        input2: (*, in2_features), the other dims those of input1.
        weight: (out_features, in1_features, in2_features).
        bias: (out_features), or None.

    Raises:
        RuntimeError: for other shapes or unequal dtypes.

    Example:
        >>> import rushlight as rl
        >>> rl.bilinear(rl.tensor([2.0]), rl.tensor([3.0]), rl.ones(1, 1, 1), rl.ones(1))
        tensor([7.])
    """
    _check_bilinear(input1, input2, weight, bias)
    (*lead, n), (outs, _, m) = input1._array.shape, weight._array.shape
    products = unsqueeze(input1, -1) * unsqueeze(input2, -2)  # (*, in1, in2)
    return linear(reshape(products, *lead, n * m), reshape(weight, outs, n * m), bias)


def _check_bilinear(x1: Tensor, x2: Tensor, weight: Tensor, bias: Tensor | None) -> None:
    given = [t._array for t in (x1, x2, weight, bias) if t is not None]
    if len({a.dtype for a in given}) > 1:
        got = f"dtypes {[a.dtype.name for a in given]}"
        raise DtypeError(explain("bilinear", got=got, expected="one dtype", fix="use .to(...)"))
    a, b, w = (x.shape for x in given[:3])
    fits = len(w) == 3 and a and b and a[:-1] == b[:-1] and (a[-1], b[-1]) == w[1:]
    if not fits or (bias is not None and bias._array.shape != w[:1]):
        expected = (
            f"(*, {w[1]}) and (*, {w[2]}), bias {w[:1]}" if len(w) == 3 else "3 dims of weight"
        )
        shapes = ", ".join(str(x.shape) for x in given)
        raise ShapeError(
            explain("bilinear", got=f"inputs, weight (and bias) {shapes}", expected=expected)
        )
