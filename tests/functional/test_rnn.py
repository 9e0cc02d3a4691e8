"""Recurrent layers and cells as functions, against torch."""

from __future__ import annotations

from typing import Any

import pytest
from tests.ops.sample import normal

import rushlight as rl
from rushlight.functional import rnn

torch = pytest.importorskip("torch")

from tests.functional.parity import both, both_raise  # noqa: E402

GATES = {"rnn_tanh": 1, "rnn_relu": 1, "lstm": 4, "gru": 3}
K, H, N, T = 3, 2, 4, 3


def _weights(name: str, layers: int, directions: int, bias: bool, proj: int = 0) -> list[Any]:
    rows, out, found = GATES[name] * H, proj or H, []
    for k in range(layers * directions):
        wide = K if k < directions else out * directions
        found += [normal(rows, wide, seed=k), normal(rows, out, seed=50 + k)]
        found += [normal(rows, seed=100 + k), normal(rows, seed=150 + k)] if bias else []
        found += [normal(proj, H, seed=200 + k)] if proj else []
    return found


def _states(name: str, count: int, proj: int = 0) -> list[Any]:
    h = normal(count, N, proj or H, seed=8)
    return [h, normal(count, N, H, seed=9)] if name == "lstm" else [h]


def _grouped(name: str, states: Any) -> Any:
    return tuple(states) if name == "lstm" else states[0]


CALLS = [(1, 1, True, False, 0), (2, 2, True, True, 0), (2, 1, False, False, 0)]


@pytest.mark.parametrize(("layers", "directions", "bias", "batch_first", "proj"), CALLS)
@pytest.mark.parametrize("name", GATES)
def test_sequences(
    name: str, layers: int, directions: int, bias: bool, batch_first: bool, proj: int
) -> None:
    n = len(_states(name, 1))

    def run(t: Any, x: Any, *rest: Any) -> Any:
        hx, params = _grouped(name, rest[:n]), list(rest[n:])
        options = (bias, layers, 0.0, True, directions == 2, batch_first)
        return getattr(t, name)(x, hx, params, *options)

    x = normal(N, T, K) if batch_first else normal(T, N, K)
    both(run, x, *_states(name, layers * directions), *_weights(name, layers, directions, bias))


@pytest.mark.parametrize("name", GATES)
def test_packed_sequences(name: str) -> None:
    n = len(_states(name, 1))

    def run(t: Any, x: Any, *rest: Any) -> Any:
        hx, params = _grouped(name, rest[:n]), list(rest[n:])
        return getattr(t, name)(x, t.tensor([4, 2, 1]), hx, params, True, 1, 0.0, True, True)

    both(run, normal(7, K), *_states(name, 2), *_weights(name, 1, 2, True))


def test_projection() -> None:
    def run(t: Any, x: Any, h: Any, c: Any, *params: Any) -> Any:
        return t.lstm(x, [h, c], params, True, 2, 0.0, False, False, False)

    both(run, normal(T, N, K), *_states("lstm", 2, 1), *_weights("lstm", 2, 1, True, 1))


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("name", GATES)
def test_cells(name: str, bias: bool) -> None:
    n = len(_states(name, 1))
    states = [s[0] for s in _states(name, 1)]

    def run(t: Any, x: Any, *rest: Any) -> Any:
        return getattr(t, f"{name}_cell")(x, _grouped(name, rest[:n]), *rest[n:])

    both(run, normal(N, K), *states, *_weights(name, 1, 1, bias))
    both(run, normal(0, K), *(s[:0] for s in states), *_weights(name, 1, 1, bias))


def test_dropout_between_layers_at_probability_one() -> None:
    def run(t: Any, x: Any, h: Any, *params: Any) -> Any:
        return t.gru(x, h, list(params), True, 2, 1.0, True, False, False)

    both(run, normal(T, N, K), *_states("gru", 2), *_weights("gru", 2, 1, True))


X, (HX,), W = normal(T, N, K), _states("gru", 1), _weights("gru", 1, 1, True)
TAIL = (True, 1, 0.0, True, False, False)
ERRORS: list[tuple[Any, str]] = [
    (lambda t, x, h, *w: t.gru(x, h, list(w[:3]), *TAIL), "gru: got 3 params, expected 4 for each"),
    (lambda t, x, h, *w: t.gru(x, h[0], list(w), *TAIL), r"got a state \(4, 2\)"),
    (lambda t, x, h, *w: t.gru(x, h, list(w)), "gru: got 3 arguments, expected 9"),
    (lambda t, x, h, *w: t.lstm(x, (h,), list(w), *TAIL), "lstm: got 1 states, expected h and c"),
    (lambda t, x, h, *w: t.gru_cell(x, h[0], *w), r"gru: got input \(3, 4, 3\), expected \(N, K\)"),
    (lambda t, x, h, *w: t.gru_cell(x[0], h[0, :2], *w), r"expected h0 \(4, 2\)"),
    (lambda t, x, h, *w: t.lstm_cell(x[0], (h[0],), *w), "1 states, expected h and c"),
]


@pytest.mark.parametrize(("call", "match"), ERRORS)
def test_errors(call: Any, match: str) -> None:
    both_raise(call, match, X, HX, *W)


def test_a_sequence_without_a_batch_is_for_the_layers() -> None:
    h, *w = (rl.tensor(a) for a in (HX, *W))
    with pytest.raises(RuntimeError, match=r"gru: got input \(4, 3\), expected 3 dims"):
        rl.gru(rl.tensor(X[0]), h, w, *TAIL)


def test_every_function_is_exercised_and_torchs() -> None:
    assert set(rnn.__all__) == {*GATES, *(f"{name}_cell" for name in GATES)}
    assert all(getattr(rl, n) is getattr(rnn, n) and hasattr(torch, n) for n in rnn.__all__)
