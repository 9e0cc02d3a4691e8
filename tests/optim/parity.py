"""Optimizers and schedules beside torch's: the cases, the runs and the errors of tests and page."""

import contextlib
import copy
import math
import types
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from unittest import mock

import numpy as np
import torch

import rushlight as rl
from rushlight import optim

STEPS = 200
RATES = 500
SHAPES = {
    "Muon": [(3, 4), (5, 2), (4, 4)],
    "Adafactor": [(3, 4), (4,), (), (2, 2, 3)],  # torch divides by the size 0 of an empty one
}
OTHER_SHAPES = [(3, 4), (), (2, 1, 3), (0, 2)]

OPTIMIZERS: list[tuple[str, dict[str, Any]]] = [
    ("SGD", {"lr": 0.1}),
    ("SGD", {"lr": 0.1, "weight_decay": 0.1}),
    ("SGD", {"lr": 0.1, "maximize": True}),
    ("SGD", {"lr": 0.1, "momentum": 0.9}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "dampening": 0.3, "weight_decay": 0.01}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.01}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "nesterov": True, "maximize": True}),
    ("Adam", {}),
    ("Adam", {"lr": 0.01, "betas": (0.8, 0.95), "eps": 1e-3}),
    ("Adam", {"lr": 0.01, "betas": (0.3, 0.95)}),
    ("Adam", {"weight_decay": 0.1, "maximize": True}),
    ("Adam", {"weight_decay": 0.1, "decoupled_weight_decay": True}),
    ("Adam", {"amsgrad": True, "weight_decay": 0.1, "foreach": True}),
    ("AdamW", {}),
    ("AdamW", {"lr": 0.1, "weight_decay": 0.5, "amsgrad": True, "maximize": True}),
    ("RMSprop", {}),
    ("RMSprop", {"centered": True, "alpha": 0.9, "weight_decay": 0.1}),
    ("RMSprop", {"momentum": 0.9, "eps": 1e-3, "maximize": True}),
    ("RMSprop", {"momentum": 0.5, "centered": True, "lr": 0.1, "foreach": True}),
    ("Rprop", {}),
    ("Rprop", {"lr": 0.1, "etas": (0.3, 1.5), "step_sizes": (0.01, 0.2), "maximize": True}),
    ("Adagrad", {}),
    ("Adagrad", {"lr": 0.1, "lr_decay": 0.1, "initial_accumulator_value": 0.5}),
    ("Adagrad", {"weight_decay": 0.1, "eps": 1e-2, "maximize": True}),
    ("Adadelta", {}),
    ("Adadelta", {"lr": 0.5, "rho": 0.7, "eps": 1e-2, "weight_decay": 0.1, "maximize": True}),
    ("Adamax", {}),
    ("Adamax", {"lr": 0.1, "betas": (0.5, 0.8), "eps": 1e-2}),
    ("Adamax", {"weight_decay": 0.1, "maximize": True}),
    ("NAdam", {}),
    ("NAdam", {"lr": 0.1, "betas": (0.5, 0.9), "momentum_decay": 0.1, "eps": 1e-3}),
    ("NAdam", {"weight_decay": 0.1, "decoupled_weight_decay": True, "momentum_decay": 0}),
    ("NAdam", {"weight_decay": 0.1, "maximize": True}),
    ("RAdam", {}),
    ("RAdam", {"lr": 0.1, "betas": (0.5, 0.6), "eps": 1e-3}),
    ("RAdam", {"betas": (0.5, 0.9), "weight_decay": 0.1, "maximize": True}),
    ("RAdam", {"weight_decay": 0.1, "decoupled_weight_decay": True}),
    ("ASGD", {}),
    ("ASGD", {"lr": 0.1, "lambd": 0.1, "alpha": 0.5, "t0": 20, "weight_decay": 0.1}),
    ("ASGD", {"lr": 0.1, "t0": 0, "maximize": True}),
    ("Adafactor", {}),
    ("Adafactor", {"lr": 0.1, "beta2_decay": -0.5, "eps": (1e-2, 0.1), "weight_decay": 0.1}),
    ("Adafactor", {"lr": 0.5, "d": 2.0, "maximize": True}),
    ("Muon", {}),
    ("Muon", {"lr": 0.1, "nesterov": False, "momentum": 0.5, "weight_decay": 0.5}),
    ("Muon", {"adjust_lr_fn": "match_rms_adamw", "ns_steps": 3}),
    ("Muon", {"adjust_lr_fn": "original", "ns_coefficients": (2.0, -1.5, 0.5), "eps": 1e-3}),
    ("LBFGS", {"lr": 0.05, "max_iter": 2}),
    ("LBFGS", {"lr": 0.3, "max_iter": 1, "history_size": 3}),
    # a line search near the minimum is led by rounding errors of the loss, hence the tolerances
    ("LBFGS", {"lr": 0.02, "tolerance_grad": 1e-3, "line_search_fn": "strong_wolfe"}),
    ("LBFGS", {"lr": 200.0, "tolerance_grad": 1e-3, "line_search_fn": "strong_wolfe"}),
    (
        "LBFGS",
        {"max_iter": 3, "max_eval": 4, "tolerance_grad": 0.1, "line_search_fn": "strong_wolfe"},
    ),
    ("LBFGS", {"tolerance_change": 1e-3}),
]


