"""History: records, columns, files."""

import json
import math

import pytest

from rushlight.errors import FileFormatError
from rushlight.train import History

ROWS = [
    {"epoch": 1, "lr": 0.1, "train_loss": 2.0, "seconds": 0.5},
    {"epoch": 2, "lr": 0.05, "train_loss": 1.0, "val_loss": math.nan, "seconds": 0.25},
]


def filled():
    history = History()
    for row in ROWS:
        history.append(row)
    history.best_epoch, history.monitor = 2, "train_loss"
    return history


def test_it_is_a_sequence_of_records():
    history = filled()
    assert len(history) == 2
    assert list(history) == ROWS
    assert history[-1] is ROWS[1]
    assert history[:1] == ROWS[:1]
    assert "2 epochs" in repr(history)
    assert repr(History()) == "History(no epochs)"


def test_columns_have_a_value_for_each_epoch():
    columns = filled().as_dict()
    assert list(columns) == ["epoch", "lr", "train_loss", "val_loss", "seconds"]
    assert columns["lr"] == [0.1, 0.05]
    assert all(map(math.isnan, columns["val_loss"]))


def test_json_is_valid_and_comes_back(tmp_path):
    path = tmp_path / "history.json"
    filled().save(path)
    assert json.loads(path.read_text())["epochs"][1]["val_loss"] is None
    back = History.load(path)
    assert back.best_epoch == 2
    assert back.monitor == "train_loss"
    assert back[0] == ROWS[0]
    assert math.isnan(back[1]["val_loss"])
    assert not back.interrupted


def test_csv_has_a_header_and_a_row_for_each_epoch(tmp_path):
    path = tmp_path / "history.csv"
    filled().save(path)
    lines = path.read_text().splitlines()
    assert lines[0] == "epoch,lr,train_loss,val_loss,seconds"
    assert lines[1:] == ["1,0.1,2.0,,0.5", "2,0.05,1.0,nan,0.25"]


TEXT = '{"epochs": [{"lr": "x"}], "monitor": 1, "best_epoch": 1, "interrupted": 0, "stopped": 0}'


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", '{"epochs": 3}', '{"epochs": [1]}', TEXT, "[" * 9999]
)
def test_another_file_is_refused(tmp_path, text):
    path = tmp_path / "history.json"
    path.write_text(text)
    with pytest.raises(FileFormatError, match=r"history\.json"):
        History.load(path)
