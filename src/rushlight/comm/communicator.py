"""What all communicators can do, and the checks that they share."""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from rushlight.arrays import Array
from rushlight.errors import DtypeError, ShapeError, explain

__all__ = ["OPERATIONS", "Communicator", "Request", "parts"]

OPERATIONS = ("sum", "max", "min")


def parts(size: int, ranks: int) -> list[int]:
    """Return where so many elements are cut into a part for each rank.

    Example:
        >>> parts(10, 4)
        [0, 2, 5, 7, 10]
    """
    return [size * rank // ranks for rank in range(ranks + 1)]


class Request(ABC):
    """A collective call under way; the array belongs to it until it is done."""

    @abstractmethod
    def test(self) -> bool:
        """Let the call go on, without waiting; tell whether it is done."""

    @abstractmethod
    def wait(self) -> None:
        """Return when the call is done."""


class Communicator(ABC):
    """The processes of a job, each of which has a rank: 0, ..., size - 1.

    All calls but `rank` and `size` are collective: every rank makes the same ones, in one order,
    with arrays of one shape and dtype. Arrays are changed in place; they are C-contiguous. Of
    bools there is no all_reduce and no reduce_scatter.

    Attributes:
        rank: int, the number of this process.
        size: int, how many there are.

    Raises:
        DtypeError, ShapeError, ValueError: what cannot be sent; raised before anything is.
    """

    rank: int
    size: int
    kind: ClassVar[str]

    @property
    def first(self) -> bool:
        """Whether this is the rank that prints and writes."""
        return self.rank == 0

    # ---- collective calls

    def all_reduce(self, array: Array, op: str = "sum") -> Array:
        """Put into `array` the sum over all ranks (or 'max', 'min'), and return it."""
        self.start_all_reduce(array, op).wait()
        return array

    @abstractmethod
    def start_all_reduce(self, array: Array, op: str = "sum") -> Request:
        """Begin `all_reduce`."""

    def reduce_scatter(self, array: Array, cuts: Sequence[int]) -> Array:
        """Sum over all ranks, each rank its own part; return that part of `array`.

        Args:
            array: one axis; what lies outside of the own part is left as it is.
            cuts: size + 1 ints; the part of rank r is array[cuts[r]:cuts[r + 1]].
        """
        self.start_reduce_scatter(array, cuts).wait()
        return array[cuts[self.rank] : cuts[self.rank + 1]]

    @abstractmethod
    def start_reduce_scatter(self, array: Array, cuts: Sequence[int]) -> Request:
        """Begin `reduce_scatter`."""

    def all_gather(self, array: Array, cuts: Sequence[int]) -> Array:
        """Fill `array` with the parts of all ranks, and return it.

        Args:
            array: one axis, of which the own part is filled.
            cuts: size + 1 ints; the part of rank r is array[cuts[r]:cuts[r + 1]].
        """
        self.start_all_gather(array, cuts).wait()
        return array

    @abstractmethod
    def start_all_gather(self, array: Array, cuts: Sequence[int]) -> Request:
        """Begin `all_gather`."""

    def all_to_all(self, array: Array, cuts: Sequence[int], into: Array) -> Array:
        """Send each rank its part of `array`; return `into`, what all ranks sent to this one.

        Args:
            array: one axis; the part for rank r is array[cuts[r]:cuts[r + 1]].
            cuts: size + 1 ints, the same on all ranks.
            into: (size, length of this rank's part), of the dtype of `array`; row r is from rank r.
        """
        self.start_all_to_all(array, cuts, into).wait()
        return into

    @abstractmethod
    def start_all_to_all(self, array: Array, cuts: Sequence[int], into: Array) -> Request:
        """Begin `all_to_all`."""

    @abstractmethod
    def broadcast(self, array: Array, root: int = 0) -> Array:
        """Put into `array` what it holds on rank `root`, and return it."""

    @abstractmethod
    def barrier(self) -> None:
        """Return when every rank has called this."""

    @abstractmethod
    def gather_objects(self, value: Any, root: int | None = None) -> list[Any]:
        """Return the values of all ranks, by rank; they are pickled.

        Args:
            value: of this rank.
            root: the only rank that is given them, the others an empty list; default None: all.
        """

    @abstractmethod
    def broadcast_object(self, value: Any, root: int = 0) -> Any:
        """Return the value of rank `root`; it is pickled."""

    def together(self) -> contextlib.AbstractContextManager[None]:
        """Let an exception leave the `with` block on all ranks, or end the job.

        Where only some raise, the others would wait for them: the job ends, and the exception is
        told, though the program may catch it. Where all raise, each may catch its own and go on.
        """
        return contextlib.nullcontext()

    @abstractmethod
    def abort(self, code: int = 1) -> None:
        """End every process of the job, now; no other rank need call this."""

    # ---- checks

    def _check(self, where: str, array: Any) -> None:
        if not (isinstance(array, np.ndarray) and array.dtype.kind in "fiub"):
            kind = array.dtype if isinstance(array, np.ndarray) else type(array).__name__
            raise DtypeError(explain(where, got=str(kind), expected="a NumPy array of numbers"))
        if not (array.flags.c_contiguous and array.flags.writeable):
            raise ValueError(
                explain(
                    where,
                    got=f"an array {array.shape} that is read-only or not C-contiguous",
                    expected="one whose memory can be sent and filled",
                    fix="np.ascontiguousarray",
                )
            )

    def _check_sum(self, where: str, array: Array) -> None:
        """Refuse bools, which MPI does not add up nor compare."""
        if array.dtype.kind == "b":
            expected, fix = "numbers: bools have no sum", "array.astype(np.int64)"
            raise DtypeError(explain(where, got="bool", expected=expected, fix=fix))

    def _check_op(self, op: str) -> None:
        if op not in OPERATIONS:
            expected = ", ".join(map(repr, OPERATIONS))
            raise ValueError(explain("all_reduce op", got=repr(op), expected=expected))

    def _check_cuts(self, where: str, array: Array, cuts: Sequence[int]) -> None:
        self._check(where, array)
        whole = len(cuts) == self.size + 1 and cuts[0] == 0 and cuts[-1] == array.size
        if array.ndim != 1 or not whole or list(cuts) != sorted(cuts):
            raise ShapeError(
                explain(
                    where,
                    got=f"an array {array.shape} cut at {list(cuts)}",
                    expected=f"one axis, cut at {self.size + 1} places from 0 to its end",
                )
            )

    def _check_into(self, where: str, array: Array, cuts: Sequence[int], into: Any) -> None:
        self._check_cuts(where, array, cuts)
        self._check(where, into)
        expected = (self.size, cuts[self.rank + 1] - cuts[self.rank])
        if into.shape != expected or into.dtype != array.dtype:
            raise ShapeError(
                explain(
                    where,
                    got=f"into {into.dtype} {into.shape}",
                    expected=f"{array.dtype} {expected}: a row for each rank",
                )
            )

    def _check_root(self, where: str, root: int) -> None:
        if not 0 <= root < self.size:
            expected = f"a rank from 0 to {self.size - 1}"
            raise ValueError(explain(f"{where} root", got=root, expected=expected))

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: rank {self.rank} of {self.size}>"
