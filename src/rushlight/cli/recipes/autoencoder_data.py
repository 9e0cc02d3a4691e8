"""What the autoencoder is trained on, in three parts, and what a linear map makes of it."""

from __future__ import annotations

import itertools
import pathlib
from collections.abc import Callable
from typing import Any

import numpy as np

from rushlight.arrays import Array
from rushlight.cli.recipes.autoencoder_net import Noise
from rushlight.cli.recipes.images import read_images, tell_skipped
from rushlight.data import MNIST, Dataset
from rushlight.data.mnist import to_unit
from rushlight.errors import explain
from rushlight.kernels.products import matmul
from rushlight.random import Generator
from rushlight.tensor import Tensor, from_numpy

__all__ = ["Pixels", "digits", "holds_mnist", "own_images", "pca_error", "split"]

LEAST = 20  # images: fewer cannot be split into three parts that say anything
PART = 0.15  # of a folder's images: to validate, and as many to test
CLASSES = 12  # folders in a folder that are told apart in pictures, at most
WIDE = 4096  # pixels in an image: of more, covariances take too much memory


class Pixels(Dataset[tuple[Tensor, Tensor]]):
    """Images as pairs (input, target): the image twice, or first with a noise that stays the same.

    Args:
        pixels: uint8 (N, C, H, W).
        labels: the class of each image, int (N,) (default None: there are none).
        classes: the names of the classes.
        noise: standard deviation of the noise; pixels lie in [0, 1] (default 0).
        generator: where the noise comes from.

    Attributes:
        ink: whether what is bright is ink: such images are drawn dark on light.

    Example:
        >>> given, wanted = Pixels(np.full((4, 1, 2, 2), 255, "uint8"))[1:3]
        >>> given.shape, wanted.sum().item()
        ((2, 1, 2, 2), 8.0)
    """

    def __init__(
        self,
        pixels: Array,
        labels: Array | None = None,
        classes: tuple[str, ...] = (),
        noise: float = 0.0,
        generator: Generator | None = None,
    ) -> None:
        self.pixels, self.labels, self.classes = pixels, labels, classes
        self.ink = False
        self._noisy: Array | None = None
        if noise:
            made = Noise(noise, generator)
            self._noisy = made(from_numpy(self.clean())).numpy()

    def __len__(self) -> int:
        return len(self.pixels)

    def __getitem__(self, index: Any) -> tuple[Tensor, Tensor]:
        clean = from_numpy(to_unit(self.pixels[index]))
        return (clean if self._noisy is None else from_numpy(self._noisy[index].copy())), clean

    varies = False

    def batch_reader(self) -> Callable[[Any], Any]:
        """Read a batch by one index operation."""
        return lambda index: list(self[index])

    def clean(self) -> Array:
        """Return the images, float32 in [0, 1]."""
        return to_unit(self.pixels)

    def given(self) -> Array:
        """Return the inputs: the images, with noise where there is any."""
        return self.clean() if self._noisy is None else self._noisy

    def part(self, index: Array, noise: float, generator: Generator) -> Pixels:
        """Return some of the images.

        Args:
            index: of the images.
            noise: standard deviation of the noise.
            generator: where it comes from.
        """
        labels = None if self.labels is None else self.labels[index]
        part = Pixels(self.pixels[index], labels, self.classes, noise, generator)
        part.ink = self.ink
        return part


def holds_mnist(folder: str) -> bool:
    """Tell whether a folder holds files of MNIST, rather than images of one's own."""
    places = [pathlib.Path(folder, sub) for sub in ("", "mnist", "MNIST/raw")]
    return any(found for place in places for found in place.glob("*-images-idx3-ubyte*"))


def digits(folder: str | None, train: bool) -> tuple[Pixels, str]:
    """Return a part of MNIST, and where it comes from.

    Args:
        folder: of the files, or None.
        train: the training part or the test part.
    """
    data = MNIST(folder, train=train)
    names = tuple(str(digit) for digit in range(10))
    found = Pixels(data.data.numpy()[:, None], data.targets.numpy(), names)
    found.ink = True
    return found, data.source


def own_images(folder: str, size: int | None, channels: str) -> tuple[Pixels, str]:
    """Return the images of a folder, and a line that says what was read.

    Args:
        folder: the folder, or a file.
        size: the side wanted, or None.
        channels: 'auto', 'grey' or 'rgb'.

    Raises:
        ValueError: too few.
    """
    found = read_images(folder, size, {"auto": None, "grey": 1, "rgb": 3}[channels])
    tell_skipped(folder, found)
    if len(found.pixels) < LEAST:
        raise ValueError(
            explain(
                f"--data {folder}",
                got=f"{len(found.pixels)} images",
                expected=f"{LEAST} or more, to train, validate and test on different ones",
                fix="a net that is of use needs hundreds",
            )
        )
    labels, classes = _labels(found.names)
    return Pixels(found.pixels, labels, classes), f"{folder}: {found.about()}"


def _labels(names: list[str]) -> tuple[Array | None, tuple[str, ...]]:
    """Take the folder that an image lies in for its class, if there are a few."""
    folders = [str(pathlib.PurePosixPath(name).parent) for name in names]
    classes = sorted(set(folders))
    if not 2 <= len(classes) <= CLASSES:
        return None, ()
    place = {name: i for i, name in enumerate(classes)}
    return np.array([place[folder] for folder in folders]), tuple(classes)


def split(
    data: Pixels, held: int, tested: int, noise: float, generator: Generator
) -> tuple[Pixels, Pixels, Pixels]:
    """Split at random into training, validation and test; the latter two get their noise.

    Args:
        data: all images.
        held: how many to validate on.
        tested: how many to test on.
        noise: standard deviation of the noise.
        generator: decides both.
    """
    order = generator.spawn(0).permutation(len(data))
    ends = (0, tested, tested + held, len(data))
    test, validation, train = (order[a:b] for a, b in itertools.pairwise(ends))
    return (
        data.part(np.sort(train), 0, generator),  # the net makes its noise, new ones in each epoch
        data.part(np.sort(validation), noise, generator.spawn(1)),
        data.part(test, noise, generator.spawn(2)),
    )


def pca_error(train: Array, given: Array, wanted: Array, components: int) -> Array:
    """Return the MSE of each image through PCA: mean((m + (x - m) V' V - target)^2).

    m and the rows of V, the first principal axes, are those of the training images.

    Args:
        train: training images (N, *).
        given: images to encode and decode (M, *).
        wanted: what they are compared with, likewise.
        components: how many axes.

    Example:
        >>> line = np.outer(np.arange(9.0), [1.0, 2.0, 2.0])
        >>> float(pca_error(line, line, line, 1).max()) < 1e-12
        True
    """
    rows = train.reshape(len(train), -1)
    mean = rows.mean(axis=0, dtype=np.float64).astype(rows.dtype)
    axes = _axes(rows - mean, components)
    codes = matmul(given.reshape(len(given), -1) - mean, axes.T)
    error = matmul(codes, axes) + mean - wanted.reshape(len(wanted), -1)
    return np.square(error).mean(axis=1, dtype=np.float64)


def _axes(centred: Array, components: int) -> Array:
    """Return the first principal axes, one in each row."""
    count, width = centred.shape
    components = min(components, count - 1)  # centred rows span no more
    if width <= WIDE:
        from scipy.linalg import eigh

        last = [max(width - components, 0), width - 1]
        return eigh(centred.T @ centred, subset_by_index=last)[1].T
    from scipy.sparse.linalg import svds

    start = np.ones(min(count, width), centred.dtype)  # the same result each time
    return svds(centred, components, v0=start)[2]
