"""The fixed words of a report in both languages, and which language is meant."""

from __future__ import annotations

import locale
import os

from rushlight.errors import explain

__all__ = ["LANGUAGES", "checked_language", "default_language", "word"]

LANGUAGES = ("en", "ru")

_WORDS = {  # key: (English, Russian)
    "layer": ("layer", "слой"),
    "like": ("compared with", "сравнение с"),
    "status": ("status", "итог"),
    "cause": ("first cause", "первая причина"),
    "ok": ("ok", "верно"),
    "defect": ("defect", "ошибка"),
    "error": ("not checked", "не проверен"),
    "skipped": ("skipped", "пропущен"),
    "note": ("note", "замечание"),
    "hint": ("Hint", "Подсказка"),
    "layers": ("layers", "слоёв"),
    "files": ("files", "файлов"),
    "file": ("file", "файл"),
    "n_ok": ("right", "верно"),
    "n_defect": ("with defects", "с ошибками"),
    "n_error": ("not checked", "не проверено"),
    "n_skipped": ("skipped", "пропущено"),
    "n_problems": ("problems of the file", "проблем с файлом"),
    "no_layers": ("no layers were found", "слоёв не найдено"),
    "problems": ("Problems of the file", "Проблемы с файлом"),
    "more": ("more (--verbose shows them)", "ещё (все покажет --verbose)"),
    "and": ("and", "и"),
    "title": ("Check of layers", "Проверка слоёв"),
    "expected": ("expected", "ожидалось"),
    "got": ("got", "получено"),
    "difference": ("got - expected", "получено - ожидалось"),
    "values": ("Values", "Значения"),
    "not_finite": ("not finite", "не конечно"),
    "marked": ("the first wrong element is framed", "первый неверный элемент обведён"),
    "interrupted": (
        "interrupted: this is what was checked before",
        "прервано: показано то, что успели проверить",
    ),
}


def word(key: str, lang: str) -> str:
    """Return a fixed word in a language.

    Example:
        >>> word("skipped", "ru")
        'пропущен'
    """
    return _WORDS[key][LANGUAGES.index(lang)]


def checked_language(lang: str | None) -> str:
    """Return the language, the default one for None.

    Raises:
        ValueError: a language that the checker does not speak.
    """
    if lang is None:
        return default_language()
    if lang not in LANGUAGES:
        known = " or ".join(map(repr, LANGUAGES))
        raise ValueError(explain("lang", got=repr(lang), expected=known))
    return lang


def default_language() -> str:
    """Return "ru" where RUSHLIGHT_LANG or else the locale says so, otherwise "en".

    The first of LC_ALL, LC_MESSAGES and LANG that is set decides, as everywhere on POSIX; where
    none is (Windows), the locale of the system does.
    """
    for variable in ("RUSHLIGHT_LANG", "LC_ALL", "LC_MESSAGES", "LANG"):
        value = os.environ.get(variable)
        if value:
            break
    else:
        value = locale.getlocale()[0] or ""  # "Russian_Russia" on Windows
    return "ru" if value.lower().startswith("ru") else "en"
