"""Activations against torch, as function and as method."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")  # before the helpers, which need it

from tests.functional.cases import Cases, N, W, X, each
from tests.functional.parity import both, both_raise

CASES = Cases("activation")
case = CASES.add

for _name in ("relu", "sigmoid", "tanh"):
    case(_name, lambda t, x, n=_name: getattr(t.nn.functional, n)(x), X)
case("relu", lambda t, x: t.nn.functional.relu(x, inplace=False), X)
case(
    "softmax",
    lambda t, x: (t.softmax(x, 0), x.softmax(-1), t.softmax(x, dim=1, dtype=t.float32)),
    X,
)
case("log_softmax", lambda t, x: (t.log_softmax(x, 0), x.log_softmax(dim=-1)), X)
for _name in ("logsigmoid", "silu", "gelu", "softplus", "elu", "leaky_relu"):
    case(_name, lambda t, x, n=_name: getattr(t.nn.functional, n)(x), X * 3)
case("gelu", lambda t, x: t.nn.functional.gelu(x, approximate="tanh"), X)
case("softplus", lambda t, x: t.nn.functional.softplus(x, 2.0, 1.0), X)
case("elu", lambda t, x: t.nn.functional.elu(x, 0.5), X)
case("leaky_relu", lambda t, x: t.nn.functional.leaky_relu(x, 0.3), X)
for _name in (
    *("celu", "selu", "mish", "softsign", "tanhshrink", "hardtanh", "relu6", "hardsigmoid"),
    *("hardswish", "hardshrink", "softshrink", "glu", "rrelu"),
):
    case(_name, lambda t, x, n=_name: getattr(t.nn.functional, n)(x), X * 3)
for _name in ("softsign", "tanhshrink", "hardtanh", "relu6"):
    case(_name, lambda t, n, f=_name: getattr(t.nn.functional, f)(n), N - 2)
case("celu", lambda t, x: (t.celu(x, 0.5), t.nn.functional.celu(x, alpha=-2.0)), X)
case("selu", lambda t, x: t.selu(x), X)
case("glu", lambda t, x: (t.nn.functional.glu(x, -2), t.nn.functional.glu(x, dim=0)), X[:2])
case("hardtanh", lambda t, x: t.nn.functional.hardtanh(x, -0.3, max_val=0.6), X)
case("hardtanh", lambda t, n: t.nn.functional.hardtanh(n - 2, -1.5, 1.5), N)
case("hardshrink", lambda t, x: (t.hardshrink(x, 0.8), x.hardshrink(), x.hardshrink(lambd=0.2)), X)
case("softshrink", lambda t, x: t.nn.functional.softshrink(x, 0.2), X)
case("threshold", lambda t, x: (t.threshold(x, 0.1, 7), t.nn.functional.threshold(x, 1, -1.5)), X)
case("threshold", lambda t, n: (t.threshold(n, 2, 9), t.threshold(n - 3, -1.5, 2.5)), N)
case("prelu", lambda t, x, w: (t.prelu(x, w), x.prelu(w[:1]), t.prelu(x, w[0])), X, W)
case("rrelu", lambda t, x: (t.rrelu(x, 0.2, 0.2, True), t.rrelu(x, lower=0.1, upper=0.5)), X)
case("softmin", lambda t, x: t.nn.functional.softmin(x, 1), X)
case("softmin", lambda t, x: t.nn.functional.softmin(x, dim=-1, dtype=t.float32), X)


def written(t: Any, x: Any, name: str, *args: Any) -> tuple[Any, ...]:
    """What the function with the underscore returns, which must be its argument, written to."""
    copy = x.detach().clone()
    result = getattr(t.nn.functional, name)(copy, *args)
    assert result is copy
    return copy, (x * 1.0)


for _name, _args in {
    "celu_": (0.5,),
    "elu_": (0.5,),
    "hardtanh_": (-0.3, 0.6),
    "leaky_relu_": (0.3,),
    "relu_": (),
    "rrelu_": (0.2, 0.4),
    "selu_": (),
    "threshold_": (0.1, 7.0),
}.items():
    case(_name, lambda t, x, n=_name, a=_args: written(t, x, n, *a), X)


def gumbel(t: Any, x: Any) -> Any:
    """Draws differ, so only what every draw has: sums, the one-hot form, a sharp limit."""
    t.manual_seed(0)
    draw = t.nn.functional.gumbel_softmax
    hard = draw(x, hard=True, dim=0)
    sharp = draw(x * 1000.0, tau=0.1, dim=1).detach()
    return draw(x).sum(-1), hard.sum(0), hard.max(0)[0].detach(), sharp.round()


case("gumbel_softmax", gumbel, X)
case("logsigmoid", lambda t, x: t.nn.functional.logsigmoid(x), X * 1000)


@pytest.mark.parametrize("call", each(CASES))
def test_equals_torch(call: tuple[Any, ...]) -> None:
    both(*call)


ERRORS: list[tuple[Any, ...]] = [
    (lambda t, x: t.nn.functional.gelu(x, approximate="no"), "approximate='no'", X),
    (lambda t, x: t.celu(x, 0.0), "celu: got alpha=0.0", X),
    (lambda t, x: t.nn.functional.glu(x[:, :3]), "glu: got input", X),
    (lambda t, x: t.nn.functional.glu(x.sum()), "glu: got a tensor without dims", X),
    (lambda t, x: t.nn.functional.glu(x, 2), "dim 2", X),
    (lambda t, x: t.nn.functional.softshrink(x, -1.0), "lambd=-1.0", X),
    (lambda t, x: t.nn.functional.hardtanh(x, 1.0, -1.0), "min_val <= max_val", X),
    (lambda t, n: t.nn.functional.hardtanh(n > 1), "hardtanh: got input bool", N),
    (lambda t, n: t.nn.functional.hardtanh(n.to(t.uint8)), "hardtanh: got input uint8", N),
    (lambda t, x: t.rrelu(x, 0.5, 0.1), "finite lower <= upper", X),
    (lambda t, x: t.rrelu(x, -np.inf, 0.1, True), "finite lower <= upper", X),
    (lambda t, n: t.rrelu(n, training=True), "rrelu: got input int64", N),
    (lambda t, x: t.prelu(x, x[0, :3]), "prelu: got weight", X),
    (lambda t, n: t.nn.functional.celu_(n), "celu_: got a result of", N),
    (lambda t, n: t.nn.functional.gumbel_softmax(n), "gumbel_softmax: got logits int64", N),
]


@pytest.mark.parametrize("call", ERRORS)
def test_errors(call: tuple[Any, ...]) -> None:
    both_raise(*call)


def test_every_function_is_exercised() -> None:
    CASES.check()
