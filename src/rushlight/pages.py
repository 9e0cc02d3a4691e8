"""What the pages that Rushlight writes share: harmless text, and the colours of light and dark."""

from __future__ import annotations

import re
from collections.abc import Mapping

__all__ = ["DARK", "LIGHT", "one_line", "variables", "visible"]

LIGHT = {
    "ground": "#fff",
    "card": "#f7f7f5",
    "ink": "#1d2126",
    "soft": "#5b636d",
    "line": "#d9dbdf",
    "link": "#0b57a4",
}
DARK = {
    "ground": "#15181c",
    "card": "#1e2228",
    "ink": "#e6e8eb",
    "soft": "#a3abb5",
    "line": "#3a4048",
    "link": "#84bdf5",
}

# What a terminal or page obeys: controls, marks that turn the writing around, lone surrogates.
_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]"
)


def visible(text: object) -> str:
    r"""Return text from elsewhere with its control characters written out.

    Example:
        >>> print(visible("red \x1b[31m"))
        red \x1b[31m
    """
    plain = str(text).replace("\r\n", "\n").expandtabs(4)
    return _UNSEEN.sub(lambda match: ascii(match[0])[1:-1], plain)


def one_line(text: object) -> str:
    """Return text from elsewhere as one line without control characters.

    Example:
        >>> one_line("two\\n lines")
        'two lines'
    """
    return " ".join(visible(text).split())


def variables(scope: str, colours: Mapping[str, str]) -> str:
    """Return the rule of CSS that names colours for what a selector means.

    Example:
        >>> variables(":root", {"ink": "#000"})
        ':root{--ink:#000}'
    """
    return f"{scope}{{{';'.join(f'--{name}:{colour}' for name, colour in colours.items())}}}"
