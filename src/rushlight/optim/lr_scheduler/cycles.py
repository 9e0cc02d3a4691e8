"""Schedules that go up and down: with restarts, in cycles, in one cycle."""

from __future__ import annotations

import math
import types
from collections.abc import Callable, Iterable, Sequence
from typing import Any, ClassVar, Literal

from rushlight.optim.lr_scheduler.base import (
    LRScheduler,
    check_optimizer,
    cosine,
    per_group,
    set_rate,
    within,
)
from rushlight.optim.optimizer import Optimizer, number

__all__ = ["CosineAnnealingWarmRestarts", "CyclicLR", "OneCycleLR"]


class CosineAnnealingWarmRestarts(LRScheduler):
    """lr = eta_min + (initial_lr - eta_min) * (1 + cos(pi * T_cur / T_i)) / 2, again and again.

    The first fall takes T_i = T_0 steps, each one after it T_mult times as many as the last; T_cur
    counts the steps since its beginning.

    Args:
        optimizer, last_epoch: as in `LRScheduler`.
        T_0: int >= 1, steps of the first fall.
        T_mult: int >= 1, factor of its length at every restart; default 1.
        eta_min: float, the least rate; default 0.

    Attributes:
        T_cur: steps since the last restart, with their fraction.
        T_i: int, steps from one restart to the next.

    Raises:
        ValueError: `T_0`, `T_mult` or `eta_min` is no such number; a negative `epoch`.

    Example:
        >>> import rushlight as rl
        >>> optimizer = rl.optim.SGD([rl.ones(1, requires_grad=True)], lr=1.0)
        >>> scheduler = CosineAnnealingWarmRestarts(optimizer, T_0=2, T_mult=2)
        >>> rates = scheduler.get_last_lr()
        >>> for epoch in (1, 2, 2.5, 4):
        ...     scheduler.step(epoch)
        ...     rates = rates + [round(lr, 3) for lr in scheduler.get_last_lr()]
        >>> rates
        [1.0, 0.5, 1.0, 0.962, 0.5]

    Source: Loshchilov and Hutter 2017, https://arxiv.org/abs/1608.03983;
    https://docs.pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.CosineAnnealingWarmRestarts.html
    """

    _outright: ClassVar[bool] = True

    def __init__(
        self,
        optimizer: Optimizer,
        T_0: int,
        T_mult: int = 1,
        eta_min: float = 0.0,
        last_epoch: int = -1,
    ) -> None:
        where = "CosineAnnealingWarmRestarts"
        for name, value in (("T_0", T_0), ("T_mult", T_mult)):
            whole = isinstance(value, int) and value >= 1
            within(where, whole, f"{name}={value}", "an integer >= 1")
        real = isinstance(eta_min, (float, int))
        within(where, real, f"eta_min, a {type(eta_min).__name__}", "a float or an int")
        self.T_0, self.T_mult, self.eta_min = T_0, T_mult, eta_min
        self.T_cur, self.T_i = self._place(last_epoch + 1)
        super().__init__(optimizer, last_epoch)

    def _place(self, step: float) -> tuple[float, int]:
        """Return how far from the last restart a step is, and how long that fall is."""
        if self.T_mult == 1:
            return step % self.T_0, self.T_0
        length = self.T_0
        while step >= length:
            step -= length
            length *= self.T_mult
        return step, length

    def value(self, base_lr: float, step: float) -> float:
        """Return the point of the cosine between base_lr and eta_min."""
        done, length = self._place(step)
        return cosine(base_lr, self.eta_min, done / length)

    def get_lr(self) -> list[float]:
        """Return the rates of this step, whatever they were before."""
        done = self.T_cur / self.T_i
        return [cosine(base_lr, self.eta_min, done) for base_lr in self.base_lrs]

    def step(self, epoch: float | None = None) -> None:
        """Take one step; with `epoch`, which may have a fraction, go there outright."""
        self._step_count += 1
        if epoch is not None:
            within("CosineAnnealingWarmRestarts.step", epoch >= 0, f"epoch={epoch}", "one >= 0")
            self._start(epoch)
            return
        self.last_epoch += 1
        self.T_cur += 1
        if self.T_cur >= self.T_i:
            self.T_cur %= self.T_i
            self.T_i *= self.T_mult
        self._apply(self.get_lr())

    def _start(self, step: float) -> None:
        self.last_epoch = math.floor(step)
        self.T_cur, self.T_i = self._place(step)
        self._apply(self.get_lr())


