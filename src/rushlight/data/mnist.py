"""MNIST: 70,000 handwritten digits, from a folder, the cache, the net or the bundled sample."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import importlib
import importlib.resources
import operator
import os
import pathlib
import sys
import tempfile
import threading
import warnings
import zlib
from collections.abc import Callable
from typing import Any, NoReturn, TypeAlias

import numpy as np

from rushlight import comm
from rushlight.arrays import Array
from rushlight.data.dataset import BatchReader, Dataset, overrides
from rushlight.data.transforms import varies
from rushlight.errors import FileFormatError, MissingExtra, explain
from rushlight.tensor import Tensor, from_numpy

__all__ = ["MEAN", "MNIST", "STD", "SampleDataWarning", "read_idx", "read_mnist"]

MEAN, STD = 0.1307, 0.3081  # of the training set's pixels in [0, 1]

_MIRROR = "https://ossci-datasets.s3.amazonaws.com/mnist/"
_TIMEOUT = 10.0  # seconds without an answer
_SUBFOLDERS = (".", "mnist", "MNIST/raw")
_FILES: dict[str, tuple[tuple[int, ...], str]] = {  # name -> shape, SHA-256 when unpacked
    "train-images-idx3-ubyte": (
        (60_000, 28, 28),
        "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    ),
    "train-labels-idx1-ubyte": (
        (60_000,),
        "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    ),
    "t10k-images-idx3-ubyte": (
        (10_000, 28, 28),
        "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    ),
    "t10k-labels-idx1-ubyte": (
        (10_000,),
        "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    ),
}
_AGAIN = "the file is truncated or altered; delete it and download it again"

Images: TypeAlias = tuple[Array, Array]  # uint8 (N, 28, 28), uint8 (N,)


class SampleDataWarning(UserWarning):
    """The bundled sample stands in for a data set that could not be had."""


class MNIST(Dataset[tuple[Any, Any]]):
    """The MNIST digits, whole in memory as bytes.

    Looked for in this order: `root`, when given; the folder named by the environment variable
    RUSHLIGHT_DATA; the user's cache; the net (needs the extra `io`; the files go to the cache);
    at last the sample that comes with Rushlight, 5,000 + 1,000 images, with a warning. In a folder
    the idx files may lie at its top, in `mnist/` or in `MNIST/raw/`, packed (.gz) or not. All
    files are checked against the SHA-256 of the originals.

    Args:
        root: folder that holds the files (default None: look elsewhere).
        train: the 60,000 training images (default True) or the 10,000 test images.
        download: whether the net may be asked (default True; at most 10 s without an answer).
        transform: applied to the image of an item, a Tensor (1, 28, 28) (default None).
        target_transform: applied to the label of an item, an int (default None).

    Attributes:
        data: the pixels, a uint8 Tensor (N, 28, 28), 0 to 255.
        targets: the labels, an int64 Tensor (N,), 0 to 9.
        classes: the names of the ten classes.
        source: where the data came from: 'folder PATH', 'cache', 'download' or 'sample'.

    Shape:
        item -> image (1, 28, 28), a float32 Tensor in [0, 1], and label, an int.

    Raises:
        FileNotFoundError: `root` does not hold the files; their names are listed.
        FileFormatError: a file in `root` or RUSHLIGHT_DATA is truncated or altered.

    Example:
        >>> import warnings
        >>> with warnings.catch_warnings():
        ...     warnings.simplefilter("ignore")  # where there is only the sample
        ...     digits = MNIST(train=False, download=False)
        >>> image, label = digits[0]
        >>> image.shape, type(label).__name__, len(digits.classes)
        ((1, 28, 28), 'int', 10)

    Source: Y. LeCun, C. Cortes, C. Burges, The MNIST database of handwritten digits (CC BY-SA 3.0)
    """

    classes = (
        "0 - zero",
        "1 - one",
        "2 - two",
        "3 - three",
        "4 - four",
        "5 - five",
        "6 - six",
        "7 - seven",
        "8 - eight",
        "9 - nine",
    )

    def __init__(
        self,
        root: str | os.PathLike[str] | None = None,
        train: bool = True,
        *,
        download: bool = True,
        transform: Callable[[Any], Any] | None = None,
        target_transform: Callable[[Any], Any] | None = None,
    ) -> None:
        self.root, self.train = root, train
        self.transform, self.target_transform = transform, target_transform
        (self._images, labels), self.source = _obtain(root, train, download)
        self._labels = labels.astype(np.int64)
        self.data, self.targets = from_numpy(self._images), from_numpy(self._labels)

    def __len__(self) -> int:
        return len(self._images)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        index = operator.index(index)
        image: Any = from_numpy(to_unit(self._images[index, None]))  # (28, 28) -> (1, 28, 28)
        label: Any = int(self._labels[index])
        if self.transform is not None:
            image = self.transform(image)
        if self.target_transform is not None:
            label = self.target_transform(label)
        return image, label

    def __repr__(self) -> str:
        return f"MNIST(train={self.train}, {len(self):,} images, source={self.source!r})"

    def arrays(self, normalize: bool = True) -> tuple[Array, Array]:
        """Return the whole set as arrays: images float32 (N, 1, 28, 28), labels int64 (N,).

        Args:
            normalize: standardize the pixels, (x - 0.1307) / 0.3081 with x in [0, 1] (default
                True); False leaves them in [0, 1].

        The images of the full training set take 188 MB.
        """
        images = to_unit(self._images[:, None])
        if normalize:
            images -= np.float32(MEAN)
            images /= np.float32(STD)
        return images, self._labels.copy()

    def tensors(self, normalize: bool = True) -> tuple[Tensor, Tensor]:
        """Return what `arrays` returns as Tensors, ready for a TensorDataset.

        Args:
            normalize: standardize the pixels (default True); False leaves them in [0, 1].
        """
        images, labels = self.arrays(normalize)
        return from_numpy(images), from_numpy(labels)

    @property
    def varies(self) -> bool:  # type: ignore[override]
        """Whether a transform may draw random numbers."""
        steps = (self.transform, self.target_transform)
        return any(step is not None and varies(step) for step in steps)

    def batch_reader(self) -> BatchReader | None:
        """Read batches by slicing, unless a transform wants single items."""
        transform = self.transform
        batched = transform is None or getattr(transform, "batched", False)
        if overrides(self, MNIST) or not batched or self.target_transform is not None:
            return None

        def read(index: Any) -> list[Any]:
            images: Any = from_numpy(to_unit(self._images[index][:, None]))
            return [
                images if transform is None else transform(images),
                from_numpy(self._labels[index].copy()),
            ]

        return read


def to_unit(pixels: Array) -> Array:
    """Turn bytes into float32 in [0, 1]."""
    return np.divide(pixels, np.float32(255), dtype=np.float32)


# ---- where the data comes from


def _obtain(root: str | os.PathLike[str] | None, train: bool, download: bool) -> tuple[Images, str]:
    if root is not None:
        return read_mnist(root, train), f"folder {os.fspath(root)}"
    reasons = []
    named = os.environ.get("RUSHLIGHT_DATA")
    if named:
        if _locate(named, train):
            return read_mnist(named, train), f"folder {named}"
        reasons.append(f"RUSHLIGHT_DATA={named} holds no MNIST files")
    cache = cache_folder() / "mnist"
    if _locate(cache, train):
        try:
            return read_mnist(cache, train), "cache"
        except (FileFormatError, OSError) as error:
            reasons.append(f"the cache is damaged ({error})")
    if download:
        try:
            _download(cache, train)
            return read_mnist(cache, train), "download"
        except (OSError, ImportError, ValueError) as error:
            told = not type(error).__module__.startswith("requests")  # whose texts are paragraphs
            text = str(error) if told else f"{type(error).__name__} from {_MIRROR}"
            reasons.append(f"the download failed ({text})")
    else:
        reasons.append("download=False")
    images = _sample(train)
    if comm.current().first:  # of several processes one says so
        warnings.warn(
            f"MNIST: this is only the bundled sample of {len(images[0]):,} images, not the full "
            f"{'60,000' if train else '10,000'}, because {'; '.join(reasons)}. For the full set "
            "name a folder that holds its four idx files: MNIST(root=...) or RUSHLIGHT_DATA",
            SampleDataWarning,
            stacklevel=3,
        )
    return images, "sample"


def cache_folder() -> pathlib.Path:
    """Return the folder of downloaded data: the system's cache folder, then `rushlight`."""
    try:
        home = pathlib.Path.home()
    except RuntimeError:  # a user without a home, as in some containers
        home = pathlib.Path(tempfile.gettempdir(), f"rushlight-{getattr(os, 'getuid', int)()}")
    if sys.platform == "win32":
        local = os.environ.get("LOCALAPPDATA")
        return pathlib.Path(local or home / "AppData" / "Local") / "rushlight" / "Cache"
    if sys.platform == "darwin":
        return home / "Library" / "Caches" / "rushlight"
    return pathlib.Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache") / "rushlight"


