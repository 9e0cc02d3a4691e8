"""Autograd: gradients on request, modes of recording, user-defined functions."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar, Self

import numpy as np

from rushlight.errors import ShapeError, explain
from rushlight.ops.contract import Op, Saved
from rushlight.ops.shape import cast
from rushlight.tape import TensorBase, accumulate, record, run_backward, state, wrap

__all__ = [
    "Function",
    "backward",
    "enable_grad",
    "grad",
    "inference_mode",
    "is_grad_enabled",
    "no_grad",
    "set_grad_enabled",
]


def is_grad_enabled() -> bool:
    """Tell whether ops are being recorded."""
    return state.recording


class _Mode:
    """A context manager and decorator that switches recording."""

    _enabled: bool

    def __init__(self, function: Callable[..., Any] | None = None) -> None:
        self._stack: list[bool] = []  # a mode may be entered while it is entered

    def __new__(cls, function: Callable[..., Any] | None = None) -> Any:
        mode = super().__new__(cls)
        if callable(function):  # used as @no_grad without parentheses
            mode.__init__()  # type: ignore[misc]
            return mode(function)
        return mode

    def __enter__(self) -> None:
        self._stack.append(state.recording)
        state.recording = self._enabled

    def __exit__(self, *exception: object) -> None:
        state.recording = self._stack.pop()

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
        super().__init__()
        self._before = state.recording
        self._enabled = state.recording = bool(mode)

    def __enter__(self) -> None:
        self._stack.append(self._before)
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
    wanted = [inputs] if isinstance(inputs, TensorBase) else list(inputs)
    found = run_backward(
        outputs, seeds, wanted=wanted, retain_graph=keep, create_graph=create_graph
    )
    for tensor, gradient in zip(wanted, found, strict=True):
        if gradient is not None:
            accumulate(tensor, gradient, False, create_graph)


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
    wanted = [inputs] if isinstance(inputs, TensorBase) else list(inputs)
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


# ---- user-defined functions


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
