"""Samples of attention: heads around vectors and tiles, blocks of rows, biases, rows of nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
from tests.kernels.native import Made, Sample, normal

SAMPLES: dict[str, list[Sample]] = {"attention_forward": [], "attention_grad": []}
EVERY = (True, True, True, False)


def _bias(kind: str, lead: tuple[int, ...], rows: int, columns: int) -> Any:
    hidden = normal(rows, columns, seed=5) > 0
    hidden[:1] = True  # a row that sees nothing
    mask = np.where(hidden, -np.inf, 0.0)
    return {
        "none": None,
        "rows": mask,
        "heads": normal(*lead, rows, columns, seed=6),
        "keys": normal(1, columns, seed=7),
        "queries": normal(rows, 1, seed=8),
    }[kind]


def _add(
    lead: tuple[int, ...],
    sizes: tuple[int, int, int, int],
    bias: str = "none",
    dropout: bool = False,
    blind: bool = True,
    **options: Any,
) -> None:
    rows, columns, depth, width = sizes
    q, k = normal(*lead, rows, depth, seed=1), normal(*lead, columns, depth, seed=2)
    v, g = normal(*lead, columns, width, seed=3), normal(*lead, rows, width, seed=4)
    factor = np.where(normal(*lead, rows, columns) < 1, 1.25, 0.0) if dropout else None
    scale = depth**-0.5 if depth else 1.0
    more = _bias(bias, lead, rows, columns)
    args = (q, k, v, more, factor, scale, blind, np.zeros((*lead, rows, width)))
    forward = Sample(args, fixed=(7,), **options)
    SAMPLES["attention_forward"].append(forward)
    options["scale"] = max(1.0, width**0.5)  # of what cancels in softmax's gradient
    p = Made("attention_forward", forward)
    for needs in (EVERY, (True, False, False, False), (False, True, False, False)):
        SAMPLES["attention_grad"].append(
            Sample((g, None, q, k, v, p, factor, scale, needs, (None, None, None)), **options)
        )
    gp = normal(*lead, rows, columns, seed=9)
    tail = (q, k, v, p, factor, scale, (True,) * 4, (None, None, None))
    SAMPLES["attention_grad"] += [
        Sample((g, gp, *tail), **options),
        Sample((None, gp, *tail), **options),
    ]


for _sizes in [
    (1, 1, 1, 1),
    (3, 5, 7, 2),
    (16, 16, 16, 16),
    (17, 33, 15, 31),
    (13, 1, 32, 5),
    (65, 66, 4, 19),
    (2, 600, 3, 1),
]:
    _add((2, 3), _sizes)
    _add((2, 3), _sizes, "rows", dropout=True)
_add((2, 1), (4, 6, 5, 3), "rows", blind=False)
_add((2, 3), (4, 6, 5, 3), "heads")
_add((2, 3), (4, 6, 5, 3), "keys", dropout=True)
_add((2, 3), (4, 6, 5, 3), "queries")
_add((), (4, 6, 5, 3), "rows")
_add((3,), (4, 6, 5, 3), "rows")
_add((2, 1, 3), (4, 6, 5, 3), "rows")
for _empty in [(0, 3, 2, 2), (3, 2, 0, 2), (3, 2, 2, 0)]:
    _add((2, 2), _empty)
_add((0, 2), (3, 3, 2, 2))
_add((5, 4), (130, 129, 33, 17), "rows", dropout=True, large=True)
