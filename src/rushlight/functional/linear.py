"""The affine map of the linear layer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rushlight.ops import linalg
from rushlight.tape import apply

if TYPE_CHECKING:
    from rushlight.tensor.tensor import Tensor

__all__ = ["linear"]


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
