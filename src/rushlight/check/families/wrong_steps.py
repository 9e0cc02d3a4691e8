"""Wrong rules of optimizers, tried only on a function that the reference has shown to be wrong."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from rushlight import classic
from rushlight.arrays import Array
from rushlight.optim.adam import uncorrected

__all__ = ["ADAM", "SGD", "Rule"]

Config = dict[str, float]
Places = Sequence[tuple[int, int]]
Step = Callable[..., tuple[Array, ...]]  # (config, t, g, *averages) -> (change, *averages)


@dataclass(frozen=True)
class Rule:
    """A wrong optimizer.

    Args:
        cause: the identifier.
        step: (config, t, g, *averages) -> (what is subtracted, *new averages).
        averages: how many it keeps.
        clock: when t counts: "step", "parameter", "layer".
        key: which parameters share a state: (layer, place in it, index, shape) -> key.
        kept: whether the averages survive a step.
    """

    cause: str
    step: Step
    averages: int = 1
    clock: str = "step"
    key: Callable[[int, int, int, tuple[int, ...]], Hashable] = lambda layer, place, i, s: i
    kept: bool = True

    def steps(
        self, start: list[Array], gradients: list[list[Array]], config: Config, places: Places
    ) -> Iterator[list[list[Array]]]:
        """Give the parameters after each step under the wrong rule; nothing if it cannot run."""
        ws, state, t, found = [np.array(w) for w in start], {}, 0, []  # type: ignore[var-annotated]
        try:
            for gs in gradients:
                t += self.clock == "step"
                state = state if self.kept else {}
                for i, (w, g, (layer, place)) in enumerate(zip(ws, gs, places, strict=True)):
                    t += self.clock == "parameter" or (self.clock == "layer" and place == 0)
                    key = self.key(layer, place, i, w.shape)
                    old = state.get(key, [np.zeros_like(g)] * self.averages)
                    change, *state[key] = self.step(config, t, g, *old)
                    w -= change
                found.append([np.array(w) for w in ws])
        except (ValueError, ZeroDivisionError):  # shapes that do not go together
            return
        yield found


SHARED: tuple[Callable[..., Hashable], ...] = (
    lambda layer, place, i, shape: 0,
    lambda layer, place, i, shape: min(i, 1),  # the index stays 1
    lambda layer, place, i, shape: layer,
    lambda layer, place, i, shape: place,
    lambda layer, place, i, shape: shape,
)


# --- SGD with momentum: (learning rate, momentum, g, a) -> (change, a)


def _sgd(rule: Callable[[float, float, Array, Array], tuple[Array, Array]]) -> Step:
    def step(config: Config, t: int, g: Array, a: Array) -> tuple[Array, Array]:
        return rule(config["learning_rate"], config["momentum"], g, a)

    return step


def _momentum(r: float, m: float, g: Array, a: Array) -> tuple[Array, Array]:
    """The right step, for rules whose mistake is elsewhere."""
    if a.shape != g.shape:
        raise ValueError("an average of another shape")
    w, state = np.zeros_like(g), {"accumulated_grads": {0: np.array(a)}}
    classic.sgd_momentum([w], [g], {"learning_rate": r, "momentum": m}, state)
    return -w, state["accumulated_grads"][0]


def _turned(rule: Any) -> Any:
    """Return the rule with its change added instead of subtracted."""

    def turned(*args: Any) -> Any:
        change, *averages = rule(*args)
        return (-change, *averages)

    return turned


SGD: tuple[Rule, ...] = (
    Rule("sign", _sgd(_turned(_momentum))),
    Rule("state_not_kept", _sgd(_momentum), kept=False),
    *(Rule("state_not_kept", _sgd(_momentum), key=key) for key in SHARED),
    *(
        Rule("momentum_rule", _sgd(rule))
        for rule in (
            lambda r, m, g, a: (r * (m * a + (1 - m) * g), m * a + (1 - m) * g),
            lambda r, m, g, a: (m * a + (1 - m) * r * g, m * a + (1 - m) * r * g),
            lambda r, m, g, a: (r * ((1 - m) * a + m * g), (1 - m) * a + m * g),
            lambda r, m, g, a: ((1 - m) * a + m * r * g, (1 - m) * a + m * r * g),
            lambda r, m, g, a: ((1 - m) * a + r * g, (1 - m) * a + r * g),
            lambda r, m, g, a: (-m * a + r * g, -m * a + r * g),
            lambda r, m, g, a: (r * g - m * a, m * a - r * g),
            lambda r, m, g, a: (m * (m * a + r * g) + r * g, m * a + r * g),
            lambda r, m, g, a: (m * a + r * g, r * g),
            lambda r, m, g, a: (m * a + r * g, g),
            lambda r, m, g, a: (m * a + r * g, a + r * g),
            lambda r, m, g, a: (m * (a + r * g), m * (a + r * g)),
            lambda r, m, g, a: (r * (a + m * g), a + m * g),
            lambda r, m, g, a: (m * a, m * a + r * g),
            lambda r, m, g, a: (a, m * a + r * g),
            lambda r, m, g, a: (r * (m * a + r * g), m * a + r * g),
            lambda r, m, g, a: (m * a + r * g, m * a + g),
            lambda r, m, g, a: (a + r * g, a + r * g),
            lambda r, m, g, a: (m * a + g * r + r * g, m * a + r * g),
            lambda r, m, g, a: (r * m * a + r * g, r * m * a + r * g),
        )
    ),
    Rule("option_ignored", _sgd(lambda r, m, g, a: (m * a + g, m * a + g))),
)


# --- Adam


@dataclass(frozen=True)
class Twist:
    """One way or another to compute a part of Adam's step; the first of each is right.

    Args:
        mean, square: (beta, old, g) -> new average.
        rate: (beta1, beta2, t) -> what the learning rate is multiplied by.
        root: (v, epsilon) -> what the mean is divided by.
    """

    mean: Callable[[float, Array, Array], Array] = lambda b, m, g: b * m + (1 - b) * g
    square: Callable[[float, Array, Array], Array] = lambda b, v, g: b * v + (1 - b) * g * g
    rate: Callable[[float, float, int], float] = lambda a, b, t: (1 - b**t) ** 0.5 / (1 - a**t)
    root: Callable[[Array, float], Array] = lambda v, e: np.sqrt(v) + e
    swap: bool = False

    def __call__(self, config: Config, t: int, g: Array, m: Array, v: Array) -> Any:
        first, second = config["beta1"], config["beta2"]
        if self.swap:
            first, second = second, first
        m, v = self.mean(first, m, g), self.square(second, v, g)
        rate = config["learning_rate"] * self.rate(first, second, t)
        return rate * m / self.root(v, config["epsilon"]), m, v


def _adam(cause: str, *twists: Any, **more: Any) -> Iterator[Rule]:
    for twist in twists:
        yield Rule(cause, twist, averages=2, **more)


RATES: tuple[Callable[[float, float, int], Any], ...] = (
    lambda a, b, t: 1.0,
    lambda a, b, t: 1.0 / (1 - a**t),
    lambda a, b, t: (1 - b**t) ** 0.5,
    lambda a, b, t: (1 - b) ** 0.5 / (1 - a),  # t stays 1
    lambda a, b, t: (1 - a**t) / (1 - b**t) ** 0.5,
    lambda a, b, t: (1 - b**t) / (1 - a**t),
    lambda a, b, t: ((1 - b**t) / (1 - a**t)) ** 0.5,
    lambda a, b, t: (1 - a**t) ** 0.5 / (1 - b**t),
    lambda a, b, t: (1 - b**t) ** 0.5 * (1 - a**t),
    lambda a, b, t: np.divide((1 - b ** (t - 1)) ** 0.5, 1 - a ** (t - 1)),
    lambda a, b, t: (1 - b ** (t + 1)) ** 0.5 / (1 - a ** (t + 1)),
    lambda a, b, t: (1 - b * t) ** 0.5 / (1 - a * t) if b * t < 1 else np.nan,
    lambda a, b, t: (1 + b**t) ** 0.5 / (1 + a**t),
    lambda a, b, t: (1 - b ** (2 * t)) ** 0.5 / (1 - a ** (2 * t)),  # t grows by 2
)
ROOTS: tuple[Callable[[Array, float], Array], ...] = (
    lambda v, e: np.sqrt(v + e),
    lambda v, e: np.sqrt(v),
    lambda v, e: np.sqrt(v + e * e),
    lambda v, e: np.sqrt(v + e) + e,
    lambda v, e: np.sqrt(v) - e,
)
SQUARES: tuple[Twist, ...] = (
    Twist(square=lambda b, v, g: b * v + (1 - b) * g),
    Twist(square=lambda b, v, g: b * v + (1 - b) * np.abs(g)),
    Twist(root=lambda v, e: v + e),
    Twist(square=lambda b, v, g: (b * v + (1 - b) * g) ** 2),
    Twist(square=lambda b, v, g: b * v + ((1 - b) * g) ** 2),
    Twist(root=lambda v, e: v**2 + e),
)
MEANS: tuple[Twist, ...] = (
    Twist(mean=lambda b, m, g: b * m + g),
    Twist(square=lambda b, v, g: b * v + g * g),
    Twist(mean=lambda b, m, g: b * m + g, square=lambda b, v, g: b * v + g * g),
    Twist(mean=lambda b, m, g: g),
    Twist(mean=lambda b, m, g: b * m - (1 - b) * g),
    Twist(mean=lambda b, m, g: (1 - b) * g - b * m),
    Twist(square=lambda b, v, g: b * v - (1 - b) * g * g),
)
EXCHANGED: tuple[Twist, ...] = (
    Twist(mean=lambda b, m, g: (1 - b) * m + b * g),
    Twist(square=lambda b, v, g: (1 - b) * v + b * g * g),
    Twist(mean=lambda b, m, g: (1 - b) * m + b * g, square=lambda b, v, g: (1 - b) * v + b * g * g),
    Twist(swap=True),
)


def _hatted(
    mean: Callable[[Array, float, int], Array],
    square: Callable[[Array, float, int], Array],
    root: Callable[[Array, float], Array] = lambda v, e: np.sqrt(v) + e,
) -> Step:
    """Return the step with corrected averages, as torch writes it, but for one part."""

    def step(config: Config, t: int, g: Array, m: Array, v: Array) -> Any:
        b1, b2 = config["beta1"], config["beta2"]
        m, v = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g * g
        change = mean(m, b1, t) / root(square(v, b2, t), config["epsilon"])
        return config["learning_rate"] * change, m, v

    return step


def _hat(average: Array, beta: float, t: int) -> Array:
    return average / (1 - beta**t)


def _bare(average: Array, beta: float, t: int) -> Array:
    return average


def _first(average: Array, beta: float, t: int) -> Array:
    return average / (1 - beta)


def _late(average: Array, beta: float, t: int) -> Array:
    return average / (1 - beta ** (t + 1))


def _twice(average: Array, beta: float, t: int) -> Array:
    return average / (1 - beta ** (2 * t))


def _times(average: Array, beta: float, t: int) -> Array:
    return average * (1 - beta**t)


UNCORRECTED = tuple(
    _hatted(a, b)
    for a, b in product((_hat, _bare, _first, _late, _twice, _times), repeat=2)
    if (a, b) not in ((_hat, _hat), (_bare, _bare))
)


def _right(config: Config, t: int, g: Array, m: Array, v: Array) -> Any:
    """The right step, for rules whose mistake is in what is kept."""
    if m.shape != g.shape:
        raise ValueError("an average of another shape")
    w, state = np.zeros_like(g), {"t": t - 1, "m": {0: np.array(m)}, "v": {0: np.array(v)}}
    classic.adam_optimizer([w], [g], config, state)
    return -w, state["m"][0], state["v"][0]  # type: ignore[index]


def _torch(config: Config, t: int, g: Array, m: Array, v: Array) -> Any:
    """The step of torch, whose epsilon stands beside the corrected root."""
    epsilon = config["epsilon"] / uncorrected(1.0, config["beta2"], t)
    return _right({**config, "epsilon": epsilon}, t, g, m, v)


ADAM: tuple[Rule, ...] = (
    *_adam("sign", _turned(_right), _turned(_torch)),
    *_adam("epsilon_misplaced", *(Twist(root=root) for root in ROOTS)),
    *_adam("epsilon_misplaced", *(_hatted(_hat, _hat, root) for root in ROOTS)),
    *_adam("dialect_convention", _torch),
    *_adam("bias_correction", *(Twist(rate=rate) for rate in RATES), *UNCORRECTED),
    *(
        rule
        for clock, twist in product(("parameter", "layer"), (_right, _torch))
        for rule in _adam("bias_correction", twist, clock=clock)
    ),
    *_adam("squared_gradient", *SQUARES),
    *_adam("momentum_rule", *MEANS),
    *_adam("averaging_swapped", *EXCHANGED),
    *_adam("state_not_kept", _right, _torch, kept=False),
    *(
        rule
        for key, twist in product(SHARED, (_right, _torch))
        for rule in _adam("state_not_kept", twist, key=key)
    ),
)
