"""History: what each epoch brought, as records that can be written and read."""

from __future__ import annotations

import csv
import io
import json
import math
import os
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeAlias, overload

from rushlight.errors import FileFormatError, explain
from rushlight.io import write_text
from rushlight.train.guard import finite_or_none

__all__ = ["History", "Record"]

Record: TypeAlias = dict[str, float]
Path: TypeAlias = str | os.PathLike[str]

_FACTS = ("monitor", "best_epoch", "interrupted", "stopped")
_LISTS = ("switches", "warmups")


class History(Sequence[Record]):
    """The records of the epochs, in order, each a dict of name -> number.

    A record holds `epoch` (from 1), `lr` (of the last step of the epoch), `train_loss` and
    `train_NAME` for each metric (means over the epoch while the weights were changing),
    `val_loss` and `val_NAME` where there is validation data, and `seconds`.

    Attributes:
        steps: one record for each pass over the validation data, where `validate_every` is set:
            `step`, `epoch`, `val_loss` and `val_NAME`. They stand beside the epochs: what stops
            training, keeps weights or steps a schedule looks at the epochs alone.
        best_epoch: the epoch of the last `fit` with the best monitored value, or None.
        monitor: the name of the monitored value, or None.
        interrupted: whether Ctrl-C ended training.
        stopped: why training ended before its last epoch, or None.
        switches: what a Switch exchanged, in order, each a dict of `epoch` (the first one with the
            new parts), `step` (how many steps had been taken) and `what`, as text; with a `note`
            where the best epoch began anew.
        warmups: the warm-ups of the rate, each a dict of `epoch` (the first one) and `epochs` (how
            long).

    Example:
        >>> history = History()
        >>> history.append({"epoch": 1, "lr": 0.1, "train_loss": 2.0, "seconds": 0.5})
        >>> history.append({"epoch": 2, "lr": 0.1, "train_loss": 1.0, "seconds": 0.5})
        >>> history[-1]["train_loss"], history.as_dict()["train_loss"]
        (1.0, [2.0, 1.0])
    """

    def __init__(self, records: Sequence[Record] = ()) -> None:
        self._records = list(records)
        self.steps: list[Record] = []
        self.best_epoch: int | None = None
        self.monitor: str | None = None
        self.interrupted = False
        self.stopped: str | None = None
        self.switches: list[dict[str, Any]] = []
        self.warmups: list[dict[str, float]] = []

    @overload
    def __getitem__(self, index: int) -> Record: ...
    @overload
    def __getitem__(self, index: slice) -> list[Record]: ...
    def __getitem__(self, index: int | slice) -> Record | list[Record]:
        return self._records[index]

    def __len__(self) -> int:
        return len(self._records)

    def __iter__(self) -> Iterator[Record]:
        return iter(self._records)

    def __repr__(self) -> str:
        if not self:
            return "History(no epochs)"
        last = ", ".join(f"{name}={value:.4g}" for name, value in self[-1].items())
        return f"History({len(self)} epochs; last: {last})"

    def append(self, record: Record) -> None:
        """Add the record of an epoch."""
        self._records.append(record)

    def note_warmup(self, epoch: int, epochs: float) -> None:
        """Add a warm-up, if there is one, of so many epochs from this one on."""
        if epochs:
            self.warmups.append({"epoch": epoch, "epochs": epochs})

    def names(self) -> list[str]:
        """Return the names of all columns, in order of appearance."""
        found = dict.fromkeys(name for record in self for name in record)
        if "seconds" in found:  # behind the columns that came later
            found["seconds"] = found.pop("seconds")
        return list(found)

    def as_dict(self) -> dict[str, list[float]]:
        """Return columns: name -> one value for each epoch (NaN where a record has none)."""
        return {name: [record.get(name, math.nan) for record in self] for name in self.names()}

    def save(self, path: Path) -> None:
        """Write everything as JSON, or the table alone as CSV where `path` ends in .csv.

        Args:
            path: the file, replaced atomically. NaN and infinity are null in JSON.
        """
        write_text(path, self._csv() if os.fspath(path).endswith(".csv") else self._json())

    def _json(self) -> str:
        state = {name: getattr(self, name) for name in (*_FACTS, *_LISTS)}
        head = ",\n".join(f'  "{name}": {json.dumps(value)}' for name, value in state.items())
        steps = f',\n  "steps": [\n{_rows(self.steps)}\n  ]' if self.steps else ""
        return f'{{\n{head},\n  "epochs": [\n{_rows(self)}\n  ]{steps}\n}}\n'

    def _csv(self) -> str:
        text = io.StringIO()
        writer = csv.DictWriter(text, self.names(), lineterminator="\n")
        writer.writeheader()
        writer.writerows(self)
        return text.getvalue()

    def state_dict(self) -> dict[str, Any]:
        """Return everything as plain values."""
        facts = {name: getattr(self, name) for name in _FACTS}
        facts |= {name: [dict(each) for each in getattr(self, name)] for name in _LISTS}
        return {"epochs": list(self._records), "steps": list(self.steps), **facts}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Become what another history was when `state_dict` was called."""
        self._records, self.steps = list(state["epochs"]), list(state["steps"])
        for name in (*_FACTS, *_LISTS):
            setattr(self, name, state[name])

    @classmethod
    def load(cls, path: Path) -> History:
        """Read a JSON file that `save` wrote.

        Args:
            path: the file.

        Raises:
            FileFormatError: it is no such file.
        """
        try:
            with open(path, encoding="utf-8") as file:
                content: Any = json.load(file)
            history = cls(_records(content["epochs"]))
            history.steps = _records(content.get("steps", []))
            for name in _FACTS:
                setattr(history, name, content[name])
            for name in _LISTS:
                setattr(history, name, [dict(each) for each in content.get(name, [])])
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise FileFormatError(
                explain(
                    os.fspath(path),
                    got=f"no history ({type(error).__name__}: {error})",
                    expected="a history.json as the Trainer writes it",
                )
            ) from error
        return history


def _rows(records: Iterable[Record]) -> str:
    return ",\n".join("    " + json.dumps(finite_or_none(record)) for record in records)


def _records(rows: Any) -> list[Record]:
    return [
        {name: math.nan if v is None else v + 0 for name, v in record.items()} for record in rows
    ]
