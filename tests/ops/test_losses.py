"""The losses: samples and errors for the contract test, and what samples cannot say."""

from __future__ import annotations

import numpy as np
from tests.ops.sample import Error, Sample, integers, normal, uniform

from rushlight.errors import DtypeError, ShapeError


def _functional(name, **fixed):
    """Call torch.nn.functional.<name> on (input, target), arrays among the options converted."""

    def call(torch, x, *rest):
        options = {}
        for key, value in fixed.items():
            if isinstance(value, np.ndarray):
                value = torch.from_numpy(value)
                if value.is_floating_point():
                    value = value.to(x.dtype)
            options[key] = value
        return getattr(torch.nn.functional, name)(x, *rest, **options)

    return call


REDUCTIONS = ("mean", "sum", "none")


def _pairs(name, target=normal, **options):
    """Samples of a loss of an input and a target of the same shape."""
    shapes = [(5,), (4, 1), (3, 4), (2, 3, 4, 2), (), (0, 3)]
    return [
        Sample(
            (normal(*shape, seed=1), target(*shape, seed=2)),
            {"reduction": reduction, **options},
            _functional(name, reduction=reduction, **options),
        )
        for shape in shapes
        for reduction in REDUCTIONS
        if shape in ((3, 4), (0, 3)) or reduction == "mean"
    ]


def _bce(shape, reduction, weight=None):
    return Sample(
        (
            uniform(*shape, low=0.05, high=0.95, seed=1),
            uniform(*shape, low=0.05, high=0.95, seed=2),
        ),
        {"reduction": reduction, "weight": weight},
        _functional("binary_cross_entropy", reduction=reduction, weight=weight),
    )


def _logits(shape, reduction, weight=None, pos_weight=None, scale=1.0):
    return Sample(
        (np.asarray(normal(*shape, seed=1) * scale), uniform(*shape, seed=2)),
        {"reduction": reduction, "weight": weight, "pos_weight": pos_weight},
        _functional(
            "binary_cross_entropy_with_logits",
            reduction=reduction,
            weight=weight,
            pos_weight=pos_weight,
        ),
    )


def _ignoring(target, *places, index=-100):
    target = target.copy()
    target.reshape(-1)[list(places)] = index
    return target


def _classes(name, x, target, reduction="mean", weight=None, ignore_index=-100, **more):
    options = {
        "target": target,
        "weight": weight,
        "ignore_index": ignore_index,
        "reduction": reduction,
        **more,
    }
    return Sample((x,), options, _functional(name, **options))


def _log_probabilities(*shape):
    x = normal(*shape, seed=1)
    dim = 1 if len(shape) > 1 else 0
    return x - np.log(np.exp(x).sum(axis=dim, keepdims=True))


def _class_samples(name, make, **more):
    weight = uniform(4, low=0.2, high=2.0)
    flat, image = integers(5, high=4), integers(2, 3, 2, high=4)
    few = _ignoring(flat, 0, 3)
    return [
        *[_classes(name, make(5, 4), flat, r, **more) for r in REDUCTIONS],
        *[_classes(name, make(5, 4), few, r, weight, **more) for r in REDUCTIONS],
        *[_classes(name, make(2, 4, 3, 2), image, r, **more) for r in REDUCTIONS],
        _classes(name, make(5, 4), few, **more),
        _classes(name, make(5, 4), flat, weight=weight, **more),
        _classes(name, make(5, 4), flat, ignore_index=int(flat[1]), **more),
        _classes(name, make(5, 4), flat, "none", ignore_index=int(flat[1]), **more),
        _classes(name, make(2, 4, 3, 2), _ignoring(image, 2, 5), weight=weight, **more),
        _classes(name, make(2, 4, 3, 2), _ignoring(image, 2), "none", weight, **more),
        _classes(name, make(2, 4, 3), integers(2, 3, high=4), **more),
        _classes(name, make(2, 4, 2, 2, 2), integers(2, 2, 2, 2, high=4), **more),
        _classes(name, make(4), np.array(2), **more),
        _classes(name, make(4), np.array(1), "none", weight, **more),
        _classes(name, make(5, 4), flat.astype(np.uint8), **more),
        _classes(name, make(5, 1), np.zeros(5, np.int64), **more),
        *[_classes(name, make(0, 4), np.zeros(0, np.int64), r, **more) for r in REDUCTIONS],
        _classes(name, make(2, 4, 0), np.zeros((2, 0), np.int64), "sum", **more),
    ]


