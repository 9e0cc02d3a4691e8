"""What a layer computes: formulas, the frequent mistakes, and a small example in numbers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from textwrap import wrap
from typing import Any

import numpy as np

from rushlight import errors
from rushlight.check.formulas.code import CODE
from rushlight.check.formulas.names import DIALECTS, find
from rushlight.check.formulas.page import Page, Row
from rushlight.check.formulas.pages import PAGES
from rushlight.check.texts.text import Text

__all__ = ["explain"]

_WIDTH = 100

_SHAPES = Text("Shapes", "Формы")
_FORWARD = Text("Forward (x = input, y = output)", "Прямой проход (x = input, y = output)")
_LOSS = Text(
    "Forward (x = input, t = target, L = output)",
    "Прямой проход (x = input, t = target, L = output)",
)
_STEP = Text(
    "A step, for each variable w with gradient g",
    "Шаг, для каждой переменной w с градиентом g",
)
_BACKWARD = Text(
    "Backward (g = gradOutput = ∂L/∂y, of the shape of y)",
    "Обратный проход (g = gradOutput = ∂L/∂y, формы y)",
)
_NUMPY = Text("In NumPy", "На NumPy")
_EVALUATION = Text("in evaluation mode:", "в режиме evaluate:")
_PITFALLS = Text("Frequent mistakes", "Частые ошибки")
_DIALECTS = Text("Dialects", "Диалекты")
_EXAMPLE = Text("Example", "Пример")
_LOSS_BACKWARD = Text("Backward", "Обратный проход")


def explain(name: str, lang: str = "en", like: str | None = None) -> str:
    """Return what is to be known of a layer, a criterion, an optimizer or a container.

    Args:
        name: such as "Conv2d", "LogSoftmax", "adam", "torch.nn.BatchNorm2d"; case does not matter.
        lang: "en" or "ru".
        like: "torch_like" or "practical_dl", or a name in one, such as "torch_like.Conv2d": the
            dialect to be shown; both by default.

    Raises:
        ValueError: for a name, a language or a dialect that is not known.

    Example:
        >>> print(explain("Tanh"))  # doctest: +ELLIPSIS
        Tanh
        Maps any number into (-1, 1).
        <BLANKLINE>
        Shapes
          x (*) → y (*)
        ...
    """
    name, dialect = find(name), _dialect(like)
    page = PAGES[name]
    blocks = [
        f"{name}\n{page.purpose[lang]}",
        _block(_SHAPES[lang], _rows(page.shapes, lang)),
        *_formulas(name, page, lang),
        _block(_NUMPY[lang], _code(name, lang)),
        _block(_PITFALLS[lang], _items((text[lang] for text in page.pitfalls), "- ")),
    ]
    shown = {key: text for key, text in page.dialects.items() if dialect in (None, key)}
    if shown:
        told = (f"{key}: {text[lang]}" for key, text in shown.items())
        blocks.append(_block(_DIALECTS[lang], _items(told)))
    return "\n\n".join([*blocks, *_examples(name, dialect, lang)])


def _dialect(like: str | None) -> str | None:
    """Return the dialect that `like` names."""
    if like is None:
        return None
    dialect = like.partition(".")[0]
    if dialect not in DIALECTS:
        known = " or ".join(map(repr, DIALECTS))
        raise ValueError(errors.explain("explain", got=f"like={like!r}", expected=known))
    return dialect


def _block(title: str, lines: Iterable[str]) -> str:
    return "\n".join([title, *(f"  {line}".rstrip() for line in lines)])


def _rows(rows: Iterable[Row], lang: str) -> Iterator[str]:
    for row in rows:
        yield row if isinstance(row, str) else row[lang]


def _items(texts: Iterable[str], mark: str = "") -> Iterator[str]:
    """Return texts as lines, folded."""
    for text in texts:
        yield from wrap(mark + text, _WIDTH - 4, subsequent_indent="  ", break_on_hyphens=False)


def _formulas(name: str, page: Page, lang: str) -> Iterator[str]:
    """Return the blocks of the passes."""
    if not page.gradients:
        yield _block(_STEP[lang], _rows(page.forward, lang))
        return
    loss = name.startswith(("MSE", "Class"))
    yield _block((_LOSS if loss else _FORWARD)[lang], _rows(page.forward, lang))
    backward = _LOSS_BACKWARD if loss else _BACKWARD
    yield _block(backward[lang], _rows(page.gradients, lang))


def _code(name: str, lang: str) -> Iterator[str]:
    """Return the lines of NumPy, those of evaluation mode under a line that says so."""
    shown: set[str] = set()
    mode = ""
    for tensor, text in CODE[name].items():
        if tensor.startswith("evaluation") and not mode:
            mode, shown = "  ", set()
            yield _EVALUATION[lang]
        lines = [line for line in text.split("\n") if line not in shown]  # x = ... once is enough
        shown.update(lines)
        yield from (mode + line for line in lines)


def _examples(name: str, dialect: str | None, lang: str) -> list[str]:
    """Return the example; one of each dialect where they differ."""
    from rushlight.check.formulas.examples import example  # brings layers and optimizers

    found: dict[str, str] = {}
    for wanted in DIALECTS if dialect is None else (dialect,):
        done = example(name, wanted)
        lines = [done.made, *_arrays(done.given.items())]
        for heading, computed in done.parts:
            if heading is not None:
                lines.append(f"{heading[lang]}:")
            lines += _arrays(computed)
        found.setdefault("\n".join(lines), wanted)
    titles = {text: f" ({wanted})" if len(found) > 1 else "" for text, wanted in found.items()}
    return [_block(_EXAMPLE[lang] + titles[text], text.split("\n")) for text in found]


def _arrays(named: Iterable[tuple[str, Any]]) -> Iterator[str]:
    """Return arrays as lines, the name before the first."""
    for name, value in named:
        array = np.asarray(value)
        array = array if array.dtype == bool else array + 0.0  # of -0.0 makes 0.0
        text = np.array2string(array, precision=4, suppress_small=True, max_line_width=_WIDTH - 26)
        first, *rest = [line for line in text.split("\n") if line]
        yield f"{name:<19}{first}"
        for line in rest:
            yield " " * 19 + line
