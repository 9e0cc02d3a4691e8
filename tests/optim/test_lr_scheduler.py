"""Schedules: values by hand, resuming, warm-up; against torch for 500 steps."""

import copy
import itertools
import math
import warnings

import numpy as np
import pytest

import rushlight as rl
from rushlight.optim import SGD
from rushlight.optim import lr_scheduler as ours
from rushlight.optim.swa_utils import SWALR

SCHEDULES = {
    "lambda": lambda s, o: s.LambdaLR(o, lambda t: 0.97**t),
    "lambdas": lambda s, o: s.LambdaLR(o, [lambda t: 1 / (1 + t), lambda t: 1.0]),
    "multiplicative": lambda s, o: s.MultiplicativeLR(o, lambda t: 0.99 + 0.01 * math.sin(t)),
    "step": lambda s, o: s.StepLR(o, 30),
    "step gamma": lambda s, o: s.StepLR(o, step_size=7, gamma=0.9),
    "multistep": lambda s, o: s.MultiStepLR(o, [100, 30, 30, 200], gamma=0.5),
    "constant": lambda s, o: s.ConstantLR(o, factor=0.2, total_iters=50),
    "linear": lambda s, o: s.LinearLR(o, start_factor=0.1, end_factor=0.5, total_iters=90),
    "exponential": lambda s, o: s.ExponentialLR(o, 0.99),
    "cosine": lambda s, o: s.CosineAnnealingLR(o, T_max=500),
    "cosine beyond": lambda s, o: s.CosineAnnealingLR(o, T_max=60, eta_min=0.01),
    "polynomial": lambda s, o: s.PolynomialLR(o, total_iters=400, power=2.0),
    "sequential": lambda s, o: s.SequentialLR(
        o,
        [
            s.LinearLR(o, total_iters=20),
            s.StepLR(o, 50, 0.5),
            s.CosineAnnealingLR(o, 40, 0.001),
        ],
        [20, 300],
    ),
}
PLATEAUS = [
    {},
    {"mode": "max", "patience": 3, "factor": 0.5},
    {"patience": 2, "cooldown": 5, "threshold": 0.1, "threshold_mode": "abs"},
    {"patience": 0, "factor": 0.7, "min_lr": [0.1, 0.01]},
    {"mode": "max", "patience": 4, "threshold_mode": "abs", "min_lr": 0.03, "eps": 0.01},
]


def optimizer(rates=(0.5, 0.05), lib=rl):
    make = rl.optim.SGD if lib is rl else lib.optim.SGD
    return make([{"params": [lib.ones(1, requires_grad=True)], "lr": lr} for lr in rates], lr=1.0)


def rates_of(opt):
    return [float(group["lr"]) for group in opt.param_groups]


def follow(scheduler, steps, *args):
    seen = [rates_of(scheduler.optimizer)]
    for _ in range(steps):
        scheduler.optimizer.step()
        scheduler.step(*args)
        seen.append(rates_of(scheduler.optimizer))
        assert scheduler.get_last_lr() == seen[-1]
    return seen


def metric(t):
    return 2 + math.cos(t / 9) * math.exp(-t / 100) + 0.01 * math.sin(13 * t)


