"""Check all layers of a file, in a process that may hang, crash or be ended."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from rushlight.check.findings import FileReport, LayerReport
from rushlight.check.layer import NOT_WANTED, parse_like
from rushlight.check.loading.parent import Limits, run
from rushlight.check.opinion import need_torch

__all__ = ["check_file"]


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
    options = {"like": like, "layers": list(layers), "second_opinion": second_opinion}
    checked = run(path, options, limits=limits, torch=torch)
    reports = [_report(one) for one in checked.layers]
    wanted = [one for one in reports if one.reason != NOT_WANTED]
    return FileReport(
        os.fspath(path),
        (*wanted, *_absent(layers, [one.name for one in reports])),
        tuple(problem.to_dict() for problem in checked.problems),
    )


def _report(record: Mapping[str, Any]) -> LayerReport:
    """Return the report of a layer; of one whose check was ended, where it stood then."""
    if "findings" in record:
        return LayerReport.from_record(record)
    where = record.get("where") or {}
    details = {"error": record.get("error"), "line": where.get("line"), "cell": where.get("cell")}
    return LayerReport(
        record["name"],
        "",
        record["status"],
        reason=record["reason"],
        details={key: str(value) for key, value in details.items() if value is not None},
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
