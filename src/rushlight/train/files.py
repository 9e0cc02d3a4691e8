"""The folder of a run: whether it can be written to is found out before training."""

from __future__ import annotations

import errno
import os
import pathlib
import shutil
import tempfile

from rushlight.errors import explain

__all__ = ["check_folder"]


def check_folder(folder: str | os.PathLike[str], needed: int = 0) -> None:
    """Make a folder if it is missing and try to write to it.

    Args:
        folder: the folder.
        needed: bytes that must be free.

    Raises:
        OSError: it cannot be made or written to, or too little is free.
    """
    path = pathlib.Path(folder)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise NotADirectoryError(
            errno.ENOTDIR,
            explain(
                f"the folder {str(path)!r}",
                got="a path on which a file lies",
                expected="a folder, or a path where one can be made",
                fix="choose another path",
            ),
        ) from error
    except OSError as error:
        raise OSError(
            error.errno or errno.EIO,
            explain(
                f"making the folder {str(path)!r}",
                got=error.strerror or str(error),
                expected="a place one may write to",
                fix="choose another path",
            ),
        ) from error
    try:
        with tempfile.TemporaryFile(dir=path) as file:
            file.write(b"rushlight")
    except OSError as error:
        raise OSError(
            error.errno or errno.EIO,
            explain(
                f"writing into the folder {str(path)!r}",
                got=error.strerror or str(error),
                expected="a folder one may write to",
                fix="choose another path",
            ),
        ) from error
    usage = shutil.disk_usage(path)
    if usage.total and usage.free < needed:
        raise OSError(
            errno.ENOSPC,
            explain(
                f"the folder {str(path)!r}",
                got=f"{usage.free:,} bytes free",
                expected=f"at least {needed:,} for the checkpoints",
                fix="free some, or choose another path",
            ),
        )
