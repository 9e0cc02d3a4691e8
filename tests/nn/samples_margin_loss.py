"""Samples of the losses with a margin."""

from __future__ import annotations

from typing import Any

import numpy as np
from tests.nn.modules import ModuleSample as S
from tests.nn.samples_loss import REDUCTIONS, _loss
from tests.ops.sample import integers, normal, uniform

from rushlight import nn

A, B, C = (normal(4, 3, seed=seed) for seed in (1, 2, 3))
SIGNS = np.array([1, -1, 1, -1])
SIDES = np.where(normal(4, 3, seed=5) > 0, 1.0, -1.0)
SCORES, LABELS = normal(4, 5, seed=1), integers(4, high=5)
SETS = np.array([[1, 3, -1, 0, 0], [0, 1, 2, 3, 4], [-1, 2, 1, 0, 0], [2, 2, -1, -1, -1]])
YES = uniform(4, 5, seed=2)
WEIGHT = uniform(5, low=0.2, high=2.0)
ROW, CLASS = (SCORES[0], YES[0]), (SCORES[0], np.array(LABELS[0]))


def _city_block(a: Any, b: Any) -> Any:
    return abs(a - b).sum(-1)


def _fixed(sample: S, *places: int) -> S:
    """Targets that have no gradient in torch."""
    return sample._replace(fixed=places)


SAMPLES = [
    *[
        _loss(
            "CosineEmbeddingLoss",
            (A, B, SIGNS),
            (A[0], B[0], np.array(SIGNS[1])),
            reduction=r,
            margin=m,
        )
        for r in REDUCTIONS
        for m in (0.0, 0.3)
    ],
    *[
        _loss("HingeEmbeddingLoss", (A, SIDES), (A[0], SIDES[0]), reduction=r, margin=m)
        for r in REDUCTIONS
        for m in (1.0, 0.2)
    ],
    *[
        _loss("MarginRankingLoss", (A[0], B[0], SIDES[0]), reduction=r, margin=m)
        for r in REDUCTIONS
        for m in (0.0, 0.5)
    ],
    _loss("MarginRankingLoss", (A, B[:1], SIDES[:, :1])),
    *[
        _loss("TripletMarginLoss", (A, B, C), (A[0], B[0], C[0]), reduction=r, **options)
        for r in REDUCTIONS
        for options in ({}, {"margin": 0.5, "swap": True}, {"p": 1.0}, {"p": 3, "eps": 1e-3})
    ],
    _loss("TripletMarginLoss", (A, B[:1], C), p=float("inf")),
    *[
        _loss("TripletMarginWithDistanceLoss", (A, B, C), (A[0], B[0], C[0]), **options)
        for options in ({}, {"margin": 0.5, "swap": True}, {"reduction": "none"})
    ],
    S(
        lambda: nn.TripletMarginWithDistanceLoss(distance_function=_city_block),
        lambda torch: torch.nn.TripletMarginWithDistanceLoss(distance_function=_city_block),
        (A, B, C),
    ),
    *[
        _fixed(_loss("SoftMarginLoss", (A * 3, SIDES), (A[0], SIDES[0]), reduction=r), 1)
        for r in REDUCTIONS
    ],
    *[
        _loss(
            "MultiLabelSoftMarginLoss", (SCORES, YES), (SCORES[0], YES[0]), reduction=r, **options
        )
        for r in REDUCTIONS
        for options in ({}, {"weight": WEIGHT})
    ],
    *[
        _loss("MultiLabelMarginLoss", (SCORES, SETS), (SCORES[0], SETS[0]), reduction=r)
        for r in REDUCTIONS
    ],
    *[
        _loss(
            "MultiMarginLoss",
            (SCORES, LABELS),
            (SCORES[0], np.array(LABELS[0])),
            reduction=r,
            **options,
        )
        for r in REDUCTIONS
        for options in ({}, {"p": 2, "margin": 0.5}, {"weight": WEIGHT}, {"p": 2, "weight": WEIGHT})
    ],
]
