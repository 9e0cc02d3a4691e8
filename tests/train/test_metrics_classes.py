"""Metrics of classes: equal to scikit-learn and to counting, however the epoch is cut."""

import math
import pickle
import sys
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.train.nets import blobs, classifier
from tests.train.test_metrics import over

import rushlight as rl
from rushlight import nn
from rushlight.errors import DtypeError, MissingExtra, ShapeError
from rushlight.train import (
    F1,
    ROCAUC,
    Accuracy,
    ConfusionMatrix,
    NonFiniteError,
    Precision,
    Recall,
    TopK,
    Trainer,
)
from rushlight.train.metrics import make_metrics

skm = pytest.importorskip("sklearn.metrics")

RNG = np.random.default_rng(1)


def answers(n=41, classes=4, seed=0):
    """Return scores with ties and classes of which the last is never wanted."""
    rng = np.random.default_rng(seed)
    return rng.integers(0, 5, (n, classes)) / 4, rng.integers(0, classes - 1, n)


def cuts(n, size):
    return [slice(i, i + size) for i in range(0, n, size)]


# ---- top k


@pytest.mark.parametrize("k", [1, 2, 3, 4])
def test_top_k_by_sorting_with_the_lower_class_first(k):
    output, target = answers()
    order = np.argsort(-output, axis=1, kind="stable")[:, :k]
    expected = (order == target[:, None]).any(1).mean()
    assert over(TopK(k), output, target, cuts(41, 7)) == expected
    if k == 1:
        assert over(Accuracy(), output, target) == over(TopK(1), output, target)


def test_top_k_of_pixels_with_an_ignored_class_and_of_probabilities():
    output, target = RNG.normal(size=(15, 3, 2, 2)), RNG.integers(0, 3, (15, 2, 2))
    rows = np.moveaxis(output, 1, -1).reshape(-1, 3)
    keep = target.ravel() != 1
    expected = skm.top_k_accuracy_score(target.ravel()[keep], rows[keep], k=2, labels=[0, 1, 2])
    assert over(TopK(2, ignore_index=1), output, target) == pytest.approx(expected, abs=1e-15)
    shares = np.moveaxis(np.eye(3)[target], -1, 1)
    assert over(TopK(2), output, shares) == over(TopK(2), output, target)


# ---- the confusion matrix


@pytest.mark.parametrize("normalize", [None, "true", "pred", "all"])
def test_confusion_matrix_equals_scikit_learn(normalize):
    output, target = answers()
    expected = skm.confusion_matrix(target, output.argmax(1), labels=range(4), normalize=normalize)
    found = over(ConfusionMatrix(normalize), output, target, cuts(41, 6))
    np.testing.assert_allclose(found, expected, rtol=1e-15)
    assert found.dtype == (np.int64 if normalize is None else np.float64)


def test_confusion_matrix_of_decisions():
    output, target = RNG.uniform(size=(15, 2)), RNG.integers(0, 2, (15, 2)).astype("float32")
    expected = skm.confusion_matrix(target.ravel(), output.ravel() > 0.3)
    np.testing.assert_array_equal(over(ConfusionMatrix(threshold=0.3), output, target), expected)


def test_confusion_matrix_stays_out_of_the_history_and_comes_with_evaluate(tmp_path):
    pytest.importorskip("matplotlib")
    x, y = blobs()
    trainer = classifier(metrics=["accuracy", "confusion_matrix"], out=tmp_path)
    history = trainer.fit(x, y, validation=(x, y), epochs=2)
    assert not [name for name in history.names() if "confusion" in name]
    head = (tmp_path / "history.csv").read_text().splitlines()[0]
    assert head == "epoch,lr,train_loss,train_accuracy,val_loss,val_accuracy,seconds"
    assert (tmp_path / "curves.png").exists()
    found = trainer.evaluate(x, y)
    matrix = found["confusion_matrix"]
    assert matrix.sum() == len(y) and np.trace(matrix) / len(y) == found["accuracy"]
    np.testing.assert_array_equal(matrix.sum(1), np.bincount(y))
    with pytest.raises(ValueError, match="'val_confusion_matrix', expected one of 'train_loss'"):
        trainer.monitor = "val_confusion_matrix"
        trainer.fit(x, y, validation=(x, y), epochs=1)


