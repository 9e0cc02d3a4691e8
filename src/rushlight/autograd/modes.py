"""Modes: whether ops are being recorded."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Self

from rushlight.tape import state

__all__ = ["enable_grad", "inference_mode", "is_grad_enabled", "no_grad", "set_grad_enabled"]

_bare = object.__new__  # a call of super() would take a third of the time of `with no_grad()`


def is_grad_enabled() -> bool:
    """Tell whether ops are being recorded."""
    return state.recording


class _Mode:
    """A context manager and decorator that switches recording."""

    _enabled: bool
    _outer: Any = None  # what was so before, and the same of the entry before that: pairs in pairs

    def __new__(cls, function: Callable[..., Any] | None = None) -> Any:
        mode = _bare(cls)
        return mode(function) if callable(function) else mode  # @no_grad without parentheses

    def __enter__(self) -> None:
        self._outer = state.recording, self._outer
        state.recording = self._enabled

    def __exit__(self, *exception: object) -> None:
        state.recording, self._outer = self._outer

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        enabled = self._enabled
        if inspect.isgeneratorfunction(function):
            return _each_step(function, enabled)

        @functools.wraps(function)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            with _switched(enabled):
                return function(*args, **kwargs)

        return wrapped


@contextmanager
def _switched(enabled: bool) -> Iterator[None]:
    before = state.recording
    try:
        state.recording = enabled
        yield
    finally:
        state.recording = before


def _each_step(function: Callable[..., Any], enabled: bool) -> Callable[..., Any]:
    """Let a generator run in a mode, and whoever asks it for the next value in his own."""

    @functools.wraps(function)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        steps = function(*args, **kwargs)
        resume, sent = steps.send, None
        try:
            while True:
                with _switched(enabled):
                    value = resume(sent)
                try:
                    sent = yield value
                    resume = steps.send
                except GeneratorExit:
                    raise
                except BaseException as error:
                    resume, sent = steps.throw, error
        except StopIteration as end:
            return end.value
        finally:
            with _switched(enabled):
                steps.close()

    return wrapped


class set_grad_enabled(_Mode):
    """Record ops, or do not: from the call on, in a `with` block, or in a decorated function.

    Args:
        mode: True to record.
    """

    def __new__(cls, mode: bool) -> Self:
        return object.__new__(cls)

    def __init__(self, mode: bool) -> None:
        self._before = state.recording
        self._enabled = state.recording = bool(mode)

    def __enter__(self) -> None:
        self._outer = self._before, self._outer
        state.recording = self._enabled

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        state.recording = self._before  # the call was meant for the function only
        return super().__call__(function)


class no_grad(_Mode):
    """Do not record: within a `with` block or a decorated function.

    Example:
        >>> import rushlight as rl
        >>> w = rl.ones(2, requires_grad=True)
        >>> with rl.no_grad():
        ...     w -= 0.5 * w
        >>> w
        tensor([0.5000, 0.5000], requires_grad=True)
    """

    _enabled = False


class enable_grad(_Mode):
    """Record, also within `no_grad`."""

    _enabled = True


class inference_mode(_Mode):
    """Do not record; the same as `no_grad` here, as tensors carry no further bookkeeping."""

    _enabled = False

    def __new__(cls, mode: Any = True) -> Any:
        if mode is False:
            return enable_grad() if state.recording else no_grad()
        return super().__new__(cls, None if mode is True else mode)
