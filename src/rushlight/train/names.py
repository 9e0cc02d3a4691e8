"""Parts by name, as in 'huber:delta=0.5': read in one place, and never run as code."""

from __future__ import annotations

import ast
import difflib
import inspect
import warnings
from collections.abc import Mapping
from typing import Any

from rushlight.errors import explain
from rushlight.functional import tensor

__all__ = ["Names", "pieces", "plain", "read_list", "read_name", "show_options"]

_CLOSING = {"(": ")", "[": "]", "{": "}"}
_WORDS = {"true": True, "false": False, "none": None}
_KINDS: dict[str, tuple[type, ...]] = {
    "bool": (bool,),
    "float": (int, float),
    "int": (int,),
    "None": (type(None),),
    "str": (str,),
}
_UNSAID = ("capturable", "differentiable", "foreach", "fused", "last_epoch")  # change no number


def pieces(where: str, text: str, separator: str) -> list[str]:
    """Split a text at a separator, but not within brackets or quotes.

    Args:
        where: what is read, for messages.
        text: the text.
        separator: one character; ' ' stands for any white space, of which much counts as one.

    Raises:
        ValueError: a bracket or quote that is not closed.

    Example:
        >>> pieces("optimizer", "lr=0.1,betas=(0.9, 0.99)", ",")
        ['lr=0.1', 'betas=(0.9, 0.99)']
    """
    found, awaited = [""], ""
    for char in text:
        quoted = awaited[-1:] in ("'", '"')
        if awaited and char == awaited[-1]:
            awaited = awaited[:-1]
        elif not quoted and (char in _CLOSING or char in "'\""):
            awaited += _CLOSING.get(char, char)
        if not awaited and (char == separator or (separator == " " and char.isspace())):
            found.append("")
        else:
            found[-1] += char
    if awaited:
        raise ValueError(explain(where, got=repr(text), expected=f"a closing {awaited[-1]}"))
    found = [piece.strip() for piece in found]
    return [piece for piece in found if piece] if separator == " " else found


def read_name(where: str, text: str) -> tuple[str, dict[str, Any]]:
    """Return the name and the options of a text 'name:option=value,option=value'.

    A value is a number, true, false, none, a list or tuple of such, or else a word.

    Args:
        where: what is read, for messages.
        text: the text.

    Raises:
        ValueError: it is no such text.

    Example:
        >>> read_name("optimizer", "sgd:momentum=0.9,nesterov=true")
        ('sgd', {'momentum': 0.9, 'nesterov': True})
    """
    name, colon, rest = text.partition(":")
    options: dict[str, Any] = {}
    for piece in pieces(where, rest, ",") if colon else ():
        option, equals, value = (part.strip() for part in piece.partition("="))
        if not (equals and option.isidentifier() and value) or option in options:
            twice = f", with {option!r} twice" if option in options else ""
            expected = "'name' or 'name:option=value,option=value'"
            raise ValueError(explain(where, got=f"{text!r}{twice}", expected=expected))
        options[option] = plain(value)
    return name.strip(), options


def read_list(where: str, text: str) -> list[str]:
    """Return the names of a list 'mae,f1:average=micro,labels=[0,1],top5', with their options.

    Args:
        where: what is read, for messages.
        text: the list; a piece with '=' and without ':' before it belongs to the name before.

    Example:
        >>> read_list("metrics", "mae, f1:average=micro,labels=[0,1], top5")
        ['mae', 'f1:average=micro,labels=[0,1]', 'top5']
    """
    found: list[str] = []
    for piece in pieces(where, text, ","):
        if found and ":" in found[-1] and "=" in piece and ":" not in piece.partition("=")[0]:
            found[-1] += f",{piece}"
        else:
            found.append(piece)
    return found


def plain(text: str) -> Any:
    """Return the number, truth value, None, list or tuple that a text is, else the text."""
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what is nearly Python
            return ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        pass
    try:
        return float(text)  # inf
    except ValueError:
        return text