# ---- by hand


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda o: ours.StepLR(o, 2, 0.5), [1, 1, 0.5, 0.5, 0.25, 0.25]),
        (lambda o: ours.MultiStepLR(o, [1, 3, 3], 0.5), [1, 0.5, 0.5, 0.125, 0.125, 0.125]),
        (lambda o: ours.ConstantLR(o, 0.5, 3), [0.5, 0.5, 0.5, 1, 1, 1]),
        (lambda o: ours.LinearLR(o, 0.25, 1.0, 3), [0.25, 0.5, 0.75, 1, 1, 1]),
        (lambda o: ours.ExponentialLR(o, 0.5), [1, 0.5, 0.25, 0.125, 0.0625, 0.03125]),
        (lambda o: ours.PolynomialLR(o, 4, 1), [1, 0.75, 0.5, 0.25, 0, 0]),
        (lambda o: ours.LambdaLR(o, lambda t: t), [0, 1, 2, 3, 4, 5]),
        (lambda o: ours.MultiplicativeLR(o, lambda t: t), [1, 1, 2, 6, 24, 120]),
        (lambda o: ours.CosineAnnealingLR(o, 2, 0.5), [1, 0.75, 0.5, 0.75, 1, 0.75]),
        (lambda o: ours.warmup(o, 4, 0.0), [0, 0.25, 0.5, 0.75, 1, 1]),
        (
            lambda o: ours.warmup(ours.StepLR(o, 2, 0.5), 2, 0.5),
            [0.5, 0.75, 1, 1, 0.5, 0.5],
        ),
        (
            lambda o: ours.warmup(ours.LinearLR(o, 0.5, 1.0, 2), 2, 0.0),
            [0, 0.25, 0.5, 0.75, 1, 1],
        ),
        (
            lambda o: ours.SequentialLR(
                o, [ours.warmup(ours.ExponentialLR(o, 0.5), 1, 0.0), ours.StepLR(o, 9)], [3]
            ),
            [0, 1, 0.5, 1, 1, 1],
        ),
        (lambda o: ours.warmup(ours.StepLR(o, 2, 0.5), 0), [1, 1, 0.5, 0.5, 0.25, 0.25]),
    ],
)
def test_values(make, expected):
    seen = follow(make(optimizer([1.0])), 5)
    np.testing.assert_allclose([rates[0] for rates in seen], expected, atol=1e-15)


def test_a_schedule_is_a_function_of_the_step():
    scheduler = ours.CosineAnnealingLR(optimizer(), 50, 0.01)
    seen = follow(scheduler, 120)
    assert seen == [[scheduler.value(b, t) for b in (0.5, 0.05)] for t in range(121)]
    scheduler.step(epoch=7)
    assert rates_of(scheduler.optimizer) == seen[7]
    scheduler.step()
    assert rates_of(scheduler.optimizer) == seen[8]


# ---- resuming


@pytest.mark.parametrize("name", [*SCHEDULES, "warm-up", "warm-up step", "warm-up sequence"])
@pytest.mark.parametrize("at", [0, 1, 19, 20, 21, 60, 61, 300])
def test_resuming_gives_the_same_bits(name, at, tmp_path):
    def make():
        opt = optimizer()
        if name == "warm-up":
            return ours.warmup(opt, 30)
        if name.startswith("warm-up"):
            inner = "step" if name == "warm-up step" else "sequential"
            return ours.warmup(SCHEDULES[inner](ours, opt), 20)
        return SCHEDULES[name](ours, opt)

    whole = follow(make(), 320)
    first = make()
    follow(first, at)
    saved = {"scheduler": first.state_dict(), "optimizer": first.optimizer.state_dict()}
    if at == 20:
        rl.save(saved, tmp_path / "state.safetensors")
        saved = rl.load(tmp_path / "state.safetensors")
    saved = copy.deepcopy(saved)
    second = make()
    second.load_state_dict(saved["scheduler"])
    second.optimizer.load_state_dict(saved["optimizer"])
    assert second.last_epoch == at
    assert second.get_last_lr() == whole[at]
    assert follow(second, 320 - at) == whole[at:]


@pytest.mark.parametrize("options", PLATEAUS)
def test_plateau_resumes(options):
    def go(scheduler, times):
        return [scheduler.step(metric(t)) or rates_of(scheduler.optimizer) for t in times]

    whole = go(ours.ReduceLROnPlateau(optimizer(), **options), range(200))
    for at in (1, 50, 117):
        first = ours.ReduceLROnPlateau(optimizer(), **options)
        go(first, range(at))
        second = ours.ReduceLROnPlateau(optimizer(), **options)
        second.load_state_dict(copy.deepcopy(first.state_dict()))
        second.optimizer.load_state_dict(first.optimizer.state_dict())
        assert go(second, range(at, 200)) == whole[at:]


