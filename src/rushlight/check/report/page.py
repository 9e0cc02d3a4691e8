"""A report as a page: one file of HTML, without scripts and without anything from elsewhere.

Names, messages and errors come from a student's file, so nothing reaches the page unescaped.
"""

from __future__ import annotations

import itertools
import re
import textwrap
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from rushlight.check.findings import FileReport, Finding, LayerReport
from rushlight.check.report.heatmap import maps
from rushlight.check.report.style import fragment_style, page_style
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

__all__ = ["as_html", "as_page"]

# No script, no connection: should anything slip through, the browser still does nothing with it.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
_CODE = re.compile("`([^`]+)`")  # of a line that is escaped already
_SIGNS = {"ok": "✓", "defect": "✗", "error": "!", "skipped": "–"}


def as_page(reports: FileReport | Sequence[FileReport], lang: str | None = None) -> str:
    """Return a page for one file or a whole class, complete in itself.

    Args:
        reports: one report, or a list of them.
        lang: "en" or "ru" (default: that of the locale).
    """
    lang = checked_language(lang)
    files = [reports] if isinstance(reports, FileReport) else list(reports)
    title = word("title", lang)
    if len(files) == 1:
        title = f"{one_line(files[0].file)} - {title}"
    body = [f"<h1>{_text(word('title', lang))}</h1>"]
    if len(files) > 1:
        body += [f'<p class="rl-sum">{_text(counted(files, lang))}</p>', _files(files, lang)]
    body += [_file(report, f"f{number}", lang) for number, report in enumerate(files)]
    return (
        f'<!DOCTYPE html>\n<html lang="{lang}">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{escape(_POLICY)}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f"<title>{_text(title)}</title>\n<style>{page_style()}</style>\n</head>\n"
        f'<body>\n<main class="rushlight">\n{"".join(body)}</main>\n</body>\n</html>\n'
    )


def as_html(report: FileReport | LayerReport, lang: str | None = None) -> str:
    """Return a report as a part of a page, for a notebook.

    Args:
        report: of a file or of a layer.
        lang: "en" or "ru" (default: that of the locale).
    """
    lang = checked_language(lang)
    if isinstance(report, FileReport):
        body = _file(report, "", lang)
    else:
        body = _table([report], "", lang) + _layer(report, "", lang)
    return f'<div class="rushlight" lang="{lang}"><style>{fragment_style()}</style>{body}</div>'


def _text(value: object) -> str:
    return escape(visible(value))


def _name(value: object) -> str:
    """Return a name from elsewhere; what it is written in does not turn its neighbours around."""
    return f"<bdi>{escape(one_line(value))}</bdi>"


def _link(target: str, inner: str) -> str:
    return f'<a href="#{target}">{inner}</a>' if target else inner


def _pill(status: str, words: str) -> str:
    return f'<span class="rl-pill rl-{status}">{_SIGNS[status]} {_text(words)}</span>'


def _files(files: Sequence[FileReport], lang: str) -> str:
    keys = ("ok", "defect", "error")
    heads = "".join(
        f"<th>{_text(text)}</th>"
        for text in (word("file", lang), *(word(f"n_{key}", lang) for key in keys))
    )
    rows = []
    for number, report in enumerate(files):
        cells = [_link(f"f{number}", _name(report.file))]
        cells += [str(sum(layer.status == key for layer in report.layers)) for key in keys]
        first, *others = cells
        counts = "".join(f"<td>{cell}</td>" for cell in others)
        rows.append(f'<tr><td class="rl-c-file">{first}</td>{counts}</tr>\n')
    return _framed(heads, rows)


def _file(report: FileReport, anchor: str, lang: str) -> str:
    parts = [f"<h2>{_name(report.file)}</h2>"]
    parts.append(f'<p class="rl-sum">{_text(counted([report], lang))}</p>')
    if report.layers:
        parts.append(_table(report.layers, anchor, lang))
    for number, layer in enumerate(report.layers):
        parts.append(_layer(layer, f"{anchor}-{number}" if anchor else "", lang))
    if report.problems:
        parts.append(_problems(report.problems, lang))
    return f'<section{_id(anchor)} class="rl-file">{"".join(parts)}</section>\n'


