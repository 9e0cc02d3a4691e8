"""Functions whose gradient is written by the user."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from rushlight.autograd.modes import no_grad
from rushlight.errors import ShapeError, explain
from rushlight.ops.contract import Op, Saved
from rushlight.ops.shape import cast
from rushlight.tape import TensorBase, record, state, untaped, wrap

__all__ = ["Context", "Function"]


class Context:
    """What a Function's forward hands to its backward."""

    def __init__(self) -> None:
        self.needs_input_grad: tuple[bool, ...] = ()
        self._kept: tuple[Any, ...] = ()
        self._not_differentiable: tuple[Any, ...] = ()
        self._materialize = True
        self._zeros: tuple[Any, ...] = ()  # (shape, dtype) of each output
        self._arguments: tuple[Any, ...] = ()  # the same of each argument

    def save_for_backward(self, *tensors: Any) -> None:
        """Keep tensors (or None) for backward, where they are `ctx.saved_tensors`."""
        for tensor in tensors:
            if tensor is not None and not isinstance(tensor, TensorBase):
                got = type(tensor).__name__
                fix = "keep other things as attributes: ctx.name = value"
                raise TypeError(
                    explain("save_for_backward", got=got, expected="Tensors or None", fix=fix)
                )
        self._kept = tensors

    def mark_dirty(self, *tensors: Any) -> None:
        """Refuse: a Function computes new tensors.

        Raises:
            NotImplementedError: always.
        """
        raise NotImplementedError("mark_dirty: write forward so that it returns new tensors")

    def mark_non_differentiable(self, *tensors: Any) -> None:
        """Name outputs through which no gradient flows."""
        self._not_differentiable = tensors

    def set_materialize_grads(self, value: bool) -> None:
        """Give backward zeros (True, the default) or None for the gradient of an unused output."""
        self._materialize = value

    @property
    def saved_tensors(self) -> tuple[Any, ...]:
        """The tensors that were kept."""
        return self._kept


