"""The pictures of a run: only files that lie in its folder, and only pictures."""

from __future__ import annotations

import base64
import json
import pathlib
import struct
from collections.abc import Mapping
from dataclasses import dataclass

from rushlight.pages import one_line

__all__ = ["Picture", "read_pictures"]

LARGEST = 8 * 1024**2  # bytes of a picture that goes into the page
_KINDS = {  # how a file begins: what it is
    b"\x89PNG\r\n\x1a\n": "png",
    b"\xff\xd8\xff": "jpeg",
    b"GIF87a": "gif",
    b"GIF89a": "gif",
}


@dataclass(frozen=True)
class Picture:
    """A picture of a run.

    Attributes:
        title, caption: what is said of it.
        data: it as a data URI.
        size: width and height in pixels, where known.
    """

    title: str
    caption: str
    data: str
    size: tuple[int, int] | None


def read_pictures(folder: pathlib.Path, broken: list[str]) -> list[Picture]:
    """Return the pictures that pictures/pictures.json names; why others are not shown is noted.

    Args:
        folder: the folder of the run.
        broken: takes a line for each that cannot be shown.
    """
    inside = folder / "pictures"
    index = inside / "pictures.json"
    if not index.exists():
        names = sorted(inside.glob("*.png")) if inside.is_dir() else []
        rows = [{"file": path.name, "title": path.stem} for path in names]
    else:
        try:
            rows = json.loads(index.read_text("utf-8"))
        except (OSError, ValueError, RecursionError) as error:
            broken.append(f"pictures/pictures.json cannot be read: {one_line(error)}")
            return []
        if not isinstance(rows, list):
            broken.append("pictures/pictures.json holds no list of pictures")
            return []
    found = []
    for row in rows:
        picture = _picture(inside, row) if isinstance(row, dict) else "a row that names no file"
        if isinstance(picture, Picture):
            found.append(picture)
        else:
            broken.append(f"a picture is left out: {picture}")
    return found


def _picture(inside: pathlib.Path, row: Mapping[str, object]) -> Picture | str:
    """Return a picture, or why it cannot be shown."""
    name = row.get("file")
    if not isinstance(name, str) or not name:
        return "a row that names no file"
    path = inside / name
    try:
        if not path.resolve().is_relative_to(inside.resolve()):
            return f"{one_line(name)!r} lies outside of the folder pictures"
        if path.stat().st_size > LARGEST:
            return f"{one_line(name)!r} is larger than {LARGEST // 1024**2} MB"
        data = path.read_bytes()
    except (OSError, ValueError) as error:
        return f"{one_line(name)!r}: {getattr(error, 'strerror', None) or one_line(error)}"
    kind = next((kind for begin, kind in _KINDS.items() if data.startswith(begin)), None)
    if kind is None:
        return f"{one_line(name)!r} is no PNG, JPEG or GIF"
    uri = f"data:image/{kind};base64,{base64.b64encode(data).decode('ascii')}"
    title = one_line(row.get("title") or path.stem)
    return Picture(title, one_line(row.get("caption") or ""), uri, _size(data, kind))


def _size(data: bytes, kind: str) -> tuple[int, int] | None:
    """Return width and height of a PNG, which stand in its first block."""
    if kind != "png" or len(data) < 24:
        return None
    width, height = struct.unpack(">II", data[16:24])
    return width, height
