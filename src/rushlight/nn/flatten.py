"""Layers that only change the shape."""

from __future__ import annotations

from collections.abc import Sequence

from rushlight.errors import explain
from rushlight.nn.module import Steady
from rushlight.tensor import Tensor

__all__ = ["Flatten", "Unflatten"]


class Flatten(Steady):
    """Joins the dims from `start_dim` to `end_dim` into one.

    Args:
        start_dim: int, default 1 (all but the batch).
        end_dim: int, included; default -1.

    Shape:
        (N, S_1, ..., S_k) -> (N, S_1 * ... * S_k) with the defaults

    Example:
        >>> import rushlight as rl
        >>> rl.nn.Flatten()(rl.zeros(32, 1, 5, 5)).shape
        (32, 25)

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.Flatten.html
    """

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        super().__init__()
        self.start_dim = start_dim
        self.end_dim = end_dim

    def forward(self, input: Tensor) -> Tensor:
        return input.flatten(self.start_dim, self.end_dim)

    def extra_repr(self) -> str:
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"


class Unflatten(Steady):
    """Splits one dim into several.

    Args:
        dim: int, the dim to split.
        unflattened_size: ints whose product is its size; one may be -1.

    Shape:
        (*, S, *) -> (*, U_1, ..., U_k, *) with U_1 * ... * U_k = S

    Raises:
        TypeError: if unflattened_size is not a tuple or list of ints.

    Example:
        >>> import rushlight as rl
        >>> rl.nn.Unflatten(1, (2, 5, 5))(rl.zeros(32, 50)).shape
        (32, 2, 5, 5)

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.Unflatten.html
    """

    def __init__(self, dim: int, unflattened_size: Sequence[int]) -> None:
        super().__init__()
        right = isinstance(unflattened_size, (tuple, list))
        if not right or not all(isinstance(n, int) for n in unflattened_size):
            raise TypeError(
                explain("Unflatten", got=f"{unflattened_size!r}", expected="a tuple of ints")
            )
        self.dim = dim
        self.unflattened_size = unflattened_size

    def forward(self, input: Tensor) -> Tensor:
        return input.unflatten(self.dim, self.unflattened_size)

    def extra_repr(self) -> str:
        return f"dim={self.dim}, unflattened_size={self.unflattened_size}"
