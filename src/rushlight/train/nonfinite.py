"""Where NaN or infinity came from: the first layer and op that made it of finite numbers.

The batch is run a second time, with every call of an op noted by the tape, so that a training
without such an accident pays nothing for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from rushlight import comm
from rushlight.autograd import enable_grad
from rushlight.nn import Module
from rushlight.nn.summary.watching import tensors_in, untouched
from rushlight.ops.contract import Op
from rushlight.random import default_generator, set_rng_state
from rushlight.tape import TensorBase, Traced, run_backward, state
from rushlight.train.guard import is_finite
from rushlight.train.reasons import Given, backward_reason, forward_reason, given

if TYPE_CHECKING:
    from rushlight.train.trainer import Trainer

__all__ = ["NonFinite", "first_nonfinite", "in_batch"]


@dataclass(frozen=True)
class NonFinite:
    """The first place at which numbers stopped being finite.

    Attributes:
        phase: 'forward' or 'backward', where its gradient was computed.
        path: of the innermost module around it; '' is the model, None the loss.
        kind: the class of that module, or the name of the loss.
        op: the op; '' where a parameter or the input was not finite to begin with.
        value: 'NaN' or 'infinity'.
        count, size: how many of the numbers of its result are not finite, and how many there are.
        given: what the op was given, as ranges.
        reason: the likely cause.
    """

    phase: str
    path: str | None
    kind: str
    op: str
    value: str
    count: int
    size: int
    given: tuple[Given, ...]
    reason: str

    @property
    def place(self) -> str:
        """The module in words."""
        if self.path is None:
            return f"the loss ({self.kind})"
        return f"layer {self.path!r} ({self.kind})" if self.path else f"the model ({self.kind})"

    @property
    def found(self) -> str:
        """What was found, in words, without the reason."""
        if not self.op:
            return f"before any op, {self.given[0]}"
        what = "op" if self.phase == "forward" else "the gradient of op"
        return (
            f"first in {self.place}, {what} {self.op}: {self.value} in {self.count} of {self.size} "
            f"numbers, made of {', '.join(map(str, self.given))}"
        )

    def __str__(self) -> str:
        return f"{self.found}; likely {self.reason}"


def first_nonfinite(
    model: Module,
    inputs: Any,
    loss_fn: Callable[[Any, Any], Any],
    target: Any,
    *,
    random: dict[str, Any] | None = None,
) -> NonFinite | None:
    """Run a batch again and name the first op with a non-finite output, or gradient.

    An infinity that is meant, such as the -inf of a mask, is no finding as long as what is made
    of it is finite. Afterwards everything is as before: running statistics, gradients, hooks,
    modes and random numbers.

    Args:
        model: the Module, in the mode in which it is to be run.
        inputs: its input, or a tuple of them.
        loss_fn: function (output, target) -> scalar Tensor.
        target: what the loss is given beside the output.
        random: the state of the default generator before the first run, from `get_rng_state`, so
            that dropout drops the same; default None: its state now.

    Returns:
        The place, or None where loss and gradients are finite.

    Example:
        >>> import rushlight as rl
        >>> class Ratio(rl.nn.Module):
        ...     def forward(self, x):
        ...         return x / (x - 2)
        >>> model = rl.nn.Sequential(rl.nn.ReLU(), Ratio())
        >>> loss = lambda output, target: (output - target).abs().mean()
        >>> found = first_nonfinite(model, rl.tensor([1.0, 2.0]), loss, rl.zeros(2))
        >>> found.path, found.kind, found.op, found.reason
        ('1', 'Ratio', 'div', 'a division by 0: add a small eps to the divisor')
        >>> print(found)
        first in layer '1' (Ratio), op div: infinity in 1 of 2 numbers, made of
        its input (2,) from 1 to 2, argument 2 (2,) from -1 to 0; likely a division by 0: add a
        small eps to the divisor
    """
    given_inputs = inputs if isinstance(inputs, tuple) else (inputs,)
    search = _Search(model, given_inputs, target, loss_fn)
    with untouched(model), search.listening(), enable_grad():
        if random is not None:
            set_rng_state(random)
        output = model(*given_inputs)
        search.leaves_of(output)
        loss = loss_fn(output, target)
        search.flush()
    return search.forward(loss) or search.backward(loss)


def in_batch(trainer: Trainer) -> NonFinite | None:
    """Return the place in the batch that a Trainer is at, None where there is none to be found.

    It is asked while an error is being explained, so an error of its own is not raised.
    """
    if trainer.current is None:
        return None
    inputs, target, weight, place = trainer.current

    def loss(output: Any, target: Any) -> Any:
        return trainer._loss(output, target, weight)

    loss.__name__ = getattr(trainer.loss, "__name__", type(trainer.loss).__name__)
    now = default_generator.mark()
    default_generator.back_to(place)  # and for the same rows, where processes share the batch
    try:
        with comm.alone(), suppress(Exception):  # other ranks have no error to explain
            random = default_generator.get_state()
            return first_nonfinite(trainer.model, tuple(inputs), loss, target, random=random)
    finally:
        default_generator.back_to(now)
    return None


_FINE, _MEANT, _BROKEN = range(3)  # an infinity is meant where somebody wrote it down


@dataclass
class _Call:
    """A call of an op, and the module around it (None: outside of the model)."""

    op: Op
    args: tuple[Any, ...]
    results: tuple[Any, ...]
    module: Module | None
    inputs: frozenset[int]  # ids of what the module was given


class _Search:
    """The calls of one run, each looked at for what is not finite."""

    def __init__(
        self, model: Module, inputs: Sequence[Any], target: Any, loss_fn: Callable[..., Any]
    ) -> None:
        self.model = model
        self.loss_name = getattr(loss_fn, "__name__", type(loss_fn).__name__)
        self.paths = {module: path for path, module in model.named_modules()}
        self.parameters = list(model.parameters())
        self.names = {id(p): repr(name) for name, p in model.named_parameters()}
        self.owned = set(self.names)  # what must be finite before any op
        self.names |= {id(b): repr(name) for name, b in model.named_buffers()}
        for name, value in (("target", target), ("input", inputs)):
            self.names |= {id(tensor): name for tensor in tensors_in(value)}
        self.owned |= {id(tensor) for tensor in tensors_in(inputs)}
        self.trace: list[Traced] = []
        self.stack: list[tuple[Module, frozenset[int]]] = []
        self.calls: list[_Call] = []
        # by the id of a tensor, which `calls` keeps alive: what it is, and since which place
        self.status: dict[int, tuple[int, Any]] = {}

    # ---- the run

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Hook on every module and on the tape."""
        handles = []
        outer = state.trace
        try:
            for module in self.paths:
                handles.append(module.register_forward_pre_hook(self.enter, prepend=True))
                handles.append(module.register_forward_hook(self.leave))
            state.trace = self.trace
            yield
        finally:
            state.trace = outer
            for handle in handles:
                handle.remove()

    def enter(self, module: Module, args: Any) -> None:
        self.flush()
        self.stack.append((module, frozenset(map(id, tensors_in(args)))))

    def leave(self, module: Module, args: Any, result: Any) -> None:
        self.flush()
        while self.stack.pop()[0] is not module:  # calls that failed, in a model that went on
            pass

    def leaves_of(self, output: Any) -> None:
        """Name the output, for the loss."""
        self.names |= {id(tensor): "the model's output" for tensor in tensors_in(output)}

    def flush(self) -> None:
        """Look at what was traced since the last time."""
        around = self.stack[-1] if self.stack else (None, frozenset())
        for op, args, options, results, _ in self.trace:
            call = _Call(op, args, results, *around)
            self.calls.append(call)
            self.look(call, options)
        self.trace.clear()

    def look(self, call: _Call, options: dict[str, Any]) -> None:
        """Note whether the results of a call are finite and, if not, since which place."""
        worst: tuple[int, Any] = (_FINE, None)
        for arg in call.args:
            found = self.kind(arg)
            if found[0] > worst[0]:
                worst = found
        if worst[0] == _FINE and any(_infinite(value) for value in options.values()):
            worst = (_MEANT, call)
        for result in call.results:
            array = result._array
            if is_finite(array):
                self.status[id(result)] = (_FINE, None)
            elif worst[0] == _BROKEN or (worst[0] == _MEANT and not np.isnan(array).any()):
                self.status[id(result)] = worst
            else:
                self.status[id(result)] = (_BROKEN, call)

    def kind(self, arg: Any) -> tuple[int, Any]:
        if not isinstance(arg, TensorBase):
            return (_MEANT, None) if _infinite(arg) else (_FINE, None)
        found = self.status.get(id(arg))
        if found is None:
            found = (_FINE, None)
            if not is_finite(arg._array):
                broken = id(arg) in self.owned or np.isnan(arg._array).any()
                found = (_BROKEN if broken else _MEANT, arg)
            self.status[id(arg)] = found
        return found

    # ---- what was found

    def forward(self, loss: Any) -> NonFinite | None:
        """Return the place since which the loss is not finite."""
        found, since = self.status.get(id(loss), (_FINE, None))
        if found == _FINE:
            return None
        if isinstance(since, TensorBase) and found == _BROKEN:
            return self.leaf(since)
        if not isinstance(since, _Call):  # an infinity that was meant reaches the loss itself
            since = next(c for c in self.calls if any(r is loss for r in c.results))
        call = since
        bad = next(r._array for r in call.results if not is_finite(r._array))
        return self.at(call, "forward", bad, forward_reason)

    def leaf(self, tensor: Any) -> NonFinite:
        """Return that a tensor was not finite before anything was computed."""
        name = self.names.get(id(tensor), "a constant of the model")
        held = given(name, tensor._array)
        reason = "the data are at fault" if name in ("input", "target") else _LEARNT
        value = "NaN" if held.nans else "infinity"
        count = held.nans + held.infinities
        kind = type(self.model).__name__
        size = tensor._array.size
        return NonFinite("forward", "", kind, "", value, count, size, (held,), reason)

    def backward(self, loss: Any) -> NonFinite | None:
        """Walk back from a finite loss and return the first op whose gradient is not finite."""
        wanted = [p for p in self.parameters if p.requires_grad]
        if not (wanted and isinstance(loss, TensorBase) and loss._requires_grad):
            return None
        blamed: list[tuple[_Call, Any]] = []
        for call in self.calls:
            for node in {result._node for result in call.results} - {None}:
                node.op = _checked(node.op, partial(_note, blamed, call))
        array = loss._array
        run_backward([loss], [np.ones(array.shape, array.dtype)], wanted=wanted)
        return self.at(*_first(blamed), backward_reason) if blamed else None

    def at(self, call: _Call, phase: str, bad: Any, reason: Callable[..., str]) -> NonFinite:
        """Return a call of an op as the place."""
        inside = call.module is not None
        path = self.paths[call.module] if call.module is not None else None
        kind = type(call.module).__name__ if inside else self.loss_name
        value = "NaN" if np.isnan(bad).any() else "infinity"
        args = tuple(self.told(call))
        count = int((~np.isfinite(bad)).sum())
        why = reason(call.op.name, args, value)
        return NonFinite(phase, path, kind, call.op.name, value, count, bad.size, args, why)

    def told(self, call: _Call) -> Iterator[Given]:
        for i, arg in enumerate(call.args, 1):
            if isinstance(arg, TensorBase):
                name = "its input" if id(arg) in call.inputs else f"argument {i}"
                yield given(self.names.get(id(arg), name), arg._array)
            elif isinstance(arg, (bool, int, float)):
                yield given(f"argument {i}", arg)


_LEARNT = "an earlier step was too large: lower the learning rate, add warm-up or set clip_norm"


def _infinite(value: Any) -> bool:
    return isinstance(value, float) and not np.isfinite(value)


def _first(blamed: list[tuple[_Call, Any]]) -> tuple[_Call, str, Any]:
    call, bad = blamed[0]
    return call, "backward", bad


def _note(blamed: list[tuple[_Call, Any]], call: _Call, results: Sequence[Any]) -> None:
    """Note the first op that made a gradient which is not finite: backward goes in this order."""
    if not blamed:
        bad = [grad for grad in results if grad is not None and not is_finite(grad)]
        if bad:
            blamed.append((call, bad[0]))


def _checked(op: Op, look: Callable[[Sequence[Any]], None]) -> Op:
    """Return an op whose backward shows what it computed."""

    def backward(saved: Any, grads: tuple[Any, ...], needs: Sequence[bool]) -> Sequence[Any]:
        results = op.backward(saved, grads, needs)
        look(results)
        return results

    return Op(op.name, op.forward, backward, view=op.view, fresh=op.fresh)