# ---- precision, recall, F1

SCORES = {
    Precision: skm.precision_score,
    Recall: skm.recall_score,
    F1: skm.f1_score,
}


@pytest.mark.parametrize("kind", SCORES)
@pytest.mark.parametrize("average", ["macro", "micro", "weighted"])
@pytest.mark.parametrize("labels", [None, [0, 2], [3, 1]])
@pytest.mark.parametrize("zero_division", [0.0, 1.0, math.nan])
def test_scores_equal_scikit_learn_over_the_whole_epoch(kind, average, labels, zero_division):
    output, target = answers()
    output[:, 3] = 0  # never found, never wanted
    expected = SCORES[kind](
        target, output.argmax(1), labels=labels, average=average, zero_division=zero_division
    )
    found = over(kind(average, labels, zero_division), output, target, cuts(41, 9))
    np.testing.assert_allclose(found, expected, rtol=1e-13)


@pytest.mark.parametrize("kind", SCORES)
def test_scores_of_each_class(kind):
    output, target = answers()
    expected = SCORES[kind](
        target, output.argmax(1), labels=range(4), average=None, zero_division=0
    )
    found = over(kind(None), output, target)  # the last batch is missing: only 15 of 41
    assert found.shape == (4,) and kind(None).columns == ()
    np.testing.assert_allclose(over(kind(None), output, target, cuts(41, 8)), expected, rtol=1e-13)
    named = kind(None, labels=[2, 0])
    over(named, output, target, cuts(41, 8))
    assert list(named.values()) == [f"{kind.name}_2", f"{kind.name}_0"]
    np.testing.assert_allclose(list(named.values().values()), expected[[2, 0]], rtol=1e-13)


@pytest.mark.parametrize("kind", SCORES)
def test_scores_of_two_classes(kind):
    target = RNG.integers(0, 2, 40)
    logits = RNG.normal(size=40) + target
    expected = SCORES[kind](target, logits > 0)
    found = over(kind("binary", threshold=0.0), logits, target.astype("float32"), cuts(40, 11))
    assert found == pytest.approx(expected, rel=1e-14)
    both = np.stack([-logits, logits], 1)
    assert over(kind("binary"), both, target, cuts(40, 7)) == pytest.approx(expected, rel=1e-14)


# ---- the area under the ROC curve


@pytest.mark.parametrize("multi_class", ["ovr", "ovo"])
@pytest.mark.parametrize("average", ["macro", "weighted"])
def test_roc_auc_equals_scikit_learn(multi_class, average):
    logits, target = RNG.normal(size=(41, 3)), RNG.integers(0, 3, 41)
    shares = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    expected = skm.roc_auc_score(target, shares, multi_class=multi_class, average=average)
    for metric, output in (
        (ROCAUC(average, multi_class), logits),
        (ROCAUC(average, multi_class), np.log(shares)),
        (ROCAUC(average, multi_class, logits=False), shares),
    ):
        assert over(metric, output, target, cuts(41, 6)) == pytest.approx(expected, rel=1e-12)


def test_roc_auc_of_two_classes_keeps_the_order_of_certain_answers():
    target = np.array([0, 1, 0, 1])
    logits = np.array([[0.0, 800.0], [0.0, 900.0], [0.0, 850.0], [0.0, 870.0]])
    assert over(ROCAUC(), logits, target, [slice(0, 4)]) == 1.0  # as softmax all are 1
    scores = logits[:, 1].astype("float32")
    assert over(ROCAUC(binary=True), scores, target, cuts(4, 3)) == 1.0


