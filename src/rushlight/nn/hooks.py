"""Hooks of a module's call: before and after forward, before and after backward."""

from __future__ import annotations

import threading
import warnings
import weakref
from collections.abc import Callable
from itertools import count
from typing import TYPE_CHECKING, Any

from rushlight.autograd import Function
from rushlight.functional.creation import zeros_like
from rushlight.tape import TensorBase, state
from rushlight.tensor import Tensor
from rushlight.tensor.tensor import Handle

if TYPE_CHECKING:
    from rushlight.nn.module import Module

__all__ = ["CallHooks", "add", "call_with_hooks"]

_ids = count()
_lock = threading.RLock()  # hooks come and go, and with the last of them what holds them
Hook = Callable[..., Any]


class CallHooks:
    """The hooks of one module, by the time they are called at."""

    def __init__(self) -> None:
        self.before: dict[int, tuple[Hook, bool]] = {}  # (hook, with_kwargs)
        self.after: dict[int, tuple[Hook, bool]] = {}
        self.before_backward: dict[int, Hook] = {}
        self.after_backward: dict[int, Hook] = {}


class _OfModule(Handle):
    """A handle whose module is as without hooks once the last one is gone: chains take it again."""

    def __init__(self, module: Module, hooks: dict[int, Any], key: int) -> None:
        super().__init__(hooks, key)
        self._module: Callable[[], Module | None] = weakref.ref(module)

    def remove(self) -> None:
        with _lock:
            super().remove()
            module = self._module()
            if module is not None:
                module._without_hooks()

    def __getstate__(self) -> Any:  # weak references are not pickled
        return vars(self) | {"_module": self._module()}

    def __setstate__(self, state: Any) -> None:
        vars(self).update(state)
        module = state["_module"]
        self._module = _gone if module is None else weakref.ref(module)


def _gone() -> None:
    """Stand for a reference to what is no more."""


def add(module: Module, kind: str, hook: Any, prepend: bool) -> Handle:
    """Enter a hook of a module as the last or the first to be called."""
    key = next(_ids)
    with _lock:
        hooks = getattr(module._hooks(), kind)
        if prepend:
            others = dict(hooks)
            hooks.clear()
            hooks[key] = hook
            hooks.update(others)
        else:
            hooks[key] = hook
    return _OfModule(module, hooks, key)


def call_with_hooks(
    module: Module, hooks: CallHooks, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """Run `module.forward` between its hooks."""
    for hook, with_kwargs in list(hooks.before.values()):
        found = hook(module, args, kwargs) if with_kwargs else hook(module, args)
        if found is None:
            continue
        if not with_kwargs:
            args = found if isinstance(found, tuple) else (found,)
        elif isinstance(found, tuple) and len(found) == 2:
            args, kwargs = found
        else:
            raise RuntimeError(
                "a forward pre-hook with kwargs must return None or (args, kwargs), "
                f"got {type(found).__name__}"
            )
    watch = None
    if (hooks.before_backward or hooks.after_backward) and state.recording:
        watch = _Watch(module, hooks)
        args = watch.enter(args)
    result = module.forward(*args, **kwargs)
    hooks = module._call_hooks or hooks  # the last may have gone since, and others come
    for hook, with_kwargs in list(hooks.after.values()):
        found = hook(module, args, kwargs, result) if with_kwargs else hook(module, args, result)
        if found is not None:
            result = found
    return result if watch is None else watch.leave(result)


class _Tap(Function):
    """The identity: backward shows the gradients to `seen` and passes on what it returns."""

    @staticmethod
    def forward(ctx: Any, seen: Callable[..., Any], *tensors: Tensor) -> Any:
        ctx.seen = seen
        ctx.mark_non_differentiable(*[t for t in tensors if not t.requires_grad])
        return tensors

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        return (None, *ctx.seen(grads))


class _Watch:
    """Taps the inputs and outputs of one call for the backward hooks.

    Backward passes the outputs first; the hooks on the whole run when it has passed the inputs,
    or at once where no input requires a gradient.
    """

    def __init__(self, module: Module, hooks: CallHooks) -> None:
        self.module, self.hooks = module, hooks
        self.grad_output: tuple[Any, ...] | None = None
        self.inputs: list[int] | None = None  # positions of the tensors among the arguments

    def enter(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        at = [i for i, arg in enumerate(args) if isinstance(arg, TensorBase)]
        if not any(args[i].requires_grad for i in at):
            return args
        self.inputs = at
        tensors = tuple(args[i] for i in at)
        tapped = _Tap.apply(lambda grads: self.at_inputs(grads, tensors, len(args)), *tensors)
        out = list(args)
        for i, tensor in zip(at, tapped, strict=True):
            out[i] = tensor
        return tuple(out)

    def at_inputs(self, grads: tuple[Any, ...], tensors: tuple[Any, ...], n: int) -> Any:
        if self.grad_output is None:
            return grads  # backward began inside the module, not at its outputs
        assert self.inputs is not None
        given: list[Any] = [None] * n
        for i, grad, tensor in zip(self.inputs, grads, tensors, strict=True):
            given[i] = zeros_like(tensor) if grad is None else grad
        found = self.run(tuple(given))
        return [found[i] for i in self.inputs]

    def run(self, grad_input: tuple[Any, ...]) -> tuple[Any, ...]:
        for hook in list(self.hooks.after_backward.values()):
            found = hook(self.module, grad_input, self.grad_output)
            if found is not None:
                grad_input = _same_length("backward hook", found, grad_input)
        self.grad_output = None
        return grad_input

    def leave(self, result: Any) -> Any:
        several = isinstance(result, tuple)
        outputs = result if several else (result,)
        at = [i for i, out in enumerate(outputs) if isinstance(out, TensorBase)]
        if not isinstance(result, (tuple, TensorBase)):
            warnings.warn(
                "backward hooks need a module whose output is a Tensor or a tuple of them, "
                f"got {type(result).__name__}",
                UserWarning,
                stacklevel=4,
            )
            return result
        if not any(outputs[i].requires_grad for i in at):
            return result
        tensors = [outputs[i] for i in at]
        tapped = _Tap.apply(lambda grads: self.at_outputs(grads, at, len(outputs)), *tensors)
        out = list(outputs)
        for i, tensor in zip(at, tapped, strict=True):
            out[i] = tensor
        return tuple(out) if several else out[0]

    def at_outputs(self, grads: tuple[Any, ...], at: list[int], n: int) -> Any:
        given: list[Any] = [None] * n
        for i, grad in zip(at, grads, strict=True):
            given[i] = grad
        grad_output = tuple(given)
        for hook in list(self.hooks.before_backward.values()):
            found = hook(self.module, grad_output)
            if found is not None:
                grad_output = _same_length("backward pre-hook", found, grad_output)
        self.grad_output = grad_output
        if self.inputs is None:
            found = self.run((None,))
            if any(grad is not None for grad in found):
                raise RuntimeError(
                    "a backward hook returned a gradient for an input that requires none"
                )
        return [grad_output[i] for i in at]


def _same_length(what: str, found: Any, expected: tuple[Any, ...]) -> tuple[Any, ...]:
    found = found if isinstance(found, tuple) else (found,)
    if len(found) != len(expected):
        raise RuntimeError(f"{what} returned {len(found)} gradients, expected {len(expected)}")
    return tuple(found)