def _id(anchor: str) -> str:
    return f' id="{anchor}"' if anchor else ""


def _table(layers: Sequence[LayerReport], anchor: str, lang: str) -> str:
    heads = "".join(
        f'<th class="rl-c-{key}">{_text(word(key, lang))}</th>'
        for key in ("layer", "like", "status", "cause")
    )
    rows = []
    for number, layer in enumerate(layers):
        target = f"{anchor}-{number}" if anchor and _has_more(layer) else ""
        rows.append(
            f'<tr><td class="rl-c-layer">{_link(target, _name(layer.name))}</td>'
            f'<td class="rl-c-like">{_name(layer.like) if layer.like else "-"}</td>'
            f'<td class="rl-c-status">{_pill(layer.status, status_words(layer, lang))}</td>'
            f'<td class="rl-c-cause">{_text(first_cause(layer, lang))}</td></tr>\n'
        )
    return _framed(heads, rows)


def _framed(heads: str, rows: Sequence[str]) -> str:
    """Return a table in a frame that scrolls where the screen is too narrow for it."""
    table = f'<table class="rl-table"><tr>{heads}</tr>\n{"".join(rows)}</table>'
    return f'<div class="rl-wide">{table}</div>'


def _has_more(layer: LayerReport) -> bool:
    return bool(layer.findings or layer.reason)


def _layer(layer: LayerReport, anchor: str, lang: str) -> str:
    """Return what is to be said of a layer; nothing of one that is right."""
    if not _has_more(layer):
        return ""
    head = f"<h3>{_name(layer.name)} {_pill(layer.status, status_words(layer, lang))}</h3>"
    where, reason = defined_at(layer, lang), reason_of(layer, lang)
    if where:
        head += f'<p class="rl-where">{_text(where)}</p>'
    if reason:
        head += f'<p class="rl-reason">{_text(reason)}</p>'
    cards = "".join(_finding(finding, lang) for finding in layer.findings)
    return f'<section{_id(anchor)} class="rl-layer">{head}{cards}</section>\n'


def _finding(finding: Finding, lang: str) -> str:
    from rushlight.check import texts

    label = word("note", lang) if finding.severity == "note" else word("defect", lang)
    parts = [
        f'<p class="rl-label">{_text(label)}</p>',
        _lines(texts.message(finding, lang), "rl-message"),
    ]
    hint = texts.hint(finding, lang)
    if hint:
        parts.append(_lines(f"{word('hint', lang)}: {hint}", "rl-hint"))
    parts.append(maps(finding, lang))
    parts.append(f'<p class="rl-small">{_text(finding.check)}, {_text(finding.cause)}</p>')
    return f'<article class="rl-finding rl-is-{finding.severity}">{"".join(parts)}</article>\n'


def _lines(text: str, kind: str) -> str:
    """Return lines of prose as paragraphs, and indented ones as a block of code."""
    blocks = []
    for code, lines in itertools.groupby(visible(text).splitlines(), key=_is_code):
        if code:
            blocks.append(f"<pre>{escape(textwrap.dedent(chr(10).join(lines)))}</pre>")
        else:
            blocks += [f"<p>{_CODE.sub(_as_code, escape(line))}</p>" for line in lines]
    return f'<div class="{kind}">{"".join(blocks)}</div>'


def _as_code(match: re.Match[str]) -> str:
    return f"<code>{match[1]}</code>"


def _is_code(line: str) -> bool:
    return line.startswith("  ")


def _problems(problems: Sequence[Mapping[str, Any]], lang: str) -> str:
    told = (_lines(text, "rl-message") for text in problem_texts(problems, lang))
    cards = "".join(f'<article class="rl-finding rl-is-problem">{one}</article>' for one in told)
    return f"<h3>{_text(word('problems', lang))}</h3>{cards}"