def _names(train: bool) -> list[str]:
    return [name for name in _FILES if name.startswith("train" if train else "t10k")]


def _locate(folder: str | os.PathLike[str], train: bool) -> dict[str, pathlib.Path]:
    """Return the path of each file found in the first subfolder that holds any."""
    for subfolder in _SUBFOLDERS:
        found: dict[str, pathlib.Path] = {}
        for name in _names(train):
            for path in (
                pathlib.Path(folder, subfolder, name),
                pathlib.Path(folder, subfolder, f"{name}.gz"),
            ):
                if path.is_file():
                    found.setdefault(name, path)
        if found:
            return found
    return {}


_unanswered: list[str] = []  # once per process is enough to wait for a net that is not there


def _download(cache: pathlib.Path, train: bool) -> None:
    """Fetch the files of one part into the cache.

    Each comes to its place whole and checked, as other processes may do the same meanwhile.
    """
    try:
        pooch = importlib.import_module("pooch")
    except ImportError as error:
        raise MissingExtra("pooch", "io", "downloading MNIST") from error
    if _unanswered:
        raise OSError(_unanswered[0])
    _probe(_MIRROR)
    pooch.get_logger().setLevel("WARNING")
    fetch = pooch.HTTPDownloader(timeout=_TIMEOUT)
    for name in _names(train):
        path = cache / f"{name}.gz"
        try:
            _read_checked(path, name)
        except (FileFormatError, OSError):  # not there yet, or damaged
            cache.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=cache) as own:
                made = pathlib.Path(own, path.name)
                pooch.retrieve(_MIRROR + path.name, None, made.name, own, downloader=fetch)
                _read_checked(made, name)
                os.replace(made, path)
            (cache / name).unlink(missing_ok=True)  # which would be read before it


