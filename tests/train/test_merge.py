"""Metrics of several processes, merged: the value over all batches."""

from __future__ import annotations

import copy
import itertools

import numpy as np
import pytest

from rushlight.train import metrics as m

NUMBERS = np.random.default_rng(0)
CLASSES = NUMBERS.integers(0, 3, 12)
SCORES = NUMBERS.normal(size=(12, 3))
IMAGES = NUMBERS.uniform(size=(2, 12, 1, 12, 12))

CASES = {
    "accuracy": (m.Accuracy, SCORES, CLASSES),
    "top2": (lambda: m.TopK(2), SCORES, CLASSES),
    "confusion": (m.ConfusionMatrix, SCORES, CLASSES),
    "f1": (m.F1, SCORES, CLASSES),
    "auc": (m.ROCAUC, SCORES, CLASSES),
    "mse": (m.MSE, SCORES, SCORES[::-1]),
    "mse of each": (lambda: m.MSE(["a", "b", "c"]), SCORES, SCORES[::-1]),
    "rmse": (m.RMSE, SCORES, SCORES[::-1]),
    "mae": (m.MAE, SCORES, SCORES[::-1]),
    "r2": (m.R2, SCORES, SCORES[::-1]),
    "psnr": (m.PSNR, *IMAGES),
    "ssim": (m.SSIM, *IMAGES),
    "function": (lambda: m.Average(lambda a, b: np.abs(a - b).mean()), SCORES, SCORES[::-1]),
}


@pytest.mark.parametrize("cuts", [(0, 5, 12), (0, 0, 12), (0, 12, 12), (0, 1, 4, 4, 12)])
@pytest.mark.parametrize("name", CASES)
def test_merged_equals_whole(name, cuts):
    make, output, target = CASES[name]
    if name in ("f1", "auc"):
        pytest.importorskip("sklearn")
    whole, parts = make(), []
    whole.reset()
    whole.update(output, target)
    for a, b in itertools.pairwise(cuts):
        part = make()
        part.reset()
        if a < b:
            part.update(output[a:b], target[a:b])
        parts.append(part)
    kept = copy.deepcopy(parts[1:])
    for part in parts[1:]:
        parts[0].merge(part)
    np.testing.assert_allclose(parts[0].compute(), whole.compute(), rtol=1e-12)
    if whole.columns:
        found = parts[0].values()
        assert found == pytest.approx(whole.values(), rel=1e-12)
    for part, before in zip(parts[1:], kept, strict=True):  # they are left as they were
        assert str(vars(part)) == str(vars(before)) or name == "function"


def test_metric_without_merge():
    with pytest.raises(NotImplementedError, match=r"metric 'metric': got batches of several proc"):
        m.Metric().merge(m.Metric())


def test_unlike_classes():
    a, b = m.ConfusionMatrix(), m.ConfusionMatrix()
    a.update(SCORES, CLASSES)
    b.update(SCORES[:, :2], CLASSES % 2)
    with pytest.raises(ValueError, match="got counts of 2 classes, expected 3 classes"):
        a.merge(b)
