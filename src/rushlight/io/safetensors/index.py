"""Models in several files: the index says which name lies in which file beside it."""

from __future__ import annotations

import os
from collections.abc import Collection
from typing import Any, TypeAlias

from rushlight.errors import FileFormatError, explain
from rushlight.io.mapped import Source
from rushlight.io.safetensors.header import lone, number, parse_json, short
from rushlight.io.stored import refuse

__all__ = ["ENDING", "Index", "locate", "read_index"]

Path: TypeAlias = str | os.PathLike[str]

ENDING = ".safetensors.index.json"
_CAP = 100_000_000
_BAD = "the index is damaged, or was made to reach outside of its folder; use another copy"


class Index:
    """What an index states.

    Args:
        path: the index.
        weight_map: name -> file name.
        metadata: text -> text.

    Attributes:
        path: the index.
        files: path of a file -> the names in it; files by name, names in the order of the index.
        weight_map: name -> path of the file in which it lies, in the order of the index.
        metadata: text -> text.
    """

    def __init__(self, path: str, weight_map: dict[str, str], metadata: dict[str, str]) -> None:
        folder = os.path.dirname(path)
        self.path, self.metadata = path, metadata
        self.weight_map = {name: os.path.join(folder, file) for name, file in weight_map.items()}
        self.files: dict[str, list[str]] = {file: [] for file in sorted(self.weight_map.values())}
        for name, file in self.weight_map.items():
            self.files[file].append(name)

    def open(self, file: str, mmap: bool | None) -> Source:
        """Open one of the files.

        Raises:
            FileFormatError: it is not there.
        """
        if not os.path.isfile(file):
            refuse(
                self.path,
                f"the file {short(os.path.basename(file))}, which is not beside it",
                f"all of its {len(self.files)} files in one folder",
                "copy the missing ones there",
            )
        return Source.of_path(file, mmap)

    def check(self, file: str, found: Collection[str]) -> None:
        """Refuse a file whose names are not those that the index states for it.

        Raises:
            FileFormatError: names are missing, or more than expected.
        """
        stated = set(self.files[file])
        for names, kind in ((stated.difference(found), "no"), (set(found) - stated, "also")):
            if names:
                some = ", ".join(short(name) for name in sorted(names)[:3])
                more = f" and {len(names) - 3} more" if len(names) > 3 else ""
                refuse(
                    file,
                    f"{kind} array {some}{more}",
                    f"the {len(stated):,} that {os.path.basename(self.path)} states for it",
                    "one of both belongs to another model or an older copy; get them anew",
                )


def locate(path: Path) -> str:
    """Return the file that a path means: of a folder the one model in it, else the path.

    Raises:
        FileFormatError: the folder holds none, or several.
    """
    where = os.fspath(path)
    if not os.path.isdir(where):
        return where
    names = sorted(os.listdir(where))
    indexes = [name for name in names if name.endswith(ENDING)]
    files = [name for name in names if name.endswith(".safetensors")]
    for choice in (["model.safetensors"] if "model.safetensors" in names else [], indexes, files):
        if len(choice) == 1:
            return os.path.join(where, choice[0])
    several = indexes or files
    raise FileFormatError(
        explain(
            where,
            got=f"a folder with {len(several) or 'no'} {'indexes' if indexes else 'files'} of "
            f"safetensors{': ' if several else ''}{', '.join(several[:5])}",
            expected=f"model.safetensors, or one *{ENDING}, or one *.safetensors",
            fix="name the file",
        )
    )


def read_index(path: str) -> Index:
    """Read an index; no file but the index is opened.

    Args:
        path: the index; what it names lies in its folder.

    Raises:
        FileFormatError: it is no index, or names a file that does not lie beside it.
        OSError: it cannot be opened.
    """
    with Source.of_path(path, mmap=False) as source:
        if source.size > _CAP:
            refuse(path, f"an index of {number(source.size)} bytes", f"at most {number(_CAP)}")
        content = parse_json(source.read(0, source.size).tobytes(), path)
    weight_map, metadata = content.get("weight_map"), content.get("metadata", {})
    if not isinstance(weight_map, dict) or not isinstance(metadata, dict):
        refuse(path, short(content), "an object with weight_map: {name: file}", "is it an index?")
    for name, file in weight_map.items():
        if not _plain(file):
            refuse(f"{path}, array {name!r}", f"the file {short(file)}", "a file beside it", _BAD)
    texts = {key: value for key, value in metadata.items() if isinstance(value, str)}
    return Index(path, weight_map, texts)  # total_size is not text, and published ones are off


def _plain(file: Any) -> bool:
    """Tell whether a file's name leads to no other folder, device or stream on any system."""
    return (
        isinstance(file, str)
        and file.endswith(".safetensors")
        and not file.startswith(".")
        and not any(c in '/\\:*?"<>|' or c < " " for c in file)
        and not lone(file)
        and len(file) <= 255
    )
