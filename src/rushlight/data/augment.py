"""Augmentation: random shifts, turns and elastic distortions of images, whole batches at once."""

from __future__ import annotations

import copy
import functools
import math
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from rushlight.arrays import Array
from rushlight.data.dataset import BatchReader, Dataset, IterableDataset, batch_reader, overrides
from rushlight.data.transforms import Compose, _lift, _Transform, varies
from rushlight.errors import DtypeError, ShapeError, explain
from rushlight.kernels.products import matmul
from rushlight.random import Generator, default_generator, source_of

__all__ = ["Augmented", "ElasticTransform", "RandomAffine", "Warp"]

_CHUNK = 2**16  # pixels that are warped together: their places stay in the cache


class _Warp(_Transform):
    """Base: pixel p of the result is read, between pixels bilinearly, at a random place q(p).

    Args:
        fill: what lies around the image: one number, or one for each channel.
        generator: source of what plain calls draw; None: the default generator.
    """

    varies = True

    def __init__(self, fill: float | Sequence[float], generator: Generator | None) -> None:
        self.fill, self.generator = np.atleast_1d(np.asarray(fill, np.float64)), generator
        if self.fill.ndim != 1 or not self.fill.size or not np.isfinite(self.fill).all():
            self._refuse("fill", fill, "a finite number, or one for each channel")
        if generator is not None and not isinstance(generator, Generator):
            raise TypeError(
                explain(
                    f"{type(self).__name__} generator",
                    got=type(generator).__name__,
                    expected="a rushlight.Generator or None",
                )
            )

    def words(self, height: int, width: int) -> int:
        """Return how many random words an image of that size takes."""
        raise NotImplementedError

    def move(self, rows: Array, columns: Array, words: Array) -> tuple[Array, Array]:
        """Return q(p) for places p, given words (N, *).

        Rows are (N or 1, H, W or 1), columns (N or 1, H or 1, W).
        """
        raise NotImplementedError

    def apply(self, x: Array) -> Array:
        """Return the images, each warped in a way of its own."""
        self._check(x)
        seed = int(source_of(self.generator).integers(0, 2**63 - 1, ()))
        return self.keyed(x, Generator(seed), np.arange(math.prod(x.shape[:-3])))

    def keyed(self, x: Array, generator: Generator, keys: Array) -> Array:
        """Return the images, each warped as the generator's seed and the image's key say.

        Args:
            x: floating images (..., C, H, W).
            generator: its seed counts, not what was drawn from it.
            keys: an int >= 0 for each image, such as its index in the data set.
        """
        self._check(x)
        images = x.reshape(-1, *x.shape[-3:])
        if keys.shape != images.shape[:1]:
            got = f"{keys.shape} keys for images {x.shape}"
            raise ShapeError(explain(type(self).__name__, got=got, expected="one for each image"))
        height, width = x.shape[-2:]
        result = np.empty(images.shape, x.dtype)
        step = max(1, _CHUNK // (height * width))
        for start in range(0, len(images), step):
            part = slice(start, start + step)
            words = generator.words_of(keys[part], self.words(height, width))
            rows, columns = np.indices((1, height, width), np.float32, sparse=True)[1:]
            rows, columns = self.move(rows, columns, words)
            result[part] = _read(images[part], rows, columns, self.fill)
        return result.reshape(x.shape)

    def _check(self, x: Array) -> None:
        name = type(self).__name__
        if x.ndim < 3 or 0 in x.shape[-3:] or len(self.fill) not in (1, x.shape[-3]):
            channels = "C" if len(self.fill) == 1 else len(self.fill)
            expected = f"images (..., {channels}, H, W) that are not empty"
            fix = "add the channel axis" if x.ndim == 2 else ""
            raise ShapeError(explain(name, got=f"shape {x.shape}", expected=expected, fix=fix))
        if x.dtype.kind != "f":
            fix = "put ToFloat before it"
            raise DtypeError(explain(name, got=x.dtype.name, expected="floating images", fix=fix))

    def _refuse(self, name: str, got: Any, expected: str) -> None:
        raise ValueError(explain(f"{type(self).__name__} {name}", got=repr(got), expected=expected))

    def _range(self, name: str, given: Any) -> tuple[float, float]:
        """Return a range given as (low, high), or as a number d for (-d, d)."""
        pair = np.asarray((-given, given) if np.ndim(given) == 0 else given, np.float64)
        if pair.shape != (2,) or not -math.inf < pair[0] <= pair[1] < math.inf:
            self._refuse(name, given, "a number >= 0, or two finite numbers, the smaller first")
        return float(pair[0]), float(pair[1])


class RandomAffine(_Warp):
    """Turn, shift, scale and shear images at random: y(c + M p + t) = x(c + p), c the centre.

    M = s R(a) [[1, tan k], [tan l, 1]] on p = (column, row); R(a) turns by a, clockwise to the
    eye. Each number is drawn uniformly from its range, for each image anew.

    Args:
        degrees: range of a, two numbers; a number d stands for (-d, d).
        translate: largest shift t as a fraction of width and of height, two numbers in [0, 1];
            shifts are not rounded to whole pixels (default None: no shift).
        scale: range of s, two numbers > 0 (default None: 1).
        shear: range of k in degrees, two numbers; a number d stands for (-d, d), four numbers
            for the ranges of k and l (default None: no shear).
        fill: what lies around the image: one number, or one for each channel (default 0).
        generator: source of the randomness (default None: the default generator).

    Shape:
        (..., C, H, W) -> (..., C, H, W), of the dtype of the input, which must be floating. All
        channels of an image move alike; between pixels they are interpolated bilinearly.

    Raises:
        ValueError: a range that is none, or angles of shear that can make M singular.
        ShapeError, DtypeError: an input that is no floating image.

    Example:
        >>> image = np.array([[[1.0, 2.0], [3.0, 4.0]]])
        >>> RandomAffine((90, 90))(image).round(6).tolist()  # a quarter of a turn, always
        [[[3.0, 1.0], [4.0, 2.0]]]

    Source: https://docs.pytorch.org/vision/stable/generated/torchvision.transforms.RandomAffine.html
    """

    def __init__(
        self,
        degrees: float | Sequence[float],
        translate: Sequence[float] | None = None,
        scale: Sequence[float] | None = None,
        shear: float | Sequence[float] | None = None,
        fill: float | Sequence[float] = 0.0,
        generator: Generator | None = None,
    ) -> None:
        super().__init__(fill, generator)
        sides = np.asarray((0, 0) if translate is None else translate, np.float64)
        if sides.shape != (2,) or not ((sides >= 0) & (sides <= 1)).all():
            self._refuse("translate", translate, "two fractions in [0, 1], of width and height")
        self.scale = self._range("scale", (1, 1) if scale is None else scale)
        if self.scale[0] <= 0:  # a number, too
            self._refuse("scale", scale, "two numbers > 0, the smaller first")
        angles: Any = 0 if shear is None else shear
        both = (angles[:2], angles[2:]) if np.ndim(angles) and len(angles) == 4 else (angles, 0)
        across, down = (self._range("shear", pair) for pair in both)
        steep = [max(map(abs, pair)) for pair in (across, down)]
        if max(steep) >= 90 or math.prod(math.tan(math.radians(a)) for a in steep) > 1 - 1e-9:
            self._refuse("shear", shear, "angles below 90 degrees; of both sides, below 45")
        self.translate = (float(sides[0]), float(sides[1]))
        self.degrees = self._range("degrees", degrees)
        self.shear = (*across, *down)

    def words(self, height: int, width: int) -> int:
        """Return how many random words an image takes: one for each number."""
        return 6

    def move(self, rows: Array, columns: Array, words: Array) -> tuple[Array, Array]:
        """Return c + M^-1 (p - c - t) for the places p."""
        height, width = rows.shape[1], columns.shape[2]
        across, down = (d * size for d, size in zip(self.translate, (width, height), strict=True))
        low, high = np.array(
            [
                self.degrees,
                self.shear[:2],
                self.shear[2:],
                self.scale,
                (-across, across),
                (-down, down),
            ]
        ).T
        drawn = low + (high - low) * ((words >> np.uint64(11)) * 2.0**-53)  # (N, 6) in [low, high)
        angle, k, m = np.radians(drawn[:, :3]).T
        scale, shift_x, shift_y = drawn[:, 3:].T
        cos, sin, k, m = np.cos(angle), np.sin(angle), np.tan(k), np.tan(m)
        # M^-1 = [[1, -k], [-m, 1]] / (1 - k m) R(-a) / s
        by = 1 / (scale * (1 - k * m))
        xx, xy = (cos + k * sin) * by, (sin - k * cos) * by
        yx, yy = (-m * cos - sin) * by, (cos - m * sin) * by
        x0, y0 = (width - 1) / 2, (height - 1) / 2
        from_x, from_y = x0 + shift_x, y0 + shift_y
        shifts = (x0 - xx * from_x - xy * from_y, y0 - yx * from_x - yy * from_y)
        xx, xy, yx, yy, x1, y1 = (
            v.astype(np.float32)[:, None, None] for v in (xx, xy, yx, yy, *shifts)
        )
        return yx * columns + yy * rows + y1, xx * columns + xy * rows + x1


class ElasticTransform(_Warp):
    """Distort images elastically: y(p) = x(p + alpha (G u)(p)), u uniform noise in (-1, 1).

    G is the Gaussian filter of scipy.ndimage along both sides, with zeros beyond the border. The
    standard deviation of a pixel's shift, in each direction, is about 0.16 alpha / sigma pixels.

    Args:
        alpha: strength in pixels, >= 0; as in the source, twice that of torchvision (default 34).
        sigma: width of the Gaussian in pixels, > 0 (default 4).
        fill: what lies around the image: one number, or one for each channel (default 0).
        generator: source of the randomness (default None: the default generator).

    Shape:
        (..., C, H, W) -> (..., C, H, W), of the dtype of the input, which must be floating. All
        channels of an image move alike; between pixels they are interpolated bilinearly.

    Raises:
        ValueError: alpha below 0, or sigma not above 0.
        ShapeError, DtypeError: an input that is no floating image.

    Example:
        >>> ElasticTransform(alpha=20)(np.ones((16, 3, 28, 28), "float32")).shape
        (16, 3, 28, 28)

    Source: P. Simard, D. Steinkraus, J. Platt, Best practices for convolutional neural networks
        applied to visual document analysis, ICDAR 2003
    """

    def __init__(
        self,
        alpha: float = 34.0,
        sigma: float = 4.0,
        fill: float | Sequence[float] = 0.0,
        generator: Generator | None = None,
    ) -> None:
        super().__init__(fill, generator)
        if not 0 <= alpha < math.inf:
            self._refuse("alpha", alpha, "a number of pixels >= 0")
        if not 0 < sigma < math.inf:
            self._refuse("sigma", sigma, "a number of pixels > 0")
        self.alpha, self.sigma = float(alpha), float(sigma)

    def words(self, height: int, width: int) -> int:
        """Return how many random words an image takes: 16 bits for each shift."""
        return -(-height * width // 2)

    def move(self, rows: Array, columns: Array, words: Array) -> tuple[Array, Array]:
        """Return the places p, each with its shift."""
        height, width = rows.shape[1], columns.shape[2]
        bits = words.view(np.uint16)[:, : 2 * height * width]
        noise = bits.reshape(-1, 2, height, width).astype(np.float32)
        noise -= 32767.5
        noise *= self.alpha / 32768  # alpha * (-1, 1)
        along = matmul(_blur(height, self.sigma), noise)
        shift = matmul(along, _blur(width, self.sigma).T)
        return rows + shift[:, 0], columns + shift[:, 1]


@functools.lru_cache(maxsize=16)
def _blur(size: int, sigma: float) -> Array:
    """Return the Gaussian filter along a side as a matrix: a product takes a tenth of its time."""
    from scipy.ndimage import gaussian_filter1d  # for this transform alone

    filtered: Array = gaussian_filter1d(np.eye(size), sigma, axis=0, mode="constant")
    return filtered.astype(np.float32)


class Warp(_Warp):
    """Several warps in one: what `Compose` makes of them, but each image is read only once.

    It takes less time, and interpolating twice would blur twice.

    Args:
        parts: RandomAffine, ElasticTransform or Warp objects, in order; their own `fill` and
            `generator` do not count.
        fill: what lies around the image: one number, or one for each channel (default 0).
        generator: source of the randomness (default None: the default generator).

    Shape:
        (..., C, H, W) -> (..., C, H, W), of the dtype of the input, which must be floating.

    Raises:
        TypeError: a part that is no warp.
        ShapeError, DtypeError: an input that is no floating image.

    Example:
        >>> warp = Warp([RandomAffine(10, translate=(0.1, 0.1)), ElasticTransform(20)])
        >>> warp(np.ones((16, 1, 28, 28), "float32")).shape
        (16, 1, 28, 28)
    """

    def __init__(
        self,
        parts: Sequence[_Warp],
        fill: float | Sequence[float] = 0.0,
        generator: Generator | None = None,
    ) -> None:
        super().__init__(fill, generator)
        self.parts = list(parts)
        for part in self.parts:
            if not isinstance(part, _Warp):
                raise TypeError(
                    explain(
                        "Warp",
                        got=getattr(part, "__name__", type(part).__name__),
                        expected="RandomAffine, ElasticTransform or Warp objects",
                        fix="put other transforms beside it, into a Compose",
                    )
                )

    def words(self, height: int, width: int) -> int:
        """Return how many random words an image takes: those of all parts."""
        return sum(part.words(height, width) for part in self.parts)

    def move(self, rows: Array, columns: Array, words: Array) -> tuple[Array, Array]:
        """Return q1(q2(p)) for the places p: the last part's result is read from the one before."""
        counts = [part.words(rows.shape[1], columns.shape[2]) for part in self.parts]
        pieces = np.split(words, np.cumsum(counts)[:-1], axis=1) if counts else []
        for part, piece in reversed(list(zip(self.parts, pieces, strict=True))):
            rows, columns = part.move(rows, columns, np.ascontiguousarray(piece))
        return rows, columns


def _read(images: Array, rows: Array, columns: Array, fill: Array) -> Array:
    """Return images (N, C, H, W) at places (N, H, W), bilinearly, with `fill` around them.

    `functional.grid_sample` has gradients, and takes ten times as long.
    """
    n, channels, height, width = images.shape
    work = np.float64 if images.dtype == np.float64 else np.float32
    framed = np.empty((channels, n, height + 2, width + 2), work)
    framed[:] = fill.reshape(-1, 1, 1, 1)
    framed[:, :, 1:-1, 1:-1] = images.swapaxes(0, 1)
    sides, cells = [], []
    for places, size in ((rows, height), (columns, width)):
        place = np.broadcast_to(places, (n, height, width)).clip(-1, size)
        place += 1  # in the frame
        cell = np.minimum(place.astype(np.int32), size)
        place -= cell  # how far behind the cell: in [0, 1]
        sides.append(place)
        cells.append(cell)
    corner, left = cells
    corner *= width + 2
    corner += left
    corner += np.arange(n, dtype=np.int32)[:, None, None] * ((height + 2) * (width + 2))
    result = np.empty(images.shape, images.dtype)
    for channel, plane in enumerate(framed):
        flat = plane.reshape(-1)
        above, below = (
            _between(line.take(corner), line[1:].take(corner), sides[1])
            for line in (flat, flat[width + 2 :])
        )
        result[:, channel] = _between(above, below, sides[0])
    return result


def _between(a: Array, b: Array, part: Array) -> Array:
    """Return a + (b - a) part, in the memory of a."""
    b -= a
    b *= part
    a += b
    return a


# ---- a data set whose samples are changed at random


class Augmented(Dataset[Any]):
    """A data set whose inputs go through a random transform, anew in each epoch.

    What happens to a sample is a function of the seed, the epoch and its index: neither the size
    or order of the batches nor what was drawn before counts, so that a run that was killed goes
    on with the same images. A DataLoader says by itself which epoch it reads. Split a data set
    before, and augment the part for training only.

    Args:
        dataset: samples (input, ...), of which the first part is changed, or inputs alone.
        transform: a callable, or a Compose. Warps draw as said above; callables that are not of
            Rushlight draw from wherever they draw.
        seed: an int >= 0 (default None: drawn once from the default generator).

    Attributes:
        epoch: the epoch of the samples, counted from 0; `at_epoch` returns the data set of any.

    Raises:
        TypeError: an IterableDataset, whose samples have no index.

    Example:
        >>> from rushlight.data import DataLoader, TensorDataset
        >>> images = TensorDataset(np.ones((6, 1, 8, 8), "float32"), np.arange(6))
        >>> train = Augmented(images, RandomAffine(15, translate=(0.1, 0.1)), seed=0)
        >>> [tuple(x.shape) for x, y in DataLoader(train, batch_size=4, shuffle=True)]
        [(4, 1, 8, 8), (2, 1, 8, 8)]
    """

    def __init__(self, dataset: Any, transform: Any, seed: int | None = None) -> None:
        if isinstance(dataset, IterableDataset) or not hasattr(dataset, "__getitem__"):
            got, expected = type(dataset).__name__, "a data set that can be indexed"
            raise TypeError(explain("Augmented", got=got, expected=expected))
        if not callable(transform):
            got = type(transform).__name__
            raise TypeError(explain("Augmented transform", got=got, expected="a callable"))
        if seed is None:
            seed = int(default_generator.integers(0, 2**63 - 1, ()))
        self.dataset, self.transform, self.epoch = dataset, transform, 0
        # 0 to 2 are the keys of a Trainer, which may have the same seed
        self._root = Generator().manual_seed(seed).spawn(3)

    def at_epoch(self, epoch: int) -> Augmented:
        """Return the data set as it is in an epoch (an int >= 0)."""
        epoch = operator.index(epoch)
        if epoch < 0:
            raise ValueError(explain("Augmented.at_epoch", got=epoch, expected="an int >= 0"))
        other = copy.copy(self)
        other.epoch = epoch
        return other

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> Any:
        index = operator.index(index)
        sample = self.dataset[index]
        key = np.array([index % len(self) if index < 0 else index])
        return self._changed(sample, key)

    @property
    def varies(self) -> bool:  # type: ignore[override]
        """Whether something draws that is not a function of seed, epoch and index."""
        return varies(self.dataset) or _varies(self.transform)

    def batch_reader(self) -> BatchReader | None:
        """Read and transform batches whole, where data set and transform allow it."""
        inner = None if overrides(self, Augmented) else batch_reader(self.dataset)
        if inner is None or not getattr(self.transform, "batched", False):
            return None
        read, every = inner, np.arange(len(self))
        return lambda index: self._changed(read(index), every[index])

    def _changed(self, sample: Any, keys: Array) -> Any:
        generator = self._root.spawn(self.epoch)
        if not isinstance(sample, tuple | list):
            return _keyed(self.transform, sample, generator, keys)
        first = _keyed(self.transform, sample[0], generator, keys)
        return type(sample)([first, *sample[1:]])


def _varies(transform: Any) -> bool:
    """Tell whether what `_keyed` does depends on more than generator and keys."""
    if type(transform) is Compose:
        return any(map(_varies, transform.transforms))
    return not isinstance(transform, _Warp) and varies(transform)


def _keyed(transform: Any, x: Any, generator: Generator, keys: Array) -> Any:
    """Apply a transform, with randomness that is a function of generator's seed and keys."""
    if type(transform) is Compose:
        for place, part in enumerate(transform.transforms):
            x = _keyed(part, x, generator.spawn(place), keys)
        return x
    if isinstance(transform, _Warp):
        return _lift(lambda array: transform.keyed(array, generator, keys), x)
    return transform(x)
