"""Callbacks: best weights, early stopping, checkpoints, the log."""

import os

import numpy as np
import pytest
from tests.train.nets import blobs, classifier, line, regressor, weights

import rushlight as rl
from rushlight.io import load_sealed
from rushlight.train import (
    Callback,
    Checkpoint,
    EarlyStopping,
    Event,
    History,
    HistoryLog,
    KeepBest,
)
from rushlight.train.callbacks import Best

X, Y = line(20)


class Play(Callback):
    """Replaces the validation loss of each epoch by the next of a list, and notes the weights."""

    def __init__(self, values, column="val_loss"):
        self.values, self.column, self.seen = values, column, []

    def on_epoch_end(self, *, trainer, epoch, record):
        record[self.column] = self.values[epoch - 1]
        self.seen.append(weights(trainer).copy())


def played(values, stopping, **options):
    play = Play(values)
    trainer = regressor(callbacks=[play, stopping], **options)
    history = trainer.fit(X, Y, validation=(X, Y), epochs=len(values))
    return trainer, history, play.seen


def test_early_stopping_ends_after_patience_and_restores_the_best():
    trainer, history, seen = played([5, 3, 4, 3, 3.5, 1, 0], EarlyStopping(patience=3))
    assert len(history) == 5
    assert "val_loss has not improved for 3 epochs (best: epoch 2)" in trainer.stopped
    np.testing.assert_array_equal(weights(trainer), seen[1])


def test_early_stopping_may_keep_the_last_weights():
    stopping = EarlyStopping(patience=1, restore_best=False)
    trainer, history, seen = played([2, 3, 1], stopping)
    assert len(history) == 2
    np.testing.assert_array_equal(weights(trainer), seen[1])


def test_min_delta_decides_when_to_stop_not_which_weights_are_best():
    stopping = EarlyStopping(patience=2, min_delta=1)
    trainer, history, seen = played([5, 4.5, 4.25, 1], stopping)
    assert len(history) == 3
    assert "has not improved by more than 1 for 2 epochs (best: epoch 3)" in trainer.stopped
    np.testing.assert_array_equal(weights(trainer), seen[2])


def test_slow_progress_adds_up_to_min_delta():
    _, history, _ = played([5, 4.5, 3.9, 3.5, 2.8], EarlyStopping(patience=2, min_delta=1))
    assert len(history) == 5


def test_nan_is_never_an_improvement():
    stopping = EarlyStopping(patience=2)
    _, history, _ = played([float("nan"), 2, float("nan"), float("nan"), 1], stopping)
    assert len(history) == 4
    assert stopping.best_epoch == 2


@pytest.mark.parametrize(
    ("monitor", "mode", "sign"),
    [
        ("val_loss", "auto", 1),
        ("train_accuracy", "auto", -1),
        ("val_accuracy", "min", 1),
        ("val_loss", "max", -1),
    ],
)
def test_mode_auto_knows_which_way_is_better(monitor, mode, sign):
    trainer = classifier()
    trainer._listen(True)
    best = Best(monitor, mode)
    best.begin(trainer)
    assert best.sign == sign


def test_the_trainer_monitors_what_a_callback_names():
    x, y = blobs()
    trainer = classifier(callbacks=[EarlyStopping("val_accuracy", patience=9)])
    history = trainer.fit(x, y, validation=0.2, epochs=3)
    assert history.monitor == "val_accuracy"
    values = history.as_dict()["val_accuracy"]
    assert history.best_epoch == 1 + values.index(max(values))


def test_without_validation_early_stopping_watches_the_training_loss():
    stopping = EarlyStopping(patience=1)
    trainer = regressor(callbacks=[stopping], optimizer="sgd", lr=2.0)
    history = trainer.fit(X, Y, epochs=6)
    assert len(history) < 6
    assert stopping.best.monitor == "train_loss"


