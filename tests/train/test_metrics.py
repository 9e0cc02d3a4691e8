"""Metrics: equal to their definition over the whole epoch, however it is cut into batches."""

import math

import numpy as np
import pytest

from rushlight import nn
from rushlight.errors import DtypeError, ShapeError
from rushlight.train import MAE, MSE, R2, RMSE, Accuracy, Average, Metric
from rushlight.train.metrics import make_metrics

RNG = np.random.default_rng(0)
RAGGED = [slice(0, 7), slice(7, 14), slice(14, 15)]


def over(metric, output, target, cuts=RAGGED):
    metric.reset()
    for cut in cuts:
        metric.update(output[cut], target[cut])
    return metric.compute()


REGRESSION = {
    "mse": (MSE, lambda o, t: ((o - t) ** 2).mean()),
    "rmse": (RMSE, lambda o, t: math.sqrt(((o - t) ** 2).mean())),
    "mae": (MAE, lambda o, t: np.abs(o - t).mean()),
    "r2": (R2, lambda o, t: (1 - ((o - t) ** 2).sum(0) / ((t - t.mean(0)) ** 2).sum(0)).mean()),
}


@pytest.mark.parametrize("name", REGRESSION)
@pytest.mark.parametrize("shape", [(15,), (15, 1), (15, 3), (15, 2, 2)])
def test_regression_over_ragged_batches_equals_the_formula_over_all(name, shape):
    kind, formula = REGRESSION[name]
    output, target = RNG.normal(size=shape), RNG.normal(size=shape)
    np.testing.assert_allclose(over(kind(), output, target), formula(output, target), rtol=1e-12)


def test_r2_does_not_cancel_far_from_zero():
    target = 1e8 + RNG.normal(size=15)
    output = target + 0.1 * RNG.normal(size=15)
    expected = REGRESSION["r2"][1](output, target)
    np.testing.assert_allclose(over(R2(), output, target), expected, rtol=1e-6)


def test_r2_of_a_constant_target():
    ones = np.ones(15)
    assert over(R2(), ones, ones) == 1
    assert over(R2(), ones + 1, ones) == 0


def test_errors_are_summed_in_float64():
    output = np.full(15, 1e-4, "float32")
    output[0] = 1e4
    found = over(MSE(), output, np.zeros(15, "float32"))
    np.testing.assert_allclose(found, (output.astype("float64") ** 2).mean(), rtol=1e-14)


def test_accuracy_counts_exactly_over_ragged_batches():
    output, target = RNG.normal(size=(15, 4)), RNG.integers(0, 4, 15)
    assert over(Accuracy(), output, target) == (output.argmax(1) == target).sum() / 15


def test_accuracy_of_pixels_with_an_ignored_class():
    output, target = RNG.normal(size=(15, 3, 2, 2)), RNG.integers(0, 3, (15, 2, 2))
    target[0] = -100
    right, counted = output.argmax(1) == target, target != -100
    found = over(Accuracy(ignore_index=-100), output, target)
    assert found == (right & counted).sum() / counted.sum()


def test_accuracy_of_class_probabilities():
    output, target = RNG.normal(size=(15, 3)), RNG.dirichlet(np.ones(3), 15)
    assert over(Accuracy(), output, target) == (output.argmax(1) == target.argmax(1)).mean()


def test_binary_accuracy():
    output, target = RNG.uniform(size=(15, 2)), RNG.integers(0, 2, (15, 2)).astype("float32")
    assert over(Accuracy(threshold=0.5), output, target) == ((output > 0.5) == target).mean()


@pytest.mark.parametrize("metric", [Accuracy(), MSE(), RMSE(), MAE(), R2(), Average(np.shape)])
def test_without_a_sample_the_value_is_nan_without_a_warning(metric):
    metric.reset()
    assert math.isnan(metric.compute())


@pytest.mark.parametrize(
    ("metric", "output", "target", "error", "text"),
    [
        (MSE(), (4, 1), (4,), ShapeError, r"output \(4, 1\) and target \(4,\).*not broadcast"),
        (R2(), (4, 1), (4,), ShapeError, "R2"),
        (Accuracy(), (4,), (4,), ShapeError, r"Accuracy\(threshold=0.5\)"),
        (Accuracy(), (4, 1), (4, 1), ShapeError, "threshold"),
        (Accuracy(), (4, 3), (4, 2), ShapeError, r"expected target \(4,\)"),
        (Accuracy(), (4, 3), (4,), DtypeError, "class indices"),
        (Accuracy(0.5), (4, 1), (4,), ShapeError, "one shape"),
    ],
)
def test_shapes_and_dtypes_that_do_not_fit_are_named(metric, output, target, error, text):
    with pytest.raises(error, match=text):
        metric.update(np.zeros(output), np.zeros(target))


@pytest.mark.parametrize(
    ("loss", "names", "threshold"),
    [
        (nn.CrossEntropyLoss(), ["accuracy"], None),
        (nn.NLLLoss(), ["accuracy"], None),
        (nn.BCELoss(), ["accuracy"], 0.5),
        (nn.BCEWithLogitsLoss(), ["accuracy"], 0.0),
        (nn.MSELoss(), [], None),
        (abs, [], None),
    ],
)
def test_the_loss_decides_what_auto_means(loss, names, threshold):
    made = make_metrics("auto", loss)
    assert [metric.name for metric in made] == names
    if made:
        assert made[0].threshold == threshold


def test_accuracy_ignores_what_the_loss_ignores():
    assert make_metrics(["accuracy"], nn.CrossEntropyLoss(ignore_index=7))[0].ignore_index == 7


def test_names_functions_and_objects_are_taken():
    def bias(output, target):
        return (output - target).mean()

    class Mine(Metric):
        name = "mine"
        reset = update = compute = print

    made = make_metrics(["mse", bias, Mine()], nn.MSELoss())
    assert [metric.name for metric in made] == ["mse", "bias", "mine"]
    assert [metric.name for metric in make_metrics("rmse", nn.MSELoss())] == ["rmse"]


@pytest.mark.parametrize(
    ("given", "error", "text"),
    [
        (
            ["f2"],
            ValueError,
            r"got 'f2', expected one of 'accuracy', .* 'ssim', or a Metric",
        ),
        (["top0"], ValueError, "got 'top0'"),
        ([MSE(["a"]), Average(np.mean, "mse_a")], ValueError, "each name once.*metric.name"),
        ([3], TypeError, "got 3, expected names"),
        (["mse", "mse"], ValueError, "each name once"),
    ],
)
def test_unknown_metrics_are_refused_with_the_known_ones(given, error, text):
    with pytest.raises(error, match=text):
        make_metrics(given, nn.MSELoss())
