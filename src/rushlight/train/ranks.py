"""Several processes that train one model: `mpiexec -n 4 python train.py`, nothing else changed.

Every batch is shared out, so that the ranks together do what one process does: the same batches,
steps, random layers, history and files. The first rank alone prints and writes.
"""

from __future__ import annotations

import contextlib
import operator
import platform
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from rushlight import __version__, comm
from rushlight.autograd import no_grad
from rushlight.data import DataLoader
from rushlight.data.loader import Share
from rushlight.data.sampler import SeededSampler
from rushlight.determinism import are_deterministic_algorithms_enabled
from rushlight.distributed import (
    DistributedSampler,
    GradientAverager,
    agree,
    broadcast_model,
    check_elementwise,
    shard,
)
from rushlight.errors import explain
from rushlight.nn.normalization import _BatchNorm
from rushlight.random import Generator, OwnRows, default_generator
from rushlight.tensor import Tensor
from rushlight.train.guard import NonFiniteError
from rushlight.train.metrics import Metric, metric_name
from rushlight.train.resuming.generators import generators_of
from rushlight.train.resuming.plain import plain_state
from rushlight.train.resuming.state import of_model
from rushlight.train.weights import is_sum, samples

if TYPE_CHECKING:
    from rushlight.train.loop import Loop
    from rushlight.train.trainer import Trainer

__all__ = ["Ranks", "Told"]


_TOLD = 5  # numbers


class Told:
    """What all ranks know of a step: its loss, and whether one asks to end or to write.

    Attributes:
        loss: of the whole step.
        interrupted: whether Ctrl-C was pressed.
        limit: whether a limit is reached, by the clock of the first rank.
        due: whether the first rank has a checkpoint to write.
    """

    def __init__(self, sums: Sequence[float], summed: bool) -> None:
        total, count, asked, limit, due = sums
        self.loss = total if summed else total / (count or 1.0)
        self.interrupted, self.limit, self.due = asked > 0, limit > 0, due > 0


