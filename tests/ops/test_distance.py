"""Samples of the distances of all rows from all rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.ops.sample import Sample, normal

from rushlight.ops import distance

A, B = normal(4, 3), normal(5, 3, seed=1)
NEAR = np.array([[1.0, 2.0, 0.0], [1.0, 2.0, 1.0], [0.0, 0.0, 0.0], [1.0, 1.0, 1.0]])


def sample(a: Any, b: Any, p: float, **traits: Any) -> Sample:
    return Sample((a, b), {"p": p}, lambda torch, a, b: torch.cdist(a, b, p), **traits)


def product(a: Any, b: Any, **traits: Any) -> Sample:
    mode = "use_mm_for_euclid_dist"
    return Sample((a, b), {}, lambda torch, a, b: torch.cdist(a, b, 2.0, mode), **traits)


SAMPLES: dict[str, list[Sample]] = {
    "cdist": [
        *[sample(A, B, p) for p in (1.5, 2.0, 3.0, 0.7)],
        *[sample(A, B, p, smooth=False) for p in (1.0, np.inf)],
        sample(A, B, 0.0, gradient=False),
        *[sample(NEAR, NEAR[::-1] * 1.0, p, gradient=False) for p in (0.5, 1.0, 1.5, 2.0, np.inf)],
        sample(normal(2, 3, 4, 2), normal(2, 3, 2, 2, seed=1), 2.0),
        sample(normal(0, 3), B, 2.0),
        sample(A, normal(0, 3), 2.0),
        sample(normal(4, 0), normal(2, 0), 2.0),
        sample(normal(4, 0), normal(2, 0), np.inf, gradient=False),
    ],
    "cosine": [
        Sample(
            (a, b),
            {"dims": (dim,), "eps": eps},
            lambda torch, a, b, dim=dim, eps=eps: torch.cosine_similarity(a, b, dim, eps),
            **traits,
        )
        for a, b, dim, eps, traits in (
            (normal(4, 3), normal(4, 3, seed=1), 1, 1e-8, {}),
            (normal(2, 5, 3), normal(2, 5, 3, seed=1), 1, 1e-8, {}),
            # below and above eps, where the gradient is torch's, not the slope
            (normal(4, 3), normal(4, 3, seed=1), 0, 2.0, {"smooth": False, "gradient": False}),
            (np.zeros((4, 3)), normal(4, 3), 1, 1e-8, {"smooth": False, "gradient": False}),
            (normal(3, 0), normal(3, 0), 1, 1e-8, {}),
        )
    ],
    "cdist_product": [
        product(A, B),
        product(normal(30, 3), B),
        product(normal(2, 3, 4, 2), normal(2, 3, 2, 2, seed=1)),
        product(np.round(NEAR), np.round(NEAR[::-1]) * 1.0, gradient=False),
        product(normal(0, 3), B),
        product(A, normal(0, 3)),
        product(normal(4, 0), normal(2, 0), gradient=False),
    ],
}


@pytest.mark.parametrize("p", [1.0, 2.0, 3.0, np.inf])
def test_blocks_give_what_one_block_gives(p: float, monkeypatch: pytest.MonkeyPatch) -> None:
    a, b, g = normal(2, 7, 3), normal(2, 5, 3), normal(2, 7, 5)
    (y,), saved = distance.cdist.forward(a, b, p=p)
    whole = distance.cdist.backward(saved, (g,), (True, True))
    monkeypatch.setattr(distance, "BLOCK", 2 * 5 * 3 * 2)
    (again,), saved = distance.cdist.forward(a, b, p=p)
    assert (again == y).all()
    for one, other in zip(whole, distance.cdist.backward(saved, (g,), (True, True)), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-14)


def test_near_rows_far_from_the_origin_keep_their_distance() -> None:
    a = np.array([[1e8, 1.0], [1e8, 2.0]])
    (y,), saved = distance.cdist.forward(a, a, p=2.0)
    assert y.tolist() == [[0.0, 1.0], [1.0, 0.0]]
    ga, gb = distance.cdist.backward(saved, (np.ones((2, 2)),), (True, True))
    assert ga.tolist() == gb.tolist() == [[0.0, -1.0], [0.0, 1.0]]
