"""Weights of samples and classes: each form counts the same, and weights of 1 change nothing."""

import pickle

import numpy as np
import pytest
from tests.train.nets import blobs, classifier, line, regressor, weights

import rushlight as rl
from rushlight import nn
from rushlight.data import DataLoader, TensorDataset
from rushlight.errors import DtypeError, ShapeError
from rushlight.nn import functional as F
from rushlight.train import Trainer
from rushlight.train.weights import WeightedLoss

X, Y = line(40)
W = np.random.default_rng(1).uniform(0, 2, 40).astype("float32")


def fitted(make=regressor, x=X, y=Y, **options):
    loss = options.pop("loss", None)
    trainer = make(**({"loss": loss} if loss else {}))
    trainer.fit(x, y, **{"epochs": 2, "batch_size": 16, "shuffle": False, **options})
    return trainer


def rows(*tensors):
    return DataLoader(TensorDataset(*tensors), 16)


def test_it_is_the_loop_that_one_would_write():
    trainer = regressor(optimizer="sgd", lr=0.1)
    trainer.fit(X, Y, epochs=2, batch_size=16, shuffle=False, sample_weight=W)
    rl.manual_seed(0)
    model = nn.Linear(3, 1)
    optimizer = rl.optim.SGD(model.parameters(), lr=0.1)
    x, y, w = map(rl.from_numpy, (X, Y, W))
    for _ in range(2):
        for i in range(0, 40, 16):
            s = slice(i, i + 16)
            optimizer.zero_grad()
            (w[s] * (model(x[s]) - y[s])[:, 0] ** 2).mean().backward()
            optimizer.step()
    np.testing.assert_allclose(weights(trainer), weights(Trainer(model, "mse")), rtol=1e-5)


FORMS = {
    "array": lambda: fitted(sample_weight=W),
    "list": lambda: fitted(sample_weight=W.tolist()),
    "float64": lambda: fitted(sample_weight=W.astype("float64")),
    "tensor": lambda: fitted(sample_weight=rl.from_numpy(W)),
    "column": lambda: fitted(sample_weight=W[:, None]),
    "data set": lambda: fitted(x=TensorDataset(X, Y, W), y=None, sample_weight=True),
    "loader": lambda: fitted(x=rows(X, Y, W), y=None, batch_size=None, sample_weight=True),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_the_same_weights_gives_the_same_bits(form):
    expected = FORMS["array"]()
    found = FORMS[form]()
    np.testing.assert_array_equal(weights(found), weights(expected))
    assert found.history[-1]["train_loss"] == expected.history[-1]["train_loss"]
    assert (weights(found) != weights(fitted())).any()


LOSSES = [
    "mse",
    "mae",
    "huber",
    "smooth_l1",
    nn.MSELoss(reduction="sum"),
    nn.BCEWithLogitsLoss(),
    F.mse_loss,
]


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: getattr(loss, "__name__", str(loss)))
def test_weights_of_one_change_nothing_and_whole_weights_repeat(loss):
    y = (Y > 0).astype("float32")
    plain, ones = regressor(loss=loss), regressor(loss=loss)
    expected = plain.evaluate(X, y)["loss"]
    found = ones.evaluate(X, y, sample_weight=np.ones(40))["loss"]
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    count = np.arange(40) % 3
    repeated = plain.evaluate(X.repeat(count, 0), y.repeat(count, 0))["loss"]
    weighed = plain.evaluate(X, y, sample_weight=count / count.mean())["loss"]
    np.testing.assert_allclose(weighed, repeated, rtol=1e-5)


@pytest.mark.parametrize(
    "loss",
    [
        nn.CrossEntropyLoss(),
        nn.CrossEntropyLoss(weight=rl.tensor([1.0, 2.0, 5.0])),
        nn.CrossEntropyLoss(ignore_index=1),
        nn.CrossEntropyLoss(weight=rl.tensor([1.0, 2.0, 5.0]), ignore_index=0, label_smoothing=0.1),
        nn.CrossEntropyLoss(reduction="sum"),
        nn.MultiMarginLoss(),
    ],
    ids=str,
)
def test_weights_of_one_leave_losses_of_classes_as_they_are(loss):
    rng = np.random.default_rng(0)
    output = rl.from_numpy(rng.normal(size=(20, 3)))
    target = rl.from_numpy(rng.integers(0, 3, 20))
    found = WeightedLoss(loss)(output, target, rl.ones(20, dtype="float64"))
    np.testing.assert_allclose(found.item(), loss(output, target).item(), rtol=1e-12)


def test_class_weights_are_the_weights_of_the_samples_of_a_class():
    x, y = blobs()
    table = np.array([1.0, 0.0, 3.0])
    expected = fitted(classifier, x, y, sample_weight=table[y])
    for given in ([1, 0, 3], {1: 0, 2: 3}, rl.tensor([1.0, 0.0, 3.0])):
        found = fitted(classifier, x, y, class_weight=given)
        np.testing.assert_array_equal(weights(found), weights(expected))
    both = fitted(classifier, x, y, class_weight=[1, 0, 1], sample_weight=[1, 5, 3] * 30)
    product = fitted(classifier, x, y, sample_weight=np.array([1, 5, 3] * 30) * (y != 1))
    np.testing.assert_array_equal(weights(both), weights(product))
    stream = fitted(classifier, rows(x, y), None, batch_size=None, class_weight=[1, 0, 3])
    np.testing.assert_array_equal(weights(stream), weights(expected))


