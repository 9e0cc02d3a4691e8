"""Schedules against torch: 500 steps, and after resuming at any of them."""

import inspect
import random

import pytest

pytest.importorskip("torch")

import torch
from tests.optim.parity import (
    OURS,
    RATES,
    SCHEDULES,
    THEIRS,
    follow,
    in_torch,
    make_schedule,
    rates,
    relative,
    resumed,
    run_schedule,
    states,
)

from rushlight import optim

IDS = [f"{case.name}-{i}" for i, case in enumerate(SCHEDULES)]


@pytest.mark.parametrize("case", SCHEDULES, ids=IDS)
def test_500_steps(case):
    assert run_schedule(case) < 1e-12


@pytest.mark.parametrize("case", SCHEDULES, ids=IDS)
def test_500_steps_beside_the_rates_that_torch_sets(case):
    a, b = make_schedule(case, OURS), make_schedule(case, THEIRS)
    assert rates(a) == pytest.approx(rates(b), rel=1e-12)
    steps = range(RATES)
    # torch's products of quotients drift, most of all where a cosine is at its foot
    assert relative(follow(case, a, steps), follow(case, b, steps), 1e-4) < 1e-9
    assert a.get_last_lr() == pytest.approx(b.get_last_lr(), rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("case", SCHEDULES, ids=IDS)
def test_resuming_at_random_steps_gives_the_same_bits(case):
    whole = follow(case, make_schedule(case, OURS), range(RATES))
    for at in random.Random(case.name).sample(range(1, RATES - 20), 3):
        first = make_schedule(case, OURS)
        follow(case, first, range(at))
        assert follow(case, resumed(case, states(first)), range(at, at + 20)) == whole[at : at + 20]


@pytest.mark.parametrize("case", SCHEDULES, ids=IDS)
def test_torch_goes_on_from_our_states(case):
    if case.functions:
        pytest.skip("functions are not saved")
    a, b = make_schedule(case, OURS), make_schedule(case, THEIRS)
    follow(case, a, range(33))
    saved = states(a)
    b.load_state_dict(saved["scheduler"])
    b.optimizer.load_state_dict(in_torch(saved["optimizer"]))
    steps = range(33, 120)
    assert relative(follow(case, a, steps), follow(case, b, steps), 1e-6) < 1e-9


@pytest.mark.parametrize("name", torch.optim.lr_scheduler.__all__)
def test_signatures(name):
    ours, theirs = (
        [(p.name, p.default) for p in inspect.signature(getattr(lib, name)).parameters.values()]
        for lib in (optim.lr_scheduler, torch.optim.lr_scheduler)
    )
    assert ours == theirs
