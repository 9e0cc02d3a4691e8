"""Gradients of all ranks, averaged while the backward pass is still going on."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from rushlight import comm
from rushlight.arrays import Array
from rushlight.comm import Communicator, Request, parts
from rushlight.distributed.buckets import Bucket, Single, plan, starts
from rushlight.distributed.half import HalfBucket, HalfSingle
from rushlight.distributed.scattered import PartBucket, PartSingle, gather
from rushlight.errors import ShapeError, explain
from rushlight.nn import Module, utils
from rushlight.tape import cell, wrap
from rushlight.tape.nodes import state

__all__ = ["GradientAverager"]


class GradientAverager:
    """Calls backward, and makes of the gradients of all ranks those of one process.

    With the loss of rank r a mean over n_r samples, each rank's `.grad` becomes
    sum_r(n_r * gradient_r) / sum_r(n_r): the gradient of the mean over all samples, exactly, also
    where ranks have unequal numbers of them, or none. Gradients are sent in buckets, those of the
    last layer first, as soon as they are complete, and the last bucket behind backward.

    Args:
        parameters: the tensors to train, in one order on all ranks, or a Module; one that is there
            twice counts once.
        communicator: default None: `comm.current()`.
        bucket_bytes: how much of small gradients is sent at once; default 256 KiB. Fewer are sent
            earlier, more cost less. Large ones are sent each for itself.
        compress: 'float16' sends half the bytes; what is rounded away on a rank is added to its
            gradients of the next step, so that in the mean over the steps nothing is lost. Only
            float32 and float64 are compressed. Default None: as they are.

    Attributes:
        scattered: whether each rank is given its own part of the gradients only, for an optimizer
            whose state is sharded (`shard`): `.grad` is then 0 elsewhere, and the sum over the
            ranks is the gradient. `gather_gradients` makes them whole.
        timeline: None (default), or a list to which (what, bucket, seconds) are added:
            'begin', 'sent', 'done', 'walked' (backward has ended) and 'end'.

    Raises:
        ValueError: no parameter that requires a gradient; another compress.

    Example:
        >>> import rushlight as rl
        >>> w = rl.tensor([1.0], requires_grad=True)
        >>> averager = GradientAverager([w])
        >>> averager.backward((w * 3).mean(), 10)
        >>> w.grad
        tensor([3.])

    Source: Li et al., PyTorch Distributed: Experiences on Accelerating Data Parallel Training,
    2020 (buckets in reverse order, sent during backward).
    """

    def __init__(
        self,
        parameters: Module | Iterable[Any],
        communicator: Communicator | None = None,
        *,
        bucket_bytes: int = 1 << 18,
        compress: str | None = None,
    ) -> None:
        given: Any = parameters.parameters() if isinstance(parameters, Module) else parameters
        self.parameters = list({id(p): p for p in given if p.requires_grad}.values())
        if not self.parameters:
            expected = "at least one parameter that requires a gradient"
            raise ValueError(explain("GradientAverager", got="none", expected=expected))
        if bucket_bytes < 1:
            raise ValueError(explain("bucket_bytes", got=bucket_bytes, expected="1 or more"))
        if compress not in (None, "float16"):
            raise ValueError(explain("compress", got=repr(compress), expected="None or 'float16'"))
        self.compress, self._bytes = compress, bucket_bytes
        self.scattered = self._parted = False  # how gradients are sent; how those at hand came
        self.comm = comm.current() if communicator is None else communicator
        self.timeline: list[tuple[str, int, float]] | None = None
        self._count = 0.0
        self._within = False  # a step, of which a batch has been walked
        self._before: list[tuple[Any, Any]] = []  # parameters, and their gradients before the step
        self._sending = False
        self._places: list[Sequence[int]] = []  # of each bucket's parameters among all
        self._next = 0  # the bucket that is to be sent next, on all ranks
        self._buckets: list[Bucket] = []
        self._over: list[Request | None] = []  # of each bucket, the request known to be done
        self._handles: list[Any] = []
        if self.comm.size > 1:
            self._listen()

    def _listen(self) -> None:
        """Plan the buckets, and let the parameters tell when their gradients are there."""
        self._buckets, self._places = self._planned(), []
        order = {id(p): place for place, p in enumerate(self.parameters)}
        for number, bucket in enumerate(self._buckets):
            self._places.append([order[id(p)] for p in bucket.parameters])
            if number == len(self._buckets) - 1:  # sent behind backward: nobody need tell of it
                break
            for place, p in enumerate(bucket.parameters):
                hook = _Hook(self, number, place)
                self._handles.append(p.register_post_accumulate_grad_hook(hook))

    def close(self) -> None:
        """Take the hooks off the parameters."""
        for handle in self._handles:
            handle.remove()
        self._handles = []

    def backward(
        self,
        loss: Any,
        count: float = 1.0,
        *,
        more: bool = False,
        mean: bool = True,
        beside: Array | None = None,
    ) -> None:
        """Add to each `.grad` the average of a step, with the last batch of it.

        Between the batches of a step `.grad` holds the sums of this rank. Behind an exception it
        is what it was before the step.

        Args:
            loss: a scalar Tensor; None where this rank has no sample in the batch.
            count: what the mean of the loss divides by: its samples, or their weights. Without a
                loss it is 0.
            more: whether a further batch of the same step follows: nothing is sent (default
                False). It must be so on all ranks.
            mean: whether the loss is a mean (default); of a sum nothing is divided.
            beside: float64 numbers that are added up over the ranks, too, in place (default None):
                that costs no message of its own.

        Raises:
            ShapeError: a loss of several numbers.
        """
        if loss is not None and loss._array.size != 1:
            got, fix = f"a loss {loss.shape}", "its mean, with `count`"
            raise ShapeError(explain("backward", got=got, expected="one number", fix=fix))
        if not self._within:
            self._set_aside()
        try:
            self._step(loss, 0.0 if loss is None else count, more, mean, beside)
        except BaseException:
            self._give_up()
            raise
        if not more:
            self._put_back()

    def _set_aside(self) -> None:
        """Let only what the step adds be averaged: what was there is that of all ranks already."""
        self._within = True
        for p in self.parameters:
            if p._grad is not None and p._grad._array.any():
                self._before.append((p, p._grad))
                p._grad = None

    def _put_back(self) -> None:
        """Add what the step has found to what was there before."""
        self._within = False
        before, self._before = self._before, []
        for p, gradient in before:
            if p._grad is not None:
                gradient._array += p._grad._array
                cell(gradient)[0] += 1
            p._grad = gradient

    def _give_up(self) -> None:
        """Leave a step that has failed, and the memory that calls under way still write to."""
        self._count = 0.0
        for p in self.parameters:
            p._grad = None
        self._put_back()
        if self.comm.size > 1:
            kept, closed = self.residuals(), not self._handles
            self.close()
            self._listen()
            self.put_residuals(kept)
            if closed:
                self.close()

    def _step(self, loss: Any, count: float, more: bool, mean: bool, beside: Array | None) -> None:
        """Walk a batch; with the last one of a step, average."""
        self._count += count
        if more:
            self._walk(loss, count, mean)
            return
        total, self._count = self._count, 0.0
        if self.comm.size == 1:
            self._walk(loss, count, mean)
            if mean and total:
                for p in self.parameters:
                    if p._grad is not None:
                        p._grad._array /= total
                        cell(p._grad)[0] += 1
            return
        self._note("begin")
        for bucket in self._buckets:
            bucket.begin()
        self._over = [None] * len(self._buckets)
        self._next, self._sending = 0, True
        if self.compress:
            self._ask(total, mean)
        try:
            self._walk(loss, count, mean)
        finally:
            self._sending = False
        self._note("walked")
        self._finish(total, mean, beside)
        self._note("end")

    def _walk(self, loss: Any, count: float, mean: bool) -> None:
        """Walk the tape backward from count * loss."""
        if loss is None:
            return
        seed = wrap(np.full(loss.shape, count if mean else 1.0, loss._array.dtype))
        early, state.early = state.early, bool(self._handles)
        try:
            loss.backward(seed)
        finally:
            state.early = early

    def _arrived(self, number: int, place: int) -> None:
        """Send what is complete: a hook has seen a gradient."""
        if not self._sending:
            return
        self._buckets[number].waiting.discard(place)
        while self._next < len(self._buckets) and not self._buckets[self._next].waiting:
            self._send()
        for sent, bucket in enumerate(self._buckets[: self._next]):
            if self._over[sent] is bucket.request or bucket.request is None:
                continue
            if not bucket.request.test():  # MPI sends on while it is called
                break
            self._over[sent] = bucket.request
            self._note("done", sent)

    def _send(self) -> None:
        bucket = self._buckets[self._next]
        bucket.take()
        bucket.send(self.comm)
        self._note("sent", self._next)
        self._next += 1

    def _finish(self, count: float, mean: bool, beside: Array | None) -> None:
        """Send what no hook has seen, and put the sums into the gradients."""
        there = [p._grad is not None for p in self.parameters]
        while self._next < len(self._buckets):
            self._send()
        numbers = np.array([count, *there, *(() if beside is None else beside)])
        self.comm.all_reduce(numbers)
        total, *found = numbers[: len(there) + 1].tolist()
        divisor = total if mean and total else None
        if beside is not None:
            beside[:] = numbers[len(there) + 1 :]
        for number, bucket in enumerate(self._buckets):
            bucket.receive()
            if self._over[number] is not bucket.request:
                self._note("done", number)
        for number, bucket in enumerate(self._buckets):
            bucket.give(wrap, divisor, [found[place] > 0 for place in self._places[number]])
            for p in bucket.parameters:
                if p._grad is not None:
                    cell(p._grad)[0] += 1
        self._parted = self.scattered

    # ---- compressed, and in parts

    def _planned(self) -> list[Bucket]:
        """Return buckets that are sent as is asked for."""
        buckets = [self._made(bucket) for bucket in plan(self.parameters, self._bytes)]
        halves = [bucket for bucket in buckets if isinstance(bucket, HalfBucket)]
        for bucket, later in zip(halves, halves[2:], strict=False):
            later.before = bucket  # by then its first turn is likely to be over
        return buckets

    def _made(self, plain: Bucket) -> Bucket:
        parameters, single = plain.parameters, isinstance(plain, Single)
        if self.compress and plain.flat.dtype in (np.float32, np.float64):
            half = HalfSingle if single else HalfBucket
            return half(parameters, self.comm, self._divisor, self.scattered)
        if self.scattered:
            return (PartSingle if single else PartBucket)(parameters, self.comm)
        return plain

    def _ask(self, count: float, mean: bool) -> None:
        """Begin to count what the sums of this step are divided by, which rounding has to know."""
        total = np.array([count])
        self._asked = self.comm.start_all_reduce(total), total, mean

    def _divisor(self) -> float | None:
        """Return what the sums of this step are divided by, as soon as all ranks have said."""
        counted, total, mean = self._asked
        counted.wait()
        return float(total[0]) if mean and total[0] else None

    def scatter(self, scattered: bool = True) -> None:
        """Give each rank, from the next step on, its own part of the gradients or all (default)."""
        if scattered != self.scattered:
            self.scattered = scattered
            if self.comm.size > 1:
                self.close()
                self._listen()

    def cuts(self) -> dict[Any, list[int]]:
        """Return parameter -> where its elements are cut into the parts of the ranks."""
        found = {}
        for bucket in self._buckets:
            places = starts(bucket.parameters)
            whole = parts(places[-1], self.comm.size)
            for p, start in zip(bucket.parameters, places[:-1], strict=True):
                ends = np.clip(np.subtract(whole, start), 0, p._array.size)
                found[p] = ends.tolist()
        return found

    def gather_gradients(self) -> None:
        """Make `.grad` whole on all ranks, where each has been given its own part."""
        if not self._parted:
            return
        self._parted = False
        gradients = {p: p._grad for p in self.parameters if p._grad is not None}

        def put(p: Any, memory: Array) -> None:
            memory[:] = p._grad._array.reshape(-1)

        gather(self._buckets, self.comm, gradients, put)

    def clip_grad_norm_(
        self, max_norm: float, norm_type: float = 2.0, error_if_nonfinite: bool = False
    ) -> Any:
        """Scale the gradients so that their total norm, of all ranks, is at most `max_norm`.

        Where each rank has all gradients this is `nn.utils.clip_grad_norm_`, with its arguments.

        Returns:
            The total norm before scaling, a Tensor.
        """
        if not self._parted:
            given = (max_norm, norm_type, error_if_nonfinite)
            return utils.clip_grad_norm_(self.parameters, *given)
        rank = self.comm.rank
        own = [
            wrap(p._grad._array.reshape(-1)[ends[rank] : ends[rank + 1]])
            for p, ends in self.cuts().items()
            if p._grad is not None
        ]
        norms = np.zeros(self.comm.size)
        norms[rank] = float(utils.get_total_norm(own, norm_type))
        self.comm.all_gather(norms, list(range(self.comm.size + 1)))
        total = utils.get_total_norm([wrap(norms)], norm_type, error_if_nonfinite)
        utils.clip_grads_with_norm_(self.parameters, max_norm, total)
        dtype = np.result_type(*[each._array.dtype for each in own]) if own else np.float32
        return wrap(total._array.astype(dtype))

    # ---- what compression keeps

    def residuals(self) -> list[Any]:
        """Return what was rounded away on this rank, and has not been sent yet."""
        kept = [bucket for bucket in self._buckets if isinstance(bucket, HalfBucket)]
        return [(bucket.error, bucket.rest) for bucket in kept]

    def put_residuals(self, kept: Sequence[Any]) -> bool:
        """Take over what `residuals` returned, where it is of such buckets; tell whether it is."""
        own = [array for pair in self.residuals() for array in pair]
        found = [np.asarray(array) for pair in kept for array in pair]
        if [(a.shape, a.dtype) for a in own] != [(a.shape, a.dtype) for a in found]:
            return False
        for array, value in zip(own, found, strict=True):
            array[:] = value
        return True

    def _note(self, what: str, bucket: int = -1) -> None:
        if self.timeline is not None:
            self.timeline.append((what, bucket, time.perf_counter()))


class _Hook:
    """Tells an averager that the gradient of a parameter is there; a copy of a model drops it."""

    def __init__(self, owner: GradientAverager, number: int, place: int) -> None:
        self.owner, self.number, self.place = owner, number, place

    def __call__(self, parameter: Any) -> None:
        self.owner._arrived(self.number, self.place)
