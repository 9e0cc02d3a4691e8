"""For all tests of plans: what lies in a plan's memory at first is wrong."""

from __future__ import annotations

from typing import Any

import pytest

from rushlight.plans import program


@pytest.fixture(autouse=True)
def wrong_at_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fill new memory of programs with not-a-numbers: they write each byte before they read it."""
    aligned = program.aligned

    def filled(nbytes: int, *make: Any) -> Any:
        memory = aligned(nbytes, *make)
        memory.fill(0xFF)
        return memory

    monkeypatch.setattr(program, "aligned", filled)
