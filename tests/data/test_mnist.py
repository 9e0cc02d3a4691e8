"""MNIST: where it is looked for, what is checked, what its items are."""

import gzip
import hashlib
import http.server
import importlib.resources
import pathlib
import re
import sys
import threading
import warnings

import numpy as np
import pytest

from rushlight.data import MNIST, DataLoader, SampleDataWarning, Subset, mnist, random_split
from rushlight.data.mnist import read_idx, read_mnist
from rushlight.data.transforms import Compose, Normalize
from rushlight.errors import FileFormatError
from rushlight.random import Generator
from rushlight.tensor import Tensor

SIZES = {"train": 30, "t10k": 20}


def idx(array):
    shape = b"".join(n.to_bytes(4, "big") for n in array.shape)
    return bytes([0, 0, 8, array.ndim]) + shape + array.tobytes()


def contents():
    """A tiny MNIST: name -> content of the unpacked file."""
    rng = np.random.default_rng(0)
    made = {}
    for part, n in SIZES.items():
        images = rng.integers(0, 256, (n, 28, 28)).astype(np.uint8)
        made[f"{part}-images-idx3-ubyte"] = idx(images)
        made[f"{part}-labels-idx1-ubyte"] = idx(np.arange(n, dtype=np.uint8) % 10)
    return made


@pytest.fixture(autouse=True)
def tiny(monkeypatch, tmp_path):
    """Let MNIST expect the tiny files, an empty cache and no net; return the cache."""
    table = {}
    for name, content in contents().items():
        n = SIZES[name[:5].rstrip("-")] if name.startswith("train") else SIZES["t10k"]
        shape = (n, 28, 28) if "images" in name else (n,)
        table[name] = (shape, hashlib.sha256(content).hexdigest())
    monkeypatch.setattr(mnist, "_FILES", table)
    monkeypatch.setattr(mnist, "_MIRROR", "http://127.0.0.1:9/")  # refused at once
    monkeypatch.setattr(mnist, "_unanswered", [])
    monkeypatch.setattr(mnist, "cache_folder", lambda: tmp_path / "cache")
    monkeypatch.delenv("RUSHLIGHT_DATA", raising=False)
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    return tmp_path / "cache" / "mnist"


def fill(folder, packed=False, only=""):
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in contents().items():
        if name.startswith(only):
            if packed:
                (folder / f"{name}.gz").write_bytes(gzip.compress(content, 1))
            else:
                (folder / name).write_bytes(content)
    return folder


# ---- items


def test_items_and_attributes(tmp_path):
    data = MNIST(fill(tmp_path / "d"))
    assert len(data) == 30
    assert data.data.shape == (30, 28, 28) and data.data.dtype == np.uint8
    assert data.targets.dtype == np.int64
    assert data.targets.tolist() == [i % 10 for i in range(30)]
    assert len(data.classes) == 10
    image, label = data[-1]
    assert isinstance(image, Tensor) and image.shape == (1, 28, 28) and image.dtype == np.float32
    np.testing.assert_array_equal(
        image.numpy()[0], data.data.numpy()[-1].astype(np.float32) / np.float32(255)
    )
    assert type(label) is int and label == 9
    assert len(MNIST(tmp_path / "d", train=False)) == 20
    assert "30 images" in repr(data)
    with pytest.raises(IndexError):
        data[30]


def test_whole_set(tmp_path):
    data = MNIST(fill(tmp_path / "d"))
    raw, labels = data.arrays(normalize=False)
    images, _ = data.tensors()
    assert raw.shape == (30, 1, 28, 28) and raw.dtype == np.float32
    assert 0 <= raw.min() < raw.max() <= 1
    assert labels.dtype == np.int64
    assert images.dtype == np.float32
    np.testing.assert_allclose(images.numpy(), (raw - 0.1307) / 0.3081, atol=1e-6)
    labels[:] = 0
    assert data.targets.numpy().any()  # a copy


def test_transforms_of_items(tmp_path):
    data = MNIST(fill(tmp_path / "d"), transform=lambda x: x * 2, target_transform=str)
    image, label = data[3]
    assert image.numpy().max() > 1
    assert label == "3"


