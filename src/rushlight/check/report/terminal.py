"""A report as plain text: a table of the layers, then what was found, a few lines each."""

from __future__ import annotations

import dataclasses
import itertools
import os
import re
import shutil
import textwrap
from collections.abc import Callable, Sequence
from typing import Any, TextIO

from rushlight.check.findings import FileReport, Finding, LayerReport
from rushlight.check.report.values import (
    counted,
    defined_at,
    first_cause,
    problem_texts,
    reason_of,
    status_words,
)
from rushlight.check.report.words import checked_language, word
from rushlight.pages import one_line, visible

__all__ = ["as_text", "finding_lines", "layer_text", "overview", "style_of", "width_of"]

LINES = 10  # of a finding
FINDINGS = 3  # of a layer, without verbose: what follows is mostly the same mistake again
PROBLEMS = 10  # of a file, likewise
_NARROW, _WIDE = 40, 100
_NAME = 32  # the longest name of a layer or file in a table

Style = Callable[[str, str], str]

_COLOURS = {"ok": "32", "defect": "31", "error": "35", "skipped": "2", "bold": "1", "note": "36"}
_WHOLE = re.compile(r"`[^`\n]+`|\([^()\n]+\)|\[[^][\n]+\]")  # code, shapes, indices


def as_text(
    report: FileReport,
    lang: str | None = None,
    *,
    width: int = 88,
    colour: bool = False,
    verbose: bool = False,
) -> str:
    """Return the report of a file as text: table, findings, parts not loaded, a line of counts.

    Args:
        report: of one file.
        lang: "en" or "ru" (default: that of the locale).
        width: columns (default 88); not under 40 and not over 100 are used.
        colour: with the escape sequences of a terminal (default False).
        verbose: show all findings of a layer, and how each was found (default False).
    """
    lang, width = checked_language(lang), min(max(width, _NARROW), _WIDE)
    style = _coloured if colour else _plain
    parts = [[style("bold", one_line(report.file))]]
    if report.layers:
        parts[0] += _table(report.layers, lang, width, style)
    for layer in report.layers:
        lines = _layer(layer, lang, width, style, verbose)
        if lines:
            parts.append(lines)
    if report.problems:
        parts.append(_problems(report.problems, lang, width, style, verbose))
    counts = counted([report], lang).replace(" ", "\xa0").replace(";\xa0", "; ")
    parts.append(_wrapped(counts, width, "", ""))
    return "\n\n".join("\n".join(lines) for lines in parts)


def layer_text(report: LayerReport, lang: str | None = None, *, width: int = 88) -> str:
    """Return the report of one layer as text, with all findings."""
    lang = checked_language(lang)
    head = f"{one_line(report.name)}: {status_words(report, lang)}"
    if report.like:
        head += f" ({word('like', lang)} {one_line(report.like)})"
    return "\n".join([head, *_layer(report, lang, width, _plain, True)[1:]])


def overview(reports: Sequence[FileReport], lang: str | None = None, *, width: int = 88) -> str:
    """Return the table that ends a check of several files: a line for each, and the counts."""
    lang = checked_language(lang)
    head = [word("file", lang), *(word(f"n_{s}", lang) for s in ("ok", "defect", "error"))]
    rows = [
        [one_line(report.file), *(_count(report, s) for s in ("ok", "defect", "error"))]
        for report in reports
    ]
    return "\n".join([*_grid([head, *rows], width, _plain, longest=60), "", counted(reports, lang)])


def _count(report: FileReport, status: str) -> str:
    return str(sum(layer.status == status for layer in report.layers))


def finding_lines(
    finding: Finding, lang: str, width: int = 88, *, first: str = "", rest: str = ""
) -> list[str]:
    """Return message and hint of a finding as ten lines at most.

    Where they would be more, the message becomes one paragraph, then without the case that showed
    the mistake; only a very narrow terminal cuts the end off.

    Args:
        finding: what was found.
        lang: "en" or "ru".
        width: columns (default 88).
        first, rest: what the first and the other lines begin with (default "").
    """
    from rushlight.check import texts

    hint = visible(texts.hint(finding, lang))
    hints = _wrapped(f"{word('hint', lang)}: {hint}", width, rest, rest) if hint else []
    told = visible(texts.message(finding, lang))
    brief = visible(texts.message(dataclasses.replace(finding, case=""), lang))
    for message in (told, " ".join(told.split()), " ".join(brief.split())):
        lines = [*_wrapped(message, width, first, rest), *hints]
        if len(lines) <= LINES:
            return lines
    return [*lines[: LINES - 1], f"{rest}..."]


