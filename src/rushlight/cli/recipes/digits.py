"""A user's own digits: idx files and images, as the MNIST net wants them."""

from __future__ import annotations

import pathlib
import warnings
from typing import Any

import numpy as np

from rushlight.arrays import Array
from rushlight.cli.mistake import Mistake
from rushlight.cli.recipes.images import read_images, tell_skipped
from rushlight.data import MNIST
from rushlight.data.mnist import MEAN, STD, read_idx
from rushlight.data.transforms import Normalize
from rushlight.errors import FileFormatError, explain

__all__ = ["labelled", "unlabelled"]

SIDE = 28


def labelled(folder: pathlib.Path) -> Any:
    """Return images and labels of a folder: MNIST's test files, or two idx files of one's own.

    Raises:
        Mistake: they are not there, or do not fit together.
    """
    if not folder.is_dir():
        expected = "'test', or a folder with an idx file of images and one of labels"
        raise Mistake(explain(str(folder), got="no folder", expected=expected))
    images, labels = (sorted(folder.glob(f"*-{kind}-ubyte*")) for kind in _KINDS)
    if len(images) != 1 or len(labels) != 1:
        return MNIST(folder, train=False, transform=Normalize(MEAN, STD))
    x, y = _idx(images[0], 3), _idx(labels[0], 1)
    if len(x) != len(y) or not len(y) or y.max() > 9:
        got = f"{len(x):,} images and {len(y):,} labels up to {y.max(initial=0)}"
        raise Mistake(explain(str(folder), got=got, expected="as many labels, from 0 to 9"))
    return _input(x), y.astype(np.int64)


def unlabelled(source: pathlib.Path) -> tuple[list[str], Array]:
    """Return names and images, ready for the net, of an idx file, an image or a folder of them.

    Images of another size are scaled and cropped. Digits that are dark on light, as on paper, are
    inverted, with a warning: MNIST's are light on dark.
    """
    if source.is_file() and "idx3" in source.name:
        pixels = _idx(source, 3)
        return [str(i) for i in range(len(pixels))], _input(pixels)
    found = read_images(source, SIDE, 1)
    tell_skipped(source, found)
    pixels = found.pixels[:, 0]
    paper = _edges(pixels) > 127
    if paper.any():
        text = f"{int(paper.sum()):,} of {len(pixels):,} images are dark on light: inverted"
        warnings.warn(f"{text}, for MNIST's digits are light on dark", stacklevel=2)
        pixels = np.where(paper[:, None, None], 255 - pixels, pixels)
    return found.names, _input(pixels)


_KINDS = ("images-idx3", "labels-idx1")


def _idx(path: pathlib.Path, ndim: int) -> Array:
    """Read an idx file of bytes, images of 28 x 28 or labels, of any length."""
    import gzip

    with open(path, "rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
    opened: Any = gzip.open(path) if packed else open(path, "rb")  # noqa: SIM115
    with opened as file:
        try:
            head = file.read(4 + 4 * ndim)
        except (EOFError, OSError) as error:
            got = f"gzip data that breaks off ({error})"
            raise FileFormatError(explain(str(path), got=got, expected="an idx file")) from error
    count = int.from_bytes(head[4:8], "big")
    return read_idx(path, (count, SIDE, SIDE)[:ndim])


def _input(pixels: Array) -> Array:
    """Turn bytes (N, 28, 28) into what the net is trained on, float32 (N, 1, 28, 28)."""
    unit = np.divide(pixels[:, None], np.float32(255), dtype=np.float32)
    made: Array = Normalize(MEAN, STD)(unit)
    return made


def _edges(pixels: Array) -> Array:
    """Return the mean of the outermost pixels of each image."""
    frame = np.ones(pixels.shape[1:], bool)
    frame[1:-1, 1:-1] = False
    mean: Array = pixels[:, frame].mean(axis=1)
    return mean
