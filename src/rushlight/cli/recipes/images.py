"""A user's own images: read from a folder or file, brought to one size, kept as bytes."""

from __future__ import annotations

import dataclasses
import importlib
import itertools
import os
import pathlib
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from rushlight.arrays import Array
from rushlight.errors import MissingExtra, ShapeError, explain
from rushlight.io import atomic_write
from rushlight.train.files import check_folder

__all__ = ["Images", "read_images", "tell_skipped", "write_all"]

PICTURES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff")
NAMED = 5  # files that a warning names
OWN_SIZE = 64  # images of one size up to this stay as they are, if no size is asked for

_Size = tuple[int, int]  # height, width


@dataclasses.dataclass
class Images:
    """Images of one size.

    Attributes:
        pixels: uint8 (N, C, H, W); C is 1 (grey) or 3 (red, green, blue).
        names: of each image: its path in the folder, with [i] behind it for one of several.
        skipped: name -> why it could not be read.
        other: how many files of other kinds lay there.
    """

    pixels: Array
    names: list[str]
    skipped: dict[str, str]
    other: int = 0

    def about(self) -> str:
        """Return a line that says what was read."""
        count, channels, height, width = self.pixels.shape
        kind = "grey" if channels == 1 else "colour"
        text = f"{count:,} {kind} images, {height} x {width}"
        left = [f"{len(self.skipped):,} skipped"] if self.skipped else []
        left += [f"{self.other:,} other files left out"] if self.other else []
        return f"{text} ({', '.join(left)})" if left else text


def read_images(
    path: str | os.PathLike[str],
    size: int | _Size | None = None,
    channels: int | None = None,
) -> Images:
    """Read all images of a folder and the folders in it, or those of one file.

    A file `.npy` holds one image (H, W), (H, W, 3) or (3, H, W), or several, (N, H, W),
    (N, H, W, C) or (N, C, H, W), with C of 1 or 3: bytes, or floats in [0, 1]. All others are read
    by Pillow. Images of another size are scaled until they fill the wanted one, and the middle is
    kept; what is transparent becomes white.

    Args:
        path: the folder or file.
        size: side in pixels, or height and width. Default None: that of the images where all
            have one and none of its sides is above 64, else a square of at most 64.
        channels: 1 for grey, 3 for colours (default None: grey if all images are).

    Raises:
        FileNotFoundError: nothing lies there.
        ValueError: there is no image that could be read.
        MissingExtra: Pillow is needed and not installed.

    Example:
        >>> import tempfile
        >>> folder = tempfile.TemporaryDirectory()
        >>> np.save(pathlib.Path(folder.name, "two.npy"), np.zeros((2, 9, 7), "uint8"))
        >>> read_images(folder.name).about()
        '2 grey images, 9 x 7'
        >>> folder.cleanup()
    """
    root = pathlib.Path(path)
    files, other = _files(root)
    skipped: dict[str, str] = {}
    tried = [_try(name, skipped, partial(_open, name, file)) for name, file in files]
    sources = [source for source in tried if source is not None]
    wanted = (size, size) if isinstance(size, int) else size or _own_size(sources)
    depth = channels or (3 if any(source.colour for source in sources) else 1)
    blocks, names = [], []
    for source in sources:
        block = _try(source.name, skipped, partial(source.read, wanted, depth))
        if block is not None:
            blocks.append(block)
            several = source.count > 1
            names += [f"{source.name}[{i}]" if several else source.name for i in range(len(block))]
    if not blocks:
        raise ValueError(
            explain(
                str(root),
                got=_nothing(skipped, other),
                expected=f"images: .npy, {', '.join(PICTURES)}",
                fix="name the folder that holds them",
            )
        )
    return Images(np.concatenate(blocks), names, skipped, other)


def tell_skipped(folder: str | os.PathLike[str], found: Images) -> None:
    """Warn of the files that could not be read, by name."""
    if not found.skipped:
        return
    named = [f"{name} ({reason})" for name, reason in list(found.skipped.items())[:NAMED]]
    if len(found.skipped) > NAMED:
        named.append(f"and {len(found.skipped) - NAMED} more")
    count = f"{len(found.skipped)} file{'s' * (len(found.skipped) > 1)}"
    text = f"{os.fspath(folder)}: {count} skipped: {', '.join(named)}"
    warnings.warn(text, stacklevel=3)


