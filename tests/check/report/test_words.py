"""The fixed words: both languages whole, and the right one chosen."""

import locale

import pytest

from rushlight.check import texts
from rushlight.check.report import default_language
from rushlight.check.report.titles import _REASONS, reason_title
from rushlight.check.report.words import _WORDS, LANGUAGES, word

VARIABLES = ("RUSHLIGHT_LANG", "LC_ALL", "LC_MESSAGES", "LANG")


@pytest.mark.parametrize("key", _WORDS)
def test_every_word_is_there_in_both_languages(key):
    english, russian = (word(key, lang) for lang in LANGUAGES)
    assert english.isascii()
    assert any("а" <= letter.lower() <= "я" for letter in russian)


def test_the_languages_are_those_of_the_texts():
    assert LANGUAGES == texts.LANGUAGES


def test_every_reason_has_a_title():
    assert {*texts.REASONS} <= {*_REASONS}
    assert reason_title("something_new", "ru") == "something new"


@pytest.mark.parametrize(
    ("settings", "lang"),
    [
        ({}, "en"),
        ({"LANG": "ru_RU.UTF-8"}, "ru"),
        ({"LANG": "ru_RU.UTF-8", "LC_ALL": "C"}, "en"),
        ({"LANG": "en_US.UTF-8", "LC_MESSAGES": "ru_RU"}, "ru"),
        ({"LANG": "ru_RU.UTF-8", "RUSHLIGHT_LANG": "en"}, "en"),
        ({"LANG": "C", "RUSHLIGHT_LANG": "RU"}, "ru"),
        ({"LANG": "rw_RW.UTF-8"}, "en"),
    ],
)
def test_the_default_language(monkeypatch, settings, lang):
    monkeypatch.setattr(locale, "getlocale", lambda: (None, None))
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    assert default_language() == lang


def test_windows_says_the_language_otherwise(monkeypatch):
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(locale, "getlocale", lambda: ("Russian_Russia", "1251"))
    assert default_language() == "ru"
