"""No plan is run that is out of date, however what it refers to was changed."""

from __future__ import annotations

import threading
import types
from collections.abc import Callable
from typing import Any

import pytest
from tests.plans.steps import batches, bits, make, same_state

import rushlight as rl
from rushlight import nn
from rushlight.plans import door


class Two(nn.Module):
    """Two layers and two numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(3, 3), nn.Linear(3, 3)
        self.p, self.q = 1.5, 2.5

    def forward(self, x: Any) -> Any:
        return self.a(x) * self.p - self.b(x) * self.q


class Other(Two):
    """The same with another forward."""

    def forward(self, x: Any) -> Any:
        return self.a(x) * 7


class Above(nn.Module):
    """A class whose forward is called by one below."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Linear(3, 3)

    def forward(self, x: Any) -> Any:
        return self.inner(x)


class Below(Above):
    """Calls that of the class above."""

    def forward(self, x: Any) -> Any:
        return super().forward(x) * 2


class Settings:
    """Plain numbers of a module."""

    def __init__(self, scale: float) -> None:
        self.scale = scale

    def times(self, x: Any) -> Any:
        return x * self.scale


class Strange(Settings):
    """The same with another method."""

    def times(self, x: Any) -> Any:
        return x + self.scale


class Set(nn.Module):
    """A module with settings."""

    def __init__(self) -> None:
        super().__init__()
        self.settings = Settings(2.0)

    def forward(self, x: Any) -> Any:
        return x * self.settings.scale


def exchange(net: Any, one: str, other: str) -> None:
    """Let two names change places, and their values stay in order."""
    first, second = getattr(net, one), getattr(net, other)
    delattr(net, one)
    delattr(net, other)
    setattr(net, other, first)
    setattr(net, one, second)


CASES: dict[str, Callable[[], tuple[Any, Callable[[], Any]]]] = {}


def case(make: Callable[[], Any]) -> Callable[[], Any]:
    CASES[make.__name__.replace("_", " ")] = make
    return make


@case
def names_of_children() -> Any:
    net = Two()
    return net, lambda: exchange(net, "a", "b")


@case
def names_of_attributes() -> Any:
    net = Two()
    return net, lambda: exchange(net, "p", "q")


@case
def the_class_of_a_module() -> Any:
    net = Two()
    return net, lambda: setattr(net, "__class__", Other)


@case
def the_class_of_an_object() -> Any:
    settings = Settings(2.0)
    return lambda x: settings.times(x), lambda: setattr(settings, "__class__", Strange)


@case
def a_method_above_that_is_called_by_super() -> Any:
    return Below(), lambda: setattr(Above, "forward", lambda self, x: self.inner(x) + 1)


@case
def an_object_put_into_a_module_past_it() -> Any:
    net = Set()
    return net, lambda: vars(net).update(settings=Settings(5.0))


@case
def an_object_set_past_the_module() -> Any:
    net = Set()
    return net, lambda: object.__setattr__(net, "settings", Settings(5.0))


def written(text: str, **names: Any) -> tuple[Any, dict[str, Any]]:
    """Return the function `f` of some text, and its globals."""
    exec(text, names)
    return names["f"], names


@case
def a_global_that_goes_before_a_builtin() -> Any:
    f, names = written("def f(x): return x * max(1.0, 2.0)")
    return f, lambda: names.update(max=lambda *numbers: 7.0)


@case
def a_global_that_is_deleted() -> Any:
    f, names = written("def f(x): return x * SCALE", SCALE=2.0)
    return f, lambda: names.pop("SCALE")


@case
def defaults_of_keywords_in_place() -> Any:
    f, names = written("def g(x, *, by=2.0): return x * by\ndef f(x): return g(x)")
    return f, lambda: names["g"].__kwdefaults__.update(by=3.0)


@case
def a_None_of_a_file_that_is_deleted() -> Any:
    config = types.ModuleType("config")
    vars(config)["bias"] = None
    text = "def f(x): return x if config.bias is None else x + config.bias"
    return written(text, config=config)[0], lambda: delattr(config, "bias")


@case
def a_variable_of_the_function_around_that_is_unset() -> Any:
    scale = 2.0

    def f(x: Any) -> Any:
        return x * scale

    assert f.__closure__ is not None
    cell: Any = f.__closure__[0]
    return f, lambda: delattr(cell, "cell_contents")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", CASES)
def test_a_change_is_seen(name: str, monkeypatch: Any) -> None:
    monkeypatch.setattr(Above, "forward", Above.forward)  # put back afterwards
    function, change = CASES[name]()
    call, x = rl.compile(function), rl.randn(2, 3)

    def found(function: Any) -> Any:
        try:
            return bits(function(x))
        except (NameError, AttributeError) as error:
            return type(error), str(error)

    with rl.no_grad():
        for _ in range(3):
            before = found(call)
        assert call.recordings == 1 and any(kind.plan for kind in call._kinds.values())
        change()
        for _ in range(4):
            assert found(call) == found(function) != before


def test_after_a_state_was_loaded_identity_tells_again() -> None:
    fast, plain = make(True), make(False)
    plain.model.load_state_dict(fast.model.state_dict())
    data = batches(12)
    for i, (x, y) in enumerate(data):
        if i == 5:
            for one in (fast, plain):
                one.optimizer.load_state_dict(one.optimizer.state_dict())
        for one in (fast, plain):
            rl.manual_seed(i)
            one.step(x, y)
        same_state(fast, plain)
    assert fast.step._places.hold()  # else all is read again, one by one, at each call
    assert fast.step.recordings <= 4


def test_what_another_thread_changed_and_put_back_during_a_recording_is_not_kept() -> None:
    net = Two()

    def f(x: Any) -> Any:
        return net(x * 1)

    call, x = rl.compile(f), rl.randn(2, 3)
    seen = net.forward

    def elsewhere(value: float) -> None:
        thread = threading.Thread(target=lambda: setattr(net, "p", value))
        thread.start()
        thread.join()

    def there(recorded: Callable[..., Any]) -> Callable[..., Any]:
        def record(*args: Any) -> Any:
            kept = net.p
            elsewhere(0.25)
            try:
                return recorded(*args)
            finally:
                elsewhere(kept)

        return record

    with rl.no_grad(), pytest.MonkeyPatch.context() as patch:
        call(x)
        patch.setattr(door, "record", there(door.record))
        call(x)
        assert call.recordings == 1 and not any(kind.plan for kind in call._kinds.values())
        patch.undo()
        for _ in range(3):
            assert bits(call(x)) == bits(seen(x))
        assert call.recordings == 2 and not call.reasons


@pytest.mark.filterwarnings("ignore")  # too much changes between its calls
def test_threads_call_and_change_the_same() -> None:
    net = Two()
    call, x = rl.compile(net), rl.randn(2, 3)
    with rl.no_grad():
        allowed = []
        for p in (1.5, 0.5):
            net.p = p
            allowed.append(bits(net(x)))
        stop, wrong = threading.Event(), []

        def change() -> None:
            while not stop.is_set():
                net.p = 1.5
                net.p = 0.5

        def many() -> None:
            with rl.no_grad():
                for _ in range(150):
                    try:
                        found = bits(call(x))
                    except Exception as error:
                        wrong.append(error)
                        return
                    if found not in allowed:
                        wrong.append(found)

        changing = threading.Thread(target=change)
        callers = [threading.Thread(target=many) for _ in range(2)]
        for thread in (changing, *callers):
            thread.start()
        for thread in callers:
            thread.join()
        stop.set()
        changing.join()
        assert not wrong
        assert bits(call(x)) == bits(net(x)) == allowed[1]
