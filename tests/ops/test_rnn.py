"""Recurrent ops: samples and errors for the contract test, and what samples cannot say."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.ops.sample import Error, Sample, integers, normal

from rushlight.errors import DtypeError, ShapeError
from rushlight.kernels import kernel
from rushlight.ops import rnn as ops

GATES = {"rnn": 1, "lstm": 4, "gru": 3}


def _arguments(
    name: str, sizes: tuple[int, ...], k: int, n: int, *, bias: str = "ih", proj: int = 0
) -> tuple[Any, ...]:
    rows, out = GATES[name] * n, proj or n
    states = [normal(sizes[0], out, seed=1), normal(sizes[0], n, seed=2)]
    return (
        normal(sum(sizes), k),
        *states[: 1 + (name == "lstm")],
        normal(rows, k, seed=3),
        normal(rows, out, seed=4),
        normal(rows, seed=5) if "i" in bias else None,
        normal(rows, seed=6) if "h" in bias else None,
        *([normal(proj, n, seed=7) if proj else None] if name == "lstm" else []),
    )


def _torch(name: str, sizes: tuple[int, ...], reverse: bool, relu: bool) -> Any:
    """The same with torch's layer functions; those that run in reverse get the steps reversed."""

    def call(torch: Any, x: Any, h: Any, *rest: Any) -> Any:
        c, rest = (rest[0], rest[1:]) if name == "lstm" else (None, rest)
        weights = [w for w in rest if w is not None]
        function = {"rnn": torch.rnn_relu if relu else torch.rnn_tanh}.get(name)
        function = function or getattr(torch, name)
        both = [w.detach() * 0 for w in weights] if reverse else []
        count = 2 if reverse else 1
        hx = torch.cat([h[None]] * count), None if c is None else torch.cat([c[None]] * count)
        y, *last = function(
            x, torch.tensor(sizes), hx if c is not None else hx[0], [*both, *weights],
            len(weights) > 3, 1, 0.0, False, reverse,
        )  # fmt: skip
        return (y[:, -h.shape[1] :], *(state[-1] for state in last))

    return call


def _sample(
    name: str, sizes: tuple[int, ...], k: int, n: int, *, reverse: bool = False,
    relu: bool = False, **arguments: Any,
) -> Sample:  # fmt: skip
    args = _arguments(name, sizes, k, n, **arguments)
    options = {"sizes": sizes, "reverse": reverse, **({"relu": relu} if name == "rnn" else {})}
    one_sided = arguments.get("bias") in ("i", "h")
    like = None if one_sided or not sizes[0] else _torch(name, sizes, reverse, relu)
    return Sample(args, options, like, smooth=not relu)


def _samples(name: str) -> list[Sample]:
    return [
        _sample(name, (2, 2, 2), 3, 2),
        _sample(name, (2, 2), 3, 4, reverse=True),
        _sample(name, (3, 2, 2, 1), 2, 2),
        _sample(name, (4, 2, 1), 2, 2, reverse=True),
        _sample(name, (2, 1), 2, 3, bias=""),
        _sample(name, (1, 1), 2, 1, bias="i"),
        _sample(name, (2,), 1, 2, bias="h"),
        _sample(name, (0, 0), 3, 2),
    ]


SAMPLES = {
    "rnn": [
        *_samples("rnn"),
        *[s._replace(options={**s.options, "relu": True}, torch=None, smooth=False)
          for s in _samples("rnn")],
        _sample("rnn", (3, 2, 2, 1), 2, 2, relu=True),
        _sample("rnn", (2, 2), 3, 4, reverse=True, relu=True),
    ],
    "lstm": [
        *_samples("lstm"),
        _sample("lstm", (2, 2, 1), 3, 3, proj=2),
        _sample("lstm", (3, 1), 2, 3, proj=1, reverse=True, bias=""),
    ],
    "gru": _samples("gru"),
}  # fmt: skip


def _changed(name: str, at: int, value: Any, match: str, kind: Any = ShapeError) -> Error:
    args = list(_arguments(name, (2, 2), 3, 2))
    args[at] = value(args[at])
    options = {"sizes": (2, 2), "reverse": False, **({"relu": False} if name == "rnn" else {})}
    return Error(tuple(args), options, kind, match)


