"""Check all layers of files, in processes that may hang, crash or be ended."""

from __future__ import annotations

import concurrent.futures
import os
import threading
from collections.abc import Generator, Mapping, Sequence
from typing import Any

from rushlight.check.families import family_of
from rushlight.check.findings import FileReport, LayerReport
from rushlight.check.layer import NOT_WANTED, family_name, parse_like
from rushlight.check.loading.parent import Limits, run
from rushlight.check.loading.problem import Problem
from rushlight.check.opinion import need_torch
from rushlight.compiled import default_threads

__all__ = ["check_file", "check_files"]

_MOST_AT_A_TIME = 8
# Reasons for which Python's own words say more than the checker's.
_TELLING = ("exception", "unused", "kill", "memory")


def check_file(
    path: str | os.PathLike[str],
    like: str | None = None,
    *,
    layers: Sequence[str] = (),
    timeout: float | None = None,
    memory: float | None = None,
    torch: str = "rushlight",
    second_opinion: bool = False,
) -> FileReport:
    """Check the layers of a Python file or a notebook.

    Only imports, definitions and constants are executed, in a process of their own with limits of
    time and memory, which writes nothing outside of its temporary folder.

    Args:
        path: a .py or .ipynb file.
        like: as in `check_layer`, for all layers of the file.
        layers: names of the classes and functions to check; default: all. One that the file does
            not have is reported as skipped.
        timeout: seconds of processor time that one layer may take; default 3.
        memory: gigabytes that the file may take; default 4.
        torch: "rushlight" (default) stands in for torch where the file imports it; "real" takes
            the installed one.
        second_opinion: as in `check_layer`; goes with the installed torch alone (default False).

    Raises:
        ValueError: `like` or a limit is not known.
        ImportError: if a second opinion is wanted where torch is not installed.
    """
    (report,) = check_files(
        [path],
        like,
        layers=layers,
        timeout=timeout,
        memory=memory,
        torch=torch,
        second_opinion=second_opinion,
    )
    return report


def check_files(
    paths: Sequence[str | os.PathLike[str]],
    like: str | None = None,
    *,
    layers: Sequence[str] = (),
    timeout: float | None = None,
    memory: float | None = None,
    torch: str = "rushlight",
    second_opinion: bool = False,
) -> Generator[FileReport]:
    """Check files, several at a time where there are cores for it.

    Args:
        paths: .py or .ipynb files.
        like, layers, timeout, memory, torch, second_opinion: as in `check_file`.

    Yields:
        The report of each file, in their order, as soon as it and those before it are there.
        Whoever wants no more of them closes the iterator: that ends what is being checked.

    Raises:
        ValueError: `like` or a limit is not known; before anything is checked.
        ImportError: if a second opinion is wanted where torch is not installed.
    """
    parse_like(like)
    if second_opinion:
        need_torch()
        torch = "real"  # one process has one torch
    given: dict[str, Any] = {
        "seconds_per_layer": timeout,
        "seconds": None if timeout is None else max(60.0, 20 * timeout),
        "memory": None if memory is None else int(memory * (1 << 30)),
    }
    limits = Limits(**{key: value for key, value in given.items() if value is not None})
    settings = {"limits": limits, "torch": torch}
    options = {"like": like, "layers": list(layers), "second_opinion": second_opinion}
    return _all_of(list(paths), options, settings)


def _all_of(
    paths: Sequence[str | os.PathLike[str]], options: dict[str, Any], settings: dict[str, Any]
) -> Generator[FileReport]:
    stop = threading.Event()
    workers = max(1, min(len(paths), default_threads(), _MOST_AT_A_TIME))
    pool = concurrent.futures.ThreadPoolExecutor(workers)
    try:
        waiting = [pool.submit(_one, path, options, {**settings, "stop": stop}) for path in paths]
        for future in waiting:
            yield future.result()
    finally:
        stop.set()
        pool.shutdown(cancel_futures=True)


def _one(
    path: str | os.PathLike[str], options: dict[str, Any], settings: dict[str, Any]
) -> FileReport:
    checked = run(path, options, **settings)
    reports = [_report(one, options["like"]) for one in checked.layers]
    wanted = [one for one in reports if one.reason != NOT_WANTED]
    layers, names = options["layers"], [one.name for one in reports]
    lost = [one for one in _undefined(checked.problems, names) if not layers or one.name in layers]
    return FileReport(
        os.fspath(path),
        (*wanted, *lost, *_absent(layers, [*names, *(one.name for one in lost)])),
        tuple(problem.to_dict() for problem in checked.problems),
    )


def _undefined(problems: Sequence[Problem], found: Sequence[str]) -> list[LayerReport]:
    """Return reports of the layers that the file means to define, and could not."""
    lost = {
        problem.name: problem
        for problem in problems
        if problem.kind in ("syntax", "definition", "base", "stopped")
        and not problem.file
        and problem.name not in found
        and family_of(problem.name) is not None
    }
    return [
        LayerReport(
            name,
            family_name(name),
            "error",
            reason="definition",
            cell=problem.cell,
            line=problem.line,
        )
        for name, problem in sorted(lost.items(), key=_in_file)
    ]


def _in_file(lost: tuple[str, Problem]) -> tuple[int, int]:
    return lost[1].cell or 0, lost[1].line or 0


def _report(record: Mapping[str, Any], like: str | None) -> LayerReport:
    """Return the report of a layer; of one whose check was ended, where it stood then."""
    if "findings" in record:
        return LayerReport.from_record(record)
    where, reason = record.get("where") or {}, record["reason"]
    error = record.get("error") if reason in _TELLING else None
    details = {"error": error, "error_ru": record.get("error_ru")}
    if reason != "unused":  # its words say where
        details |= {"line": where.get("line"), "cell": where.get("cell")}
    return LayerReport(
        record["name"],
        family_name(record["name"], like),
        record["status"],
        reason=reason,
        details={key: str(value) for key, value in details.items() if value},
        cell=record.get("cell"),
        line=record.get("line"),
    )


def _absent(wanted: Sequence[str], found: Sequence[str]) -> list[LayerReport]:
    """Return reports of the layers asked for that the file does not have."""
    details = {"name": ", ".join(found)}
    return [
        LayerReport(name, "", "skipped", reason="absent", details=details)
        for name in dict.fromkeys(wanted)
        if name not in found
    ]
