"""What a run left in its folder, read leniently: a file that is missing or broken is told."""

from __future__ import annotations

import errno
import json
import os
import pathlib
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from rushlight.errors import explain
from rushlight.pages import one_line
from rushlight.train.history import Record
from rushlight.train.report.pictures import Picture, read_pictures

__all__ = ["Run", "Switched", "flat", "load_run"]

LARGEST = 64 * 1024**2  # bytes of a file of text that are read


@dataclass(frozen=True)
class Switched:
    """A change during training.

    Attributes:
        epoch: the epoch before which it was made.
        what: what was changed, in a few words.
    """

    epoch: int
    what: str


@dataclass
class Run:
    """What a run left in its folder.

    Attributes:
        folder: the folder.
        config: what config.toml holds.
        result: what result.json holds.
        records: the epochs of history.json.
        state: what history.json holds beside the epochs.
        switches: what was changed during training.
        summary: what summary.json holds.
        graph: the text of graph.svg, or "".
        pictures: the pictures with title and caption.
        missing: names of the files that are not there.
        broken: for each file that cannot be used, why.
    """

    folder: pathlib.Path
    config: dict[str, Any] = field(default_factory=dict)
    result: dict[str, Any] = field(default_factory=dict)
    records: list[Record] = field(default_factory=list)
    state: dict[str, Any] = field(default_factory=dict)
    switches: list[Switched] = field(default_factory=list)
    summary: dict[str, Any] = field(default_factory=dict)
    graph: str = ""
    pictures: list[Picture] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The name of the folder."""
        return one_line(self.folder.resolve().name or self.folder)

    @property
    def recipe(self) -> str:
        """The name of the recipe, or ""."""
        return _text(self.config.get("recipe")) or _text(self.result.get("recipe"))

    @property
    def title(self) -> str:
        """What the page is called: the run's own title, its recipe, or the folder."""
        return _text(self.result.get("title")) or self.recipe or self.name

    @property
    def options(self) -> dict[str, Any]:
        """The options of the recipe, by flat names."""
        return flat(self.config.get("options", {}))

    @property
    def environment(self) -> dict[str, Any]:
        """Versions, platform, kernels, threads, by flat names."""
        return flat(self.config.get("environment", {}))

    @property
    def test(self) -> dict[str, float]:
        """The test figures, by flat names."""
        found = flat(self.result.get("test", {}))
        return {name: value for name, value in found.items() if is_number(value)}

    @property
    def best_epoch(self) -> int | None:
        """The best epoch."""
        for value in (self.state.get("best_epoch"), self.result.get("best_epoch")):
            if isinstance(value, int) and not isinstance(value, bool):
                return value
        return None

    @property
    def best(self) -> Record:
        """The record of the best epoch, else of the last; empty where there is none."""
        found = [record for record in self.records if record["epoch"] == self.best_epoch]
        return found[-1] if found else self.records[-1] if self.records else {}

    @property
    def empty(self) -> bool:
        """Whether nothing of a run was found."""
        return not (self.config or self.result or self.records or self.summary)


def load_run(folder: str | os.PathLike[str]) -> Run:
    """Read what a run left in its folder.

    Args:
        folder: the out folder; any of its files may be missing or broken.

    Raises:
        FileNotFoundError: there is no such folder.
        NotADirectoryError: it is a file.
    """
    path = pathlib.Path(folder)
    if not path.is_dir():
        there = path.exists()
        kind, code = (
            (NotADirectoryError, errno.ENOTDIR) if there else (FileNotFoundError, errno.ENOENT)
        )
        got = "a file" if there else "a path where nothing is"
        expected = "the out folder of a run"
        raise kind(code, explain(f"the run {one_line(path)!r}", got=got, expected=expected))
    run = Run(path)
    run.config = _read(run, "config.toml", tomllib.loads)
    run.result = _read(run, "result.json", json.loads)
    run.summary = _read(run, "summary.json", json.loads)
    _take_history(run, _read(run, "history.json", json.loads))
    run.graph = _read_text(run, "graph.svg") or ""
    run.pictures = read_pictures(path, run.broken)
    return run


def flat(values: Any, before: str = "") -> dict[str, Any]:
    """Return nested tables as one, with dots in the names.

    Example:
        >>> flat({"rmse": {"fat": 0.6, "water": 0.8}, "loss": [1, 2]})
        {'rmse.fat': 0.6, 'rmse.water': 0.8, 'loss': [1, 2]}
    """
    found: dict[str, Any] = {}
    waiting = [(before, values)]
    while waiting:
        name, value = waiting.pop()
        if isinstance(value, Mapping):
            inner = [(f"{name}.{key}" if name else str(key), below) for key, below in value.items()]
            waiting.extend(reversed(inner))
        elif name:
            found[name] = value
    return found


def is_number(value: object) -> bool:
    """Tell whether a value is an int or a float, and no bool."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def _text(value: object) -> str:
    return one_line(value) if isinstance(value, str) else ""


def _read_text(run: Run, name: str) -> str | None:
    """Return the text of a file, or None and a note in the run."""
    path = run.folder / name
    try:
        size = path.stat().st_size
        if size > LARGEST:
            run.broken.append(f"{name}: {size:,} bytes, more than a report reads")
            return None
        return path.read_text("utf-8")
    except FileNotFoundError:
        run.missing.append(name)
    except (OSError, UnicodeDecodeError) as error:
        run.broken.append(f"{name}: {one_line(getattr(error, 'strerror', None) or error)}")
    return None


def _read(run: Run, name: str, parse: Callable[[str], Any]) -> dict[str, Any]:
    """Return the table that a file holds, or an empty one and a note in the run."""
    text = _read_text(run, name)
    if text is None:
        return {}
    try:
        found = parse(text)
    except (ValueError, RecursionError) as error:
        run.broken.append(f"{name} cannot be read: {one_line(error)}")
        return {}
    if not isinstance(found, dict):
        run.broken.append(f"{name} holds a {type(found).__name__}, no table of names and values")
        return {}
    return found


def _take_history(run: Run, content: dict[str, Any]) -> None:
    """Take what can be used of a history."""
    run.state = {name: value for name, value in content.items() if name != "epochs"}
    epochs = content.get("epochs", [])
    rows = epochs if isinstance(epochs, list) else []
    wrong = not isinstance(epochs, list)
    for row in rows:
        if not isinstance(row, dict):
            wrong = True
            continue
        record = {
            str(name): float("nan") if value is None else value
            for name, value in row.items()
            if value is None or is_number(value)
        }
        epoch = record.get("epoch")
        if not is_number(epoch) or epoch != epoch:
            record["epoch"] = run.records[-1]["epoch"] + 1 if run.records else 1
        run.records.append(record)
    if wrong:
        run.broken.append("history.json: some of its epochs are no records, and were left out")
    run.records.sort(key=lambda record: record["epoch"])
    switches = content.get("switches")
    for switch in switches if isinstance(switches, list) else []:
        if isinstance(switch, dict) and is_number(switch.get("epoch")):
            run.switches.append(Switched(int(switch["epoch"]), _what(switch.get("what"))))


def _what(what: object) -> str:
    if isinstance(what, Mapping):
        return one_line(", ".join(f"{name} {value}" for name, value in what.items()))
    return one_line("" if what is None else what)
