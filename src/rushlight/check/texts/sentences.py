"""Findings and reports in words."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from textwrap import indent

from rushlight.check.findings import Finding, LayerReport, Region
from rushlight.check.formulas.code import CODE, code
from rushlight.check.formulas.names import canonical
from rushlight.check.texts.special import HINTS, PARTS, SAYS
from rushlight.check.texts.tables import CONTEXTS, REASONS, TENSORS, WORDS
from rushlight.check.texts.text import Text, fill, number, pair, plural
from rushlight.check.texts.words import Words
from rushlight.errors import explain

__all__ = ["hint", "message", "reason", "title"]

_SHOWN = 6  # rows, columns, channels or samples that are named
_LONGEST = 140  # characters of a detail
_UNPREFIXED = frozenset({"unexplained", "crash", "raises_in_constructor", "delegated"})
_OF_EVALUATION = frozenset({"batch_statistics_in_evaluation", "not_identity_in_evaluation"})
_CODE_WORDS = frozenset({"exp", "tanh", "epsilon", "t", "v", "log"})


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
    says = SAYS.get((finding.cause, _layer(finding)), _words(finding.cause).says)
    cause = fill(says[lang], values)
    facts = _facts(finding, lang)
    if facts and finding.severity == "defect" and finding.cause not in _UNPREFIXED:
        cause = _LIKELY[lang] + cause
    else:
        cause = _capital(cause, values)
    case = _CASE[lang].format(case=finding.case) if finding.case else ""
    return "\n".join(line + "." for line in (facts, case, cause) if line)


def hint(finding: Finding, lang: str = "en") -> str:
    """Return how to put it right, with the layer's formula where that is the answer."""
    words, layer = _words(finding.cause), _layer(finding)
    special = HINTS.get((finding.cause, layer)) or HINTS.get((finding.cause, finding.tensor))
    text = fill((special or words.hint)[lang], _values(finding, lang))
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
    text = fill(REASONS[report.reason][lang], _told(report.details, lang))
    return text if text.endswith((".", "?")) else text + "."


_LIKELY = Text("Likely cause: ", "Вероятная причина: ")
_CASE = Text("Case: {case}", "Случай: {case}")


def _words(cause: str) -> Words:
    if cause not in WORDS:
        raise ValueError(explain("texts", got=f"cause {cause!r}", expected="one of CAUSES"))
    return WORDS[cause]


def _layer(finding: Finding) -> str:
    return canonical(finding.layer) or finding.layer


def _values(finding: Finding, lang: str) -> dict[str, str]:
    """Return what the gaps of the texts are filled with."""
    values = {"tensor": finding.tensor, **finding.details}
    return _told(values, lang)


def _told(details: Mapping[str, str], lang: str) -> dict[str, str]:
    """Return details as single short lines, places in the student's file in the language."""
    values = {name: _short(str(value)) for name, value in details.items() if value is not None}
    if "line" in values:
        values["line"] = _place(values["line"], lang)
    return values


def _short(value: str) -> str:
    line = " ".join(value.split())
    return line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…"


def _place(value: str, lang: str) -> str:
    """Return "12" or "cell 3, line 12" in words."""
    if value.isdigit():
        return f"{_LINE[lang]} {value}"
    if lang == "ru":
        value = re.sub(r"\bcell\b", "ячейка", re.sub(r"\bline\b", "строка", value))
    return value


_LINE = Text("line", "строка")


def _capital(text: str, values: Mapping[str, str]) -> str:
    """Return the sentence with a capital, unless it begins with an identifier."""
    first = re.match(r"\w+", text)
    code = first is None or not first[0].isalpha() or first[0] in _CODE_WORDS
    if code or any(value and text.startswith(value) for value in values.values()):
        return text
    return text[0].upper() + text[1:] if first and first[0].islower() else text


