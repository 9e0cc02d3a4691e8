"""Deterministic mode: the same bits from run to run, whatever libraries choose.

This is the one place that knows whether the mode is on. Who computes in a way that a library may
choose anew at each run asks here, and then computes in an order of its own:

- `comm/mpi.py`: sums over processes;
- `kernels/products.py`: products of matrices.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from rushlight.errors import explain

__all__ = [
    "are_deterministic_algorithms_enabled",
    "deterministic_algorithms",
    "use_deterministic_algorithms",
]

_mode: bool | None = None  # None: what the environment says


def use_deterministic_algorithms(mode: Any, *, warn_only: bool = False) -> None:
    """Let results be the same bits from run to run, of as many processes, even if that is slower.

    With the mode on, sums over processes are ((a0 + a1) + a2) + ..., in the order of the ranks,
    whatever the MPI library, the machines and the links between them; all ranks have the same bits.
    Without it the library orders each sum as it likes: by size, by how the ranks lie on machines,
    by its version or settings. Runs on one machine with one library are then as a rule alike, but
    nobody promises that; sums differ by rounding.

    Products of matrices are then the compiled extension's own, not those of a BLAS: the same bits
    from run to run, with any version of NumPy and any number of threads. They take about as long;
    without the extension ten to a hundred times as long, and so does `einsum` of large arrays in
    any case. What LAPACK computes (`linalg.solve`, `svd`, ...) stays as it is.

    Of one process, on one machine, with the same versions and number of threads, results are the
    same bits in either mode. In no mode are the bits of N processes those of one: sums have
    another order.

    Args:
        mode: on or off. Until this is called, RUSHLIGHT_DETERMINISTIC=1 in the environment says on.
            It must be the same on all ranks, or they wait for each other in vain.
        warn_only: of no effect: there is nothing that the mode has to refuse (default False).

    Raises:
        TypeError: a mode that is no bool.
        ValueError: RUSHLIGHT_DETERMINISTIC is neither 0 nor 1; raised by who asks first.

    Example:
        >>> use_deterministic_algorithms(True)
        >>> are_deterministic_algorithms_enabled()
        True
        >>> use_deterministic_algorithms(False)

    Source: https://docs.pytorch.org/docs/stable/generated/torch.use_deterministic_algorithms.html
    """
    global _mode
    if not isinstance(mode, bool):
        where, got = "use_deterministic_algorithms", type(mode).__name__
        raise TypeError(explain(where, got=got, expected="True or False"))
    _mode = mode


def are_deterministic_algorithms_enabled() -> bool:
    """Tell whether the mode is on.

    Example:
        >>> are_deterministic_algorithms_enabled()
        False

    Source: https://docs.pytorch.org/docs/stable/generated/torch.are_deterministic_algorithms_enabled.html
    """
    return _of_environment() if _mode is None else _mode


@contextmanager
def deterministic_algorithms(mode: bool | None) -> Iterator[None]:
    """Put the mode on or off within a block; None leaves it as it is.

    Example:
        >>> with deterministic_algorithms(True):
        ...     are_deterministic_algorithms_enabled()
        True
    """
    global _mode
    before = _mode
    if mode is not None:
        use_deterministic_algorithms(mode)
    try:
        yield
    finally:
        _mode = before


@cache
def _of_environment() -> bool:
    asked = os.environ.get("RUSHLIGHT_DETERMINISTIC", "0")
    if asked not in ("0", "1"):
        raise ValueError(explain("RUSHLIGHT_DETERMINISTIC", got=repr(asked), expected="0 or 1"))
    return asked == "1"
