"""Parameters as one vector."""

from __future__ import annotations

from collections.abc import Iterable

from rushlight.errors import ShapeError, explain
from rushlight.functional.shaping import cat
from rushlight.tensor import Tensor

__all__ = ["parameters_to_vector", "vector_to_parameters"]


def parameters_to_vector(parameters: Iterable[Tensor]) -> Tensor:
    """Return the elements of all parameters as one vector.

    Example:
        >>> import rushlight as rl
        >>> parameters_to_vector([rl.zeros(1, 2), rl.ones(1)])
        tensor([0., 0., 1.])
    """
    return cat([p.reshape(-1) for p in parameters])


def vector_to_parameters(vec: Tensor, parameters: Iterable[Tensor]) -> None:
    """Make the parameters views of parts of a vector.

    Raises:
        TypeError: if `vec` is not a Tensor.
        RuntimeError: if its length is not the number of elements of the parameters.
    """
    if not isinstance(vec, Tensor):
        raise TypeError(
            explain("vector_to_parameters", got=type(vec).__name__, expected="a Tensor")
        )
    found = list(parameters)
    count = sum(p.numel() for p in found)
    if vec.shape != (count,):
        raise ShapeError(
            explain("vector_to_parameters", got=f"a vector {vec.shape}", expected=(count,))
        )
    start = 0
    for parameter in found:
        part = vec.data[start : start + parameter.numel()]
        parameter.data = part.reshape(parameter.shape)
        start += parameter.numel()
