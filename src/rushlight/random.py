"""Random numbers: the only place that makes them.

A `Generator` is a counter of its own over NumPy's SFC64 bit stream; `manual_seed` restarts the
default one. Streams are not torch's: the same seed gives other numbers than torch gives.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property, lru_cache
from math import prod
from typing import Any, NamedTuple

import numpy as np

from rushlight.arrays import Array, DType
from rushlight.compiled import native
from rushlight.errors import explain

__all__ = [
    "Generator",
    "OwnRows",
    "default_generator",
    "get_rng_state",
    "manual_seed",
    "set_rng_state",
    "source_of",
]


Shape = tuple[int, ...]


class OwnRows(NamedTuple):
    """The rows low, ..., high - 1 of a batch of `whole`: those of one of several processes.

    Example:
        >>> OwnRows(2, 4, 6).axis((3, 2)), OwnRows(2, 4, 6).around((3, 2), 1)
        (1, (3, 6))
    """

    low: int
    high: int
    whole: int

    def axis(self, shape: Shape) -> int | None:
        """Return the first axis of as many elements as there are rows here, None for none."""
        own = self.high - self.low
        return shape.index(own) if own in shape else None

    def around(self, shape: Shape, axis: int) -> Shape:
        """Return the shape with all rows of the batch along an axis."""
        return (*shape[:axis], self.whole, *shape[axis + 1 :])

    def cut(self, array: Array, axis: int) -> Array:
        """Return the own rows of an array of all rows: a copy, as the whole may be far larger."""
        return array[(*[slice(None)] * axis, slice(self.low, self.high))].copy()

    def several(self, shape: Shape) -> bool:
        """Tell whether an axis has as many elements for each row, such as (rows * T, C)."""
        own = self.high - self.low
        return any(n % own == 0 if own else n == 0 for n in shape)


class Generator:
    """A seeded stream of random numbers.

    While the Trainer runs a part of a batch in each of several processes, `rows` says which rows
    these are, and all processes draw from one stream what one process draws of it:

    - a draw with an axis as long as the own rows (the first such axis) is made for the whole
      batch, and cut to the own rows;
    - a draw none of whose axes is a multiple of the own rows (a coin for the whole batch, noise on
      weights) is the same in all processes;
    - any other, such as the (rows * T, C) of tokens that were put in one row, and what takes
      numbers of its own for each element or permutes rows (`poisson`, `binomial`, `permutation`),
      comes from a stream of each process's own, which the place in the common one decides.

    The last kind is not what one process draws. Nor is what only looks like the first: weights that
    have as many rows as the batch here, or any axis of 1 where a process has one row. All processes
    go on at one place afterwards, that of the last one, behind each step at the latest. Drawing for
    all costs each process time. Measured, with 64 rows in each process: the dropout of the MNIST
    recipe (128 units; a step takes 13 ms) 0.01 ms at 2 processes, 0.06 at 16 and 0.4 at 128 (2 ms
    at 128 while the machine was busy), noise on images of 28 x 28 1.1 ms at 2 and 7.5 at 16 (13 to
    22 ms at 16 while it was busy).

    Args:
        seed: any non-negative int; None takes entropy from the operating system.

    Attributes:
        rows: the OwnRows that draws are for; None (default): draws are as they are asked for.

    Example:
        >>> a, b = Generator(0), Generator(0)
        >>> bool((a.normal((3,)) == b.normal((3,))).all())
        True
    """

    rows: OwnRows | None = None

    def __init__(self, seed: int | None = None) -> None:
        self._restart(seed, ())

    def _restart(self, entropy: Any, spawn_key: tuple[int, ...]) -> None:
        for name in ("_sequence", "_bits", "_numpy"):
            self.__dict__.pop(name, None)
        self._entropy, self._spawn_key = entropy, spawn_key

    # Made at the first draw: importing numpy.random is a sixth of the time of importing rushlight.

    @cached_property
    def _sequence(self) -> np.random.SeedSequence:
        return np.random.SeedSequence(self._entropy, spawn_key=self._spawn_key)

    @cached_property
    def _bits(self) -> np.random.SFC64:
        return np.random.SFC64(self._sequence)

    @cached_property
    def _numpy(self) -> np.random.Generator:
        return np.random.Generator(self._bits)

    def manual_seed(self, seed: int) -> Generator:
        """Restart the stream from `seed` (an int >= 0) and return the generator itself."""
        if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or seed < 0:
            raise ValueError(explain("manual_seed", got=repr(seed), expected="an int >= 0"))
        self._restart(int(seed), ())
        return self

    def initial_seed(self) -> int:
        """Return the seed of the stream."""
        entropy = self._sequence.entropy
        assert isinstance(entropy, int)
        return entropy

    def spawn(self, *key: int) -> Generator:
        """Return an independent generator, a function of this seed and `key` alone.

        Example:
            >>> epoch3 = Generator(7).spawn(3).permutation(4)
            >>> bool((epoch3 == Generator(7).spawn(3).permutation(4)).all())
            True
        """
        child = Generator()
        child._restart(self.initial_seed(), (*self._spawn_key, *key))
        return child

    def get_state(self) -> dict[str, Any]:
        """Return the state as a plain dict (numbers and arrays) that `set_state` takes back."""
        inner = self._bits.state
        return {
            "entropy": self.initial_seed(),
            "spawn_key": self._spawn_key,
            "state": inner["state"]["state"],  # NumPy hands out a copy
            "has_uint32": int(inner["has_uint32"]),
            "uinteger": int(inner["uinteger"]),
        }

    def mark(self) -> tuple[Any, ...]:
        """Return the place in the stream for `back_to` of this process: half of `get_state`'s time.

        Example:
            >>> generator = Generator(3)
            >>> place, first = generator.mark(), generator.permutation(3)
            >>> generator.back_to(place)
            >>> bool((generator.permutation(3) == first).all())
            True
        """
        held = self._bits, self._bits.state, self._sequence, self._entropy, self._spawn_key
        return *held, self.rows

    def back_to(self, place: tuple[Any, ...]) -> None:
        """Continue exactly where `mark` was called."""
        bits, state, sequence, entropy, key, self.rows = place
        self._restart(entropy, key)
        bits.state = state
        self.__dict__.update(_bits=bits, _sequence=sequence)

    def set_state(self, state: dict[str, Any]) -> None:
        """Continue exactly where `get_state` was called."""
        self._restart(state["entropy"], tuple(state["spawn_key"]))
        self._bits.state = {
            "bit_generator": "SFC64",
            "state": {"state": np.asarray(state["state"], dtype=np.uint64)},
            "has_uint32": state["has_uint32"],
            "uinteger": state["uinteger"],
        }

    def pack(self) -> Array:
        """Return the place in the stream as uint32 (10,), for `unpack` in another process.

        Example:
            >>> a, b = Generator(3), Generator(4)
            >>> b.unpack(a.pack())
            >>> bool((a.permutation(9) == b.permutation(9)).all())
            True
        """
        inner = self._bits.state
        left = inner["has_uint32"], inner["uinteger"]
        return np.append(inner["state"]["state"].view(np.uint32), np.array(left, np.uint32))

    def unpack(self, place: Array) -> None:
        """Go to the place in the stream that another generator has told."""
        words = place.astype(np.uint32)
        self._bits.state = {
            "bit_generator": "SFC64",
            "state": {"state": words[:8].view(np.uint64)},
            "has_uint32": int(words[8]),
            "uinteger": int(words[9]),
        }

    # ---- draws

    def _draw(self, shape: Shape, draw: Callable[[np.random.Generator, Shape], Array]) -> Array:
        """Return draw(NumPy's generator, shape), for the own rows where there are `rows`."""
        if self.rows is None:
            return draw(self._numpy, shape)
        axis = self.rows.axis(shape)
        if axis is not None:
            return self.rows.cut(draw(self._numpy, self.rows.around(shape, axis)), axis)
        return draw(self._of(shape)._numpy, shape)

    def _of(self, shape: Shape) -> Generator:
        """Return what draws for a shape that is not cut: a generator of this process, or self."""
        if self.rows is None or not self.rows.several(shape):
            return self
        return Generator(int(self._bits.random_raw())).spawn(self.rows.low)

    def uniform(self, shape: Shape, low: float = 0.0, high: float = 1.0) -> Array:
        """Draw float64 from [low, high)."""
        return self._draw(shape, lambda source, shape: source.uniform(low, high, shape))

    def random(self, shape: Shape, dtype: DType) -> Array:
        """Draw from [0, 1) in float32 or float64 directly (other dtypes by way of float64)."""
        if dtype.char in "fd":
            return self._draw(shape, lambda source, shape: source.random(shape, dtype=dtype.type))
        return self._draw(shape, lambda source, shape: source.random(shape)).astype(dtype)

    def normal(self, shape: Shape, mean: float = 0.0, std: float = 1.0) -> Array:
        """Draw float64 from the normal distribution."""
        return self._draw(shape, lambda source, shape: source.normal(mean, std, shape))

    def integers(self, low: int, high: int, shape: Shape) -> Array:
        """Draw int64 from {low, ..., high - 1}."""
        if not low < high:
            got = f"low={low}, high={high}"
            raise RuntimeError(explain("random integers", got=got, expected="low < high"))
        return self._draw(shape, lambda source, shape: source.integers(low, high, shape))

    def permutation(self, n: int) -> Array:
        """Return the numbers 0 to n - 1 in random order."""
        return self._of((n,))._numpy.permutation(n)

    def bernoulli(self, shape: Shape, p: float) -> Array:
        """Draw booleans that are True with probability `p`.

        Raw words are compared with a threshold: of 16 bits where these hold p and 1 - p to 1e-4 of
        themselves (then to 1e-5 in absolute terms), else of 32 bits. Drawing floats takes five to
        ten times as long.
        """
        words, threshold = self.words(shape, p)
        if threshold >> (8 * words.itemsize):  # NumPy compares with what a word can hold
            return np.ones(shape, np.bool_)
        return (words < threshold).reshape(shape)

    def exponential(self, shape: Shape, rate: float) -> Array:
        """Draw float64 from the exponential distribution of that rate."""
        return self._draw(shape, lambda source, shape: source.standard_exponential(shape)) / rate

    def cauchy(self, shape: Shape, median: float, scale: float) -> Array:
        """Draw float64 from the Cauchy distribution."""
        drawn = self._draw(shape, lambda source, shape: source.standard_cauchy(shape))
        return drawn * scale + median

    def geometric(self, shape: Shape, p: float) -> Array:
        """Draw int64: how many trials it takes to succeed once at probability p."""
        return self._draw(shape, lambda source, shape: source.geometric(p, shape))

    def poisson(self, rates: Array) -> Array:
        """Draw int64 from the Poisson distributions of these rates."""
        return self._of(np.shape(rates))._numpy.poisson(rates)

    def binomial(self, count: Array, p: Array) -> Array:
        """Draw int64: how many of `count` trials succeed at probability p."""
        return self._of(np.broadcast_shapes(np.shape(count), np.shape(p)))._numpy.binomial(count, p)

    def words(self, shape: Shape, p: float) -> tuple[Array, int]:
        """Draw unsigned words for the elements of a shape, on one axis, and say below what number
        each is with probability `p`.
        """
        bits, threshold = _threshold(p)
        rows = self.rows
        if rows is None:
            return _raw(self._bits, bits, prod(shape)), threshold
        if rows.axis(shape) == 0:  # neighbours: what comes before and behind need not be stored
            each = prod(shape[1:])
            part = rows.low * each, rows.high * each
            return _part(self._bits, bits, rows.whole * each, *part), threshold
        words = self._draw(
            shape,
            lambda source, shape: _raw(source.bit_generator, bits, prod(shape)).reshape(shape),
        )
        return words.reshape(-1), threshold

    def words_of(self, keys: Array, size: int) -> Array:
        """Draw `size` words of 64 bits for each key, an int >= 0: uint64 (N, size).

        A row is a function of this seed and its key alone, whatever was drawn before. Philox can
        be put at any place of its stream; seeding another SFC64 for each row takes thrice as long.
        """
        bits = np.random.Philox(self._sequence)
        state = bits.state
        rows = np.empty((len(keys), size), np.uint64)
        for row, key in zip(rows, keys.tolist(), strict=True):
            state["state"]["counter"][:] = 0, 0, key, 0  # 2**130 words from that of the next key
            bits.state = state
            row[:] = bits.random_raw(size)
        return rows


def _raw(source: Any, bits: int, size: int) -> Array:
    """Draw words of 16 or 32 bits, several from each of the 64 that the source gives."""
    words: Array
    if native is None:
        words = source.random_raw(-(-size * bits // 64))
    else:  # the same words, in a third of the time
        words = np.empty(-(-size * bits // 64), np.uint64)
        native.raw_words(source, words)
    return words.view(np.uint16 if bits == 16 else np.uint32)[:size]


def _part(source: Any, bits: int, size: int, low: int, high: int) -> Array:
    """Return _raw(source, bits, size)[low:high], and pass over the others."""
    each = 64 // bits
    first, last, end = low // each, -(-high // each), -(-size // each)
    source.random_raw(first, output=False)
    words = _raw(source, bits, (last - first) * each)
    source.random_raw(end - last, output=False)
    return words[low - first * each : high - first * each]


@lru_cache(maxsize=64)
def _threshold(p: float) -> tuple[int, int]:
    """Return how many bits a word needs and below what number it says True with probability p."""
    threshold = round(p * 65536.0)
    if abs(threshold - p * 65536.0) <= 6.5536 * min(p, 1.0 - p):
        return 16, threshold
    return 32, round(p * 2.0**32)


default_generator = Generator()


def source_of(generator: Generator | None) -> Generator:
    """Return the generator given, or the default one for None."""
    return default_generator if generator is None else generator


def manual_seed(seed: int) -> Generator:
    """Restart the default generator from `seed` and return it.

    Example:
        >>> import rushlight as rl
        >>> _ = rl.manual_seed(0); a = rl.randn(3)
        >>> _ = rl.manual_seed(0); bool((a == rl.randn(3)).all())
        True
    """
    return default_generator.manual_seed(seed)


def get_rng_state() -> dict[str, Any]:
    """Return the state of the default generator."""
    return default_generator.get_state()


def set_rng_state(state: dict[str, Any]) -> None:
    """Put the default generator back into a state from `get_rng_state`."""
    default_generator.set_state(state)