def test_roc_auc_of_one_class_is_nan_with_a_warning():
    metric = ROCAUC(binary=True)
    metric.reset()
    assert math.isnan(metric.compute())  # without a sample: no warning
    metric.update(np.zeros(3), np.ones(3))
    with pytest.warns(RuntimeWarning, match=r"samples of 1 of 2 classes \(1\).*so it is NaN"):
        assert math.isnan(metric.compute())


def test_a_first_batch_of_one_class_does_not_warn_before_training():
    x, y = blobs()
    order = np.argsort(y, kind="stable")
    trainer = classifier(metrics=["roc_auc", "f1"])
    history = trainer.fit(x, y, validation=(x[order], y[order]), epochs=1, batch_size=20)
    assert 0.5 < history[-1]["val_roc_auc"] <= 1


# ---- all of them

ALL = {
    "accuracy": Accuracy,
    "top2": lambda: TopK(2),
    "matrix": ConfusionMatrix,
    "precision": Precision,
    "recall": lambda: Recall("weighted"),
    "f1": lambda: F1(None, labels=[0, 2]),
    "roc_auc": ROCAUC,
}


@pytest.mark.parametrize("name", ALL)
@given(seed=st.integers(0, 2**32 - 1), size=st.integers(1, 30))
@settings(max_examples=15, deadline=None)
def test_neither_order_nor_size_of_the_batches_matters(name, seed, size):
    rng = np.random.default_rng(seed)
    target = np.concatenate([np.arange(3), rng.integers(0, 3, 27)])
    output = rng.integers(0, 4, (30, 3)) / 2.0
    metric, order = ALL[name](), rng.permutation(30)
    whole = over(metric, output, target, [slice(0, 30)])
    parts = over(metric, output[order], target[order], cuts(30, size))
    np.testing.assert_allclose(parts, whole, rtol=1e-13)
    assert np.isfinite(whole).all()


@pytest.mark.parametrize("name", ALL)
def test_metrics_can_be_pickled_and_take_tensors(name):
    output, target = answers(classes=3)
    target[:3] = 0, 1, 2
    metric = ALL[name]()
    expected = over(metric, output, target)
    copy = pickle.loads(pickle.dumps(metric))
    np.testing.assert_array_equal(copy.compute(), expected)
    found = over(copy, rl.tensor(output), rl.tensor(target))
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("name", [name for name in ALL if name != "matrix"])
def test_without_a_sample_the_value_is_nan(name):
    metric = ALL[name]()
    metric.reset()
    assert np.isnan(metric.compute()).all()
    metric.update(np.zeros((0, 3)), np.zeros(0, int))
    assert np.isnan(metric.compute()).all()


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize(
    ("output", "target", "error", "text"),
    [
        (np.zeros((4, 3)), np.zeros((4, 2), int), ShapeError, r"expected target \(4,\) of class"),
        (np.zeros((4, 3)), np.zeros(4), DtypeError, "class indices"),
        (np.zeros(4), np.zeros(4, int), ShapeError, r"\(N, C, \*\) of C >= 2 classes"),
        (np.full((4, 3), np.nan), np.zeros(4, int), NonFiniteError, "12 of 12 outputs .* NaN"),
        ((np.zeros(4),), np.zeros(4, int), TypeError, "output of type tuple.*a function"),
        (np.zeros((4, 3)), [0, 1], TypeError, r"target of type list.*np\.asarray"),
        (np.zeros((4, 3), complex), np.zeros(4, int), DtypeError, "complex128"),
    ],
)
def test_what_does_not_fit_is_refused(name, output, target, error, text):
    with pytest.raises(error, match=text):
        ALL[name]().update(output, target)


@pytest.mark.parametrize("name", [name for name in ALL if name != "accuracy"])
@pytest.mark.parametrize("bad", [-100, 3])
def test_a_class_that_does_not_exist_is_refused(name, bad):
    with pytest.raises(ValueError, match=f"the class {bad} in the target.*ignore_index={bad}"):
        ALL[name]().update(np.zeros((2, 3)), np.array([0, bad]))


