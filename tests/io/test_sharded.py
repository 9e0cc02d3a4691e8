"""Models in several files: written, read whole or by name, and what an index may not say."""

import json

import numpy as np
import pytest

import rushlight as rl
from rushlight import io
from rushlight.errors import FileFormatError

ARRAYS = {f"layer.{i}.weight": np.full((2, 4), i, np.float32) for i in range(5)}  # 32 bytes each
INDEX = "model.safetensors.index.json"


def shard(i, n):
    return f"model-{i:05}-of-{n:05}.safetensors"


@pytest.fixture
def folder(tmp_path):
    io.save_sharded(ARRAYS, tmp_path, {"format": "pt"}, max_shard_size=64)
    return tmp_path


def edit(folder, change):
    """Change the index."""
    path = folder / INDEX
    content = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(change(content) or content), encoding="utf-8")


def assert_all(arrays):
    assert list(arrays) == list(ARRAYS)
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(arrays[name], array)


# ---- writing


def test_files(folder):
    assert sorted(path.name for path in folder.iterdir()) == [
        *(shard(i, 3) for i in (1, 2, 3)),
        INDEX,
    ]
    content = json.loads((folder / INDEX).read_text())
    assert content["metadata"] == {"format": "pt", "total_size": 160}
    assert content["weight_map"] == {f"layer.{i}.weight": shard(1 + i // 2, 3) for i in range(5)}
    assert io.load_file(folder / shard(3, 3)) == (
        {"layer.4.weight": pytest.approx(4)},
        {"format": "pt"},
    )


@pytest.mark.parametrize(
    ("size", "count"),
    [
        (1, 5),
        (31, 5),
        (32, 5),
        (63, 5),
        (64, 3),
        ("64B", 3),
        ("0.1 KB", 2),
        ("0.1kib", 2),
        (160, 1),
    ],
)
def test_sizes(tmp_path, size, count):
    names = io.save_sharded(ARRAYS, tmp_path, max_shard_size=size)
    if count == 1:
        assert names == ["model.safetensors"]
    else:
        assert names == [*(shard(i, count) for i in range(1, count + 1)), INDEX]
    assert_all(io.load_file(tmp_path)[0])


def test_bfloat16_counts_as_it_is_written(tmp_path):
    names = io.save_sharded(ARRAYS, tmp_path, max_shard_size=64, dtype="bfloat16")
    assert len(names) == 3  # 16 bytes each: 4 arrays, 1, and the index
    assert_all(io.load_file(tmp_path)[0])


def test_of_a_model(tmp_path):
    model = rl.nn.Sequential(rl.nn.Linear(3, 4), rl.nn.Linear(4, 2))
    io.save_sharded(model.state_dict(), tmp_path, max_shard_size=50, name="net.v2")
    other = rl.nn.Sequential(rl.nn.Linear(3, 4), rl.nn.Linear(4, 2))
    other.load_state_dict(rl.load(tmp_path))
    for a, b in zip(model.parameters(), other.parameters(), strict=True):
        assert a.tolist() == b.tolist()


def test_nothing_at_all(tmp_path):
    assert io.save_sharded({}, tmp_path) == ["model.safetensors"]
    assert io.load_file(tmp_path) == ({}, {})


def test_writing_again_leaves_one_model(folder):
    (folder / "other-00001-of-00009.safetensors").write_bytes(b"another's")
    for size, count in ((1, 6), (1000, 1), (100, 3)):
        names = io.save_sharded(ARRAYS, folder, max_shard_size=size)
        assert len(names) == count
        found = {path.name for path in folder.iterdir()}
        assert found == {*names, "other-00001-of-00009.safetensors"}


def test_a_write_that_fails_leaves_what_was_there(folder, monkeypatch):
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(TypeError, match="'b': object"):
        io.save_sharded({"a": np.ones(9), "b": object()}, folder)
    from rushlight.io.safetensors import sharded

    calls = []

    def fail(file, *parts):
        calls.append(parts)
        if len(calls) == 2:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(sharded, "write", fail)
    with pytest.raises(OSError, match="free some"):
        io.save_sharded({name: a + 1 for name, a in ARRAYS.items()}, folder, max_shard_size=64)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_an_end_between_two_files_is_no_mixture(folder, monkeypatch):
    from rushlight.io import atomic

    replace, calls = atomic.os.replace, []

    def once(source, target):
        calls.append(target)
        if len(calls) == 2:
            raise KeyboardInterrupt
        replace(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(atomic.os, "replace", once)
        with pytest.raises(KeyboardInterrupt):
            io.save_sharded({n: a + 1 for n, a in ARRAYS.items()}, folder, max_shard_size=64)
    with pytest.raises(FileFormatError, match="a folder with 3 files of safetensors"):
        io.load_file(folder)
    assert not [path.name for path in folder.iterdir() if path.name.endswith(".tmp")]
    io.save_sharded(ARRAYS, folder, max_shard_size=64)
    assert_all(io.load_file(folder)[0])


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"max_shard_size": 0}, "max_shard_size: got 0, expected bytes > 0"),
        ({"max_shard_size": -5}, "got -5"),
        ({"max_shard_size": True}, "got True"),
        ({"max_shard_size": "5"}, "got '5'.*'500MB'"),
        ({"max_shard_size": "0MB"}, "got '0MB'"),
        ({"max_shard_size": "5XB"}, "got '5XB'"),
        ({"max_shard_size": 1.5}, "got 1.5"),
        ({"name": "../model"}, r"name: got '\.\./model'"),
        ({"name": ""}, "name: got ''"),
    ],
)
def test_refused_arguments(tmp_path, options, text):
    with pytest.raises(ValueError, match=text):
        io.save_sharded(ARRAYS, tmp_path, **options)
    assert not list(tmp_path.iterdir())


