"""Signs that a code page lacks, spelled out: Windows still prints in code pages."""

from __future__ import annotations

__all__ = ["plainer"]

_SPELLED = {
    "…": "...", "—": "-", "–": "-", "−": "-", "„": '"', "“": '"', "”": '"', "«": '"', "»": '"',
    "’": "'", "′": "'", "ё": "е", "Ё": "Е", "→": "->", "←": "<-", "°": " degrees",
    "×": "x", "·": "*", "±": "+-", "≤": "<=", "≥": ">=", "≠": "!=", "≈": "~", "√": "sqrt",
    "∞": "inf", "∂": "d", "Σ": "sum", "⌊": "floor(", "⌋": ")", "²": "^2", "³": "^3",
    "ᵀ": "^T", "ᵗ": "^t", "₀": "_0", "₁": "_1", "₂": "_2", "₋": "-", "ₖ": "_k", "ᵢ": "_i",
    "ₙ": "_n", "σ": "sigma", "Φ": "Phi", "φ": "phi", "μ": "mu", "π": "pi", "ε": "eps",
}  # fmt: skip


def plainer(text: str, encoding: str | None) -> str:
    """Return text whose signs a code page has: arrows, Greek and such are spelled out where not.

    What is not known here stays as it is.

    Args:
        text: any.
        encoding: of the stream; None is UTF-8.

    Example:
        >>> plainer("2 × σ → 6", "cp866")
        '2 x sigma -> 6'
    """
    encoding = encoding or "utf-8"
    if _has(text, encoding):
        return text
    return "".join(c if _has(c, encoding) else _SPELLED.get(c, c) for c in text)


def _has(text: str, encoding: str) -> bool:
    try:
        text.encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return False
    return True
