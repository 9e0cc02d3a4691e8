"""Optimizers as functions of arrays, their gradients, a configuration and a state."""

from __future__ import annotations

from typing import Any

import numpy as np

from rushlight.arrays import FLOATS, Array
from rushlight.classic.module import flat
from rushlight.errors import DtypeError, ShapeError, explain
from rushlight.kernels import kernel
from rushlight.optim.adam import uncorrected
from rushlight.optim.optimizer import check_betas

__all__ = ["adam", "adam_optimizer", "sgd_momentum"]

_adam_step = kernel("adam_step")
_sgd_step = kernel("sgd_step")


def sgd_momentum(
    variables: Any, gradients: Any, config: dict[str, float], state: dict[str, Any]
) -> None:
    """Take a step of gradient descent with momentum in place: a <- momentum a + learning_rate g,
    w <- w - a.

    Args:
        variables: arrays w; a list, or a list of lists.
        gradients: arrays g, in the same order.
        config: `learning_rate` and `momentum`.
        state: kept between the steps, empty at first: `accumulated_grads`, index -> a.

    Raises:
        KeyError: for an option that is missing.
        ShapeError: if variables and gradients do not fit.

    Example:
        >>> w, state = np.array([1.0]), {}
        >>> for _ in range(2):
        ...     sgd_momentum([w], [2 * w], {"learning_rate": 0.1, "momentum": 0.9}, state)
        >>> w.round(4), state["accumulated_grads"][0].round(4)
        (array([0.46]), array([0.34]))
    """
    lr, momentum = _options("sgd_momentum", config, "learning_rate", "momentum")
    kept = state.setdefault("accumulated_grads", {})
    for w, g, a in _checked("sgd_momentum", variables, gradients, kept):
        work = np.empty_like(w), np.empty_like(w)
        # the rate is in a: the momentum of a step keeps the rate that it was taken with
        _sgd_step(w, lr * g, a, 1.0, momentum, 0.0, 0.0, False, False, False, work)


def adam_optimizer(
    variables: Any, gradients: Any, config: dict[str, float], state: dict[str, Any]
) -> None:
    """Take a step of Adam in place: w <- w - lr_t m / (sqrt(v) + epsilon).

    In full, for the step t = 1, 2, ...:

        lr_t = learning_rate * sqrt(1 - beta2^t) / (1 - beta1^t)
        m <- beta1 m + (1 - beta1) g
        v <- beta2 v + (1 - beta2) g^2
        w <- w - lr_t m / (sqrt(v) + epsilon)

    `rushlight.optim.Adam(..., epsilon_hat=True)` is the same; without that it, as torch, adds
    epsilon to the root of v / (1 - beta2^t).

    Args:
        variables: arrays w; a list, or a list of lists.
        gradients: arrays g, in the same order.
        config: `learning_rate`, `beta1`, `beta2` and `epsilon`.
        state: kept between the steps, empty at first: `m` and `v`, index -> array, and `t`.

    Raises:
        KeyError: for an option that is missing.
        ShapeError: if variables and gradients do not fit.

    Example:
        >>> w, state = np.array([1.0]), {}
        >>> config = {"learning_rate": 0.1, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8}
        >>> adam_optimizer([w], [2 * w], config, state)
        >>> w.round(4), state["t"], state["m"][0].round(4)
        (array([0.9]), 1, array([0.2]))

    Source: Kingma and Ba 2015, end of section 2, https://arxiv.org/abs/1412.6980
    """
    names = ("learning_rate", "beta1", "beta2", "epsilon")
    lr, beta1, beta2, epsilon = _options("adam_optimizer", config, *names)
    check_betas("adam_optimizer", (beta1, beta2))
    kept = state.setdefault("m", {}), state.setdefault("v", {})
    checked = _checked("adam_optimizer", variables, gradients, *kept)
    t = state["t"] = state.get("t", 0) + 1
    eps = uncorrected(epsilon, beta2, t)
    for w, g, m, v in checked:
        work = np.empty_like(w), np.empty_like(w)
        _adam_step(w, g, m, v, None, t, lr, beta1, beta2, eps, 0.0, False, False, work)


adam = adam_optimizer


def _options(where: str, config: dict[str, float], *names: str) -> list[float]:
    missing = [name for name in names if name not in config]
    if missing:
        got = f"a config without {', '.join(missing)}"
        raise KeyError(explain(where, got=got, expected=f"{', '.join(names)}"))
    return [float(config[name]) for name in names]


def _checked(
    where: str, variables: Any, gradients: Any, *states: dict[int, Array]
) -> list[tuple[Array, ...]]:
    """Return the variables, each with its gradient in its dtype and its arrays of the states, all
    checked before the first of them changes."""
    ws, gs = list(flat(variables)), list(flat(gradients))
    if len(ws) != len(gs):
        got = f"{len(ws)} variables and {len(gs)} gradients"
        raise ShapeError(explain(where, got=got, expected="a gradient for each variable"))
    found = []
    for i, (w, g) in enumerate(zip(ws, gs, strict=True)):
        if not isinstance(w, np.ndarray) or w.dtype not in FLOATS:
            got = f"variable {i}, {getattr(w, 'dtype', type(w).__name__)}"
            raise DtypeError(explain(where, got=got, expected="a floating array"))
        if not w.flags.writeable:
            got, fix = f"variable {i}, which is read-only", ".copy() makes one that is not"
            raise ValueError(explain(where, got=got, expected="an array to change", fix=fix))
        if np.shape(g) != w.shape:
            got = f"gradient {i} {np.shape(g)} of a variable {w.shape}"
            raise ShapeError(explain(where, got=got, expected=f"a gradient {w.shape}"))
        kept = [_kept(where, arrays, i, w) for arrays in states]
        found.append((w, np.asarray(g, w.dtype), *kept))
    return found


def _kept(where: str, arrays: dict[int, Array], i: int, like: Array) -> Array:
    """Return the array of the state, zeros at first."""
    found = arrays.get(i)
    if found is None:
        found = arrays[i] = np.zeros_like(like)
    elif found.shape != like.shape:
        got, fix = f"a state {found.shape} for variable {i}", "state = {} for other variables"
        raise ShapeError(explain(where, got=got, expected=like.shape, fix=fix))
    return found
