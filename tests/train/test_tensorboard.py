"""TensorBoard: what is in the files of events, read back by another reader."""

import importlib
import struct
import sys

import pytest
from tests.train.nets import line, regressor

from rushlight.errors import MissingExtra
from rushlight.train import TensorBoard

pytest.importorskip("tensorboardX")
X, Y = line(20)


def events(folder):
    """Return (tag, step, kind) of all values, read record by record."""
    event_pb2 = importlib.import_module("tensorboardX.proto.event_pb2")
    found, starts = [], []
    for path in sorted(folder.glob("events.*")):
        data, at = path.read_bytes(), 0
        while at < len(data):
            (size,) = struct.unpack_from("<Q", data, at)
            event = event_pb2.Event.FromString(data[at + 12 : at + 12 + size])
            at += 12 + size + 4
            if event.session_log.status == 1:
                starts.append(event.step)
            for value in event.summary.value:
                kind = value.WhichOneof("value")
                found.append((value.tag, event.step, kind, value.simple_value))
    return found, starts


def test_scalars_and_histograms(tmp_path):
    board = TensorBoard(tmp_path, every=2, histograms=2)
    trainer = regressor(callbacks=[board])
    history = trainer.fit(X, Y, validation=(X, Y), epochs=4, batch_size=5)
    found, starts = events(tmp_path)
    scalars = {}
    for tag, step, kind, value in found:
        if kind == "simple_value":
            scalars.setdefault(tag, {})[step] = value
    assert set(scalars) == {"loss/batch", "loss/train", "loss/val", "lr"}
    assert list(scalars["loss/batch"]) == [2, 4, 6, 8, 10, 12, 14, 16]
    losses = {4 * r["epoch"]: pytest.approx(r["val_loss"]) for r in history}
    assert scalars["loss/val"] == losses
    held = {(tag, step) for tag, step, kind, _ in found if kind == "histo"}
    names = [f"{kind}/{name}" for kind in ("weights", "gradients") for name in ("weight", "bias")]
    assert held == {(name, step) for name in names for step in (8, 16)}
    assert starts == []


def test_another_fit_hides_nothing_and_a_resume_what_lies_behind(tmp_path):
    board = TensorBoard(tmp_path)
    trainer = regressor(callbacks=[board])
    trainer.fit(X, Y, epochs=2)
    trainer.fit(X, Y, epochs=2)
    other = TensorBoard(tmp_path)
    other.on_fit_begin(trainer=regressor(), first_epoch=1, last_epoch=4, batches=1)
    other.load_state_dict({"step": 3})
    other.on_epoch_end(trainer=trainer, epoch=4, record=trainer.history[-1])
    other.close()
    assert sorted(events(tmp_path)[1]) == [3, 4]
    assert board.state_dict() == {"step": 4}


def test_errors(tmp_path, monkeypatch):
    with pytest.raises(ValueError, match="TensorBoard every: got 0"):
        TensorBoard(tmp_path, every=0)
    with pytest.raises(ValueError, match="TensorBoard histograms: got -1"):
        TensorBoard(tmp_path, histograms=-1)
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="a path on which a file lies"):
        regressor(callbacks=[TensorBoard(tmp_path / "file")]).fit(X, Y, epochs=1)
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    with pytest.raises(MissingExtra, match=r"rushlight\[tensorboard\]"):
        TensorBoard(tmp_path)
