"""A run that is killed and resumed: averages, logs and diagnostics are those of a whole run."""

import json
import re

import numpy as np
import pytest
from tests.train.nets import line

import rushlight as rl
from rushlight import nn
from rushlight.train import (
    EMA,
    Checkpoint,
    CSVLog,
    Diagnostics,
    Event,
    JSONLog,
    TensorBoard,
    Trainer,
)

X, Y = line(24)
FILES = ("log.jsonl", "epochs.csv", "steps.csv", "diagnostics.json")


class Kill(BaseException):
    """What no `except Exception` holds up, as SIGKILL."""


def kill_at(event, step):
    """Return a callback that ends everything at a moment, without another word."""

    def strike(*, trainer, **facts):
        if trainer.step == step:
            raise Kill

    return event, strike


def trainer_for(folder, kill=None, every_steps=2):
    rl.manual_seed(0)
    net = nn.Sequential(
        nn.Linear(3, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.3), nn.Linear(8, 1)
    )
    look = Diagnostics(folder)
    callbacks = [
        EMA(decay=0.9),
        JSONLog(folder / "log.jsonl", every=1),
        CSVLog(folder / "epochs.csv"),
        CSVLog(folder / "steps.csv", every=3),
        look,
        Checkpoint(folder, interval=0, every_steps=every_steps),
    ]
    moments = [] if kill is None else [kill]
    options = {"seed": 0, "progress": "none", "validate_every": 3, "accumulate": 2}
    return Trainer(net, "mse", lr=0.05, callbacks=[*callbacks, *moments], **options), look


def fit(trainer, **options):
    return trainer.fit(X[4:], Y[4:], validation=(X[:4], Y[:4]), epochs=4, batch_size=2, **options)


@pytest.fixture(autouse=True)
def no_pictures(monkeypatch):
    monkeypatch.setattr("rushlight.train.diagnostics._can_draw", lambda: False)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("rushlight.train.diagnostics._can_draw", lambda: False)
        trainer, look = trainer_for(folder)
        fit(trainer)
    return folder, trainer, look


def text_of(path):
    """Return a file without what tells the time."""
    text = path.read_text()
    text = re.sub(r'"seconds": [0-9.e-]+', '"seconds": 0', text)
    if path.name == "epochs.csv":
        text = "\n".join(row.rpartition(",")[0] for row in text.splitlines())
    return text


MOMENTS = [
    (event, step)
    for event, steps in {
        Event.BATCH_END: (1, 4, 7, 9, 13),
        Event.GRADIENTS: (2, 8),
        Event.EPOCH_END: (5, 10),
        Event.VALIDATION_END: (3, 6, 10),
    }.items()
    for step in steps
]


@pytest.mark.parametrize(("event", "step"), MOMENTS)
def test_a_killed_run_ends_as_a_whole_one(tmp_path, whole, event, step):
    folder, uninterrupted, seen = whole
    trainer, _ = trainer_for(tmp_path, kill_at(event, step))
    with pytest.raises(Kill):
        fit(trainer)
    with open(tmp_path / "log.jsonl", "a") as file:
        file.write('{"event": "st')
    again, look = trainer_for(tmp_path)
    fit(again, resume=True)
    for name in FILES:
        assert text_of(tmp_path / name) == text_of(folder / name), name
    assert look.records == seen.records
    states = again.model.state_dict(), uninterrupted.model.state_dict()
    for name, value in states[0].items():
        np.testing.assert_array_equal(value.numpy(), states[1][name].numpy())
    ours, theirs = (t.callbacks[0].averaged.state_dict() for t in (again, uninterrupted))
    for name, value in ours.items():
        np.testing.assert_array_equal(value.numpy(), theirs[name].numpy())
    best = [rl.load(place / "best.safetensors") for place in (tmp_path, folder)]
    for name, value in best[0].items():
        np.testing.assert_array_equal(value.numpy(), best[1][name].numpy())


def test_the_logs_of_the_whole_run(whole):
    folder, _, look = whole
    rows = [json.loads(text) for text in (folder / "log.jsonl").read_text().splitlines()]
    assert [r["step"] for r in rows if r["event"] == "step"] == list(range(1, 21))
    checked = [r["step"] for r in rows if r["event"] == "validation"]
    assert checked == [3, 5, 6, 9, 10, 12, 15, 18, 20]
    assert [r["epoch"] for r in rows if r["event"] == "epoch"] == [1, 2, 3, 4]
    assert [r["epoch"] for r in look.records] == [1, 2, 3, 4]
    assert look.records[0]["layers"]["2"]["units"] == 8


def test_tensorboard_goes_on_behind_the_checkpoint(tmp_path):
    pytest.importorskip("tensorboardX")
    from tests.train.test_tensorboard import events

    def make(*more):
        board = TensorBoard(tmp_path / "board", every=1)
        options = {"seed": 0, "progress": "none"}
        keeper = Checkpoint(tmp_path, interval=0, every_steps=4)
        rl.manual_seed(0)
        return Trainer(nn.Linear(3, 1), "mse", callbacks=[board, keeper, *more], **options)

    trainer = make(kill_at(Event.BATCH_END, 7))
    with pytest.raises(Kill):
        trainer.fit(X, Y, epochs=3, batch_size=8)
    again = make()
    again.fit(X, Y, epochs=3, batch_size=8, resume=True)
    found, starts = events(tmp_path / "board")
    assert len(starts) == 1
    steps = [step for tag, step, _, _ in found if tag == "loss/batch"]
    kept = [s for s in steps[: steps.index(7) + 1] if s < starts[0]] + steps[steps.index(7) + 1 :]
    assert kept == list(range(1, 10))
