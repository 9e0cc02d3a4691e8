"""The estimators: scikit-learn's own checks, its tools around them, and what is Rushlight's own."""

import pickle
import threading

import numpy as np
import pytest

sklearn = pytest.importorskip("sklearn", minversion="1.6")

from joblib import Parallel, delayed, parallel_config  # noqa: E402
from sklearn.base import clone  # noqa: E402
from sklearn.exceptions import NotFittedError  # noqa: E402
from sklearn.model_selection import GridSearchCV, cross_val_score  # noqa: E402
from sklearn.pipeline import make_pipeline  # noqa: E402
from sklearn.preprocessing import StandardScaler  # noqa: E402
from sklearn.utils.estimator_checks import parametrize_with_checks  # noqa: E402
from tests.train.nets import blobs, line  # noqa: E402

import rushlight as rl  # noqa: E402
from rushlight import nn, optim  # noqa: E402
from rushlight.errors import MissingExtra, ShapeError  # noqa: E402
from rushlight.sklearn import NetClassifier, NetRegressor  # noqa: E402
from rushlight.train import NonFiniteError  # noqa: E402

XC, YC = blobs()
XR, YR = line()
YR = YR[:, 0]
NAMES = np.array(["ant", "bee", "cat"], dtype=object)


def classifier(**options):
    options = {"lr": 0.02, "max_iter": 5, "random_state": 0, **options}
    return NetClassifier(**{"hidden_layer_sizes": (8,), **options})


def regressor(**options):
    options = {"lr": 0.02, "max_iter": 5, "random_state": 0, **options}
    return NetRegressor(**{"hidden_layer_sizes": (8,), **options})


def weights(net):
    return np.concatenate([p.detach().numpy().ravel() for p in net.module_.parameters()])


# Enough epochs for the checks that demand a score: 2 to 3 s for all of them.
@pytest.mark.filterwarnings("ignore")
@parametrize_with_checks(
    [
        NetClassifier((20,), lr=0.02, max_iter=40, n_iter_no_change=3),
        NetRegressor((20,), lr=0.02, max_iter=40, n_iter_no_change=3),
    ]
)
def test_scikit_learns_checks(estimator, check):
    check(estimator)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@parametrize_with_checks([NetClassifier(), NetRegressor()])
def test_scikit_learns_checks_with_the_defaults(estimator, check):
    check(estimator)


# ---- scikit-learn's tools


def test_pipeline_search_and_cross_validation():
    model = make_pipeline(StandardScaler(), classifier(max_iter=20))
    search = GridSearchCV(model, {"netclassifier__activation": ["relu", "tanh"]}, cv=3)
    search.fit(XC, YC)
    assert search.best_score_ > 0.9
    assert cross_val_score(regressor(max_iter=100), XR, YR, cv=3).min() > 0.8


@pytest.mark.parametrize("backend", ["threading", pytest.param("loky", marks=pytest.mark.slow)])
def test_in_parallel_it_gives_the_same_bits(backend):
    net = classifier(dropout=0.3)
    expected = [weights(clone(net).set_params(random_state=i).fit(XC, YC)) for i in range(4)]

    with parallel_config(backend=backend, n_jobs=2):
        found = Parallel()(
            delayed(clone(net).set_params(random_state=i).fit)(XC, YC) for i in range(4)
        )
    for fit, wanted in zip(found, expected, strict=True):
        np.testing.assert_array_equal(weights(fit), wanted)


def test_names_of_columns_are_kept_and_checked():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(XC, columns=["a", "b"])
    net = classifier().fit(frame, pandas.Series(NAMES[YC]))
    assert net.feature_names_in_.tolist() == ["a", "b"]
    assert net.score(frame, NAMES[YC]) > 0.9
    with pytest.raises(ValueError, match="feature names"):
        net.predict(frame.rename(columns={"a": "c"}))


def test_a_pickled_net_goes_on_with_the_same_bits():
    net = classifier(dropout=0.2, clip_norm=1.0, optimizer="sgd")
    for _ in range(2):
        net.partial_fit(XC, YC, classes=[0, 1, 2])
    again = pickle.loads(pickle.dumps(net))
    np.testing.assert_array_equal(again.predict_proba(XC), net.predict_proba(XC))
    for each in (net, again):
        each.partial_fit(XC, YC)
    np.testing.assert_array_equal(weights(again), weights(net))
    scheduled = classifier(scheduler="cosine", warmup=1, early_stopping=True).fit(XC, YC)
    assert pickle.loads(pickle.dumps(scheduled)).n_iter_ == scheduled.n_iter_