def _cross(*shape):
    return normal(*shape, seed=1)


def _probabilities(shape, reduction="mean", weight=None, label_smoothing=0.0, hard=False):
    dim = 1 if len(shape) > 1 else 0
    target = uniform(*shape, low=0.1, seed=2)
    target /= target.sum(axis=dim, keepdims=True)
    if hard:
        target = (target == target.max(axis=dim, keepdims=True)).astype(np.float64)
    options = {"reduction": reduction, "weight": weight, "label_smoothing": label_smoothing}
    return Sample((_cross(*shape), target), options, _functional("cross_entropy", **options))


def _in_parts(target, step=2, bias=True, **changed):
    """Samples of scores made by a linear layer, `step` rows at a time."""
    options = {"weight": None, "ignore_index": -100, "reduction": "mean", **changed}

    def call(torch, x, w, b=None):
        more = {**options, "options": torch.nn.LinearCrossEntropyOptions(batch_chunk_size=step)}
        if options["weight"] is not None:
            more["weight"] = torch.from_numpy(options["weight"])
        return torch.nn.functional.linear_cross_entropy(
            x, w, torch.from_numpy(target), linear_bias=b, **more
        )

    args = (normal(target.size, 3, seed=1), normal(4, 3, seed=2), normal(4) if bias else None)
    own = {"target": target, "step": step, "dtype": np.dtype(np.float64)}
    return Sample(args, {**options, **own}, call)


_WEIGHT = uniform(4, low=0.2, high=2.0)
_FEW = _ignoring(integers(5, high=4), 0, 3)

SAMPLES = {
    "mse_loss": _pairs("mse_loss"),
    "l1_loss": _pairs("l1_loss"),
    "smooth_l1_loss": [
        sample for beta in (1.0, 0.3, 2.5) for sample in _pairs("smooth_l1_loss", beta=beta)
    ],
    "huber_loss": [
        sample for delta in (1.0, 0.3, 2.5) for sample in _pairs("huber_loss", delta=delta)
    ],
    "binary_cross_entropy": [
        *[_bce((3, 4), r) for r in REDUCTIONS],
        *[_bce((3, 4), r, uniform(3, 4, seed=5)) for r in REDUCTIONS],
        *[_bce((2, 3, 2, 2), r, uniform(3, 1, 1, seed=5)) for r in REDUCTIONS],
        *[_bce((0, 4), r) for r in REDUCTIONS],
        _bce((5,), "mean"),
        _bce((4, 1), "mean"),
        _bce((), "mean"),
    ],
    "binary_cross_entropy_with_logits": [
        *[_logits((3, 4), r) for r in REDUCTIONS],
        *[_logits((3, 4), r, uniform(3, 4, seed=5)) for r in REDUCTIONS],
        *[_logits((3, 4), r, pos_weight=uniform(4, seed=6, high=3)) for r in REDUCTIONS],
        *[_logits((3, 4), r, uniform(4), uniform(4, seed=6, high=3)) for r in REDUCTIONS],
        *[_logits((2, 3, 2), r, None, uniform(3, 1, seed=6)) for r in REDUCTIONS],
        *[_logits((0, 4), r) for r in REDUCTIONS],
        _logits((4, 1), "mean", scale=30.0),
        _logits((4, 1), "mean", pos_weight=np.array([2.0]), scale=30.0),
        _logits((), "mean"),
    ],
    "nll_loss": _class_samples("nll_loss", _log_probabilities),
    "cross_entropy": [
        *_class_samples("cross_entropy", _cross, label_smoothing=0.0),
        *_class_samples("cross_entropy", _cross, label_smoothing=0.2),
        _classes("cross_entropy", _cross(5, 4) * 40, integers(5, high=4), label_smoothing=0.0),
        _classes("cross_entropy", _cross(5, 4), integers(5, high=4), label_smoothing=1.0),
    ],
    "cross_entropy_probabilities": [
        *[_probabilities((5, 4), r) for r in REDUCTIONS],
        *[_probabilities((5, 4), r, _WEIGHT, 0.3) for r in REDUCTIONS],
        *[_probabilities((2, 4, 3, 2), r, _WEIGHT) for r in REDUCTIONS],
        *[_probabilities((2, 4, 3), r, None, 0.1) for r in REDUCTIONS],
        *[_probabilities((0, 4), r) for r in REDUCTIONS],
        _probabilities((4,)),
        _probabilities((4,), "none", _WEIGHT, 0.1),
        _probabilities((5, 4), hard=True),
    ],
    "linear_cross_entropy": [
        *[_in_parts(integers(5, high=4), step) for step in (1, 2, 5, 9)],
        *[_in_parts(_FEW, reduction=r, weight=_WEIGHT) for r in REDUCTIONS],
        *[_in_parts(_FEW, reduction=r, bias=False) for r in REDUCTIONS],
        _in_parts(integers(5, high=4), weight=_WEIGHT, ignore_index=1),
        _in_parts(np.zeros(0, np.int64), reduction="sum"),
    ],
}


