"""A folder that appears whole or not at all."""

from __future__ import annotations

import contextlib
import os
import pathlib
import re
import secrets
import shutil
from collections.abc import Iterator

from rushlight.errors import explain

__all__ = ["FILES", "new_folder", "refuse_existing"]

FILES = {"model.py", "weights.safetensors", "README.md"}  # what each export has
_EXAMPLE = re.compile(r"example_(input|output)_\d+\.npy|__pycache__")  # what else may lie there


def refuse_existing(folder: pathlib.Path, overwrite: bool) -> None:
    """Refuse a path that is taken; with `overwrite` all but folders of an earlier export.

    Raises:
        FileExistsError: it is taken.
        FileNotFoundError: the folder around it is missing.
    """
    if not folder.absolute().parent.is_dir():
        text = explain(f"export to {str(folder)!r}", got="no folder around it",
                       expected="one that exists", fix="create it first")  # fmt: skip
        raise FileNotFoundError(text)
    if not folder.exists():
        return
    found = set(os.listdir(folder)) if folder.is_dir() else set()
    ours = found >= FILES
    others = sorted(name for name in found - FILES if not _EXAMPLE.fullmatch(name))
    if not (overwrite and ours and not others):
        kind = "a folder" if folder.is_dir() else "a file"
        kind = "an earlier export" if ours else f"{kind} that is no export"
        fix = "pass overwrite (--overwrite), or another path" if ours else "choose another path"
        if ours and others:  # they would be deleted with it
            kind += f" with other files in it: {', '.join(others[:5])}"
            fix = "move them, or choose another path"
        text = explain(f"export to {str(folder)!r}", got=kind, expected="a new path", fix=fix)
        raise FileExistsError(text)


@contextlib.contextmanager
def new_folder(target: pathlib.Path, overwrite: bool) -> Iterator[pathlib.Path]:
    """Give a temporary folder that takes the place of `target` when the block ends without error.

    Args:
        target: the folder to be; see `refuse_existing`.
        overwrite: let it take the place of an earlier export.
    """
    refuse_existing(target, overwrite)
    target = target.absolute()
    mark = secrets.token_hex(6)
    made, aside = (target.parent / f".{target.name}.{mark}.{kind}" for kind in ("new", "old"))
    made.mkdir()
    try:
        yield made
        for path in made.iterdir():
            _sync(path)
        if target.exists():
            os.replace(target, aside)
        try:
            os.rename(made, target)
        except OSError:
            if aside.exists():
                os.replace(aside, target)  # what was there comes back
            raise
    except BaseException:
        shutil.rmtree(made, ignore_errors=True)
        raise
    shutil.rmtree(aside, ignore_errors=True)


def _sync(path: pathlib.Path) -> None:
    """Force a file to the disk."""
    with open(path, "rb+") as file:
        os.fsync(file.fileno())