def test_an_early_stopping_starts_afresh_in_a_second_fit():
    stopping = EarlyStopping(patience=2)
    trainer = regressor(callbacks=[Play([1, 2, 3, 9, 8, 7]), stopping])
    assert len(trainer.fit(X, Y, validation=(X, Y), epochs=3)) == 3
    assert len(trainer.fit(X, Y, validation=(X, Y), epochs=3)) == 6
    assert stopping.best_epoch == 6


@pytest.mark.parametrize("interval", [0.0, 1e9])
def test_checkpoints_hold_the_best_and_the_last_epoch(tmp_path, interval):
    play = Play([3, 1, 2])
    checkpoint = Checkpoint(tmp_path / "deep" / "run", interval=interval)
    trainer = regressor(callbacks=[play, checkpoint], restore_best=False)
    trainer.fit(X, Y, validation=(X, Y), epochs=3)
    last = load_sealed(checkpoint.last_path)["model"]
    for state, epoch in ((rl.load(checkpoint.best_path), 2), (last, 3)):
        other = regressor(seed=1)
        other.model.load_state_dict(state)
        np.testing.assert_array_equal(weights(other), play.seen[epoch - 1])
    assert sorted(os.listdir(checkpoint.folder)) == ["best.safetensors", "last"]
    assert len(os.listdir(checkpoint.folder / "last")) == 2


def test_checkpoints_of_quick_epochs_are_written_now_and_then(tmp_path, monkeypatch):
    from rushlight.train.callbacks import checkpoint
    from rushlight.train.resuming import generations

    written = []
    for place, name in ((checkpoint, "save"), (generations, "save_sealed")):
        real = getattr(place, name)
        noted = lambda s, p, real=real: (written.append(p.name), real(s, p))  # noqa: E731
        monkeypatch.setattr(place, name, noted)
    regressor(out=tmp_path).fit(X, Y, validation=(X, Y), epochs=30)
    assert len(written) <= 6


def test_out_writes_everything(tmp_path):
    pytest.importorskip("matplotlib")
    trainer = regressor(out=tmp_path / "run")
    history = trainer.fit(X, Y, validation=(X, Y), epochs=2)
    assert sorted(os.listdir(tmp_path / "run")) == [
        "best.safetensors",
        "curves.png",
        "history.csv",
        "history.json",
        "last",
    ]
    back = History.load(tmp_path / "run" / "history.json")
    assert list(back) == list(history)
    assert back.best_epoch == history.best_epoch


def test_a_callback_given_by_hand_takes_the_place_of_the_one_for_out(tmp_path):
    log = HistoryLog(tmp_path / "log")
    regressor(callbacks=[log], out=tmp_path / "run").fit(X, Y, epochs=1)
    assert log.path.exists()
    assert not (tmp_path / "run" / "history.json").exists()


def test_the_log_is_written_between_epochs(tmp_path):
    seen = []

    def look(*, trainer, epoch, record):
        seen.append(len(History.load(tmp_path / "history.json")))

    callbacks = [HistoryLog(tmp_path, interval=0), (Event.EPOCH_END, look)]
    regressor(callbacks=callbacks).fit(X, Y, epochs=3)
    assert seen == [1, 2, 3]


def test_every_callback_hears_the_end_even_if_one_fails():
    seen = []

    def fail(**facts):
        raise RuntimeError("no")

    callbacks = [(Event.FIT_END, fail), (Event.FIT_END, lambda **f: seen.append("end"))]
    with pytest.raises(RuntimeError, match="no"):
        regressor(callbacks=callbacks).fit(X, Y, epochs=1)
    assert seen == ["end"]


def test_an_error_in_an_epoch_keeps_the_best_weights():
    play = Play([1, 2, 3])

    def fail(*, trainer, epoch, record):
        if epoch == 3:
            raise RuntimeError("epoch three")

    trainer = regressor(callbacks=[play, KeepBest(), (Event.EPOCH_END, fail)])
    with pytest.raises(RuntimeError, match="epoch three"):
        trainer.fit(X, Y, validation=(X, Y), epochs=5)
    np.testing.assert_array_equal(weights(trainer), play.seen[0])
    assert trainer.history.stopped == "epoch three"
    assert not trainer.model.training