class Ranks:
    """The processes of a `fit`.

    Args:
        trainer: the Trainer.
    """

    def __init__(self, trainer: Trainer) -> None:
        self.trainer, self.comm = trainer, comm.current()
        self.first = self.comm.first
        self._averager: GradientAverager | None = None
        self._trained: list[Any] = []
        self._norms: list[Any] = []
        self._residuals: Any = None  # of a checkpoint: what was rounded away, and is to be sent
        self._total = self._count = 0.0
        self._share = Share(self.comm.rank, self.comm.size)
        self._rows: deque[OwnRows] = deque()  # of the batches that were read, not yet run
        self._generators: list[Generator] = []  # what the model and the loss draw from
        self._told = np.zeros(_TOLD)

    # ---- before and after

    def same_random(self) -> None:
        """Let all ranks draw what the first one does."""
        default_generator.set_state(self.comm.broadcast_object(default_generator.get_state()))

    def of_first(self, function: Callable[[], Any]) -> Any:
        """Return what a function gives on the first rank, or raise there and everywhere."""
        found: tuple[bool, Any] = (True, None)
        if self.first:
            try:
                found = True, function()
            except Exception as error:
                found = False, error
        done, value = self.comm.broadcast_object(found)
        if not done:
            raise value
        return value

    def begin(self, data: Any, facts: dict[str, Any]) -> None:
        """Hold ranks against each other, send the weights of the first, share out the data."""
        trainer = self.trainer
        versions = {"rushlight": __version__, "python": platform.python_version()}
        versions["numpy"] = np.__version__
        made = {"seed": trainer.seed, "validate_every": trainer.validate_every, **trainer._made}
        made |= {"sharded": trainer.sharded, "compress": trainer.compress}
        made["deterministic"] = are_deterministic_algorithms_enabled()
        model = {f"model.{name}": value for name, value in of_model(trainer.model).items()}
        agree("fit", {**versions, **model, **made, **facts, **data.facts}, self.comm)
        for metric in trainer.metrics:
            _check_metric(metric)
        if trainer.sharded:
            check_elementwise(trainer.optimizer)
        broadcast_model(trainer.model, self.comm)
        for loader in (data.source.loader, data.held_out):
            if loader is not None:
                _check_loader(loader)
        data.source.ranks = self
        self._generators = generators_of(trainer.model, trainer.loss)
        self.in_step(root=0)
        self._norms = [m for m in trainer.model.modules() if isinstance(m, _BatchNorm)]
        for norm in self._norms:
            norm._synchronized = True

    def close(self) -> None:
        """Leave everything as it was."""
        if self._averager is not None:
            self._averager.close()
        for norm in self._norms:
            norm._synchronized = type(norm)._synchronized

    # ---- batches

    def _same_order(self, loader: DataLoader) -> None:
        """Let a loader be in the epoch, and go by the seed, that the first rank's has.

        A seed that is yet to be drawn comes from the default generator, which is the same on all.
        """
        counter = loader._counter()
        seeded = isinstance(counter, SeededSampler) and counter.generator is not None
        own = loader.epoch, counter.seed() if seeded else None
        epoch, seed = self.comm.broadcast_object(own)
        if epoch != own[0]:
            loader.set_epoch(epoch)
        if seed is None and seeded:
            counter.generator = None
        elif seed != own[1]:
            counter.set_seed(seed)

    @contextlib.contextmanager
    def sharing(self, loader: DataLoader) -> Iterator[None]:
        """Let an epoch of a loader that begins within the block be of this rank's rows.

        Callbacks that iterate over the loader find whole batches, and may do so on one rank.
        """
        self._same_order(loader)
        loader._share = self._share
        try:
            yield
        finally:
            loader._share = None

    # ---- random numbers

    def noted(self, batches: Iterable[Any]) -> Iterator[Any]:
        """Yield the batches of a loader, and note which rows of each are this rank's."""
        self._rows.clear()
        for batch in batches:
            self._rows.append(self._share.rows)
            yield batch

    @contextlib.contextmanager
    def drawing(self) -> Iterator[OwnRows]:
        """Let draws within the block be for the rows of the next batch that `noted` has yielded."""
        rows = self._rows.popleft()
        for generator in self._generators:
            generator.rows = rows
        try:
            yield rows
        finally:
            for generator in self._generators:
                generator.rows = None

    def in_step(self, root: int = -1) -> None:
        """Let all ranks go on at the place in the streams where one is: the last, or the first.

        The last rank has rows of every batch. Who has none does not run the model, and is behind.
        """
        self._go_to(self.comm.broadcast(self._places(), root % self.comm.size))

    def _places(self) -> Any:
        """Return the places in all streams, as numbers that float64 holds exactly."""
        return np.concatenate([generator.pack() for generator in self._generators], dtype=float)

    def _go_to(self, places: Any) -> None:
        for generator, place in zip(self._generators, places.reshape(-1, 10), strict=True):
            generator.unpack(place)

    # ---- a step

    def backward(self, loop: Loop, inputs: Any, target: Any, weight: Any, more: bool) -> None:
        """Run this rank's part of a batch, and backward; with the last batch of a step, average."""
        with self.drawing() as rows:
            self._backward(loop, inputs, target, weight, more)
        if more and rows.whole < self.comm.size:  # else `told` does it
            self.in_step()

    def _backward(self, loop: Loop, inputs: Any, target: Any, weight: Any, more: bool) -> None:
        trainer = self.trainer
        meter = loop.place.meter
        assert meter is not None
        summed = is_sum(trainer.loss)
        rows = target.shape[0] if target.ndim else 1
        count = samples(trainer.loss, target) if rows else 0.0
        loss = None
        if rows or self._norms:  # batch norm is a call of all ranks
            output, loss = trainer._run(inputs, target, weight)
            if count:
                value = meter.update(output, target, loss, loop.place)
                self._total += value if summed else value * count
                self._count += count
            else:  # the mean of nothing is NaN
                if rows:
                    meter.measure(output, target)
                loss = _nothing(output)
        beside = None if more else self._tells(loop)
        self._averaged().backward(loss, count, more=more, mean=not summed, beside=beside)

    def _averaged(self) -> GradientAverager:
        """Return the averager of the parameters that are trained: a callback may thaw some."""
        trained = [p for p in self.trainer.model.parameters() if p.requires_grad]
        same = len(trained) == len(self._trained)
        if self._averager is None or not (same and all(map(operator.is_, trained, self._trained))):
            if self._averager is not None:
                self._averager.close()
            compress = self.trainer.compress
            self._averager = GradientAverager(trained, self.comm, compress=compress)
            self._trained = trained
        if self.trainer.sharded:
            shard(self.trainer.optimizer, self._averager)  # a Switch may have put in another one
        if self._residuals is not None:
            self._averager.put_residuals(self._residuals)
            self._residuals = None
        return self._averager

    def gather_gradients(self) -> None:
        """Make the gradients whole on all ranks, for callbacks that look at them."""
        if self._averager is not None:
            self._averager.gather_gradients()

    def clip_norm(self, limit: float) -> None:
        """Scale the gradients down to a total norm, of all ranks."""
        assert self._averager is not None
        self._averager.clip_grad_norm_(limit)

    def _tells(self, loop: Loop) -> Any:
        """Return what this rank has to tell of a step; it is sent with the gradients."""
        trainer, step = self.trainer, self.trainer.step + 1
        reached = self.first and trainer.limits.any and trainer.limits.reached(step) is not None
        due = any(keeper.due(step) for keeper in trainer._keepers)
        asked = loop._interrupt.asked
        places = self._places()
        if self.comm.rank < self.comm.size - 1:  # those of the last rank count
            places[:] = 0.0
        own = [self._total, self._count, asked, reached, due]
        self._told = np.concatenate([own, places], dtype=float)
        self._total = self._count = 0.0
        return self._told

    def told(self, loop: Loop) -> Told:
        """Return what all ranks must know behind a step."""
        trainer = self.trainer
        sums, places = np.split(self._told, [_TOLD])
        self._go_to(places)
        if not sums[1] and not is_sum(trainer.loss):
            expected = "one sample that counts"
            fix = "choose a larger batch_size, or leave such samples out"
            got = "a step whose loss ignores all targets, on all ranks"
            raise NonFiniteError(explain(str(loop.place), got=got, expected=expected, fix=fix))
        return Told(sums.tolist(), is_sum(trainer.loss))

    def any(self, value: bool) -> bool:
        """Tell whether it is so on some rank."""
        return bool(self.comm.all_reduce(np.array([value], np.int64), "max")[0])

    def settle(self, asked: bool) -> bool:
        """Stop on all ranks where one has stopped; tell whether one of them was asked to end."""
        found: list[Any] = self.comm.gather_objects((asked, self.trainer.stopped))
        reason = next((reason for _, reason in found if reason is not None), None)
        if reason is not None:
            self.trainer.stop(reason)
        return any(asked for asked, _ in found)

    def judges(self, inputs: Any, target: Any, meter: Any) -> bool:
        """Tell whether this rank has a batch of the validation whose loss counts.

        Where there is none, batch norm that goes by the batch is called all the same.
        """
        trainer = self.trainer
        rows = target.shape[0] if target.ndim else 1
        if rows and samples(trainer.loss, target):
            return True
        if rows or any(not norm.track_running_stats for norm in self._norms):
            output = trainer.model(*inputs)
            if rows:
                meter.measure(output, target)
        return False

    # ---- states

    def state(self) -> dict[str, Any]:
        """Return what each rank has of its own, for a checkpoint; the first is given it all."""
        if self.trainer.compress is None:
            return {}
        own = self._residuals or (self._averager.residuals() if self._averager else [])
        return {"residuals": self.comm.gather_objects(own, 0)}

    def optimizer_state(self) -> dict[str, Any]:
        """Return the state dict of the optimizer; that of the first rank alone is whole."""
        shards = self.trainer.optimizer._shards
        state: dict[str, Any]
        state = self.trainer.optimizer.state_dict() if shards is None else shards.state_dict(0)
        return state

    def put_residuals(self, residuals: Any) -> None:
        """Take over what compression had rounded away; of other ranks it is left out."""
        if self.trainer.compress is not None and len(residuals or ()) == self.comm.size:
            self._residuals = residuals[self.comm.rank]


