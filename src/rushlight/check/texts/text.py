"""Sentences in two languages, and how numbers, counts and gaps are put into them."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

from rushlight.errors import explain

__all__ = ["LANGUAGES", "Text", "fill", "number", "pair", "plural"]

LANGUAGES = ("en", "ru")

_GROUP = re.compile(r"\[\[(.*?)(?:\|(.*?))?\]\]")
_GAP = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True)
class Text:
    """The same words in both languages; `text["ru"]` is those of one.

    Gaps are written {name}, each within a group [[ ... ]] or [[ ... | otherwise ]] that is left
    out, or replaced, where the value of a gap is not known.
    """

    en: str
    ru: str

    def __getitem__(self, lang: str) -> str:
        if lang not in LANGUAGES:
            known = " or ".join(map(repr, LANGUAGES))
            raise ValueError(explain("texts", got=f"language {lang!r}", expected=known))
        return str(getattr(self, lang))


def fill(template: str, values: Mapping[str, str]) -> str:
    """Return a template with its gaps filled and its groups kept, replaced or left out.

    Example:
        >>> fill("too large[[ {n} times]]: [[{tensor}|the gradient]]", {"tensor": "gradW"})
        'too large: gradW'
    """

    def group(match: re.Match[str]) -> str:
        known = all(values.get(name) for name in _GAP.findall(match[1]))
        return match[1] if known else match[2] or ""

    return _GAP.sub(lambda gap: values.get(gap[1], gap[0]), _GROUP.sub(group, template))


def number(value: float, digits: int = 6) -> str:
    """Return a number with six significant digits."""
    return f"{value + 0.0:.{digits}g}"  # -0.0 is 0


def pair(first: float, second: float) -> tuple[str, str]:
    """Return two numbers with as many digits, six or more, as it takes to tell them apart."""
    for digits in (6, 9, 12, 17):
        shown = number(first, digits), number(second, digits)
        if shown[0] != shown[1]:
            break
    return (
        shown
        if math.isfinite(first) and math.isfinite(second)
        else (
            number(first),
            number(second),
        )
    )


def plural(count: int, one: str, few: str, many: str) -> str:
    """Return the form of a Russian noun that goes with a count: 1 окно, 2 окна, 5 окон.

    Example:
        >>> [plural(n, "окно", "окна", "окон") for n in (1, 3, 11, 22, 25)]
        ['окно', 'окна', 'окон', 'окна', 'окон']
    """
    if count % 100 in (11, 12, 13, 14):
        return many
    return {1: one, 2: few, 3: few, 4: few}.get(count % 10, many)