def relative(ours: Any, theirs: Any, floor: float) -> float:
    """Return the largest relative error; less than `floor` of the largest counts as that."""
    a, b = np.asarray(ours, np.float64), np.asarray(theirs, np.float64)
    if not b.size:
        return 0.0
    scale = np.maximum(np.abs(b), floor * np.abs(b).max())
    wrong = np.abs(a - b) / np.where(scale > 0, scale, 1)
    return float(np.max(np.where(np.isnan(a) & np.isnan(b), 0, wrong)))


def in_torch(value: Any) -> Any:
    """Return a state dict of ours with torch's tensors."""
    if isinstance(value, rl.Tensor):
        return torch.tensor(value.numpy())
    if isinstance(value, dict):
        return {key: in_torch(each) for key, each in value.items()}
    return [in_torch(each) for each in value] if isinstance(value, list) else value


# ---- optimizers


class Pair:
    """One optimizer of ours and one of torch's, over equal parameters that get equal gradients."""

    def __init__(self, name: str, options: dict[str, Any], dtype: str = "float64", groups: int = 1):
        self.rng = np.random.default_rng(0)
        self.name, self.dtype = name, dtype
        shapes = SHAPES.get(name, OTHER_SHAPES)
        values = [self.rng.standard_normal(shape).astype(dtype) for shape in shapes]
        self.ours = [rl.tensor(v, requires_grad=True) for v in values]
        self.theirs = [torch.tensor(v, requires_grad=True) for v in values]
        self.a = getattr(optim, name)(self._groups(self.ours, groups), **options)
        self.b = getattr(torch.optim, name)(self._groups(self.theirs, groups), **options)
        size = sum(v.size for v in values)
        self.matrix = (self.rng.standard_normal((size, 12)) / 4).astype(dtype)
        self.target = self.rng.standard_normal(12).astype(dtype)

    @staticmethod
    def _groups(params: list[Any], groups: int) -> Any:
        if groups == 1:
            return params
        return [{"params": params[:2]}, {"params": params[2:], "lr": 0.02}]

    def step(self, skip: tuple[int, ...] = ()) -> None:
        """Take one step of both; the parameters `skip` have no gradient."""
        if self.name == "LBFGS":
            self.a.step(lambda: self._loss(rl, self.a, self.ours))
            self.b.step(lambda: self._loss(torch, self.b, self.theirs))
            return
        for i, (p, q) in enumerate(zip(self.ours, self.theirs, strict=True)):
            gradient = self.rng.standard_normal(p.shape).astype(self.dtype, copy=False)
            p.grad = None if i in skip else rl.tensor(gradient)
            q.grad = None if i in skip else torch.from_numpy(np.array(gradient))
        self.a.step()
        with torch_in_full_precision() if self.name == "Muon" else contextlib.nullcontext():
            self.b.step()

    def _loss(self, lib: Any, optimizer: Any, params: list[Any]) -> Any:
        """Return a convex loss of all parameters, on whose way down rounding errors die out."""
        optimizer.zero_grad()
        v = lib.cat([p.reshape(-1) for p in params])
        loss = ((v @ lib.tensor(self.matrix) - lib.tensor(self.target)) ** 2 + 1).sqrt().sum()
        loss = loss + 0.1 * (v * v).sum()
        loss.backward()
        return loss

    def error(self) -> float:
        """Return the largest relative error of a parameter."""
        pairs = zip(self.ours, self.theirs, strict=True)
        return max(relative(p.detach().numpy(), q.detach().numpy(), 0.01) for p, q in pairs)


