"""What is wrong is said in one message, before the first step wherever that is possible."""

import numpy as np
import pytest
import scipy.sparse
from tests.train.nets import Table, blobs, classifier, line, regressor, weights

import rushlight as rl
from rushlight import nn, optim
from rushlight.data import DataLoader, Dataset, IterableDataset, TensorDataset
from rushlight.errors import DtypeError, MissingExtra, ShapeError
from rushlight.train import (
    Checkpoint,
    Curves,
    EarlyStopping,
    History,
    HistoryLog,
    NonFiniteError,
    ProgressBar,
    Trainer,
)

LINEAR = nn.Linear(3, 1)

MAKE = {
    "optimizer": (
        {"optimizer": "adan"},
        ValueError,
        "optimizer: got 'adan', expected one of 'adadelta', .*'adam', 'adamax', .*'sgd', or an opt",
    ),
    "optimizer type": ({"optimizer": 3}, TypeError, "optimizer: got int"),
    "optimizer of others": (
        {"optimizer": lambda p: optim.SGD(nn.Linear(1, 1).parameters()), "lr": None},
        ValueError,
        "holds no parameter of the model",
    ),
    "optimizer with a closure": ({"optimizer": optim.LBFGS}, ValueError, "Trainer: got LBFGS, wh"),
    "lr and object": (
        {"optimizer": optim.SGD(LINEAR.parameters()), "model": LINEAR},
        ValueError,
        "lr together with an optimizer object",
    ),
    "lr negative": ({"lr": -0.1}, ValueError, "lr: got -0.1, expected a finite number > 0"),
    "lr nan": ({"lr": float("nan")}, ValueError, "lr: got nan"),
    "lr text": ({"lr": "fast"}, ValueError, "lr: got 'fast'"),
    "loss": ({"loss": "hinge"}, ValueError, "loss: got 'hinge', expected one of 'bce', "),
    "loss type": ({"loss": 3}, TypeError, "loss: got int"),
    "loss reduction": ({"loss": nn.MSELoss(reduction="none")}, ValueError, "reduction='none'"),
    "metric": ({"metrics": ["f2"]}, ValueError, "metrics: got 'f2', expected one of 'accuracy'"),
    "scheduler": (
        {"scheduler": "cos"},
        ValueError,
        "got 'cos', expected one of .* did you mean 'cosine'",
    ),
    "scheduler type": ({"scheduler": 3}, TypeError, "scheduler: got int"),
    "scheduler step": ({"scheduler_step": "step"}, ValueError, "expected 'epoch' or 'batch'"),
    "warmup": ({"warmup": -1}, ValueError, "warmup: got -1"),
    "warmup text": ({"warmup": "long"}, ValueError, "warmup: got 'long'"),
    "clip": ({"clip_norm": 0}, ValueError, "clip_norm: got 0"),
    "clip text": ({"clip_norm": "1"}, ValueError, "clip_norm: got '1'"),
    "seed": ({"seed": -1}, ValueError, "seed: got -1, expected an int >= 0"),
    "seed half": ({"seed": 0.5}, ValueError, "seed: got 0.5"),
    "progress": ({"progress": "loud"}, ValueError, "progress: got 'loud'"),
    "callback": ({"callbacks": [print]}, TypeError, "callbacks: got builtin_function"),
    "callback class": ({"callbacks": EarlyStopping}, TypeError, "got the class EarlyStopping"),
    "model": ({"model": abs}, TypeError, "expected an nn.Module"),
    "model class": ({"model": nn.Linear}, TypeError, "got the class Linear"),
    "no parameters": ({"model": nn.ReLU()}, ValueError, "without trainable parameters"),
    "frozen": (
        {"model": nn.Linear(3, 1).requires_grad_(False)},
        ValueError,
        "without trainable parameters.*requires_grad=True",
    ),
}


@pytest.mark.parametrize("case", MAKE)
def test_arguments_of_the_trainer(case):
    options, error, text = MAKE[case]
    with pytest.raises(error, match=text):
        regressor(**options)


X, Y = line(20)
NAN, INF = X.copy(), Y.copy()
NAN[4, 1], INF[7] = np.nan, np.inf


class Unsized(Dataset):
    def __getitem__(self, index):
        return X[index], Y[index]


class Endless(IterableDataset):
    def __iter__(self):
        return iter(zip(X, Y, strict=True))


