"""Events: the moments of the loop, what listens to them, and who is called when."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from typing import TYPE_CHECKING, Any, ClassVar

from rushlight.errors import explain
from rushlight.train.history import History, Record
from rushlight.train.parts import kind_of

if TYPE_CHECKING:
    from rushlight.train.trainer import Trainer

__all__ = ["Callback", "Event", "dispatch", "listed"]


class Event(Enum):
    """The moments at which callbacks are called; the value is the method's name.

    A plain function becomes a callback as a pair: `(Event.EPOCH_END, function)`; it is called with
    the keyword arguments of that method.

    Example:
        >>> def report(*, trainer, epoch, record):
        ...     print(epoch, record["train_loss"])
        >>> callbacks = [(Event.EPOCH_END, report)]
    """

    FIT_BEGIN = "on_fit_begin"
    EPOCH_BEGIN = "on_epoch_begin"
    GRADIENTS = "on_gradients"
    BATCH_END = "on_batch_end"
    VALIDATION_END = "on_validation_end"
    EPOCH_END = "on_epoch_end"
    SWITCH = "on_switch"
    FIT_END = "on_fit_end"


class Callback:
    """Base of all callbacks: override the moments you want. Epochs and batches count from 1.

    One that remembers something overrides `state_dict` and `load_state_dict` as well: then a run
    that was killed goes on as if nothing had happened.

    Attributes:
        first_only: whether only the first of several processes calls it: what prints or writes
            files, and changes nothing of the training (default False).

    Example:
        >>> class Halve(Callback):
        ...     def on_epoch_end(self, *, trainer, epoch, record):
        ...         for group in trainer.optimizer.param_groups:
        ...             group["lr"] /= 2
    """

    first_only: ClassVar[bool] = False

    def on_fit_begin(
        self, *, trainer: Trainer, first_epoch: int, last_epoch: int, batches: int | None
    ) -> None:
        """Before the first batch; `batches` of an epoch, None where that is unknown."""

    def on_epoch_begin(self, *, trainer: Trainer, epoch: int) -> None:
        """Before the first batch of an epoch."""

    def on_gradients(self, *, trainer: Trainer, epoch: int, batch: int) -> None:
        """When the gradients of a step are complete, before they are clipped and the step."""

    def on_batch_end(self, *, trainer: Trainer, epoch: int, batch: int, loss: float) -> None:
        """After a training step; `batch` is the last one of it, `loss` that of all of them."""

    def on_validation_end(
        self, *, trainer: Trainer, epoch: int, batch: int, values: Record
    ) -> None:
        """After each pass over the validation data; `values` holds `val_loss` and `val_NAME`."""

    def on_epoch_end(self, *, trainer: Trainer, epoch: int, record: Record) -> None:
        """After the validation of an epoch; `record` is the last of `trainer.history`."""

    def on_switch(self, *, trainer: Trainer, epoch: int, parts: tuple[str, ...]) -> None:
        """When a Switch has exchanged parts, such as 'optimizer', 'lr' or 'loss'."""

    def on_fit_end(self, *, trainer: Trainer, history: History) -> None:
        """When training has ended, whether by itself, by Ctrl-C or by an error."""

    def close(self) -> None:
        """Let go of hooks, files and the like: the last call of every `fit`, also of one that a
        second Ctrl-C has ended, or that failed before its first batch.
        """

    def state_dict(self) -> dict[str, Any]:
        """Return what a resumed run needs: nested dicts and lists of plain values and arrays."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take it over: after `on_fit_begin`, before the optimizer and the rates get theirs.

        Where training goes on within an epoch there is no second `on_epoch_begin` of it.
        """


def listed(given: Any) -> list[Any]:
    """Return the callbacks that were given as a list, checked to be some."""
    made = list(given) if isinstance(given, Iterable) else [given]
    for callback in made:
        pair = isinstance(callback, tuple) and len(callback) == 2
        if not (
            isinstance(callback, Callback)
            or (pair and isinstance(callback[0], Event) and callable(callback[1]))
        ):
            raise TypeError(
                explain(
                    "callbacks",
                    got=kind_of(callback),
                    expected="Callback objects or pairs (Event, function)",
                )
            )
    return made


def dispatch(callbacks: Iterable[Any]) -> dict[Event, list[Any]]:
    """Return who is called at each event: only the methods that a callback overrides."""
    handlers: dict[Event, list[Any]] = {event: [] for event in Event}
    for callback in callbacks:
        if isinstance(callback, tuple):
            handlers[callback[0]].append(callback[1])
            continue
        for event in Event:
            method = getattr(callback, event.value)
            if getattr(method, "__func__", None) is not getattr(Callback, event.value):
                handlers[event].append(method)
    return handlers