def test_callable_objects_are_saved():
    class Decay:
        def __init__(self, rate):
            self.rate = rate

        def __call__(self, step):
            return self.rate**step

    first = ours.LambdaLR(optimizer([1.0]), Decay(0.5))
    second = ours.LambdaLR(optimizer([1.0]), Decay(0.1))
    second.load_state_dict(first.state_dict())
    assert follow(second, 1)[-1] == [0.5]


# ---- warm-up


def test_warmup_before_a_plateau():
    opt = optimizer([1.0])
    scheduler = ours.warmup(ours.ReduceLROnPlateau(opt, patience=0, factor=0.5), 2, 0.5)
    seen = [rates_of(opt)[0]]
    for loss in (9.0, 9.0, 3.0, 4.0, 2.0, 2.5):
        opt.step()
        scheduler.step(loss)
        seen.append(rates_of(opt)[0])
    # what was measured in the rise does not count: 3 is the first, 4 and 2.5 are worse
    assert seen == [0.5, 0.75, 1.0, 1.0, 0.5, 0.5, 0.25]
    with pytest.raises(TypeError, match="without a metric"):
        scheduler.step()


def test_warmup_errors():
    opt = optimizer()
    with pytest.raises(TypeError, match="got int, expected a scheduler or an Optimizer"):
        ours.warmup(3, 5)
    with pytest.raises(ValueError, match=r"got steps=-1, start_factor=0\.5"):
        ours.warmup(opt, -1, 0.5)
    scheduler = ours.StepLR(opt, 3)
    follow(scheduler, 2)
    with pytest.raises(ValueError, match="a scheduler after 2 steps"):
        ours.warmup(scheduler, 5)


# ---- what somebody else does to the rate


def test_a_rate_changed_by_hand_is_scaled_on():
    scheduler = ours.ExponentialLR(optimizer([1.0]), 0.5)
    follow(scheduler, 2)
    scheduler.optimizer.param_groups[0]["lr"] = 8.0
    assert follow(scheduler, 2) == [[8.0], [4.0], [2.0]]


def test_initial_lr_is_kept():
    opt = optimizer()
    scheduler = ours.StepLR(opt, 1, 0.5)
    follow(scheduler, 3)
    assert [g["initial_lr"] for g in opt.param_groups] == [0.5, 0.05] == scheduler.base_lrs
    again = ours.StepLR(opt, 1, 0.5, last_epoch=2)
    assert (again.last_epoch, rates_of(opt)) == (3, [0.0625, 0.00625])
    with pytest.raises(KeyError, match="no 'initial_lr' in group 0"):
        ours.StepLR(optimizer(), 1, last_epoch=2)


def test_tensor_rates_are_written_to():
    lr = rl.tensor(1.0)
    opt = SGD([rl.ones(1, requires_grad=True)], lr=lr)
    scheduler = ours.StepLR(opt, 1, 0.5)
    assert follow(scheduler, 2) == [[1.0], [0.5], [0.25]]
    assert opt.param_groups[0]["lr"] is lr
    assert lr.item() == 0.25