FIT = {
    "epochs": ((X, Y), {"epochs": 0}, ValueError, "fit epochs: got 0, expected an int >= 1"),
    "epochs half": ((X, Y), {"epochs": 1.5}, ValueError, "fit epochs: got 1.5"),
    "batch size": ((X, Y), {"batch_size": -4}, ValueError, "batch_size: got -4"),
    "empty": ((X[:0], Y[:0]), {}, ValueError, "fit: got no samples"),
    "empty data set": ((TensorDataset(X[:0], Y[:0]),), {}, ValueError, "fit: got no samples"),
    "lengths": ((X, Y[:-1]), {}, ShapeError, r"X \(20, 3\) and y \(19, 1\), expected equal leng"),
    "no y": ((X,), {}, TypeError, "X without y"),
    "text": ((X.astype(str), Y), {}, DtypeError, "X: got an array of <U"),
    "empty lists": (([], []), {}, ValueError, "fit: got no samples"),
    "objects": ((X, np.array([print] * 20)), {}, DtypeError, "y: got an array of object"),
    "missing values": ((X, np.array([None] * 20)), {}, NonFiniteError, "got NaN in y"),
    "masked": ((np.ma.masked_greater(X, 1), Y), {}, NonFiniteError, "got NaN in X"),
    "sparse": ((scipy.sparse.csr_array(X), Y), {}, DtypeError, "got csr_array.*toarray"),
    "ragged": (([[1.0], [1.0, 2.0]], [1, 2]), {}, ShapeError, "X: got.*to one length"),
    "scalar": ((np.float32(3), Y), {}, ShapeError, "a first axis of samples"),
    "a number": ((3,), {}, TypeError, "got int, expected arrays X, y"),
    "a dict": (({"x": X},), {}, TypeError, "got dict, expected arrays X, y"),
    "a table alone": ((Table(X),), {}, TypeError, "got X without y"),
    "no length": ((Unsized(),), {}, TypeError, "got Unsized.*give the data set __len__"),
    "a data set and y": ((TensorDataset(X, Y), Y), {}, TypeError, "TensorDataset and y"),
    "nan": ((NAN, Y), {}, NonFiniteError, r"fit: got NaN in X, first in row 4 \(1 of 20\)"),
    "inf": ((X, INF), {}, NonFiniteError, "got infinity in y, first in row 7"),
    "overflow": ((X.astype("float64") * 1e300, Y), {}, NonFiniteError, "infinity in X"),
    "features": ((X[:, :2], Y), {}, ShapeError, "3"),
    "target shape": ((X, Y[:, 0]), {}, ShapeError, r"\(20, 1\).*\(20,\)"),
    "validation fraction": ((X, Y), {"validation": 1.0}, ValueError, "validation: got 1.0 of 20"),
    "validation number": ((X, Y), {"validation": 20}, ValueError, "validation: got 20 of 20"),
    "validation true": ((X, Y), {"validation": True}, TypeError, "validation: got bool"),
    "validation x": ((X, Y), {"validation": X}, TypeError, "fit: validation: got X without y"),
    "validation empty": ((X, Y), {"validation": (X[:0], Y[:0])}, ValueError, "no samples"),
    "validation nan": ((X, Y), {"validation": (NAN, Y)}, NonFiniteError, "validation: got NaN"),
    "validation features": ((X, Y), {"validation": (X[:, :2], Y)}, ShapeError, "3"),
    "validation of a loader": (
        (DataLoader(TensorDataset(X, Y), 4),),
        {"validation": 0.2, "batch_size": None},
        TypeError,
        "random_split",
    ),
    "batch size twice": (
        (DataLoader(TensorDataset(X, Y), 4),),
        {"batch_size": 8},
        ValueError,
        r"the loader has its own \(4\)",
    ),
    "one tensor": ((TensorDataset(X),), {}, TypeError, "batch 1: got a batch of Tensor"),
    "no tensors": ((DataLoader([("a", 1)]),), {"batch_size": None}, TypeError, "a batch of"),
}


@pytest.mark.parametrize("case", FIT)
def test_arguments_and_data_of_fit(case):
    args, options, error, text = FIT[case]
    trainer = regressor()
    before = weights(trainer).copy()
    with pytest.raises(error, match=text):
        trainer.fit(*args, **{"epochs": 1, "batch_size": 32, **options})
    np.testing.assert_array_equal(weights(trainer), before)
    assert len(trainer.history) == 0