def test_missing_folder(tmp_path):
    with pytest.raises(FileNotFoundError, match="create the folder first"):
        io.save_sharded(ARRAYS, tmp_path / "missing")


# ---- reading


@pytest.mark.parametrize("mmap", [None, True, False])
def test_reading_all(folder, mmap):
    for path in (folder, folder / INDEX, str(folder)):
        arrays, metadata = io.load_file(path, mmap=mmap)
        assert_all(arrays)
        assert metadata == {"format": "pt"}
        state = rl.load(path, mmap=mmap)
        assert_all({name: tensor.numpy() for name, tensor in state.items()})


def test_reading_by_name_opens_what_is_needed(folder):
    (folder / shard(2, 3)).unlink()
    with io.safe_open(folder) as file:
        assert file.keys() == list(ARRAYS) and file.metadata() == {"format": "pt"}
        assert file.get_tensor("layer.4.weight").tolist() == ARRAYS["layer.4.weight"].tolist()
        assert file.get_slice("layer.1.weight")[0].tolist() == [1, 1, 1, 1]
        with pytest.raises(FileFormatError, match=f"the file '{shard(2, 3)}', which is not beside"):
            file.get_tensor("layer.2.weight")
    with pytest.raises(FileFormatError, match="copy the missing ones"):
        io.load_file(folder)


def test_files_of_the_library(tmp_path):
    oracle = pytest.importorskip("safetensors.numpy")
    names = list(ARRAYS)
    for file, keys in (("a.safetensors", names[:2]), ("b.safetensors", names[2:])):
        oracle.save_file({key: ARRAYS[key] for key in keys}, tmp_path / file)
    content = {"weight_map": {n: "ab"[n in names[2:]] + ".safetensors" for n in names}}
    (tmp_path / INDEX).write_text(json.dumps(content))
    assert_all(io.load_file(tmp_path)[0])
    io.save_sharded(ARRAYS, tmp_path, max_shard_size=100, name="m")
    assert list(oracle.load_file(tmp_path / "m-00001-of-00002.safetensors")) == names[:3]


def test_which_file_of_a_folder(tmp_path):
    with pytest.raises(FileFormatError, match="a folder with no files of safetensors, expected"):
        rl.load(tmp_path)
    for name, value in (("a", 1), ("b", 2)):
        io.save_file({"x": np.full(1, value)}, tmp_path / f"{name}.safetensors")
        if name == "a":
            assert rl.load(tmp_path)["x"].item() == 1
    with pytest.raises(FileFormatError, match=r"2 files of safetensors: a\.safetensors, b\.safe"):
        rl.load(tmp_path)
    io.save_sharded(ARRAYS, tmp_path, max_shard_size=64, name="c")
    assert_all(io.load_file(tmp_path)[0])  # the one index
    io.save_file({"x": np.full(1, 3)}, tmp_path / "model.safetensors")
    assert rl.load(tmp_path)["x"].item() == 3