def test_stepping_before_the_optimizer_warns_once():
    scheduler = ours.StepLR(optimizer(), 3)
    with pytest.warns(UserWarning, match="before optimizer.step"):
        scheduler.step()
    scheduler.step()
    scheduler = ours.SequentialLR(
        scheduler.optimizer, [ours.StepLR(scheduler.optimizer, 3)], milestones=[]
    )
    with pytest.warns(UserWarning, match="before optimizer.step"):
        scheduler.step()
    scheduler.step()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        follow(ours.StepLR(optimizer(), 3), 2)


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (lambda o: ours.StepLR([1], 3), TypeError, "StepLR: got list, expected an Optimizer"),
        (lambda o: ours.LambdaLR(o, [abs]), ValueError, "one for each of 2 groups"),
        (lambda o: ours.LambdaLR(o, 3), ValueError, "lr_lambda=3"),
        (lambda o: ours.ConstantLR(o, 2.0), ValueError, "factor=2.0, expected 0 <= factor <= 1"),
        (lambda o: ours.LinearLR(o, 0.0), ValueError, "start_factor=0.0"),
        (lambda o: ours.SequentialLR(o, [], []), ValueError, "no schedulers"),
        (
            lambda o: ours.SequentialLR(o, [ours.StepLR(o, 1)], [3]),
            ValueError,
            "1 schedulers and 1 milestones, expected one milestone less",
        ),
        (
            lambda o: ours.SequentialLR(o, [ours.StepLR(optimizer(), 1)], []),
            ValueError,
            "another optimizer in scheduler 0",
        ),
        (
            lambda o: ours.SequentialLR(o, [ours.ReduceLROnPlateau(o)], []),
            ValueError,
            "ReduceLROnPlateau as scheduler 0, expected schedules of the step alone",
        ),
        (lambda o: ours.SequentialLR(o, [3], []), TypeError, "int as scheduler 0, expected a sch"),
        (lambda o: ours.ChainedScheduler([]), ValueError, "no schedulers, expected at least one"),
        (lambda o: ours.ChainedScheduler([None]), TypeError, "NoneType as scheduler 0"),
        (
            lambda o: ours.ChainedScheduler([ours.StepLR(o, 1)], optimizer()),
            ValueError,
            "another optimizer in scheduler 0, expected one optimizer",
        ),
        (
            lambda o: ours.ChainedScheduler([ours.ReduceLROnPlateau(o)]),
            ValueError,
            "ReduceLROnPlateau as scheduler 0",
        ),
        (lambda o: ours.CosineAnnealingWarmRestarts(o, 0), ValueError, "T_0=0, expected an int"),
        (lambda o: ours.CosineAnnealingWarmRestarts(o, 2.0), ValueError, "T_0=2.0"),
        (lambda o: ours.CosineAnnealingWarmRestarts(o, 2, 0), ValueError, "T_mult=0"),
        (lambda o: ours.CosineAnnealingWarmRestarts(o, 2, 1.5), ValueError, "T_mult=1.5"),
        (lambda o: ours.CosineAnnealingWarmRestarts(o, 2, 1, "0"), ValueError, "eta_min, a str"),
        (
            lambda o: ours.CosineAnnealingWarmRestarts(o, 2).step(-1),
            ValueError,
            "got epoch=-1, expected one >= 0",
        ),
        (lambda o: ours.CyclicLR([], 0.1, 0.5), TypeError, "CyclicLR: got list"),
        (lambda o: ours.CyclicLR(o, [0.1], 0.5), ValueError, "1 base_lr, expected one, or 2"),
        (lambda o: ours.CyclicLR(o, 0.1, [0.5] * 3), ValueError, "3 max_lr, expected one, or 2"),
        (lambda o: ours.CyclicLR(o, 0.1, 0.5, mode="square"), ValueError, "mode='square'"),
        (lambda o: ours.CyclicLR(o, 0.1, 0.5, 0), ValueError, "step_size_up=0"),
        (lambda o: ours.CyclicLR(o, 0.1, 0.5, scale_mode="steps"), ValueError, "scale_mode='steps"),
        (
            lambda o: ours.CyclicLR(rl.optim.Rprop(o.param_groups[0]["params"]), 0.1, 0.5),
            ValueError,
            "Rprop, which has neither momentum nor betas, expected an optimizer with one of them",
        ),
        (lambda o: ours.CyclicLR(o, 0.1, 0.5, base_momentum=[0.1]), ValueError, "1 base_momentum"),
        (lambda o: ours.OneCycleLR(None, 0.1, 5), TypeError, "OneCycleLR: got NoneType"),
        (lambda o: ours.OneCycleLR(o, 0.1), ValueError, "epochs=None, steps_per_epoch=None, exp"),
        (lambda o: ours.OneCycleLR(o, 0.1, 0), ValueError, "total_steps=0, expected total_steps"),
        (lambda o: ours.OneCycleLR(o, 0.1, 1.5), ValueError, "total_steps=1.5"),
        (lambda o: ours.OneCycleLR(o, 0.1, epochs=3), ValueError, "steps_per_epoch=None"),
        (
            lambda o: ours.OneCycleLR(o, 0.1, epochs=3, steps_per_epoch=-1),
            ValueError,
            "epochs=3, steps_per_epoch=-1",
        ),
        (lambda o: ours.OneCycleLR(o, 0.1, 9, pct_start=1), ValueError, "pct_start=1, expected a"),
        (lambda o: ours.OneCycleLR(o, 0.1, 9, pct_start=1.5), ValueError, "pct_start=1.5"),
        (lambda o: ours.OneCycleLR(o, 0.1, 9, anneal_strategy="sin"), ValueError, "strategy='sin'"),
        (lambda o: ours.OneCycleLR(o, [0.1], 9), ValueError, "1 max_lr, expected one, or 2"),
        (lambda o: ours.OneCycleLR(o, 0.1, 10, pct_start=0.1), ValueError, "a phase of no steps"),
        (
            lambda o: follow(ours.OneCycleLR(o, 0.1, 3, pct_start=0.5), 4),
            ValueError,
            "step 4 of 3, expected no more steps than total_steps",
        ),
        (lambda o: SWALR(o, [0.1]), ValueError, "SWALR: got 1 swa_lr, expected one, or 2"),
        (lambda o: SWALR(o, 0.1, anneal_strategy="sin"), ValueError, "anneal_strategy='sin'"),
        (lambda o: SWALR(o, 0.1, -1), ValueError, "anneal_epochs=-1, expected an integer >= 0"),
        (lambda o: SWALR(o, 0.1, 2.5), ValueError, "anneal_epochs=2.5"),
        (lambda o: SWALR(None, 0.1), TypeError, "SWALR: got NoneType, expected an Optimizer"),
        (lambda o: ours.ReduceLROnPlateau(o, factor=1.0), ValueError, "factor=1.0"),
        (lambda o: ours.ReduceLROnPlateau(o, "least"), ValueError, "mode='least'"),
        (lambda o: ours.ReduceLROnPlateau(o, min_lr=[1.0]), ValueError, "1 min_lr, expected 2"),
    ],
)
def test_errors(make, error, text):
    with pytest.raises(error, match=text):
        make(optimizer())


