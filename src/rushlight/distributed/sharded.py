"""Optimizer state that is shared out: each rank has, and steps, its own part."""

from __future__ import annotations

import copy
from collections import defaultdict
from typing import Any

import numpy as np

from rushlight.arrays import Array
from rushlight.distributed.averager import GradientAverager
from rushlight.distributed.scattered import gather
from rushlight.errors import ShapeError, explain
from rushlight.optim import Optimizer
from rushlight.tape import TensorBase, wrap

__all__ = ["Shards", "check_elementwise", "shard"]


def shard(optimizer: Optimizer, averager: GradientAverager) -> None:
    """Share an optimizer's state out over the ranks, so that each keeps 1/N of it.

    Parameters are cut where the averager cuts its buckets. From then on `averager.backward` gives
    each rank its own part of the gradients only (where the optimizer has all parameters of the
    averager), `optimizer.step()` updates the rank's part of the parameters, by the same `update`
    as ever, and sends it to all. The parameters are those of an optimizer that is not sharded.

    `optimizer.state_dict()` is then a call of all ranks. It is whole, on each of them, and of the
    same form as ever: the state of a job may be loaded into one process, and into any other job.
    Schedulers, groups and options stay as they are. In one process nothing is done.

    Args:
        optimizer: an elementwise one: what it does to a part is the part of what it does.
        averager: of the parameters; with another one (some parameters were frozen since, say) call
            this again, on all ranks.

    Raises:
        NotImplementedError: an optimizer that looks at parameters whole, such as Muon.

    Example:
        >>> import rushlight as rl
        >>> w = rl.tensor([1.0], requires_grad=True)
        >>> averager, optimizer = GradientAverager([w]), rl.optim.Adam([w])
        >>> shard(optimizer, averager)
        >>> averager.backward((w * 3).mean())
        >>> optimizer.step()

    Source: Rajbhandari et al., ZeRO: Memory Optimizations Toward Training Trillion Parameter
    Models, 2020 (stage 1).
    """
    check_elementwise(optimizer)
    if averager.comm.size == 1:
        return
    shards: Shards | None = optimizer._shards
    if shards is None:
        shards = Shards(optimizer)
    elif shards.averager is averager:
        return
    shards.follow(averager)
    optimizer._shards = shards


def check_elementwise(optimizer: Any) -> None:
    """Refuse an optimizer of which parts cannot be stepped."""
    kind = type(optimizer)
    own = kind.step is not Optimizer.step or kind._step is not Optimizer._step
    if not optimizer.elementwise or own or kind.update is Optimizer.update:
        raise NotImplementedError(
            explain(
                "shard",
                got=f"{kind.__name__}, which "
                + ("has a step of its own" if own else "looks at parameters as a whole"),
                expected="an elementwise optimizer, whose state can be cut anywhere",
                fix="Adam, SGD or another one; or leave the state whole on each rank",
            )
        )