def write_all(folder: pathlib.Path, names: list[str], images: Array) -> None:
    """Write images in [0, 1] as PNG, each under its name: 'a/b.jpg' becomes 'a/b.png'.

    Args:
        folder: made if it is missing.
        names: of the images, as `Images` has them; those that would be the same get a number.
        images: floats (N, C, H, W).

    Raises:
        MissingExtra: Pillow is not installed.
        OSError: the folder cannot be written to.
    """
    _pillow("Image")
    check_folder(folder)
    taken: set[str] = set()
    for name, image in zip(names, images, strict=True):
        stem = _stem(name)
        numbered = itertools.chain([stem], (f"{stem}-{i}" for i in itertools.count(2)))
        stem = next(each for each in numbered if each.lower() not in taken)
        taken.add(stem.lower())
        path = folder / f"{stem}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(path) as file:
            _picture(image).save(file, format="PNG")


def _stem(name: str) -> str:
    """Return a name without its ending: 'a/b.jpg' -> 'a/b', 'c.npy[3]' -> 'c-3'."""
    file, _, index = name.removesuffix("]").partition(".npy[")
    return f"{file}-{index}" if index else str(pathlib.PurePosixPath(name).with_suffix(""))


def _picture(image: Array) -> Any:
    """Return an image (C, H, W) in [0, 1] as one of Pillow's."""
    pixels = np.rint(np.clip(image, 0, 1) * 255).astype(np.uint8)
    form = pixels[0] if len(pixels) == 1 else np.ascontiguousarray(pixels.transpose(1, 2, 0))
    return _pillow("Image").fromarray(form)


# ---- what there is


def _files(root: pathlib.Path) -> tuple[list[tuple[str, pathlib.Path]], int]:
    """Return name and path of each file that may hold images, and how many others there are."""
    if root.is_file():
        return [(root.name, root)], 0
    if not root.is_dir():
        raise FileNotFoundError(
            explain(str(root), got="no such folder or file", expected="a folder of images")
        )
    found, other = [], 0
    for file in sorted(root.rglob("*")):
        parts = file.relative_to(root).parts
        if any(part.startswith(".") for part in parts) or not file.is_file():
            continue
        if file.suffix.lower() in (".npy", *PICTURES):
            found.append((file.relative_to(root).as_posix(), file))
        else:
            other += 1
    return found, other


def _nothing(skipped: dict[str, str], other: int) -> str:
    if skipped:
        name, reason = next(iter(skipped.items()))
        return f"{len(skipped):,} files, none of which could be read ({name}: {reason})"
    return f"{other:,} files, none of them images" if other else "no file"