@contextlib.contextmanager
def torch_in_full_precision() -> Iterator[None]:
    """Let torch's Muon iterate in the dtype of the parameter: its cast to bfloat16 does nothing."""
    with mock.patch.object(torch.Tensor, "bfloat16", torch.Tensor.clone):
        yield


def run_optimizer(name: str, options: dict[str, Any]) -> tuple[Pair, float]:
    """Return both after 200 steps, some without some of the gradients, and the largest error."""
    pair = Pair(name, options)
    largest = 0.0
    for step in range(STEPS):
        pair.step(skip={0: (), 1: (2,), 2: (0, 1)}[step % 3] if step > 50 else ())
        if step % 10 in (0, 9):
            largest = max(largest, pair.error())
    return pair, largest


# ---- schedules


@dataclass(frozen=True)
class Case:
    """A schedule: how to make it from a namespace of schedulers, and how to step it."""

    name: str
    make: Callable[[Any, Any], Any]
    optimizer: str = "SGD"
    step: Callable[[Any, int], None] = lambda scheduler, t: scheduler.step()
    functions: bool = False  # it holds functions, which no state dict does


def metric(t: float) -> float:
    """Return a metric that falls, rises, and is not a number once."""
    return (
        math.nan if t == 7 else 2 + math.cos(t / 9) * math.exp(-t / 100) + 0.01 * math.sin(13 * t)
    )


def _plateau(**options: Any) -> Case:
    return Case(
        "ReduceLROnPlateau",
        lambda s, o: s.ReduceLROnPlateau(o, **options),
        step=lambda scheduler, t: scheduler.step(metric(t)),
    )


def _simple(name: str, *args: Any, optimizer: str = "SGD", **options: Any) -> Case:
    return Case(name, lambda s, o: getattr(s, name)(o, *args, **options), optimizer)


def _fraction(scheduler: Any, t: int) -> None:
    scheduler.step(t / 7) if t % 5 else scheduler.step()