def _layer(report: LayerReport, lang: str, width: int, style: Style, verbose: bool) -> list[str]:
    """Return what is to be said of a layer, under its name; nothing of one that is right."""
    lines = []
    reason = reason_of(report, lang)
    if reason:
        lines += _wrapped(reason, width, "  ", "  ")
    shown = report.findings if verbose else report.findings[:FINDINGS]
    for finding in shown:
        note = finding.severity == "note"
        mark = f"  {word('note', lang)}: " if note else "  - "
        found = finding_lines(finding, lang, width, first=mark, rest="    ")
        found[0] = found[0].replace(mark, style("note" if note else "defect", mark), 1)
        lines += found
        if verbose:
            named = f"    [{one_line(finding.check)}, {one_line(finding.cause)}]"
            lines.append(style("skipped", named))
    lines += _more(len(report.findings) - len(shown), lang, style)
    if not lines:
        return []
    where = defined_at(report, lang)
    return [style("bold", one_line(report.name)) + (f" ({where})" if where else ""), *lines]


def _problems(
    problems: Sequence[Any], lang: str, width: int, style: Style, verbose: bool
) -> list[str]:
    lines = [style("bold", word("problems", lang))]
    texts = problem_texts(problems, lang)
    shown = texts if verbose else texts[:PROBLEMS]
    for text in shown:
        lines += _wrapped(text, width, "  - ", "    ")
    return lines + _more(len(texts) - len(shown), lang, style)


def _more(left: int, lang: str, style: Style) -> list[str]:
    return [style("skipped", f"  {word('and', lang)} {left} {word('more', lang)}")] if left else []


def _table(layers: Sequence[LayerReport], lang: str, width: int, style: Style) -> list[str]:
    head = [word(key, lang) for key in ("layer", "like", "status", "cause")]
    rows = [
        [
            one_line(layer.name),
            one_line(layer.like) or "-",
            status_words(layer, lang),
            first_cause(layer, lang),
        ]
        for layer in layers
    ]
    if sum(max(map(len, column)) + 2 for column in zip(head, *rows, strict=True)) - 2 > width:
        rows = [[name, like.partition(".")[0], *rest] for name, like, *rest in rows]
    return _grid([head, *rows], width, style, statuses=[layer.status for layer in layers])


def _grid(
    rows: Sequence[Sequence[str]],
    width: int,
    style: Style,
    *,
    longest: int = _NAME,
    statuses: Sequence[str] = (),
) -> list[str]:
    """Return rows as lines with aligned columns; what does not fit is cut, the last column first.

    With `statuses`, one for each row after the head, the third column has their colours.
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    widths[:2] = [min(n, longest) for n in widths[:2]]
    for column in (-1, 1, 0):
        over = sum(widths) + 2 * (len(widths) - 1) - width
        if over > 0:
            widths[column] = max(widths[column] - over, min(widths[column], 7))
    lines = []
    for row, status in itertools.zip_longest(rows, ("", *statuses), fillvalue=""):
        cells = [_cut(cell, n).ljust(n) for cell, n in zip(row, widths, strict=True)]
        if status:
            cells[2] = style(status, cells[2])
        lines.append("  ".join(cells).rstrip())
    return [style("bold", lines[0]), *lines[1:]]


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: max(width - 3, 1)]}..."


def _wrapped(text: str, width: int, first: str, rest: str) -> list[str]:
    """Return text in lines of a width: indices stay whole, and what is indented stays as it is."""
    lines: list[str] = []
    for line in text.splitlines():
        indent = rest if lines else first
        if line.startswith("  "):  # a formula or code
            lines.append(f"{indent}{line}")
            continue
        whole = _WHOLE.sub(lambda match: _unbroken(match[0], width // 2), line)
        lines += textwrap.wrap(
            whole,
            width,
            initial_indent=indent,
            subsequent_indent=rest,
            break_long_words=False,
            break_on_hyphens=False,
        )
    return [line.replace("\xa0", " ") for line in lines]


def _unbroken(text: str, longest: int) -> str:
    return text.replace(" ", "\xa0") if len(text) <= longest else text


def _plain(kind: str, text: str) -> str:
    return text


def _coloured(kind: str, text: str) -> str:
    return f"\x1b[{_COLOURS[kind]}m{text}\x1b[0m"


def style_of(stream: TextIO) -> bool:
    """Tell whether a stream is a terminal that shows colours, and nobody has forbidden them."""
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    modern = os.name != "nt" or "WT_SESSION" in os.environ or "TERM" in os.environ
    return modern and bool(getattr(stream, "isatty", bool)())


def width_of(stream: TextIO) -> int:
    """Return the columns of a terminal; 88 where the stream is none."""
    if not getattr(stream, "isatty", bool)():
        return 88
    return shutil.get_terminal_size((88, 24)).columns
