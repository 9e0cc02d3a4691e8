"""Connectionist temporal classification: -ln of the probability of all paths that spell a target.

A path names a class at each step; it spells what is left when repeated classes are merged and
blanks removed. The states of a target of length S are its labels with a blank before, between and
after: L = 2 S + 1. A path stays in its state, steps to the next, or leaps from a label over a blank
to another label. Sums over paths run over time, for all samples and states at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from rushlight.errors import DtypeError, ShapeError, explain
from rushlight.ops.contract import Op, Saved, define
from rushlight.ops.index import scatter_add

Result = tuple[tuple[Any, ...], Saved]
Grads = tuple[Any, ...]


# ---- checks


def _check(
    x: Any, labels: Any, input_lengths: Any, target_lengths: Any, blank: int, zero_infinity: bool
) -> None:
    if x.ndim != 3 or not x.size:
        raise ShapeError(
            explain("ctc_loss", got=f"log_probs {x.shape}", expected="(T, N, C), none of them 0")
        )
    if x.dtype not in (np.float32, np.float64):
        raise DtypeError(
            explain(
                "ctc_loss",
                got=f"log_probs {x.dtype.name}",
                expected="float32 or float64",
                fix="use .float()",
            )
        )
    steps, samples, classes = x.shape
    if not 0 <= blank < classes:
        raise RuntimeError(
            explain("ctc_loss", got=f"blank={blank}", expected=f"a class, 0 to {classes - 1}")
        )
    _check_lengths("input_lengths", input_lengths, samples, steps)
    _check_lengths("target_lengths", target_lengths, samples, labels.shape[1])
    _check_labels(labels, target_lengths, classes)


def _check_lengths(name: str, lengths: Any, samples: int, longest: int) -> None:
    if lengths.shape != (samples,):
        got, expected = f"{name} {lengths.shape}", f"({samples},), one per sample"
        raise ShapeError(explain("ctc_loss", got=got, expected=expected))
    bad = (lengths < 0) | (lengths > longest)
    if bad.any():
        first = int(bad.argmax())
        got = f"{name}[{first}] = {lengths[first]}"
        raise ShapeError(explain("ctc_loss", got=got, expected=f"0 to {longest}"))


def _check_labels(labels: Any, lengths: Any, classes: int) -> None:
    if labels.shape[0] != lengths.size:
        got, expected = f"targets {labels.shape}", f"({lengths.size}, S), one row per sample"
        raise ShapeError(explain("ctc_loss", got=got, expected=expected))
    bad = ((labels < 0) | (labels >= classes)) & (np.arange(labels.shape[1]) < lengths[:, None])
    if bad.any():
        row, place = np.unravel_index(int(bad.argmax()), bad.shape)
        raise IndexError(
            explain(
                "ctc_loss",
                got=f"label {labels[row, place]} at place {place} of target {row}",
                expected=f"0 to {classes - 1} for log_probs of {classes} classes",
                fix="check the labels, or the size of the last layer",
            )
        )


# ---- sums over paths


def _states(labels: Any, lengths: Any, blank: int) -> Any:
    """(N, S) -> (N, 2 S + 1): blanks around the labels, and in the place of the padding."""
    found = np.full((labels.shape[0], 2 * labels.shape[1] + 1), blank, np.int64)
    found[:, 1::2] = np.where(np.arange(labels.shape[1]) < lengths[:, None], labels, blank)
    return found


def _path_sums(logs: Any, states: Any) -> Any:
    """Sum over the paths to each state at each step, in logarithms.

    logs (T, N, L): of the classes of the `states` (N, L) at each step -> (T, N, L). The sum of a
    state holds its own step.
    """
    steps, samples, count = logs.shape
    # two states of probability 0 before the first spare the edges
    sums = np.full((steps, samples, count + 2), -np.inf, logs.dtype)
    sums[0, :, 2:4] = logs[0, :, :2]
    leap = np.full((samples, count), -np.inf, logs.dtype)
    leap[:, 2:][states[:, 2:] != states[:, :-2]] = 0.0  # two blanks are equal, too
    ways = np.empty((3, samples, count), logs.dtype)
    lowest = np.finfo(logs.dtype).min  # as the largest of nothing, where -inf - -inf would be nan
    for t in range(1, steps):
        last = sums[t - 1]
        ways[0], ways[1] = last[:, 2:], last[:, 1:-1]
        np.add(last[:, :-2], leap, out=ways[2])
        top = np.maximum.reduce(ways, axis=0, initial=lowest)
        np.subtract(ways, top, out=ways)
        np.exp(ways, out=ways)
        total = np.add.reduce(ways, axis=0)
        np.log(total, out=total)
        total += top
        np.add(total, logs[t], out=sums[t, :, 2:])
    return sums[:, :, 2:]


def _losses(sums: Any, input_lengths: Any, target_lengths: Any) -> Any:
    """(N,): -ln of the sum over the paths that end in the last label or the blank after it."""
    each = np.arange(input_lengths.size)
    last = np.maximum(input_lengths - 1, 0)
    blank = sums[last, each, 2 * target_lengths]
    label = sums[last, each, np.maximum(2 * target_lengths - 1, 0)]
    label = np.where(target_lengths > 0, label, -np.inf)
    losses = -np.logaddexp(blank, label)
    nothing = np.where(target_lengths > 0, np.inf, 0.0)  # of no steps
    return np.where(input_lengths > 0, losses, nothing).astype(sums.dtype, copy=False)


def _ctc_forward(
    x: Any, labels: Any, input_lengths: Any, target_lengths: Any, blank: int, zero_infinity: bool
) -> Result:
    states = _states(labels, target_lengths, blank)
    sums = _path_sums(_logs_of(x, states), states)
    losses = _losses(sums, input_lengths, target_lengths)
    y = np.where(losses == np.inf, 0.0, losses).astype(x.dtype) if zero_infinity else losses.copy()
    constants = (states, input_lengths, target_lengths, zero_infinity)
    return (y,), Saved((x,), constants=constants, cache=(sums, losses))


def _logs_of(x: Any, states: Any) -> Any:
    """(T, N, C) -> (T, N, L): the log-probabilities of the states' classes"""
    return x[:, np.arange(x.shape[1])[:, None], states]


