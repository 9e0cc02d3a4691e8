"""Which files of a folder are students' work."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Callable, Iterator

from rushlight.check.loading.source import SUFFIXES
from rushlight.check.loading.words import words

__all__ = ["student_files"]

_FOREIGN = words("__pycache__ __MACOSX env venv node_modules site-packages")


def student_files(
    folder: str | os.PathLike[str], unreadable: Callable[[OSError], None] | None = None
) -> Iterator[pathlib.Path]:
    """Yield the .py and .ipynb files of a folder and of those in it, by name.

    What hides (checkpoints of Jupyter too) and what is installed is left out; links to folders
    are not followed.

    Args:
        folder: the folder.
        unreadable: told of a folder that cannot be read; default: it is passed over.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     for name in ("b.py", "a.ipynb", ".hidden.py", "notes.txt"):
        ...         pathlib.Path(folder, name).touch()
        ...     [path.name for path in student_files(folder)]
        ['a.ipynb', 'b.py']
    """
    for here, folders, names in os.walk(folder, onerror=unreadable):
        folders[:] = sorted(name for name in folders if not _is_foreign(here, name))
        for name in sorted(names):
            if name.lower().endswith(SUFFIXES) and not name.startswith("."):
                yield pathlib.Path(here, name)


def _is_foreign(here: str, name: str) -> bool:
    if name.startswith(".") or name in _FOREIGN:
        return True
    return os.path.exists(os.path.join(here, name, "pyvenv.cfg"))