def test_balanced_gives_every_class_the_same_total():
    x, y = blobs()
    keep = np.flatnonzero((y != 2) | (np.arange(90) % 5 == 0))
    x, y = x[keep], y[keep]
    table = len(y) / (3 * np.bincount(y))
    found = fitted(classifier, x, y, class_weight="balanced")
    expected = fitted(classifier, x, y, class_weight=dict(enumerate(table)))
    np.testing.assert_array_equal(weights(found), weights(expected))
    np.testing.assert_allclose(np.bincount(y) * table, len(y) / 3)


def test_a_sample_of_weight_0_is_not_learned():
    y = Y.copy()
    y[:10] = 1e4
    w = (np.arange(40) >= 10).astype(float)
    trainer = regressor()
    trainer.fit(X, y, epochs=100, sample_weight=w)
    assert trainer.evaluate(X[10:], y[10:])["loss"] < 0.01


def test_validation_has_weights_of_its_own():
    trainer = regressor()
    history = trainer.fit(X, Y, validation=(X, Y, W), epochs=1)
    found = trainer.evaluate(X, Y, sample_weight=W)["loss"]
    np.testing.assert_allclose(history[0]["val_loss"], found, rtol=1e-6)
    assert abs(found - trainer.evaluate(X, Y)["loss"]) > 1e-3
    plain = regressor()
    history = plain.fit(X, Y, validation=(X, Y), epochs=1, sample_weight=W)
    np.testing.assert_allclose(history[0]["val_loss"], plain.evaluate(X, Y)["loss"], rtol=1e-6)
    data = TensorDataset(X, Y, W)
    both = regressor()
    history = both.fit(data, validation=data, epochs=1, sample_weight=True)
    found = both.evaluate(data, sample_weight=True)["loss"]
    np.testing.assert_allclose(history[0]["val_loss"], found, rtol=1e-6)


def test_what_is_split_off_keeps_its_weights():
    trainer = regressor()
    history = trainer.fit(X, Y, validation=0.5, epochs=1, sample_weight=np.zeros(40))
    assert history[0]["val_loss"] == history[0]["train_loss"] == 0


def test_a_trainer_that_weighed_can_be_pickled():
    trainer = fitted(sample_weight=W)
    again = pickle.loads(pickle.dumps(trainer))
    for t in (trainer, again):
        t.fit(X, Y, epochs=1, sample_weight=W)
    np.testing.assert_array_equal(weights(again), weights(trainer))


XC, YC = blobs()
BAD = {
    "length": ({"sample_weight": W[:-1]}, ShapeError, r"sample_weight: got an array \(39,\)"),
    "negative": ({"sample_weight": -W}, ValueError, "sample_weight: got a weight of -"),
    "nan": ({"sample_weight": W * np.nan}, ValueError, "sample_weight: got NaN"),
    "infinite": ({"sample_weight": W * np.inf}, ValueError, "sample_weight: got (NaN|.* inf)"),
    "text": ({"sample_weight": ["a"] * 40}, DtypeError, "sample_weight: got an array of <U"),
    "true": ({"sample_weight": True}, TypeError, "True together with ndarray.*pass the weights"),
    "function": (
        {"sample_weight": W, "loss": lambda o, t: ((o - t) ** 2).mean()},
        TypeError,
        "weighted loss: got function.*argument reduction",
    ),
    "fractions": ({"class_weight": [1, 2]}, DtypeError, "class_weight: got a target that holds"),
    "balanced": ({"class_weight": "balanced"}, TypeError, "class_weight: got 'balanced' and data"),
    "name": ({"class_weight": "even"}, ValueError, "class_weight: got 'even'"),
    "labels": ({"class_weight": {"a": 1}}, TypeError, r"class_weight: got a dict of \['a'\]"),
    "below": ({"class_weight": {-1: 1}}, ValueError, "class_weight: got class -1"),
    "table": ({"class_weight": [[1]]}, ShapeError, r"class_weight: got list of shape \(1, 1\)"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_weights(case):
    options, error, text = BAD[case]
    with pytest.raises(error, match=text):
        fitted(**options)


def test_bad_weights_of_classes_and_data_sets():
    with pytest.raises(ValueError, match="a target of class 2, expected a weight for each"):
        fitted(classifier, XC, YC, class_weight=[1, 1])
    with pytest.raises(TypeError, match=r"list together with TensorDataset, .*return them"):
        fitted(x=TensorDataset(X, Y), y=None, sample_weight=[1])
    with pytest.raises(TypeError, match=r"expected tensors \(x, y, weight\)"):
        fitted(x=TensorDataset(X, Y), y=None, sample_weight=True)
    with pytest.raises(TypeError, match="classes cannot be counted"):
        fitted(classifier, rows(XC, YC), None, batch_size=None, class_weight="balanced")
