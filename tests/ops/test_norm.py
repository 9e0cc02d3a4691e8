"""Normalization: samples and errors for the contract test, and what samples cannot say."""

from __future__ import annotations

import numpy as np
import pytest
from tests.ops.sample import Error, Sample, integers, normal, uniform

from rushlight.errors import DtypeError, ShapeError
from rushlight.ops import norm
from rushlight.ops.contract import OPS

EPS = 1e-5


def _last(x):
    """The same values with channels-last strides."""
    order = (0, *range(2, x.ndim), 1)
    back = (0, x.ndim - 1, *range(1, x.ndim - 1))
    return np.ascontiguousarray(x.transpose(order)).transpose(back)


def _parameters(*shape, weight=True, bias=True):
    w = normal(*shape, seed=3) + 1.5 if weight else None
    return w, normal(*shape, seed=4) if bias else None


def _torch_train(eps):
    """y by torch's batch norm; the statistics, which it keeps to itself, by its reductions."""

    def call(torch, x, w, b):
        dims = (0, *range(2, x.ndim))
        y = torch.nn.functional.batch_norm(x, None, None, w, b, True, 0.1, eps)
        return y, x.mean(dims), x.var(dims, correction=0)

    return call


def _train(x, *, eps=EPS, against_torch=True, **parameters):
    return Sample(
        (x, *_parameters(x.shape[1], **parameters)),
        {"eps": eps},
        _torch_train(eps) if against_torch else None,
    )


def _eval(x, *, eps=EPS, **parameters):
    c = x.shape[1]
    mean, var = normal(c, seed=5), uniform(c, low=0.2, high=3.0, seed=6)

    def call(torch, x, w, b):
        stats = [torch.from_numpy(value).to(x.dtype) for value in (mean, var)]
        return torch.nn.functional.batch_norm(x, *stats, w, b, False, 0.1, eps)

    return Sample((x, *_parameters(c, **parameters)), {"mean": mean, "var": var, "eps": eps}, call)


def _with_relu(sample):
    def call(torch, *args):
        result = sample.torch(torch, *args)
        return (result[0].relu(), *result[1:]) if isinstance(result, tuple) else result.relu()

    return sample._replace(options={**sample.options, "relu": True}, torch=call, smooth=False)


def _group(x, groups, *, eps=EPS, against_torch=True, **parameters):
    def call(torch, x, w, b):
        y = torch.nn.functional.group_norm(x, groups, w, b, eps)
        grouped = x.reshape(x.shape[0], groups, -1)
        return y, grouped.mean(2), grouped.var(2, correction=0)

    args = (x, *_parameters(x.shape[1], **parameters))
    return Sample(args, {"groups": groups, "eps": eps}, call if against_torch else None)


def _layer(x, shape, *, eps=EPS, **parameters):
    def call(torch, x, w, b):
        return torch.nn.functional.layer_norm(x, shape, w, b, eps)

    return Sample(
        (x, *_parameters(*shape, **parameters)), {"normalized_shape": shape, "eps": eps}, call
    )


def _rms(x, shape, *, eps=EPS, weight=True):
    def call(torch, x, w):
        return torch.nn.functional.rms_norm(x, shape, w, eps)

    w, _ = _parameters(*shape, weight=weight)
    return Sample((x, w), {"normalized_shape": shape, "eps": eps}, call)


def _inputs():
    return [
        normal(6, 4) * 2 + 1,
        normal(5, 3, 4) - 2,
        _last(normal(5, 3, 4)),
        normal(2, 3, 4, 2) + 1,
        _last(normal(2, 3, 4, 2) + 1),
        _last(normal(2, 2, 2, 2, 3)),
        normal(2, 2, 3, 1, 2),
        normal(7, 1),
        normal(3, 4, 2).transpose(2, 1, 0),
    ]


