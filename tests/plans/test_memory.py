"""How much memory recordings and plans take, by NumPy's own account of it."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from tests.plans.steps import batches, bits

import rushlight as rl
from rushlight import nn, optim
from rushlight.plans import program
from rushlight.plans.program import ALIGN, PIECE, Slot, _plan

ROWS = 4000


def _training(compile: bool) -> Callable[[], Any]:
    rl.manual_seed(0)
    net = nn.Sequential(*[part for _ in range(6) for part in (nn.Linear(64, 64), nn.Tanh())])
    optimizer = optim.SGD(net.parameters(), lr=0.01)
    x = rl.ones(ROWS, 64)

    def step(x: Any) -> Any:
        optimizer.zero_grad()
        loss = (net(x) ** 2).mean()
        loss.backward()
        optimizer.step()
        return loss

    found = rl.compile(step, fullgraph=True) if compile else step
    return lambda: found(x)


def _peak(step: Callable[[], Any]) -> int:
    """Return how many bytes a call takes beyond what there was before it."""
    gc.collect()
    tracemalloc.reset_peak()
    before = tracemalloc.get_traced_memory()[0]
    step()
    return tracemalloc.get_traced_memory()[1] - before


def test_a_recording_takes_little_more_than_the_call_itself() -> None:
    tracemalloc.start()
    try:
        eager, compiled = _training(False), _training(True)
        eager(), compiled()
        plain, recorded, planned = _peak(eager), _peak(compiled), _peak(compiled)
    finally:
        tracemalloc.stop()
    one = ROWS * 64 * 4  # bytes of an array; a plan's input is one, too
    assert plain > 6 * one
    assert recorded < plain + 4 * one, (plain / one, recorded / one)
    assert planned < 2 * one, planned / one


def test_arrays_of_a_recording_leave_with_it() -> None:
    step = _training(True)
    step()
    gc.collect()
    gc.disable()
    tracemalloc.start()
    try:
        step()
        program = next(iter(step.__closure__[0].cell_contents._kinds.values())).plan.program  # type: ignore[index]
        held = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
        gc.enable()
    assert held < program.nbytes + ROWS * 64 * 4 + (1 << 20)  # the input


def test_places_of_slots_that_live_at_the_same_time_are_apart() -> None:
    rng = np.random.default_rng(0)
    for limit in (1 << 10, 1 << 21, 1 << 23):
        slots = []
        for _ in range(200):
            slot = Slot(np.empty(0, np.uint8))
            slot.size = int(rng.integers(0, limit))
            slot.first = int(rng.integers(0, 300))
            slot.last = slot.first + int(rng.integers(0, 20))
            slots.append(slot)
        pieces = _plan(slots)
        for i, a in enumerate(slots):
            assert a.offset % ALIGN == 0
            assert a.offset + a.size <= pieces[a.piece]
            for b in slots[:i]:
                if a.piece == b.piece and a.first <= b.last and b.first <= a.last:
                    assert a.offset + a.size <= b.offset or b.offset + b.size <= a.offset


def test_what_is_larger_than_a_piece_has_one_of_its_own() -> None:
    slots = [Slot(np.empty(0, np.uint8), at) for at in range(3)]
    for slot, size in zip(slots, (64, PIECE + 1, 64), strict=True):
        slot.size, slot.last = size, 3
    assert _plan(slots) == [128, PIECE + ALIGN]
    assert [slot.piece for slot in slots] == [0, 1, 0]


@pytest.mark.parametrize("piece", [64, 1024, 1 << 14])
def test_memory_in_several_pieces(monkeypatch: pytest.MonkeyPatch, piece: int) -> None:
    monkeypatch.setattr(program, "PIECE", piece)
    eager, compiled = _training(False), _training(True)
    for _ in range(4):
        assert eager().item() == compiled().item()


def _classes(x: Any, y: Any, model: Any) -> Any:
    loss = nn.functional.cross_entropy(model(x), y)  # looks at y before anything else is done
    loss.backward()
    return loss


def _decided_by(x: Any, y: Any, model: Any) -> Any:
    (model[0].bias * x[:, :4]).sum().backward()
    return x * (2.0 if model[0].bias.grad.sum() > -100.0 else 3.0)


@pytest.mark.parametrize("backward", [_classes, _decided_by])
def test_gradients_that_are_kept_stay_while_values_are_asked_for(backward: Any) -> None:
    model = nn.Sequential(nn.Linear(6, 4), nn.GELU(), nn.Linear(4, 3))
    optimizer = optim.SGD(model.parameters(), lr=0.1)

    def function(x: Any, y: Any) -> Any:
        optimizer.zero_grad()
        return backward(x, y, model)

    step, kept, then = rl.compile(function, fullgraph=True), [], []
    for x, y in batches(8, size=5):
        step(x, y)
        kept.append([p.grad for p in model.parameters()])
        then.append(list(map(bits, kept[-1])))
    assert [list(map(bits, gradients)) for gradients in kept] == then
    assert step.recordings == 1
