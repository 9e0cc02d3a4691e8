"""Broken and malicious safetensors files: a reader reads them, or refuses by FileFormatError.

`python -m tests.io.fuzz_safetensors --count 100000` gives every reader that many inputs. An input
fails if another exception comes out (a MemoryError is one: memory is limited), if more memory is
taken than its size explains (every 16th is measured), if what is read does not survive a round
trip, or if a file appears or disappears.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import tempfile
import time
import tracemalloc
from collections import Counter
from pathlib import Path
from unittest import mock

import numpy as np

import rushlight as rl
from rushlight import io
from rushlight.errors import FileFormatError
from rushlight.io import mapped
from rushlight.io.state import pack

__all__ = ["READERS", "run"]

NUMBERS = [0, 1, -1, 2, 3, 4, 7, 8, 255, 2**31, 2**32, 2**40, 2**62, 2**63, 2**64, 10**30, -(2**63)]
ODD = [
    *NUMBERS,
    1.0,
    0.5,
    1e400,
    float("nan"),
    True,
    False,
    None,
    "",
    "a",
    "F32",
    [],
    {},
    [[]],
    [1, 2],
]
CODES = ["F32", "F64", "F16", "BF16", "BOOL", "I64", "U64", "U8", "I8", "F8_E4M3", "C64", "f32", ""]
NAMES = ["a", "b", "", "__metadata__", "é", "\ud800", "a\0", "../a", "x" * 300, "rushlight.state"]
FILES = ["m-1.safetensors", "m-2.safetensors", "../up.safetensors", "/etc/passwd", "m.bin", "C:\\x"]
FILES += [
    "gone.safetensors",
    ".safetensors",
    "dir.safetensors",
    "m-1.safetensors\0",
    "x/y.safetensors",
]
STATE = {"w": rl.ones(2), "n": 3, "deep": [(1.5, None), {"x": np.zeros(1)}], "f": float("inf")}
TREES = [{"tensor": "w"}, {"array": "w"}, {"float": "nan"}, {"tuple": []}, {"dict": [["a", 1]]}]
TREES += [{"ordered": [[1, 2]]}, {"dict": [[{"dict": []}, 1]]}, {"code": "x"}, {"tensor": 3}, [1]]


# ---- inputs


def arrays(rng: random.Random) -> dict[str, np.ndarray]:
    """Return a few small arrays."""
    found = {}
    for name in rng.sample(["a", "b", "w", "é", "long.name"], rng.randint(0, 4)):
        shape = [rng.randint(0, 3) for _ in range(rng.randint(0, 3))]
        dtype = rng.choice(["float32", "float64", "float16", "int64", "uint64", "uint8", "bool"])
        found[name] = np.array([rng.randint(0, 1) for _ in range(int(np.prod(shape)))], dtype)
        found[name] = found[name].reshape(shape)
    return found


def file(rng: random.Random) -> bytes:
    """Return a file: sound, or its header, its bytes or both of them mutated."""
    metadata = {"k": "v"} if rng.random() < 0.5 else None
    half = "bfloat16" if rng.random() < 0.3 else None
    content = io.save_bytes(arrays(rng), metadata, dtype=half)
    if rng.random() < 0.6:
        length = int.from_bytes(content[:8], "little")
        header, buffer = json.loads(content[8 : 8 + length]), content[8 + length :]
        for _ in range(rng.randint(1, 3)):
            header = tree(rng, header)
        content = packed(rng, header, buffer)
    return flipped(rng, content) if rng.random() < 0.5 else content


def packed(rng: random.Random, header: object, buffer: bytes) -> bytes:
    """Put a header before a buffer, most often with the right length."""
    raw = json.dumps(header).encode()
    if rng.random() < 0.1:
        raw = raw.replace(b'"b"', b'"a"')  # a name twice
    raw += b" " * rng.choice([0, 0, -len(raw) % 8, 3])
    length = len(raw) if rng.random() < 0.9 else rng.choice([0, 2, len(raw) + 1, 2**40, 2**64 - 1])
    if rng.random() < 0.2:
        buffer = buffer[: rng.randint(0, len(buffer))] + bytes(rng.randint(0, 9))
    return length.to_bytes(8, "little") + raw + buffer


def tree(rng: random.Random, value: object, depth: int = 0) -> object:
    """Return JSON with one thing changed somewhere in it."""
    if isinstance(value, dict) and value and rng.random() < 0.9:
        value = dict(value)
        key = rng.choice(list(value))
        what = rng.random()
        if what < 0.1:
            del value[key]
        elif what < 0.2:
            value[rng.choice(NAMES)] = value[key]
        elif what < 0.3:
            value[rng.choice(NAMES)] = value.pop(key)
        else:
            value[key] = tree(rng, value[key], depth + 1)
        return value
    if isinstance(value, list) and value and rng.random() < 0.8:
        value = list(value)
        place = rng.randrange(len(value))
        what = rng.random()
        if what < 0.15:
            del value[place]
        elif what < 0.3:
            value.insert(place, rng.choice(ODD))
        else:
            value[place] = tree(rng, value[place], depth + 1)
        return value
    if isinstance(value, str):
        return rng.choice([*CODES, *FILES, *NAMES, *ODD])
    if isinstance(value, int) and rng.random() < 0.5:
        return value + rng.choice([-1, 1, 4, 8])
    return rng.choice(ODD)


def flipped(rng: random.Random, content: bytes) -> bytes:
    """Change, insert, remove or cut off bytes."""
    raw = bytearray(content)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(raw) + 1)
        what = rng.random()
        if what < 0.5 and at < len(raw):
            raw[at] ^= 1 << rng.randrange(8)
        elif what < 0.7 and at < len(raw):
            raw[at] = rng.randrange(256)
        elif what < 0.8:
            raw[at:at] = rng.randbytes(rng.randint(1, 9))
        elif what < 0.9:
            del raw[at : at + rng.randint(1, 9)]
        else:
            del raw[at:]
    return bytes(raw)


# ---- readers: each makes an input of a random generator, reads it and returns what it held


def read_bytes(rng: random.Random, folder: Path) -> tuple[int, int]:
    """load_bytes, and what it reads once more by a round trip."""
    content = file(rng)
    found, metadata = io.load_bytes(content)
    again, texts = io.load_bytes(io.save_bytes(found, metadata))
    assert texts == metadata
    same(found, again)
    return len(content), sum(array.nbytes for array in found.values())


def read_file(rng: random.Random, folder: Path) -> tuple[int, int]:
    """load_file, mapped."""
    content = file(rng)
    path = folder / "x.safetensors"
    path.write_bytes(content)
    found, _ = io.load_file(path, mmap=True)
    same(found, io.load_bytes(content)[0])
    return len(content), sum(array.nbytes for array in found.values())


def read_lazily(rng: random.Random, folder: Path) -> tuple[int, int]:
    """safe_open, every array of it whole and in part."""
    content = file(rng)
    path = folder / "x.safetensors"
    path.write_bytes(content)
    held = 0
    with io.safe_open(path, "numpy", mmap=rng.random() < 0.5) as opened:
        for name in opened.keys():  # noqa: SIM118 (it is no dict)
            array, part = opened.get_tensor(name), opened.get_slice(name)
            held += array.nbytes
            assert part.get_shape() == list(array.shape)
            if array.ndim and len(array):
                same({"": part[-1:]}, {"": array[-1:]})
    return len(content), held


def read_index(rng: random.Random, folder: Path) -> tuple[int, int]:
    """load_file and safe_open of an index, whose files are sound."""
    names = {"a": "m-1.safetensors", "b": "m-1.safetensors", "c": "m-2.safetensors"}
    content: object = {"metadata": {"total_size": 12}, "weight_map": names}
    for _ in range(rng.randint(0, 2)):
        content = tree(rng, content)
    raw = json.dumps(content).encode()
    if rng.random() < 0.5:
        raw = flipped(rng, raw)
    path = folder / "m.safetensors.index.json"
    path.write_bytes(raw)
    found, _ = io.load_file(path)
    with io.safe_open(folder, "numpy") as opened:
        same(found, {name: opened.get_tensor(name) for name in opened.keys()})  # noqa: SIM118
    assert sorted(found) in (["a", "b", "c"], ["a", "b"], ["c"], [])
    return len(raw) + 400, sum(array.nbytes for array in found.values())


def read_state(rng: random.Random, folder: Path) -> tuple[int, int]:
    """rushlight.load of a file, or of a state whose structure was changed."""
    path = folder / "x.safetensors"
    if rng.random() < 0.3:
        content = file(rng)
        path.write_bytes(content)
        state = rl.load(path, mmap=rng.random() < 0.5)
        return len(content), sum(t.numpy().nbytes for t in state.values() if rl.is_tensor(t))
    if rng.random() < 0.3:
        return read_saved(rng, path)
    found, text = pack(STATE)
    structure: object = json.loads(text)
    for _ in range(rng.randint(0, 2)):
        structure = tree(rng, structure)
        if rng.random() < 0.3:
            structure = {"dict": [["k", rng.choice(TREES)], ["s", structure]]}
    text = json.dumps(structure)
    if rng.random() < 0.2:
        text = text[: rng.randrange(len(text))] + rng.choice(["", "{", "]", '"', "9" * 5000])
    content = io.save_bytes(found, {"rushlight.state": text.replace("\ud800", "?")})
    path.write_bytes(flipped(rng, content) if rng.random() < 0.3 else content)
    size = path.stat().st_size
    rl.load(path, mmap=rng.random() < 0.5)
    return size, 0


def read_saved(rng: random.Random, path: Path) -> tuple[int, int]:
    """rushlight.load of what `save` wrote: no changed value is ever returned."""
    rl.save(STATE, path)
    content = path.read_bytes()
    path.write_bytes(flipped(rng, content))
    with mock.patch.object(mapped, "SMALL", rng.choice([0, mapped.SMALL])):
        state = rl.load(path)
    if b"rushlight.sums" in path.read_bytes():  # else nothing is stated
        same({"w": state["w"].numpy()}, {"w": STATE["w"].numpy()})
        same(state["deep"][1], STATE["deep"][1])
        assert (state["n"], state["f"], state["deep"][0]) == (3, float("inf"), (1.5, None))
    return len(content), 0


READERS = {
    "load_bytes": read_bytes,
    "load_file": read_file,
    "safe_open": read_lazily,
    "index": read_index,
    "load": read_state,
}


def same(found: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> None:
    """Compare the bits."""
    assert found.keys() == expected.keys()
    for name, array in expected.items():
        assert (found[name].dtype, found[name].shape) == (array.dtype, array.shape), name
        assert found[name].tobytes() == array.tobytes(), name


def run(reader: str, count: int, seed: int = 0) -> Counter[str]:
    """Give a reader `count` inputs.

    Returns:
        How many were read, and how many refused.

    Raises:
        AssertionError: an input failed; the message has its seed.
    """
    counts: Counter[str] = Counter()
    with tempfile.TemporaryDirectory(dir="/dev/shm" if os.path.isdir("/dev/shm") else None) as name:
        folder = Path(name) / "in"
        (folder / "dir.safetensors").mkdir(parents=True)
        io.save_file({"x": np.ones(1)}, Path(name) / "up.safetensors")
        if reader == "index":
            io.save_file({"a": np.ones(1), "b": np.ones(2)}, folder / "m-1.safetensors")
            io.save_file({"c": np.ones(1)}, folder / "m-2.safetensors")
        for number in range(seed, seed + count):
            rng = random.Random(number)
            measured = number % 16 == 0  # it makes all four times as slow
            if measured:
                tracemalloc.start()
            try:
                size, held = READERS[reader](rng, folder)
                assert held <= 2 * size, f"{held} bytes of arrays out of {size}"
                counts["read"] += 1
            except FileFormatError as error:
                assert len(str(error)) < 2000, "an endless message"
                counts["refused"] += 1
            except Exception as error:
                raise AssertionError(f"{reader}, seed {number}: {error!r}") from error
            finally:
                peak = tracemalloc.get_traced_memory()[1] if measured else 0
                tracemalloc.stop()
            assert peak < 1_000_000, f"{reader}, seed {number}: {peak:,} bytes of memory"
        mine = {"dir.safetensors", "x.safetensors", "m.safetensors.index.json"}
        left = {path.name for path in folder.iterdir()} - mine
        assert left == ({"m-1.safetensors", "m-2.safetensors"} if reader == "index" else set())
        assert {path.name for path in Path(name).iterdir()} == {"in", "up.safetensors"}
    return counts


def limit_memory(more: int = 256 << 20) -> None:
    """Make allocations fail that go far beyond what the process has now."""
    if sys.platform.startswith("linux"):
        import resource

        pages = int(Path("/proc/self/statm").read_text().split()[0])
        limit = pages * resource.getpagesize() + more
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=100_000, help="inputs for each reader")
    parser.add_argument("--seed", type=int, default=0, help="the first seed")
    parser.add_argument("--reader", choices=READERS, help="one reader only")
    options = parser.parse_args()
    limit_memory()
    for reader in [options.reader] if options.reader else READERS:
        start = time.perf_counter()
        counts = run(reader, options.count, options.seed)
        seconds = time.perf_counter() - start
        print(
            f"{reader}: {options.count:,} inputs, {counts['read']:,} read, "
            f"{counts['refused']:,} refused, none failed ({seconds:.0f} s)",
            flush=True,
        )


if __name__ == "__main__":
    main()