@pytest.mark.parametrize("transform", [None, Normalize(0.1307, 0.3081), "compose", "function"])
@pytest.mark.parametrize("wrap", [lambda d: d, lambda d: Subset(d, [5, 1, 29, 7]), "split"])
def test_loader_slices_what_items_give(tmp_path, transform, wrap, monkeypatch):
    if transform == "compose":
        transform = Compose([Normalize(0.5, 0.5), Normalize(0.1, 2.0)])
    known = transform != "function"
    data = MNIST(fill(tmp_path / "d"), transform=transform if known else lambda x: x * 2)
    part = random_split(data, [0.5, 0.5], Generator(0))[0] if wrap == "split" else wrap(data)
    rows = [part[i] for i in range(len(part))]
    if known:
        monkeypatch.setattr(Subset, "__getitems__", None)
    calls = []
    getitem = MNIST.__getitem__
    monkeypatch.setattr(MNIST, "__getitem__", lambda s, i: (calls.append(i), getitem(s, i))[1])
    for kind in ({}, {"shuffle": True, "generator": Generator(1)}):
        start = 0
        order = Generator(1).spawn(0).permutation(len(part)) if kind else np.arange(len(part))
        for images, labels in DataLoader(part, 3, **kind):
            picked = [rows[i] for i in order[start : start + 3]]
            np.testing.assert_array_equal(images.numpy(), np.stack([x.numpy() for x, _ in picked]))
            assert labels.dtype == np.int64
            assert labels.tolist() == [y for _, y in picked]
            start += 3
    assert bool(calls) is not known


# ---- where it is looked for


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("below", ["", "mnist", "MNIST/raw"])
def test_root(tmp_path, below, packed):
    fill(tmp_path / "d" / below, packed)
    data = MNIST(tmp_path / "d")
    assert data.source == f"folder {tmp_path / 'd'}"
    assert data.data.numpy().tobytes() == contents()["train-images-idx3-ubyte"][16:]


def test_root_comes_before_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("RUSHLIGHT_DATA", str(fill(tmp_path / "env")))
    assert MNIST().source == f"folder {tmp_path / 'env'}"
    assert MNIST(fill(tmp_path / "d")).source == f"folder {tmp_path / 'd'}"


def test_environment_comes_before_the_cache(tiny, tmp_path, monkeypatch):
    fill(tiny)
    assert MNIST().source == "cache"
    monkeypatch.setenv("RUSHLIGHT_DATA", str(fill(tmp_path / "env")))
    assert MNIST().source == f"folder {tmp_path / 'env'}"


@pytest.mark.parametrize("exists", [False, True])
def test_root_without_files(tmp_path, exists):
    root = tmp_path / "d"
    if exists:
        root.mkdir()
    with pytest.raises(FileNotFoundError, match="train-images-idx3-ubyte") as caught:
        MNIST(root)
    for text in ("train-labels-idx1-ubyte", ".gz", "MNIST/raw", str(root)):
        assert text in str(caught.value)


def test_half_of_the_files(tmp_path, monkeypatch):
    root = fill(tmp_path / "d", only="train-images")
    with pytest.raises(FileNotFoundError, match="got no train-labels-idx1-ubyte, expected"):
        MNIST(root)
    monkeypatch.setenv("RUSHLIGHT_DATA", str(root))
    with pytest.raises(FileNotFoundError, match="train-labels"):
        MNIST()


