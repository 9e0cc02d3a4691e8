"""Connectionist temporal classification: samples, errors, and all paths counted one by one."""

from __future__ import annotations

from itertools import groupby, product

import numpy as np
import pytest
from tests.ops.sample import Error, Sample, normal

import rushlight as rl
from rushlight.check import gradcheck
from rushlight.errors import DtypeError, ShapeError
from rushlight.ops import ctc


def _log_probs(*shape, seed=0, scale=1.0):
    x = normal(*shape, seed=seed) * scale
    return x - np.log(np.exp(x).sum(-1, keepdims=True))


def _options(labels, steps, lengths, blank=0, zero_infinity=False):
    return {
        "labels": np.array(labels, np.int64).reshape(len(steps), -1),
        "input_lengths": np.array(steps),
        "target_lengths": np.array(lengths),
        "blank": blank,
        "zero_infinity": zero_infinity,
    }


def _ctc(x, *args, **more):
    options = _options(*args, **more)

    def call(torch, x):
        labels, steps, lengths, blank, zero = options.values()
        labels = torch.from_numpy(labels)
        return torch.nn.functional.ctc_loss(
            x, labels, tuple(steps.tolist()), tuple(lengths.tolist()), blank, "none", zero
        )

    # the gradient is not that of x, but of what log_softmax made x of
    return Sample((x,), options, call, gradient=False)


X = _log_probs(7, 3, 5)
LABELS = [[1, 2, 3], [4, 4, 2], [1, 3, 0]]

SAMPLES = {
    "ctc_loss": [
        _ctc(X, LABELS, (7, 7, 7), (3, 3, 2)),
        _ctc(X, LABELS, (7, 5, 3), (3, 2, 1)),
        _ctc(X, LABELS, (7, 4, 2), (0, 3, 1)),
        *[_ctc(X, LABELS, (2, 3, 7), (3, 3, 2), zero_infinity=zero) for zero in (False, True)],
        *[_ctc(X, LABELS, (0, 0, 7), (0, 2, 2), zero_infinity=zero) for zero in (False, True)],
        _ctc(X, [[2, 1], [4, 4], [0, 3]], (7, 6, 7), (2, 2, 2), blank=2),  # a label that is blank
        _ctc(X, [[0, 0, 0, 1, 1, 1]] * 3, (7, 6, 7), (6, 2, 4), blank=4),
        _ctc(X, [[]] * 3, (7, 6, 1), (0, 0, 0)),
        _ctc(X, [[1, -1], [-7, 99], [2, 99]], (7, 6, 7), (1, 0, 1)),  # padding is not looked at
        _ctc(_log_probs(1, 2, 3), [[1], [2]], (1, 1), (1, 0)),
        _ctc(_log_probs(4, 1, 1), [[]], (4,), (0,)),
        _ctc(_log_probs(9, 2, 4, scale=200.0), [[1, 2, 1], [3, 3, 0]], (9, 9), (3, 2)),
    ]
}


def _error(error, match, x=X, **changed):
    options = {**_options(LABELS, (7, 7, 7), (3, 3, 2)), **changed}
    return Error((x,), options, error, match)


ERRORS = {
    "ctc_loss": [
        _error(ShapeError, r"log_probs \(7, 15\).*\(T, N, C\)", X.reshape(7, 15)),
        _error(ShapeError, r"log_probs \(0, 3, 5\)", X[:0]),
        _error(DtypeError, r"float16.*float32 or float64", X.astype(np.float16)),
        _error(DtypeError, r"int64", X.astype(np.int64)),
        _error(RuntimeError, r"blank=5.*0 to 4", blank=5),
        _error(RuntimeError, r"blank=-1", blank=-1),
        _error(ShapeError, r"input_lengths \(2,\).*\(3,\)", input_lengths=np.array([7, 7])),
        _error(ShapeError, r"input_lengths\[1\] = 8.*0 to 7", input_lengths=np.array([7, 8, 7])),
        _error(ShapeError, r"input_lengths\[0\] = -1", input_lengths=np.array([-1, 7, 7])),
        _error(ShapeError, r"target_lengths\[2\] = 4.*0 to 3", target_lengths=np.array([3, 3, 4])),
        _error(ShapeError, r"target_lengths\[1\] = -2", target_lengths=np.array([3, -2, 3])),
        _error(ShapeError, r"targets \(2, 3\).*\(3, S\)", labels=np.array(LABELS[:2])),
        _error(IndexError, r"label 5 at place 2 of target 0.*0 to 4", labels=np.array(LABELS) + 2),
        _error(IndexError, r"label -1 at place 0 of target 0", labels=np.array(LABELS) - 2),
    ]
}


def _spelled(path, blank):
    return [c for c, _ in groupby(path) if c != blank]


@pytest.mark.parametrize("target", [[1, 2], [1, 1], [2], [], [2, 1, 2, 1]])
@pytest.mark.parametrize("blank", [0, 2])
def test_the_loss_counts_all_paths(target, blank):
    labels = [2 - c if blank == 2 else c for c in target]
    x = _log_probs(4, 1, 3)
    total = 0.0
    for path in product(range(3), repeat=4):
        if _spelled(path, blank) == labels:
            total += np.exp(sum(x[t, 0, c] for t, c in enumerate(path)))
    with np.errstate(all="ignore"):  # as the tape runs ops
        y = ctc.ctc_loss(x, **_options([labels], (4,), (len(labels),), blank=blank))
        np.testing.assert_allclose(y, [-np.log(total)], rtol=1e-12)


def test_the_gradient_is_that_of_the_scores():
    options = _options(LABELS, (7, 5, 6), (3, 3, 2))
    x = rl.tensor(normal(7, 3, 5), requires_grad=True)
    assert gradcheck(lambda x: ctc.ctc_loss(rl.log_softmax(x, 2), **options), [x])


def test_an_impossible_class_off_the_target_keeps_the_gradient_finite():
    """torch's is nan there, and log_softmax's backward then makes all of it nan."""
    x = normal(5, 1, 4)
    x[2, 0, 3] = -np.inf
    leaf = rl.tensor(x, requires_grad=True)
    options = _options([[1, 2]], (5,), (2,))
    ctc.ctc_loss(rl.log_softmax(leaf, 2), **options).sum().backward()
    assert np.isfinite(leaf.grad.numpy()).all() and leaf.grad[2, 0, 3].item() == 0.0


def test_a_second_derivative_is_refused():
    x = rl.tensor(X, requires_grad=True)
    y = ctc.ctc_loss(x, **_options(LABELS, (7, 7, 7), (3, 3, 2)))
    (g,) = rl.autograd.grad(y.sum(), x, create_graph=True)
    (plain,) = rl.autograd.grad(ctc.ctc_loss(x, **_options(LABELS, (7, 7, 7), (3, 3, 2))).sum(), x)
    assert (g.detach().numpy() == plain.numpy()).all()
    with pytest.raises(NotImplementedError, match="ctc_loss has no second derivative"):
        g.sum().backward()
