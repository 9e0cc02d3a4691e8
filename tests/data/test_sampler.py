"""Samplers: orders that are functions of seed and epoch."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rushlight.data import (
    BatchSampler,
    RandomSampler,
    Sampler,
    SequentialSampler,
    SubsetRandomSampler,
    WeightedRandomSampler,
)
from rushlight.random import Generator, default_generator, manual_seed

RANDOM = {
    "random": lambda g: RandomSampler(range(30), generator=g),
    "replacement": lambda g: RandomSampler(range(30), True, 40, g),
    "more": lambda g: RandomSampler(range(30), num_samples=70, generator=g),
    "subset": lambda g: SubsetRandomSampler(list(range(100, 130)), g),
    "weighted": lambda g: WeightedRandomSampler(range(30), 40, generator=g),
    "weighted once": lambda g: WeightedRandomSampler(range(1, 31), 20, False, g),
}


@pytest.mark.parametrize("name", RANDOM)
def test_order_is_a_function_of_seed_and_epoch(name):
    make = RANDOM[name]
    sampler = make(Generator(5))
    epochs = [list(sampler) for _ in range(3)]
    assert all(type(index) is int for index in epochs[0])
    assert len(sampler) == len(epochs[0])
    assert epochs[0] != epochs[1] != epochs[2]
    other = make(Generator(5))
    default_generator.normal((10,))  # what else is drawn does not matter
    other.set_epoch(2)
    assert list(other) == epochs[2]
    other.set_epoch(0)
    assert list(other) == epochs[0]
    assert list(make(Generator(6))) != epochs[0]


@pytest.mark.parametrize("name", RANDOM)
def test_seed_from_the_default_generator_is_drawn_once(name):
    make = RANDOM[name]
    manual_seed(1)
    sampler = make(None)
    first = list(sampler)
    manual_seed(1)
    again = make(None)
    assert list(again) == first
    manual_seed(2)  # drawn already
    again.set_epoch(0)
    assert list(again) == first
    assert list(make(None)) != first


def test_the_order_promised():
    sampler = RandomSampler(range(9), generator=Generator(4))
    sampler.set_epoch(3)
    assert list(sampler) == Generator(4).spawn(3).permutation(9).tolist()


@given(st.integers(1, 20), st.integers(1, 70), st.integers(0, 9))
def test_without_replacement_rounds_are_whole(size, count, seed):
    order = list(RandomSampler(range(size), num_samples=count, generator=Generator(seed)))
    assert len(order) == count
    for start in range(0, count - size + 1, size):
        assert sorted(order[start : start + size]) == list(range(size))
    assert len(set(order[count - count % size :])) == count % size


def test_subset_and_sequential():
    assert sorted(SubsetRandomSampler([7, 7, 1])) == [1, 7, 7]
    assert list(SubsetRandomSampler([])) == []
    assert list(SequentialSampler("")) == []
    with pytest.raises(NotImplementedError, match="__iter__"):
        iter(Sampler())


def test_weights_are_probabilities():
    weights = np.array([0.0, 1, 3, 0, 6, 0])
    order = np.array(list(WeightedRandomSampler(weights, 20_000, generator=Generator(0))))
    share = np.bincount(order, minlength=6) / len(order)
    np.testing.assert_allclose(share, weights / 10, atol=0.02)
    assert not share[weights == 0].any()


def test_weighted_draws_without_replacement():
    # P(first = i) is w_i; P(0 among the first two of three) has a closed form.
    w = np.array([0.5, 0.3, 0.2])
    runs = np.array(
        [list(WeightedRandomSampler(w, 2, False, Generator(seed))) for seed in range(3000)]
    )
    assert all(len(set(run)) == 2 for run in runs.tolist())
    np.testing.assert_allclose(np.bincount(runs[:, 0]) / 3000, w, atol=0.03)
    both = w[0] + w[1] * w[0] / (1 - w[1]) + w[2] * w[0] / (1 - w[2])
    assert abs((runs == 0).any(1).mean() - both) < 0.03
    assert sorted(WeightedRandomSampler([1e-320, 0, 1e300], 2, False)) == [0, 2]


@given(st.integers(0, 30), st.integers(1, 9), st.booleans())
def test_batches_are_chunks(size, step, drop_last):
    sampler = BatchSampler(SequentialSampler(range(size)), step, drop_last)
    batches = list(sampler)
    assert len(batches) == len(sampler)
    kept = size - size % step if drop_last else size
    assert list(itertools.chain(*batches)) == list(range(kept))
    assert all(len(batch) == step for batch in batches[:-1])
    assert all(batches)


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (lambda: RandomSampler([]), ValueError, "num_samples: got 0"),
        (lambda: RandomSampler("ab", num_samples=-1), ValueError, "num_samples: got -1"),
        (lambda: RandomSampler("ab", num_samples=1.5), ValueError, "num_samples"),
        (lambda: RandomSampler("ab", 1), TypeError, "replacement: got 1"),
        (lambda: RandomSampler("ab", generator=3), TypeError, "got int, expected a rushlight"),
        (lambda: WeightedRandomSampler([1, -1], 1), ValueError, "values from -1.0 to 1.0"),
        (lambda: WeightedRandomSampler([0.0], 1), ValueError, "one of them above 0"),
        (lambda: WeightedRandomSampler([], 1), ValueError, r"shape \(0,\)"),
        (lambda: WeightedRandomSampler([np.inf], 1), ValueError, "finite"),
        (lambda: WeightedRandomSampler([[1.0]], 1), ValueError, r"shape \(1, 1\)"),
        (lambda: WeightedRandomSampler([1, 0], 2, False), ValueError, "set replacement=True"),
        (lambda: WeightedRandomSampler([1], 0), ValueError, "num_samples"),
        (lambda: BatchSampler([1], 0, False), ValueError, "batch_size: got 0"),
        (lambda: BatchSampler([1], True, False), ValueError, "batch_size: got True"),
        (lambda: BatchSampler([1], 1, None), ValueError, "drop_last: got None"),
        (lambda: RandomSampler("ab").set_epoch(-1), ValueError, "set_epoch: got -1"),
    ],
)
def test_refused(make, error, text):
    with pytest.raises(error, match=text):
        make()