def test_float_classes_are_refused_with_the_fix():
    x, y = blobs()
    with pytest.raises(DtypeError, match=r"class indices .*y.astype\('int64'\)"):
        classifier().fit(x, y.astype("float32"), epochs=1)


def test_classes_out_of_range_are_refused():
    x, y = blobs()
    with pytest.raises((IndexError, ValueError), match="7"):
        classifier().fit(x, np.where(y == 0, 7, y), epochs=1)


def test_a_named_scheduler_needs_a_length():
    with pytest.raises(ValueError, match="unknown length"):
        regressor(scheduler="cosine").fit(Endless(), epochs=1)


@pytest.mark.parametrize("name", ["val_loss", "val_f1"])
def test_a_monitor_that_there_is_not_lists_those_there_are(name):
    trainer = regressor(callbacks=[EarlyStopping(name)])
    with pytest.raises(ValueError, match=f"monitor: got '{name}', expected one of 'train_loss'"):
        trainer.fit(X, Y, epochs=1)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"patience": 0}, "patience: got 0"),
        ({"min_delta": -1}, "min_delta: got -1"),
        ({"mode": "up"}, "mode: got 'up'"),
        ({"patience": "long"}, "patience: got 'long'"),
        ({"min_delta": "small"}, "min_delta: got 'small'"),
    ],
)
def test_arguments_of_early_stopping(options, text):
    with pytest.raises(ValueError, match=text):
        EarlyStopping(**options)


@pytest.mark.parametrize("kind", [Checkpoint, HistoryLog])
def test_an_interval_is_a_number(tmp_path, kind):
    with pytest.raises(ValueError, match=f"{kind.__name__} interval: got 'often', expected sec"):
        kind(tmp_path, interval="often")


@pytest.mark.parametrize(("which", "name"), [(0, "input"), (1, "target")])
def test_nan_from_a_loader_names_epoch_and_batch_and_keeps_what_was_learned(tmp_path, which, name):
    data = TensorDataset(X.copy(), Y.copy())

    def spoil(*, trainer, epoch, record):
        if epoch == 2:
            data.tensors[which].numpy()[13] = np.nan

    from rushlight.train import Event

    trainer = regressor(callbacks=[(Event.EPOCH_END, spoil)], out=tmp_path, lr=1e-3)
    text = rf"epoch 3, batch 4: got NaN in the {name}, first in row 1 \(1 of 4\)"
    with pytest.raises(NonFiniteError, match=text):
        trainer.fit(data, validation=(X, Y), epochs=5, batch_size=4, shuffle=False)
    history = History.load(tmp_path / "history.json")
    assert len(history) == 2
    assert "NaN" in history.stopped
    kept = rl.load(tmp_path / "best.safetensors")
    np.testing.assert_array_equal(kept["weight"].numpy(), trainer.model.weight.detach().numpy())
    assert np.isfinite(weights(trainer)).all()


def test_a_loss_that_diverges_is_explained_by_the_weights():
    for lr in (1e30, 1e10):
        trainer = regressor(optimizer="sgd", lr=lr)
        text = r"epoch 1, batch \d: got a loss of (inf|nan) \(the weights .*lower the learning rate"
        with pytest.raises(NonFiniteError, match=text):
            trainer.fit(X, Y, epochs=3, batch_size=4)


def test_a_loss_of_its_own_making_is_told_apart():
    trainer = regressor(loss=lambda o, t: (o - t).mean() * float("inf"))
    with pytest.raises(NonFiniteError, match=r"epoch 1, batch 1: .*the model's output is finite"):
        trainer.fit(X, Y, epochs=1)


@pytest.mark.parametrize(
    ("loss", "text"),
    [(lambda o, t: 0.5, "got float"), (lambda o, t: (o - t) ** 2, r"got a Tensor \(20, 1\)")],
)
def test_a_loss_must_be_a_scalar_tensor(loss, text):
    with pytest.raises(TypeError, match=f"loss: {text}, expected a scalar Tensor"):
        regressor(loss=loss).fit(X, Y, epochs=1)


class Returns(nn.Module):
    def __init__(self, make):
        super().__init__()
        self.linear, self.make = nn.Linear(3, 1), make

    def forward(self, x):
        return self.make(self.linear(x))