@pytest.mark.parametrize("kind", [ConfusionMatrix, Precision, ROCAUC])
def test_another_number_of_classes_is_refused(kind):
    metric = kind()
    metric.update(np.zeros((2, 3)), np.array([0, 1]))
    with pytest.raises(ShapeError, match=r"\(N, 3, \*\) as in the batches before"):
        metric.update(np.zeros((2, 4)), np.array([0, 1]))


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: TopK(0), "TopK k: got 0"),
        (lambda: ConfusionMatrix("rows"), "normalize: got 'rows'"),
        (lambda: ConfusionMatrix(threshold=0.5, ignore_index=1), "ignore_index=1 where each"),
        (lambda: Accuracy(0.5, 1), "ignore_index=1 where each"),
        (lambda: F1("samples"), "F1 average: got 'samples'"),
        (lambda: F1("binary", labels=[1]), "labels with average='binary'"),
        (lambda: Recall(labels=[]), r"Recall labels: got \[\]"),
        (lambda: Recall(labels=[1, 1]), "each once"),
        (lambda: Recall(labels=[0.5]), "class indices"),
        (lambda: Precision(zero_division=0.5), "0, 1 or NaN"),
        (lambda: ROCAUC("micro"), "'macro' or 'weighted'"),
        (lambda: ROCAUC(multi_class="ova"), "'ovr' or 'ovo'"),
        (lambda: TopK(4).update(np.zeros((2, 3)), np.zeros(2, int)), "C >= 4 classes; lower k"),
        (lambda: F1("binary").update(np.zeros((2, 3)), np.zeros(2, int)), "3 classes, expected 2"),
        (lambda: F1(labels=[3]).update(np.zeros((2, 3)), np.zeros(2, int)), "label 3 of 3 classes"),
    ],
)
def test_wrong_arguments(make, text):
    with pytest.raises(ValueError, match=text):
        make()


@pytest.mark.parametrize("name", ["precision", "recall", "f1", "roc_auc"])
def test_without_scikit_learn_they_are_refused_before_training(name, monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.metrics", None)
    with pytest.raises(MissingExtra, match=r"rushlight\[sklearn\]"):
        Trainer(nn.Linear(2, 2), "cross_entropy", metrics=[name])


@pytest.mark.parametrize(
    ("loss", "average", "threshold", "ignored"),
    [
        (nn.CrossEntropyLoss(ignore_index=7), "macro", None, 7),
        (nn.BCELoss(), "binary", 0.5, None),
        (nn.BCEWithLogitsLoss(), "binary", 0.0, None),
    ],
)
def test_names_follow_the_loss(loss, average, threshold, ignored):
    f1, area, matrix, top = make_metrics(["f1", "roc_auc", "confusion_matrix", "top3"], loss)
    assert (f1.average, f1.threshold, f1.ignore_index) == (average, threshold, ignored)
    assert (area.binary, area.ignore_index) == (threshold is not None, ignored)
    assert (matrix.threshold, matrix.ignore_index) == (threshold, ignored)
    assert (top.name, top.k, top.ignore_index) == ("top3", 3, ignored)


def test_all_of_them_in_a_run_with_a_column_to_monitor():
    x, y = blobs()
    metrics = ["accuracy", "top2", F1(None, labels=[0, 2]), F1(name="f1"), "precision", "roc_auc"]
    metrics[2].name = "f1_of"
    trainer = classifier(metrics=metrics, monitor="val_f1_of_2")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        history = trainer.fit(x, y, validation=(x, y), epochs=3, batch_size=32)
    names = ["accuracy", "top2", "f1_of_0", "f1_of_2", "f1", "precision", "roc_auc"]
    assert [n for n in history.names() if n.startswith("val_")][1:] == [f"val_{n}" for n in names]
    found = trainer.predict(x).argmax(1)
    assert trainer.evaluate(x, y)["f1"] == pytest.approx(skm.f1_score(y, found, average="macro"))
    best = max(record["val_f1_of_2"] for record in history)
    assert history[history.best_epoch - 1]["val_f1_of_2"] == best