@pytest.mark.parametrize("by_environment", [False, True])
@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("damage", ["cut", "changed", "empty", "longer"])
def test_damaged_files_are_errors(tmp_path, monkeypatch, damage, packed, by_environment):
    root = fill(tmp_path / "d", packed)
    path = root / ("train-images-idx3-ubyte" + (".gz" if packed else ""))
    content = bytearray(path.read_bytes())
    if damage == "cut":
        del content[-100:]
    elif damage == "changed":
        content[len(content) // 2] ^= 255
    elif damage == "empty":
        content.clear()
    else:
        content += b"\1"
    path.write_bytes(bytes(content))
    if by_environment:
        monkeypatch.setenv("RUSHLIGHT_DATA", str(root))
    with pytest.raises(FileFormatError, match="truncated or altered; delete it") as caught:
        MNIST(None if by_environment else root)
    assert str(path) in str(caught.value)


def test_content_of_another_set(tmp_path):
    root = fill(tmp_path / "d")
    path = root / "train-labels-idx1-ubyte"
    other = idx(np.zeros(30, np.uint8))
    path.write_bytes(other)
    with pytest.raises(FileFormatError, match=hashlib.sha256(other).hexdigest()):
        MNIST(root)


# ---- the net


@pytest.fixture
def server(tmp_path, monkeypatch):
    pytest.importorskip("pooch")
    folder = fill(tmp_path / "served", packed=True)
    log = []

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args):
            super().__init__(*args, directory=folder)

        def log_message(self, form, *args):
            log.append(args[0])

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        monkeypatch.setattr(mnist, "_MIRROR", f"http://127.0.0.1:{running.server_port}/")
        yield folder, log
        running.shutdown()
        thread.join()


def test_download_fills_the_cache(server, tiny):
    _, log = server
    data = MNIST()
    assert (data.source, len(data)) == ("download", 30)
    assert sorted(path.name for path in tiny.iterdir()) == [
        "train-images-idx3-ubyte.gz",
        "train-labels-idx1-ubyte.gz",
    ]
    asked = len(log)
    assert MNIST().source == "cache"
    assert len(log) == asked


def test_damaged_cache_is_downloaded_again(server, tiny):
    fill(tiny)
    (tiny / "train-labels-idx1-ubyte").write_bytes(b"rubbish")
    assert MNIST().source == "download"
    assert MNIST().source == "cache"


def test_damaged_download_is_not_kept(server, tiny):
    folder, _ = server
    (folder / "train-images-idx3-ubyte.gz").write_bytes(b"rubbish")
    with pytest.warns(SampleDataWarning, match="download failed"):
        assert MNIST().source == "sample"
    assert not list(tiny.iterdir())


def test_what_another_process_downloads_meanwhile_stays(server, tiny, monkeypatch):
    import pooch

    folder, log = server
    read, fetch, seen = mnist._read_checked, pooch.retrieve, []

    def late(path, name):
        if path.parent == tiny and not path.exists():  # it comes just behind this look
            tiny.mkdir(parents=True, exist_ok=True)
            path.write_bytes((folder / path.name).read_bytes())
            raise FileNotFoundError(path)
        return read(path, name)

    def watched(*args, **options):
        seen.append(sorted(path.name for path in tiny.glob("*.gz")))
        return fetch(*args, **options)

    monkeypatch.setattr(mnist, "_read_checked", late)
    monkeypatch.setattr(pooch, "retrieve", watched)
    assert MNIST().source == "download"
    names = ["train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"]
    assert seen == [names[:1], names]
    assert log


def test_no_answer_ends_in_the_sample(monkeypatch):
    pytest.importorskip("pooch")
    monkeypatch.setattr(mnist, "_TIMEOUT", 0.2)
    release = threading.Event()
    monkeypatch.setattr("urllib.request.urlopen", lambda *_, **__: release.wait(20))
    with pytest.warns(SampleDataWarning, match=r"no answer from .* within 0.2 s"):
        assert MNIST().source == "sample"
    monkeypatch.setattr("urllib.request.urlopen", None)  # not asked a second time
    with pytest.warns(SampleDataWarning, match="no answer"):
        MNIST(train=False)
    release.set()


def test_without_pooch_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "pooch", None)
    with pytest.warns(SampleDataWarning, match=re.escape("pip install 'rushlight[io]'")):
        assert MNIST().source == "sample"