def _try(name: str, skipped: dict[str, str], attempt: Callable[[], Any]) -> Any:
    """Return what an attempt at a file gives; why it failed is noted."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of odd metadata; what matters is an error
            return attempt()
    except MissingExtra:
        raise
    except Exception as error:  # decoders of broken files raise nearly everything
        text = " ".join(str(error).split()) or type(error).__name__
        skipped[name] = text if len(text) <= 200 else f"{text[:200]}..."
    return None


def _own_size(sources: list[_Source]) -> _Size:
    sizes = {source.size for source in sources}
    if len(sizes) == 1 and max(max(size) for size in sizes) <= OWN_SIZE:
        return next(iter(sizes))
    side = min([OWN_SIZE, *(min(size) for size in sizes)])
    return side, side


# ---- one file


class _Source:
    """A file whose images are known, but not yet in memory."""

    def __init__(self, name: str, size: _Size, colour: bool, count: int) -> None:
        self.name, self.size, self.colour, self.count = name, size, colour, count

    def read(self, size: _Size, channels: int) -> Array:
        """Return uint8 (N, C, H, W)."""
        raise NotImplementedError


def _open(name: str, file: pathlib.Path) -> _Source:
    return _Arrays(name, file) if file.suffix.lower() == ".npy" else _Picture(name, file)


class _Picture(_Source):
    """A file that Pillow reads."""

    def __init__(self, name: str, file: pathlib.Path) -> None:
        self._file = file
        with _pillow("Image").open(file) as image:
            width, height = image.size
            if image.getexif().get(0x0112, 1) >= 5:  # turned by a quarter when it is shown
                width, height = height, width
            bands = image.getbands()
            colour = "P" in bands or len([band for band in bands if band not in "Aa1"]) > 1
        super().__init__(name, (height, width), colour, 1)

    def read(self, size: _Size, channels: int) -> Array:
        """Return uint8 (1, C, H, W)."""
        with _pillow("Image").open(self._file) as image:
            return _fitted(_upright(image), size, channels)[None]


def _upright(image: Any) -> Any:
    """Return an image as it is shown, of mode L or RGB."""
    image = _pillow("ImageOps").exif_transpose(image)
    if image.mode.startswith("I"):  # 16 bits, which Pillow would cut off at 255
        pixels = np.asarray(image).astype(np.int64)
        return _pillow("Image").fromarray((np.clip(pixels, 0, 65535) >> 8).astype(np.uint8))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        paper = _pillow("Image").new("RGBA", image.size, "white")
        image = _pillow("Image").alpha_composite(paper, image)
    return image.convert("L" if image.mode in ("1", "L", "F") else "RGB")


def _fitted(image: Any, size: _Size, channels: int) -> Array:
    """Return the middle of an image, scaled: uint8 (C, H, W)."""
    height, width = size
    if image.size != (width, height):
        smooth = _pillow("Image").Resampling.LANCZOS
        image = _pillow("ImageOps").fit(image, (width, height), method=smooth)
    pixels = np.asarray(image.convert("L" if channels == 1 else "RGB"))
    return pixels[None] if channels == 1 else pixels.transpose(2, 0, 1)


class _Arrays(_Source):
    """A file of one array."""

    def __init__(self, name: str, file: pathlib.Path) -> None:
        self._pixels = _as_images(np.load(file, allow_pickle=False))  # (N, C, H, W)
        count, channels, height, width = self._pixels.shape
        super().__init__(name, (height, width), channels == 3, count)

    def read(self, size: _Size, channels: int) -> Array:
        """Return uint8 (N, C, H, W)."""
        if self.size == size and self._pixels.shape[1] == channels:
            return self._pixels
        if self.size == size and channels == 3:
            return np.repeat(self._pixels, 3, axis=1)
        form = _pillow("Image").fromarray
        fit = [
            _fitted(form(one[0] if len(one) == 1 else one.transpose(1, 2, 0)), size, channels)
            for one in self._pixels
        ]
        return np.stack(fit)


def _as_images(array: Array) -> Array:
    """Bring an array of images to uint8 (N, C, H, W)."""
    shape = array.shape
    if array.ndim in (3, 4) and shape[-1] in (1, 3):
        array = np.moveaxis(array, -1, -3)  # (..., H, W, C) -> (..., C, H, W)
    elif array.ndim == 2 or (array.ndim == 3 and shape[0] != 3):
        array = array[..., None, :, :]  # (N, H, W) -> (N, 1, H, W)
    array = array[None] if array.ndim == 3 else array
    if array.ndim != 4 or array.shape[1] not in (1, 3) or 0 in shape:
        expected = "(H, W), (N, H, W), (N, H, W, C) or (N, C, H, W), C of 1 or 3"
        raise ShapeError(explain("images", got=f"an array {shape}", expected=expected))
    if array.dtype == np.uint8:
        return np.ascontiguousarray(array)
    low, high = (float(array.min()), float(array.max())) if array.dtype.kind == "f" else (0.0, 2.0)
    if not (low >= 0 and high <= 1):
        shown = f"{array.dtype}" if array.dtype.kind != "f" else f"floats from {low:g} to {high:g}"
        fix = "divide them by their largest possible value"
        expected = "bytes (uint8) or floats in [0, 1]"
        raise ValueError(explain("images", got=shown, expected=expected, fix=fix))
    return np.rint(array * 255).astype(np.uint8)


def _pillow(part: str) -> Any:
    try:
        return importlib.import_module(f"PIL.{part}")
    except ImportError as error:
        raise MissingExtra("pillow", "io", "reading and writing image files") from error