# ---- what an index may not say


def place(file):
    def change(content):
        content["weight_map"]["layer.0.weight"] = file

    return change


BAD = {
    "no map": (lambda c: {"metadata": {}}, "expected an object with weight_map"),
    "map list": (lambda c: {"weight_map": []}, "weight_map"),
    "metadata list": (lambda c: {**c, "metadata": []}, "weight_map"),
    "up": (place("../model.safetensors"), "'../model.safetensors', expected a file beside it"),
    "up, Windows": (place("..\\model.safetensors"), "a file beside it"),
    "root": (place("/etc/model.safetensors"), "reach outside"),
    "drive": (place("C:model.safetensors"), "a file beside it"),
    "stream": (place("a:b.safetensors"), "a file beside it"),
    "hidden": (place(".safetensors"), "a file beside it"),
    "nul": (place("a\0.safetensors"), "a file beside it"),
    "line": (place("a\n.safetensors"), "a file beside it"),
    "surrogate": (place("\ud800.safetensors"), "a file beside it"),
    "long": (place("a" * 300 + ".safetensors"), "a file beside it"),
    "ending": (place("model.bin"), "'model.bin', expected a file beside it"),
    "itself": (place(INDEX), "a file beside it"),
    "number": (place(3), "the file 3"),
    "null": (place(None), "the file None"),
    "list": (place(["a"]), r"the file \[str\]"),
    "missing file": (place("gone.safetensors"), "'gone.safetensors', which is not beside it"),
    "another file": (place(shard(2, 3)), r"also array 'layer\.0\.weight'"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_index(folder, name):
    change, text = BAD[name]
    (folder / "gone").mkdir()
    edit(folder, change)
    with pytest.raises(FileFormatError, match=text) as caught:
        io.load_file(folder)
    assert len(str(caught.value)) < 700
    with pytest.raises(FileFormatError), io.safe_open(folder / INDEX) as file:
        for key in file.keys():  # noqa: SIM118
            file.get_tensor(key)


def test_missing_and_extra_names(folder):
    io.save_file({"layer.2.weight": np.ones(1)}, folder / shard(2, 3))
    with pytest.raises(FileFormatError, match=r"no array 'layer\.3\.weight', expected the 2 that"):
        io.load_file(folder)
    more = {f"layer.{i}.weight": np.ones(1) for i in range(2, 9)}
    io.save_file(more, folder / shard(2, 3))
    text = r"also array 'layer\.4\.weight', 'layer\.5\.weight', 'layer\.6\.weight' and 2 more"
    with pytest.raises(FileFormatError, match=text):
        io.load_file(folder)
    with io.safe_open(folder) as file, pytest.raises(FileFormatError, match="also array"):
        file.get_tensor("layer.2.weight")


def test_truncated_index_at_every_byte(folder):
    content = (folder / INDEX).read_bytes()
    for length in range(len(content) - 2):  # the end is '}' and a line break
        (folder / INDEX).write_bytes(content[:length])
        with pytest.raises(FileFormatError):
            io.load_file(folder)


def test_index_with_a_name_twice_or_no_json(folder):
    for text, said in (
        ('{"weight_map": {"a": "x.safetensors", "a": "y.safetensors"}}', "the name 'a' twice"),
        ('{"weight_map": ' + "[" * 100_000, "no JSON"),
        ('{"weight_map": {"\\ud800": "x.safetensors"}, "\\ud800": 1}', "lone surrogate"),
        ("", "at its start"),
        ("\x00\x00", "at its start"),
    ):
        (folder / INDEX).write_text(text)
        with pytest.raises(FileFormatError, match=said):
            io.load_file(folder)


def test_an_index_that_is_too_long(folder):
    with open(folder / INDEX, "r+b") as file:
        file.truncate(100_000_001)
    with pytest.raises(FileFormatError, match="an index of 100,000,001 bytes"):
        io.load_file(folder)


def test_a_shard_that_is_truncated(folder):
    path = folder / shard(1, 3)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(FileFormatError, match=r"model-00001-of-00003.*buffer of 63 bytes"):
        io.load_file(folder)