def _errors(name: str) -> list[Error]:
    first, fine = 3 if name == "lstm" else 2, _sample(name, (2, 2), 3, 2)
    return [
        _changed(name, 0, lambda x: x[:, :2], rf"{name}: got input \(4, 2\) with weight_ih \("),
        _changed(name, 0, lambda x: x[:3], r"batch sizes \(2, 2\), expected \(M, K\)"),
        _changed(name, 0, lambda x: integers(4, 3, high=9), "got input int64", DtypeError),
        _changed(name, 1, lambda h: h[:1], r"h0 \(1, 2\), expected h0 \(2, 2\)"),
        _changed(name, 1, lambda h: h.astype("float32"), "h0 float32, expected one", DtypeError),
        _changed(name, first, lambda w: w[:, None], r"weight_ih \("),
        _changed(name, first + 1, lambda w: w[:, :1], r"weight_hh \("),
        _changed(name, first + 2, lambda b: b[1:], r"bias_ih \("),
        _changed(name, first + 3, lambda b: b[1:], r"bias_hh \("),
        Error(fine.args, {**fine.options, "sizes": ()}, ShapeError, "got a sequence of 0 steps"),
        Error(fine.args, {**fine.options, "sizes": (2, 3)}, ShapeError, "sum of falling sizes"),
    ]


ERRORS = {
    "rnn": _errors("rnn"),
    "lstm": [
        *_errors("lstm"),
        _changed("lstm", 2, lambda c: c[:, :1], r"c0 \(2, 1\), expected c0 \(2, 2\)"),
        _changed("lstm", 7, lambda _: normal(2, 3), r"weight_hr \(2, 3\), expected weight_hr"),
    ],
    "gru": _errors("gru"),
}


@pytest.mark.parametrize("name", GATES)
@pytest.mark.parametrize("reverse", [False, True])
def test_blocks_of_steps_change_nothing(name: str, reverse: bool, monkeypatch: Any) -> None:
    """Factors of the backward pass are computed for some steps at once, however many."""
    from rushlight.kernels.reference import rnn as reference

    sample = _sample(name, (3, 3, 2, 2, 1), 2, 4, reverse=reverse)
    outputs, saved = ops.__dict__[name].forward(*sample.args, **sample.options)
    grads = tuple(normal(*y.shape, seed=9) for y in outputs)
    needs = [a is not None for a in sample.args]
    found = []
    for size in (1 << 16, 1, 100):
        monkeypatch.setattr(reference, "_BLOCK", size)
        found.append(ops.__dict__[name].backward(saved, grads, needs))
    for other in found[1:]:
        for a, b in zip(other, found[0], strict=True):
            assert (a is None and b is None) or np.array_equal(a, b)


@pytest.mark.parametrize("reverse", [False, True])
def test_states_before_are_those_of_the_step_before(reverse: bool) -> None:
    sizes, first = (3, 2, 2, 1), np.arange(3.0)[:, None]
    states = 10.0 + np.arange(8.0)[:, None]  # rows 0-2, 3-4, 5-6, 7 of steps 0 to 3
    found = kernel("states_before")(first, states, sizes, reverse)
    right = [13, 14, 2, 15, 16, 17, 1, 0] if reverse else [0, 1, 2, 10, 11, 13, 14, 15]
    assert found[:, 0].tolist() == right


@pytest.mark.parametrize("name", GATES)
def test_large_sums_saturate_the_gates(name: str) -> None:
    """exp overflows to infinity on the way to 0: no nan, neither forward nor backward."""
    sample = _sample(name, (2, 2, 2), 3, 2)
    args = (sample.args[0] * 1e6, *sample.args[1:])
    with np.errstate(all="ignore"):
        outputs, saved = ops.__dict__[name].forward(*args, **sample.options)
        needs = [a is not None for a in args]
        grads = ops.__dict__[name].backward(saved, tuple(np.ones_like(y) for y in outputs), needs)
    assert all(np.isfinite(a).all() for a in (*outputs, *grads) if a is not None)