class Function:
    """A differentiable function of your own: define `forward(ctx, ...)`, `backward(ctx, ...)`.

    Both are static methods over Tensors; call the function by `apply`. Or define `forward(...)`
    and `setup_context(ctx, inputs, output)`. If backward is made of Tensor functions, second
    derivatives work too.

    Example:
        >>> import rushlight as rl
        >>> class Cube(rl.autograd.Function):
        ...     @staticmethod
        ...     def forward(ctx, x):
        ...         ctx.save_for_backward(x)
        ...         return x**3
        ...     @staticmethod
        ...     def backward(ctx, g):
        ...         (x,) = ctx.saved_tensors
        ...         return g * 3 * x**2
        >>> x = rl.tensor(2.0, requires_grad=True)
        >>> Cube.apply(x).backward()
        >>> x.grad
        tensor(12.)
    """

    setup_context: ClassVar[Any] = None

    @staticmethod
    def forward(*args: Any) -> Any:
        """Compute the outputs."""
        raise NotImplementedError("define forward(ctx, ...) as a static method")

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        """Return a gradient for each argument of forward (None where there is none)."""
        raise NotImplementedError("define backward(ctx, ...) as a static method")

    @classmethod
    def apply(cls, *args: Any) -> Any:
        """Run forward and record it."""
        ctx = Context()
        ctx.needs_input_grad = tuple(isinstance(a, TensorBase) and a._requires_grad for a in args)
        with no_grad():
            if cls.setup_context is None:
                found = cls.forward(ctx, *args)
            else:
                found = cls.forward(*args)
                cls.setup_context(ctx, args, found)
        several = isinstance(found, tuple)
        given = found if several else (found,)
        outputs = tuple(_detached(out) if any(out is a for a in args) else out for out in given)
        if state.trace is not None:
            state.trace.append((untaped(cls.__name__), args, {}, outputs, ()))
        if state.recording and any(ctx.needs_input_grad):
            cls._record(ctx, args, outputs, given)
        return outputs if several else outputs[0]

    @classmethod
    def _record(
        cls, ctx: Context, args: tuple[Any, ...], outputs: tuple[Any, ...], given: tuple[Any, ...]
    ) -> None:
        op = Op(cls.__name__, _never, functools.partial(cls._backward, ctx, False))
        op.graph_backward = functools.partial(cls._backward, ctx, True)
        ctx._zeros = tuple(map(_kind, outputs))
        ctx._arguments = tuple(_kind(arg) or (None, None) for arg in args)
        places = {id(out): i for i, out in enumerate(outputs)}
        kept = [places.get(id(tensor), tensor) for tensor in ctx._kept]  # no cycle by outputs
        named = {i for i in kept if type(i) is int}
        arrays = tuple(out._array if i in named else None for i, out in enumerate(outputs))
        watch, ctx._kept = ctx._kept, ()
        record(op, Saved(outputs=arrays, constants=kept), args, outputs, watch=watch)
        for out, same in zip(outputs, given, strict=True):
            if any(same is x for x in ctx._not_differentiable):
                out.detach_()

    @classmethod
    def _backward(
        cls, ctx: Context, graph: bool, saved: Saved, grads: tuple[Any, ...], needs: Sequence[bool]
    ) -> Sequence[Any]:
        tensors = [g if graph or g is None else wrap(g) for g in grads]
        outputs = saved.outputs if graph else [y if y is None else wrap(y) for y in saved.outputs]
        if ctx._materialize:
            tensors = [
                wrap(np.zeros(*zeros)) if g is None and zeros is not None else g
                for g, zeros in zip(tensors, ctx._zeros, strict=True)
            ]
        ctx._kept = tuple(outputs[kept] if type(kept) is int else kept for kept in saved.constants)
        try:
            found = cls.backward(ctx, *tensors)
        finally:
            ctx._kept = ()
        results = found if isinstance(found, tuple) else (found,)
        if len(results) < len(needs) or any(r is not None for r in results[len(needs) :]):
            raise RuntimeError(
                explain(
                    f"{cls.__name__}.backward",
                    got=f"{len(results)} gradients",
                    expected=f"{len(needs)}, one for each argument of forward",
                )
            )
        for i, (result, kind) in enumerate(zip(results, ctx._arguments, strict=False)):
            if result is not None and kind[0] is None:
                got = f"a gradient for argument {i}, which is no Tensor"
                raise RuntimeError(explain(f"{cls.__name__}.backward", got=got, expected="None"))
        return [
            cls._checked(r, shape, dtype, graph) if need and r is not None else None
            for r, (shape, dtype), need in zip(results, ctx._arguments, needs, strict=False)
        ]

    @classmethod
    def _checked(cls, gradient: Any, shape: Any, dtype: Any, graph: bool) -> Any:
        """Return a gradient in the dtype of its argument, as a Tensor if `graph`, or an array."""
        where = f"{cls.__name__}.backward"
        if not isinstance(gradient, TensorBase):
            got = f"a gradient of type {type(gradient).__name__}"
            raise TypeError(explain(where, got=got, expected="a Tensor or None"))
        if gradient._array.shape != shape:
            got = f"a gradient {gradient._array.shape}"
            raise ShapeError(explain(where, got=got, expected=f"{shape}, the argument's shape"))
        if gradient._array.dtype != dtype:
            gradient = cast(gradient, dtype=dtype)
        return gradient if graph else gradient._array


def _kind(value: Any) -> tuple[tuple[int, ...], Any] | None:
    """Return (shape, dtype) of a tensor."""
    return (value._array.shape, value._array.dtype) if isinstance(value, TensorBase) else None


def _detached(out: Any) -> Any:
    tensor = isinstance(out, TensorBase)
    return out.detach() if tensor else out


def _never(*args: Any, **options: Any) -> Any:
    raise AssertionError("a user-defined Function runs its own forward")