# ---- against torch (every schedule: test_schedules_torch.py)


@pytest.fixture
def theirs():
    torch = pytest.importorskip("torch")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield torch


CHAINS = ["step gamma", "multistep", "constant", "linear", "exponential", "cosine", "cosine beyond"]
CHAINS.append("multiplicative")


@pytest.mark.parametrize("pair", [*itertools.combinations(CHAINS, 2)])
def test_chained_schedulers_as_torch(pair, theirs):
    a, b = optimizer(), optimizer(lib=theirs)
    firsts = [SCHEDULES[name](ours, a) for name in pair]
    seconds = [SCHEDULES[name](theirs.optim.lr_scheduler, b) for name in pair]
    np.testing.assert_allclose(rates_of(a), rates_of(b), 1e-12)
    a.step()
    b.step()
    for _ in range(110):
        for scheduler in (*firsts, *seconds):
            scheduler.step()
        np.testing.assert_allclose(rates_of(a), rates_of(b), 1e-7, 1e-12)


def test_names():
    assert all(getattr(ours, name).__module__.startswith("rushlight") for name in ours.__all__)


@pytest.mark.parametrize("name", ["StepLR", "CosineAnnealingLR", "PolynomialLR"])
def test_a_period_of_no_steps_is_refused(name: str) -> None:
    optimizer = rl.optim.SGD([rl.ones(1, requires_grad=True)], lr=0.1)
    with pytest.raises(ValueError, match=rf"{name}: got \w+=0, expected a number >= 1"):
        getattr(rl.optim.lr_scheduler, name)(optimizer, 0)


def test_a_group_added_to_an_optimizer_on_a_plateau():
    opt = optimizer()
    scheduler = ours.ReduceLROnPlateau(opt, patience=0, min_lr=[0.0, 0.0])
    scheduler.step(1.0)
    opt.add_param_group({"params": [rl.ones(1, requires_grad=True)]})
    with pytest.raises(RuntimeError, match="2 min_lrs for 3 groups, expected one each"):
        scheduler.step(2.0)
    scheduler = ours.ReduceLROnPlateau(optimizer(), patience=0, min_lr=0.4)
    scheduler.optimizer.add_param_group({"params": [rl.ones(1, requires_grad=True)]})
    scheduler.step(1.0)
    scheduler.step(2.0)
    assert rates_of(scheduler.optimizer) == [0.4, 0.05, 0.4]


