"""Samples of the losses: each with all reductions and the options that torch has."""

from __future__ import annotations

from typing import Any

import numpy as np
from tests.nn.modules import ModuleSample as S
from tests.ops.sample import integers, normal, uniform

import rushlight as rl
from rushlight import nn

REDUCTIONS = ("mean", "sum", "none")
PAIR = (normal(4, 3, seed=1), normal(4, 3, seed=2))
CHANCES = (uniform(4, 3, low=0.05, high=0.95, seed=1), uniform(4, 3, seed=2))
LOGITS = (normal(4, 3, seed=1), uniform(4, 3, seed=2))
SCORES = normal(5, 3, seed=1)
LABELS = integers(5, high=3)
IMAGES, PIXELS = normal(2, 3, 4, 2, seed=1), integers(2, 4, 2, high=3)
WEIGHT = uniform(3, low=0.2, high=2.0)


def _ignored() -> Any:
    labels = LABELS.copy()
    labels[[0, 3]] = -100
    return labels


def _soft(*shape: int) -> Any:
    target = uniform(*shape, low=0.1, seed=3)
    return target / target.sum(1, keepdims=True)


def _loss(name: str, inputs: tuple[Any, ...], unbatched: Any = None, **options: Any) -> S:
    """A sample of the module `name`; arrays among the options become tensors."""

    def convert(tensor: Any) -> dict[str, Any]:
        return {
            key: tensor(value.astype(np.float32)) if isinstance(value, np.ndarray) else value
            for key, value in options.items()
        }

    return S(
        lambda: getattr(nn, name)(**convert(rl.tensor)),
        lambda torch: getattr(torch.nn, name)(**convert(torch.tensor)),
        inputs,
        unbatched,
    )


SAMPLES = [
    *[
        _loss(name, PAIR, (PAIR[0][0], PAIR[1][0]), reduction=reduction)
        for name in ("MSELoss", "L1Loss", "SmoothL1Loss", "HuberLoss")
        for reduction in REDUCTIONS
    ],
    _loss("SmoothL1Loss", PAIR, beta=0.4),
    _loss("SmoothL1Loss", PAIR, beta=0.0),
    _loss("HuberLoss", PAIR, delta=0.4),
    # ---- probabilities of a yes
    *[_loss("BCELoss", CHANCES, reduction=r) for r in REDUCTIONS],
    *[_loss("BCELoss", CHANCES, reduction=r, weight=WEIGHT) for r in REDUCTIONS],
    *[_loss("BCEWithLogitsLoss", LOGITS, reduction=r) for r in REDUCTIONS],
    *[_loss("BCEWithLogitsLoss", LOGITS, reduction=r, pos_weight=WEIGHT) for r in REDUCTIONS],
    _loss("BCEWithLogitsLoss", LOGITS, weight=uniform(4, 1), pos_weight=WEIGHT),
    # ---- classes
    *[
        _loss(name, inputs, reduction=reduction, **options)
        for name in ("NLLLoss", "CrossEntropyLoss")
        for inputs in ((SCORES, LABELS), (SCORES, _ignored()), (IMAGES, PIXELS))
        for reduction in REDUCTIONS
        for options in ({}, {"weight": WEIGHT})
    ],
    *[
        _loss(name, (SCORES, LABELS), (SCORES[0], np.array(1)), ignore_index=1)
        for name in ("NLLLoss", "CrossEntropyLoss")
    ],
    *[
        _loss("CrossEntropyLoss", inputs, label_smoothing=0.2, **options)
        for inputs in ((SCORES, _ignored()), (IMAGES, PIXELS), (SCORES, _soft(5, 3)))
        for options in ({}, {"weight": WEIGHT}, {"reduction": "none"})
    ],
    *[_loss("CrossEntropyLoss", (SCORES, _soft(5, 3)), reduction=r) for r in REDUCTIONS],
    _loss("CrossEntropyLoss", (IMAGES, _soft(2, 3, 4, 2)), weight=WEIGHT),
]
