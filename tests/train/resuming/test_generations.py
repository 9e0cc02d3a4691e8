"""Generations of checkpoints: a damaged one is found out, and the one before is taken."""

import os
import random
import shutil

import numpy as np
import pytest
from tests.train import runs

from rushlight.errors import FileFormatError
from rushlight.io import load_sealed, save_sealed
from rushlight.train.resuming.generations import Generations, find, read

ALTERED = int(os.environ.get("RUSHLIGHT_ALTERED", "100"))


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """Return the folder of a run and its outcome."""
    folder = tmp_path_factory.mktemp("finished")
    trained = runs.trainer(folder)
    runs.fit(trained)
    return folder, runs.outcome(trained)


def altered(content, draw):
    """Return the content with one thing wrong with it, and what it is."""
    way = draw.randrange(7)
    at = draw.randrange(len(content))
    if way == 0:
        return content[:at]
    if way == 1:
        return content[:at] + bytes([content[at] ^ (1 << draw.randrange(8))]) + content[at + 1 :]
    if way == 2:
        return content + draw.randbytes(draw.randint(1, 100))
    if way == 3:
        size = draw.randint(1, 500)
        return content[:at] + bytes(size) + content[at + size :]
    if way == 4:
        return content[:at] + content[at + draw.randint(1, 50) :]
    if way == 5:
        return content[:at] + draw.randbytes(draw.randint(1, 9)) + content[at:]
    other = draw.randrange(len(content))
    low, high = sorted((at, other))
    return content[:low] + content[high:] + content[low:high]


def test_altered_and_truncated_ones_are_never_taken(finished, tmp_path):
    newest, before = find(finished[0] / "last")
    good, draw = newest.read_bytes(), random.Random(0)
    shutil.copy(before, tmp_path)
    path = tmp_path / newest.name
    for _ in range(ALTERED):
        bad = altered(good, draw)
        if bad == good:
            continue
        path.write_bytes(bad)
        with pytest.raises(FileFormatError):
            load_sealed(path)
        with pytest.warns(UserWarning, match="cannot be used") as caught:
            found, state = read(tmp_path)
        assert str(path) in str(caught[0].message)
        assert str(found) in str(caught[0].message)
        assert found.name == before.name
        assert state["step"] == int(before.stem.removeprefix("step-"))


@pytest.mark.parametrize("kind", ["torn", "altered", "empty"])
def test_a_run_goes_on_from_the_one_before_to_the_same_bits(finished, tmp_path, kind):
    folder = tmp_path / "run"
    shutil.copytree(finished[0], folder)
    path = find(folder / "last")[0]
    good = path.read_bytes()
    middle = len(good) // 2
    other = bytes([good[middle] ^ 1])
    bad = {
        "torn": good[:-7],
        "altered": good[:middle] + other + good[middle + 1 :],
        "empty": b"",
    }
    path.write_bytes(bad[kind])
    trained = runs.trainer(folder)
    with pytest.warns(UserWarning, match="the one before, is taken instead"):
        runs.fit(trained)
    assert runs.outcome(trained) == finished[1]
    assert read(folder)[0].name == path.name  # written anew


def test_one_that_cannot_be_read_is_no_end(finished, tmp_path):
    folder = shutil.copytree(finished[0] / "last", tmp_path / "last")
    newest, before = find(folder)
    newest.unlink()
    newest.mkdir()
    with pytest.warns(UserWarning, match=f"{newest.name}.* cannot be used"):
        path, _ = read(tmp_path)
    assert path == before


def test_where_none_is_whole_it_says_so(finished, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(finished[0], folder)
    for path in find(folder / "last"):
        path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(FileFormatError, match=r"resume from .* expected a whole checkpoint"):
        runs.fit(runs.trainer(folder))


def test_a_whole_file_of_another_kind_is_refused(tmp_path):
    path = tmp_path / "step-00000001.ckpt"
    save_sealed({"format": 2}, path)
    with pytest.raises(FileFormatError, match=r"a state of format 2, expected .*format 1"):
        read(path)


def test_the_newest_are_kept_and_those_of_another_run_go(tmp_path):
    save_sealed({"format": 1}, tmp_path / "step-00000900.ckpt")
    (tmp_path / "notes.txt").write_text("mine")
    states = Generations(tmp_path, keep=2)
    for step in (0, 5, 7):
        states.write({"format": 1, "step": step}, step)
    names = ["notes.txt", "step-00000005.ckpt", "step-00000007.ckpt"]
    assert sorted(os.listdir(tmp_path)) == names
    assert read(tmp_path)[1]["step"] == 7


def test_the_old_one_stays_until_the_new_one_is_there(tmp_path, monkeypatch):
    states = Generations(tmp_path, keep=1)
    states.write({"format": 1, "step": 1}, 1)

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        states.write({"format": 1, "step": 2}, 2)
    monkeypatch.undo()
    assert [path.name for path in find(tmp_path)] == ["step-00000001.ckpt"]
    assert read(tmp_path)[1]["step"] == 1


def test_what_stands_twice_in_a_state_is_written_once(tmp_path):
    weights = np.random.default_rng(0).normal(size=1000)
    save_sealed({"a": weights, "b": [weights, weights[:500]]}, tmp_path / "twice")
    assert (tmp_path / "twice").stat().st_size < 12_500
    state = load_sealed(tmp_path / "twice")
    state["a"][0] = 7  # they come back as arrays of their own
    np.testing.assert_array_equal(state["b"][0], weights)
    np.testing.assert_array_equal(state["b"][1], weights[:500])


def test_the_best_weights_stand_in_a_state_once(finished, tmp_path):
    callbacks = [runs.EarlyStopping(patience=9), runs.EarlyStopping("val_loss", patience=8)]
    many = runs.trainer(tmp_path, callbacks=callbacks)
    runs.fit(many)
    one, three = (find(folder / "last")[0].stat().st_size for folder in (finished[0], tmp_path))
    assert three - one < 2500  # text, not weights
