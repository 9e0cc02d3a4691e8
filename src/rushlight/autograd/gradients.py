"""Gradients on request: accumulated into leaves, or returned."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from rushlight.errors import ShapeError, explain
from rushlight.tape import TensorBase, accumulate, run_backward, wrap

__all__ = ["backward", "grad"]


def _seeds(outputs: Sequence[Any], gradients: Sequence[Any], create_graph: bool) -> list[Any]:
    if len(outputs) != len(gradients):
        got = f"{len(outputs)} outputs and {len(gradients)} gradients"
        raise RuntimeError(explain("backward", got=got, expected="a gradient (or None) for each"))
    seeds = []
    for output, gradient in zip(outputs, gradients, strict=True):
        if not output._requires_grad:
            raise RuntimeError(
                "backward: got a tensor that does not require grad and has no graph, expected the "
                "result of recorded ops; set requires_grad=True on an input, and leave no_grad()"
            )
        if gradient is None:
            if output._array.size != 1:
                raise RuntimeError(
                    explain(
                        "backward",
                        got=f"an output {output.shape} without a gradient",
                        expected="one element",
                        fix="reduce it with sum() or mean(), or pass gradient=",
                    )
                )
            gradient = wrap(np.ones(output._array.shape, output._array.dtype))
        elif not isinstance(gradient, TensorBase):
            got = f"a gradient of type {type(gradient).__name__}"
            raise TypeError(explain("backward", got=got, expected="a Tensor or None"))
        elif gradient._array.shape != output.shape:
            raise ShapeError(
                explain(
                    "backward", got=f"a gradient {gradient._array.shape}", expected=output.shape
                )
            )
        if gradient.dtype != output.dtype:
            gradient = gradient.to(output.dtype)
        seeds.append(gradient if create_graph else gradient._array)
    return seeds


def backward(
    tensors: Any,
    grad_tensors: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    inputs: Any = None,
) -> None:
    """Accumulate the gradients of `tensors` into `.grad` of the leaves (or of `inputs` only)."""
    outputs = [tensors] if isinstance(tensors, TensorBase) else list(tensors)
    gradients = _list(grad_tensors, len(outputs))
    keep = create_graph if retain_graph is None else retain_graph
    seeds = _seeds(outputs, gradients, create_graph)
    if inputs is None:
        run_backward(outputs, seeds, retain_graph=keep, create_graph=create_graph)
        return
    wanted = _wanted("backward", inputs)
    found = run_backward(
        outputs, seeds, wanted=wanted, retain_graph=keep, create_graph=create_graph
    )
    for tensor, gradient in zip(wanted, found, strict=True):
        if gradient is not None:
            accumulate(tensor, gradient, False, create_graph)


def _wanted(where: str, inputs: Any) -> list[Any]:
    found = [inputs] if isinstance(inputs, TensorBase) else list(inputs)
    if not found:
        raise RuntimeError(explain(where, got="no inputs", expected="a tensor or more"))
    return found


def _list(values: Any, length: int) -> list[Any]:
    if values is None:
        return [None] * length
    return list(values) if isinstance(values, (list, tuple)) else [values]


def grad(
    outputs: Any,
    inputs: Any,
    grad_outputs: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    allow_unused: bool | None = None,
    materialize_grads: bool = False,
) -> tuple[Any, ...]:
    """Return the gradients of `outputs` by `inputs`; no `.grad` is touched.

    Args:
        outputs, inputs: a tensor or a sequence of them.
        grad_outputs: gradients by the outputs; default 1 for one element.
        retain_graph: keep the graph for another pass; default `create_graph`.
        create_graph: record the pass, so that its result can be differentiated again.
        allow_unused: give None for an input that the outputs do not depend on; default an error.
        materialize_grads: give zeros for such an input.

    Example:
        >>> import rushlight as rl
        >>> x = rl.tensor(3.0, requires_grad=True)
        >>> (dx,) = rl.autograd.grad(x**3, x, create_graph=True)
        >>> rl.autograd.grad(dx, x)[0]
        tensor(18.)
    """
    roots = [outputs] if isinstance(outputs, TensorBase) else list(outputs)
    wanted = _wanted("grad", inputs)
    if materialize_grads and allow_unused is False:
        got = "materialize_grads=True with allow_unused=False"
        raise ValueError(explain("grad", got=got, expected="one of them"))
    for i, tensor in enumerate(wanted):
        if not tensor._requires_grad:
            raise RuntimeError(f"grad: input {i} does not require grad")
    seeds = _seeds(roots, _list(grad_outputs, len(roots)), create_graph)
    keep = create_graph if retain_graph is None else retain_graph
    found = run_backward(roots, seeds, wanted=wanted, retain_graph=keep, create_graph=create_graph)
    if materialize_grads:
        zeros = np.zeros_like if not create_graph else lambda array: wrap(np.zeros_like(array))
        found = [zeros(t._array) if g is None else g for t, g in zip(wanted, found, strict=True)]
    if not allow_unused:
        for i, gradient in enumerate(found):
            if gradient is None:
                raise RuntimeError(
                    f"grad: input {i} is not used by the outputs; pass allow_unused=True for None"
                )
    if create_graph:
        return tuple(found)
    return _owned(found, seeds)


def _owned(found: Sequence[Any], seeds: Sequence[Any]) -> tuple[Any, ...]:
    """Return gradients as tensors of which none shares memory with another or with a seed."""
    held = {id(seed) for seed in seeds}
    tensors = []
    for g in found:
        if g is not None:
            if not g.flags.owndata or id(g) in held:
                g = g.copy()
            held.add(id(g))
        tensors.append(None if g is None else wrap(g))
    return tuple(tensors)
