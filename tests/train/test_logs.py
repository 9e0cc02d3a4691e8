"""Logs line by line, and that a resume cuts off what was too much."""

import csv
import json

import pytest
from tests.train.nets import line, regressor

from rushlight.errors import FileFormatError
from rushlight.train import Callback, CSVLog, JSONLog

X, Y = line(20)


def rows(path):
    if path.suffix == ".csv":
        with open(path, newline="") as file:
            return list(csv.DictReader(file))
    return [json.loads(text) for text in path.read_text().splitlines()]


def test_json_lines_of_epochs_and_steps(tmp_path):
    path = tmp_path / "new" / "log.jsonl"
    trainer = regressor(callbacks=[JSONLog(path, every=2)])
    history = trainer.fit(X, Y, validation=(X, Y), epochs=2, batch_size=5)
    found = rows(path)
    assert [row["event"] for row in found] == ["step", "step", "epoch"] * 2
    assert [row["step"] for row in found if "step" in row] == [2, 4, 6, 8]
    assert found[3]["epoch"] == 2
    assert found[3]["lr"] == 0.05
    assert found[2] == {"event": "epoch", **history[0]}


def test_csv_rows_of_epochs_are_those_of_the_history(tmp_path):
    path = tmp_path / "log.csv"
    history = regressor(callbacks=[CSVLog(path)]).fit(X, Y, epochs=3)
    history.save(tmp_path / "history.csv")
    assert path.read_text() == (tmp_path / "history.csv").read_text()


def test_csv_rows_of_steps(tmp_path):
    path = tmp_path / "log.csv"
    regressor(callbacks=[CSVLog(path, every=3)]).fit(X, Y, epochs=2, batch_size=5)
    assert [(row["epoch"], row["step"]) for row in rows(path)] == [("1", "3"), ("2", "6")]
    assert list(rows(path)[0]) == ["epoch", "step", "lr", "loss"]


def test_numbers_that_are_not_finite(tmp_path):
    class Odd(Callback):
        def on_epoch_end(self, *, trainer, epoch, record):
            record["val_odd"] = float("nan")

    logs = [JSONLog(tmp_path / "a.jsonl"), CSVLog(tmp_path / "a.csv")]
    regressor(callbacks=[Odd(), *logs]).fit(X, Y, epochs=1)
    assert rows(tmp_path / "a.jsonl")[0]["val_odd"] is None
    assert rows(tmp_path / "a.csv")[0]["val_odd"] == "nan"


def test_a_column_that_is_new_in_the_middle_is_added(tmp_path):
    class Later(Callback):
        def on_epoch_end(self, *, trainer, epoch, record):
            if epoch == 2:
                record["val_mae"] = 0.5

    path = tmp_path / "log.csv"
    regressor(callbacks=[Later(), CSVLog(path)]).fit(X, Y, epochs=3)
    assert [row["val_mae"] for row in rows(path)] == ["", "0.5", ""]
    assert [row["epoch"] for row in rows(path)] == ["1", "2", "3"]


@pytest.mark.parametrize("kind", [JSONLog, CSVLog])
@pytest.mark.parametrize("every", [None, 1])
def test_another_fit_adds_and_another_run_begins_anew(tmp_path, kind, every):
    path = tmp_path / ("log.csv" if kind is CSVLog else "log.jsonl")
    trainer = regressor(callbacks=[kind(path, every)])
    trainer.fit(X, Y, epochs=2)
    first = path.read_text()
    trainer.fit(X, Y, epochs=1)
    assert path.read_text().startswith(first)
    assert rows(path)[-1]["epoch"] in (3, "3")
    regressor(callbacks=[kind(path, every)]).fit(X, Y, epochs=1)
    assert len(rows(path)) == (2 if kind is JSONLog and every else 1)


def test_a_resume_cuts_off_what_the_checkpoint_does_not_know(tmp_path):
    path = tmp_path / "log.jsonl"
    log = JSONLog(path)
    trainer = regressor(callbacks=[log])
    trainer.fit(X, Y, epochs=2)
    state = log.state_dict()
    text = path.read_text()
    trainer.fit(X, Y, epochs=2)
    with open(path, "a") as file:
        file.write('{"event": "epo')  # the process was killed here
    again = JSONLog(path)
    again.on_fit_begin(trainer=trainer, first_epoch=1, last_epoch=4, batches=1)
    again.load_state_dict(state)
    again.on_fit_end(trainer=trainer, history=trainer.history)
    assert path.read_text() == text
    again.load_state_dict({"rows": 1})
    again.on_epoch_end(trainer=trainer, epoch=2, record={"epoch": 2, "train_loss": 1.5})
    assert path.read_text() == text.splitlines(True)[0] + (
        '{"event": "epoch", "epoch": 2, "train_loss": 1.5}\n'
    )


@pytest.mark.parametrize("text", ["[1]\n", "{}\n", "nonsense\n", '{"epoch": "one"}\n', "\xff\n"])
def test_a_file_of_another_kind_is_not_gone_on_with(tmp_path, text):
    path = tmp_path / "log.jsonl"
    log = JSONLog(path)
    trainer = regressor(callbacks=[log])
    trainer.fit(X, Y, epochs=1)
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(FileFormatError, match=r"got no file of JSONLog .* move it away"):
        trainer.fit(X, Y, epochs=1)


def test_what_cannot_be_is_refused(tmp_path):
    with pytest.raises(ValueError, match="JSONLog every: got 0, expected an int >= 1"):
        JSONLog(tmp_path / "a", every=0)
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="a path on which a file lies"):
        regressor(callbacks=[CSVLog(tmp_path / "file" / "log.csv")]).fit(X, Y, epochs=1)
    (tmp_path / "log.csv").mkdir()
    with pytest.raises(OSError, match=r"writing '.*log.csv'"):
        regressor(callbacks=[CSVLog(tmp_path / "log.csv")]).fit(X, Y, epochs=1)


def test_a_full_disk_is_told(tmp_path, monkeypatch):
    log = JSONLog(tmp_path / "log.jsonl")

    def full(*args, **options):
        raise OSError(28, "No space left on device")

    class Fill(Callback):
        def on_epoch_end(self, *, trainer, epoch, record):
            if epoch == 2:
                monkeypatch.setattr("builtins.open", full)

    with pytest.raises(OSError, match=r"writing '.*log.jsonl': got No space left on device"):
        regressor(callbacks=[Fill(), log]).fit(X, Y, epochs=3)