# ---- the gradient


def _rest_sums(x: Any, states: Any, input_lengths: Any, target_lengths: Any) -> Any:
    """Sum over the paths from each state at each step to the end, in logarithms: (T, N, L).

    It is the sum to each state when time and states run backwards, each sample from its own end.
    What lies behind the end is -inf.
    """
    times = input_lengths - 1 - np.arange(x.shape[0])[:, None]  # (T, N)
    places = 2 * target_lengths[:, None] - np.arange(states.shape[1])  # (N, L)
    inside = (times >= 0)[:, :, None] & (places >= 0)
    each = np.arange(x.shape[1])[:, None]
    turned = np.take_along_axis(states, np.maximum(places, 0), axis=1)
    back = (np.maximum(times, 0)[:, :, None], each, np.maximum(places, 0))
    logs = x[back[0], each, turned]
    return np.where(inside, _path_sums(logs, turned)[back], -np.inf)


def _gradient(
    g: Any,
    x: Any,
    sums: Any,
    losses: Any,
    states: Any,
    input_lengths: Any,
    target_lengths: Any,
    zero_infinity: bool,
) -> Any:
    """p_c - (the share of the paths that are in class c), at each step, times g.

    It is the gradient by what log_softmax made x of, as in torch: given to log_softmax's own
    backward, it comes out as it is.
    """
    logs = _logs_of(x, states)
    shares = sums + _rest_sums(x, states, input_lengths, target_lengths)  # own step counted twice
    shares -= np.where(logs == -np.inf, 0.0, logs)
    shares += losses[:, None]
    np.exp(shares, out=shares)
    index = np.broadcast_to(states, shares.shape)
    dx = np.exp(x) - scatter_add(shares, index=index, dim=2, shape=x.shape)
    lost = np.where(losses == np.inf, 0.0 if zero_infinity else np.nan, 1.0)
    dx = np.where((lost == 1.0)[:, None], dx * g[:, None], lost[:, None])
    past = np.arange(x.shape[0])[:, None] >= input_lengths
    dx[past] = 0.0
    return dx.astype(x.dtype, copy=False)


def _ctc_backward(saved: Saved, grads: Grads, needs: Sequence[bool]) -> Sequence[Any]:
    return (_gradient(grads[0], saved.inputs[0], *saved.cache, *saved.constants),)


def _grad_forward(
    g: Any, x: Any, states: Any, input_lengths: Any, target_lengths: Any, zero_infinity: bool
) -> Result:
    sums = _path_sums(_logs_of(x, states), states)
    losses = _losses(sums, input_lengths, target_lengths)
    rest = (states, input_lengths, target_lengths, zero_infinity)
    return (_gradient(g, x, sums, losses, *rest),), Saved()


def _grad_backward(saved: Saved, grads: Grads, needs: Sequence[bool]) -> Sequence[Any]:
    raise NotImplementedError(
        "ctc_loss has no second derivative, in torch neither; ask for the first without "
        "create_graph=True"
    )


# not in the table of ops: it has no backward, which is what it is there to say
_ctc_grad = Op("ctc_loss_backward", _grad_forward, _grad_backward)


def _ctc_graph_backward(saved: Saved, grads: Grads, needs: Sequence[bool]) -> Sequence[Any]:
    names = ("states", "input_lengths", "target_lengths", "zero_infinity")
    options = dict(zip(names, saved.constants, strict=True))
    return (_ctc_grad(grads[0], saved.inputs[0], **options),)


ctc_loss = define(
    "ctc_loss",
    _ctc_forward,
    _ctc_backward,
    graph_backward=_ctc_graph_backward,
    fresh=True,
    smooth=False,
    check=_check,
)
