"""Wrong targets: each loss says what it wants, and what to do."""

import warnings

import numpy as np
import pytest
from tests.train.nets import blobs

import rushlight as rl
from rushlight import nn
from rushlight.data import DataLoader, TensorDataset
from rushlight.errors import DtypeError, ShapeError
from rushlight.train import EarlyStopping, Trainer
from rushlight.train.parts import loss_names

N = 12
X = np.random.default_rng(0).normal(size=(N, 3)).astype("float32")
LABELS = np.arange(N) % 3
ONE_HOT = np.eye(3)[LABELS]
SIGNS = np.where(LABELS > 0, 1.0, -1.0)[:, None]
COLUMN = X[:, :1]

LAST = {"nll": nn.LogSoftmax(-1), "kl_div": nn.LogSoftmax(-1), "bce": nn.Sigmoid()}
CLASSES = ("cross_entropy", "nll", "multi_margin")
REGRESSION = ("mse", "mae", "l1", "smooth_l1", "huber")
OUTPUTS = {**dict.fromkeys(CLASSES, 3), "multilabel_margin": 3, "kl_div": 3}
RIGHT = {
    **dict.fromkeys(CLASSES, LABELS),
    **dict.fromkeys(REGRESSION, COLUMN),
    "bce": SIGNS > 0,
    "bce_with_logits": SIGNS > 0,
    "soft_margin": SIGNS,
    "hinge_embedding": SIGNS.astype(int),
    "kl_div": ONE_HOT,
    "poisson_nll": LABELS[:, None],
    "multilabel_soft_margin": SIGNS > 0,
    "multilabel_margin": np.array([[0, 1, -1]] * N),
}


def fit(name, y, outputs=None, loader=False, **options):
    rl.manual_seed(0)
    layers = [nn.Linear(3, outputs or OUTPUTS.get(name, 1))]
    if name in LAST:
        layers.append(LAST[name])
    trainer = Trainer(nn.Sequential(*layers), name, metrics=(), progress="none", seed=0)
    data = (DataLoader(TensorDataset(X, y), 4),) if loader else (X, y)
    return trainer.fit(*data, epochs=1, **options)


@pytest.mark.parametrize("name", loss_names())
def test_each_loss_takes_what_it_wants(name):
    assert np.isfinite(fit(name, RIGHT[name])[0]["train_loss"])


@pytest.mark.parametrize("name", ["cross_entropy", "mse", "bce", "kl_div", "multi_margin"])
def test_sample_weights_of_one_change_nothing(name):
    plain = fit(name, RIGHT[name])
    weighed = fit(name, RIGHT[name], sample_weight=np.ones(N))
    assert weighed[0]["train_loss"] == pytest.approx(plain[0]["train_loss"], rel=1e-6)


CASES = {
    "float labels": (CLASSES, LABELS.astype("float32"), DtypeError, r"ints.*astype\('int64'\)"),
    "a column of labels": (CLASSES, LABELS[:, None], ShapeError, r"\(N,\).*pass y\[:, 0\]"),
    "a column of floats": (
        CLASSES,
        COLUMN,
        ShapeError,
        r"class indices \(N,\) for an output \(N, C\).*y\[:, 0\].astype\('int64'\)",
    ),
    "one-hot ints": (CLASSES, ONE_HOT.astype(int), ShapeError, r"y.argmax\(1\) makes indices"),
    "one-hot floats": (CLASSES[1:], ONE_HOT, ShapeError, r"y.argmax\(1\) makes indices"),
    "one-hot of more classes": (
        CLASSES,
        np.eye(4)[LABELS],
        ShapeError,
        "y has 4 classes, the last layer 3 outputs",
    ),
    "labels from 1": (
        CLASSES,
        LABELS + 1,
        IndexError,
        r"a target of class 3, expected 0 to 2 .*count from 0 \(y - 1\), or give .* 4 outputs",
    ),
    "labels too large": (CLASSES, LABELS * 5, IndexError, "class 10, .*last layer 11 outputs"),
    "negative labels": (CLASSES, LABELS - 1, IndexError, "a target of class -1, expected 0 to 2"),
    "a row for a column": (
        (*REGRESSION, "bce", "bce_with_logits", "soft_margin", "hinge_embedding", "poisson_nll"),
        LABELS > 0,
        ShapeError,
        r"an output \(12, 1\) and a target \(12,\), expected a target of the output's shape, "
        r"\(12, 1\); pass y\[:, None\]",
    ),
    "several columns": (REGRESSION, X, ShapeError, "give the last layer 3 outputs, or y 1 col"),
    "one-hot for yes and no": (
        ("bce", "bce_with_logits"),
        ONE_HOT,
        ShapeError,
        r"for 3 classes use 'cross_entropy', y.argmax\(1\) and 3 outputs",
    ),
    "classes for yes and no": (
        ("bce", "bce_with_logits", "multilabel_soft_margin"),
        LABELS[:, None],
        ValueError,
        "targets 0, 1, 2, expected 0 for no and 1 for yes.*use 'cross_entropy'",
    ),
    "1 and 2 for yes and no": (
        ("bce", "bce_with_logits"),
        (LABELS > 0)[:, None] + 1,
        ValueError,
        "targets 1, 2, .*count from 0: y - 1",
    ),
    "signs for yes and no": (
        ("bce", "bce_with_logits", "multilabel_soft_margin"),
        SIGNS,
        ValueError,
        r"targets -1, 1, .*use \(y \+ 1\) / 2, or the loss 'soft_margin'",
    ),
    "floats for yes and no": (
        ("bce", "bce_with_logits"),
        COLUMN,
        ValueError,
        "targets from .*, expected 0 for no and 1 for yes",
    ),
    "0 and 1 for signs": (
        ("soft_margin", "hinge_embedding"),
        SIGNS > 0,
        ValueError,
        r"targets 0, 1, expected -1 for no and 1 for yes; use 2 \* y - 1",
    ),
    "counts below 0": (("poisson_nll",), SIGNS, ValueError, "targets -1, 1, expected counts >= 0"),
    "labels for probabilities": (
        ("kl_div",),
        LABELS,
        ShapeError,
        "class indices are for 'nll'; this loss compares with probabilities",
    ),
    "no probabilities": (("kl_div",), X, ValueError, "expected probabilities"),
}


