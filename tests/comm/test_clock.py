"""The time that is left out is that in which the process stood still."""

from __future__ import annotations

import pytest

from rushlight.comm import clock


def test_a_process_that_stood_still_has_not_waited(monkeypatch):
    now = 100.0
    monkeypatch.setattr(clock.time, "monotonic", lambda: now)
    own = clock.Clock(most=6.0)
    for now, expected in ((101.0, 1.0), (107.0, 7.0), (167.0, 7.0), (167.5, 7.5), (174.0, 7.5)):
        assert own.tick() == pytest.approx(expected) == own.now
