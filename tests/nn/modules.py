"""What a module is tested with.

Every file `samples_*.py` beside this one has a list SAMPLES; all of them are collected here.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np


class ModuleSample(NamedTuple):
    """One module and what it is called with.

    make: makes the module. torch: `f(torch)` makes torch's; None where torch has none. inputs: the
    positional arguments as arrays, in float64 (ints and bools stay what they are); None for a
    module that is not called. unbatched: inputs without batch, where the module takes them.
    fixed: positions of floating inputs that get no gradient (targets). random: the output in
    training is random, so it is compared in evaluation only. shared_repr: the repr equals torch's.
    """

    make: Callable[[], Any]
    torch: Callable[[Any], Any] | None
    inputs: tuple[Any, ...] | None
    unbatched: tuple[Any, ...] | None = None
    fixed: tuple[int, ...] = ()
    random: bool = False
    shared_repr: bool = True
    rtol: float = 1e-6


def collect() -> list[ModuleSample]:
    """Return the samples of all files."""
    found: list[ModuleSample] = []
    for path in sorted(Path(__file__).parent.glob("samples_*.py")):
        found += import_module(f"tests.nn.{path.stem}").SAMPLES
    return found


def leaves(output: Any) -> list[Any]:
    """Return the tensors in an output (a tensor, or tuples, lists and dicts of them)."""
    if isinstance(output, dict):
        output = list(output.values())
    if isinstance(output, (tuple, list)):
        return [leaf for part in output for leaf in leaves(part)]
    return [] if output is None else [output]


def cotangents(outputs: list[Any]) -> list[Any]:
    """Return a random gradient for each output; never all ones, under which softmax has none."""
    return [
        np.random.default_rng([7, i]).standard_normal(tuple(out.shape))
        for i, out in enumerate(outputs)
    ]
