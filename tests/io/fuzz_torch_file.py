"""Fuzz the reader of torch's files: `python -m tests.io.fuzz_torch_file --count 100000`.

Each input is a sound file that was changed: bytes of the file, or of the pickle in it (the archive
is then made anew around it, or no change would come past the checksums), or a pickle of opcodes
drawn at random. Whatever it is, the reader must return plain data or raise FileFormatError; it must
not import, open, run or start anything, and not take more memory than the file's size allows.
With `--atheris`, libFuzzer looks for inputs that reach new lines.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from types import FunctionType
from typing import Any

from tests.io.torch_file.building import (
    HOOKS,
    SIX,
    Call,
    Global,
    Persistent,
    Raw,
    archive,
    body,
    old_storage,
    pickled,
    plain_tar,
    read,
    storage,
    stream,
    tensor,
)

from rushlight.errors import FileFormatError
from rushlight.io.torch_file import machine
from rushlight.tensor import Tensor

# Of memory: for the machinery of one call, and for each byte of the file. The costliest byte is
# an opcode for an empty set.
FIXED, PER_BYTE = 1 << 17, 400

READER = "rushlight.io.torch_file"
PARAMETER = Call(Global("torch._utils", "_rebuild_parameter"), (tensor(), True, HOOKS))
ORDERED = Call(Global("collections", "OrderedDict"), ([["a", tensor()], ["b", 2]],))
NUMBER = Call(
    Global("numpy.core.multiarray", "scalar"),
    (
        Call(Global("numpy", "dtype"), ("f8", False, True)),
        Call(Global("_codecs", "encode"), ("\0" * 8, "latin1")),
    ),
)
VALUES: list[Any] = [
    {"w": tensor(), "b": PARAMETER, "t": tensor(offset=1, size=(2,), stride=(2,))},
    {"state": ORDERED, "groups": [{"lr": 0.1, "betas": (0.9, 0.999), "params": [0, 1]}]},
    {"half": tensor(storage("BFloat16", "0", 12)), "mask": tensor(storage("Byte", "0", 24))},
    {"best": NUMBER, "counts": Call(Global("collections", "Counter"), ({1: 2},)), "none": None},
    [tensor(size=(0, 3)), tensor(size=(), stride=()), "text", 1 << 70, -1.5, True],
]
OLD = {"w": tensor(old_storage()), "v": tensor(old_storage(view=("1", 0, 6)))}
PICKLES = [pickled(value) for value in VALUES]
FILES = [
    *map(archive, PICKLES),
    stream(OLD),
    plain_tar(),
]
NAMES = [
    *("torch._utils _rebuild_tensor_v2", "torch._utils _rebuild_parameter", "torch FloatStorage"),
    *("torch BoolStorage", "torch BFloat16Storage", "collections OrderedDict", "torch bfloat16"),
    *("collections Counter", "collections defaultdict", "builtins set", "builtins list"),
    *("numpy dtype", "numpy ndarray", "numpy.core.multiarray _reconstruct", "torch Size"),
    *("numpy.core.multiarray scalar", "_codecs encode", "torch._tensor _rebuild_from_type_v2"),
    *("torch._utils _rebuild_tensor_v3", "torch Tensor", "os system", "builtins eval"),
]
PARTS: list[Any] = [
    *(0, 1, -1, 2, 6, 7, 1 << 31, 1 << 62, 1 << 200, 0.5, float("nan"), True, False, None, "", "0"),
    *((), (0,), (1, 1), (6, 0), (1 << 40, 0), (3,) * 70, [], {}, [[0, 1]], {"a": 1}, "w", "cpu"),
    *(storage(), storage("Bool", count=24), storage(count=7), storage(name="9"), tensor(), HOOKS),
    *(Global(*name.split()) for name in NAMES),
    *(Raw(b"]q\x07h\x07a"), Raw(b")" + b"2" * 3), Raw(b"]" + b"q\x05(h\x05h\x05e" * 30)),
    *(Raw(b")q\x06" + b"h\x06\x86q\x06" * 40), Raw(b")" + b"q\x06h\x06\x86" * 90)),
]
PIECES = [
    *(bytes([code]) for code in machine._ACTIONS),
    *(f"c{name.replace(' ', chr(10))}\n".encode() for name in NAMES),
    *map(body, (0, 1, -1, 6, 1 << 40, 0.5, "0", "storage", "cpu", "f8", (), (2, 3), [], {}, None)),
    *map(body, (storage(), tensor(), PARAMETER, ORDERED, NUMBER)),
    *(b"q\x00", b"q\x01", b"h\x00", b"h\x01", b"C\x08" + bytes(8), b"\x94", b"(", b"t", b"R", b"b"),
]


# ---- inputs


def changed(rng: random.Random, raw: bytes) -> bytes:
    """Return bytes with a few changes."""
    made = bytearray(raw)
    for _ in range(rng.choice((1, 1, 1, 2, 8))):
        at = rng.randrange(len(made) + 1)
        match rng.randrange(8):
            case 0 if made:
                made[at % len(made)] = rng.randrange(256)
            case 1 if made:
                made[at % len(made)] ^= 1 << rng.randrange(8)
            case 2:
                del made[at : at + rng.choice((1, 2, 8, 64))]
            case 3:
                made[at:at] = rng.randbytes(rng.choice((1, 2, 4)))
            case 4:
                made[at:at] = made[at : at + rng.choice((1, 4, 32, 256))]
            case 5:
                width = rng.choice((1, 2, 4, 8))
                number = rng.choice((0, 1, 0x7F, 0xFF, 1 << 31, -1, rng.randrange(1 << 62)))
                made[at : at + width] = (number % (1 << 8 * width)).to_bytes(width, "little")
            case 6:
                made[at:at] = rng.choice(PIECES)
            case _:
                del made[at:]
    return bytes(made)


def drawn(rng: random.Random) -> bytes:
    """Return a pickle of pieces drawn at random."""
    pieces = (rng.choice(PIECES) for _ in range(rng.randrange(1, 40)))
    return b"\x80\x02" + b"".join(pieces) + b"."


def exchanged(rng: random.Random, value: Any, odds: float = 0.05) -> Any:
    """Return a value with parts replaced by others: a sound pickle of the wrong things."""
    if rng.random() < odds:
        return rng.choice(PARTS)
    if isinstance(value, Call | Persistent):
        return type(value)(*(exchanged(rng, part, odds) for part in value))
    if type(value) in (tuple, list):
        return type(value)(exchanged(rng, part, odds) for part in value)
    if type(value) is dict:
        return {key: exchanged(rng, part, odds) for key, part in value.items()}
    return value


def an_input(rng: random.Random) -> bytes:
    """Return a file to try."""
    match rng.randrange(8):
        case 0 | 1:
            return changed(rng, rng.choice(FILES))
        case 2 | 3:
            return archive(changed(rng, rng.choice(PICKLES)))
        case 4:
            return archive(drawn(rng))
        case 5:
            return archive(exchanged(rng, rng.choice(VALUES)))
        case 6:
            return stream(exchanged(rng, OLD))
        case _:
            return stream(Raw(drawn(rng)[2:-1]))


# ---- what must hold


class Watch:
    """Notes what the interpreter is asked to do while it is on: an audit hook cannot be undone."""

    forbidden = ("exec", "import", "open", "os.", "subprocess.", "socket.", "ctypes.", "shutil.")

    def __init__(self) -> None:
        self.on, self.seen = False, ""
        sys.addaudithook(self._hook)

    def _hook(self, event: str, args: tuple[Any, ...]) -> None:
        if self.on and event.startswith(self.forbidden):
            self.seen = self.seen or f"{event} {args!r:.200}"


class Fuzzer:
    """Tries inputs and keeps count."""

    def __init__(self) -> None:
        self.watch = Watch()
        self.tried = self.read = 0
        self.worst = 0.0
        for raw in (*FILES, b"\x80\x02\xff.", archive(b"\x80\x02i.")):  # what is imported once
            self.call(raw)

    @staticmethod
    def call(raw: bytes) -> bool:
        """Read a file and use every tensor; tell whether it was read."""
        try:
            touch(read(raw))
        except FileFormatError as error:
            assert str(error).startswith("file.pt") and len(str(error)) < 2000, error
            return False
        return True

    def __call__(self, raw: bytes) -> None:
        """Try one input.

        Raises:
            AssertionError: what must hold does not.
        """
        tracemalloc.reset_peak()
        before = tracemalloc.get_traced_memory()[0]
        self.watch.on = True
        try:
            self.read += self.call(raw)
        finally:
            self.watch.on = False
        self.tried += 1
        assert not self.watch.seen, self.watch.seen
        taken = tracemalloc.get_traced_memory()[1] - before
        self.worst = max(self.worst, (taken - FIXED) / len(raw) if raw else 0.0)
        assert taken <= FIXED + PER_BYTE * len(raw), f"{taken:,} bytes for {len(raw):,}"


def touch(value: Any) -> None:
    """Use every tensor of a value; a value that loops or explodes would never end."""
    todo = [value]
    while todo:
        item = todo.pop()
        if isinstance(item, Tensor):
            assert item._array.any() in (True, False)  # reads every byte
        elif isinstance(item, dict):
            todo += item.values()
        elif isinstance(item, list | tuple):
            todo += item


def run(count: int, seed: int, tell: Callable[[str], None] = print) -> Fuzzer:
    """Try `count` inputs."""
    tracemalloc.start()
    fuzzer = Fuzzer()
    start = time.perf_counter()
    try:
        for i in range(count):
            raw = an_input(random.Random(f"{seed}.{i}"))
            try:
                fuzzer(raw)
            except BaseException:
                tell(f"input {i} of seed {seed}: {raw!r}")
                raise
            if i % 10_000 == 9_999:
                tell(f"{i + 1:,} inputs, {fuzzer.read:,} read, {time.perf_counter() - start:.0f} s")
    finally:
        tracemalloc.stop()
    return fuzzer


def run_atheris(count: int) -> None:
    """Let libFuzzer look for inputs."""
    import atheris

    for module in [m for name, m in sys.modules.items() if name.startswith(READER)]:
        for holder in (module, *(v for v in vars(module).values() if isinstance(v, type))):
            if getattr(holder, "__module__", module.__name__) == module.__name__:
                for value in vars(holder).values():
                    if isinstance(value, FunctionType) and value.__module__ == module.__name__:
                        atheris.instrument_func(value)  # in place
    tracemalloc.start()
    fuzzer = Fuzzer()

    def one(data: bytes) -> None:
        if not data:
            return
        kind, raw = data[0] % 3, data[1:]
        fuzzer(raw if kind == 0 else archive(raw) if kind == 1 else stream(Raw(raw)))

    with tempfile.TemporaryDirectory() as folder:
        for i, raw in enumerate(FILES):
            Path(folder, f"file{i}").write_bytes(b"\0" + raw)
        for i, raw in enumerate(PICKLES):
            Path(folder, f"pickle{i}").write_bytes(b"\1" + raw)
            Path(folder, f"stream{i}").write_bytes(b"\2" + raw[2:-1])
        atheris.Setup([sys.argv[0], f"-runs={count}", "-max_len=4096", folder], one)
        atheris.Fuzz()


def main() -> None:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=100_000, help="inputs")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--atheris", action="store_true", help="let libFuzzer choose the inputs")
    options = parser.parse_args()
    if options.atheris:
        run_atheris(options.count)
        return
    fuzzer = run(options.count, options.seed)
    print(
        f"{fuzzer.tried:,} inputs: {fuzzer.read:,} read, the others refused; at most "
        f"{fuzzer.worst:.0f} bytes of memory for each of a file, beyond {FIXED:,}; {len(SIX)} bytes"
        " of data in each"
    )


if __name__ == "__main__":
    main()