# ---- randomness


def test_an_int_gives_the_same_bits_whatever_was_drawn_before():
    net = classifier(dropout=0.3, batch_norm=True, early_stopping=True)
    first = weights(net.fit(XC, YC))
    rl.randn(5)
    np.testing.assert_array_equal(weights(net.fit(XC, YC)), first)
    other = clone(net).set_params(random_state=1).fit(XC, YC)
    assert (weights(other) != first).any()


def test_a_random_state_goes_on_and_none_is_numpys_own():
    def pair(state):
        return [weights(classifier(random_state=state).fit(XC, YC)) for _ in range(2)]

    a, b = pair(np.random.RandomState(3))
    c, d = pair(np.random.RandomState(3))
    np.testing.assert_array_equal([a, b], [c, d])
    assert (a != b).any()
    found = []
    for _ in range(2):
        np.random.seed(7)  # noqa: NPY002
        found.append(weights(classifier(random_state=None).fit(XC, YC)))
    np.testing.assert_array_equal(*found)


def test_the_default_generator_is_left_as_it_was():
    rl.manual_seed(5)
    expected = rl.randn(3).numpy()
    rl.manual_seed(5)
    classifier(dropout=0.5).fit(XC, YC).predict(XC)
    np.testing.assert_array_equal(rl.randn(3).numpy(), expected)


# ---- weights


@pytest.mark.parametrize(("make", "x", "y"), [(classifier, XC, YC), (regressor, XR, YR)])
def test_a_weight_is_a_repetition_to_the_last_bit_within_a_batch(make, x, y):
    count = np.arange(len(x)) % 4
    order = np.random.default_rng(0).permutation(count.sum())
    repeated = make(batch_size=500).fit(x.repeat(count, 0)[order], y.repeat(count)[order])
    weighed = make(batch_size=500).fit(x, y, sample_weight=3 * count)
    np.testing.assert_array_equal(weights(weighed), weights(repeated))
    assert (weights(make(batch_size=500).fit(x, y)) != weights(repeated)).any()


def test_only_ratios_of_weights_count_and_even_ones_change_nothing():
    even = classifier(batch_size=16).fit(XC, YC, sample_weight=np.full(90, 7.0))
    np.testing.assert_array_equal(weights(even), weights(classifier(batch_size=16).fit(XC, YC)))
    w = np.random.default_rng(0).uniform(1, 2, 90)
    fits = [classifier(batch_size=16).fit(XC, YC, sample_weight=f * w) for f in (1, 1000)]
    np.testing.assert_allclose(*map(weights, fits), rtol=1e-4)


def test_class_weights_are_weights_of_labels():
    labels, table = NAMES[YC], {"ant": 5.0, "cat": 0.0}
    by_class = classifier(class_weight=table).fit(XC, labels)
    by_sample = classifier().fit(XC, labels, sample_weight=[table.get(n, 1.0) for n in labels])
    np.testing.assert_array_equal(weights(by_class), weights(by_sample))
    assert by_class.classes_.tolist() == NAMES.tolist()
    few = np.flatnonzero((YC != 2) | (np.arange(90) % 10 == 0))
    net = classifier(class_weight="balanced", batch_size=16).fit(XC[few], YC[few])
    count = np.bincount(YC[few])
    other = classifier(class_weight={i: len(few) / 3 / n for i, n in enumerate(count)})
    other = other.set_params(batch_size=16).fit(XC[few], YC[few])
    np.testing.assert_allclose(weights(net), weights(other), rtol=1e-5)


def test_a_part_of_the_data_need_not_have_every_class():
    net = classifier(class_weight={0: 2.0}, loss="cross_entropy")
    net.partial_fit(XC[YC == 1], YC[YC == 1], classes=[0, 1, 2])
    assert net.predict_proba(XC).shape == (90, 3)


def test_partial_fit_takes_weights_as_they_are():
    fits = [
        regressor(optimizer="sgd").partial_fit(XR, YR, sample_weight=np.full(60, w))
        for w in (1.0, 1e-6)
    ]
    start = regressor(optimizer="sgd", lr=1e-12).partial_fit(XR, YR)
    moved = [np.abs(weights(fit) - weights(start)).max() for fit in fits]
    assert moved[0] > 1e-3 > 1e-6 > moved[1]


# ---- training


