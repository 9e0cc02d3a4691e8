"""`rushlight.compile`: functions of tensors whose calls are recorded once and then run as plans."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable, Sequence
from functools import update_wrapper
from typing import Any

import numpy as np

from rushlight.arrays import get_default_dtype
from rushlight.determinism import are_deterministic_algorithms_enabled as in_order
from rushlight.errors import explain
from rushlight.facts import Facts, lookup
from rushlight.nn import Module
from rushlight.nn.registry import edits
from rushlight.plans.calls import Unplanned, current
from rushlight.plans.entry import FORM
from rushlight.plans.places import Place, as_facts
from rushlight.plans.plan import Plan
from rushlight.plans.recording import MOVED, record
from rushlight.plans.references import References
from rushlight.tape import TensorBase, state, wrap
from rushlight.tensor import Tensor

__all__ = ["Compiled", "compile"]

PLANS = 16  # kinds of arguments that are remembered
RECORDINGS = 200  # after so many a function is called as it is: too much changes between its calls
TRIES = 4  # at one plan, while an optimizer moves parameters
_CONSTANTS = (int, float, bool, str, bytes, type(None), np.dtype)

_lock = threading.RLock()  # there is one recording at a time in a process


def compile(
    model: Callable[..., Any] | None = None,
    *,
    fullgraph: bool = False,
    frozen: bool = False,
    disable: bool = False,
) -> Any:
    """Return what does the same as a function or module, to the last bit, in less time.

    The second call with arguments of some kind (shapes, dtypes, memory layouts) is recorded: which
    functions of arrays it calls, backward pass and optimizer included. Later calls of that kind
    run these alone, in memory that was planned once: no tape, no modules, no checks. Random
    numbers, step counts and learning rates are those of the call. What pays most is the whole
    training step of a small net, as a function.

    A change of what the function refers to (modules, their attributes and modes, parameters,
    optimizers, numbers in closures and globals) is seen, and recorded anew. A function that cannot
    be recorded is called as it is, with one warning that says why: one that takes elements out of
    tensors (`loss.item()`: return the loss instead), that keeps tensors, sets attributes or calls
    what is not known to leave everything as it was (`print`), or returns a tensor whose gradient
    is still to be asked for.

    Args:
        model: a function, method or Module; without it, a decorator is returned.
        fullgraph: bool, raise an error instead of calling a function that cannot be recorded as it
            is; default False.
        frozen: bool, keep what kernels make of weights (tensors of two dims or more, laid out as
            they read them) for as long as nobody changes these: for inference, most of all of few
            samples. Changes by operations, optimizers, `load_state_dict` and `.data` are seen; not
            those through what shares the memory outside of tensors (`.detach().numpy()`, DLPack).
            It takes the memory of the weights once or twice more for each kind of arguments, of
            which it remembers 16. A function that changes its weights itself is called as it is.
            Default False.
        disable: bool, return `model` itself; default False.

    Returns:
        A `Compiled`, to be called like `model`; other attributes are those of `model`,
        whether read or set.

    Raises:
        TypeError: if `model` cannot be called.
        RuntimeError: with `fullgraph`, in a call that cannot be recorded.

    Example:
        >>> import rushlight as rl
        >>> net = rl.nn.Linear(3, 1)
        >>> optimizer = rl.optim.SGD(net.parameters(), lr=0.1)
        >>> @rl.compile
        ... def step(x, y):
        ...     optimizer.zero_grad()
        ...     loss = rl.nn.functional.mse_loss(net(x), y)
        ...     loss.backward()
        ...     optimizer.step()
        ...     return loss
        >>> x, y = rl.ones(4, 3), rl.ones(4, 1)
        >>> losses = [step(x, y).item() for _ in range(5)]
        >>> losses == sorted(losses, reverse=True)
        True
        >>> predict = rl.compile(net, frozen=True)
        >>> with rl.no_grad():
        ...     all(bool((predict(x) == net(x)).all()) for _ in range(5))
        True

    Source: https://docs.pytorch.org/docs/stable/generated/torch.compile.html
    """
    if model is None:
        options = {"fullgraph": fullgraph, "frozen": frozen, "disable": disable}
        return lambda function: compile(function, **options)
    if not callable(model):
        raise TypeError(
            explain("compile", got=type(model).__name__, expected="a function or a Module")
        )
    return model if disable else Compiled(model, fullgraph, frozen)


_OWN_NAMES = {"function", "fullgraph", "frozen", "recordings", "reasons", "_lock", "_hopeless"}
_OWN_NAMES |= {"_references", "_edit", "_modes", "_attributes", "_members", "_places", "_others"}
_OWN_NAMES |= {"_kinds", "_last", "_quick"}


class _Kind:
    """What is known of one kind of arguments.

    Attributes:
        plan: what to run, where there is one.
        why: why there is none.
        calls: how many of this kind were made without one.
        entry: the plan, facts and the way into it that was made of them.
    """

    __slots__ = ("calls", "entry", "plan", "why")

    def __init__(self) -> None:
        self.plan: Plan | None = None
        self.entry: tuple[Any, ...] | None = None
        self.why = ""
        self.calls = 0


class Compiled:
    """A function or module whose calls are recorded; `compile` makes it.

    Args:
        function: what is called.
        fullgraph: raise an error where a call cannot be recorded.
        frozen: keep what kernels make of the parameters.

    Attributes:
        function, fullgraph, frozen: as given.
        recordings: int, how many calls were recorded.
        reasons: list of str, why calls could not be recorded.
    """

    def __init__(
        self, function: Callable[..., Any], fullgraph: bool = False, frozen: bool = False
    ) -> None:
        self.function, self.fullgraph, self.frozen = function, fullgraph, frozen
        self.recordings = 0
        self.reasons: list[str] = []
        self._lock = threading.Lock()
        self._hopeless = ""
        self._forget()
        if not isinstance(function, Module):
            update_wrapper(self, function)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or "function" not in self.__dict__:
            raise AttributeError(name)
        return getattr(self.function, name)

    def __repr__(self) -> str:
        return f"Compiled({self.function!r})"

    def __reduce__(self) -> Any:  # plans are of these very parameters: a copy makes its own
        return type(self), (self.function, self.fullgraph, self.frozen)

    def _forget(self) -> None:
        self._kinds: dict[Any, _Kind] = {}
        self._references: References | None = None
        self._edit = -1
        self._modes: tuple[bool, ...] = ()
        self._last: tuple[Any, _Kind | None] = (None, None)  # arguments and modes, their kind
        # the way in for what came last: plan, its entry's `opens`, or `array_of` where that is all,
        # and the modes: whether gradients are recorded, default dtype, deterministic or not
        self._quick: tuple[Plan, Any, Any, bool, Any, bool] | None = None
        # what places hold, where identity tells it, and the other places; members of modules;
        # their attributes, which are looked at after an edit
        self._places, self._members, self._attributes = Facts(), Facts(), Facts()
        self._others: list[Place] = []

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _OWN_NAMES or name.startswith("__") or "function" not in self.__dict__:
            object.__setattr__(self, name, value)
        else:
            setattr(self.function, name, value)

    # ---- calls

    def __call__(self, *args: Any, **options: Any) -> Any:
        if state.trace is not None or current.recorder is not None or not self._lock.acquire(False):
            return self.function(*args, **options)  # seen by others, or busy with another call
        try:
            quick = self._quick
            if quick is not None and not options and self._edit == edits.last:
                plan, opens, array_of, recording, dtype, ordered = quick
                same = state.recording is recording and get_default_dtype() is dtype
                if not same or in_order() is not ordered:
                    pass
                elif array_of is not None:
                    array = array_of(args)
                    if array is not None:
                        return wrap(array)
                elif opens(args):
                    made, result = plan(args, True)
                    return result if made else self.function(*args)
            if self._hopeless:
                return self._refused(self._hopeless, args, options)
            tensors, key = _told_apart(args, options)
            if key is None:
                why = "an argument that is neither a tensor nor a number"
                return self._refused(why, args, options)
            if self._references is not None and not self._unchanged():
                self._forget()
            kind = self._kind(key)
            if kind is not None and kind.plan is not None and kind.plan.fits():
                if kind.plan.meets(tensors):
                    return self.function(*args, **options)
                made, result = kind.plan(tensors)
                if made:
                    if tensors is args:
                        self._quicken(kind, args)
                    return result
                return self.function(*args, **options)
            return self._learn(key, args, options)
        finally:
            self._lock.release()

    def _quicken(self, kind: _Kind, args: tuple[Any, ...]) -> None:
        """Let the next call of this kind come in by way of its entry, where it has one."""
        facts = self._members, self._places
        plan = kind.plan
        made_of = plan, *facts, None if plan is None else plan.versions
        if kind.entry is None or kind.entry[:4] != made_of:
            entry = None if plan is None or self._others else plan.entry(args, facts)
            kind.entry = *made_of, entry
        *_, entry = kind.entry
        if entry is not None and plan is not None:
            array_of = entry.array_of if plan.straight else None
            self._quick = plan, entry.opens, array_of, *_outer_modes()

    def _place(self, key: Any) -> tuple[Any, ...]:
        """Return by what calls with such arguments are known: these and all modes."""
        return key, *_outer_modes(), self._modes

    def _kind(self, key: Any) -> _Kind | None:
        """Return what is known of calls with such arguments; the last kind is tried first."""
        place = self._place(key)
        last, found = self._last
        if place != last:
            found = self._kinds.get(place)
            self._last = (place, found) if found is not None else (None, None)
        return found

    def _unchanged(self) -> bool:
        """Tell whether what the function refers to is what it was."""
        references = self._references
        assert references is not None
        if not self._members.hold():
            return False
        if not _all_equal(self._others if self._places.hold() else references.places):
            return False
        if self._edit != edits.last:
            self._quick = None  # modes may be others
            edit = edits.last  # before the look: a change during it will be seen by the next call
            if not self._attributes.hold():
                return False
            self._edit = edit
            self._modes = tuple([m.training for m in references.modules])
        return True

    def _look(self) -> None:
        """Find out what the function refers to."""
        edit = edits.last
        self._references = references = References(self.function)
        self._state_places(references.places)
        self._members, self._attributes = Facts(), Facts()
        for module in references.modules:
            if module._call_hooks is not None:
                raise Unplanned("a module with hooks")
            for members in (module._parameters, module._buffers, module._modules):
                self._members.contents(members, members)
            own = vars(module)
            self._attributes.attributes("__class__", [module], [type(module)])
            self._attributes.attributes("__dict__", [module], [own])
            self._attributes.contents(own, own, _OWN)
        for kind in {type(module) for module in references.modules}:
            self._members.lookup(kind, "forward", lookup(kind, "forward"))
        self._modes = tuple([m.training for m in references.modules])
        self._edit = edit

    def _state_places(self, places: list[Place]) -> None:
        self._quick, self._places = None, Facts()
        self._others = as_facts(places, self._places)

    def _learn(self, key: Any, args: Any, options: Any) -> Any:
        """Make a call of a kind that has no plan, or whose plan does not fit."""
        self._quick = None
        try:
            if self._references is None:
                self._look()
        except Unplanned as error:
            self._forget()
            return self._refused(str(error), args, options)
        kind = self._kind(key)
        if kind is None:  # caches are filled before anything is recorded
            if len(self._kinds) >= PLANS:
                del self._kinds[next(iter(self._kinds))]
                self._last = None, None
            self._kinds[self._place(key)] = _Kind()
            return self.function(*args, **options)
        if kind.why:
            return self._refused(kind.why, args, options)
        if self.recordings >= RECORDINGS:
            kind.plan = None
            kind.why = (
                f"it had to be recorded {RECORDINGS} times: too much changes between its calls"
            )
            return self._refused(kind.why, args, options)
        return self._record(kind, args, options)

    def _record(self, kind: _Kind, args: Any, options: Any) -> Any:
        references = self._references
        assert references is not None
        kind.plan = kind.entry = self._quick = None
        kind.calls += 1
        self.recordings += 1
        tensors, foreign = _tensors(references), edits.foreign()
        with _lock:
            try:
                found = record(
                    self.function, args, options, tensors, references.optimizers, self.frozen
                )
            except Unplanned as error:
                kind.why = str(error)
                return self._refused(kind.why, args, options)
        kind.plan = found.plan
        if found.plan is None and found.why != MOVED:
            kind.why = found.why
            self._complain(kind.why)
        elif foreign != edits.foreign():  # there and back again, maybe, while it was recorded
            kind.plan = None
        elif not self._unchanged():
            self._hopeless = "it changes what it refers to"
            self._complain(self._hopeless)
        elif not self._places.hold():  # equal, not the same: an optimizer's state was loaded
            self._state_places([(read, read()) for read, _ in references.places])
        return found.result

    def _refused(self, why: str, args: Any, options: Any) -> Any:
        """Call the function as it is, and say why."""
        self._complain(why)
        return self.function(*args, **options)

    def _complain(self, why: str) -> None:
        """Warn, once, or raise."""
        name = getattr(self.function, "__name__", type(self.function).__name__)
        fix = "" if self.fullgraph else "nothing: the function is called as it is"
        text = explain(f"compile({name})", got=why, expected="what can be recorded", fix=fix)
        if self.fullgraph:
            raise RuntimeError(text)
        if why not in self.reasons:
            self.reasons.append(why)
            warnings.warn(text, UserWarning, stacklevel=5)


def _outer_modes() -> tuple[bool, Any, bool]:
    """Return the modes on which plans depend, beside those of modules."""
    return state.recording, get_default_dtype(), in_order()


def _tensors(references: References) -> list[Any]:
    """Return all tensors that a function may read and write, each once."""
    found: dict[int, Any] = {}
    for module in references.modules:
        for members in (module._parameters, module._buffers):
            found |= {id(t): t for t in members.values() if t is not None}
    for optimizer in references.optimizers:
        for group in optimizer.param_groups:
            found |= {id(p): p for p in group["params"]}
    found |= {id(t): t for t in references.tensors}
    return list(found.values())


_OWN = ("training", "_rows")  # attributes of modules that are followed by other means


def _all_equal(places: list[Place]) -> bool:
    """Tell whether values are as before; not if one cannot be read any more."""
    try:
        for read, value in places:
            found = read()
            if found is not value and not _equal(found, value):
                return False
    except Exception:  # a global was deleted, say: the function itself will raise what it does
        return False
    return True


def _equal(found: Any, value: Any) -> bool:
    """Tell whether a number or text is the same as before."""
    if type(found) is not type(value) or not isinstance(value, _CONSTANTS) or found != value:
        return False
    return bool(found) or not isinstance(found, float) or repr(found) == repr(value)  # -0.0 == 0.0


def _told_apart(args: tuple[Any, ...], options: dict[str, Any]) -> tuple[Sequence[Any], Any]:
    """Return the tensors among arguments, and what plans are told apart by: see `_key`."""
    if not options:
        parts = []
        for arg in args:
            if arg.__class__ is not Tensor or arg._array.__class__ is not np.ndarray:
                break
            parts.append((FORM(arg._array), arg._requires_grad))
        else:
            if len(args) < 2 or len(set(map(id, args))) == len(args):
                return args, tuple(parts)
    tensors: list[Any] = []
    return tensors, _key((args, options) if options else args, tensors)


def _key(value: Any, tensors: list[Any]) -> Any:
    """Return what plans are told apart by, of arguments; their tensors are put into a list.

    None if there is something among them that may change unseen.
    """
    if isinstance(value, TensorBase):
        array = value._array
        if array.__class__ is not np.ndarray:
            return None
        if not any(value is known for known in tensors):
            tensors.append(value)
            return *FORM(array), value._requires_grad
        return next(i for i, known in enumerate(tensors) if known is value)
    if value.__class__ in (tuple, list):
        parts = [_key(part, tensors) for part in value]
        return None if None in parts else (value.__class__, *parts)
    if value.__class__ is dict:
        parts = [_key(part, tensors) for part in value.values()]
        return None if None in parts else (dict, *value, *parts)
    if not isinstance(value, _CONSTANTS):
        return None
    return value.__class__, repr(value) if isinstance(value, float) else value  # -0.0 == 0.0
