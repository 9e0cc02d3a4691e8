"""A report as JSON: the schema that scripts and course servers read."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from rushlight.check.findings import FileReport, Finding, LayerReport, Region
from rushlight.check.report.values import finite, problem_texts, reason_of
from rushlight.check.report.words import checked_language

__all__ = ["as_json", "as_record"]


def as_json(
    reports: FileReport | Sequence[FileReport], lang: str | None = None, indent: int | None = 2
) -> str:
    """Return strict JSON (no NaN, ASCII only): an object for one report, a list for several.

    Args:
        reports: one report, or a list of them.
        lang: "en" or "ru", of messages and hints (default: that of the locale).
        indent: spaces of a level (default 2); None gives a single line.
    """
    if isinstance(reports, FileReport):
        record: Any = as_record(reports, lang)
    else:
        record = [as_record(report, lang) for report in reports]
    return json.dumps(record, indent=indent, allow_nan=False)


def as_record(report: FileReport, lang: str | None = None) -> dict[str, Any]:
    """Return the report of a file as a dictionary.

    Its keys: file, layers (name, like, status, findings, reason, message, checks, cell, line),
    problems (kind, cell, line, text, error, name, file, message) and exit_code. Those of a finding:
    severity, check, tensor, index, expected, got, max_error, cause, message, hint, case, region,
    details. A number that is not finite is None.

    Args:
        report: of one file.
        lang: "en" or "ru", of messages and hints (default: that of the locale).

    Example:
        >>> as_record(FileReport("a.py"), "en")
        {'file': 'a.py', 'layers': [], 'problems': [], 'exit_code': 2}
    """
    lang = checked_language(lang)
    return {
        "file": report.file,
        "layers": [_layer(layer, lang) for layer in report.layers],
        "problems": [_problem(problem, lang) for problem in report.problems],
        "exit_code": report.exit_code,
    }


def _layer(report: LayerReport, lang: str) -> dict[str, Any]:
    return {
        "name": report.name,
        "like": report.like,
        "status": report.status,
        "findings": [_finding(finding, lang) for finding in report.findings],
        "reason": report.reason,
        "message": reason_of(report, lang),
        "checks": int(report.checks),
        "cell": report.cell,
        "line": report.line,
    }


def _finding(finding: Finding, lang: str) -> dict[str, Any]:
    from rushlight.check import texts

    return {
        "severity": finding.severity,
        "check": finding.check,
        "tensor": finding.tensor,
        "index": None if finding.index is None else [int(i) for i in finding.index],
        "expected": finite(finding.expected),
        "got": finite(finding.got),
        "max_error": finite(finding.max_error),
        "cause": finding.cause,
        "message": texts.message(finding, lang),
        "hint": texts.hint(finding, lang),
        "case": finding.case,
        "region": None if finding.region is None else _region(finding.region),
        "details": {str(key): str(value) for key, value in finding.details.items()},
    }


def _region(region: Region) -> dict[str, Any]:
    return {
        "kind": region.kind,
        "numbers": [int(i) for i in region.numbers],
        "wrong": int(region.wrong),
        "total": int(region.total),
    }


def _problem(problem: Mapping[str, Any], lang: str) -> dict[str, Any]:
    given = {str(key): _simple(value) for key, value in problem.items() if key != "error_ru"}
    return {**given, "message": problem_texts([problem], lang)[0]}


def _simple(value: Any) -> Any:
    """Return what JSON has a form for; of anything else its text."""
    if value is None or isinstance(value, str | bool | int):
        return value
    return finite(value) if isinstance(value, float) else str(value)
