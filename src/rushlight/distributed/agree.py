"""What must be the same on all ranks before a run begins, and what is made so."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from rushlight import comm
from rushlight.comm import Communicator
from rushlight.errors import explain
from rushlight.nn import Module
from rushlight.tape import TensorBase, cell

__all__ = ["agree", "broadcast_model"]


def agree(where: str, facts: Mapping[str, Any], communicator: Communicator | None = None) -> None:
    """Refuse facts that are not the same on all ranks, on all of them, and name the odd ones.

    Args:
        where: for the message.
        facts: name -> what it is on this rank; what is compared is its text.
        communicator: default None: `comm.current()`.

    Raises:
        ValueError: on every rank, with one message.

    Example:
        >>> agree("fit", {"batch_size": 64})
    """
    joined = comm.current() if communicator is None else communicator
    if joined.size == 1:
        return
    found = joined.gather_objects({name: repr(value) for name, value in facts.items()})
    names = list(dict.fromkeys(name for each in found for name in each))
    unlike = [
        f"{name}: {_by_rank([each.get(name, 'nothing') for each in found])}"
        for name in names
        if len({each.get(name) for each in found}) > 1
    ]
    if unlike:
        raise ValueError(
            explain(
                f"{where}, on {joined.size} ranks",
                got="; ".join(unlike[:8]) + (f"; {len(unlike) - 8} more" if unlike[8:] else ""),
                expected="the same on all of them",
                fix="start every rank with one script, one version and one data set",
            )
        )


def _by_rank(values: list[str]) -> str:
    """Return 'rank 1 has A, ranks 0, 2, 3 have B', the fewest ranks first."""
    ranks: dict[str, list[int]] = {}
    for rank, value in enumerate(values):
        ranks.setdefault(value, []).append(rank)
    parts = []
    for value, those in sorted(ranks.items(), key=lambda item: len(item[1])):
        named = ", ".join(map(str, those[:8])) + (", ..." if those[8:] else "")
        text = value if len(value) <= 80 else f"{value[:77]}..."
        parts.append(
            f"rank {named} has {text}" if len(those) == 1 else f"ranks {named} have {text}"
        )
    return ", ".join(parts)


def broadcast_model(model: Module, communicator: Communicator | None = None) -> None:
    """Give parameters and buffers of all ranks the values that rank 0 has, and compare a hash.

    Args:
        model: of one structure on all ranks.
        communicator: default None: `comm.current()`.

    Raises:
        ValueError: names, shapes or dtypes differ; or, behind the broadcast, values do.
    """
    joined = comm.current() if communicator is None else communicator
    if joined.size == 1:
        return
    held = dict(model.named_parameters()) | dict(model.named_buffers())
    agree(
        "the model",
        {
            name: f"{value._array.dtype} {value._array.shape}, "
            f"{'trained' if value.requires_grad else 'fixed'}"
            for name, value in held.items()
        },
        joined,
    )
    for value in held.values():
        _broadcast(value, joined)
    agree("the model, after rank 0 sent its values", {"hash": _hash(held)}, joined)


def _broadcast(value: TensorBase, joined: Communicator) -> None:
    array = np.ascontiguousarray(value._array)
    joined.broadcast(array)
    value._array[...] = array.reshape(value._array.shape)
    cell(value)[0] += 1


def _hash(held: Mapping[str, Any]) -> str:
    found = hashlib.sha256()
    for value in held.values():
        found.update(np.ascontiguousarray(value._array).data)
    return found.hexdigest()