SAMPLES = {
    "batch_norm_train": [
        *[_train(x) for x in _inputs()],
        *[_with_relu(_train(x)) for x in _inputs()],
        *[_train(x, weight=False, bias=False) for x in (normal(6, 4), normal(3, 2, 3))],
        _train(normal(6, 4), bias=False),
        _train(normal(6, 4), weight=False),
        _train(normal(6, 4), eps=0.3),
        _train(normal(1, 3, 4)),
        _train(normal(0, 3), against_torch=False),
        _train(normal(0, 3, 2, 2), against_torch=False),
    ],
    "batch_norm_eval": [
        *[_eval(x) for x in _inputs()],
        *[_with_relu(_eval(x)) for x in _inputs()],
        *[_eval(x, weight=False, bias=False) for x in (normal(6, 4), normal(3, 2, 3))],
        _eval(normal(6, 4), bias=False),
        _eval(normal(6, 4), weight=False),
        _eval(normal(6, 4), eps=0.3),
        _eval(normal(1, 3)),
        _eval(normal(0, 3)),
        _eval(normal(0, 3, 2, 2)),
    ],
    "group_norm": [
        *[
            _group(x, groups)
            for x, groups in zip(_inputs(), (2, 3, 3, 1, 3, 2, 2, 1, 2), strict=True)
        ],
        _group(normal(2, 6, 5), 6),
        _group(_last(normal(2, 6, 5, 3) + 1), 2),
        _group(normal(3, 4), 2, weight=False, bias=False),
        _group(normal(2, 4, 3), 2, bias=False),
        # torch's backward fails for a bias without a weight
        _group(normal(2, 4, 3), 4, weight=False, against_torch=False),
        _group(normal(2, 4, 3), 2, eps=0.3),
        _group(normal(0, 4, 3), 2, against_torch=False),
        _group(normal(2, 4, 0), 2, against_torch=False),
    ],
    "layer_norm": [
        _layer(normal(6, 5) * 2 + 1, (5,)),
        _layer(normal(5), (5,)),
        _layer(normal(2, 3, 4), (4,)),
        _layer(normal(2, 3, 4), (3, 4)),
        _layer(normal(2, 3, 4), (2, 3, 4)),
        _layer(_last(normal(2, 3, 4, 2)), (3, 4, 2)),
        _layer(normal(4, 6).T, (4,)),
        _layer(normal(6, 5), (5,), weight=False, bias=False),
        _layer(normal(2, 3, 4), (3, 4), weight=False, bias=False),
        _layer(normal(6, 5), (5,), bias=False),
        _layer(normal(6, 5), (5,), weight=False),
        _layer(normal(6, 5), (5,), eps=0.3),
        _layer(normal(0, 5), (5,)),
        _layer(normal(0, 2, 3), (2, 3)),
    ],
    "rms_norm": [
        _rms(normal(6, 5) * 2 + 1, (5,)),
        _rms(normal(5), (5,)),
        _rms(normal(2, 3, 4), (3, 4)),
        _rms(_last(normal(2, 3, 4, 2)), (3, 4, 2)),
        _rms(normal(4, 6).T, (4,)),
        _rms(normal(6, 5), (5,), weight=False),
        _rms(normal(2, 3, 4), (3, 4), eps=0.3, weight=False),
        _rms(normal(0, 2, 3), (2, 3)),
    ],
}

_X, _W, _B = normal(4, 3), np.ones(3), np.zeros(3)
_TRAIN = {"eps": EPS}
_EVAL = {"mean": np.zeros(3), "var": np.ones(3), "eps": EPS}
_GROUP = {"groups": 2, "eps": EPS}
_LAYER = {"normalized_shape": (3,), "eps": EPS}

_BATCH_ERRORS = [
    Error(
        (normal(4), _W, _B), {}, ShapeError, r"batch_norm: got input \(4,\).*\(N, C\).*unsqueeze"
    ),
    Error((_X, np.ones(4), _B), {}, ShapeError, r"weight \(4,\).*weight \(3,\).*num_features"),
    Error((_X, _W, np.ones((3, 1))), {}, ShapeError, r"bias \(3, 1\).*bias \(3,\)"),
    Error((_X, _W.astype(np.float32), _B), {}, DtypeError, r"float64.*float32.*one floating dtype"),
    Error((integers(4, 3, high=9), None, None), {}, DtypeError, r"int64.*\.float\(\)"),
]

