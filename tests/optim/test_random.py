"""Random options of every optimizer and schedule, a few steps, against torch."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("torch")

from tests.optim.parity import (
    OURS,
    THEIRS,
    Case,
    Pair,
    closed_rates,
    follow,
    make_schedule,
    rates,
    relative,
    resumed,
    states,
)

RATE = st.floats(1e-4, 1.0)
SHARE = st.floats(0.0, 0.99)
DECAY = st.sampled_from([0, 0.0, 0.1, 1.0])
EPS = st.floats(1e-6, 0.1)
BETAS = st.tuples(SHARE, SHARE)
SWITCH = st.booleans()
FOREACH = st.sampled_from([None, False, True])
COMMON = {"lr": RATE, "weight_decay": DECAY, "maximize": SWITCH}
FAMILY = {**COMMON, "betas": BETAS, "eps": EPS}

OPTIONS = {
    "SGD": {**COMMON, "momentum": SHARE, "dampening": SHARE, "foreach": FOREACH},
    "Adam": {**FAMILY, "amsgrad": SWITCH, "decoupled_weight_decay": SWITCH},
    "AdamW": {**FAMILY, "amsgrad": SWITCH, "foreach": FOREACH},
    "RMSprop": {**COMMON, "alpha": SHARE, "eps": EPS, "momentum": DECAY},
    "Rprop": {
        "lr": RATE,
        "etas": st.tuples(st.floats(0.1, 0.9), st.floats(1.1, 3.0)),
        "step_sizes": st.tuples(st.floats(1e-6, 0.1), st.floats(0.1, 50.0)),
        "maximize": SWITCH,
        "foreach": FOREACH,
    },
    "Adagrad": {
        **COMMON,
        "lr_decay": DECAY,
        "initial_accumulator_value": DECAY,
        "eps": EPS,
    },
    "Adadelta": {**COMMON, "rho": st.floats(0.0, 1.0), "eps": EPS, "foreach": FOREACH},
    "Adamax": {**FAMILY, "foreach": FOREACH},
    "NAdam": {**FAMILY, "momentum_decay": DECAY, "decoupled_weight_decay": SWITCH},
    "RAdam": {**FAMILY, "decoupled_weight_decay": SWITCH, "foreach": FOREACH},
    "ASGD": {
        **COMMON,
        "lambd": st.floats(0.0, 0.5),
        "alpha": st.floats(0.0, 2.0),
        "t0": st.integers(0, 8),
    },
    "Adafactor": {
        **COMMON,
        "beta2_decay": st.floats(-2.0, -0.1),
        "eps": st.tuples(st.none() | EPS, EPS),
        "d": st.floats(1.0, 3.0),
    },
    "Muon": {
        "lr": RATE,
        "weight_decay": DECAY,
        "momentum": SHARE,
        "nesterov": SWITCH,
        "ns_steps": st.integers(0, 5),
        "adjust_lr_fn": st.sampled_from([None, "original", "match_rms_adamw"]),
    },
    "LBFGS": {
        "lr": st.floats(0.01, 0.5),
        "max_iter": st.integers(1, 4),
        "history_size": st.integers(1, 4),
        "tolerance_grad": st.floats(1e-3, 1.0),
    },
}


@st.composite
def optimizers(draw):
    name = draw(st.sampled_from(sorted(OPTIONS)))
    given_ = st.fixed_dictionaries({}, optional=OPTIONS[name])
    return name, draw(given_)


@settings(max_examples=60, deadline=None)
@given(optimizers(), st.lists(st.sets(st.integers(0, 3)), min_size=1, max_size=6), SWITCH)
def test_optimizers(chosen, skips, groups):
    name, options = chosen
    pair = Pair(name, options, groups=2 if groups and name != "LBFGS" else 1)
    for skip in skips:
        pair.step(tuple(skip))
        assert pair.error() < 1e-9


TIMES = st.integers(1, 40)
EITHER = {"anneal_strategy": st.sampled_from(["cos", "linear"])}
SCHEDULES = {
    "StepLR": ({"step_size": TIMES}, {"gamma": RATE}),
    "MultiStepLR": ({"milestones": st.lists(TIMES, max_size=5)}, {"gamma": RATE}),
    "ConstantLR": ({}, {"factor": RATE, "total_iters": TIMES}),
    "LinearLR": ({}, {"start_factor": RATE, "end_factor": RATE, "total_iters": TIMES}),
    "ExponentialLR": ({"gamma": st.floats(0.5, 1.0)}, {}),
    "PolynomialLR": ({}, {"total_iters": TIMES, "power": st.floats(0.5, 3.0)}),
    "CosineAnnealingLR": ({"T_max": TIMES}, {"eta_min": RATE}),
    "CosineAnnealingWarmRestarts": (
        {"T_0": TIMES},
        {"T_mult": st.integers(1, 3), "eta_min": RATE},
    ),
    "CyclicLR": (
        {"base_lr": RATE, "max_lr": RATE},
        {
            "step_size_up": TIMES,
            "step_size_down": TIMES,
            "mode": st.sampled_from(["triangular", "triangular2", "exp_range"]),
            "gamma": st.floats(0.9, 1.0),
            "cycle_momentum": SWITCH,
            "base_momentum": SHARE,
            "max_momentum": SHARE,
        },
    ),
    "OneCycleLR": (
        {"max_lr": RATE, "total_steps": st.integers(70, 90)},
        {
            **EITHER,
            "pct_start": st.floats(0.05, 0.45),
            "cycle_momentum": SWITCH,
            "base_momentum": SHARE,
            "max_momentum": SHARE,
            "div_factor": st.floats(1.0, 50.0),
            "final_div_factor": st.floats(1.0, 50.0),
            "three_phase": SWITCH,
        },
    ),
    "SWALR": ({"swa_lr": RATE}, {**EITHER, "anneal_epochs": st.integers(0, 40)}),
}


@st.composite
def schedules(draw):
    name = draw(st.sampled_from(sorted(SCHEDULES)))
    needed, optional = SCHEDULES[name]
    options = draw(st.fixed_dictionaries(needed, optional=optional))
    optimizer = draw(st.sampled_from(["SGD", "Adam"]))
    return Case(name, lambda s, o: getattr(s, name)(o, **options), optimizer), options


@settings(max_examples=50, deadline=None)
@given(schedules(), st.integers(0, 60))
def test_schedules(chosen, at):
    case, _ = chosen
    a, b = make_schedule(case, OURS), make_schedule(case, THEIRS)
    assert relative(rates(a), rates(b), 1e-9) < 1e-12
    before, expected = follow(case, a, range(at)), follow(case, b, range(at), closed_rates)
    assert relative(before, expected, 1e-9) < 1e-11
    saved = states(a)
    after = follow(case, resumed(case, saved), range(at, 60))
    assert after == follow(case, a, range(at, 60))
    assert relative(after, follow(case, b, range(at, 60), closed_rates), 1e-9) < 1e-11