SCHEDULES = [
    Case("LambdaLR", lambda s, o: s.LambdaLR(o, lambda t: 0.97**t), functions=True),
    Case(
        "LambdaLR",
        lambda s, o: s.LambdaLR(o, [lambda t: 1 / (1 + t), lambda t: 1.0]),
        functions=True,
    ),
    Case(
        "MultiplicativeLR",
        lambda s, o: s.MultiplicativeLR(o, lambda t: 0.99 + 0.01 * math.sin(t)),
        functions=True,
    ),
    _simple("StepLR", 30),
    _simple("StepLR", step_size=7, gamma=0.9),
    _simple("MultiStepLR", [100, 30, 30, 200], gamma=0.5),
    _simple("ConstantLR", factor=0.2, total_iters=50),
    _simple("LinearLR", start_factor=0.1, end_factor=0.5, total_iters=90),
    _simple("ExponentialLR", 0.99),
    _simple("PolynomialLR", total_iters=400, power=2.0),
    _simple("PolynomialLR"),
    _simple("CosineAnnealingLR", T_max=500),
    _simple("CosineAnnealingLR", T_max=60, eta_min=0.01),
    _simple("CosineAnnealingWarmRestarts", 40),
    _simple("CosineAnnealingWarmRestarts", T_0=7, T_mult=2, eta_min=0.003),
    _simple("CosineAnnealingWarmRestarts", T_0=10, T_mult=3),
    Case(
        "CosineAnnealingWarmRestarts",
        lambda s, o: s.CosineAnnealingWarmRestarts(o, 5, 2, 0.01),
        step=_fraction,
    ),
    _simple("CyclicLR", 0.01, 0.5, step_size_up=20),
    _simple("CyclicLR", [0.01, 0.1], [0.5, 0.6], 13, 40, mode="triangular2", base_momentum=0.5),
    _simple("CyclicLR", 0.01, 0.5, 30, mode="exp_range", gamma=0.99, optimizer="AdamW"),
    _simple("CyclicLR", 0.0, 1.0, 30, cycle_momentum=False, optimizer="Adagrad"),
    Case(
        "CyclicLR",
        lambda s, o: s.CyclicLR(o, 0.1, 0.5, 25, scale_fn=lambda x: 1 / (1 + x)),
        functions=True,
    ),
    Case(
        "CyclicLR",
        lambda s, o: s.CyclicLR(
            o, 0.1, 0.5, 25, 5, scale_fn=lambda x: 0.999**x, scale_mode="iterations"
        ),
        functions=True,
    ),
    _simple("OneCycleLR", 0.5, 500),
    _simple("OneCycleLR", [0.5, 0.1], epochs=10, steps_per_epoch=51, optimizer="Adam"),
    _simple("OneCycleLR", 0.5, 501, three_phase=True, anneal_strategy="linear", div_factor=5.0),
    _simple("OneCycleLR", 0.5, 600, pct_start=0.45, three_phase=True, final_div_factor=10.0),
    _simple("OneCycleLR", 0.5, 500, pct_start=0.0, cycle_momentum=False, optimizer="Rprop"),
    _simple("OneCycleLR", 0.5, 500, base_momentum=[0.2, 0.7], max_momentum=0.99),
    Case(
        "ChainedScheduler",
        lambda s, o: s.ChainedScheduler(
            [s.ConstantLR(o, 0.1, 20), s.ExponentialLR(o, 0.99), s.MultiStepLR(o, [50, 60])]
        ),
    ),
    Case(
        "ChainedScheduler",
        lambda s, o: s.ChainedScheduler([s.LinearLR(o, 0.2, 0.9, 33), s.StepLR(o, 40)], o),
    ),
    Case(
        "SequentialLR",
        lambda s, o: s.SequentialLR(
            o,
            [s.LinearLR(o, total_iters=20), s.StepLR(o, 50, 0.5), s.ConstantLR(o, 0.1, 40)],
            [20, 300],
        ),
    ),
    Case(
        "SequentialLR",  # a warm-up, then cycles
        lambda s, o: s.SequentialLR(
            o, [s.LinearLR(o, 0.01, 1.0, 30), s.CosineAnnealingWarmRestarts(o, 25, 2)], [30]
        ),
    ),
    Case(
        "SequentialLR",
        lambda s, o: s.SequentialLR(o, [s.ExponentialLR(o, 0.98), s.SWALR(o, 0.2, 30)], [90]),
    ),
    Case(
        "SequentialLR",  # where a product begins, and rates that schedules of a later turn have set
        lambda s, o: s.SequentialLR(
            o, [s.SWALR(o, 0.3, 8), s.MultiplicativeLR(o, lambda t: 0.98), s.ConstantLR(o)], [9, 99]
        ),
        functions=True,
    ),
    Case(
        "SequentialLR",
        lambda s, o: s.SequentialLR(
            o, [s.MultiplicativeLR(o, lambda t: 0.9), s.ConstantLR(o, 0.2, 30)], [20]
        ),
        functions=True,
    ),
    _plateau(),
    _plateau(mode="max", patience=3, factor=0.5),
    _plateau(patience=2, cooldown=5, threshold=0.1, threshold_mode="abs"),
    _plateau(patience=0, factor=0.7, min_lr=[0.1, 0.01]),
    _plateau(mode="max", patience=4, threshold_mode="abs", min_lr=0.03, eps=0.01),
    _simple("SWALR", 0.05),
    _simple("SWALR", [0.05, 0.7], anneal_epochs=100, anneal_strategy="linear"),
    _simple("SWALR", 0.05, anneal_epochs=0),
]

