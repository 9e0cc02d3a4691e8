"""Draws for the rows of a batch that are one process's: those that one process would draw."""

from __future__ import annotations

import numpy as np
import pytest

from rushlight.random import Generator, OwnRows

FLOAT32, FLOAT16 = np.dtype("float32"), np.dtype("float16")
DRAWS = {
    "uniform": lambda g, shape: g.uniform(shape, 1.0, 2.0),
    "random": lambda g, shape: g.random(shape, FLOAT32),
    "half": lambda g, shape: g.random(shape, FLOAT16),
    "normal": lambda g, shape: g.normal(shape, 1.0, 2.0),
    "integers": lambda g, shape: g.integers(-3, 10**9, shape),
    "bernoulli": lambda g, shape: g.bernoulli(shape, 0.3),
    "bernoulli of 16 bits": lambda g, shape: g.bernoulli(shape, 0.25),
    "sure": lambda g, shape: g.bernoulli(shape, 1.0),
    "exponential": lambda g, shape: g.exponential(shape, 2.0),
    "cauchy": lambda g, shape: g.cauchy(shape, 1.0, 2.0),
    "geometric": lambda g, shape: g.geometric(shape, 0.3),
    "words": lambda g, shape: g.words(shape, 0.3)[0].reshape(shape),
}
CUTS = [(7, [0, 1, 3, 5, 7]), (12, [0, 6, 12]), (2, [0, 0, 1, 1, 2])]


def _generators(whole, cuts):
    made = [Generator(3) for _ in cuts[1:]]
    for generator, low, high in zip(made, cuts[:-1], cuts[1:], strict=True):
        generator.integers(0, 9, (3,))  # half of a word is left over
        generator.rows = OwnRows(low, high, whole)
    return made


def _same_place(generators):
    return len({generator.pack().tobytes() for generator in generators}) == 1


@pytest.mark.parametrize(("whole", "cuts"), CUTS)
@pytest.mark.parametrize("name", DRAWS)
def test_parts_of_one_draw(name, whole, cuts):
    alone = Generator(3)
    alone.integers(0, 9, (3,))
    made = _generators(whole, cuts)
    for shape, axis in [((whole, 11), 0), ((whole,), 0), ((13, whole, 11), 1)]:
        expected = DRAWS[name](alone, shape)
        parts = []
        for generator in made:
            own = generator.rows.high - generator.rows.low
            parts.append(DRAWS[name](generator, (*shape[:axis], own, *shape[axis + 1 :])))
            assert parts[-1].dtype == expected.dtype
        assert np.array_equal(np.concatenate(parts, axis), expected)
        assert _same_place([alone, *made])


@pytest.mark.parametrize("name", DRAWS)
def test_the_same_for_all(name):
    alone, made = Generator(3), _generators(12, [0, 3, 7, 12])
    alone.integers(0, 9, (3,))
    for shape in [(), (1,), (2, 1, 2), (11, 2)]:
        expected = DRAWS[name](alone, shape)
        assert all(np.array_equal(DRAWS[name](g, shape), expected) for g in made)
        assert _same_place([alone, *made])


def test_each_its_own():
    for draw in [
        lambda g, n: g.normal((n * 8, 2)),
        lambda g, n: g.words((n * 8,), 0.3)[0],
        lambda g, n: g.permutation(n),
        lambda g, n: g.permutation(8 * n),
        lambda g, n: g.poisson(np.full((n, 3), 50.0)),
        lambda g, n: g.binomial(np.full((n, 3), 50), np.full((n, 3), 0.5)),
    ]:
        made, again = (_generators(30, [0, 10, 20, 30]) for _ in range(2))
        first, second = ([draw(g, 10).tolist() for g in made] for _ in range(2))
        assert len({str(drawn) for drawn in first + second}) == 6  # of all ranks, and both times
        assert first == [draw(g, 10).tolist() for g in again]
        assert _same_place(made)


def test_what_no_row_has_to_do_with_is_of_all():
    made = _generators(30, [0, 10, 20, 30])
    assert len({str(g.permutation(7)) for g in made}) == 1
    assert len({str(g.poisson(np.full((7,), 50.0))) for g in made}) == 1


def test_pack_and_mark():
    one = Generator(1)
    one.integers(0, 9, (3,))
    one.rows = OwnRows(0, 2, 4)
    place, other = one.mark(), Generator(2)
    other.unpack(one.pack().astype(float))
    expected = one.integers(0, 9, (2, 5))
    one.rows = None
    one.back_to(place)
    assert one.rows == OwnRows(0, 2, 4)
    assert np.array_equal(one.integers(0, 9, (2, 5)), expected)
    assert np.array_equal(other.integers(0, 9, (4, 5))[:2], expected)
    assert "rows" not in one.get_state() and one.spawn(3).rows is None