@pytest.mark.parametrize(
    ("name", "case"), [(name, case) for case, (names, *_) in CASES.items() for name in names]
)
def test_wrong_targets(name, case):
    _, y, error, text = CASES[case]
    with pytest.raises(error, match=text):
        fit(name, y)


def test_labels_of_several_columns_are_explained_for_the_losses_of_numbers():
    with pytest.raises(ShapeError, match=r"for classes use 'cross_entropy'"):
        fit("mse", LABELS, outputs=3)
    with pytest.raises(ShapeError, match=r"np.eye\(3\)\[y\], rows of 0 and 1"):
        fit("bce_with_logits", LABELS, outputs=3)


def test_one_output_is_not_enough_for_classes():
    with pytest.raises(ShapeError, match="an output for each class; for yes and no use 'bce_with"):
        fit("cross_entropy", LABELS, outputs=1)


def test_float_one_hot_rows_are_probabilities_for_cross_entropy():
    hard, soft = fit("cross_entropy", LABELS), fit("cross_entropy", ONE_HOT)
    assert soft[0]["train_loss"] == pytest.approx(hard[0]["train_loss"], rel=1e-5)


@pytest.mark.parametrize(
    ("name", "y", "error", "text"),
    [
        ("cross_entropy", LABELS.astype("float32"), DtypeError, r"astype\('int64'\)"),
        ("bce", LABELS[:, None] > 3, DtypeError, r"a target of bool, .*astype\('float32'\)"),
        ("mse", COLUMN[:, 0], ShapeError, r"pass y\[:, None\]"),
    ],
)
def test_a_loader_is_told_the_same(name, y, error, text):
    with pytest.raises(error, match=text):
        fit(name, y, loader=True)


def test_validation_data_is_checked_before_training():
    with pytest.raises(ShapeError, match=r"pass y\[:, None\]"):
        fit("mse", COLUMN, validation=(X, COLUMN[:, 0]))


def test_a_model_without_an_axis_for_the_column():
    class Flat(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(3, 1)

        def forward(self, x):
            return self.linear(x)[:, 0]

    with pytest.raises(ShapeError, match=r"pass y\[:, 0\], or let the model return a column"):
        Trainer(Flat(), "mse", progress="none").fit(X, COLUMN, epochs=1)


def test_an_ignored_class_is_none_that_is_missing():
    assert fit("cross_entropy:ignore_index=-1", LABELS - 1, outputs=3)
    with pytest.raises(IndexError, match="ignore_index=-1 leaves -1 out"):
        fit("cross_entropy", LABELS - 1, outputs=3)


# ---- a validation set with one class


def one_sided(**options):
    x, y = blobs(60)
    rl.manual_seed(0)
    net = nn.Linear(2, 3)
    trainer = Trainer(net, "cross_entropy", progress="none", seed=0, **options)
    held = y == 0
    return trainer, (x, y), (x[held], y[held])


def test_a_validation_set_of_one_class_is_a_warning():
    trainer, train, held = one_sided()
    text = r"fit: validation: got \d+ samples, all of class 0, expected samples of each class"
    with pytest.warns(UserWarning, match=text):
        trainer.fit(*train, validation=held, epochs=1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        trainer.fit(*train, validation=0.3, epochs=1)


def test_roc_auc_of_one_class_is_nan_with_a_warning_and_stops_with_a_reason():
    stopping = EarlyStopping("val_roc_auc", patience=2)
    trainer, train, held = one_sided(metrics="roc_auc", callbacks=[stopping])
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        history = trainer.fit(*train, validation=held, epochs=5)
    said = [str(warning.message) for warning in caught]
    assert any("all of class 0" in text for text in said)
    assert any("ROCAUC: got samples of 1 of 3 classes (0)" in text for text in said)
    assert len(history) == 2
    assert np.isnan(history.as_dict()["val_roc_auc"]).all()
    assert history.best_epoch is None
    assert "val_roc_auc was NaN in each of them" in trainer.stopped