class _Cycled(LRScheduler):
    """Sets rates outright and, if asked to, the momentum (or beta1) with them."""

    _outright: ClassVar[bool] = True
    cycle_momentum: bool
    use_beta1: bool

    def _prepare(
        self,
        last_epoch: int,
        base_momentum: float | Sequence[float],
        max_momentum: float | Sequence[float],
    ) -> tuple[list[float], list[float]]:
        """Return the momenta of each group, and put them into the groups."""
        where, optimizer = type(self).__name__, self.optimizer
        known = [name for name in ("momentum", "betas") if name in optimizer.defaults]
        got = f"{type(optimizer).__name__}, which has neither momentum nor betas"
        within(where, bool(known), got, "an optimizer with one of them, or cycle_momentum=False")
        self.use_beta1 = "betas" in known
        low = per_group(where, "base_momentum", base_momentum, optimizer)
        high = per_group(where, "max_momentum", max_momentum, optimizer)
        if last_epoch == -1:
            for group, least, most in zip(optimizer.param_groups, low, high, strict=True):
                group["max_momentum"], group["base_momentum"] = most, least
                self._set_momentum(group, most)
        return low, high

    def _set_momentum(self, group: dict[str, Any], momentum: float) -> None:
        if self.use_beta1:
            group["betas"] = (momentum, *group["betas"][1:])
        else:
            group["momentum"] = momentum

    def _momenta(self) -> list[float]:
        """Return the momentum of each group at this step."""
        raise NotImplementedError

    def _apply(self, rates: Iterable[float]) -> None:
        super()._apply(rates)
        if self.cycle_momentum:
            for group, momentum in zip(self.optimizer.param_groups, self._momenta(), strict=True):
                self._set_momentum(group, momentum)


