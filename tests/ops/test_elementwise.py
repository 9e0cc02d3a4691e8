"""Samples of the elementwise ops: plain, broadcast, extreme, tied and undefined values."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.ops.sample import Error, Sample, normal, uniform

from rushlight.errors import DtypeError, ShapeError
from rushlight.kernels.selection import one_of, select

EXTREME = np.array([-np.inf, -1000.0, -100.0, -1.0, -0.0, 0.0, 1.0, 100.0, 1000.0, np.inf, np.nan])
WHOLE = np.array([-3, -1, 0, 2, 5])
BOOLS = np.array([True, False, True])


def unary(f: Any, x: Any, *, edge: Any = EXTREME, whole: Any = WHOLE, **traits: Any) -> Any:
    """Samples of y = f(x): a matrix, an image, a scalar, and hard values without gradcheck."""
    return [
        Sample((x,), {}, f, **traits),
        Sample((x.reshape(1, 2, 2, 3),), {}, f, **traits),
        Sample((np.array(x.flat[0]),), {}, f, **traits),
        Sample((edge,), {}, f, gradient=False),
        Sample((whole,), {}, f, gradient=False),
    ]


def function(name: str) -> Any:
    return lambda torch, x: getattr(torch, name)(x)


def neural(name: str, **options: Any) -> Any:
    return lambda torch, x: getattr(torch.nn.functional, name)(x, **options)


REAL = normal(4, 3)
POSITIVE = uniform(4, 3, low=0.3, high=3.0)
INSIDE = uniform(4, 3, low=-0.8, high=0.8)
ABOVE = uniform(4, 3, low=1.3, high=3.0)

SAMPLES: dict[str, list[Sample]] = {
    name: unary(function(name), x)
    for name, x in {
        "neg": REAL,
        "exp": REAL,
        "exp2": REAL,
        "expm1": REAL,
        "log": POSITIVE,
        "log2": POSITIVE,
        "log10": POSITIVE,
        "log1p": INSIDE,
        "sqrt": POSITIVE,
        "rsqrt": POSITIVE,
        "square": REAL,
        "reciprocal": POSITIVE,
        "sin": REAL,
        "cos": REAL,
        "tan": INSIDE,
        "asin": INSIDE,
        "acos": INSIDE,
        "atan": REAL,
        "sinh": REAL,
        "cosh": REAL,
        "tanh": REAL,
        "asinh": REAL,
        "acosh": ABOVE,
        "atanh": INSIDE,
        "erf": REAL,
        "erfc": REAL * 3,
        "sigmoid": REAL,
    }.items()
}
SAMPLES |= {
    name: unary(function(name), REAL, smooth=False)
    for name in ("abs", "sign", "floor", "ceil", "trunc", "round")
}
SAMPLES["round"].append(
    Sample((np.array([-1.5, -0.5, 0.5, 1.5, 2.5]),), {}, function("round"), gradient=False)
)
SAMPLES["logsigmoid"] = unary(neural("logsigmoid"), REAL, whole=WHOLE * 1.0)
SAMPLES["relu"] = unary(neural("relu"), REAL, smooth=False)


def clamped(low: float | None, high: float | None) -> Any:
    return lambda torch, x: torch.clamp(x, low, high)


SAMPLES["clamp"] = [
    Sample((x,), {"low": low, "high": high}, clamped(low, high), **traits)
    for low, high in ((-0.5, 0.5), (None, 0.3), (-0.2, None), (0.5, -0.5))
    for x, traits in (
        (REAL, {"smooth": False}),
        (np.array([-1000.0, -0.5, -0.2, 0.3, 0.5, np.inf, -np.inf]), {"gradient": False}),
        (np.array(0.1), {"smooth": False}),
    )
] + [Sample((WHOLE,), {"low": -1, "high": 2}, clamped(-1, 2))]

# ---- two arguments


def pairs(
    name: str,
    a: Any,
    b: Any,
    scalar: Any = 1.5,
    *,
    reverse: bool = True,
    **traits: Any,
) -> list[Sample]:
    """Equal shapes, broadcast both ways, a scalar on either side, a 0-d array, hard values."""

    def f(torch: Any, x: Any, y: Any) -> Any:
        return getattr(torch, name)(x, y)

    def with_tensors(torch: Any, x: Any, y: Any) -> Any:
        x, y = (v if hasattr(v, "dtype") else torch.tensor(v, dtype=torch.float64) for v in (x, y))
        return getattr(torch, name)(x, y)

    found = [
        Sample((a, b), {}, f, **traits),
        Sample((a, b[:1]), {}, f, **traits),
        Sample((a[0], b), {}, f, **traits),
        Sample((a[:, :1], b[:1]), {}, f, **traits),
        Sample((a, np.array(b[0, 0])), {}, f, **traits),
        Sample((np.array(a[0, 0]), b), {}, f, **traits),
        Sample((a, scalar), {}, with_tensors, **traits),
    ]
    if reverse:
        found.append(Sample((scalar, b), {}, with_tensors, **traits))
    return found


HARD = np.array([-np.inf, -1000.0, -1.0, 0.0, 1.0, 1000.0, np.inf, np.nan])


def hard(name: str, values: Any = HARD) -> Sample:
    """Every pair of the values, broadcast."""

    def f(torch: Any, x: Any, y: Any) -> Any:
        return getattr(torch, name)(x.expand(len(values), -1), y.expand(-1, len(values)))

    n = len(values)
    return Sample(
        (np.tile(values, (n, 1)), np.tile(values[:, None], (1, n))), {}, f, gradient=False
    )


A, B, C = normal(4, 3), normal(4, 3, seed=1), uniform(4, 3, low=0.5, high=2.0, seed=2)


def xlogy(torch: Any, x: Any, y: Any) -> Any:
    return torch.xlogy(x, y)


SAMPLES |= {
    "add": [*pairs("add", A, B), hard("add")],
    "sub": [*pairs("sub", A, B), hard("sub")],
    "mul": [*pairs("mul", A, B), hard("mul")],
    "div": [*pairs("div", A, C), hard("div")],
    "maximum": [*pairs("maximum", A, B, 0.1, smooth=False), hard("maximum")],
    "minimum": [*pairs("minimum", A, B, 0.1, smooth=False), hard("minimum")],
    "atan2": [*pairs("atan2", A, B), hard("atan2", HARD[[1, 2, 3, 4, 5]])],
    "hypot": [
        *pairs("hypot", A, B),
        Sample((A * 1e200, B * 1e200), {}, lambda t, x, y: t.hypot(x, y), gradient=False),
    ],
    "xlogy": [
        *pairs("xlogy", A, C),
        hard("xlogy", HARD[[1, 2, 4, 5, 7]]),
        Sample(
            (np.zeros(5), np.array([0.0, 2.0, np.inf, np.nan, -1.0])), {}, xlogy, gradient=False
        ),
        Sample((WHOLE, np.array(2.0)), {}, xlogy, gradient=False),
    ],
    "logaddexp": [
        *pairs("logaddexp", A, B),
        hard("logaddexp", HARD[[1, 2, 3, 4, 5, 7]]),
        Sample((A, A), {}, lambda torch, x, y: torch.logaddexp(x, y)),
    ],
    "remainder": [*pairs("remainder", A * 3, C, 0.7), hard("remainder", HARD[[2, 4, 5]] * 1.5)],
    "fmod": [*pairs("fmod", A * 3, C, 0.7), hard("fmod", HARD[[2, 4, 5]] * 1.5)],
    "pow": [
        *pairs("pow", C, B, 2.5),
        hard("pow", np.array([-2.0, -1.0, 0.0, 0.5, 1.0, 2.0])),
        *[
            Sample((x, p), {}, lambda torch, x, p: x**p, gradient=bool(x.all()))
            for p in (0, 1, 2, 3, -1, 0.5, 0.0, 2.0)
            for x in (C, np.array([0.0, 1.0, 2.0]))
        ],
        *[
            Sample((base, B), {}, lambda torch, base, x: base**x, gradient=base > 0)
            for base in (2, 2.0, 0.0, 0.5)
        ],
        Sample((-2.0, np.array([1.0, 2.0, -1.0])), {}, lambda torch, b, x: b**x, gradient=False),
    ],
}
SAMPLES["add"].append(Sample((WHOLE, WHOLE), {}, lambda torch, x, y: x + y))
SAMPLES["add"].append(Sample((WHOLE, normal(5)), {}, lambda torch, x, y: x + y))
SAMPLES["mul"].append(Sample((BOOLS, normal(3)), {}, lambda torch, x, y: x * y))
SAMPLES["div"].append(Sample((WHOLE, WHOLE + 7), {}, lambda torch, x, y: x.double() / y))
SAMPLES["remainder"].append(
    Sample((WHOLE, np.array([2, -2, 3, -3, 4])), {}, lambda torch, x, y: x % y)
)
SAMPLES["fmod"].append(
    Sample((WHOLE, np.array([2, -2, 3, -3, 4])), {}, lambda torch, x, y: torch.fmod(x, y))
)


def rounded(mode: str, *args: Any, gradient: bool = True) -> Sample:
    def f(torch: Any, x: Any, y: Any) -> Any:
        return torch.div(x, y, rounding_mode=mode)

    return Sample(args, {}, f, gradient=gradient)


for _op, _f in (("remainder", lambda t, x, y: x % y), ("fmod", lambda t, x, y: t.fmod(x, y))):
    SAMPLES[_op].append(Sample((A, 0), {}, _f, gradient=False))  # nan: not an integer division
    SAMPLES[_op].append(Sample((WHOLE[:0], np.array(0)), {}, _f, gradient=False))
SAMPLES["square"].append(Sample((BOOLS,), {}, function("square"), gradient=False))
SAMPLES["pow"].append(
    Sample((WHOLE, np.array([-1, -2, -1, 0, -3])), {}, lambda torch, x, p: x**p, gradient=False)
)

for _op, _mode in (("floor_divide", "floor"), ("trunc_divide", "trunc")):
    SAMPLES[_op] = [
        rounded(_mode, A * 3, C),
        rounded(_mode, A[0] * 3, C),
        rounded(_mode, A * 3, 0.7),
        rounded(
            _mode,
            np.array([1.0, -1.0, 0.0, 7.5, 2**53]),
            np.array([0.1, 0.1, 0.0, -2.0, 3.0]),
            gradient=False,
        ),
        rounded(_mode, np.array([7, -7, 7, -7, 2**60 + 1]), np.array([2, 2, -2, -2, 3])),
        rounded(_mode, np.array([6, -6]), np.array(3)),
        rounded(_mode, np.array([True, False]), np.array([2, 5])),
    ]


def chosen(condition: Any) -> Any:
    return lambda torch, a, b: torch.where(torch.tensor(condition), a, b)


COINS = uniform(4, 3, seed=9) > 0.5
SAMPLES["where"] = [
    Sample((A, B), {"condition": COINS}, chosen(COINS)),
    Sample((A[0], B), {"condition": COINS[:, :1]}, chosen(COINS[:, :1])),
    Sample((A[0], B[0]), {"condition": COINS}, chosen(COINS)),
    Sample((A, 0.0), {"condition": COINS}, chosen(COINS)),
    Sample((-np.inf, B), {"condition": COINS}, chosen(COINS), gradient=False),
    Sample((A, np.array(B[0, 0])), {"condition": COINS}, chosen(COINS)),
    Sample((np.array(1.0), np.array(2.0)), {"condition": np.array(True)}, chosen(True)),
    Sample((WHOLE, WHOLE * 2), {"condition": WHOLE > 0}, chosen(WHOLE > 0)),
]

ERRORS: dict[str, list[Error]] = {
    name: [Error((np.ones((2, 3)), np.ones(2)), {}, ShapeError, rf"^{name}: got shapes \(2, 3\)")]
    for name in (
        *("add", "sub", "mul", "div", "pow", "maximum", "minimum"),
        *("atan2", "remainder", "fmod", "logaddexp", "xlogy", "hypot"),
    )
}
for _op in ("floor_divide", "trunc_divide", "remainder", "fmod"):
    ERRORS.setdefault(_op, []).append(
        Error((np.array([1, 2]), np.array([1, 0])), {}, RuntimeError, "an integer divisor 0")
    )
ERRORS["pow"] += [
    Error((np.array([1, 2]), -1), {}, DtypeError, "int64 to a negative power"),
]
ERRORS["where"] = [
    Error((np.ones((2, 3)), np.ones(2)), {"condition": np.array(True)}, ShapeError, "^where: got")
]


# ---- many floats at once are chosen by their bits

MANY = normal(40, 50)
MANY[0, :6] = [np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0]
HEADS = uniform(40, 50, seed=4) > 0.5


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int64"])
@pytest.mark.parametrize("order", ["C", "F", "gaps"])
def test_select_is_where(dtype: str, order: str) -> None:
    x = (MANY if dtype != "int64" else np.arange(2000).reshape(40, 50)).astype(dtype)
    y = -x[::-1]
    if order == "F":
        x, y = np.asfortranarray(x), np.asfortranarray(y)
    if order == "gaps":
        x, y = np.repeat(x, 2, axis=1)[:, ::2], np.repeat(y, 2, axis=0)[::2]
    for heads in (HEADS, HEADS[:, :1], np.asfortranarray(HEADS), np.array(True), np.False_, True):
        for a, b in ((x, y), (x, y[0]), (x[:, :1], y), (x, 0.0), (-np.inf, y), (2, y), (0, x[:1])):
            found, right = select(heads, a, b), np.where(heads, a, b)
            assert found.dtype == right.dtype and found.shape == right.shape
            assert found.tobytes() == right.tobytes() and found.flags.writeable
            assert not any(np.shares_memory(found, part) for part in (x, y))
    assert select(HEADS, x, y).strides == np.where(HEADS, x, y).strides


def test_select_of_two_dtypes_and_of_shapes_that_do_not_fit() -> None:
    for a in (MANY.astype("f4"), np.float64(2.0)):
        assert select(HEADS, a, MANY).dtype == np.float64
    assert select(HEADS, MANY.astype("f4"), np.float64(1e300)).dtype == np.float64
    with pytest.raises(ValueError, match="broadcast"):
        select(HEADS, MANY, MANY[:, :7])


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_nought_and_numbers_are_selected_as_where_does(dtype: str) -> None:
    x = MANY.astype(dtype)
    x[0, :3] = np.inf, np.nan, -0.0
    for zero in (0, 0.0, -0.0):
        for found, right in (
            (select(HEADS, x, zero), np.where(HEADS, x, zero)),
            (select(HEADS, zero, x), np.where(HEADS, zero, x)),
            (select(HEADS, zero, x.T[:1].T), np.where(HEADS, zero, x.T[:1].T)),
        ):
            assert found.dtype == dtype
            np.testing.assert_array_equal(found, right)
            np.testing.assert_array_equal(np.signbit(found), np.signbit(right))
    for heads in (HEADS, HEADS[:1, :5], np.True_):
        found = one_of(heads, 0.25, -3.0, x.dtype)
        assert found.dtype == dtype
        np.testing.assert_array_equal(found, np.where(heads, 0.25, -3.0))
