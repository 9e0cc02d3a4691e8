"""Findings and reports in words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from textwrap import indent

from rushlight.check.findings import Finding, LayerReport
from rushlight.check.formulas.code import CODE, code
from rushlight.check.formulas.names import canonical
from rushlight.check.texts.facts import case, details, facts
from rushlight.check.texts.special import HINTS, PARTS, SAYS
from rushlight.check.texts.tables import REASONS, WORDS
from rushlight.check.texts.text import Text, fill
from rushlight.check.texts.words import Words
from rushlight.errors import explain

__all__ = ["hint", "message", "reason", "title"]

_UNPREFIXED = frozenset({"unexplained", "delegated"})
_TOLD = frozenset({"crash", "raises_in_constructor"})  # what is wrong says it all
_OF_TORCH = frozenset({"MSELoss"})  # its mean is over all elements, not MSECriterion's
_OF_EVALUATION = frozenset({"batch_statistics_in_evaluation", "not_identity_in_evaluation"})
_CODE_WORDS = frozenset(
    {"exp", "tanh", "epsilon", "t", "v", "p", "forward", "backward"} | {"train", "evaluate"}
)


def message(finding: Finding, lang: str = "en") -> str:
    """Return what is wrong, where, by how much, in which case, and the likely cause.

    Args:
        finding: any; what it leaves out is left out of the text.
        lang: "en" or "ru".

    Example:
        >>> print(message(Finding("defect", "output", "output", "sign", "Tanh",
        ...                       "Tanh(), input (2, 3)", (0, 1), 0.5, -0.5, 1.0)))
        The output is wrong: at [0, 1] expected 0.5, got -0.5; largest error 1.
        Case: Tanh(), input (2, 3).
        Likely cause: the values are right but for the sign.
    """
    values = _values(finding, lang)
    told = facts(finding, values, lang)
    says = _special(SAYS, finding) or _words(finding.cause).says
    cause = fill(says[lang], values)
    if told and finding.cause in _TOLD:
        cause = ""
    elif told and finding.severity == "defect" and finding.cause not in _UNPREFIXED:
        cause = _LIKELY[lang] + cause
    else:
        cause = _capital(cause)
    lines = (told, case(finding, lang), cause) if told else (cause, case(finding, lang))
    return "\n".join(line + "." for line in lines if line)


def hint(finding: Finding, lang: str = "en") -> str:
    """Return how to put it right, with the layer's formula where that is the answer."""
    words, layer = _words(finding.cause), _layer(finding)
    text = fill((_special(HINTS, finding) or words.hint)[lang], _values(finding, lang))
    if "\n" in text:  # it brings lines of its own
        return text
    lines = _lines(layer, finding) if text.endswith(":") else ""
    if lines:
        return f"{text}\n{lines}"
    return text[:-1] + "." if text.endswith(":") else text


def title(cause: str, lang: str = "en") -> str:
    """Return a cause in a few words."""
    return _words(cause).title[lang]


def reason(report: LayerReport, lang: str = "en") -> str:
    """Return why a layer was skipped or could not be checked; "" for a layer that was checked."""
    if not report.reason:
        return ""
    if report.reason not in REASONS:
        raise ValueError(
            explain("reason", got=repr(report.reason), expected=f"one of {', '.join(REASONS)}")
        )
    values = details(report.details, lang)
    if lang == "ru" and values.get("error_ru"):
        values["error"] = values["error_ru"]
    if values.get("error") == report.reason:  # of a process that has ended; it says nothing more
        del values["error"]
    text = fill(REASONS[report.reason][lang], values)
    return text if text.endswith((".", "?")) else text + "."


_LIKELY = Text("Likely cause: ", "Вероятная причина: ")
_PASSES = {
    "output": Text("the forward pass", "прямой проход"),
    "gradInput": Text("the backward pass", "обратный проход"),
}


def _words(cause: str) -> Words:
    if cause not in WORDS:
        raise ValueError(explain("texts", got=f"cause {cause!r}", expected="one of CAUSES"))
    return WORDS[cause]


def _special(table: Mapping[tuple[str, str], Text], finding: Finding) -> Text | None:
    """Return what is said of this kind of a cause, or in this tensor, check or layer, or None."""
    layer, tensor = _layer(finding), finding.tensor
    ways = (finding.details.get("kind", ""), f"{layer}.{tensor}", tensor, finding.check, layer)
    told = (table.get((finding.cause, way)) for way in ways)
    return next((text for text in told if text is not None), None)


def _layer(finding: Finding) -> str:
    if finding.layer in _OF_TORCH:
        return finding.layer
    return canonical(finding.layer) or finding.layer


def _values(finding: Finding, lang: str) -> dict[str, str]:
    """Return what the gaps of the texts are filled with."""
    values = details({"tensor": finding.tensor, **finding.details}, lang)
    if finding.cause == "returns_none" and finding.tensor in _PASSES:
        values.setdefault("method", _PASSES[finding.tensor][lang])
    return values


def _capital(text: str) -> str:
    """Return the sentence with a capital, unless it begins with an identifier."""
    first = re.match(r"[^\s,:;]+", text)
    plain = first is not None and first[0].isalpha() and first[0].islower()
    return text if not plain or text.split()[0] in _CODE_WORDS else text[0].upper() + text[1:]


def _lines(layer: str, finding: Finding) -> str:
    """Return the layer's lines of NumPy for the tensor of a finding, indented."""
    parts = PARTS.get(finding.cause, ()) if layer == "adam_optimizer" else ()
    check = "evaluation" if finding.cause in _OF_EVALUATION else finding.check
    text = "\n".join(CODE[layer][part] for part in parts) or code(layer, finding.tensor, check)
    return indent(text, "    ")
