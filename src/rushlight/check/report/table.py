"""The table of a class, for a sheet: a line for each file, a column for each layer."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from rushlight.check.findings import FileReport, LayerReport
from rushlight.check.report.values import STATUSES, defects, problem_texts
from rushlight.check.report.words import checked_language, word
from rushlight.pages import one_line

__all__ = ["as_csv"]

_FORMULA = ("=", "+", "-", "@", "|", "%", "＝", "＋", "－", "＠")  # what a sheet might run


def as_csv(reports: Sequence[FileReport], lang: str | None = None, *, delimiter: str = ",") -> str:
    """Return a table of files: the counts of each status, then what became of each layer.

    The columns of layers stand in the order in which the files bring them up. A cell is "ok", or
    "defect: " and the identifiers of the causes, or "error: " or "skipped: " and that of the
    reason, or empty where a file has no such layer: identifiers do not depend on the language, so
    that a sheet can count them. Cells that a sheet would take for a formula begin with an
    apostrophe.

    Args:
        reports: one for each file.
        lang: "en" or "ru", of the first line (default: that of the locale).
        delimiter: between cells (default ",").

    Example:
        >>> relu = LayerReport("ReLU", "torch_like.ReLU", "ok")
        >>> print(as_csv([FileReport("a.py", (relu,))], "en"), end="")
        file,right,with defects,not checked,skipped,problems of the file,ReLU
        a.py,1,0,0,0,0,ok
    """
    lang = checked_language(lang)
    names = list(dict.fromkeys(layer.name for report in reports for layer in report.layers))
    heads = [word("file", lang), *(word(f"n_{status}", lang) for status in STATUSES)]
    heads.append(word("n_problems", lang))
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter, lineterminator="\n")
    writer.writerow([_harmless(cell) for cell in (*heads, *names)])
    for report in reports:
        counts = [sum(layer.status == status for layer in report.layers) for status in STATUSES]
        cells = [_cell([la for la in report.layers if la.name == name]) for name in names]
        writer.writerow(
            [
                _harmless(report.file),
                *counts,
                len(problem_texts(report.problems, lang)),
                *(_harmless(cell) for cell in cells),
            ]
        )
    return out.getvalue()


def _cell(layers: Sequence[LayerReport]) -> str:
    """Return what became of a layer; of layers of one name that of each."""
    return " | ".join(_outcome(layer) for layer in layers)


def _outcome(layer: LayerReport) -> str:
    if layer.status == "defect":
        causes = dict.fromkeys(finding.cause for finding in defects(layer))
        return f"defect: {'; '.join(causes)}"
    return f"{layer.status}: {layer.reason}" if layer.reason else layer.status


def _harmless(cell: str) -> str:
    text = one_line(cell)
    return f"'{text}" if text.startswith(_FORMULA) else text
