"""The way in for arguments of the kind that came last: nothing is served that has changed."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import numpy as np
import pytest

import rushlight as rl
from rushlight import nn
from rushlight.compiled import native
from rushlight.determinism import deterministic_algorithms
from rushlight.facts import PlainFacts
from rushlight.plans.entry import PlainEntry
from rushlight.tensor import Tensor

ENTRIES: list[Any] = [(PlainEntry, PlainFacts)]
if native is not None:
    ENTRIES.append((native.Entry, native.Facts))


class Sub(Tensor):
    pass


def _tensor(seed: int, *shape: int) -> Any:
    return rl.from_numpy(np.random.default_rng(seed).standard_normal(shape).astype(np.float32))


def _sub(x: Any) -> Any:
    found = Sub.__new__(Sub)
    found._array = x._array
    return found


def _strided(x: Any) -> Any:
    return rl.from_numpy(np.asfortranarray(x.numpy()))


def _default_dtype(f: Any, x: Any, y: Any, model: Any) -> Any:
    rl.set_default_dtype(rl.float64)
    try:
        return f(x, y)
    finally:
        rl.set_default_dtype(rl.float32)


def _recorded(f: Any, x: Any, y: Any, model: Any) -> Any:
    with rl.enable_grad():
        return f(x, y)


def _requires(f: Any, x: Any, y: Any, model: Any) -> Any:
    return f(rl.tensor(x.numpy(), requires_grad=True), y)


def _train(f: Any, x: Any, y: Any, model: Any) -> Any:
    model.train()
    try:
        return f(x, y)
    finally:
        model.eval()


def _weights(f: Any, x: Any, y: Any, model: Any) -> Any:
    model[0].weight.data = model[0].weight.data * 2.0
    return f(x, y)


def _module(f: Any, x: Any, y: Any, model: Any) -> Any:
    model[1] = nn.Tanh()
    return f(x, y)


def _in_place(f: Any, x: Any, y: Any, model: Any) -> Any:
    x.numpy()[...] += 1.0
    return f(x, y)


CALLS: dict[str, Any] = {
    "again": lambda f, x, y, model: f(x, y),
    "the other way round": lambda f, x, y, model: f(y, x),
    "the same twice": lambda f, x, y, model: f(x, x),
    "one memory twice": lambda f, x, y, model: f(x, x.detach()),
    "other values": lambda f, x, y, model: f(x * 2.0, y),
    "other values in place": _in_place,
    "by name": lambda f, x, y, model: f(x, y=y),
    "more rows": lambda f, x, y, model: f(_tensor(5, 7, 6), _tensor(6, 7, 6)),
    "no rows": lambda f, x, y, model: f(_tensor(5, 0, 6), _tensor(6, 0, 6)),
    "in another order": lambda f, x, y, model: f(_strided(x), y),
    "a part": lambda f, x, y, model: f(_tensor(3, 4, 12)[:, ::2], y),
    "backwards": lambda f, x, y, model: f(rl.flip(x, (0,)), y),
    "of a class of its own": lambda f, x, y, model: f(_sub(x), y),
    "the parameter itself": lambda f, x, y, model: f(model[0].weight.detach()[:4], y),
    "with gradients": _recorded,
    "that requires a gradient": _requires,
    "another default dtype": _default_dtype,
    "in training": _train,
    "other weights": _weights,
    "another module": _module,
}


@pytest.mark.filterwarnings("ignore:compile")
@pytest.mark.parametrize("name", CALLS)
def test_a_call_of_another_kind(name: str) -> None:
    found: list[list[Any]] = []
    for compile in (False, True):
        rl.manual_seed(3)
        model = nn.Sequential(nn.Linear(6, 6), nn.ReLU(), nn.Dropout(0.5)).eval()

        def function(x: Any, y: Any, model: Any = model) -> Any:
            return model(x) + y * 2.0

        f: Any = rl.compile(function) if compile else function
        lines: list[Any] = []
        x, y = _tensor(1, 4, 6), _tensor(2, 4, 6)
        with rl.no_grad():
            for other in ("again", name, name, name, "again"):
                for _ in range(3):
                    out = CALLS[other](f, x, y, model)
                    lines.append((out._array.dtype.str, out.shape, out._array.tobytes()))
        found.append(lines)
        if compile:
            assert f._quick is not None
    assert found[0] == found[1]


def test_deterministic_mode_has_products_of_its_own() -> None:
    def function(x: Any, y: Any) -> Any:
        return x @ y

    x, y, f = _tensor(1, 37, 167), _tensor(2, 167, 91), rl.compile(function)
    found: list[list[bytes]] = [[], []]
    with rl.no_grad():
        for mode in (False,) * 4 + (True,) * 4 + (False, True, False):
            with deterministic_algorithms(mode):
                for call, outputs in zip((function, f), found, strict=True):
                    outputs.append(call(x, y).numpy().tobytes())
    assert f._quick is not None
    assert found[0] == found[1]
    assert len(set(found[0])) == 2


def test_what_lies_in_memory_that_is_written_to_is_not_taken() -> None:
    found = []
    for compile in (False, True):
        rl.manual_seed(3)
        model = nn.Linear(6, 6)
        optimizer = rl.optim.SGD(model.parameters(), lr=0.1)

        def function(x: Any, model: Any = model, optimizer: Any = optimizer) -> Any:
            optimizer.zero_grad()
            loss = (model(x) * x).sum()
            loss.backward()
            optimizer.step()
            return loss

        step: Any = rl.compile(function) if compile else function
        x = _tensor(1, 6, 6)
        losses = [step(x).item() for _ in range(5)]
        own = model.weight.detach()  # an optimizer may have moved it
        losses += [step(v).item() for v in (own, own.detach(), x, own, x)]
        found.append([*losses, model.weight.detach().numpy().tobytes()])
    assert found[0] == found[1]


@pytest.mark.parametrize(("entry", "facts"), ENTRIES)
def test_an_error_within_facts_is_raised(entry: Any, facts: Any) -> None:
    stated, x = facts(), _tensor(1, 2)

    class Odd:
        @property
        def value(self) -> Any:
            raise KeyboardInterrupt

    stated.attributes("value", [Odd()], [None])
    with pytest.raises(KeyboardInterrupt):
        entry((x,), [np.empty_like(x._array)], [stated], []).opens((x,))


@pytest.mark.parametrize(("entry", "facts"), ENTRIES)
def test_an_entry_takes_in_what_is_of_its_kind_alone(entry: Any, facts: Any) -> None:
    x, y, table = _tensor(1, 2, 3), _tensor(2, 3), {"a": object()}
    buffers = [np.empty_like(x._array), np.empty_like(y._array)]
    first, second = facts(), facts()
    first.contents(table, table)
    second.lacks(table, "b")
    into = entry((x, y), buffers, [first, second], [])
    assert into.opens((x, y))
    assert buffers[0].tobytes() == x._array.tobytes()
    assert buffers[1].tobytes() == y._array.tobytes()
    others: list[tuple[Any, ...]] = [(), (x,), (x, y, x), (y, x), (x, 3), (x, _sub(y))]
    others += [
        (x, y.double()),
        (x.T.contiguous(), y),
        (x, rl.tensor(y.numpy(), requires_grad=True)),
    ]
    strided = rl.from_numpy(np.asfortranarray(x.numpy()))
    assert not any(into.opens(other) for other in [*others, (strided, y)])
    assert buffers[0].tobytes() == x._array.tobytes()
    table["b"] = object()
    assert not into.opens((x, y))
    del table["b"]
    assert into.opens((x * 2, y))
    assert buffers[0].tobytes() == (x * 2)._array.tobytes()
    assert not entry((x,), buffers[:1], [], []).opens((x, x))
    assert not entry((x, x.clone()), [buffers[0]] * 2, [], []).opens((x, x))
    view = x[1:]
    assert not entry((view,), [np.empty_like(view._array)], [], [id(x._array)]).opens((view,))
    for wrong in ([], [buffers[0]] * 2):
        with pytest.raises(ValueError, match="other buffers"):
            entry((x,), wrong, [], [])


def test_a_cycle_through_an_entry_is_collected() -> None:
    class Held:
        pass

    def function(x: Any) -> Any:
        return x * 2.0

    held: Any = Held()
    held.compiled = rl.compile(function)
    function.held = held  # type: ignore[attr-defined]
    with rl.no_grad():
        for _ in range(4):
            held.compiled(_tensor(1, 3))
    assert held.compiled._quick is not None
    gone = weakref.ref(held)
    del held, function
    gc.collect()
    assert gone() is None


def test_what_is_one_new_tensor_needs_no_python() -> None:
    rl.manual_seed(3)
    model = nn.Sequential(nn.Linear(6, 6), nn.BatchNorm1d(6), nn.ReLU(), nn.Linear(6, 2)).eval()
    f, x = rl.compile(model), _tensor(1, 4, 6)
    with rl.no_grad():
        kept = [f(x) for _ in range(5)]
        assert (f._quick[2] is None) == (native is None)
        assert all(y.numpy().tobytes() == model(x).numpy().tobytes() for y in kept)
        assert len({y.data_ptr() for y in kept}) == 5
        model[0].bias.add_(1.0)
        assert f(x).numpy().tobytes() == model(x).numpy().tobytes()
        assert f(x * 2).numpy().tobytes() == model(x * 2).numpy().tobytes()
        two = rl.compile(lambda x: (model(x), x + 1.0))
        for _ in range(4):
            _, z = two(x)
        assert two._quick[2] is None
        assert z.numpy().tobytes() == (x + 1.0).numpy().tobytes()
    if native is not None:
        x = _tensor(1, 4, 6)
        for args in ((), (x,)):
            buffers = [np.empty_like(arg._array) for arg in args]
            with pytest.raises(TypeError, match="no routine"):
                native.Entry(args, buffers, [], []).array_of(args)
