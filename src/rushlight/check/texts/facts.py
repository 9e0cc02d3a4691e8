"""What is wrong, where, and by how much, in words."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

from rushlight.check.findings import Finding, Region
from rushlight.check.texts.tables import CONTEXTS, TENSORS
from rushlight.check.texts.text import Text, fill, number, pair, plural

__all__ = ["case", "details", "facts"]

_SHOWN = 6  # rows, columns, channels or samples that are named
_LONGEST = 140  # characters of a detail
_LINE = Text("line", "строка")
_AT = Text("at", "в")
_FIRST = Text("first", "впервые")
_LARGEST = Text("largest error", "наибольшая ошибка")
_INFINITE = Text("there is inf or nan", "есть inf или nan")
_SHAPE = Text(
    "[[shape {wrong_shape}, expected {right_shape}]]",
    "[[форма {wrong_shape}, ожидалась {right_shape}]]",
)
_RAISES = Text(
    "[[{method} raises ]][[{error}]][[ ({line})]]",
    "[[{method}: исключение ]][[{error}]][[ ({line})]]",
)
_COMPARED = Text("expected, got", "ожидалось, получено")
_CHANGED = Text("was, is now", "было, стало")
_CASE = Text("Case: ", "Случай: ")
_SAID = {
    "agrees": Text("torch agrees with the expected values", "torch подтверждает ожидаемое"),
    "differs": Text("torch differs from the expected values", "torch с ожидаемым не согласен"),
}
_STEP = Text("[[{name}|The parameter]] is wrong", "Неверно обновлён параметр[[ {name}]]")
_NOTED = Text("[[{tensor}|The result]] differs", "[[{tensor} отличается|Результат отличается]]")
_PROBABILITIES = Text("for probabilities of 0 and 1", "при вероятностях 0 и 1")
_OTHER = Text("[[{tensor}|The result]] is wrong", "[[Значения {tensor} неверны|Результат неверен]]")

# errors of these are consequences, or are told with the cause
_OWN_ERRORS = frozenset(
    {"nested_def", "early_return", "returns_none", "missing_method", "delegated"}
)

# English words in descriptions of cases
_CASES = (
    (r"lists of lists of (\d+) arrays", r"списки списков, массивов: \1"),
    (r"lists of (\d+) arrays", r"списки, массивов: \1"),
    (r"a second time with an empty state", "второй раз с пустым state"),
    (r"Sequential of (\d+) modules", r"Sequential, модулей: \1"),
    (r"Sequential of one module", "Sequential из одного модуля"),
    (r"Sequential in Sequential", "Sequential внутри Sequential"),
    (r"Sequential of ", "Sequential из "),
    (r", evaluation\b", ", режим evaluate"),
)


def details(given: Mapping[str, str], lang: str) -> dict[str, str]:
    """Return details as single short lines, places in the student's file in the language."""
    values = {name: _short(str(value)) for name, value in given.items() if value is not None}
    line, cell = values.get("line", ""), values.get("cell", "")
    if line:
        values["line"] = _place(f"cell {cell}, line {line}" if cell else line, lang)
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


def case(finding: Finding, lang: str) -> str:
    """Return how the layer was made and called."""
    text = finding.case
    for english, russian in _CASES if lang == "ru" else ():
        text = re.sub(english, russian, text)
    said = _SAID.get(finding.details.get("torch", ""))
    told = f" ({said[lang]})" if said is not None else ""
    return f"{_CASE[lang]}{text}{told}" if text else ""


def facts(finding: Finding, values: Mapping[str, str], lang: str) -> str:
    """Return what is wrong, where and by how much, or "" for a finding that only has a cause.

    Args:
        finding: any.
        values: its details, by `details`.
        lang: "en" or "ru".
    """
    parts = [_at(finding, lang), _error(finding.max_error, lang), _region(finding.region, lang)]
    told = fill(_SHAPE[lang], values) or "; ".join(part for part in parts if part)
    if not told:
        known = finding.severity == "note" or finding.cause in _OWN_ERRORS
        return "" if known or not values.get("error") else fill(_RAISES[lang], values)
    what = _STEP if finding.check == "steps" else TENSORS.get(finding.tensor, _OTHER)
    what = _NOTED if finding.severity == "note" else what
    context = CONTEXTS[finding.check][lang] if finding.check in CONTEXTS else ""
    if finding.check == "stability" and finding.layer == "ClassNLLCriterionUnstable":
        context = _PROBABILITIES[lang]
    return fill(f"{what[lang]} {context}".rstrip(), values) + f": {told}"


def _at(finding: Finding, lang: str) -> str:
    """Return the values at the first wrong index."""
    expected, got = finding.expected, finding.got
    words = (_CHANGED if finding.check == "input_unchanged" else _COMPARED)[lang].split(", ")
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
