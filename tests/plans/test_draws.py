"""Draws within plans: the words are NumPy's, from the state that all draws share."""

from __future__ import annotations

import gc
import threading
import weakref
from typing import Any

import numpy as np
import pytest
from tests.plans.steps import batches, make

import rushlight as rl
from rushlight import nn
from rushlight.compiled import native
from rushlight.random import Generator, OwnRows, default_generator

compiled = pytest.mark.skipif(native is None, reason="the compiled extension is absent")


class Sub(Generator):
    pass


def _half() -> None:
    default_generator.integers(0, 9, (3,))  # half of a word is left over


def _rows(rows: OwnRows | None) -> None:
    default_generator.rows = rows


BETWEEN: dict[str, Any] = {
    "nothing": lambda: None,
    "half a word": _half,
    "a normal draw": lambda: default_generator.normal((7,)),
    "words": lambda: default_generator.words((5,), 0.3),
    "another seed": lambda: rl.manual_seed(5),
    "there and back": lambda: default_generator.set_state(default_generator.get_state()),
    "a mark": lambda: default_generator.back_to(default_generator.mark()),
    "packed": lambda: default_generator.unpack(default_generator.pack()),
    "rows": lambda: _rows(OwnRows(10, 20, 40)),
    "no rows": lambda: _rows(None),
}


@pytest.mark.parametrize("p", [0.2, 0.3, 1e-3, 1.0])
def test_eager_and_compiled_draws_are_of_one_stream(p: float) -> None:
    def net() -> Any:
        return nn.Sequential(
            *(nn.Linear(6, 9), nn.Dropout(p), nn.Linear(9, 7), nn.Dropout(0.5), nn.Linear(7, 3))
        )

    found: list[list[Any]] = []
    for compile in (False, True):
        rl.manual_seed(3)
        case = make(compile, net)
        lines: list[Any] = []
        try:
            for name in [*["nothing"] * 4, *BETWEEN, "rows", "another seed", "no rows"]:
                BETWEEN[name]()
                for x, y in batches(2):
                    lines += [case.step(x, y).item(), default_generator.pack().tolist()]
                lines.append(case.plain(x, y).item())
        finally:
            default_generator.rows = None
        lines += [p.detach().numpy().tobytes() for p in case.model.parameters()]
        found.append(lines)
        assert not compile or case.step.reasons == []
    assert found[0] == found[1]


def test_a_generator_of_another_class_or_source_draws_itself() -> None:
    found = []
    before = default_generator.mark()
    try:
        for compile in (False, True):
            rl.manual_seed(3)
            case = make(compile)
            (x, y), *_ = batches(1)
            losses = [case.step(x, y).item() for _ in range(4)]
            default_generator.__class__ = Sub
            losses += [case.step(x, y).item() for _ in range(3)]
            default_generator.__class__ = Generator
            default_generator.__dict__["_bits"] = np.random.PCG64(4)
            losses += [case.step(x, y).item() for _ in range(3)]
            found.append(losses)
    finally:
        default_generator.__class__ = Generator
        default_generator.back_to(before)
    assert found[0] == found[1]


@compiled
@pytest.mark.parametrize("kind", [np.random.SFC64, np.random.PCG64, np.random.MT19937])
def test_raw_words_are_numpys(kind: Any) -> None:
    ours, numpys = kind(7), kind(7)
    for size in (0, 1, 2, 3, 9, 64, 5000):  # the last lets other threads run
        words = np.empty(size, np.uint64)
        native.raw_words(ours, words)
        assert words.tolist() == numpys.random_raw(size).tolist()
        for source in (ours, numpys):
            np.random.Generator(source).integers(0, 9, 1, np.int32)
        assert repr(ours.state) == repr(numpys.state)


@compiled
@pytest.mark.parametrize("dtype", ["uint16", "uint32"])
def test_words_that_end_within_one_of_the_source(dtype: str) -> None:
    generator, same = Generator(3), Generator(3)
    for size in (0, 1, 2, 3, 4, 5, 7, 33):
        words = np.full(size + 1, 7, dtype)
        native.Draw(generator, len, words[:size])()
        expected = same.words((size,), 0.5 if dtype == "uint16" else 1e-5)[0]
        assert expected.dtype == dtype
        assert words.tolist() == [*expected.tolist(), 7]
        assert generator.pack().tolist() == same.pack().tolist()


@compiled
def test_what_is_no_source_is_refused() -> None:
    words = np.zeros(4, np.uint64)
    with pytest.raises(AttributeError):
        native.raw_words(3, words)
    with pytest.raises(ValueError, match="row"):
        native.raw_words(np.random.SFC64(1), np.zeros(8, np.uint64)[::2])
    broken = Generator(3)
    broken.__dict__["_bits"] = object()
    with pytest.raises(AttributeError):
        native.Draw(broken, len, words)()
    broken.rows = OwnRows(0, 1, 2)
    with pytest.raises(TypeError):
        native.Draw(broken, len, words)()


@compiled
def test_threads_share_a_stream() -> None:
    """Each call gets words that follow each other in the stream, and none is drawn twice."""
    size, calls, generator = 5000, 40, Generator(3)
    found: list[bytes] = []

    def draw() -> None:
        words = np.empty(size, np.uint64)
        call = native.Draw(generator, len, words)
        for _ in range(calls):
            call()
            found.append(words.tobytes())

    threads = [threading.Thread(target=draw) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    whole = Generator(3)._bits.random_raw(size * calls * 3).reshape(-1, size)
    assert sorted(found) == sorted(row.tobytes() for row in whole)


@compiled
def test_a_cycle_through_a_draw_is_collected() -> None:
    class Held:
        pass

    held, words = Held(), np.zeros(4, np.uint16)
    generator: Any = Sub(3)
    generator.call, generator.held = native.Draw(generator, len, words), held
    gone = weakref.ref(held)
    del held, generator
    gc.collect()
    assert gone() is None
