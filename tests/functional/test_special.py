"""Special functions against torch, as functions, methods and names of `special`."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.ops.sample import normal, uniform

import rushlight as rl
from rushlight.functional import special

torch = pytest.importorskip("torch")  # before the helper, which needs it

from tests.functional.parity import both  # noqa: E402

X, Y, P = normal(3, 4), normal(3, 4, seed=1), uniform(3, 4, low=0.2, high=0.9)

CASES: dict[str, list[tuple[Any, ...]]] = {}


def case(name: str, f: Any, *arrays: Any) -> None:
    CASES.setdefault(name, []).append((f, *arrays))


for _name in ("digamma", "i0", "sinc", "erfinv"):
    case(_name, lambda t, x, n=_name: getattr(t, n)(x), P)
    case(_name, lambda t, x, n=_name: getattr(x, n)(), P)
    case("special", lambda t, x, n=_name: getattr(t.special, n)(x), P)
case("lgamma", lambda t, x: t.lgamma(x), P)
case("lgamma", lambda t, x: x.lgamma(), P)
for _name in (
    *("entr", "erf", "erfc", "erfcx", "exp2", "expit", "expm1", "gammaln", "i0e", "i1", "i1e"),
    *("log1p", "log_ndtr", "ndtr", "ndtri", "psi", "round"),
):
    case("special", lambda t, x, n=_name: getattr(t.special, n)(x), P)
case("special", lambda t, x: t.special.entr(x), np.array([-1.0, 0.0, 0.5, np.inf, np.nan]))
case("special", lambda t, x: t.special.multigammaln(x + 2, 3), P)
case("special", lambda t, x, y: t.special.xlog1py(x, y), P, P[::-1])
case("special", lambda t, x: t.special.zeta(t.tensor(2.5), x), P)
case("special", lambda t, x: t.special.zeta(2.5, x), P)
case("special", lambda t, x: t.special.gammainc(t.tensor([0.5, 1, 2, 3]).double(), x), P)
case("special", lambda t, x: t.special.gammaincc(t.tensor([0.5, 1, 2, 3]).double(), x), P)
case("special", lambda t, x, y: t.special.xlogy(x, y), P, P[::-1])
for _name in ("softmax", "log_softmax", "logsumexp"):
    case("special", lambda t, x, n=_name: getattr(t.special, n)(x, 1), X)
case("special", lambda t, x: t.special.logit(x, eps=0.3), P)
case("igamma", lambda t, x: t.igamma(t.tensor(1.5).double(), x), P)
case("igammac", lambda t, x: t.igammac(t.tensor(1.5).double(), x), P)
case("mvlgamma", lambda t, x: t.mvlgamma(x + 1, 2), P)
case("mvlgamma", lambda t, x: (x + 1).mvlgamma(1), P)
case("polygamma", lambda t, x: t.polygamma(2, x), P)
case("polygamma", lambda t, x: t.polygamma(0, x), P)
case("logaddexp2", lambda t, x, y: t.logaddexp2(x, y), X, Y)
case("logaddexp2", lambda t, x, y: x.logaddexp2(y), X, Y)


@pytest.mark.parametrize("name", CASES)
def test_equals_torch(name: str) -> None:
    for i, (f, *arrays) in enumerate(CASES[name]):
        try:
            both(f, *arrays)
        except BaseException as error:
            error.add_note(f"call {i} of {name}")
            raise


def test_what_has_no_derivative_says_so() -> None:
    x = rl.ones(2, requires_grad=True)
    for f in (rl.igamma, rl.igammac, rl.special.zeta):
        with pytest.raises(NotImplementedError, match=r"derivative .* not implemented; detach"):
            f(x, rl.ones(2))


def test_arguments() -> None:
    with pytest.raises(RuntimeError, match="n >= 0"):
        rl.polygamma(-1, rl.ones(2))
    with pytest.raises(RuntimeError, match="p >= 1"):
        rl.mvlgamma(rl.ones(2), 0)


def test_every_function_is_exercised() -> None:
    from pathlib import Path

    text = Path(__file__).read_text(encoding="utf-8")
    names = {*special.__all__, *rl.special.__all__}
    assert [
        n for n in names if n not in CASES and f'"{n}"' not in text and f"special.{n}" not in text
    ] == []
