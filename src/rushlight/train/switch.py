"""Switch: another optimizer, loss, metric or schedule from some moment of the run on."""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING, Any

from rushlight.errors import explain
from rushlight.optim import Optimizer
from rushlight.train.callbacks import Callback, Event
from rushlight.train.curve import SCHEDULES
from rushlight.train.feed import check_count
from rushlight.train.metrics import column_names, columns_of, make_metrics
from rushlight.train.names import pieces, plain
from rushlight.train.parts import (
    check_rate,
    is_number,
    kind_of,
    make_loss,
    make_optimizer,
    optimizers,
    target_kind,
)
from rushlight.train.schedule import Rates, check_warmup
from rushlight.train.weights import WeightedLoss

if TYPE_CHECKING:
    from rushlight.train.trainer import Trainer

__all__ = ["Switch", "parse_switch"]

_PARTS = (
    "optimizer",
    "lr",
    "schedule",
    "warmup",
    "loss",
    "metrics",
    "clip_norm",
    "clip_value",
    "accumulate",
)
_HELD = ("optimizer", "_rates", "loss", "metrics", "clip_norm", "clip_value", "accumulate")
_OF_EPOCHS = ("loss", "metrics", "accumulate")


class Switch(Callback):
    """Exchanges parts of a Trainer while it trains.

    What is not named stays as it is. Give the Trainer as many as you like among its callbacks. Each
    one stands in `history.switches` and, as a thin line, in the curves; a run that is resumed goes
    on with the parts that were in force.

    - A new optimizer begins without memory: the state of the old one is dropped.
    - With a new optimizer, rate or schedule the schedule (the new one, or the old one anew) begins
      again and lasts to the end of the run. It begins from `lr`, or else from the rate that the
      optimizer was made with.
    - With a new loss `train_loss` and `val_loss` are other quantities: a best epoch, early stopping
      and a plateau that go by one of them begin anew, and the weights of the best epoch are those
      of the best one since. What goes by a metric that stays goes on.
    - Columns of new metrics are blank in the epochs before, those of old ones in the epochs after.

    Args:
        at_epoch: the epoch, from 1, before whose first batch the parts are exchanged.
        at_step: instead: how many steps the optimizer has taken by then. Loss, metrics and
            accumulation are those of a whole epoch, and can be switched by `at_epoch` only.
        optimizer, lr, loss: as the Trainer takes them.
        metric, metrics: the metrics from then on, as the Trainer takes them; either name will do.
        schedule: as the Trainer takes its `scheduler`; 'constant' ends one.
        warmup: epochs over which the rate rises from then on (default: no warm-up).
        clip_norm, clip_value: limits of the gradients; math.inf ends the clipping.
        accumulate: batches to a step.

    Attributes:
        what: what is switched, as text.
        text: when and what.
        done: whether it has happened.

    Raises:
        ValueError, TypeError: nothing to switch, or parts that cannot be right. What depends on the
            Trainer is checked before the first batch of `fit`.

    Warns:
        UserWarning: a `fit` that ends before the switch.

    Example:
        >>> Switch(at_epoch=10, optimizer="sgd:momentum=0.9", lr=0.01, loss="huber").what
        'optimizer sgd:momentum=0.9, lr 0.01, loss huber'
    """

    def __init__(
        self,
        *,
        at_epoch: int | None = None,
        at_step: int | None = None,
        optimizer: Any = None,
        lr: float | None = None,
        loss: Any = None,
        metric: Any = None,
        metrics: Any = None,
        schedule: Any = None,
        warmup: float | None = None,
        clip_norm: float | None = None,
        clip_value: float | None = None,
        accumulate: int | None = None,
    ) -> None:
        if (at_epoch is None) == (at_step is None):
            got = f"at_epoch={at_epoch}, at_step={at_step}"
            raise ValueError(explain("Switch", got=got, expected="one of them"))
        self.at_epoch = None if at_epoch is None else check_count("Switch at_epoch", at_epoch)
        self.at_step = None if at_step is None else check_count("Switch at_step", at_step)
        if metric is not None and metrics is not None:
            raise ValueError(explain("Switch", got="metric and metrics", expected="one of them"))
        given = dict(
            zip(
                _PARTS,
                (
                    optimizer,
                    lr,
                    schedule,
                    warmup,
                    loss,
                    metrics if metric is None else metric,
                    clip_norm,
                    clip_value,
                    accumulate,
                ),
                strict=True,
            )
        )
        self._given = {name: part for name, part in given.items() if part is not None}
        self.what = ", ".join(f"{name} {_shown(part)}" for name, part in self._given.items())
        when = f"step={at_step}" if at_epoch is None else f"epoch={at_epoch}"
        self.text = f"at_{when}: {self.what}"
        self._order = 0  # the how manyth of the switches of the run it was; 0: not yet
        self._trainer: Trainer | None = None
        self._loss: Any = None
        self._batches = 0  # of an epoch
        self._check()

    def __repr__(self) -> str:
        parts = "".join(f", {name}={part!r}" for name, part in self._given.items())
        return f"Switch({self.text.partition(':')[0]}{parts})"

    @property
    def done(self) -> bool:
        """Whether it has happened."""
        return self._order > 0

    def _check(self) -> None:
        """Check what needs no Trainer."""
        if not self._given:
            expected = f"one or more of {', '.join(_PARTS)}"
            raise ValueError(explain("Switch", got="nothing to switch", expected=expected))
        early = [name for name in _OF_EPOCHS if name in self._given]
        if self.at_step is not None and early:
            raise ValueError(
                explain(
                    "Switch",
                    got=f"{early[0]} at_step={self.at_step}",
                    expected="at_epoch: what an epoch records is of one loss and the same metrics",
                    fix="switch it at the beginning of an epoch",
                )
            )
        given = self._given
        check_rate(given.get("lr"))
        if isinstance(given.get("optimizer"), str):
            optimizers().read(given["optimizer"])
        if isinstance(given.get("schedule"), str):
            SCHEDULES.read(given["schedule"])
        check_warmup(given.get("warmup", 0.0))
        for name in ("clip_norm", "clip_value"):
            limit = given.get(name, 1.0)
            if not (is_number(limit) and limit > 0):
                raise ValueError(
                    explain(f"Switch {name}", got=repr(limit), expected="a number > 0")
                )
        if "loss" in given:
            self._loss = make_loss(given["loss"])
        if "metrics" in given:
            make_metrics(given["metrics"], self._loss)
        if "accumulate" in given:
            check_count("Switch accumulate", given["accumulate"])

    # ---- when

    def on_fit_begin(
        self, *, trainer: Trainer, first_epoch: int, last_epoch: int, batches: int | None
    ) -> None:
        """Check that the parts fit the Trainer, before anything is trained."""
        if trainer is not self._trainer:
            self._trainer, self._order = trainer, 0
        self._batches = batches or 0
        if self.done:
            return
        if self.at_epoch is not None and self.at_epoch > last_epoch:
            warnings.warn(
                explain(
                    "Switch",
                    got=f"at_epoch={self.at_epoch}",
                    expected=f"one that this fit reaches: it ends with epoch {last_epoch}",
                ),
                UserWarning,
                stacklevel=5,
            )
        self._fit(trainer)

    def on_epoch_begin(self, *, trainer: Trainer, epoch: int) -> None:
        """Exchange the parts if this is the epoch."""
        if self.at_epoch is not None and not self.done and epoch >= self.at_epoch:
            self._switch(trainer, epoch)

    def on_batch_end(self, *, trainer: Trainer, epoch: int, batch: int, loss: float) -> None:
        """Exchange the parts if this was the step."""
        if self.at_step is not None and not self.done and trainer.step >= self.at_step:
            self._switch(trainer, epoch)

    def _switch(self, trainer: Trainer, epoch: int) -> None:
        self._exchange(trainer)
        switches = trainer.history.switches
        fact: dict[str, Any] = {"epoch": epoch, "step": trainer.step, "what": self.what}
        anew = sorted(filter(_of_loss, self._monitors(trainer))) if "loss" in self._given else []
        if anew:
            fact["note"] = f"{' and '.join(anew)}: another quantity, what goes by it begins anew"
        switches.append(fact)
        trainer.history.note_warmup(epoch, float(self._given.get("warmup", 0.0)))
        self._order = len(switches)
        if trainer.monitored in anew:  # callbacks see to themselves
            trainer._best.begin(trainer)
            trainer.history.best_epoch = None
            trainer._rates.forget()
        trainer._emit(Event.SWITCH, epoch=epoch, parts=tuple(self._given))

    @staticmethod
    def _monitors(trainer: Trainer) -> set[str]:
        """Return the columns of the history that something goes by."""
        named = [c.best.asked for c in trainer.callbacks if hasattr(c, "best")]
        return {trainer.monitored, *named} - {"auto"}

    # ---- what

    def _fit(self, trainer: Trainer) -> None:
        """Check what depends on the Trainer."""
        given = self._given
        where = f"Switch {self.text.partition(':')[0]}"
        loss = trainer.loss if self._loss is None else self._loss
        kinds = target_kind(trainer.loss), target_kind(loss)
        if "any" not in kinds and kinds[0] != kinds[1]:
            wanted = {"classes": "class indices", "floats": "numbers"}[kinds[0]]
            raise ValueError(
                explain(
                    where,
                    got=f"{kind_of(loss)} in place of {kind_of(trainer.loss)}",
                    expected=f"a loss whose targets are {wanted}, too",
                    fix="the data has one kind of targets from beginning to end",
                )
            )
        if trainer._weighted is not None:
            WeightedLoss(loss)  # which refuses what has no terms
        if "metrics" in given:
            columns = [
                name for m in make_metrics(given["metrics"], loss) for name in column_names(m)
            ]
            for monitor in self._monitors(trainer):
                if not _of_loss(monitor) and monitor.partition("_")[2] not in columns:
                    raise ValueError(
                        explain(
                            where,
                            got=f"metrics {columns}, while {monitor!r} is monitored",
                            expected="metrics that it is among",
                            fix="keep it, or monitor the loss",
                        )
                    )
        optimizer = given.get("optimizer", trainer.optimizer)
        others = [c for c in trainer.callbacks if isinstance(c, Switch) and "schedule" in c._given]
        if ("lr" in given or "optimizer" in given) and not others:
            self._movable(where, trainer)
        if not isinstance(optimizer, Optimizer):
            optimizer = make_optimizer(optimizer, trainer.model, given.get("lr"))
            schedule = given.get("schedule")
            Rates(optimizer, schedule, trainer._rates.each, given.get("warmup", 0.0))

    def _movable(self, where: str, trainer: Trainer) -> None:
        rates = trainer._rates
        if "schedule" not in self._given and not rates.movable:
            raise ValueError(
                explain(
                    where,
                    got=f"{kind_of(rates.scheduler)}, made for the optimizer before",
                    expected="a schedule for the one from then on",
                    fix="name one in the switch, or give the Trainer a name or a function "
                    "optimizer -> scheduler",
                )
            )

    def _exchange(self, trainer: Trainer) -> None:
        """Put the parts in their places."""
        if trainer._unswitched is None:
            trainer._unswitched = {name: getattr(trainer, name) for name in _HELD}
        given, before = self._given, trainer._rates
        if "optimizer" in given:
            trainer.model.zero_grad()
            trainer.optimizer = make_optimizer(given["optimizer"], trainer.model, given.get("lr"))
        if {"optimizer", "lr", "schedule", "warmup"} & given.keys():
            self._movable("Switch", trainer)
            for group in trainer.optimizer.param_groups:
                group["lr"] = group.pop("initial_lr", group["lr"])
                if "lr" in given:
                    group["lr"] = float(given["lr"])
            schedule = given.get("schedule", before.given)
            warmup = given.get("warmup", 0.0)
            trainer._rates = Rates(trainer.optimizer, schedule, before.each, warmup)
            trainer._rates.follow(before)
        if "accumulate" in given:
            trainer.accumulate = given["accumulate"]
            trainer._rates.rescale(-(-self._batches // trainer.accumulate))
        for name in ("clip_norm", "clip_value"):
            if name in given:
                setattr(trainer, name, None if given[name] == math.inf else given[name])
        if "loss" in given:
            trainer.loss = self._loss
        if "metrics" in given:
            trainer.metrics = make_metrics(given["metrics"], trainer.loss)
            validated = "val_loss" in trainer.columns
            trainer.columns = columns_of(trainer.metrics, validated)

    # ---- a run that is resumed

    def state_dict(self) -> dict[str, Any]:
        """Return whether it has happened, and as which of the switches of the run."""
        return {"order": self._order}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Exchange the parts if that had happened."""
        trainer = self._trainer
        self._order = state["order"]
        if trainer is None or not self.done:
            return
        held = [c for c in trainer.callbacks if isinstance(c, Switch) and c.done]
        for switch in sorted(held, key=lambda switch: switch._order):
            if switch._order >= self._order:  # those after it, which were loaded before, once more
                switch._exchange(trainer)


def parse_switch(text: str) -> Switch:
    """Return the Switch that a text describes.

    Args:
        text: 'EPOCH: part=value part=value', or 'step STEP: ...'. The parts are those of Switch,
            the values as on a command line: names with options, and numbers.

    Raises:
        ValueError: it is no such text, or parts that cannot be right.

    Example:
        >>> parse_switch("10: optimizer=sgd:momentum=0.9 lr=0.01 loss=huber")
        Switch(at_epoch=10, optimizer='sgd:momentum=0.9', lr=0.01, loss='huber')
    """
    head, colon, rest = text.partition(":")
    words = head.lower().split()
    unit = words.pop(0) if len(words) == 2 else "epoch"
    if not (colon and unit in ("epoch", "step") and len(words) == 1 and words[0].isdecimal()):
        raise ValueError(
            explain(
                "switch",
                got=repr(text),
                expected="'EPOCH: part=value part=value' or 'step STEP: part=value'",
                fix="for example '10: optimizer=sgd lr=0.01'",
            )
        )
    parts: dict[str, Any] = {}
    for piece in pieces("switch", rest, " "):
        name, _, value = piece.partition("=")
        if name not in (*_PARTS, "metric") or not value or name in parts:
            got = f"{piece!r}" + (" once more" if name in parts else "")
            expected = f"part=value, where part is one of {', '.join(_PARTS)}"
            raise ValueError(explain("switch", got=got, expected=expected))
        named = name in ("optimizer", "schedule", "loss", "metric", "metrics")
        parts[name] = value if named else plain(value)
        if parts[name] is None:
            expected = "a number (inf ends the clipping)" if "clip" in name else "a number"
            raise ValueError(explain(f"switch {name}", got=value, expected=expected))
    return Switch(**{f"at_{unit}": int(words[0])}, **parts)


def _of_loss(column: str) -> bool:
    return column in ("train_loss", "val_loss")


def _shown(part: Any) -> str:
    """Return a part as short text."""
    if isinstance(part, str):
        return part
    if isinstance(part, list | tuple):
        return ",".join(map(_shown, part))
    if is_number(part):
        return f"{part:g}"
    name = getattr(part, "name", None) or getattr(part, "__name__", None)
    return str(name or type(part).__name__)
