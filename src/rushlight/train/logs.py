"""Logs that grow line by line while training runs: JSON lines and CSV."""

from __future__ import annotations

import csv
import errno
import io
import json
import os
import pathlib
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from rushlight.errors import FileFormatError, explain
from rushlight.io import write_text
from rushlight.train.callbacks import Callback
from rushlight.train.feed import check_count
from rushlight.train.files import check_folder
from rushlight.train.guard import finite_or_none
from rushlight.train.history import History, Record

if TYPE_CHECKING:
    from rushlight.train.trainer import Trainer

__all__ = ["CSVLog", "JSONLog"]

Path = str | os.PathLike[str]
Row = dict[str, Any]


class _Log(Callback):
    """A file to which rows are added.

    The file is opened by the first row, as only then it is known whether training begins anew, goes
    on with another `fit`, or is resumed: then the rows behind the checkpoint are cut off.
    """

    first_only = True

    def __init__(self, path: Path, every: int | None) -> None:
        name = type(self).__name__
        self.path = pathlib.Path(path)
        self.every = None if every is None else check_count(f"{name} every", every)
        self._count = 0
        self._open = False

    # ---- what a format is

    def _parse(self, text: str) -> list[Row]:
        raise NotImplementedError

    def _text(self, rows: list[Row]) -> str:
        """Return the text of a whole file."""
        raise NotImplementedError

    def _line(self, row: Row) -> str | None:
        """Return the text of a row, or None where the file is to be written anew for it."""
        raise NotImplementedError

    def _epoch_row(self, record: Record) -> Row | None:
        """Return the row of an epoch, None where the file has none."""
        raise NotImplementedError(type(self).__name__)

    # ---- events

    def on_fit_begin(
        self, *, trainer: Trainer, first_epoch: int, last_epoch: int, batches: int | None
    ) -> None:
        """Check the folder."""
        check_folder(self.path.parent)
        self._open = False
        if not trainer.step:
            self._count = 0

    def on_epoch_end(self, *, trainer: Trainer, epoch: int, record: Record) -> None:
        """Add the row of an epoch."""
        row = self._epoch_row(record)
        if row is not None:
            self._add(row)

    def on_fit_end(self, *, trainer: Trainer, history: History) -> None:
        """Cut off what lies behind the end, if there was no row to do so."""
        if not self._open:
            self._begin()

    def _step_row(self, trainer: Trainer, epoch: int, loss: float) -> Row | None:
        """Return the row of this step, None where none is due."""
        if self.every is None or trainer.step % self.every:
            return None
        return {"epoch": epoch, "step": trainer.step, "lr": trainer._rates.lr, "loss": loss}

    # ---- the file

    def _begin(self) -> None:
        """Write the file with the rows that are to be kept."""
        kept = self._count
        self._write_all(self._read()[:kept] if kept and self.path.exists() else [])
        self._open = True

    def _add(self, row: Row) -> None:
        if not self._open:
            self._begin()
        line = self._line(row)
        if line is None:
            self._write_all([*self._read(), row])
            return
        try:
            with open(self.path, "a", encoding="utf-8", newline="") as file:
                file.write(line)
        except OSError as error:
            raise self._unwritable(error) from error
        self._count += 1

    def _write_all(self, rows: list[Row]) -> None:
        try:
            write_text(self.path, self._text(rows))
        except OSError as error:
            raise self._unwritable(error) from error
        self._count = len(rows)

    def _unwritable(self, error: OSError) -> OSError:
        got = error.strerror or str(error)
        text = explain(f"writing {str(self.path)!r}", got=got, expected="a file one may write to")
        return OSError(error.errno or errno.EIO, text)

    def _read(self) -> list[Row]:
        try:
            text = self.path.read_text(encoding="utf-8")
            rows = self._parse(text[: text.rfind("\n") + 1])  # not a line that was cut short
            if not all(isinstance(row["epoch"], int | float) for row in rows):
                raise ValueError("a row without an epoch")
        except (ValueError, TypeError, KeyError, AttributeError, csv.Error) as error:
            raise FileFormatError(
                explain(
                    os.fspath(self.path),
                    got=f"no file of {type(self).__name__} ({type(error).__name__}: {error})",
                    expected="the log that training is to go on with",
                    fix="move it away, or choose another path",
                )
            ) from error
        return rows

    # ---- state

    def state_dict(self) -> dict[str, Any]:
        """Return how many rows there are."""
        return {"rows": self._count}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over the number of rows that are to be kept."""
        self._count, self._open = int(state["rows"]), False


class JSONLog(_Log):
    """Adds a line of JSON for each epoch and, on request, for each so many steps.

    A line has "event": "epoch" and the record of the history; "step" with "epoch", "step", "lr"
    and "loss", that of the batch; or "validation", with its values, for a validation in the middle
    of an epoch. NaN and infinity are null. The file of a run that was killed and resumed is that
    of an uninterrupted one, "seconds" apart.

    Args:
        path: the file, such as 'runs/a/log.jsonl'; its folder is made if missing.
        every: steps from one line to the next (default None: lines for epochs only).

    Raises:
        OSError: the file cannot be written.
        FileFormatError: training goes on, and the file is none that a JSONLog wrote.

    Example:
        >>> import pathlib, tempfile, rushlight as rl
        >>> from rushlight.train import Trainer
        >>> path = pathlib.Path(tempfile.mkdtemp(), "log.jsonl")
        >>> log = JSONLog(path, every=2)
        >>> trainer = Trainer(rl.nn.Linear(1, 1), "mse", callbacks=[log], progress="none")
        >>> _ = trainer.fit([[1.0], [2.0]], [[2.0], [4.0]], epochs=2, batch_size=1)
        >>> [json.loads(line)["event"] for line in path.read_text().splitlines()]
        ['step', 'epoch', 'step', 'epoch']
    """

    def __init__(self, path: Path, every: int | None = None) -> None:
        super().__init__(path, every)

    def on_batch_end(self, *, trainer: Trainer, epoch: int, batch: int, loss: float) -> None:
        """Add the line of a step, if one is due."""
        row = self._step_row(trainer, epoch, loss)
        if row is not None:
            self._add({"event": "step", **row})

    def on_validation_end(
        self, *, trainer: Trainer, epoch: int, batch: int, values: Record
    ) -> None:
        """Add the line of a validation, where the epoch is not its measure."""
        if trainer.validate_every is not None:
            row = {"event": "validation", "epoch": epoch, "step": trainer.step}
            self._add(row | dict(values))

    def _epoch_row(self, record: Record) -> Row:
        return {"event": "epoch", **record}

    def _text(self, rows: list[Row]) -> str:
        return "".join(map(self._line, rows))

    def _line(self, row: Row) -> str:
        return (
            json.dumps({n: finite_or_none(_number(v)) for n, v in row.items()}, allow_nan=False)
            + "\n"
        )

    def _parse(self, text: str) -> list[Row]:
        return [json.loads(line) for line in text.splitlines()]


class CSVLog(_Log):
    """Adds a row for each epoch or, on request, for each so many steps to a CSV file.

    The rows of epochs have the columns of the history; those of steps 'epoch', 'step', 'lr' and
    'loss', that of the batch. A column that is new in the middle of a run is added, empty above.

    Args:
        path: the file; its folder is made if missing.
        every: steps from one row to the next (default None: a row for each epoch).

    Raises:
        OSError: the file cannot be written.
        FileFormatError: training goes on, and the file is none that a CSVLog wrote.

    Example:
        >>> import pathlib, tempfile, rushlight as rl
        >>> from rushlight.train import Trainer
        >>> path = pathlib.Path(tempfile.mkdtemp(), "steps.csv")
        >>> log = CSVLog(path, every=1)
        >>> trainer = Trainer(rl.nn.Linear(1, 1), "mse", callbacks=[log], progress="none")
        >>> _ = trainer.fit([[1.0], [2.0]], [[2.0], [4.0]], epochs=1, batch_size=1)
        >>> path.read_text().splitlines()[0], len(path.read_text().splitlines())
        ('epoch,step,lr,loss', 3)
    """

    def __init__(self, path: Path, every: int | None = None) -> None:
        super().__init__(path, every)
        self._columns: list[str] = []

    def on_batch_end(self, *, trainer: Trainer, epoch: int, batch: int, loss: float) -> None:
        """Add the row of a step, if one is due."""
        row = self._step_row(trainer, epoch, loss)
        if row is not None:
            self._add(row)

    def _epoch_row(self, record: Record) -> Row | None:
        return dict(record) if self.every is None else None

    def _text(self, rows: list[Row]) -> str:
        self._columns = list(dict.fromkeys(name for row in rows for name in row))
        return "".join([_csv(self._columns), *map(self._cells, rows)]) if rows else ""

    def _line(self, row: Row) -> str | None:
        return self._cells(row) if set(row) <= set(self._columns) else None

    def _cells(self, row: Row) -> str:
        return _csv([_number(row[name]) if name in row else "" for name in self._columns])

    def _parse(self, text: str) -> list[Row]:
        rows = csv.DictReader(io.StringIO(text), strict=True)
        return [{n: _parsed(value) for n, value in row.items() if value != ""} for row in rows]


def _csv(cells: Iterable[Any]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(cells)
    return text.getvalue()


def _number(value: Any) -> Any:
    """Return a number of NumPy as one of Python."""
    return value.item() if hasattr(value, "item") else value


def _parsed(text: str) -> int | float:
    try:
        return int(text)
    except ValueError:
        return float(text)
