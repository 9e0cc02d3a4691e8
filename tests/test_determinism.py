"""The deterministic mode: who says that it is on. What it does is tested where sums are made."""

from __future__ import annotations

import pytest

import rushlight as rl
from rushlight import determinism


@pytest.fixture(autouse=True)
def unsaid(monkeypatch):
    monkeypatch.setattr(determinism, "_mode", None)
    monkeypatch.delenv("RUSHLIGHT_DETERMINISTIC", raising=False)


def test_the_environment_says_so_until_the_program_does(monkeypatch):
    assert not rl.are_deterministic_algorithms_enabled()
    monkeypatch.setenv("RUSHLIGHT_DETERMINISTIC", "1")
    assert rl.are_deterministic_algorithms_enabled()
    rl.use_deterministic_algorithms(False)
    assert not rl.are_deterministic_algorithms_enabled()
    monkeypatch.setenv("RUSHLIGHT_DETERMINISTIC", "0")
    rl.use_deterministic_algorithms(True, warn_only=True)
    assert rl.are_deterministic_algorithms_enabled()


def test_a_block_puts_it_back():
    with determinism.deterministic_algorithms(True):
        assert rl.are_deterministic_algorithms_enabled()
        with determinism.deterministic_algorithms(None):
            assert rl.are_deterministic_algorithms_enabled()
        with pytest.raises(ZeroDivisionError), determinism.deterministic_algorithms(False):
            assert not rl.are_deterministic_algorithms_enabled()
            raise ZeroDivisionError
        assert rl.are_deterministic_algorithms_enabled()
    assert not rl.are_deterministic_algorithms_enabled()


def test_refusals(monkeypatch):
    with pytest.raises(TypeError, match=r"got int, expected True or False"):
        rl.use_deterministic_algorithms(1)
    monkeypatch.setenv("RUSHLIGHT_DETERMINISTIC", "yes")
    with pytest.raises(ValueError, match=r"RUSHLIGHT_DETERMINISTIC: got 'yes', expected 0 or 1"):
        rl.are_deterministic_algorithms_enabled()