class Shards:
    """The parts of one rank: pieces of parameters, and an optimizer of the same kind over them.

    Args:
        optimizer: the one of the whole parameters; its own `state` holds from now on only that of
            parameters that no averager knows.

    Attributes:
        averager: whose cuts are followed.
        pieces: parameter -> its piece, where this rank has one.
        inner: the optimizer of the pieces.
    """

    averager: GradientAverager

    def __init__(self, optimizer: Optimizer) -> None:
        self.optimizer = optimizer
        self.inner = copy.copy(optimizer)
        self.inner.state = defaultdict(dict)
        self.inner.param_groups = []
        self.pieces: dict[Any, Any] = {}
        self._cuts: dict[Any, list[int]] = {}
        self._known: list[list[int]] = []  # the parameters for which the inner groups were made

    # ---- which part is whose

    def follow(self, averager: GradientAverager) -> None:
        """Take over the cuts of an averager; pieces that are cut elsewhere are cut anew."""
        listed = {id(p) for group in self.optimizer.param_groups for p in group["params"]}
        averager.scatter(all(id(p) in listed for p in averager.parameters))
        self.averager, cuts = averager, averager.cuts()
        if cuts == self._cuts:
            return
        if self._cuts:
            whole = self.whole()
            self.optimizer.state = defaultdict(dict, whole)
        self._cuts = cuts
        self.optimizer._forget()  # where it had laid its state
        self.cut()

    def cut(self) -> None:
        """Take this rank's part of the whole state that the optimizer holds."""
        optimizer, rank = self.optimizer, self.averager.comm.rank
        self.inner.state = defaultdict(dict)
        self.pieces, self._known = {}, []
        for p, ends in self._cuts.items():
            low, high = ends[rank], ends[rank + 1]
            entry = optimizer.state.pop(p, None)
            if low == high and (p._array.size or rank):
                continue
            self.pieces[p] = piece = wrap(np.empty(high - low, p._array.dtype))
            if entry is not None:
                self.inner.state[piece] = {
                    name: wrap(_flat(value)[low:high].copy())
                    if self._cuttable(p, name, value)
                    # a number, and what the optimizer does not know of
                    else copy.deepcopy(value)
                    for name, value in entry.items()
                }

    def _cuttable(self, p: Any, name: str, value: Any) -> bool:
        whole = isinstance(value, TensorBase) and value._array.shape == p._array.shape
        return whole and name not in self.optimizer.numbers

    def _regroup(self) -> None:
        """Let the groups of the pieces have the options of the groups as they are now."""
        groups = [list(group["params"]) for group in self.optimizer.param_groups]
        if [list(map(id, params)) for params in groups] != self._known:
            self._known = [list(map(id, params)) for params in groups]
            self.inner.param_groups = [
                {"params": [self.pieces[p] for p in params if p in self.pieces]}
                for params in groups
            ]
        pairs = zip(self.inner.param_groups, self.optimizer.param_groups, strict=True)
        for inner, outer in pairs:
            inner.update({key: value for key, value in outer.items() if key != "params"})

    # ---- the step

    def step(self) -> None:
        """Step the pieces, and send them to all ranks."""
        self._regroup()
        listed = [p for group in self.optimizer.param_groups for p in group["params"]]
        stepped = {p: p for p in listed if p._grad is not None}
        for p in stepped:
            self._check(p)
        rank = self.averager.comm.rank
        for p, piece in self.pieces.items():
            if p in stepped:  # the parameter is the truth: others may have written to it
                part = slice(self._cuts[p][rank], self._cuts[p][rank + 1])
                piece._array[...] = _flat(p)[part]
                piece._grad = wrap(_flat(p._grad)[part])
        self.inner._step()
        gather(self.averager._buckets, self.averager.comm, stepped, self._put)
        for piece in self.pieces.values():
            piece._grad = None

    def _put(self, p: Any, memory: Array) -> None:
        piece, rank = self.pieces.get(p), self.averager.comm.rank
        if piece is not None:
            memory[self._cuts[p][rank] : self._cuts[p][rank + 1]] = piece._array

    def _check(self, p: Any) -> None:
        where = f"{type(self.optimizer).__name__}.step"
        shapes = p._grad._array.shape, p._array.shape
        ends = self._cuts.get(p)
        if ends is None:
            raise ValueError(
                explain(
                    where,
                    got=f"a gradient {shapes[0]} of a parameter the averager does not know",
                    expected="one of those it was made for",
                    fix="make another GradientAverager, and call shard again",
                )
            )
        if shapes[0] != shapes[1] or ends[-1] != p._array.size:
            raise ShapeError(
                explain(
                    where,
                    got=f"a gradient {shapes[0]} for a parameter {shapes[1]}",
                    expected=f"one shape, of {ends[-1]} elements as when the state was sharded",
                    fix="make another GradientAverager, and call shard again",
                )
            )

    # ---- the whole state

    def state_dict(self, root: int | None = None) -> dict[str, Any]:
        """Return the optimizer's state dict; all ranks call this.

        Args:
            root: the only rank whose state dict has a state; default None: all have.
        """
        return self.optimizer._packed(self.whole(root))

    def whole(self, root: int | None = None) -> dict[Any, dict[str, Any]]:
        """Return parameter -> its whole state, one after the other; all ranks call this."""
        comm = self.averager.comm
        listed = [p for group in self.optimizer.param_groups for p in group["params"]]
        found = dict(self.optimizer.state)  # of parameters that no averager knows
        kinds = comm.gather_objects([self._kinds(p) for p in listed])
        for i, p in enumerate(listed):
            held = next((each[i] for each in kinds if each[i] is not None), None)
            if held is None:
                continue
            entry = {}
            for name, value in held.items():
                entry[name] = self._whole(p, name, value) if isinstance(value, _Cut) else value
            if root in (None, comm.rank):
                found[p] = entry
        return found if root in (None, comm.rank) else {}

    def _kinds(self, p: Any) -> dict[str, Any] | None:
        """Return name -> the dtype of what is cut, or what is whole."""
        entry = self.inner.state.get(self.pieces.get(p))
        if not entry:
            return None
        piece = self.pieces[p]
        return {
            name: _Cut(value._array.dtype.str) if self._cuttable(piece, name, value) else value
            for name, value in entry.items()
        }

    def _whole(self, p: Any, name: str, kind: _Cut) -> Any:
        comm, ends = self.averager.comm, self._cuts[p]
        array = np.empty(ends[-1], kind.dtype)
        piece = self.pieces.get(p)
        if piece is not None:
            own = self.inner.state[piece][name]._array
            array[ends[comm.rank] : ends[comm.rank + 1]] = own
        return wrap(comm.all_gather(array, ends).reshape(p._array.shape))


class _Cut:
    """Stands for an array of which each rank has a part."""

    def __init__(self, dtype: str) -> None:
        self.dtype = dtype


def _flat(tensor: Any) -> Array:
    """Return the elements of a tensor in one row; a copy where they do not lie so."""
    flat: Array = tensor._array.reshape(-1)
    return flat
