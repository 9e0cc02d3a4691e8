"""The page docs/parity.md: made of what was measured, and compared with what it says."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from tests.parity.measure import COLUMNS, Row

__all__ = ["PAGE", "differences", "page"]

PAGE = Path(__file__).parents[2] / "docs" / "parity.md"

HEAD = """# Parity with PyTorch

Made by `python -m tests.parity --write` with torch {version}; CI fails when it is not current. Do
not edit.

Every module of torch's own test database (`torch.testing._internal.common_modules.module_db`) is
made with the same arguments and state in torch and here and run on the same inputs in float64. The
columns give the largest error, relative to the largest value of its tensor (at least 1e-6), over
all samples, rounded up to a power of ten; 0 means equal to the bit. Dtypes, shapes, names of the
state, what requires a gradient and what has none must be equal, too. *Second order* is the gradient
of a random sum of all gradients; it is empty where torch has none. *Refused* counts the inputs that
torch refuses and so does Rushlight, as early and with the same type of exception. A module is whole
when no sample and no error input fails.
"""


def page(rows: list[Row], others: list[Row], optimizers: Sequence[Any]) -> str:
    """Return the page.

    Args:
        rows: the modules of the database. others: the modules on samples of our own.
        optimizers: (kind, name, number of cases, largest error) of each optimizer and schedule.
    """
    losses = [row for row in rows if row.name.endswith("Loss")]
    layers = [row for row in rows if not row.name.endswith("Loss")]
    whole = sum(not row.failures for row in rows)
    samples = sum(row.samples for row in rows)
    refused = sum(row.refused or 0 for row in rows)
    parts = [
        HEAD.format(version=torch.__version__.partition("+")[0]),
        f"**{whole} of {len(rows)} modules are whole; {samples} samples, {refused} error inputs "
        "refused.**\n",
        "## Layers\n",
        _table(layers),
        "## Losses\n",
        _table(losses),
        "## Modules that are not in the database, on samples of our own (tests/nn)\n",
        _table(others),
    ]
    for kind, title, what in (
        ("optimizer", "Optimizers", "200 steps, relative to the parameters, over all cases"),
        ("schedule", "Schedules", "500 steps, and after resuming, relative to the rate"),
    ):
        found = [row for row in optimizers if row[0] == kind]
        lines = [f"| {name} | {cases} | {_bound(error)} |" for _, name, cases, error in found]
        parts += [f"## {title}\n", _lines([kind, "cases", f"largest error ({what})"], lines)]
    return "\n".join(parts)


def _table(rows: list[Row]) -> str:
    lines = [
        f"| {row.name} | {row.samples} | {' | '.join(map(_bound, row.errors))} "
        f"| {'' if row.refused is None else row.refused} | {_state(row)} |"
        for row in rows
    ]
    return _lines(["module", "samples", *COLUMNS, "refused", ""], lines)


def _state(row: Row) -> str:
    return f"**{len(row.failures)} fail:** {row.failures[0]}" if row.failures else "whole"


def _lines(heads: list[str], lines: list[str]) -> str:
    head = "| " + " | ".join(heads) + " |"
    return "\n".join([head, "|" + "---|" * len(heads), *lines, ""])


def _bound(error: float | None) -> str:
    """Return the power of ten above an error."""
    if error is None:
        return ""
    if error == 0 or not math.isfinite(error):
        return f"{error:.0f}"
    return f"1e{math.ceil(math.log10(error)):+03d}"


_NUMBER = re.compile(r"(?<=\| )(0|1e[+-]\d\d)(?= \|)")


def differences(written: str, made: str) -> list[str]:
    """Return what of the page is not current; the last digits may differ between processors.

    An error may be up to 100 times what the page says.
    """
    found = []
    old, new = written.splitlines(), made.splitlines()
    for line, other in zip(old, new, strict=False):
        same = _NUMBER.sub("#", line) == _NUMBER.sub("#", other)
        pairs = zip(_NUMBER.findall(line), _NUMBER.findall(other), strict=False)
        if not same or any(float(b) > 100 * max(float(a), 1e-16) for a, b in pairs):
            found.append(f"- {line}\n+ {other}")
    if len(old) != len(new):
        found.append(f"{len(old)} lines are written, {len(new)} were made")
    return found
