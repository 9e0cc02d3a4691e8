"""Who waits for others to join says so; another process writes it."""

from __future__ import annotations

import time

import pytest

from rushlight.comm.late import patience


@pytest.mark.parametrize(("rank", "size", "said"), [(0, 2, True), (2, 4, False), (0, 1, False)])
def test_patience(rank, size, said, monkeypatch, capfd):
    monkeypatch.setenv("PMI_RANK", str(rank))
    monkeypatch.setenv("PMI_SIZE", str(size))
    with patience(0.01):
        stop = time.monotonic() + 30 * said
        text = ""
        while not text and time.monotonic() < stop:
            time.sleep(0.02)
            text = capfd.readouterr().err
    assert text.startswith("rushlight: rank 0 has waited 0.01 s for all ranks to join.") == said


def test_who_does_not_wait_long_says_nothing(monkeypatch, capfd):
    monkeypatch.setenv("PMI_RANK", "0")
    monkeypatch.setenv("PMI_SIZE", "2")
    with patience():
        pass
    assert not capfd.readouterr().err
