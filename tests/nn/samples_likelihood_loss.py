"""Samples of the losses that are likelihoods or divergences, and of those that hold a layer."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from tests.nn.modules import ModuleSample as S
from tests.nn.samples_loss import IMAGES, PIXELS, REDUCTIONS, WEIGHT, _loss
from tests.ops.sample import integers, normal, uniform

import rushlight as rl
from rushlight import nn

X, T = normal(4, 3, seed=1), normal(4, 3, seed=2)
LOGS = np.log(uniform(4, 3, low=0.1, seed=1))
CHANCES = uniform(4, 3, low=0.1, seed=2)
COUNTS = integers(4, 3, high=5).astype(np.float64) + 0.5
SPREAD = uniform(4, 3, low=0.1, seed=3)

PATHS = normal(7, 3, 5) - np.log(np.exp(normal(7, 3, 5)).sum(2, keepdims=True))
SPELLED = np.array([[1, 2, 3], [4, 4, 2], [1, 3, 0]])
LENGTHS = ((7, 6, 3), (3, 2, 1))
TENSORS = tuple(np.array(lengths) for lengths in LENGTHS)
CHAINED = np.array([1, 2, 3, 4, 4, 1])


def _old() -> Any:
    """Make a loss whose name is deprecated."""

    def quiet(make: Any) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return make()

    return S(
        lambda: quiet(lambda: nn.NLLLoss2d(rl.tensor(WEIGHT.astype("f4")), ignore_index=1)),
        lambda torch: quiet(
            lambda: torch.nn.NLLLoss2d(torch.tensor(WEIGHT.astype("f4")), ignore_index=1)
        ),
        (IMAGES, PIXELS),
    )


def _held(*args: Any, inputs: Any, unbatched: Any = None, parts: Any = None, **options: Any) -> S:
    """A sample of LinearCrossEntropyLoss; `parts` are its options."""

    def make(lib: Any, tensor: Any) -> Any:
        more = dict(options)
        if "weight" in more:
            more["weight"] = tensor(more["weight"].astype("f4"))
        if parts is not None:
            more["options"] = lib.LinearCrossEntropyOptions(**parts)
        return lib.LinearCrossEntropyLoss(*args, **more)

    return S(
        lambda: make(nn, rl.tensor),
        lambda torch: make(torch.nn, torch.tensor),
        inputs,
        unbatched,
    )


def _adaptive(*args: Any, inputs: Any, unbatched: Any = None, **options: Any) -> S:
    return S(
        lambda: nn.AdaptiveLogSoftmaxWithLoss(*args, **options),
        lambda torch: torch.nn.AdaptiveLogSoftmaxWithLoss(*args, **options),
        inputs,
        unbatched,
    )


ROWS, TARGETS = normal(6, 5, seed=1), np.array([0, 3, 2, 1, 3, 0])
SOFT = uniform(6, 4, low=0.1) / 2
FEATURES, CLASSES = normal(6, 8, seed=1), np.array([0, 11, 4, 5, 2, 9])

SAMPLES = [
    _old(),
    *[
        _loss("KLDivLoss", (LOGS, CHANCES), (LOGS[0], CHANCES[0]), reduction=r)
        for r in ("sum", "none", "batchmean")
    ],
    _loss("KLDivLoss", (LOGS, np.log(CHANCES)), reduction="batchmean", log_target=True),
    *[
        _loss("PoissonNLLLoss", (X, COUNTS), (X[0], COUNTS[0]), reduction=r, full=full)
        for r in REDUCTIONS
        for full in (False, True)
    ],
    _loss("PoissonNLLLoss", (CHANCES, COUNTS), log_input=False, eps=1e-3, full=True),
    *[
        _loss("GaussianNLLLoss", (X, T, var), (X[0], T[0], SPREAD[0]), reduction=r, **options)
        for r in REDUCTIONS
        for var, options in (
            (SPREAD, {}),
            (SPREAD[:, :1], {"full": True}),
            (SPREAD[:, 0], {"eps": 0.5}),
            (0.3, {}),
        )
    ],
    *[
        _loss("CTCLoss", (PATHS, SPELLED, *LENGTHS), reduction=r, zero_infinity=zero)
        for r in REDUCTIONS
        for zero in (False, True)
    ],
    _loss("CTCLoss", (PATHS, SPELLED, *TENSORS), (PATHS[:, 0], SPELLED[0], (7,), (3,))),
    _loss("CTCLoss", (PATHS, CHAINED, *TENSORS), (PATHS[:, 0], SPELLED[0], (7,), (3,)), blank=0),
    _loss("CTCLoss", (PATHS, SPELLED - 1, *LENGTHS), blank=4, reduction="none"),
    # ---- with a layer
    *[
        _held(5, 4, inputs=(ROWS, TARGETS), unbatched=(ROWS[0], np.array(1)), parts=p, **options)
        for p in (None, {}, {"batch_chunk_size": 4}, {"chunking_method": "aspect_ratio:4"})
        for options in (
            {},
            {"bias": True, "reduction": "none", "ignore_index": 3},
            {"weight": uniform(4, low=0.2)},
        )
    ],
    _held(5, 4, inputs=(ROWS, SOFT), label_smoothing=0.2, bias=True),
    _held(5, 4, inputs=(ROWS[:2], PIXELS), out_features=(4, 2), bias=True),
    _adaptive(
        8, 12, [4], inputs=(FEATURES, CLASSES), unbatched=(FEATURES[0], np.array(CLASSES[1]))
    ),
    _adaptive(8, 12, [2], 2.0, True, inputs=(FEATURES, CLASSES)),
    _adaptive(8, 12, (3, 5, 8), div_value=1.5, inputs=(FEATURES[:1], CLASSES[:1])),
]