def _settle(sample):
    """The mean over nothing is nan, of which differences say nothing."""
    if sample.args[0].size == 0 and sample.options["reduction"] == "mean":
        return sample._replace(smooth=False, gradient=False)
    return sample


SAMPLES = {name: [_settle(sample) for sample in samples] for name, samples in SAMPLES.items()}

_MEAN = {"reduction": "mean"}
_UNEQUAL = [
    Error((normal(4, 1), normal(4)), {**_MEAN}, ShapeError, r"\(4, 1\).*\(4,\).*unsqueeze"),
    Error((normal(4), normal(4, 1)), {**_MEAN}, ShapeError, r"\(4,\).*\(4, 1\).*squeeze"),
    Error((normal(4, 2), normal(2, 4)), {**_MEAN}, ShapeError, r"reshape"),
    Error((normal(4, 2), normal(2)), {**_MEAN}, ShapeError, r"do not broadcast: expand"),
    Error((normal(4), normal(4)), {"reduction": "avg"}, ValueError, r"'avg'.*'none', 'mean'"),
]
_INTEGERS = Error(
    (integers(4, high=3), integers(4, high=3)), _MEAN, DtypeError, r"int64.*floating.*\.float\(\)"
)


def _with(errors, **options):
    return [error._replace(options={**options, **error.options}) for error in errors]


def _index_errors(op, **more):
    def error(x, target, kind, match, **changed):
        options = {"target": target, "weight": None, "ignore_index": -100, "reduction": "mean"}
        return Error((x,), {**options, **more, **changed}, kind, match)

    x, t = normal(4, 3), np.array([0, 1, 2, 1])
    image = integers(2, 2, 2, high=3)
    image[1, 0, 1] = 9
    return [
        error(
            x,
            np.array([0, 1, 3, 4]),
            IndexError,
            rf"{op}: got class index 3 at target\[2\].*0 to 2",
        ),
        error(x, np.array([0, -1, 3, 4]), IndexError, r"class index -1 at target\[1\].*-100"),
        error(
            normal(2, 3, 2, 2), image, IndexError, r"class index 9 at target\[1, 0, 1\].*last layer"
        ),
        error(normal(3), np.array(3), IndexError, r"class index 3 at target,"),
        error(x, t - 100, IndexError, r"class index -99", ignore_index=-100),
        error(x, t.astype(np.int32), DtypeError, rf"{op}: got target int32.*int64.*\.long\(\)"),
        error(x, t.astype(np.float64), DtypeError, rf"{op}: got target float64.*int64.*\.long\(\)"),
        error(x, t[:, None], ShapeError, r"target \(4, 1\).*squeeze"),
        error(x, t[:3], ShapeError, r"\(4, 3\) and target \(3,\).*target \(4,\)"),
        error(x, np.ones((4, 3), np.int64), ShapeError, r"argmax"),
        error(x, t, ShapeError, r"weight \(4,\).*\(3,\)", weight=np.ones(4)),
        error(t[:, None], t, DtypeError, r"input int64.*floating"),
        error(normal(4, 0), t, ShapeError, r"C > 0"),
        error(x, t, ValueError, r"'avg'", reduction="avg"),
    ]