ERRORS = {
    "batch_norm_train": [error._replace(options=_TRAIN) for error in _BATCH_ERRORS],
    "batch_norm_eval": [
        *[error._replace(options=_EVAL) for error in _BATCH_ERRORS],
        Error((_X, _W, _B), {**_EVAL, "mean": np.zeros(4)}, ShapeError, r"running_mean \(4,\)"),
        Error((_X, _W, _B), {**_EVAL, "var": np.ones(2)}, ShapeError, r"running_var \(2,\)"),
    ],
    "group_norm": [
        Error((normal(4), None, None), _GROUP, ShapeError, r"group_norm: got input \(4,\)"),
        Error((normal(2, 5), None, None), _GROUP, ShapeError, r"\(2, 5\).* num_groups=2.* divides"),
        Error((_X, None, None), {**_GROUP, "groups": 0}, ShapeError, "num_groups=0.*positive"),
        Error((normal(2, 4), _W, None), _GROUP, ShapeError, r"weight \(3,\).*\(4,\).*num_channels"),
        Error((normal(2, 4), None, _B), _GROUP, ShapeError, r"bias \(3,\)"),
        Error((integers(4, 2, high=9), None, None), _GROUP, DtypeError, r"int64.*\.float\(\)"),
    ],
    "layer_norm": [
        Error((normal(3, 4), _W, _B), _LAYER, ShapeError, r"\(3, 4\), expected \(\*, 3\)"),
        Error((normal(3), None, None), {**_LAYER, "normalized_shape": ()}, ShapeError, r"\(3,\)"),
        Error(
            (normal(3), None, None),
            {**_LAYER, "normalized_shape": (2, 3)},
            ShapeError,
            r"\(3,\), expected \(\*, 2, 3\)",
        ),
        Error((_X, np.ones(4), None), _LAYER, ShapeError, r"weight \(4,\), expected \(3,\)"),
        Error((_X, _W.astype(np.float32), None), _LAYER, DtypeError, r"one floating dtype"),
        Error((integers(4, 3, high=9), None, None), _LAYER, DtypeError, r"int64.*\.float\(\)"),
    ],
}

ERRORS["rms_norm"] = [
    Error((normal(3, 4), _W), _LAYER, ShapeError, r"rms_norm: got input \(3, 4\)"),
    Error((normal(3), None), {**_LAYER, "normalized_shape": ()}, ShapeError, r"\(3,\)"),
    Error((_X, np.ones(1)), _LAYER, ShapeError, r"weight \(1,\), expected \(3,\)"),
    Error((_X, _W.astype(np.float32)), _LAYER, DtypeError, "one floating dtype"),
    Error((integers(4, 3, high=9), None), _LAYER, DtypeError, r"int64.*\.float\(\)"),
]


# ---- what samples cannot say


@pytest.mark.parametrize("groups", [1, 3, 6])
def test_group_norm_keeps_the_layout(groups):
    for change in (_last, np.ascontiguousarray):
        x = change(normal(2, 6, 4, 5))
        (y, *_), saved = norm.group_norm.forward(x, None, None, groups=groups, eps=EPS)
        for g in (change(normal(*x.shape)), normal(*x.shape)):  # the latter as behind a flatten
            dx, _, _ = norm.group_norm.backward(saved, (g, None, None), (True, False, False))
            assert y.strides == dx.strides == x.strides


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_large_groups_keep_their_digits(dtype):
    """Neither do sums of half precision leave its range, nor do long ones lose digits."""
    x = (normal(2, 2, 70_000) * 30 + 100).astype(dtype)
    y, mean, var = norm.group_norm(x, None, None, groups=2, eps=EPS)
    exact = x.astype("f8")
    tolerance = 1e-3 if dtype == "float16" else 1e-6
    np.testing.assert_allclose(mean, exact.mean(2), tolerance)
    np.testing.assert_allclose(var, exact.var(2), tolerance * 5)
    right = (exact - exact.mean(2, keepdims=True)) / exact.std(2, keepdims=True)
    np.testing.assert_allclose(y, right, tolerance * 5, tolerance * 5)


@pytest.mark.parametrize("name", ["batch_norm_train", "layer_norm", "group_norm"])
def test_half_precision_is_computed_in_single(name):
    options = {
        "batch_norm_train": {"eps": EPS},
        "layer_norm": {"normalized_shape": (64,), "eps": EPS},
        "group_norm": {"groups": 1, "eps": EPS},
    }[name]
    x = (normal(64, 64) * 100).astype("f2")  # squares of it sum up to inf
    w, b = _parameters(64)
    g = normal(64, 64, seed=9)
    results = []
    for dtype in ("f2", "f8"):
        args = tuple(a.astype("f2").astype(dtype) for a in (x, w, b))
        outputs, saved = OPS[name].forward(*args, **options)
        cotangents = (g.astype("f2").astype(dtype), *[None] * (len(outputs) - 1))
        results.append((outputs[0], *OPS[name].backward(saved, cotangents, (True,) * 3)))
    for ours, right in zip(*results, strict=True):
        assert ours.dtype == np.float16
        np.testing.assert_allclose(ours, right, 4e-3, 4e-3 * abs(right).max())
