"""Problems: every kind and every reason has its words in both languages."""

import json
import re

import pytest

from rushlight.check.loading import Place, Problem, stop_message
from rushlight.check.loading.problem import _MESSAGES, _STOPS, messages


@pytest.mark.parametrize("kind", _MESSAGES["en"])
def test_each_kind_speaks_both_languages(kind):
    problem = Problem(kind, "timeout", 3, 5, "  class A(B):", "A", "layers.py")
    english, russian = problem.message(), problem.message("ru")
    assert english.startswith("layers.py, cell 3, line 5: ") and english.endswith(
        "\n    class A(B):"
    )
    assert russian.startswith("layers.py, ячейка 3, строка 5: ")
    assert not re.search("[а-я]", english) and re.search("[а-я]", russian)


def test_the_tables_have_the_same_entries():
    assert _MESSAGES["en"].keys() == _MESSAGES["ru"].keys()
    assert _STOPS["en"].keys() == _STOPS["ru"].keys()


@pytest.mark.parametrize("reason", _STOPS["en"])
def test_each_reason_speaks_both_languages(reason):
    assert re.search("[а-я]", stop_message(reason, "ru"))
    assert not re.search("[а-я]", stop_message(reason))


def test_unknown_languages_are_an_error():
    for ask in (Problem("file").message, Place().words, lambda lang: stop_message("exit", lang)):
        with pytest.raises(ValueError, match="lang: got 'de', expected 'en' or 'ru'"):
            ask("de")


def test_problems_survive_json():
    problem = Problem("base", "Module", 2, 1, "class Слой(Module):", "Слой")
    assert Problem(**json.loads(json.dumps(problem.to_dict()))) == problem
    assert problem.message() == (
        "cell 2, line 1: class Слой could not be defined: its base Module is not defined\n"
        "    class Слой(Module):"
    )


def test_modules_that_are_not_there_are_told_together():
    absent = [
        Problem("import", f"No module named {name!r}", cell, 2, f"import {name}", name)
        for cell, name in ((1, "google.colab"), (3, "seaborn"))
    ]
    broken = Problem("import", "ValueError: no", name="mine")
    syntax = Problem("syntax", "invalid syntax")
    told = messages([absent[0], syntax, absent[1], broken], "ru")
    assert told == [
        "не удалось импортировать: google.colab (ячейка 1, строка 2), seaborn (ячейка 3, "
        "строка 2); что их использует, не сработает",
        syntax.message("ru"),
        broken.message("ru"),
    ]
    assert messages([absent[0], syntax]) == [absent[0].message(), syntax.message()]
