"""Writing a model in several files with an index."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from typing import Any, TypeAlias

from rushlight.errors import explain
from rushlight.io.atomic import atomic_write, write_text
from rushlight.io.safetensors.index import ENDING
from rushlight.io.safetensors.writing import Dtypes, Layout, Piece, layout, pieces, size, write

__all__ = ["save_sharded"]

Path: TypeAlias = str | os.PathLike[str]

_UNITS = {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
_UNITS |= {"KIB": 2**10, "MIB": 2**20, "GIB": 2**30, "TIB": 2**40}


def save_sharded(
    arrays: Mapping[str, Any],
    folder: Path,
    metadata: Mapping[str, str] | None = None,
    *,
    max_shard_size: int | str = "5GB",
    dtype: Dtypes = None,
    name: str = "model",
) -> list[str]:
    """Write arrays or tensors to files of limited size, with an index of what lies where.

    The files are model-00001-of-00003.safetensors, ..., filled in the order of `arrays`, and
    model.safetensors.index.json; what fits one file is model.safetensors, without an index. All
    files are complete on the disk before one takes its place, and the index comes last: while
    they are put in place the folder holds no index, so that old and new files are never read
    as one model. Files of this model that were there before are removed.

    Args:
        arrays: name -> NumPy array or Tensor, as `save_file` takes them.
        folder: an existing folder.
        metadata: text -> text kept in every file and in the index (None: nothing).
        max_shard_size: the most bytes of arrays in one file: a number, or text such as "500MB"
            (10^6 bytes each) or "2GiB"; an array beyond it has a file of its own.
        dtype: which floats are written as bfloat16, as in `save_file`.
        name: what the names of the files begin with.

    Returns:
        The names of the files, the index last.

    Raises:
        DtypeError, TypeError: as `save_file`.
        ValueError: `max_shard_size` is no size, or `name` no beginning of a file's name.
        OSError: a file cannot be written.

    Example:
        >>> import numpy as np, tempfile
        >>> from rushlight.io import load_file
        >>> folder = tempfile.TemporaryDirectory()
        >>> save_sharded({"a": np.ones(3), "b": np.ones(2)}, folder.name, max_shard_size=32)
        ['model-00001-of-00002.safetensors', 'model-00002-of-00002.safetensors',
         'model.safetensors.index.json']
        >>> sorted(load_file(folder.name)[0])
        ['a', 'b']
        >>> folder.cleanup()

    Source: https://huggingface.co/docs/transformers/big_models
    """
    import json

    if not re.fullmatch(r"\w[\w.+-]*", name):
        expected = "letters, digits, '_', '-', '.'"
        raise ValueError(explain("save_sharded, name", got=repr(name), expected=expected))
    shards = _split(pieces(arrays, dtype), _bytes(max_shard_size))
    files = [f"{name}-{i:05}-of-{len(shards):05}.safetensors" for i in range(1, len(shards) + 1)]
    if len(shards) == 1:
        files = [f"{name}.safetensors"]
    where = os.fspath(folder)
    index = os.path.join(where, name + ENDING)
    _put(where, files, [layout(shard, metadata) for shard in shards], index)
    ours = re.compile(re.escape(name) + r"(-\d{5,}-of-\d{5,})?\.safetensors")
    for file in os.listdir(where):
        if ours.fullmatch(file) and file not in files:
            os.unlink(os.path.join(where, file))
    if len(shards) == 1:
        return files
    content = {
        "metadata": {
            **dict(sorted((metadata or {}).items())),
            "total_size": sum(size(code, array) for shard in shards for _, code, array in shard),
        },
        "weight_map": {
            key: file for file, shard in zip(files, shards, strict=True) for key, _, _ in shard
        },
    }
    write_text(index, json.dumps(content, indent=2, ensure_ascii=False) + "\n")
    return [*files, os.path.basename(index)]


def _put(folder: str, files: list[str], contents: list[Layout], index: str) -> None:
    """Write the files; when all are on the disk, remove the old index and put them in place."""
    with ExitStack() as stack:
        for file, (header, ordered) in zip(files, contents, strict=True):
            out = stack.enter_context(atomic_write(os.path.join(folder, file)))
            write(out, header, ordered)
            out.flush()
            os.fsync(out.fileno())
        with suppress(FileNotFoundError):
            os.unlink(index)


def _split(parts: list[Piece], limit: int) -> list[list[Piece]]:
    """Return the arrays in their order, cut where the next would make a file too large."""
    shards: list[list[Piece]] = [[]]
    filled = 0
    for part in parts:
        needed = size(part[1], part[2])
        if shards[-1] and filled + needed > limit:
            shards.append([])
            filled = 0
        shards[-1].append(part)
        filled += needed
    return shards


def _bytes(given: int | str) -> int:
    """Return a number of bytes that is given as such, or as text with a unit."""
    if isinstance(given, int) and not isinstance(given, bool) and given > 0:
        return given
    match = re.fullmatch(r"(\d+(?:\.\d+)?) ?([KMGT]?i?B)", str(given), re.IGNORECASE)
    if match and float(match[1]) and isinstance(given, str):
        return max(1, int(float(match[1]) * _UNITS[match[2].upper()]))
    raise ValueError(
        explain("max_shard_size", got=repr(given), expected="bytes > 0, or text such as '500MB'")
    )
