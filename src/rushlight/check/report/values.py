"""What all forms of a report share: names made harmless, numbers, counts, what comes first."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from rushlight.check.findings import FileReport, Finding, LayerReport
from rushlight.check.report.titles import reason_title
from rushlight.check.report.words import word
from rushlight.pages import one_line, visible

__all__ = [
    "STATUSES",
    "counted",
    "defects",
    "defined_at",
    "finite",
    "first_cause",
    "number",
    "place",
    "problem_texts",
    "reason_of",
    "status_words",
]

STATUSES = ("ok", "defect", "error", "skipped")


def number(value: float | None) -> str:
    """Return a number as a person reads it.

    Example:
        >>> number(0.123456789), number(2.0), number(float("nan")), number(None)
        ('0.123457', '2', 'nan', '')
    """
    return "" if value is None else f"{float(value):.6g}"


def place(index: Iterable[int]) -> str:
    """Return an index as Python writes it.

    Example:
        >>> place([1]), place((0, 2))
        ('[1]', '[0, 2]')
    """
    return str([int(i) for i in index])


def finite(value: float | None) -> float | None:
    """Return a plain float, or None for what JSON and a colour scale cannot hold."""
    if value is None or not math.isfinite(value):
        return None
    return float(value)


def defined_at(report: LayerReport, lang: str) -> str:
    """Return where the file defines a layer, such as "cell 3, line 2"; "" if that is not known."""
    from rushlight.check.loading.problem import Place

    return Place(report.cell, report.line).words(lang)


def problem_texts(problems: Iterable[Mapping[str, Any]], lang: str) -> list[str]:
    """Return what is wrong with a file: lines with cell and line, below some the line of code."""
    from rushlight.check.loading.problem import Problem, messages

    return [visible(text) for text in messages([Problem(**one) for one in problems], lang)]


def reason_of(report: LayerReport, lang: str) -> str:
    """Return why a layer was skipped or could not be checked, as a sentence; "" if it was."""
    if not report.reason:
        return ""
    from rushlight.check import texts
    from rushlight.check.loading.problem import stop_message

    if report.reason in texts.REASONS:
        return visible(texts.reason(report, lang))
    return stop_message(report.reason, lang)


def first_cause(report: LayerReport, lang: str) -> str:
    """Return the cell of a table: the first thing wrong, or why nothing is known, or a note."""
    if report.findings and report.status != "skipped":
        from rushlight.check import texts

        first = report.findings[0]
        cause = texts.title(first.cause, lang)
        named = f"{one_line(first.tensor)}: {cause}" if first.tensor else cause
        return named if first.severity == "defect" else f"{word('note', lang)}: {named}"
    return reason_title(report.reason, lang) if report.reason else ""


def status_words(report: LayerReport, lang: str) -> str:
    """Return the status in a language."""
    return word(report.status, lang)


def counted(reports: Iterable[FileReport], lang: str) -> str:
    """Return the line that sums up: how many layers, and how many of each status.

    Example:
        >>> report = FileReport("a.py", (LayerReport("ReLU", "torch_like.ReLU", "ok"),))
        >>> counted([report], "en"), counted([report, report], "ru")
        ('layers: 1; right: 1', 'файлов: 2; слоёв: 2; верно: 2')
    """
    files = list(reports)
    layers = [layer for file in files for layer in file.layers]
    statuses = Counter[str](layer.status for layer in layers)
    parts = [f"{word('files', lang)}: {len(files)}"] if len(files) > 1 else []
    parts.append(f"{word('layers', lang)}: {len(layers)}" if layers else word("no_layers", lang))
    parts += [
        f"{word(f'n_{status}', lang)}: {statuses[status]}"
        for status in STATUSES
        if statuses[status]
    ]
    problems = sum(len(problem_texts(file.problems, lang)) for file in files)
    if problems:
        parts.append(f"{word('n_problems', lang)}: {problems}")
    return "; ".join(parts)


def defects(report: LayerReport) -> list[Finding]:
    """Return the findings that are defects."""
    return [finding for finding in report.findings if finding.severity == "defect"]