def _facts(finding: Finding, lang: str) -> str:
    """Return what is wrong, where and by how much, or "" for a finding without numbers."""
    parts = [_at(finding, lang), _error(finding.max_error, lang), _region(finding.region, lang)]
    told = "; ".join(part for part in parts if part)
    if not told:
        return ""
    other = Text(f"{finding.tensor} is wrong", f"Значения {finding.tensor} неверны")
    nothing = Text("The result is wrong", "Результат неверен")
    what = TENSORS.get(finding.tensor, other if finding.tensor else nothing)[lang]
    context = CONTEXTS[finding.check][lang] if finding.check in CONTEXTS else ""
    return f"{what} {context}".rstrip() + f": {told}"


def _at(finding: Finding, lang: str) -> str:
    """Return the values at the first wrong index."""
    expected, got = finding.expected, finding.got
    words = (("expected", "got"), ("ожидалось", "получено"))[lang == "ru"]
    shown: tuple[str | None, str | None] = (None, None)
    if expected is not None and got is not None:
        shown = pair(expected, got)
    elif expected is not None:
        shown = number(expected), None
    elif got is not None:
        shown = None, number(got)
    told = ", ".join(f"{w} {v}" for w, v in zip(words, shown, strict=True) if v is not None)
    if not finding.index:
        return told
    place = f"{_AT[lang]} [{', '.join(map(str, finding.index))}]"
    return f"{place} {told}" if told else f"{_FIRST[lang]} {place}"


_AT = Text("at", "в")
_FIRST = Text("first", "впервые")
_LARGEST = Text("largest error", "наибольшая ошибка")
_INFINITE = Text("there is inf or nan", "есть inf или nan")


def _error(error: float | None, lang: str) -> str:
    if error is None:
        return ""
    return f"{_LARGEST[lang]} {number(error)}" if math.isfinite(error) else _INFINITE[lang]


def _region(region: Region | None, lang: str) -> str:
    """Return where the wrong elements lie."""
    if region is None or region.total == 1:
        return ""
    count = _count(region.wrong, region.total, lang)
    if region.kind == "all":
        return _all(region.total, lang)
    if region.kind not in _PLACES or (region.kind in _NUMBERED and not region.numbers):
        return count
    shown = ", ".join(map(str, region.numbers[:_SHOWN])) + ", …" * (len(region.numbers) > _SHOWN)
    one, many = _PLACES[region.kind]
    place = (one if len(region.numbers) == 1 else many)[lang].format(shown)
    return f"{place} ({count})" if count else place


_PLACES = {
    "border": (Text("", ""), Text("only at the border", "только у границы")),
    "interior": (
        Text("", ""),
        Text("only inside, the border is right", "только внутри, у границы всё верно"),
    ),
    "rows": (
        Text("only in row {}", "только в строке {}"),
        Text("only in rows {}", "только в строках {}"),
    ),
    "columns": (
        Text("only in column {}", "только в столбце {}"),
        Text("only in columns {}", "только в столбцах {}"),
    ),
    "channels": (
        Text("only in channel {}", "только в канале {}"),
        Text("only in channels {}", "только в каналах {}"),
    ),
    "samples": (
        Text("only in sample {} of the batch", "только в объекте {} батча"),
        Text("only in samples {} of the batch", "только в объектах {} батча"),
    ),
}
_NUMBERED = frozenset({"rows", "columns", "channels", "samples"})


def _all(total: int, lang: str) -> str:
    if not total:
        return ""
    if lang == "en":
        return f"all {total} elements"
    return f"все {total} {plural(total, 'элемент', 'элемента', 'элементов')}"


def _count(wrong: int, total: int, lang: str) -> str:
    """Return "7 of 24 elements", or "" where the numbers are not known."""
    if not total:
        return ""
    if lang == "en":
        return f"{wrong} of {total} elements"
    return f"{wrong} из {total} {plural(total, 'элемента', 'элементов', 'элементов')}"


def _lines(layer: str, finding: Finding) -> str:
    """Return the layer's lines of NumPy for the tensor of a finding, indented."""
    parts = PARTS.get(finding.cause, ()) if layer == "adam_optimizer" else ()
    check = "evaluation" if finding.cause in _OF_EVALUATION else finding.check
    text = "\n".join(CODE[layer][part] for part in parts) or code(layer, finding.tensor, check)
    return indent(text, "    ")