@pytest.mark.parametrize(
    ("make", "found"), [(lambda y: None, "NoneType"), (lambda y: (y, y), "tuple")]
)
def test_a_model_must_return_what_the_loss_takes(make, found):
    with pytest.raises(TypeError, match=f"MSELoss: got a model that returns {found}, expected a T"):
        regressor(model=Returns(make)).fit(X, Y, epochs=1)


def test_predict_says_what_is_wrong_with_the_output():
    with pytest.raises(TypeError, match=r"returns NoneType, .*`return`\?"):
        regressor(model=Returns(lambda y: None)).predict(X)
    with pytest.raises(ShapeError, match=r"an output \(\) for an input of 20 rows"):
        regressor(model=Returns(lambda y: y.mean())).predict(X)
    with pytest.raises(ShapeError, match=r"an output \(1,\) for an input of 3 rows.*x\[None\]"):
        regressor().predict(X[0])


@pytest.mark.parametrize("kind", [Checkpoint, HistoryLog, Curves])
@pytest.mark.parametrize("place", ["file", "file/below", "/proc/rushlight"])
def test_a_folder_that_cannot_be_written_to_is_found_before_training(tmp_path, kind, place):
    (tmp_path / "file").write_text("in the way")
    folder = place if place.startswith("/") else tmp_path / place
    trainer = regressor(callbacks=[kind(folder)])
    before = weights(trainer).copy()
    with pytest.raises(OSError, match="choose another path"):
        trainer.fit(X, Y, epochs=1)
    np.testing.assert_array_equal(weights(trainer), before)
    assert (tmp_path / "file").read_text() == "in the way"


def test_a_disk_that_is_too_full_is_found_before_training(tmp_path, monkeypatch):
    import shutil

    usage = type(shutil.disk_usage("/"))
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**9, 10**9 - 10, 10))
    with pytest.raises(OSError, match="got 10 bytes free, expected at least 192"):
        regressor(out=tmp_path).fit(X, Y, epochs=1)


def test_a_disk_that_fills_up_ends_training_with_one_message(tmp_path, monkeypatch):
    import errno
    import os

    trainer = regressor(callbacks=[Checkpoint(tmp_path, interval=0), HistoryLog(tmp_path)])
    real, calls = os.fsync, []

    def full(descriptor):
        calls.append(descriptor)
        if len(calls) > 12:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(descriptor)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match=r"writing .* got No space left on device") as caught:
        trainer.fit(X, Y, epochs=50)
    assert caught.value.errno == errno.ENOSPC
    monkeypatch.undo()
    left = sorted(path.name for path in tmp_path.iterdir())
    assert left == ["best.safetensors", "history.csv", "history.json", "last"]
    assert regressor(seed=0, out=tmp_path).fit(X, Y, epochs=50, resume=True)[-1]["epoch"] == 50
    assert len(History.load(tmp_path / "history.json")) >= 1
    trainer.model.load_state_dict(rl.load(tmp_path / "best.safetensors"))


def _hide(monkeypatch, package):
    import importlib

    real = importlib.import_module

    def without(name, *args):
        if name.partition(".")[0] == package:
            raise ImportError(name)
        return real(name, *args)

    monkeypatch.setattr(importlib, "import_module", without)


def test_missing_extras_are_reported_before_anything_is_done(monkeypatch, tmp_path):
    _hide(monkeypatch, "matplotlib")
    with pytest.raises(MissingExtra, match=r"rushlight\[plots\]"):
        Curves(tmp_path / "out")
    assert not (tmp_path / "out").exists()
    _hide(monkeypatch, "tqdm")
    with pytest.raises(MissingExtra, match=r"rushlight\[cli\]"):
        ProgressBar("bar")


def test_without_matplotlib_out_still_works(monkeypatch, tmp_path):
    _hide(monkeypatch, "matplotlib")
    regressor(out=tmp_path).fit(X, Y, epochs=1)
    assert not (tmp_path / "curves.png").exists()
    assert (tmp_path / "history.json").exists()


def test_a_model_of_bad_shape_says_which_module():
    with pytest.raises(ShapeError) as caught:
        Trainer(nn.Sequential(nn.Linear(4, 1)), "mse", progress="none").fit(X, Y, epochs=1)
    assert "in module" in "".join(caught.value.__notes__)
