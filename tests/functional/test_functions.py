"""Every public function of rushlight.functional against torch, as function and as method."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.ops.sample import integers, normal, uniform

import rushlight as rl
from rushlight import functional

torch = pytest.importorskip("torch")  # before the helper, which needs it

from tests.functional.parity import both, both_raise  # noqa: E402

X = normal(3, 4)
Y = normal(3, 4, seed=1)
P = uniform(3, 4, low=0.2, high=0.9)
CUBE = normal(2, 3, 4)
SQUARE = normal(4, 4)
V, W = normal(4), normal(4, seed=1)
N = integers(3, 4, high=5)
B = N > 2
HOLES = np.where(B, np.nan, X)
WILD = np.array([np.nan, np.inf, -np.inf, 0.0, 1e300])

# name -> calls of (lib, *arrays); each is compared in value, dtype, shape and gradient
CASES: dict[str, list[tuple[Any, ...]]] = {}


def case(name: str, f: Any, *arrays: Any) -> None:
    CASES.setdefault(name, []).append((f, *arrays))


for _name in (
    *("abs", "absolute", "ceil", "cos", "cosh", "erf", "erfc", "exp", "exp2", "expm1", "floor"),
    *("frac", "neg", "negative", "relu", "round", "sigmoid", "sign", "sin", "sinh", "square"),
    *("tan", "tanh", "trunc", "atan", "asinh"),
):
    case(_name, lambda t, x, n=_name: getattr(t, n)(x), X)
    case(_name, lambda t, x, n=_name: getattr(x, n)(), CUBE)
    if _name not in ("relu", "frac"):
        case(_name, lambda t, x, n=_name: getattr(t, n)(x), N)
for _name in (
    *("acos", "asin", "atanh", "log", "log10", "log1p", "log2", "reciprocal", "rsqrt", "sqrt"),
    "logit",
):
    case(_name, lambda t, x, n=_name: getattr(t, n)(x), P)
    case(_name, lambda t, x, n=_name: getattr(x, n)(), P)
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
case("igamma", lambda t, x: t.igamma(t.tensor(1.5).double(), x), P)
case("igammac", lambda t, x: t.igammac(t.tensor(1.5).double(), x), P)
case("mvlgamma", lambda t, x: t.mvlgamma(x + 1, 2), P)
case("mvlgamma", lambda t, x: (x + 1).mvlgamma(1), P)
case("polygamma", lambda t, x: t.polygamma(2, x), P)
case("polygamma", lambda t, x: t.polygamma(0, x), P)
case("logaddexp2", lambda t, x, y: t.logaddexp2(x, y), X, Y)
case("logaddexp2", lambda t, x, y: x.logaddexp2(y), X, Y)
case("acosh", lambda t, x: t.acosh(x + 1), P)
case("acosh", lambda t, x: (x + 1).acosh(), P)
case("round", lambda t, x: t.round(x, decimals=2), X)
case("logit", lambda t, x: t.logit(x, 0.3), P)
for _name in (
    *("add", "sub", "mul", "div", "maximum", "minimum", "atan2", "remainder", "fmod", "subtract"),
    *("multiply", "divide", "true_divide", "hypot", "logaddexp", "xlogy"),
):
    case(_name, lambda t, x, y, n=_name: getattr(t, n)(x, y), P, P[::-1])
    case(_name, lambda t, x, y, n=_name: getattr(x, n)(y), P, P[0])
    if _name not in ("hypot", "logaddexp"):
        case(_name, lambda t, x, y, n=_name: getattr(t, n)(x, y), N, N + 1)
for _name in ("add", "sub", "mul", "div", "remainder", "fmod", "pow"):
    case(_name, lambda t, x, n=_name: (getattr(t, n)(x, 2), getattr(x, n)(1.5)), P)
    case(_name, lambda t, x, n=_name: (getattr(t, n)(x, 2), getattr(x, n)(1.5)), N)
case("floor_divide", lambda t, x, n: (t.floor_divide(x.detach(), 0.3), n.floor_divide(2)), P, N)
case("add", lambda t, x, y: (t.add(x, y, alpha=2), x.add(2, alpha=3)), X, Y)
case("sub", lambda t, x, y: (t.sub(x, y, alpha=0.5), x.sub(2, alpha=3)), X, Y)
for _mode in ("floor", "trunc"):
    case("div", lambda t, x, y, m=_mode: t.div(x, y, rounding_mode=m), X * 5, Y)
    case("div", lambda t, x, y, m=_mode: x.div(y, rounding_mode=m), N - 2, N + 1)
    case("div", lambda t, x, m=_mode: (x.div(2, rounding_mode=m), x.div(0.7, rounding_mode=m)), N)
case("pow", lambda t, x, y: (t.pow(x, y), x.pow(3), x**2, x**0.5, 2**x, x**-1), P, X)
case("pow", lambda t, n: (t.pow(2, n), n**2, n**2.0, t.pow(n, 0)), N)
case("erfc", lambda t, x: t.erfc(x), np.array([5.0, 8.0, 20.0]))
case("logaddexp", lambda t, x: t.logaddexp(x * 1000, -x * 1000), X)
case("xlogy", lambda t, x, y: t.xlogy(x, y), np.array([0.0, 0.0, 1.0]), np.array([2.0, -1.0, 3.0]))
case("clamp", lambda t, x: (t.clamp(x, -0.5, 0.5), x.clamp(min=0.1), x.clamp(max=0.2)), X)
case("clamp", lambda t, x: (t.clamp(x, 1, 3), x.clamp(min=0.5), x.clamp(max=2)), N)
case("clamp", lambda t, x, y: (t.clamp(x, y - 0.3, y + 0.3), x.clamp(min=y), x.clamp(max=y)), X, Y)
case(
    "clamp",
    lambda t, x, y: [t.clamp(a.detach(), b.detach(), t.ones_like(x)) for a, b in ((x, y), (y, x))],
    X,
    HOLES,
)
case("clip", lambda t, x: (t.clip(x, -0.5, 0.5), x.clip(0, 1)), X)
case("clamp_min", lambda t, x: (t.clamp_min(x, 0.1), x.clamp_min(0.2)), X)
case("clamp_max", lambda t, x: (t.clamp_max(x, 0.1), x.clamp_max(0.2)), X)
case("addcmul", lambda t, x, y: (t.addcmul(x, y, x, value=2), x.addcmul(y, y)), X, Y)
case("addcdiv", lambda t, x, y: (t.addcdiv(x, y, x, value=2), x.addcdiv(y, y)), P, P[::-1])
case("lerp", lambda t, x, y: (t.lerp(x, y, 0.3), x.lerp(y, y)), X, Y)
case("nan_to_num", lambda t, x: (t.nan_to_num(x), x.nan_to_num(1.0, 2.0, 3.0)), WILD)
case("nan_to_num", lambda t, x: t.nan_to_num(x), N)
case("where", lambda t, x, y: (t.where(x > 0, x, y), x.where(y > 0, y)), X, Y)
case("where", lambda t, x: (t.where(x > 0, x, 0), t.where(x > 0, 1.0, x)), X)
case("where", lambda t, x: (t.where(x > 2, 1, 0), t.where(x > 2, 1.0, 0.0), t.where(x > 2)), N)
case("where", lambda t, x: (t.where(x > 2, x, 0.5), t.where(x > 2, x, 3)), N)
case("masked_fill", lambda t, x: (t.masked_fill(x, x > 0, 0.5), x.masked_fill(x > 1, -np.inf)), X)
case("masked_fill", lambda t, x, v: x.masked_fill(x > 0, v), X, np.array(2.0))
case("masked_fill", lambda t, x: x.masked_fill(x > 2, 9), N)

for _name in ("eq", "ne", "lt", "le", "gt", "ge", "logical_and", "logical_or", "logical_xor"):
    case(
        _name,
        lambda t, x, y, n=_name: (getattr(t, n)(x, y), getattr(x, n)(y)),
        N,
        N.T[:3].copy()[:, [0, 1, 2, 2]],
    )
    case(_name, lambda t, x, y, n=_name: getattr(t, n)(x, y), X, np.where(B, X, Y))
    case(_name, lambda t, x, y, n=_name: getattr(t, n)(x, y), WILD, WILD[::-1])
for _name in ("eq", "ne", "lt", "le", "gt", "ge"):
    case(_name, lambda t, x, n=_name: (getattr(t, n)(x, 2), getattr(x, n)(2.5)), N)
case("logical_not", lambda t, x: (t.logical_not(x), x.logical_not()), N)
for _name in ("bitwise_and", "bitwise_or", "bitwise_xor"):
    case(_name, lambda t, x, y, n=_name: (getattr(t, n)(x, y), getattr(x, n)(3)), N, N[::-1])
    case(_name, lambda t, x, y, n=_name: getattr(t, n)(x, y), B, N)
case("bitwise_not", lambda t, x, b: (t.bitwise_not(x), x.bitwise_not(), ~b), N, B)
for _name in ("isnan", "isinf", "isfinite"):
    case(_name, lambda t, x, n=_name: (getattr(t, n)(x), getattr(x, n)()), WILD)
    case(_name, lambda t, x, n=_name: getattr(t, n)(x), N)
case("isin", lambda t, x, y: (t.isin(x, y), t.isin(x, y, invert=True), t.isin(x, 2)), N, N[0])
case("isclose", lambda t, x, y: (t.isclose(x, y, rtol=0.5), x.isclose(x)), X, Y)
case("isclose", lambda t, x: (t.isclose(x, x), x.isclose(x, equal_nan=True)), WILD)
case(
    "allclose", lambda t, x, y: (t.allclose(x, y), x.allclose(x), t.allclose(x, y, atol=9.0)), X, Y
)
case("equal", lambda t, x, y: (t.equal(x, y), x.equal(x), t.equal(x, x[:2])), X, Y)

DIMS: tuple[Any, ...] = (0, -1, (0, 2), None)
for _name in ("sum", "mean", "amax", "amin", "std", "var", "nansum", "nanmean"):
    for _dim in DIMS:
        for _keep in (False, True):
            if _dim is not None or _name not in ("amax", "amin"):
                case(
                    _name,
                    lambda t, x, n=_name, d=_dim, k=_keep: getattr(t, n)(x, d, keepdim=k),
                    CUBE,
                )
    case(_name, lambda t, x, n=_name: (getattr(x, n)(0), getattr(x, n)((0, 1))), CUBE)
for _name in (
    "sum",
    "mean",
    "std",
    "var",
    "amax",
    "amin",
    "nansum",
    "nanmean",
    "prod",
    "max",
    "min",
):
    case(_name, lambda t, x, n=_name: (getattr(t, n)(x), getattr(x, n)()), X)
for _name in ("nansum", "nanmean"):
    case(
        _name,
        lambda t, x, n=_name: (getattr(t, n)(x), getattr(t, n)(x, 0), getattr(x, n)(1)),
        HOLES,
    )
for _name in ("sum", "prod"):
    case(
        _name,
        lambda t, x, n=_name: (
            getattr(t, n)(x),
            getattr(x, n)(0),
            getattr(x, n)(1, dtype=t.float32),
        ),
        N,
    )
    case(_name, lambda t, x, n=_name: (getattr(t, n)(x), getattr(x, n)(0)), B)
case("mean", lambda t, x: t.mean(x, dtype=t.float64), N)
case("sum", lambda t, x: (x.sum(()), x.sum([]), x.sum(dim=[0, 1], keepdim=True)), X)
for _name in ("std", "var"):
    for _c in (0, 1, 2):
        case(_name, lambda t, x, n=_name, c=_c: getattr(t, n)(x, 1, correction=c), CUBE)
    case(
        _name, lambda t, x, n=_name: (getattr(x, n)(unbiased=False), getattr(x, n)(1, False)), CUBE
    )
case("var_mean", lambda t, x: (t.var_mean(x), t.var_mean(x, 0, correction=0, keepdim=True)), X)
case("std_mean", lambda t, x: (t.std_mean(x), t.std_mean(x, 0, correction=0, keepdim=True)), X)
for _name in ("max", "min"):
    for _x in (CUBE, N[None]):
        case(
            _name,
            lambda t, x, n=_name: (getattr(t, n)(x, 1), getattr(x, n)(dim=-1, keepdim=True)),
            _x,
        )
    case(
        _name,
        lambda t, x, y, n=_name: (getattr(t, n)(x, y), getattr(x, n)(y), getattr(t, n)(x, other=y)),
        X,
        Y,
    )
    case(_name, lambda t, x, n=_name: getattr(t, n)(x), np.array([1.0, 3.0, 3.0, 1.0]))
    case(
        _name,
        lambda t, x, n=_name: (getattr(x, n)(dim=1, keepdim=True).values, getattr(x, n)(1).indices),
        X,
    )
case("aminmax", lambda t, x: (t.aminmax(x), x.aminmax(dim=0, keepdim=True)), X)
for _name in ("argmax", "argmin"):
    case(
        _name,
        lambda t, x, n=_name: (getattr(t, n)(x), getattr(x, n)(1), getattr(t, n)(x, -2, True)),
        CUBE,
    )
    case(
        _name,
        lambda t, x, n=_name: (getattr(t, n)(x), getattr(x, n)(1), getattr(x, n)(keepdim=True)),
        N,
    )
case("prod", lambda t, x: (t.prod(x, 1), x.prod(0, keepdim=True)), CUBE)
case("cumsum", lambda t, x: (t.cumsum(x, 1), x.cumsum(-1)), CUBE)
case("cumsum", lambda t, x: (t.cumsum(x, 1), x.cumsum(0, dtype=t.float32)), N)
case("logsumexp", lambda t, x: (t.logsumexp(x, 1), x.logsumexp((0, 1), keepdim=True)), CUBE)
for _p in ("fro", 1, 2, 0, 3, 0.5, np.inf, -np.inf):
    case("norm", lambda t, x, p=_p: (t.norm(x, p), x.norm(p, dim=1), x.norm(p, (0, 1), True)), X)
case("dist", lambda t, x, y: (t.dist(x, y), x.dist(y, 1)), X, Y)
for _down in (False, True):
    case("sort", lambda t, x, d=_down: (t.sort(x, descending=d), x.sort(0, d)), X)
    case("sort", lambda t, x, d=_down: t.sort(x, stable=True, descending=d, dim=1), N)
    case("argsort", lambda t, x, d=_down: (t.argsort(x, descending=d), x.argsort(0, d)), X)
    case("topk", lambda t, x, d=_down: (t.topk(x, 2, largest=d), x.topk(1, 0, d)), X)
case("kthvalue", lambda t, x: (t.kthvalue(x, 2), x.kthvalue(1, 0, True)), X)
case("median", lambda t, x: (t.median(x), x.median(1), t.median(x, 0, keepdim=True)), X)
case("median", lambda t, x: t.median(x), V[:3])
case(
    "quantile",
    lambda t, x: (t.quantile(x, 0.3), x.quantile(0.5, dim=1), t.quantile(x, 1.0, 0, True)),
    X,
)
case(
    "quantile",
    lambda t, x, q: (t.quantile(x, q.detach()), x.quantile(q.detach(), dim=1, keepdim=True)),
    X,
    P[0],
)
for _name in ("all", "any"):
    for _x in (B, X > 9, N, np.zeros((0, 3)), N.astype(np.uint8)):
        case(
            _name,
            lambda t, x, n=_name: (getattr(t, n)(x), getattr(x, n)(1), getattr(t, n)(x, 0, True)),
            _x,
        )
case(
    "count_nonzero",
    lambda t, x: (t.count_nonzero(x), x.count_nonzero(1), t.count_nonzero(x, (0, 1))),
    N,
)
case(
    "unique",
    lambda t, x: (t.unique(x), x.unique(), t.unique(x, return_inverse=True, return_counts=True)),
    N,
)
case("unique", lambda t, x: t.unique(x, dim=0, return_inverse=True), N[[0, 1, 0]])
case("bincount", lambda t, x: (t.bincount(x.reshape(-1)), x[0].bincount(minlength=9)), N)
case("bincount", lambda t, x, w: t.bincount(x[0], w[0].detach()), N, P)
case("diff", lambda t, x: (t.diff(x), x.diff(2, 0), x.diff(dim=1)), CUBE)

case(
    "reshape",
    lambda t, x: (t.reshape(x, (4, -1)), x.reshape(2, 6), x.reshape([12]), x.reshape(-1)),
    X,
)
case("flatten", lambda t, x: (t.flatten(x), x.flatten(1), x.flatten(0, 1), x.flatten(-2, -1)), CUBE)
case("flatten", lambda t, x: x.flatten(), np.array(1.5))
case("ravel", lambda t, x: (t.ravel(x), x.ravel()), X)
case("unflatten", lambda t, x: (t.unflatten(x, 1, (2, 2)), x.unflatten(-1, (-1, 2))), X)
case(
    "permute", lambda t, x: (t.permute(x, (2, 0, 1)), x.permute(0, 2, 1), x.permute(-1, 0, 1)), CUBE
)
case("transpose", lambda t, x: (t.transpose(x, 0, -1), x.transpose(1, 2)), CUBE)
case("swapaxes", lambda t, x: (t.swapaxes(x, 0, -1), x.swapaxes(1, 2)), CUBE)
case("swapdims", lambda t, x: (t.swapdims(x, 0, -1), x.swapdims(1, 2)), CUBE)
case("t", lambda t, x: (t.t(x), x.t(), x[0].t()), X)
case("movedim", lambda t, x: x.sum().movedim(0, -1), X)
case(
    "movedim", lambda t, x: (t.movedim(x, 0, 2), x.movedim((0, 1), (-1, 0)), x.movedim(2, 0)), CUBE
)
case("moveaxis", lambda t, x: (t.moveaxis(x, 0, 2), x.moveaxis((0, 1), (-1, 0))), CUBE)
case(
    "squeeze",
    lambda t, x: (t.squeeze(x), x.squeeze(0), x.squeeze(1), x.squeeze((0, 2))),
    X.reshape(1, 3, 1, 4),
)
case("unsqueeze", lambda t, x: (t.unsqueeze(x, 0), x.unsqueeze(-1), x.unsqueeze(1)), X)
case("expand", lambda t, x: (x.expand(2, 3, 4), x.expand(-1, 4), x[:, :1].expand((3, 5))), X)
case("broadcast_to", lambda t, x: (t.broadcast_to(x, (2, 3, 4)), x.broadcast_to((3, 4))), X)
case("broadcast_tensors", lambda t, x, y: t.broadcast_tensors(x, y[0], y[:, :1]), X, Y)
case("broadcast_shapes", lambda t: tuple(t.broadcast_shapes((3, 1), (4,), (2, 1, 1))))
for _i in ("ij", "xy"):
    case("meshgrid", lambda t, x, y, i=_i: t.meshgrid(x, y, indexing=i), V, W[:3])
    case("meshgrid", lambda t, x, y, i=_i: t.meshgrid([x, y, y], indexing=i), V[:2], W[:3])
case("cat", lambda t, x, y: (t.cat([x, y]), t.cat((x, y), 1), t.cat([x, y[:0], x], dim=-2)), X, Y)
case("cat", lambda t, x, n: t.cat([x, n, t.zeros(0)]), X.astype("float32"), N)
case("concat", lambda t, x, y: t.concat([x, y], 1), X, Y)
case("concatenate", lambda t, x, y: t.concatenate([x, y], 1), X, Y)
case("stack", lambda t, x, y: (t.stack([x, y]), t.stack((x, y), 1), t.stack([x, y], dim=-1)), X, Y)
for _name in ("hstack", "vstack", "dstack"):
    for _x, _y in ((X, Y), (V, W), (CUBE, CUBE), (np.array(1.0), np.array(2.0))):
        case(_name, lambda t, x, y, n=_name: getattr(t, n)([x, y]), _x, _y)
case("atleast_1d", lambda t, x: (t.atleast_1d(x), t.atleast_1d(x.sum())), X)
case("atleast_2d", lambda t, x: (t.atleast_2d(x), t.atleast_2d(x[0]), t.atleast_2d(x.sum())), X)
case("narrow", lambda t, x: (t.narrow(x, 1, 1, 2), x.narrow(0, -2, 1)), X)
case("select", lambda t, x: (t.select(x, 1, 2), x.select(0, -1)), CUBE)
case("split", lambda t, x: (t.split(x, 3, 1), x.split([1, 3], 1), x.split(2)), X)
case("chunk", lambda t, x: (t.chunk(x, 3, 1), x.chunk(2), x.chunk(9), x[:0].chunk(3)), X)
case("unbind", lambda t, x: (t.unbind(x), x.unbind(1)), X)
case("flip", lambda t, x: (t.flip(x, (0, 1)), x.flip(1), x.flip([0]), x.flip(0, 2)), CUBE)
case("fliplr", lambda t, x: (t.fliplr(x), x.fliplr()), X)
case("flipud", lambda t, x: (t.flipud(x), x.flipud()), X)
case("roll", lambda t, x: (t.roll(x, 2), x.roll(1, 0), x.roll((1, -2), (0, 1)), x.roll(-1, 1)), X)
case("repeat", lambda t, x: (x.repeat(2, 3), x.repeat(2, 1, 1), x.repeat((1, 2))), X)
case("tile", lambda t, x: (t.tile(x, (2,)), x.tile(2, 1, 2)), X)
case("repeat_interleave", lambda t, x: (t.repeat_interleave(x, 2), x.repeat_interleave(3, 1)), X)
case("repeat_interleave", lambda t, x, n: t.repeat_interleave(x, n[:, 0], dim=0), X, N)
case("clone", lambda t, x: (t.clone(x), x.clone()), X)

case("getitem", lambda t, x: (x[1], x[..., 0], x[:, 1:3], x[None, ::2], x[-1, -1]), X)
case("getitem", lambda t, x: (x[[0, 2]], x[[True, False, True]], x[x > 0], x[t.tensor([1, 1])]), X)
case("getitem", lambda t, x: (x[1, :, [3, 0, 0]], x[:, 1, [0, 2]], x[[0, 1], :, [1, 2]]), CUBE)
case(
    "getitem",
    lambda t, x: (x[1, ..., [3, 0]], x[t.tensor(1), t.tensor([0, 1])], x[0, [1, 2], 1:]),
    CUBE,
)
case(
    "getitem", lambda t, x: (x[None, 1, [0, 2]], x[..., None, [0, 1]], x[:, None, [0, 1], 2]), CUBE
)
case("getitem", lambda t, x: (x[x[:, :, 0] > 0], x[1, x[0, :, 0] > 0], x[np.array([0, 1])]), CUBE)
case(
    "index_select",
    lambda t, x: (t.index_select(x, 0, t.tensor([2, 0, 2])), x.index_select(1, t.tensor([1]))),
    X,
)
case(
    "index_add",
    lambda t, x, y: (
        t.index_add(x, 0, t.tensor([0, 0, 2]), y),
        x.index_add(1, t.tensor([1]), y[:, :1], alpha=2),
    ),
    X,
    Y,
)
case(
    "index_fill",
    lambda t, x: (t.index_fill(x, 0, t.tensor([0, 2]), 3.0), x.index_fill(1, t.tensor([1]), 0)),
    X,
)
case("take", lambda t, x: (t.take(x, t.tensor([[0, 5], [11, 0]])), x.take(t.tensor([1]))), X)
case("gather", lambda t, x, n: (t.gather(x, 1, n % 4), x.gather(0, n % 3)), X, N)
case(
    "take_along_dim",
    lambda t, x: (
        t.take_along_dim(x, x.argsort(1), 1),
        x.take_along_dim(t.tensor([[0]]), 1),
        x.take_along_dim(t.tensor([3, 1])),
    ),
    X,
)
case(
    "scatter_add",
    lambda t, x, y, n: (t.scatter_add(x, 1, n % 4, y), x.scatter_add(0, n % 3, y)),
    X,
    Y,
    N,
)
case(
    "scatter",
    lambda t, x, y: (
        t.scatter(x, 1, t.tensor([[0, 2, 1, 3], [1, 0, 3, 2], [3, 2, 0, 1]]), y),
        x.scatter(0, t.tensor([[2, 0, 1, 0]]), 5.0),
    ),
    X,
    Y,
)
case("scatter", lambda t, x: x.scatter(1, t.tensor([[0], [1], [3]]), value=2), N)
case("masked_select", lambda t, x: (t.masked_select(x, x > 0), x.masked_select(x[0] > 0)), X)
case("nonzero", lambda t, x: (t.nonzero(x), x.nonzero(), x.nonzero(as_tuple=True)), N)
case("nonzero", lambda t, x: (t.nonzero(x), x.nonzero(as_tuple=True)), np.array(3.0))
case("argwhere", lambda t, x: (t.argwhere(x), x.argwhere()), N)
for _o in (0, 1, -2, 9):
    case("diagonal", lambda t, x, o=_o: (t.diagonal(x, o), x.diagonal(o, 0, 1)), SQUARE)
    case("tril", lambda t, x, o=_o: (t.tril(x, o), x.tril(o)), CUBE)
    case("triu", lambda t, x, o=_o: (t.triu(x, o), x.triu(o)), CUBE)
for _o in (0, 1, -2):
    case("diag", lambda t, x, o=_o: (t.diag(x, o), x[0].diag(o)), SQUARE)
    case("diag_embed", lambda t, x, o=_o: (t.diag_embed(x, o), x.diag_embed(o, 0, 1)), X)
    case("tril_indices", lambda t, o=_o: t.tril_indices(3, 4, o))
    case("triu_indices", lambda t, o=_o: t.triu_indices(3, 4, o))
case("diagonal", lambda t, x: (t.diagonal(x, 1, -1, 0), x.diagonal(dim1=1, dim2=2)), CUBE)
case("triu", lambda t: t.triu(t.full((3, 3), -np.inf), diagonal=1))
case("tril", lambda t, n, b: (t.tril(n), b.tril()), N, B)
case("trace", lambda t, x: (t.trace(x), x.trace()), SQUARE)
case("one_hot", lambda t, n: (t.nn.functional.one_hot(n), t.nn.functional.one_hot(n, 9)), N)

case("matmul", lambda t, x, y: (t.matmul(x, y.T), x.matmul(y[0]), x @ y.T, x[0] @ y[0]), X, Y)
case("mm", lambda t, x, y: (t.mm(x, y.t()), x.mm(y.T)), X, Y)
case("bmm", lambda t, x: (t.bmm(x, x.mT), x.bmm(x.transpose(1, 2))), CUBE)
case("mv", lambda t, x, v: (t.mv(x, v), x.mv(v)), X, V)
case("dot", lambda t, v, w: (t.dot(v, w), v.dot(w)), V, W)
case("vdot", lambda t, v, w: (t.vdot(v, w), v.vdot(w)), V, W)
case("inner", lambda t, x, y, v: (t.inner(x, y), x.inner(v), t.inner(x, v.sum())), X, Y, V)
case("outer", lambda t, v, w: (t.outer(v, w), v.outer(w)), V, W)
case(
    "addmm",
    lambda t, x, y: (t.addmm(x[0, :3], x, y.T, beta=2, alpha=0.5), x[:, :3].addmm(x, y.T)),
    X,
    Y,
)
case(
    "addmv", lambda t, x, v: (t.addmv(x[:, 0], x, v, beta=2, alpha=0.5), x[:, 1].addmv(x, v)), X, V
)
case(
    "baddbmm",
    lambda t, x: (t.baddbmm(x[:, :, :1], x, x.mT, beta=2, alpha=0.5), x[:, :, :3].baddbmm(x, x.mT)),
    CUBE,
)
case(
    "tensordot",
    lambda t, x, y: (t.tensordot(x, y, 1), t.tensordot(x, y, ([1, 2], [1, 0]))),
    CUBE,
    normal(4, 3),
)
case(
    "einsum",
    lambda t, x, y: (t.einsum("ij,kj->ik", x, y), t.einsum("ij,ij->", x, y), t.einsum("ij->ji", x)),
    X,
    Y,
)
case(
    "einsum",
    lambda t, x: (t.einsum("ii->i", x), t.einsum("ii", x), t.einsum("ij, jk", x, x)),
    SQUARE,
)
case(
    "einsum",
    lambda t, x, y: (
        t.einsum("...ij,jk->...ik", x, y),
        t.einsum("b...,b...->...", x, x),
        t.einsum("...", [x]),
    ),
    CUBE,
    normal(4, 2),
)

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
case("logsigmoid", lambda t, x: t.nn.functional.logsigmoid(x), X * 1000)


GAPS = np.array([[1.0, np.nan, 3.0, np.nan], [4.0, 2.0, 9.0, 0.0]])
case("median", lambda t, x: (x.median(1), x[:, ::2].median(0, keepdim=True), x[1:].median()), GAPS)
case("median", lambda t, x: (x.median(), x[1, 1].median(0), x[0, :1].median(0)), GAPS)
case("quantile", lambda t, x: (x.quantile(0.3, 1), x.quantile(0.3)), GAPS)
case("unique", lambda t, x: t.unique(x.detach(), return_counts=True), GAPS)
case("amax", lambda t, x: (x.amax(0), x.amin(1)), GAPS)
case("cumsum", lambda t, n: (n[0, 0].cumsum(0), (n[0, 0] > 1).cumsum(0)), N)
case("index_select", lambda t, x: x[0, 0].index_select(0, t.tensor([0])), X)
case("diagonal", lambda t, x: [x.diagonal(d, 0, 1) for d in (-9, -2, -1, 0, 1, 3, 9)], X)
case("diagonal", lambda t, x: (x.diagonal(0, 2, 0), x.diagonal(1, -1, 0)), CUBE)


@pytest.mark.parametrize(
    ("name", "call"),
    [pytest.param(n, c, id=f"{n}-{i}") for n, calls in CASES.items() for i, c in enumerate(calls)],
)
def test_equals_torch(name: str, call: tuple[Any, ...]) -> None:
    both(*call)


ERRORS: list[tuple[Any, ...]] = [
    (lambda t, x: x.reshape(5, 5), r"reshape: got shape \(5, 5\)", X),
    (lambda t, x: x.sum(2), r"sum: got dim 2, expected -2 to 1", X),
    (lambda t, x: x.sum((0, 0)), "each dim once", X),
    (lambda t, x: x.sum().sum(1), "dim 1", X),
    (lambda t, n: n.mean(), "mean: got int64, expected a floating dtype", N),
    (lambda t, n: n.std(), "floating", N),
    (lambda t, x: x + t.zeros(5), r"add: got shapes \(3, 4\) and \(5,\)", X),
    (lambda t, x: x < t.zeros(5), "broadcast", X),
    (lambda t, x: x @ x, r"matmul: got shapes \(3, 4\) and \(3, 4\)", X),
    (lambda t, x: x @ x.float().T, "matmul: got dtypes", X),
    (lambda t, x: x.mm(x[0]), "2 and 2 dims", X),
    (lambda t, x: x.permute(0, 0), "once", X),
    (lambda t, x: x.permute(0), "once", X),
    (lambda t, x: x.transpose(0, 2), "dim 2", X),
    (lambda t, x: x.expand(2, 2), "expand", X),
    (lambda t, x: x.expand(4), "expand", X),
    (lambda t, x: t.cat([x, x[:, :1]]), "equal except in dim 0", X),
    (lambda t, x: t.cat([]), None, X),
    (lambda t, x: t.stack([x, x[0]]), "equal shapes", X),
    (lambda t, x: x.split([1, 1]), "sum to 3", X),
    (lambda t, x: x.chunk(0), "> 0", X),
    (lambda t, x: x.narrow(0, 2, 5), "narrow", X),
    (lambda t, x: x.select(0, 5), "index 5", X),
    (lambda t, x: x[5], None, X),
    (lambda t, x: x[0, 0, 0], None, X),
    (lambda t, x: x[x], "index: got a tensor of float64", X),
    (lambda t, x: x.gather(1, t.tensor([[9]])), "index 9, expected 0 to 3", X),
    (lambda t, x: x.gather(1, t.tensor([0])), "gather", X),
    (lambda t, x: x.topk(9), "k=9", X),
    (lambda t, x: x.unflatten(1, (3, 3)), "product of 4", X),
    (lambda t, x: x.flatten(1, 0), "start before end", X),
    (lambda t, x: x.repeat(2), "at least 2", X),
    (lambda t, x: x.clamp(), "limit", X),
    (lambda t, x: x.div(x, rounding_mode="up"), "rounding_mode='up'", X),
    (lambda t, x: x[:0].max(), None, X),
    (lambda t, x: x[:0].max(0), None, X),
    (lambda t, x: x[:0].argmax(), None, X),
    (lambda t, x: x[:0].amax(0), None, X),
    (lambda t, x: x.norm("bad"), "'bad'", X),
    (lambda t, n: n // 0, "divisor 0", N),
    (lambda t, n: n % 0, "divisor 0", N),
    (lambda t, n: n**-1, "negative power", N),
    (lambda t, x: ~x, "integers or bools", X),
    (lambda t, x: x & x, "integers or bools", X),
    (lambda t, x: t.einsum("ij,jk", x, x), "einsum", X),
    (lambda t, x: t.einsum("ij", x, x), "einsum", X),
    (lambda t, x: t.where(x, x, x), "where: got a condition of float64", X),
    (lambda t, x: x.masked_select(x), "bool", X),
    (lambda t, n: t.bincount(n - 9), "bincount", N),
    (lambda t, x: x.quantile(2.0), "quantile", X),
    (lambda t, x: x.trace(), "trace", CUBE),
    (lambda t, x: x.scatter_add(1, t.tensor([[0]]), x.float()), "float32", X),
    (lambda t, x: t.nn.functional.gelu(x, approximate="no"), "approximate='no'", X),
    (lambda t, x: x.diagonal(0, 1, 1), "two dims", X),
    (lambda t, x: t.tensordot(x, x, 1), "tensordot", X),
    (lambda t, x: x + None, None, X),
    (lambda t, x: x * "a", None, X),
    (lambda t, x: t.arange(0, 5, -1), "towards the end", X),
    (lambda t, x: t.zeros(-1), None, X),
    (lambda t, x: t.tensor([[1, 2], [3]]), None, X),
    (lambda t, x: t.tensor([1, 2], requires_grad=True), "floating", X),
    (lambda t, x: t.multinomial(x, 2), "multinomial", X),
]


@pytest.mark.parametrize("call", ERRORS)
def test_errors(call: tuple[Any, ...]) -> None:
    both_raise(*call)


CREATION = {
    *("arange", "as_tensor", "bernoulli", "empty", "empty_like", "eye", "from_numpy", "full"),
    *("full_like", "is_tensor", "linspace", "logspace", "multinomial", "normal", "numel", "ones"),
    *("ones_like", "rand", "rand_like", "randint", "randn", "randn_like", "randperm"),
    *("scalar_tensor", "tensor", "zeros", "zeros_like"),
}  # in test_creation.py


def test_linear_with_one_row_of_weights() -> None:
    both(lambda t, x, w: t.nn.functional.linear(x, w), X, V)


def test_every_public_function_is_exercised() -> None:
    from rushlight.functional import (
        activation,
        comparison,
        composed,
        creation,
        elementwise,
        picking,
        products,
        reduction,
        shaping,
        special,
    )

    modules = (activation, comparison, composed, elementwise, picking, products, reduction)
    modules += (shaping, special)
    public = {name for module in modules for name in module.__all__}
    assert sorted(public - set(CASES)) == [], "functions without a case"
    assert sorted(set(creation.__all__) - CREATION) == [], "functions without a test"
    assert sorted(set(CASES) - public - {"special"}) == [], "cases without a function"
    assert all(hasattr(functional, n) for n in public)
    missing = [n for n in public if hasattr(torch, n) and not hasattr(rl, n)]
    assert missing == [], "names of torch that the door does not show"