def _parts_errors():
    base = _in_parts(integers(5, high=4)).options
    x, w, b = normal(5, 3), normal(4, 3), normal(4)

    def error(kind, match, *args, **changed):
        return Error(args, {**base, **changed}, kind, match)

    return [
        error(ShapeError, r"input \(5, 3\), weight \(4, 2\)", x, w[:, :2], b),
        error(ShapeError, r"bias \(3,\)", x, w, b[:3]),
        error(ShapeError, r"weight \(3,\)", x, w, b, weight=np.ones(3)),
        error(ShapeError, r"target \(4,\)", x, w, b, target=np.zeros(4, np.int64)),
        error(ShapeError, r"C > 0", x, w[:0], b[:0]),
        error(DtypeError, r"float32", x, w.astype(np.float32), b),
        error(DtypeError, r"int64 class indices", x, w, b, target=np.zeros(5)),
        error(IndexError, r"class index 4 at target\[2\]", x, w, b, target=np.arange(5) % 5 + 2),
        error(ValueError, r"'avg'", x, w, b, reduction="avg"),
    ]


_BCE = {"reduction": "mean", "weight": None}
_LOGITS = {**_BCE, "pos_weight": None}
_SOFT = {**_BCE, "label_smoothing": 0.0}

ERRORS = {
    "linear_cross_entropy": _parts_errors(),
    "mse_loss": [*_UNEQUAL, _INTEGERS],
    "l1_loss": [*_UNEQUAL, _INTEGERS],
    "smooth_l1_loss": [
        *_with([*_UNEQUAL, _INTEGERS], beta=1.0),
        Error((normal(4), normal(4)), {**_MEAN, "beta": -1.0}, RuntimeError, r"beta=-1.0"),
    ],
    "huber_loss": [
        *_with([*_UNEQUAL, _INTEGERS], delta=1.0),
        Error((normal(4), normal(4)), {**_MEAN, "delta": 0.0}, RuntimeError, r"delta > 0"),
    ],
    "binary_cross_entropy": [
        *_with(_UNEQUAL[:4], weight=None),
        Error(
            (uniform(4), uniform(4)),
            {"weight": None, "reduction": "avg"},
            ValueError,
            r"'avg'",
        ),
        Error(
            (uniform(3) + 1, uniform(3)),
            _BCE,
            RuntimeError,
            r"all elements of input should be between 0 and 1.*with_logits",
        ),
        Error(
            (uniform(3), uniform(3) - 1),
            _BCE,
            RuntimeError,
            r"all elements of target should be between 0 and 1",
        ),
        Error((np.full(2, np.nan), uniform(2)), _BCE, RuntimeError, r"input.*nan"),
        Error((uniform(3), integers(3, high=2)), _BCE, DtypeError, r"int64.*a probability"),
        Error(
            (uniform(3), uniform(3)), {**_BCE, "weight": uniform(2)}, ShapeError, r"weight \(2,\)"
        ),
    ],
    "binary_cross_entropy_with_logits": [
        *_with(_UNEQUAL, weight=None, pos_weight=None),
        Error((normal(3), integers(3, high=2)), _LOGITS, DtypeError, r"int64.*target\.to"),
        Error(
            (normal(3), uniform(3)),
            {**_LOGITS, "pos_weight": uniform(3, 3)},
            ShapeError,
            r"pos_weight \(3, 3\)",
        ),
    ],
    "nll_loss": _index_errors("nll_loss"),
    "cross_entropy": [
        *_index_errors("cross_entropy", label_smoothing=0.0),
        Error(
            (normal(2, 3),),
            {
                "target": np.array([0, 1]),
                "weight": None,
                "ignore_index": -100,
                "reduction": "mean",
                "label_smoothing": 1.5,
            },
            RuntimeError,
            r"label_smoothing=1.5.*0.0 to 1.0",
        ),
    ],
    "cross_entropy_probabilities": [
        Error((normal(4, 3), normal(4, 2)), _SOFT, ShapeError, r"\(4, 3\).*\(4, 2\)"),
        Error((normal(4, 3), integers(4, 3, high=2)), _SOFT, DtypeError, r"distribution"),
        Error((normal(4, 3), uniform(4, 3)), {**_SOFT, "label_smoothing": -1}, RuntimeError, r"-1"),
        Error((normal(4, 3), uniform(4, 3)), {**_SOFT, "reduction": "avg"}, ValueError, r"'avg'"),
    ],
}