def _probe(url: str) -> None:
    """Give up on a net that swallows packets: it would cost a timeout for each address."""
    import urllib.request  # half of the import time of this package, for the download alone

    def ask() -> None:
        request = urllib.request.Request(url, method="HEAD")
        with contextlib.suppress(Exception):  # the download itself reports what is wrong
            urllib.request.urlopen(request, timeout=_TIMEOUT).close()

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(_TIMEOUT)
    if thread.is_alive():
        _unanswered.append(f"no answer from {url} within {_TIMEOUT:g} s")
        raise OSError(_unanswered[0])


def _sample(train: bool) -> Images:
    part = "train" if train else "test"
    packed = importlib.resources.files("rushlight.data") / "samples" / "mnist_sample.npz"
    with packed.open("rb") as file, np.load(file, allow_pickle=False) as content:
        return content[f"{part}_images"], content[f"{part}_labels"]


# ---- idx files


def read_mnist(folder: str | os.PathLike[str], train: bool = True) -> tuple[Array, Array]:
    """Read the images and labels of one part of MNIST from a folder, checked by SHA-256.

    Args:
        folder: holds the two idx files (or `mnist/` or `MNIST/raw/` in it does), packed or not.
        train: the training part (default True) or the test part.

    Returns:
        Pixels, uint8 (N, 28, 28), and labels, uint8 (N,).

    Raises:
        FileNotFoundError: files are missing.
        FileFormatError: a file is truncated or altered.
    """
    found = _locate(folder, train)
    missing = [name for name in _names(train) if name not in found]
    if missing:
        places = ", ".join(repr(os.fspath(pathlib.Path(folder, sub))) for sub in _SUBFOLDERS)
        raise FileNotFoundError(
            explain(
                f"MNIST in {os.fspath(folder)!r}",
                got=f"no {' and no '.join(missing)}",
                expected=f"{' and '.join(_names(train))}, each with or without .gz, in {places}",
                fix="put them there, or name no folder: then they are looked for elsewhere and "
                "downloaded",
            )
        )
    images, labels = (_read_checked(found[name], name) for name in _names(train))
    return images, labels