class CyclicLR(_Cycled):
    """lr = base_lr + (max_lr - base_lr) * triangle(step) * scale, up and down again and again.

    The triangle rises from 0 to 1 in `step_size_up` steps and falls in `step_size_down`. The scale
    is, in cycle c = 1, 2, ...,

        1 (mode "triangular"),   2**(1 - c) ("triangular2"),   gamma**step ("exp_range"),

    or `scale_fn` of c or of the step. The momentum goes the other way:

        momentum = max_momentum - (max_momentum - base_momentum) * triangle(step) * scale

    Args:
        optimizer, last_epoch: as in `LRScheduler`.
        base_lr: float, or one for each group: the rate at the foot of the triangles.
        max_lr: float, or one for each group: the rate at the top.
        step_size_up: int, steps up; default 2000.
        step_size_down: int, steps down; default None: as many as up.
        mode: 'triangular', 'triangular2' or 'exp_range'; default 'triangular'.
        gamma: float; default 1.
        scale_fn: function of a number, in place of `mode`; default None.
        scale_mode: 'cycle' or 'iterations', what `scale_fn` is a function of; default 'cycle'.
        cycle_momentum: bool, set the momentum, too; default True.
        base_momentum: float, or one for each group: momentum at the top; default 0.8.
        max_momentum: float, or one for each group: momentum at the foot; default 0.9.

    Raises:
        ValueError: an unknown mode; another number of values than of groups; no steps up; an
            optimizer without momentum.

    Example:
        >>> import rushlight as rl
        >>> optimizer = rl.optim.SGD([rl.ones(1, requires_grad=True)], lr=1.0, momentum=0.9)
        >>> scheduler = CyclicLR(optimizer, base_lr=0.0, max_lr=1.0, step_size_up=2)
        >>> rates = scheduler.get_last_lr()
        >>> for _ in range(4):
        ...     optimizer.step()
        ...     scheduler.step()
        ...     rates = rates + scheduler.get_last_lr()
        >>> rates
        [0.0, 0.5, 1.0, 0.5, 0.0]

    Source: Smith 2017, https://arxiv.org/abs/1506.01186;
    https://docs.pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.CyclicLR.html
    """

    def __init__(
        self,
        optimizer: Optimizer,
        base_lr: float | Sequence[float],
        max_lr: float | Sequence[float],
        step_size_up: int = 2000,
        step_size_down: int | None = None,
        mode: Literal["triangular", "triangular2", "exp_range"] = "triangular",
        gamma: float = 1.0,
        scale_fn: Callable[[float], float] | None = None,
        scale_mode: Literal["cycle", "iterations"] = "cycle",
        cycle_momentum: bool = True,
        base_momentum: float | Sequence[float] = 0.8,
        max_momentum: float | Sequence[float] = 0.9,
        last_epoch: int = -1,
    ) -> None:
        where = "CyclicLR"
        check_optimizer(self, optimizer)
        self.optimizer = optimizer
        base_lrs = per_group(where, "base_lr", base_lr, optimizer)
        self.max_lrs = per_group(where, "max_lr", max_lr, optimizer)
        up = float(step_size_up)
        down = up if step_size_down is None else float(step_size_down)
        sizes = f"step_size_up={step_size_up}, step_size_down={step_size_down}"
        within(where, up > 0 and down >= 0, sizes, "steps up, and no less than 0 steps down")
        self.total_size, self.step_ratio = up + down, up / (up + down)
        known = scale_fn is not None or mode in _SCALES
        within(where, known, f"mode={mode!r}", "'triangular', 'triangular2' or 'exp_range'")
        known = scale_mode in ("cycle", "iterations")
        within(where, known, f"scale_mode={scale_mode!r}", "'cycle' or 'iterations'")
        self.mode, self.gamma, self._scale_fn_custom = mode, gamma, scale_fn
        self.scale_mode: str = scale_mode if scale_fn is not None else _SCALES[mode][0]
        if last_epoch == -1:
            for group, lr in zip(optimizer.param_groups, base_lrs, strict=True):
                set_rate(group, lr)
        self.cycle_momentum = cycle_momentum
        if cycle_momentum:
            momenta = self._prepare(last_epoch, base_momentum, max_momentum)
            self.base_momentums, self.max_momentums = momenta
        super().__init__(optimizer, last_epoch)
        self.base_lrs = base_lrs

    def scale_fn(self, x: float) -> float:
        """Return the scale of a cycle, or of a step."""
        if self._scale_fn_custom is not None:
            return self._scale_fn_custom(x)
        return _SCALES[self.mode][1](self.gamma, x)

    def _height(self) -> float:
        """Return the point of the scaled triangle at this step."""
        cycle = math.floor(1 + self.last_epoch / self.total_size)
        x = 1 + self.last_epoch / self.total_size - cycle
        rising = x <= self.step_ratio
        triangle = x / self.step_ratio if rising else (x - 1) / (self.step_ratio - 1)
        return triangle * self.scale_fn(cycle if self.scale_mode == "cycle" else self.last_epoch)

    def get_lr(self) -> list[float]:
        """Return the rates of this step, whatever they were before."""
        height = self._height()
        pairs = zip(self.base_lrs, self.max_lrs, strict=True)
        return [low + (high - low) * height for low, high in pairs]

    def _momenta(self) -> list[float]:
        height = self._height()
        pairs = zip(self.base_momentums, self.max_momentums, strict=True)
        return [high - (high - low) * height for low, high in pairs]

    def state_dict(self) -> dict[str, Any]:
        """Return everything but the optimizer and a function; of a callable object its state."""
        custom = self._scale_fn_custom
        plain = custom is None or isinstance(custom, types.FunctionType)
        return {
            **super().state_dict(),
            "_scale_fn_custom": None if plain else custom.__dict__.copy(),
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what `state_dict` returned; a function stays that of this scheduler."""
        kept = {key: value for key, value in state_dict.items() if key != "_scale_fn_custom"}
        super().load_state_dict(kept)
        state = state_dict["_scale_fn_custom"]
        if state is not None and self._scale_fn_custom is not None:
            self._scale_fn_custom.__dict__.update(state)


# mode -> what the scale is a function of, and the scale
_SCALES: dict[str, tuple[str, Callable[[float, float], float]]] = {
    "triangular": ("cycle", lambda gamma, cycle: 1.0),
    "triangular2": ("cycle", lambda gamma, cycle: 2.0 ** (1 - cycle)),
    "exp_range": ("iterations", lambda gamma, step: gamma**step),
}


class OneCycleLR(_Cycled):
    """One rise of the rate to max_lr, then one fall to far less than where it began.

    The rate goes from max_lr / div_factor to max_lr in the first `pct_start` of the steps, then to
    max_lr / div_factor / final_div_factor; with `three_phase` it first falls as it has risen. The
    momentum goes the other way, between `max_momentum` and `base_momentum`. Made to be stepped
    after every batch, `total_steps` times at most.

    Args:
        optimizer, last_epoch: as in `LRScheduler`.
        max_lr: float, or one for each group: the largest rate.
        total_steps: int, steps in all; default None: epochs * steps_per_epoch.
        epochs, steps_per_epoch: ints, in place of `total_steps`; default None.
        pct_start: float in [0, 1], share of the steps in which the rate rises; default 0.3.
        anneal_strategy: 'cos' or 'linear'; default 'cos'.
        cycle_momentum: bool, set the momentum, too; default True.
        base_momentum: float, or one for each group: momentum at the top; default 0.85.
        max_momentum: float, or one for each group: momentum elsewhere; default 0.95.
        div_factor: float, default 25.
        final_div_factor: float, default 1e4.
        three_phase: bool; default False.

    Raises:
        ValueError: an argument out of its range, no number of steps, an optimizer without
            momentum; more than `total_steps` steps.

    Example:
        >>> import rushlight as rl
        >>> optimizer = rl.optim.SGD([rl.ones(1, requires_grad=True)], lr=1.0, momentum=0.9)
        >>> scheduler = OneCycleLR(optimizer, max_lr=1.0, total_steps=5, pct_start=0.4)
        >>> rates = [round(lr, 4) for lr in scheduler.get_last_lr()]
        >>> for _ in range(4):
        ...     optimizer.step()
        ...     scheduler.step()
        ...     rates = rates + [round(lr, 4) for lr in scheduler.get_last_lr()]
        >>> rates
        [0.04, 1.0, 0.75, 0.25, 0.0]

    Source: Smith and Topin 2018, https://arxiv.org/abs/1708.07120;
    https://docs.pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.OneCycleLR.html
    """

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: float | Sequence[float],
        total_steps: int | None = None,
        epochs: int | None = None,
        steps_per_epoch: int | None = None,
        pct_start: float = 0.3,
        anneal_strategy: Literal["cos", "linear"] = "cos",
        cycle_momentum: bool = True,
        base_momentum: float | Sequence[float] = 0.85,
        max_momentum: float | Sequence[float] = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
        last_epoch: int = -1,
    ) -> None:
        where = "OneCycleLR"
        check_optimizer(self, optimizer)
        self.optimizer = optimizer
        self.total_steps = _total(total_steps, epochs, steps_per_epoch)
        share = isinstance(pct_start, float) and 0 <= pct_start <= 1
        within(where, share, f"pct_start={pct_start!r}", "a float in [0, 1]")
        known = anneal_strategy in ("cos", "linear")
        within(where, known, f"anneal_strategy={anneal_strategy!r}", "'cos' or 'linear'")
        self._anneal_func_type = anneal_strategy
        self._schedule_phases = _phases(self.total_steps, pct_start, three_phase)
        tops = per_group(where, "max_lr", max_lr, optimizer)
        if last_epoch == -1:
            for group, top in zip(optimizer.param_groups, tops, strict=True):
                group["initial_lr"], group["max_lr"] = top / div_factor, top
                group["min_lr"] = group["initial_lr"] / final_div_factor
        self.cycle_momentum = cycle_momentum
        if cycle_momentum:
            self._prepare(last_epoch, base_momentum, max_momentum)
        super().__init__(optimizer, last_epoch)

    def _points(self, quantity: str) -> list[float]:
        """Return the rate or the momentum of each group at this step."""
        step, begin = self.last_epoch, 0.0
        got = f"step {step} of {self.total_steps}"
        within("OneCycleLR", step <= self.total_steps, got, "no more steps than total_steps")
        *early, phase = self._schedule_phases
        for other in early:
            if step <= other["end_step"]:
                phase = other
                break
            begin = other["end_step"]
        length = phase["end_step"] - begin
        within("OneCycleLR", length != 0, f"a phase of no steps at step {step}", "longer phases")
        done = (step - begin) / length
        start, end = phase[f"start_{quantity}"], phase[f"end_{quantity}"]
        groups = self.optimizer.param_groups
        if self._anneal_func_type == "cos":
            return [cosine(number(group[start]), number(group[end]), done) for group in groups]
        pairs = [(number(group[start]), number(group[end])) for group in groups]
        return [first + (last - first) * done for first, last in pairs]

    def get_lr(self) -> list[float]:
        """Return the rates of this step, whatever they were before."""
        return self._points("lr")

    def _momenta(self) -> list[float]:
        return self._points("momentum")


def _total(total: int | None, epochs: int | None, each: int | None) -> int:
    where = "OneCycleLR"
    given: dict[str, int | None] = {"total_steps": total} if total is not None else {}
    given = given or {"epochs": epochs, "steps_per_epoch": each}
    for name, value in given.items():
        got = (
            f"{name}={value}"
            if name == "total_steps"
            else f"epochs={epochs}, steps_per_epoch={each}"
        )
        fits = isinstance(value, int) and value > 0
        within(where, fits, got, "total_steps, or epochs and steps_per_epoch, integers >= 1")
    return math.prod(value for value in given.values() if value is not None)


def _phases(steps: int, share: float, three: bool) -> list[dict[str, Any]]:
    """Return when each phase ends, and between which options of a group it goes."""
    up = ("initial_lr", "max_lr", "max_momentum", "base_momentum")
    down = ("max_lr", "initial_lr", "base_momentum", "max_momentum")
    out = ("initial_lr", "min_lr", "max_momentum", "max_momentum")
    fall = ("max_lr", "min_lr", "base_momentum", "max_momentum")
    top, last = share * steps - 1.0, steps - 1
    ends = (
        [(top, up), (2 * share * steps - 2.0, down), (last, out)]
        if three
        else [(top, up), (last, fall)]
    )
    names = ("start_lr", "end_lr", "start_momentum", "end_momentum")
    return [{"end_step": end, **dict(zip(names, path, strict=True))} for end, path in ends]
