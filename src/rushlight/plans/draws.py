"""Draws of random numbers within a plan."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from rushlight.arrays import Array
from rushlight.compiled import native
from rushlight.random import Generator

__all__ = ["Draw"]

_words = Generator.words


class Draw:
    """A method of a generator, whose numbers are written to an array that is kept.

    Args:
        generator: what draws.
        method: its method, as it was before anything was recorded.
        options: by name.
    """

    def __init__(
        self, generator: Generator, method: Callable[..., Any], options: dict[str, Any]
    ) -> None:
        self.generator, self.method, self.options = generator, method, options

    def __call__(self, to: Array, *args: Any) -> None:
        drawn = self.method(self.generator, *args, **self.options)
        np.copyto(to, drawn[0] if isinstance(drawn, tuple) else drawn)

    def ready(self, to: Array, *args: Any) -> Callable[[], None]:
        """Return the call with these arguments: that of raw words without Python."""
        call = partial(self, to, *args)
        if self.method is not _words or not to.flags.c_contiguous:
            return call
        if native is None:
            return call if to.nbytes % 8 else _raw_words(self.generator, call, to)
        made: Callable[[], None] = native.Draw(self.generator, call, to)
        return made


def _raw_words(
    generator: Generator, otherwise: Callable[[], None], to: Array
) -> Callable[[], None]:
    """Return a draw of words for the whole of an array; `otherwise` is it for a process's rows."""
    words = to.reshape(-1).view(np.uint64)

    def draw() -> None:
        if generator.rows is None and type(generator) is Generator:
            words[...] = generator._bits.random_raw(words.size)
        else:
            otherwise()

    return draw
