"""Questions that a tensor answers with yes or no, and the tensor outside the graph."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rushlight.arrays import is_float
from rushlight.errors import ShapeError, explain
from rushlight.tape import cell, traced, wrap

if TYPE_CHECKING:
    from rushlight.tensor.tensor import Tensor

__all__ = ["detach", "is_complex", "is_floating_point", "is_nonzero", "is_signed"]


def is_floating_point(input: Tensor) -> bool:
    """Tell whether the dtype is floating."""
    return is_float(input._array.dtype)


def is_complex(input: Tensor) -> bool:
    """Tell whether the dtype is complex; none is."""
    return False


def is_signed(input: Tensor) -> bool:
    """Tell whether the dtype holds negative numbers."""
    return input._array.dtype.kind in "fi"


@traced()
def is_nonzero(input: Tensor) -> bool:
    """Tell whether the only element is not 0.

    Raises:
        RuntimeError: if there is not one element.

    Example:
        >>> import rushlight as rl
        >>> rl.is_nonzero(rl.tensor([0.5]))
        True
    """
    if input._array.size != 1:
        got = f"a tensor {input.shape}"
        raise ShapeError(explain("is_nonzero", got=got, expected="one element", fix="any(), all()"))
    return bool(input._array.item())


def detach(input: Tensor) -> Tensor:
    """Return a tensor outside the graph that shares the memory."""
    out = wrap(input._array)
    out._version = cell(input)
    return out