def test_a_user_without_a_home_gets_the_sample(monkeypatch):
    def homeless():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("RUSHLIGHT_DATA", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(pathlib.Path, "home", homeless)
    with pytest.warns(SampleDataWarning):
        assert MNIST(download=False).source == "sample"


# ---- the sample


@pytest.mark.parametrize(("train", "n", "each"), [(True, 5000, 500), (False, 1000, 100)])
def test_sample(train, n, each, monkeypatch, tmp_path):
    monkeypatch.setenv("RUSHLIGHT_DATA", str(tmp_path / "nowhere"))
    with pytest.warns(SampleDataWarning) as caught:
        data = MNIST(train=train, download=False)
    (warning,) = caught
    for text in (f"{n:,} images", "download=False", "nowhere holds no MNIST", "MNIST(root=...)"):
        assert text in str(warning.message)
    assert "\n" not in str(warning.message)
    assert pathlib.Path(warning.filename) == pathlib.Path(__file__)
    assert data.source == "sample"
    assert data.data.shape == (n, 28, 28)
    assert np.bincount(data.targets.numpy()).tolist() == [each] * 10
    assert len(set(data.targets.tolist()[:20])) > 5  # shuffled
    images, _ = data.arrays()
    assert abs(images.mean()) < 0.03 and abs(images.std() - 1) < 0.03


def test_sample_is_learnable():
    """Centroids of the training sample tell the digits of the test sample apart."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SampleDataWarning)
        (x, y), (u, v) = (MNIST(train=t, download=False).arrays() for t in (True, False))
    centres = np.stack([x[y == c].mean(0).ravel() for c in range(10)])
    guess = (u.reshape(len(u), -1) @ centres.T - (centres**2).sum(1) / 2).argmax(1)
    assert (guess == v).mean() > 0.75
    assert not set(map(bytes, x)) & set(map(bytes, u))


def test_sample_has_its_notice():
    folder = importlib.resources.files("rushlight.data") / "samples"
    assert "CC BY-SA 3.0" in (folder / "NOTICE.txt").read_text()
    assert len((folder / "mnist_sample.npz").read_bytes()) < 1_100_000


# ---- idx files


GOOD = idx(np.arange(6, dtype=np.uint8).reshape(3, 2))


@pytest.mark.parametrize("packed", [False, True])
def test_read_idx(tmp_path, packed):
    path = tmp_path / "x"
    path.write_bytes(gzip.compress(GOOD, mtime=0) if packed else GOOD)
    array = read_idx(path, (3, 2))
    assert array.tolist() == [[0, 1], [2, 3], [4, 5]]
    array[0] = 9  # writable


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"", "magic number of an empty file"),
        (b"\0\0\x0d" + GOOD[3:], "magic number 00 00 0d 02, expected 00 00 08 02"),
        (b"\0\1" + GOOD[2:], "magic number 00 01"),
        (GOOD[:3], "no dimensions"),
        (GOOD[:3] + b"\1" + GOOD[4:], "1 dimensions, expected shape"),
        (idx(np.zeros((2, 3), np.uint8)), r"shape \(2, 3\), expected shape \(3, 2\)"),
        (GOOD[:4] + b"\xff" * 4 + GOOD[8:], r"shape \(4294967295, 2\)"),
        (GOOD[:9], "9 bytes, expected 18 bytes"),
        (GOOD[:-1], "17 bytes, expected 18 bytes"),
        (GOOD + b"\0", "more than 18 bytes"),
        (b"<html>404</html>", "magic number 3c 68"),
        (gzip.compress(GOOD, mtime=0)[:-4], "breaks off"),
        (gzip.compress(GOOD, mtime=0)[:12], "breaks off"),
        (gzip.compress(GOOD, mtime=0)[:-8] + bytes(8), "damaged"),
        (gzip.compress(GOOD + bytes(10**7), mtime=0), "more than 18 bytes"),
    ],
)
def test_read_idx_refuses(tmp_path, content, text):
    path = tmp_path / "file-idx"
    path.write_bytes(content)
    with pytest.raises(FileFormatError, match=text) as caught:
        read_idx(path, (3, 2))
    assert str(path) in str(caught.value)


def test_read_idx_at_every_truncation(tmp_path):
    path = tmp_path / "x"
    for content in (GOOD, gzip.compress(GOOD, mtime=0)):
        for length in range(len(content)):
            path.write_bytes(content[:length])
            with pytest.raises(FileFormatError):
                read_idx(path, (3, 2))


def test_read_mnist_of_the_test_part(tmp_path):
    images, labels = read_mnist(fill(tmp_path / "d", packed=True), train=False)
    assert images.shape == (20, 28, 28)
    assert labels.dtype == np.uint8