def test_early_stopping_puts_the_best_weights_back_and_keeps_the_curve():
    x, y = np.r_[XR, XR[:20]], np.r_[YR, YR[:20]]
    net = regressor(early_stopping=True, max_iter=300, n_iter_no_change=3, lr=0.3, tol=0).fit(x, y)
    curve = net.history_.as_dict()["val_loss"]
    assert len(net.validation_scores_) == len(net.loss_curve_) == net.n_iter_ < 300
    best = int(np.argmin(curve))
    assert best == net.n_iter_ - 4
    assert net.best_validation_score_ == net.validation_scores_[best]
    short = clone(net).set_params(max_iter=best + 1, n_iter_no_change=300).fit(x, y)
    np.testing.assert_array_equal(weights(net), weights(short))


def test_validation_has_each_class_alike():
    y = np.repeat([0, 1], [81, 9])
    seen = []

    class Spy(nn.Linear):
        def forward(self, x):
            seen.append(len(x))
            return super().forward(x)

    x = np.random.default_rng(0).normal(size=(90, 2))
    net = NetClassifier(
        module=Spy, early_stopping=True, validation_fraction=1 / 9, max_iter=1, random_state=0
    ).fit(x, y)
    assert seen == [10, 64, 16, 10]
    # of 10 samples 9 are of the first class: the accuracy of a net is a multiple of 1/10
    assert round(net.validation_scores_[0] * 10, 6) % 1 == 0


def test_without_early_stopping_it_ends_when_the_training_loss_stands_still():
    net = classifier(max_iter=200, lr=1e-6, n_iter_no_change=4).fit(XC, YC)
    assert net.n_iter_ == 5
    assert net.validation_scores_ is None


def test_warm_start_goes_on_and_takes_new_parameters():
    net = classifier(warm_start=True, batch_size=30).fit(XC, YC)
    before = weights(net)
    net.set_params(lr=1e-9).fit(XC, YC)
    assert net.n_iter_ == len(net.loss_curve_) == 10
    np.testing.assert_allclose(weights(net), before, atol=1e-6)
    cold = classifier(batch_size=30).fit(XC, YC)
    assert cold.fit(XC, YC).n_iter_ == 5


def test_partial_fit_is_fit_one_epoch_at_a_time():
    once = classifier(batch_size=16, n_iter_no_change=99).fit(XC, YC)
    parts = classifier(batch_size=16, n_iter_no_change=99)
    for _ in range(5):
        parts.partial_fit(XC, YC, classes=[0, 1, 2])
    np.testing.assert_array_equal(weights(parts), weights(once))
    parts.set_params(lr=1e-9).partial_fit(XC, YC)
    np.testing.assert_allclose(weights(parts), weights(once), atol=1e-6)


def test_ctrl_c_keeps_what_was_learned_and_warns():
    class Impatient(nn.Linear):
        calls = 0

        def forward(self, x):
            Impatient.calls += 1
            if Impatient.calls == 5:
                raise KeyboardInterrupt
            return super().forward(x)

    net = NetRegressor(module=Impatient, random_state=0, batch_size=100)
    with pytest.warns(UserWarning, match="interrupted in epoch 5"):
        net.fit(XR, YR)
    assert net.n_iter_ == 4
    assert net.predict(XR).shape == (60,)


# ---- nets, losses, targets


