"""The time that is left out is that in which the process stood still."""

from __future__ import annotations

import pytest

from rushlight.comm import clock


def test_a_process_that_stood_still_has_not_waited(monkeypatch):
    times = iter((100.0, 101.0, 107.0, 167.0, 167.5, 174.0))
    monkeypatch.setattr(clock.time, "monotonic", lambda: next(times))
    own = clock.Clock(most=6.0)
    for expected in (1.0, 7.0, 7.0, 7.5, 7.5):
        assert own.tick() == pytest.approx(expected) == own.now
