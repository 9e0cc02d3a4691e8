"""The training loop, and the only one."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from rushlight import nn
from rushlight.train import feed
from rushlight.train.callbacks import Event
from rushlight.train.callbacks.best import judged
from rushlight.train.guard import Interrupt
from rushlight.train.held import known
from rushlight.train.history import Record
from rushlight.train.meter import Meter
from rushlight.train.prepare import Data
from rushlight.train.ranks import Ranks
from rushlight.train.resuming.place import Place
from rushlight.train.resuming.state import gather

if TYPE_CHECKING:
    from rushlight.train.trainer import Trainer

__all__ = ["Loop"]


class Loop:
    """Trains from a place on to the end of the last epoch.

    Args:
        trainer: the Trainer, whose model, loss, optimizer and handlers are looked up at each
            step: a callback may replace them.
        data: what it trains on and validates with.
        place: where it begins.
        last: the last epoch.
    """

    def __init__(self, trainer: Trainer, data: Data, place: Place, last: int) -> None:
        self.trainer, self.data, self.place, self.last = trainer, data, place, last
        self._interrupt = Interrupt()
        self._gradients = trainer._handlers[Event.GRADIENTS]
        self._batch_end = trainer._handlers[Event.BATCH_END]

    def run(self, interrupt: Interrupt) -> None:
        """Train: epochs, in them steps, in them batches."""
        trainer, data, place, self._interrupt = self.trainer, self.data, self.place, interrupt
        ranks = data.source.ranks
        for epoch in range(place.epoch, self.last + 1):
            if self._over():
                break
            meter, batches = self._enter(epoch)
            reason = None
            for group in feed.groups(batches, trainer.accumulate, trainer.loss):
                trainer.optimizer.zero_grad()
                value = self._alone(meter, group) if ranks is None else self._together(ranks, group)
                self._step()
                told = None if ranks is None else ranks.told(self)
                value = value if told is None else told.loss
                if self._batch_end:
                    trainer._emit(Event.BATCH_END, epoch=epoch, batch=place.batch, loss=value)
                if trainer.validate_every and not trainer.step % trainer.validate_every:
                    self._validate(copy.deepcopy(trainer.metrics))
                if trainer.limits.any and place.batch != data.batches:  # else the epoch is whole
                    reason = self._limit() if told is None else trainer.limits.text(told.limit)
                # what is pressed from now on, one rank alone may know of: the next step tells all
                asked = interrupt.asked if told is None else told.interrupted
                now = asked or reason is not None
                if trainer._keepers if told is None else now or told.due:
                    self.keep(now)
                if asked or (told is None and interrupt.asked):
                    raise KeyboardInterrupt
                if reason is not None:
                    trainer.stop(reason)
                    break
            record = self._record()
            trainer._emit(Event.EPOCH_END, epoch=epoch, record=record)
            place.end()
            limit = self._limit() if reason is None else None
            asked = interrupt.asked if ranks is None else ranks.settle(interrupt.asked)
            if reason is None:  # else it is resumed within the epoch
                over = epoch == self.last or trainer.stopped is not None or limit is not None
                self.keep(now=over or asked)
            if asked or (ranks is None and interrupt.asked):
                raise KeyboardInterrupt

    def _alone(self, meter: Meter, group: Sequence[tuple[float, feed.Batch]]) -> float:
        """Find the gradients of the batches of a step, and return its loss."""
        trainer, value = self.trainer, 0.0
        for share, (inputs, target, weight) in group:
            self.place.batch += 1
            output, loss = trainer._run(inputs, target, weight)
            value += share * meter.update(output, target, loss, self.place)
            (loss if share == 1.0 else loss * share).backward()
        return value

    def _together(self, ranks: Ranks, group: Sequence[tuple[float, feed.Batch]]) -> float:
        """Find the gradients of batches that several processes share."""
        for left, (_, (inputs, target, weight)) in zip(range(len(group))[::-1], group, strict=True):
            self.place.batch += 1
            ranks.backward(self, inputs, target, weight, more=left > 0)
        return 0.0  # `told` has the loss of all

    def _limit(self) -> str | None:
        limits, ranks = self.trainer.limits, self.data.source.ranks
        reason = limits.reached(self.trainer.step)
        if ranks is not None and limits.any:
            return limits.text(ranks.any(ranks.first and reason is not None))
        return reason

    def _over(self) -> bool:
        """Tell whether training has ended: somebody stopped it, or a limit is reached."""
        trainer, reason = self.trainer, self._limit()
        if trainer.stopped is None and reason is not None:
            trainer.stop(reason)
        if self.data.source.ranks is not None:
            self.data.source.ranks.settle(False)
        return trainer.stopped is not None

    def _enter(self, epoch: int) -> tuple[Meter, Iterator[feed.Batch]]:
        """Begin an epoch, or go on within it where it was left."""
        trainer, data, place = self.trainer, self.data, self.place
        within = place.held is not None
        place.begin(epoch)
        if not within:
            place.put_back(data.generators)
            trainer._seeds.epoch(epoch)
            trainer._emit(Event.EPOCH_BEGIN, epoch=epoch)
        trainer.model.train()
        facts = known(data.source.loader, data.weights is not None and data.weights.last)
        ranks = data.source.ranks
        place.meter = Meter(trainer, classes=facts.classes, ranks=ranks)
        if place.held is not None:
            place.meter.load_state_dict(place.held)
            place.held = None
        if data.source.streams and (trainer._keepers or within):
            place.at_begin(data.generators)
        with contextlib.nullcontext() if ranks is None else ranks.sharing(data.source.loader):
            loader = data.source.epoch(place.batch)
        if within:
            place.put_back(data.generators)
        if ranks is not None:
            loader = ranks.noted(loader)
        return place.meter, feed.batches(
            f"epoch {epoch}", loader, weights=data.weights, number=place.batch, finite=facts.finite
        )

    def _step(self) -> None:
        """Let the optimizer take a step with the gradients there are."""
        trainer, place, ranks = self.trainer, self.place, self.data.source.ranks
        if self._gradients:
            if ranks is not None:
                ranks.gather_gradients()
            trainer._emit(Event.GRADIENTS, epoch=place.epoch, batch=place.batch)
        if trainer.clip_value is not None:
            nn.utils.clip_grad_value_(trainer.model.parameters(), trainer.clip_value)
        if trainer.clip_norm is not None and ranks is not None:
            ranks.clip_norm(trainer.clip_norm)
        elif trainer.clip_norm is not None:
            nn.utils.clip_grad_norm_(trainer.model.parameters(), trainer.clip_norm)
        trainer._rates.step()
        trainer.step += 1

    def _validate(self, metrics: Any) -> Record:
        """Return the values of the validation data, found once for the weights of one step."""
        trainer, data, place = self.trainer, self.data, self.place
        steps, every = trainer.history.steps, trainer.validate_every
        if every is not None and steps and steps[-1]["step"] == trainer.step:
            return {name: value for name, value in steps[-1].items() if name.startswith("val_")}
        where = f"epoch {place.epoch}, validation"
        ranks = data.source.ranks
        asked = self._interrupt if ranks is None else Interrupt()  # or some ranks would go on
        held = data.held_out, asked, data.held_weights, metrics, ranks
        with judged(trainer):
            found = trainer._evaluate(where, *held)
        values = {f"val_{name}": value for name, value in found.items()}
        if every is not None:
            steps.append({"step": trainer.step, "epoch": place.epoch, **values})
        trainer._emit(Event.VALIDATION_END, epoch=place.epoch, batch=place.batch, values=values)
        return values

    def _record(self) -> Record:
        """Close an epoch: validate, put it into the history, let a schedule of epochs step."""
        trainer, data, place = self.trainer, self.data, self.place
        assert place.meter is not None
        record: Record = {"epoch": place.epoch, "lr": trainer._rates.lr}
        record |= {f"train_{name}": number for name, number in place.meter.compute().items()}
        if data.held_out is not None:
            record |= self._validate(trainer.metrics)
        record["seconds"] = place.seconds
        trainer.history.append(record)
        if trainer._best.improved(record):
            trainer.history.best_epoch = place.epoch
        monitored = trainer.monitored
        trainer._rates.end_epoch(record[monitored], trainer.columns[monitored])
        return record

    def keep(self, now: bool) -> None:
        """Let checkpoints be written: now, or where they are due."""
        trainer, data, place = self.trainer, self.data, self.place
        within = place.meter is not None
        due = [
            keeper
            for keeper in trainer._keepers
            if now or (keeper.due(trainer.step) if within else keeper.due_after_epoch())
        ]
        ranks = data.source.ranks
        if not (due if ranks is None else ranks.any(bool(due))):
            return
        state = gather(trainer, data, place)
        if within and state["place"]["meter"] is None:
            data.only_epochs()
            return
        for keeper in due:
            keeper.write(state, trainer.step)
