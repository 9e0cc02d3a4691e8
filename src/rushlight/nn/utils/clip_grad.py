"""Norms and clipping of gradients."""

from __future__ import annotations

from collections.abc import Iterable
from math import inf, isfinite

import numpy as np

from rushlight.arrays import Array
from rushlight.autograd import no_grad
from rushlight.errors import DtypeError, explain
from rushlight.kernels.products import norm
from rushlight.tape import wrap, wrote
from rushlight.tensor import Tensor

__all__ = [
    "clip_grad_norm_",
    "clip_grad_value_",
    "clip_grads_with_norm_",
    "get_total_norm",
]

Tensors = Tensor | Iterable[Tensor]


def _list(tensors: Tensors) -> list[Tensor]:
    return [tensors] if isinstance(tensors, Tensor) else list(tensors)


def _gradients(parameters: Tensors) -> list[Tensor]:
    return [p.grad for p in _list(parameters) if p.grad is not None]


def _norm(array: Array, order: float) -> float:
    flat = array.ravel(order="K")
    if not flat.size:
        return 0.0
    with np.errstate(all="ignore"):
        found = _of_vector(flat, order)
        if found == inf and order != inf and flat.dtype != np.float64:
            found = _of_vector(flat.astype(np.float64), order)  # squares overflowed
    return found


def _of_vector(flat: Array, order: float) -> float:
    return norm(flat) if order == 2 else float(np.linalg.norm(flat, order))


def total_of(arrays: list[Array], order: float) -> Array:
    """Return the norm of several arrays taken as one vector, without dims."""
    total = _norm(np.array([_norm(array, order) for array in arrays]), order)
    dtype = np.result_type(*[a.dtype for a in arrays]) if arrays else np.dtype(np.float32)
    with np.errstate(over="ignore"):
        return np.asarray(total, dtype)


def shrink(arrays: list[Array], largest: float, norm: Array | float) -> None:
    """Scale arrays in place by largest / (norm + 1e-6) if that is below 1."""
    factor = largest / (float(norm) + 1e-6)
    if not factor >= 1.0:  # nan goes on into the gradients, as in torch
        with np.errstate(all="ignore"):
            for array in arrays:
                array *= factor


def get_total_norm(
    tensors: Tensors,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """Return the norm of several tensors taken as one vector.

    Args:
        tensors: a tensor or an iterable of them.
        norm_type: float, the p of the p-norm, `inf` for the largest magnitude; default 2.
        error_if_nonfinite: whether inf or nan is an error; default False.
        foreach: accepted and ignored.

    Raises:
        RuntimeError: for a norm that is inf or nan, if asked for, or for integers.
    """
    found = _list(tensors)
    for tensor in found:
        if not tensor.is_floating_point():
            got = f"a tensor {tensor.dtype.name}"
            raise DtypeError(explain("get_total_norm", got=got, expected="floating dtypes"))
    total = total_of([t._array for t in found], float(norm_type))
    if error_if_nonfinite and not isfinite(float(total)):
        raise RuntimeError(
            explain(
                f"the total norm of order {norm_type}",
                got=float(total),
                expected="a finite number",
                fix="look for inf or nan in the gradients, or pass error_if_nonfinite=False",
            )
        )
    return wrap(total)


def clip_grads_with_norm_(
    parameters: Tensors, max_norm: float, total_norm: Tensor, foreach: bool | None = None
) -> None:
    """Scale gradients in place by max_norm / (total_norm + 1e-6) if that is below 1."""
    gradients = _gradients(parameters)
    norm = total_norm._array if isinstance(total_norm, Tensor) else total_norm
    shrink([gradient._array for gradient in gradients], float(max_norm), norm)
    for gradient in gradients:
        wrote("mul", gradient, how="forget")


def clip_grad_norm_(
    parameters: Tensors,
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """Scale the gradients in place so that their total norm is at most `max_norm`.

    Args:
        parameters: a tensor or an iterable of them; those without gradient are skipped.
        max_norm: float, the largest norm.
        norm_type: float, the p of the p-norm, `inf` for the largest magnitude; default 2.
        error_if_nonfinite: whether a norm of inf or nan is an error; default False.
        foreach: accepted and ignored.

    Returns:
        The total norm before scaling.

    Example:
        >>> import rushlight as rl
        >>> w = rl.tensor([3.0, 4.0], requires_grad=True)
        >>> (w * w).sum().backward()
        >>> clip_grad_norm_(w, max_norm=1.0)
        tensor(10.)
        >>> w.grad
        tensor([0.6000, 0.8000])

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.utils.clip_grad_norm_.html
    """
    found = _list(parameters)
    total = get_total_norm(_gradients(found), norm_type, error_if_nonfinite)
    clip_grads_with_norm_(found, max_norm, total)
    return total


def clip_grad_value_(parameters: Tensors, clip_value: float, foreach: bool | None = None) -> None:
    """Limit every element of the gradients to ±clip_value, in place."""
    with no_grad():
        for gradient in _gradients(parameters):
            gradient.clamp_(-float(clip_value), float(clip_value))
