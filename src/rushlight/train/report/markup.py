"""Pieces of HTML: whatever comes from a file is escaped here."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

from rushlight.pages import one_line
from rushlight.train.report.style import page_script, page_style

__all__ = ["document", "name", "notes", "section", "table", "text"]


def text(value: object) -> str:
    """Return text from elsewhere as HTML."""
    return escape(one_line(value))


def name(value: object) -> str:
    """Return a name from elsewhere; what it is written in does not turn its neighbours around."""
    return f"<bdi>{text(value)}</bdi>"


def section(title: str, *parts: str, kind: str = "", aside: str = "") -> str:
    """Return a part of the page under its title, "" where it has nothing.

    Args:
        title: the title, of our own words.
        parts: HTML.
        kind: its class.
        aside: HTML beside the title.
    """
    inside = "".join(parts)
    if not inside:
        return ""
    place = title.lower().replace(" ", "-")
    classes = f' class="{kind}"' if kind else ""
    return (
        f'<section{classes} aria-labelledby="{place}"><header><h2 id="{place}">{escape(title)}</h2>'
        f"{aside}</header>\n{inside}</section>\n"
    )


def table(
    head: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    caption: str = "",
    kind: str = "",
    row_heads: bool = True,
) -> str:
    """Return a table in a frame that scrolls where the screen is too narrow for it.

    Args:
        head: the titles of the columns, as HTML; none for a table without.
        rows: the cells, as HTML.
        caption: what it is, for those who do not see it.
        kind: its class.
        row_heads: whether the first cell of a row names it.
    """
    titles = "".join(f'<th scope="col">{title}</th>' for title in head)
    body = []
    for row in rows:
        first = f'<th scope="row">{row[0]}</th>' if row_heads else f"<td>{row[0]}</td>"
        body.append(f"<tr>{first}{''.join(f'<td>{cell}</td>' for cell in row[1:])}</tr>\n")
    named = f'<caption class="unseen">{escape(caption)}</caption>' if caption else ""
    top = f"<thead><tr>{titles}</tr></thead>\n" if titles else ""
    return (
        f'<div class="wide" tabindex="0" role="region" aria-label="{escape(caption or "table")}">'
        f'<table class="{kind}">{named}{top}<tbody>{"".join(body)}</tbody></table></div>\n'
    )


def notes(lines: Sequence[str], kind: str, title: str) -> str:
    """Return a box of lines of text from elsewhere, "" for none."""
    if not lines:
        return ""
    items = "".join(f"<li>{text(line)}</li>" for line in lines)
    said = f'role="note" aria-label="{escape(title)}"'
    return f'<div class="note {kind}" {said}><ul>{items}</ul></div>\n'


def document(title: str, body: str, data: Mapping[str, Any]) -> str:
    """Return a page that needs nothing from elsewhere and runs no script but its own.

    Args:
        title: text from elsewhere.
        body: HTML.
        data: what the script reads.
    """
    script = page_script()
    seal = base64.b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode("ascii")
    policy = (
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; "
        f"script-src 'sha256-{seal}'; base-uri 'none'; form-action 'none'"
    )
    held = json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{escape(policy)}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        '<meta name="generator" content="Rushlight">\n'
        f"<title>{text(title)}</title>\n<style>{page_style()}</style>\n</head>\n"
        f"<body>\n{body}"
        f'<script type="application/json" id="data">{held}</script>\n'
        f"<script>{script}</script>\n</body>\n</html>\n"
    )
