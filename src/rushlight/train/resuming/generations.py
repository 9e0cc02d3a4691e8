"""Generations of checkpoints: the newest whole one, and the one before."""

from __future__ import annotations

import contextlib
import os
import pathlib
import re
import warnings
from typing import Any

from rushlight.errors import FileFormatError, explain
from rushlight.io import load_sealed, save_sealed

__all__ = ["Generations", "find", "read"]

Path = str | os.PathLike[str]

_NAME = re.compile(r"step-(\d{8,})\.ckpt")
_LEFT = re.compile(r"\..+\.[0-9a-f]{16}\.tmp")  # what a write leaves whose process is killed


class Generations:
    """Writes one file for each checkpoint, and then removes those that are no longer wanted.

    Args:
        folder: where they lie.
        keep: how many are kept.
    """

    def __init__(self, folder: Path, keep: int) -> None:
        self.folder, self.keep = pathlib.Path(folder), keep
        self._own: list[pathlib.Path] = []  # oldest first

    def write(self, state: dict[str, Any], step: int) -> pathlib.Path:
        """Write a checkpoint; files of another run, and newer ones, go when it is there."""
        path = self.folder / f"step-{step:08d}.ckpt"
        save_sealed(state, path)
        self._own = [*(own for own in self._own if own != path), path][-self.keep :]
        for other in find(self.folder):
            if other not in self._own:
                with contextlib.suppress(OSError):
                    other.unlink()
        return path

    def resumed(self, path: pathlib.Path) -> None:
        """Go on behind a checkpoint: it and those before it are of this run."""
        older = find(self.folder)
        self._own = older[older.index(path) :][::-1] if path in older else []


def find(folder: Path) -> list[pathlib.Path]:
    """Return the checkpoints in a folder, newest first."""
    try:
        names = os.listdir(folder)
    except (FileNotFoundError, NotADirectoryError):
        return []
    steps = [(int(match[1]), name) for name in names if (match := _NAME.fullmatch(name))]
    return [pathlib.Path(folder, name) for _, name in sorted(steps, reverse=True)]


def sweep(folder: Path) -> None:
    """Remove what killed writes have left in a folder that nobody else writes to."""
    for name in os.listdir(folder):
        if _LEFT.fullmatch(name):
            with contextlib.suppress(OSError):
                os.unlink(os.path.join(folder, name))


def read(where: Path) -> tuple[pathlib.Path, dict[str, Any]] | None:
    """Return the newest whole checkpoint and its path; None where there is none at all.

    Args:
        where: a checkpoint, a folder of them or the folder of a run.

    Raises:
        FileFormatError: there are some, but none is whole.

    Warns:
        UserWarning: newer ones are damaged or cannot be read; both are named.
    """
    given = pathlib.Path(where)
    if given.is_dir():
        paths = find(given / "last") or find(given)
    else:
        paths = [given] if given.exists() else []
    damaged: list[tuple[pathlib.Path, str]] = []
    for path in paths:
        try:
            state = _checked(path, load_sealed(path))
        except (FileFormatError, OSError) as error:  # or one that cannot be opened or read
            damaged.append((path, str(error)))
            continue
        for bad, why in damaged:
            warnings.warn(
                f"the checkpoint {str(bad)!r} cannot be used and {str(path)!r}, the one before, "
                f"is taken instead: {why}",
                stacklevel=4,
            )
        return path, state
    if damaged:
        raise FileFormatError(
            explain(
                f"resume from {os.fspath(where)!r}",
                got="; ".join(why for _, why in damaged),
                expected="a whole checkpoint",
                fix="start afresh with resume=False, or give the path of another checkpoint",
            )
        )
    return None


def _checked(path: pathlib.Path, state: Any) -> dict[str, Any]:
    form = state.get("format") if isinstance(state, dict) else None
    if form != 1:
        raise FileFormatError(
            explain(
                str(path),
                got=f"a state of format {form!r}",
                expected="a checkpoint of a Trainer, format 1",
                fix="was it written by a newer Rushlight?",
            )
        )
    return state