OURS = types.SimpleNamespace(**vars(optim.lr_scheduler), SWALR=optim.swa_utils.SWALR)
THEIRS = types.SimpleNamespace(
    **{n: v for n, v in vars(torch.optim.lr_scheduler).items() if not n.startswith("__")},
    SWALR=torch.optim.swa_utils.SWALR,
)


def make_schedule(case: Case, schedulers: Any) -> Any:
    """Return a schedule over a fresh optimizer of two groups."""
    lib = rl if schedulers is OURS else torch
    groups = [{"params": [lib.ones(1, requires_grad=True)], "lr": lr} for lr in (0.5, 0.05)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return case.make(schedulers, getattr(lib.optim, case.optimizer)(groups))


def rates(scheduler: Any) -> list[float]:
    """Return the rates of the groups and what else a schedule moves: momenta, first betas."""
    groups = scheduler.optimizer.param_groups
    seen = [float(group["lr"]) for group in groups]
    return seen + [float(g.get("momentum", g.get("betas", [0])[0])) for g in groups]


def closed_rates(scheduler: Any) -> list[float]:
    """Return what torch's closed form of a schedule says, where there is one.

    Stepping, torch multiplies rates by quotients, whose rounding errors add up.
    """
    if hasattr(scheduler, "_get_closed_form_lr"):
        groups = len(scheduler.optimizer.param_groups)
        return [float(lr) for lr in scheduler._get_closed_form_lr()] + rates(scheduler)[groups:]
    return rates(scheduler)


def follow(
    case: Case, scheduler: Any, times: range, see: Callable[[Any], list[float]] = rates
) -> list[list[float]]:
    """Return the rates after each of the steps."""
    seen = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for t in times:
            scheduler.optimizer.step()
            case.step(scheduler, t)
            seen.append(see(scheduler))
    return seen


def states(scheduler: Any) -> dict[str, Any]:
    """Return a copy of the states of a schedule and its optimizer."""
    kept = {"scheduler": scheduler.state_dict(), "optimizer": scheduler.optimizer.state_dict()}
    return copy.deepcopy(kept)


def resumed(case: Case, saved: dict[str, Any]) -> Any:
    """Return a schedule of ours that goes on from saved states."""
    scheduler = make_schedule(case, OURS)
    scheduler.load_state_dict(saved["scheduler"])
    scheduler.optimizer.load_state_dict(saved["optimizer"])
    return scheduler


def run_schedule(case: Case) -> float:
    """Return the largest error in 500 steps and after resuming from our state and torch's."""
    steps = range(RATES)
    a, b = make_schedule(case, OURS), make_schedule(case, THEIRS)
    expected = [closed_rates(b), *follow(case, b, steps, closed_rates)]
    largest = relative([rates(a), *follow(case, a, steps)], expected, 1e-9)
    for at in (1, 57, 340):
        sources = [make_schedule(case, OURS)]
        sources += [] if case.functions else [make_schedule(case, THEIRS)]
        for source in sources:
            follow(case, source, steps[:at])
            again = follow(case, resumed(case, states(source)), steps[at:])
            largest = max(largest, relative(again, expected[at + 1 :], 1e-9))
    return largest


# ---- the page


def rows() -> list[tuple[str, str, int, float]]:
    """Return (kind, name, number of cases, largest error) of every optimizer and schedule."""
    errors: dict[tuple[str, str], list[float]] = {}
    for name, options in OPTIMIZERS:
        errors.setdefault(("optimizer", name), []).append(run_optimizer(name, options)[1])
    for case in SCHEDULES:
        errors.setdefault(("schedule", case.name), []).append(run_schedule(case))
    return [(*key, len(found), max(found)) for key, found in errors.items()]