def test_cycles_move_the_momentum():
    opt = SGD([rl.ones(1, requires_grad=True)], lr=1.0, momentum=0.5)
    scheduler = ours.CyclicLR(opt, 0.0, 1.0, 2, base_momentum=0.2, max_momentum=0.6)
    seen = [opt.param_groups[0]["momentum"]]
    for _ in range(4):
        opt.step()
        scheduler.step()
        seen.append(opt.param_groups[0]["momentum"])
    np.testing.assert_allclose(seen, [0.6, 0.4, 0.2, 0.4, 0.6])
    opt = rl.optim.AdamW([rl.ones(1, requires_grad=True)], betas=(0.5, 0.25))
    ours.OneCycleLR(opt, 1.0, 10, max_momentum=0.75)
    assert opt.param_groups[0]["betas"] == (0.75, 0.25)
    opt = SGD([rl.ones(1, requires_grad=True)], lr=1.0, momentum=0.5)
    ours.CyclicLR(opt, 0.0, 1.0, 2, cycle_momentum=False)
    assert opt.param_groups[0]["momentum"] == 0.5


def test_callable_scales_are_saved():
    class Scale:
        def __init__(self, rate):
            self.rate = rate

        def __call__(self, x):
            return self.rate

    def make(rate):
        return ours.CyclicLR(optimizer([1.0]), 0.0, 1.0, 2, scale_fn=Scale(rate))

    first, second = make(0.5), make(0.25)
    second.load_state_dict(first.state_dict())
    assert follow(second, 2)[-1] == [0.5]


def test_a_restart_at_each_end_of_a_fall():
    scheduler = ours.CosineAnnealingWarmRestarts(optimizer([1.0]), 10, 3)
    ends = [0, 10, 40, 130, 400, 1210]  # at 1210, torch's logarithm rounds to the fall before
    for end in ends:
        scheduler.step(end)
        assert rates_of(scheduler.optimizer) == [1.0], end
        assert scheduler.value(1.0, end) == 1.0
        if end:
            scheduler.step(end - 1e-9)
            assert rates_of(scheduler.optimizer)[0] < 1e-12


def test_outright_schedules_resume_by_last_epoch():
    for make in (
        lambda o, n: ours.CosineAnnealingWarmRestarts(o, 3, 2, last_epoch=n),
        lambda o, n: ours.CyclicLR(o, 0.1, 0.5, 3, last_epoch=n),
        lambda o, n: ours.OneCycleLR(o, 0.5, 20, last_epoch=n),
        lambda o, n: ours.LambdaLR(o, lambda t: 1 / (1 + t), last_epoch=n),
    ):
        scheduler = make(optimizer(), -1)
        seen = follow(scheduler, 12)
        for _ in range(2):
            again = make(scheduler.optimizer, 7)
            assert again.last_epoch == 8
            assert rates_of(again.optimizer) == seen[8]
            assert follow(again, 4) == seen[8:]


def test_a_chain_after_a_warm_up():
    def chain(o):
        return ours.ChainedScheduler([ours.ConstantLR(o, 0.5, 2), ours.ExponentialLR(o, 0.5)])

    plain = follow(chain(optimizer([1.0])), 4)
    warm = follow(ours.warmup(chain(optimizer([1.0])), 2, 0.0), 6)
    assert plain == [[0.5], [0.25], [0.25], [0.125], [0.0625]]
    assert warm == [[0.0], [0.25], *plain]
    opt = optimizer([1.0])
    late = follow(ours.SequentialLR(opt, [ours.ConstantLR(opt, 0.1), chain(opt)], [2]), 6)
    np.testing.assert_allclose(late, [[0.1], [0.1], *plain])
