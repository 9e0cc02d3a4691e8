"""Metrics of each output, of images, and what becomes of their values in a run."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.train.nets import line, regressor
from tests.train.test_metrics import RAGGED, over

import rushlight as rl
from rushlight import nn
from rushlight.data import Tecator
from rushlight.errors import DtypeError, ShapeError
from rushlight.train import MAE, MSE, PSNR, R2, RMSE, SSIM, History, Metric, Trainer

RNG = np.random.default_rng(2)
NAMES = ["water", "fat", "protein"]


@pytest.mark.parametrize("kind", [MSE, RMSE, MAE, R2])
@pytest.mark.parametrize("shape", [(15, 3), (15, 3, 2)])
def test_each_output_is_what_the_metric_gives_for_it_alone(kind, shape):
    output, target = RNG.normal(size=shape), RNG.normal(size=shape)
    metric = kind(NAMES)
    whole = over(metric, output, target)
    assert whole == pytest.approx(over(kind(), output, target), rel=1e-13)
    expected = {kind.name: whole} | {
        f"{kind.name}_{name}": over(kind(), output[:, i], target[:, i])
        for i, name in enumerate(NAMES)
    }
    assert metric.values() == pytest.approx(expected, rel=1e-13)
    assert list(metric.values()) == list(metric.columns)


def test_per_output_equals_scikit_learn():
    skm = pytest.importorskip("sklearn.metrics")
    output, target = RNG.normal(size=(15, 3)), RNG.normal(size=(15, 3))
    for kind, function in (
        (MSE, skm.mean_squared_error),
        (RMSE, skm.root_mean_squared_error),
        (MAE, skm.mean_absolute_error),
        (R2, skm.r2_score),
    ):
        metric = kind(NAMES)
        over(metric, output, target)
        expected = function(target, output, multioutput="raw_values")
        np.testing.assert_allclose(metric.compute_outputs(), expected, rtol=1e-12)


@pytest.mark.parametrize("kind", [MSE, RMSE, MAE, R2])
def test_named_outputs_that_do_not_fit_are_refused(kind):
    with pytest.raises(ShapeError, match=r"\(N, 3, \*\) for the outputs water, fat, protein"):
        kind(NAMES).update(np.zeros((4, 2)), np.zeros((4, 2)))
    with pytest.raises(TypeError, match=r"output of type dict.*a function"):
        kind().update({"a": np.zeros(4)}, np.zeros(4))
    with pytest.raises(DtypeError, match="target of <U1"):
        kind().update(np.zeros(1), np.array(["a"]))
    for outputs in ("fat", [], ["a", "a"], [1, 2]):
        with pytest.raises(ValueError, match=f"{kind.__name__} outputs"):
            kind(outputs)
    metric = kind(NAMES)
    metric.update(np.zeros((0, 3)), np.zeros((0, 3)))
    assert all(math.isnan(value) for value in metric.values().values())
    assert over(kind(["one"]), np.arange(15.0), np.ones(15)) == over(
        kind(), np.arange(15.0), np.ones(15)
    )


def test_nan_passes_into_the_value_of_its_output():
    output = np.zeros((15, 3))
    output[3, 1] = np.nan
    metric = RMSE(NAMES)
    over(metric, output, np.ones((15, 3)))
    assert metric.values()["rmse_water"] == 1 and math.isnan(metric.values()["rmse_fat"])
    assert math.isnan(metric.compute())


def test_columns_of_outputs_in_history_csv_and_curves(tmp_path):
    pytest.importorskip("matplotlib")
    x, y = Tecator().arrays()
    x, y = x - x.mean(0), y - y.mean(0)
    trainer = Trainer(
        nn.Linear(100, 3),
        "mse",
        lr=1e-3,
        metrics=[RMSE(NAMES), "r2"],
        monitor="val_rmse_fat",
        out=tmp_path,
        seed=0,
        progress="none",
    )
    history = trainer.fit(x, y, validation=(x[:40], y[:40]), epochs=3)
    columns = [n for n in history.names() if n.startswith("val_")]
    assert columns == ["val_loss", "val_rmse"] + [f"val_rmse_{n}" for n in NAMES] + ["val_r2"]
    rows = (tmp_path / "history.csv").read_text().splitlines()
    assert rows[0].split(",")[-7:-1] == columns and len(rows) == 4
    assert History.load(tmp_path / "history.json").as_dict() == history.as_dict()
    assert history.best_epoch == 1 + int(np.argmin(history.as_dict()["val_rmse_fat"]))
    found = trainer.evaluate(x[:40], y[:40])
    error = trainer.predict(x[:40]) - y[:40]
    assert found["rmse_fat"] == pytest.approx(np.sqrt(np.square(error[:, 1]).mean()), rel=1e-5)


def test_an_own_metric_whose_value_is_no_number_is_named_before_training():
    class Matrix(Metric):
        name = "matrix"

        def reset(self):
            pass

        def update(self, output, target):
            pass

        def compute(self):
            return np.eye(2)

    x, y = line()
    with pytest.raises(ValueError, match=r"'matrix': got compute\(\) of 4 numbers, expected 1"):
        regressor(metrics=[Matrix]).fit(x, y, validation=(x, y), epochs=1)
    Matrix.columns = ()
    trainer = regressor(metrics=[Matrix])
    assert "train_matrix" not in trainer.fit(x, y, epochs=1).names()
    assert trainer.evaluate(x, y)["matrix"].shape == (2, 2)


def test_a_metric_of_another_base_may_have_columns():
    class Two:
        name, columns = "two", ("a", "b")

        def reset(self):
            self.n = 0

        def update(self, output, target):
            self.n += len(output)

        def compute(self):
            return self.n, 2 * self.n

    x, y = line()
    record = regressor(metrics=[Two()]).fit(x, y, epochs=1)[0]
    assert (record["train_a"], record["train_b"]) == (60, 120)


# ---- images


def waves(*shape):
    """Return an image of waves and a disturbed one, the same on every machine."""
    i = np.arange(np.prod(shape), dtype=float).reshape(shape)
    clean = 0.5 + 0.4 * np.sin(0.37 * i) * np.cos(0.011 * i)
    return clean, np.clip(clean + 0.15 * np.sin(0.05 * i**1.3), 0, 1)


# scikit-image 0.26.0 on `waves(*shape)`, the mean over the images of structural_similarity(
# gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=1.0, with
# channel_axis=0 where there is one) and of peak_signal_noise_ratio(data_range=1.0)
ORACLE = {
    (3, 1, 11, 11): (0.8094473210315476, 19.57787257240349),
    (4, 1, 28, 28): (0.8617781530880404, 19.52589725442921),
    (2, 3, 32, 20): (0.8278243624110029, 19.5226991537538),
    (2, 40, 17): (0.7166195262687398, 19.538715933377723),
}


@pytest.mark.parametrize("shape", ORACLE)
@pytest.mark.parametrize("data_range", [1.0, 255.0])
def test_ssim_and_psnr_equal_scikit_image(shape, data_range):
    clean, rough = (data_range * image for image in waves(*shape))
    one_by_one = [slice(i, i + 1) for i in range(shape[0])]
    ssim, psnr = ORACLE[shape]
    assert over(SSIM(data_range), rough, clean, one_by_one) == pytest.approx(ssim, abs=1e-9)
    assert over(PSNR(data_range), rough, clean, one_by_one) == pytest.approx(psnr, abs=1e-9)


def test_ssim_by_its_formula():
    clean, rough = waves(1, 1, 12, 11)
    away = np.arange(7) - 3
    weight = np.exp(-(away[:, None] ** 2 + away**2) / (2 * 2.0**2))
    weight /= weight.sum()
    found = []
    for i in range(6):
        for j in range(5):
            x, y = (image[0, 0, i : i + 7, j : j + 7] for image in (rough, clean))
            mx, my = (weight * x).sum(), (weight * y).sum()
            sxx, syy = (weight * (x - mx) ** 2).sum(), (weight * (y - my) ** 2).sum()
            sxy = (weight * (x - mx) * (y - my)).sum()
            c1, c2 = 0.02**2, 0.05**2
            found.append(
                (2 * mx * my + c1) * (2 * sxy + c2) / ((mx**2 + my**2 + c1) * (sxx + syy + c2))
            )
    metric = SSIM(window=7, sigma=2.0, k1=0.02, k2=0.05)
    assert over(metric, rough, clean, [slice(0, 1)]) == pytest.approx(np.mean(found), rel=1e-11)


@pytest.mark.parametrize("kind", [PSNR, SSIM])
@given(seed=st.integers(0, 2**32 - 1), size=st.integers(1, 7))
@settings(max_examples=15, deadline=None)
def test_neither_order_nor_size_of_the_batches_matters(kind, seed, size):
    rng = np.random.default_rng(seed)
    clean = rng.random((7, 1, 12, 13))
    rough = clean + 0.1 * rng.normal(size=clean.shape)
    order = rng.permutation(7)
    parts = [slice(i, i + size) for i in range(0, 7, size)]
    found = over(kind(), rough[order], clean[order], parts)
    assert found == pytest.approx(over(kind(), rough, clean, [slice(0, 7)]), rel=1e-12)


@pytest.mark.parametrize("kind", [MSE, RMSE, MAE, R2])
@given(seed=st.integers(0, 2**32 - 1), size=st.integers(1, 20))
@settings(max_examples=15, deadline=None)
def test_nor_for_errors(kind, seed, size):
    rng = np.random.default_rng(seed)
    output, target, order = rng.normal(size=(20, 3)), rng.normal(size=(20, 3)), rng.permutation(20)
    metric = kind(NAMES)
    over(metric, output, target, [slice(0, 20)])
    whole = metric.values()
    over(metric, output[order], target[order], [slice(i, i + size) for i in range(0, 20, size)])
    assert metric.values() == pytest.approx(whole, rel=1e-9)


def test_equal_images_nan_and_bytes():
    clean, rough = waves(15, 1, 11, 11)
    assert over(PSNR(), clean, clean) == math.inf
    assert over(SSIM(), clean, clean) == pytest.approx(1.0, abs=1e-12)
    rough[14, 0, 0, 0] = np.nan
    for kind in (PSNR, SSIM):
        assert math.isnan(over(kind(), rough, clean, RAGGED))
        assert math.isnan(over(kind(), clean[:0], clean[:0], [slice(0, 0)]))
    a, b = (np.round(255 * image[:2]).astype("uint8") for image in waves(2, 1, 11, 11))
    for kind in (PSNR, SSIM):  # bytes do not wrap around
        expected = over(kind(255), a.astype(float), b.astype(float), [slice(0, 2)])
        assert over(kind(255), rl.tensor(a), rl.tensor(b), [slice(0, 2)]) == expected


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: PSNR(0), "PSNR data_range: got 0"),
        (lambda: SSIM(math.inf), "SSIM data_range: got inf"),
        (lambda: SSIM(window=10), "window=10"),
        (lambda: SSIM(sigma=0), "sigma=0"),
        (lambda: SSIM(k1=0), "k1=0"),
        (lambda: SSIM().update(np.ones((2, 1, 10, 28)), np.ones((2, 1, 10, 28))), "W >= 11"),
        (lambda: SSIM().update(np.ones((2, 784)), np.ones((2, 784))), "reshape rows of pixels"),
        (lambda: SSIM().update(np.ones((2, 12, 12)), np.ones((2, 1, 12, 12))), "one shape"),
        (lambda: PSNR().update(np.ones(5), np.ones(5)), "one image in each row"),
    ],
)
def test_images_that_do_not_fit_are_refused(call, text):
    with pytest.raises(ValueError, match=text):
        call()
