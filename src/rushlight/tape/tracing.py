"""Functions that compute outside of ops, and the values that leave tensors, seen by a trace."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import numpy as np

from rushlight.tape.nodes import TensorBase, state, untaped

__all__ = ["left", "traced"]

P = ParamSpec("P")
R = TypeVar("R")


def traced(inputs: int = 1, name: str = "") -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Trace each call of a function as one call, whatever it computes by.

    Args:
        inputs: how many of the function's first parameters are the arguments of the traced call;
            the others are its options.
        name: of the call; default: the function's.

    A trace has no outputs where the function returns no tensor: a value has left the tensors.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        op = untaped(name or getattr(function, "__name__", ""))
        known: list[Any] = []

        @wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> R:
            trace = state.trace
            if trace is None:
                return function(*args, **kwargs)
            state.trace = None
            try:
                result = function(*args, **kwargs)
            finally:
                state.trace = trace
            if not known:
                known.append(inspect.signature(function))
            given = known[0].bind(*args, **kwargs)
            given.apply_defaults()
            items = list(given.arguments.items())
            outputs = result if isinstance(result, (tuple, list)) else (result,)
            made = tuple(out for out in outputs if isinstance(out, TensorBase))
            taken = tuple(value for _, value in items[:inputs])
            trace.append((op, taken, dict(items[inputs:]), made, watched(items[inputs:])))
            return result

        return call

    return decorate


def left(name: str, tensor: Any) -> None:
    """Trace that elements leave a tensor, as `traced` does: for methods that cost no more than its
    wrapper. They call this only where `state.trace` is set."""
    if state.trace is not None:
        state.trace.append((untaped(name), (tensor,), {}, (), ()))


def watched(items: list[tuple[str, Any]]) -> list[Any]:
    """Return the tensors among options."""
    return [value for _, value in items if isinstance(value, (TensorBase, np.ndarray))]