def _read_checked(path: pathlib.Path, name: str) -> Array:
    shape, expected = _FILES[name]
    array = read_idx(path, shape)
    found = hashlib.sha256(_idx_header(shape))
    found.update(array.data)
    if found.hexdigest() != expected:
        _refuse(path, f"unpacked content of SHA-256 {found.hexdigest()}", expected)
    return array


def _idx_header(shape: tuple[int, ...]) -> bytes:
    """Return the first bytes of an idx file of bytes (type 8) and this shape."""
    return bytes([0, 0, 8, len(shape)]) + b"".join(n.to_bytes(4, "big") for n in shape)


def read_idx(path: str | os.PathLike[str], shape: tuple[int, ...]) -> Array:
    """Read an idx file of unsigned bytes, packed by gzip or not, of a known shape.

    Args:
        path: the file; gzip is recognized by its content.
        shape: the shape that the file must state and have.

    Returns:
        A uint8 array.

    Raises:
        FileFormatError: another magic number, type or shape, or data that is too short or too
            long; no more than one byte beyond what is expected is ever unpacked.

    Example:
        >>> import pathlib, tempfile
        >>> folder = tempfile.TemporaryDirectory()
        >>> path = pathlib.Path(folder.name, "labels-idx1-ubyte")
        >>> _ = path.write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 3, 7, 2, 1]))
        >>> read_idx(path, (3,))
        array([7, 2, 1], dtype=uint8)
        >>> folder.cleanup()
    """
    expected = _idx_header(shape)
    size = len(expected) + int(np.prod(shape, dtype=np.int64))
    with open(path, "rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
        file.seek(0)
        try:
            if packed:
                with gzip.GzipFile(fileobj=file) as stream:
                    content = stream.read(size + 1)
            else:
                content = file.read(size + 1)
        except (EOFError, OSError, zlib.error) as error:
            if not packed:
                raise
            _refuse(path, f"gzip data that breaks off or is damaged ({error})", f"{size:,} bytes")
    if content[:3] != expected[:3]:
        _refuse(
            path,
            f"the magic number {content[:4].hex(' ') or 'of an empty file'}",
            f"{expected[:4].hex(' ')} (an idx file of unsigned bytes)",
        )
    dims = content[3:4] and content[3]
    sizes = content[4 : 4 + 4 * len(shape)]
    if dims != len(shape) or (len(sizes) == 4 * len(shape) and sizes != expected[4:]):
        stated = tuple(int.from_bytes(sizes[i : i + 4], "big") for i in range(0, len(sizes), 4))
        got = f"shape {stated}" if dims == len(shape) else f"{dims or 'no'} dimensions"
        _refuse(path, got, f"shape {shape}")
    if len(content) != size:
        got = f"{len(content):,} bytes" if len(content) < size else f"more than {size:,} bytes"
        _refuse(path, got, f"{size:,} bytes (unpacked)")
    return np.frombuffer(bytearray(content), np.uint8, offset=len(expected)).reshape(shape)


def _refuse(path: str | os.PathLike[str], got: str, expected: str) -> NoReturn:
    raise FileFormatError(explain(os.fspath(path), got=got, expected=expected, fix=_AGAIN))