class Names:
    """Makers of parts by name.

    A name is found whatever its case, with or without underscores.

    Args:
        what: what the parts are, for messages.
        makers: name -> class or function.
        aliases: other name -> name; they are understood, but not listed.
        instead: what may be given in place of a name, for messages.
        suffix: what a name may end in besides, as torch's do: 'loss' or 'lr'.
        elsewhere: names that are no part of this kind -> what to do instead.
        given: the parameters of makers that are filled otherwise and are no options.

    Example:
        >>> from rushlight import nn
        >>> names = Names("loss", {"huber": nn.HuberLoss, "mse": nn.MSELoss}, suffix="loss")
        >>> names.make("HuberLoss:delta=0.5").delta
        0.5
    """

    def __init__(
        self,
        what: str,
        makers: Mapping[str, Any],
        aliases: Mapping[str, str] | None = None,
        *,
        instead: str = "",
        suffix: str = "",
        elsewhere: Mapping[str, str] | None = None,
        given: tuple[str, ...] = (),
    ) -> None:
        self.what, self.makers, self.instead = what, dict(makers), instead
        self._elsewhere = {_key(name): fix for name, fix in (elsewhere or {}).items()}
        self._given = (*given, *_UNSAID)
        self._keys = {_key(name): name for name in makers}
        self._keys |= {_key(other): name for other, name in (aliases or {}).items()}
        self._keys |= {key + suffix: name for key, name in self._keys.items()}

    def find(self, name: str) -> str:
        """Return the name in its own spelling, or say which there are."""
        key = _key(name)
        if key in self._keys:
            return self._keys[key]
        near = difflib.get_close_matches(key, self._keys, 1, 0.7)
        near = near or [other for other in self._keys if len(key) > 1 and other.startswith(key)]
        fix = f"did you mean {self._keys[near[0]]!r}?" if near else ""
        listed = f"one of {', '.join(map(repr, self.makers))}"
        raise ValueError(
            explain(
                self.what,
                got=repr(name),
                expected=f"{listed}, or {self.instead}" if self.instead else listed,
                fix=self._elsewhere.get(key, fix),
            )
        )

    def read(self, text: str) -> tuple[str, dict[str, Any]]:
        """Return the name in its own spelling and the options, all of which are known and fit.

        Args:
            text: 'name' or 'name:option=value,...'.

        Raises:
            ValueError: an unknown name or option (the known ones are listed), a value of another
                type.
        """
        name, options = read_name(self.what, text)
        name = self.find(name)
        known = self.options(name)
        for option, value in options.items():
            if option not in known:
                raise ValueError(
                    explain(
                        f"{self.what} {name!r}",
                        got=f"an option {option!r}",
                        expected=show_options(known),
                        fix=_nearest(option, known),
                    )
                )
            kind = str(known[option].annotation)
            if value is None and not _fits(kind, None) and _fits(kind, "none"):
                options[option] = "none"
            elif not _fits(kind, value):
                got = f"{option}={value!r}"
                raise ValueError(explain(f"{self.what} {name!r}", got=got, expected=_said(kind)))
            if kind.startswith("Tensor") and isinstance(value, list | tuple):
                options[option] = tensor(value).float()
        for option, parameter in known.items():
            if parameter.default is parameter.empty and option not in options:
                raise ValueError(
                    explain(
                        f"{self.what} {name!r}",
                        got=f"no {option}",
                        expected=show_options(known),
                        fix=f"write '{name}:{option}=...'",
                    )
                )
        return name, options

    def options(self, name: str) -> dict[str, inspect.Parameter]:
        """Return the options of a maker, from its signature."""
        parameters = inspect.signature(self.makers[name]).parameters
        return {option: p for option, p in parameters.items() if option not in self._given}

    def make(self, text: str, *args: Any, **more: Any) -> Any:
        """Return what the maker of a name makes.

        Args:
            text: 'name' or 'name:option=value,...'.
            args: its first arguments.
            more: further arguments; an option in the text goes before them.
        """
        name, options = self.read(text)
        return self.makers[name](*args, **{**more, **options})


def show_options(known: Mapping[str, inspect.Parameter]) -> str:
    """Return options and their defaults as text."""
    shown = [
        option if p.default is p.empty else f"{option}={p.default!r}" for option, p in known.items()
    ]
    return ", ".join(shown) if shown else "no options"


def _key(name: str) -> str:
    return "".join(char for char in name.lower() if char not in " _-")


def _nearest(word: str, known: Mapping[str, Any]) -> str:
    near = difflib.get_close_matches(word, known, 1, 0.6)
    return f"did you mean {near[0]!r}?" if near else ""


def _fits(kind: str, value: Any) -> bool:
    """Tell whether a value is of an annotated type; of types not known here, whether it is data."""
    kind = kind.strip()
    if kind.startswith("Literal"):
        return value in ast.literal_eval(kind.removeprefix("Literal"))
    choices = pieces("annotation", kind, "|")
    if len(choices) > 1:
        return any(_fits(choice, value) for choice in choices)
    name, bracket, inner = kind.partition("[")
    if bracket and name in ("tuple", "Sequence", "Iterable", "list"):
        if not isinstance(value, list | tuple):
            return False
        kinds = pieces("annotation", inner[:-1], ",")
        if name != "tuple" or kinds[-1:] == ["..."]:
            return all(_fits(kinds[0], each) for each in value)
        return len(kinds) == len(value) and all(map(_fits, kinds, value))
    if isinstance(value, bool):
        return kind in ("bool", "Any")
    return isinstance(value, _KINDS[kind]) if kind in _KINDS else not isinstance(value, str)


def _said(kind: str) -> str:
    if kind.startswith("Literal"):
        return "one of " + kind.removeprefix("Literal")[1:-1]
    return f"a value of type {kind.replace('Tensor', 'list').replace('Sequence', 'list')}"
