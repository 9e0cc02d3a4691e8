"""The methods that write what a function returns, against torch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.ops.sample import integers, normal, uniform

import rushlight as rl

X, Y, P = normal(3, 3), normal(3, 3, seed=1), uniform(3, 3, low=0.2, high=0.9)
N, M = integers(3, 3, high=6), integers(3, 3, high=4, seed=1)
INDEX = np.array([[0, 1, 1], [2, 1, 0]])
BATCH = normal(2, 3, 3)

CASES: dict[str, tuple[Any, ...]] = {
    **dict.fromkeys(("absolute_", "arcsinh_", "asinh_", "erfc_", "sinc_", "i0_"), (X,)),
    **dict.fromkeys(("acos_", "arccos_", "asin_", "arcsin_", "atan_", "arctan_", "atanh_"), (P,)),
    **dict.fromkeys(("arctanh_", "deg2rad_", "rad2deg_", "digamma_", "erfinv_", "lgamma_"), (P,)),
    **dict.fromkeys(("fix_", "negative_", "sgn_"), (X,)),
    **dict.fromkeys(("acosh_", "arccosh_"), (P + 1,)),
    **dict.fromkeys(("atan2_", "arctan2_", "copysign_", "divide_", "hypot_", "multiply_"), (X, Y)),
    **dict.fromkeys(("subtract_", "true_divide_", "nextafter_", "heaviside_"), (X, Y)),
    **dict.fromkeys(("eq_", "ne_", "not_equal_", "lt_", "less_", "le_", "less_equal_"), (X, Y)),
    **dict.fromkeys(("gt_", "greater_", "ge_", "greater_equal_"), (X, Y)),
    **dict.fromkeys(("bitwise_left_shift_", "bitwise_right_shift_", "gcd_", "lcm_"), (N, M)),
    **dict.fromkeys(("igamma_", "igammac_", "xlogy_", "float_power_"), (P, P.T)),
    **dict.fromkeys(("addmm_",), (X, Y, P)),
    **dict.fromkeys(("addmv_", "addr_"), (X[0], Y, P[0])),
    "addr_": (X, Y[0], P[0]),
    "addbmm_": (X, BATCH, BATCH),
    "baddbmm_": (BATCH, BATCH, BATCH),
    "cumprod_": (X, 1),
    "cumsum_": (X, 0),
    "index_copy_": (X, 0, np.array([2, 0]), Y[:2]),
    "index_reduce_": (X, 0, np.array([2, 0]), Y[:2], "amax"),
    "ldexp_": (X, M),
    "logit_": (P,),
    "masked_scatter_": (X, N > 2, Y),
    "mvlgamma_": (P + 2, 2),
    "polygamma_": (P, 1),
    "put_": (X, np.array([0, 4]), Y[0, :2]),
    "renorm_": (X, 2, 0, 1.0),
    "scatter_reduce_": (X, 0, INDEX, Y[:2], "prod"),
}


@pytest.mark.filterwarnings("ignore:index_reduce.. is in beta")
@pytest.mark.parametrize("name", CASES)
def test_equals_torch(name: str) -> None:
    torch = pytest.importorskip("torch")
    found = []
    for lib in (rl, torch):
        x, *rest = (lib.tensor(a.copy()) if isinstance(a, np.ndarray) else a for a in CASES[name])
        alias = x
        assert getattr(x, name)(*rest) is x and alias is x
        found.append(x.numpy())
    assert found[0].dtype == found[1].dtype
    np.testing.assert_allclose(*found, rtol=1e-6, atol=1e-9)


def test_index_put() -> None:
    torch = pytest.importorskip("torch")
    found = []
    for lib in (rl, torch):
        x = lib.tensor(X.copy())
        x.index_put_((lib.tensor([0, 0]), lib.tensor([1, 1])), lib.tensor(Y[0, :2]), True)
        found.append(x.numpy())
    np.testing.assert_allclose(*found)


def test_a_leaf_refuses() -> None:
    x = rl.tensor(P, requires_grad=True)
    with pytest.raises(RuntimeError, match=r"use the version without underscore, x = x\.acos"):
        x.acos_()