def image_net(inputs, outputs):
    return nn.Sequential(nn.Conv2d(inputs, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(64, outputs))


def test_modules_of_every_form():
    assert NetClassifier(module=nn.Linear, max_iter=3).fit(XC, YC).module_.out_features == 3
    images = np.random.default_rng(0).normal(size=(30, 2, 6, 6)).astype("float32")
    net = NetClassifier(module=image_net, max_iter=3, random_state=0).fit(images, YC[:30])
    assert net.predict(images).shape == (30,)
    given = nn.Linear(3, 1)
    before = given.weight.detach().numpy().copy()
    net = NetRegressor(module=given, lr=1e-9, max_iter=1).fit(XR, YR)
    assert net.module_ is not given
    np.testing.assert_array_equal(given.weight.detach().numpy(), before)
    np.testing.assert_allclose(net.module_.weight.detach().numpy(), before, atol=1e-6)


def test_a_built_net_has_what_was_asked_for():
    net = NetRegressor((5, 4), activation="gelu", dropout=0.2, batch_norm=True, max_iter=1)
    names = [type(m).__name__ for m in net.fit(XR, YR).module_]
    assert names == ["Linear", "BatchNorm1d", "GELU", "Dropout"] * 2 + ["Linear"]
    assert [m.out_features for m in net.module_ if isinstance(m, nn.Linear)] == [5, 4, 1]
    assert len(NetRegressor((), max_iter=1).fit(XR, YR).module_) == 1


@pytest.mark.parametrize(
    "loss", ["cross_entropy", "nll", "bce", "bce_with_logits", nn.MultiMarginLoss()], ids=str
)
def test_losses_of_classes(loss):
    y = np.where(YC == 0, "yes", "no")
    net = classifier(loss=loss, max_iter=20, batch_size=16).fit(XC, y)
    assert net.score(XC, y) > 0.95
    chances = net.predict_proba(XC)
    np.testing.assert_allclose(chances.sum(1), 1, rtol=1e-6)
    np.testing.assert_array_equal(net.classes_[chances.argmax(1)], net.predict(XC))
    np.testing.assert_allclose(np.exp(net.predict_log_proba(XC)), chances, rtol=1e-5)


def test_log_probabilities_do_not_underflow():
    net = NetClassifier(module=nn.Linear, max_iter=1, random_state=0).fit(1e4 * XC, YC)
    assert np.isfinite(net.predict_log_proba(1e6 * XC)).all()


@pytest.mark.parametrize("loss", ["mse", "mae", "huber", "smooth_l1", nn.HuberLoss(delta=0.5)])
def test_losses_of_numbers(loss):
    assert regressor(loss=loss, max_iter=100).fit(XR, YR).score(XR, YR) > 0.8


def test_functions_as_losses():
    def cubic(output, target):
        return (output - target).abs().pow(3).mean()

    x, y = np.r_[XR[:56], XR[:4]], np.r_[YR[:56], YR[:4]]  # some samples stand there twice
    assert regressor(loss=cubic, max_iter=100).fit(x, y).score(x, y) > 0.8
    with pytest.raises(TypeError, match="a weighted loss: got function cubic"):
        regressor(loss=cubic).fit(x, y, sample_weight=np.arange(60))


def test_a_parameter_set_after_fit_does_not_change_predictions():
    net = classifier().fit(XC, YC)
    before = net.predict_proba(XC)
    np.testing.assert_array_equal(net.set_params(loss="nll").predict_proba(XC), before)


def test_verbose_reports_each_epoch(capsys):
    regressor(max_iter=2).fit(XR, YR)
    assert capsys.readouterr() == ("", "")
    regressor(max_iter=2, verbose=True).fit(XR, YR)
    shown = capsys.readouterr()
    assert "2/2" in shown.out + shown.err


def test_predictions_have_the_shape_of_the_targets():
    for y in (YR, YR[:, None], np.c_[YR, -YR]):
        assert regressor().fit(XR, y).predict(XR).shape == y.shape


@pytest.mark.parametrize(
    "labels",
    [[-1, 5, 7], ["a", "b", "c"], [0.0, 1.0, 2.0], NAMES],
    ids=["int", "str", "float", "O"],
)
def test_labels_of_any_type(labels):
    labels = np.asarray(labels)
    net = classifier(max_iter=20).fit(XC, labels[YC])
    assert net.predict(XC).dtype == labels.dtype
    assert net.score(XC, labels[YC]) > 0.95


def test_optimizers_of_every_form():
    for optimizer in ("sgd", optim.SGD, lambda p, **o: optim.SGD(p, **o)):
        net = regressor(optimizer=optimizer, weight_decay=0.5).fit(XR, YR)
        group = net._trainer.optimizer.param_groups[0]
        assert (group["weight_decay"], group["lr"]) == (0.5, 0.02)


# ---- bad input

BAD = {
    "max_iter": ({"max_iter": 0}, ValueError, "NetClassifier max_iter: got 0, expected an int"),
    "batch_size": ({"batch_size": "auto"}, ValueError, "NetClassifier batch_size: got 'auto'"),
    "patience": ({"n_iter_no_change": 0}, ValueError, "n_iter_no_change: got 0"),
    "tol": ({"tol": -1}, ValueError, "tol: got -1"),
    "optimizer": ({"optimizer": "nope"}, ValueError, "optimizer: got 'nope', expected one of"),
    "activation": ({"activation": "nope"}, ValueError, "activation: got 'nope', expected one"),
    "sizes": ({"hidden_layer_sizes": (3, -1)}, ValueError, r"hidden_layer_sizes: got \(3, -1\)"),
    "module": ({"hidden_layer_sizes": (100,), "module": 3}, TypeError, "module: got int"),
    "both": ({"module": nn.Linear}, ValueError, r"hidden_layer_sizes=\(8,\) together with a mod"),
    "loss": ({"loss": "mse"}, ValueError, "loss='mse', expected a loss of classes"),
    "bce": ({"loss": "bce"}, ValueError, "got 3 classes, expected 2 classes; take 'cross_ent"),
    "split": (
        {"early_stopping": True, "validation_fraction": 2},
        ValueError,
        "validation_fraction: got 2",
    ),
    "monitor": ({"early_stopping": True, "monitor": "f1"}, ValueError, "monitor: got 'f1'"),
    "decay": ({"optimizer": "rprop", "weight_decay": 0.1}, ValueError, "weight_decay: got 0.1 and"),
    "class weight": ({"class_weight": {0: -1}}, ValueError, "class_weight: got {0: -1}"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_parameters(case):
    options, error, text = BAD[case]
    with pytest.raises(error, match=text):
        classifier(**options).fit(XC, YC)


def test_bad_data():
    sparse = pytest.importorskip("scipy.sparse")
    with pytest.raises(TypeError, match=r"dense data is required.*toarray"):
        classifier().fit(sparse.csr_array(XC), YC)
    with pytest.raises(ValueError, match="contains NaN"):
        classifier().fit(np.where(XC > 1, np.nan, XC), YC)
    with pytest.raises(ValueError, match="too large for dtype"):
        classifier().fit(XC.astype("float64") * 1e300, YC)
    with pytest.raises(ValueError, match="at least 2 classes"):
        classifier().fit(XC, np.ones(90))
    with pytest.raises(ValueError, match=r"zeros alone|at least one non-zero"):
        classifier().fit(XC, YC, sample_weight=np.zeros(90))
    with pytest.raises(ShapeError, match=r"\(90, 7\), expected \(90, 3\), a column"):
        NetClassifier(module=nn.Linear(2, 7), max_iter=1).fit(XC, YC).predict(XC)
    with pytest.raises(ValueError, match="loss='cross_entropy', expected a loss of numbers"):
        regressor(loss="cross_entropy").fit(XR, YR)
    with pytest.raises(NonFiniteError, match="lower the learning rate"):
        regressor(optimizer="sgd", lr=1e20).fit(XR, YR)


def test_bad_calls_of_partial_fit():
    with pytest.raises(ValueError, match="no classes, expected all of them, in the first call"):
        classifier().partial_fit(XC, YC)
    with pytest.raises(ValueError, match="got early_stopping=True"):
        classifier(early_stopping=True).partial_fit(XC, YC, classes=[0, 1, 2])
    with pytest.raises(ValueError, match="class_weight='balanced', expected a dict"):
        classifier(class_weight="balanced").partial_fit(XC, YC, classes=[0, 1, 2])
    net = classifier().partial_fit(XC, YC, classes=[0, 1, 2])
    with pytest.raises(ValueError, match=r"the classes \[3\], expected classes of \[0, 1, 2\]"):
        net.partial_fit(XC, YC + 1)
    with pytest.raises(ValueError, match="as before"):
        net.partial_fit(XC, YC, classes=[0, 1])
    with pytest.raises(ShapeError, match=r"y \(60, 2\), expected y \(60,\), as before"):
        regressor().partial_fit(XR, YR).partial_fit(XR, np.c_[YR, YR])


def test_a_fit_that_fails_leaves_no_fitted_net():
    net = classifier(optimizer="nope")
    with pytest.raises(ValueError, match="optimizer"):
        net.fit(XC, YC)
    with pytest.raises(NotFittedError):
        net.predict(XC)


def test_threads_do_not_mix_their_random_numbers():
    expected = weights(classifier(dropout=0.5).fit(XC, YC))
    found = []
    threads = [
        threading.Thread(target=lambda: found.append(classifier(dropout=0.5).fit(XC, YC)))
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for net in found:
        np.testing.assert_array_equal(weights(net), expected)


def test_without_scikit_learn_the_extra_is_named():
    import subprocess
    import sys

    code = (
        "import sys; sys.modules['sklearn'] = None\n"
        "import rushlight as rl\n"
        "from rushlight.errors import MissingExtra\n"
        "try: rl.sklearn\n"
        "except MissingExtra as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "pip install 'rushlight[sklearn]'" in done.stdout
    assert issubclass(MissingExtra, ImportError)