def _nothing(output: Any) -> Tensor:
    """Return a loss of 0 whose backward walks the same way as any."""
    if not isinstance(output, Tensor):
        raise TypeError(
            explain(
                "fit on several ranks",
                got=f"a batch with no samples for one, and a model that returns "
                f"{type(output).__name__}",
                expected="a Tensor, where the model has batch norm",
                fix="choose a batch size that leaves each rank a sample",
            )
        )
    with no_grad():
        zero = output.detach() * 0.0
    return (output * zero.nan_to_num(0.0, 0.0, 0.0)).sum()


def _check_metric(metric: Any) -> None:
    """Refuse a metric whose batches cannot be put together."""
    merge = getattr(metric, "merge", None)
    if merge is None or getattr(merge, "__func__", None) is Metric.merge:
        raise NotImplementedError(
            explain(
                "fit on several ranks",
                got=f"the metric {metric_name(metric)!r} without merge",
                expected=f"{type(metric).__name__}.merge(other)",
                fix="define it: add the sums and counts of the other one to those of this",
            )
        )
    if plain_state(metric) is None:
        raise NotImplementedError(
            explain(
                "fit on several ranks",
                got=f"the metric {metric_name(metric)!r}, which holds what cannot be sent",
                expected="numbers and arrays",
                fix="define its state_dict and load_state_dict",
            )
        )


def _check_loader(loader: DataLoader) -> None:
    """Refuse a loader whose batches cannot be shared out."""
    if isinstance(loader.sampler, DistributedSampler):
        raise ValueError(
            explain(
                "fit on several ranks",
                got="a DataLoader with a DistributedSampler",
                expected="one that goes over all samples: the Trainer shares out each batch",
                fix="leave the sampler out; batch_size is that of all ranks together",
            )
        )
    if type(loader).__iter__ is not DataLoader.__iter__:
        raise NotImplementedError(
            explain(
                "fit on several ranks",
                got=f"{type(loader).__name__} with an __iter__ of its own",
                expected="a DataLoader, whose batches are shared out",
            )
        )
