"""One process alone."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from rushlight.arrays import Array
from rushlight.comm.communicator import Communicator, Request

__all__ = ["LocalCommunicator"]


class LocalCommunicator(Communicator):
    """One process: sums are what they are, and nothing is sent.

    Example:
        >>> import numpy as np
        >>> alone = LocalCommunicator()
        >>> alone.rank, alone.size, alone.all_reduce(np.ones(2))
        (0, 1, array([1., 1.]))
    """

    rank, size, kind = 0, 1, "local"

    def start_all_reduce(self, array: Array, op: str = "sum") -> Request:
        """Return a request that is done."""
        self._check("all_reduce", array)
        self._check_sum("all_reduce", array)
        self._check_op(op)
        return _DONE

    def start_reduce_scatter(self, array: Array, cuts: Sequence[int]) -> Request:
        """Return a request that is done."""
        self._check_cuts("reduce_scatter", array, cuts)
        self._check_sum("reduce_scatter", array)
        return _DONE

    def start_all_gather(self, array: Array, cuts: Sequence[int]) -> Request:
        """Return a request that is done."""
        self._check_cuts("all_gather", array, cuts)
        return _DONE

    def start_all_to_all(self, array: Array, cuts: Sequence[int], into: Array) -> Request:
        """Copy the array, and return a request that is done."""
        self._check_into("all_to_all", array, cuts, into)
        into[0] = array
        return _DONE

    def broadcast(self, array: Array, root: int = 0) -> Array:
        """Return the array."""
        self._check("broadcast", array)
        self._check_root("broadcast", root)
        return array

    def barrier(self) -> None:
        """Return."""

    def gather_objects(self, value: Any, root: int | None = None) -> list[Any]:
        """Return a list of the value."""
        self._check_root("gather_objects", root or 0)
        return [value]

    def broadcast_object(self, value: Any, root: int = 0) -> Any:
        """Return the value."""
        self._check_root("broadcast_object", root)
        return value

    def abort(self, code: int = 1) -> None:
        """End the process, without cleaning up."""
        os._exit(code)


class _Done(Request):
    def test(self) -> bool:
        return True

    def wait(self) -> None:
        return


_DONE = _Done()
