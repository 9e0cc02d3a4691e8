"""What went wrong with a file before, or instead of, the check of a layer; in two languages."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from rushlight.errors import explain

__all__ = ["Place", "Problem", "messages", "stop_message"]

_PLACES = {
    "en": {"cell": "cell {cell}", "line": "line {line}"},
    "ru": {"cell": "ячейка {cell}", "line": "строка {line}"},
}
_MESSAGES = {
    "en": {
        "file": "the file cannot be checked: {error}",
        "syntax": "syntax error: {error}; this part is left out",
        "import": "{name} cannot be imported ({error}); whatever uses it will fail",
        "imports": "these cannot be imported: {name}; whatever uses them will fail",
        "definition": "{name} could not be defined: {error}",
        "base": "class {name} could not be defined: its base {error} is not defined",
        "lent": "the base class {name} is not in the file; Rushlight's own stands in for it",
        "stopped": "{name} was stopped while it was being defined: {error}",
        "unfinished": "the check of the file was stopped: {error}",
    },
    "ru": {
        "file": "файл нельзя проверить: {error}",
        "syntax": "синтаксическая ошибка: {error}; эта часть пропущена",
        "import": "не удалось импортировать {name} ({error}); что его использует, не сработает",
        "imports": "не удалось импортировать: {name}; что их использует, не сработает",
        "definition": "не удалось определить {name}: {error}",
        "base": "не удалось определить класс {name}: его базовый класс {error} не определён",
        "lent": "базового класса {name} в файле нет; вместо него взят класс из Rushlight",
        "stopped": "{name}: определение прервано: {error}",
        "unfinished": "проверка файла прервана: {error}",
    },
}
_STOPS = {
    "en": {
        "timeout": "it did not finish in the time it had (an endless loop?)",
        "memory": "it asked for more memory than it may have",
        "exit": "it ended the program (exit, quit, os._exit)",
        "stdin": "it reads standard input (input(), sys.stdin), which has nothing to give",
        "interrupt": "it raised KeyboardInterrupt",
        "kill": "it sends signals to processes",
        "crash": "the Python interpreter crashed",
        "killed": "its process was killed from outside",
        "exception": "an exception was raised",
        "unused": "it uses something that was not imported or not run",
        "no_time": "no time was left for it",
    },
    "ru": {
        "timeout": "работа не закончилась за отведённое время (бесконечный цикл?)",
        "memory": "потребовалось больше памяти, чем разрешено",
        "exit": "код завершает программу (exit, quit, os._exit)",
        "stdin": "код читает стандартный ввод (input(), sys.stdin), а он пуст",
        "interrupt": "код вызвал KeyboardInterrupt",
        "kill": "код посылает сигналы процессам",
        "crash": "интерпретатор Python аварийно завершился",
        "killed": "процесс был убит извне",
        "exception": "возникло исключение",
        "unused": "используется то, что не импортировано или не выполнено",
        "no_time": "на это не осталось времени",
    },
}


def _table(tables: dict[str, dict[str, str]], lang: str) -> dict[str, str]:
    if lang not in tables:
        raise ValueError(explain("lang", got=repr(lang), expected="'en' or 'ru'"))
    return tables[lang]


def stop_message(reason: str, lang: str = "en") -> str:
    """Return the words for the `reason` of a layer that was stopped, or of a Problem.

    Example:
        >>> stop_message("stdin")
        'it reads standard input (input(), sys.stdin), which has nothing to give'
    """
    return _table(_STOPS, lang)[reason]


@dataclasses.dataclass(frozen=True)
class Place:
    """Where something stands in a file: cells as `Chunk` counts them, lines from 1 in the cell.

    Attributes:
        cell: int, or None in a Python file.
        line: int, or None where only the file is known.
        text: the line.
    """

    cell: int | None = None
    line: int | None = None
    text: str = ""

    def words(self, lang: str = "en") -> str:
        """Return the place in words.

        Example:
            >>> Place(3, 5).words(), Place(line=5).words("ru")
            ('cell 3, line 5', 'строка 5')
        """
        table = _table(_PLACES, lang)
        parts = [table["cell"].format(cell=self.cell)] if self.cell is not None else []
        parts += [table["line"].format(line=self.line)] if self.line is not None else []
        return ", ".join(parts)

    def to_dict(self) -> dict[str, Any]:
        """Return the fields, for JSON."""
        return dataclasses.asdict(self)


@dataclasses.dataclass(frozen=True)
class Problem:
    """One thing that keeps a file, or a part of it, from being checked.

    Args:
        kind: "file" (nothing can be read), "syntax", "import" (a stub stands for it), "definition"
            (it raised), "base" (of a class, missing), "lent" (a base class, ours in its place),
            "stopped" (while being defined), "unfinished" (of the whole check).
        error: the words of the error, as Python says it; of a stop the reason; of "base" its name.
        cell, line, text: where, as in `Place`.
        name: the class, function or module concerned.
        file: the module of the same folder that it concerns; empty for the file itself.
        error_ru: `error` in Russian, where the words are the checker's own and not Python's.

    Example:
        >>> print(Problem("syntax", "invalid syntax", 3, 1, "def f(:").message())
        cell 3, line 1: syntax error: invalid syntax; this part is left out
            def f(:
    """

    kind: str
    error: str = ""
    cell: int | None = None
    line: int | None = None
    text: str = ""
    name: str = ""
    file: str = ""
    error_ru: str = ""

    def message(self, lang: str = "en") -> str:
        """Return the problem in one line of `lang` ("en", "ru") and the line of code below it."""
        words = _table(_MESSAGES, lang)[self.kind]
        error = (lang == "ru" and self.error_ru) or self.error
        if self.kind in ("stopped", "unfinished"):
            error = stop_message(error, lang)
        text = words.format(name=self.name or self.text.strip(), error=error)
        place = Place(self.cell, self.line).words(lang)
        head = ", ".join(part for part in (self.file, place) if part)
        text = f"{head}: {text}" if head else text
        return f"{text}\n    {self.text.strip()}" if self.text.strip() else text

    def to_dict(self) -> dict[str, Any]:
        """Return the fields, for JSON."""
        return dataclasses.asdict(self)


def messages(problems: Sequence[Problem], lang: str = "en") -> list[str]:
    """Return the messages of problems, one for all modules that are simply not there.

    Example:
        >>> absent = [Problem("import", f"No module named {n!r}", name=n) for n in ("a", "b.c")]
        >>> messages(absent)
        ['these cannot be imported: a, b.c; whatever uses them will fail']
    """
    absent = [p for p in problems if p.kind == "import" and p.error.startswith("No module named")]
    if len(absent) < 2:
        return [problem.message(lang) for problem in problems]
    names = []
    for problem in absent:
        place = Place(problem.cell, problem.line).words(lang)
        where = ", ".join(part for part in (problem.file, place) if part)
        names.append(f"{problem.name} ({where})" if where else problem.name)
    together = Problem("imports", name=", ".join(names)).message(lang)
    others = [problem.message(lang) for problem in problems if problem not in absent]
    return [together, *others]
