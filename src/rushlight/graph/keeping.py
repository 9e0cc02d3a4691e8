"""Whether a model keeps something from call to call, which a graph would not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import numpy as np

from rushlight.autograd import no_grad
from rushlight.errors import explain
from rushlight.graph.structure import RecordError
from rushlight.nn.module import Module
from rushlight.nn.summary.watching import tensors_in, untouched

__all__ = ["locked", "refuse_memory", "takes"]

_ROUNDING = 1e-4  # fused chains, which a second call may take, round otherwise

Arguments = tuple[tuple[Any, ...], dict[str, Any]]


@contextmanager
def locked(model: Module) -> Iterator[None]:
    """Make the arrays of parameters read-only, but those that a layer cuts as it looks them up."""
    held = [
        parameter._array
        for module in model.modules()
        if getattr(module, "max_norm", None) is None
        for parameter in module._parameters.values()
        if parameter is not None and parameter._array.flags.writeable
    ]
    for array in held:
        array.flags.writeable = False
    try:
        yield
    finally:
        for array in sorted(held, key=lambda array: array.base is not None):  # owners first
            with suppress(ValueError):
                array.flags.writeable = True


def refuse_memory(model: Module, example: Any, other: Any) -> None:
    """Refuse a model that says something else of inputs after it has seen others.

    Args:
        model: called in evaluation mode, and put back.
        example, other: functions that make new arguments.

    Raises:
        RecordError: if it does.
    """
    first, second, third = _outputs(model, [example(), other(), example()])
    (fresh,) = _outputs(model, [other()])
    if not (_alike(first, third) and _alike(second, fresh)):
        raise RecordError(
            explain(
                "record",
                got="a model that says something else of the same inputs when it is called again",
                expected="one that keeps no state from call to call",
                fix="give the state to forward as an input, and return what it becomes",
            )
        )


def takes(model: Module, arguments: Arguments) -> bool:
    """Tell whether the model takes arguments without an error."""
    try:
        _outputs(model, [arguments])
    except Exception:
        return False
    return True


def _outputs(model: Module, calls: Sequence[Arguments]) -> list[list[Any]]:
    """Return what a model says, call after call."""
    with untouched(model), locked(model), no_grad():
        model.eval()
        return [
            [tensor._array.copy() for tensor in tensors_in(model(*args, **kwargs))]
            for args, kwargs in calls
        ]


def _alike(mine: list[Any], others: list[Any]) -> bool:
    return len(mine) == len(others) and all(map(_same, mine, others))


def _same(a: Any, b: Any) -> bool:
    if a.shape != b.shape or a.dtype != b.dtype:
        return False
    if a.dtype.kind != "f":
        return np.array_equal(a, b)
    largest = np.abs(np.where(np.isfinite(a), a, 0)).max(initial=0)
    return np.allclose(a, b, rtol=0, atol=_ROUNDING * float(largest), equal_nan=True)
