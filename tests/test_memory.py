"""Freed memory is kept: by counts of page faults, each in a process of its own."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

import pytest

from rushlight import memory

PROGRAM = """
import resource
import numpy as np
import rushlight

def step():
    held = [np.ones(750_000, np.float32) for _ in range(4)]  # 3 MB each

step()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    step()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""

glibc = pytest.mark.skipif(
    platform.libc_ver()[0] != "glibc" or sys.platform != "linux", reason="an option of glibc"
)


def _faults(**variables: str) -> int:
    kept = {
        name: value
        for name, value in os.environ.items()
        if name != "RUSHLIGHT_MALLOC" and name not in memory._VARIABLES
    }
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={**kept, **variables, "NUMPY_MADVISE_HUGEPAGE": "0"},
        capture_output=True,
        text=True,
        check=True,
    )
    return int(done.stdout)


@glibc
def test_fewer_page_faults() -> None:
    kept, returned = _faults(), _faults(RUSHLIGHT_MALLOC="default")
    assert kept * 10 < returned, (kept, returned)


@glibc
def test_a_tuned_malloc_is_left_alone() -> None:
    own = _faults(MALLOC_MMAP_THRESHOLD_="100000")
    assert _faults() * 10 < own


def test_says_whether_malloc_took_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert memory.keep_freed_memory() is False


def test_environment_decides_at_import(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[None] = []
    monkeypatch.setattr(memory, "keep_freed_memory", lambda: calls.append(None))
    for name in ("RUSHLIGHT_MALLOC", *memory._VARIABLES):
        monkeypatch.delenv(name, raising=False)
    memory.configure()
    assert len(calls) == 1
    monkeypatch.setenv("RUSHLIGHT_MALLOC", "default")
    memory.configure()
    assert len(calls) == 1


@glibc
def test_a_libc_without_mallopt_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    import ctypes

    monkeypatch.setattr(ctypes, "CDLL", lambda name: object())
    assert memory.keep_freed_memory() is False
