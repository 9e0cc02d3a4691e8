"""A stack machine for the pickles that torch.save writes, which can build nothing but data.

It knows the opcodes that torch's own files use (pickle protocols 1 to 5) and refuses every other.
A name in a pickle is looked up in a table that the caller passes: nothing is imported, and what
the table gives is called only if it is one of its own functions.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any, NamedTuple, NoReturn, Protocol, TypeAlias

from rushlight.errors import FileFormatError
from rushlight.io.stored import refuse

__all__ = ["Machine", "Name", "Names"]

_DIGITS = 1024  # bytes of the longest integer
_TYPES = (str, int, float, bool, type(None), bytes)  # of dict keys
_KEY_PARTS = 8  # ... of which a tuple may have so many: a tuple is hashed anew each time
_TUPLES = 1000  # ... as keys in a pickle: their hashes can be made equal, and then time is squared
_LEVELS, _NEAR = 20, 8  # where the key of what is made is looked for: levels, and their last items
# What checks of arguments raise that did not expect one: of a Tensor's truth, a RuntimeError.
_FAILURES = (TypeError, ValueError, ArithmeticError, RuntimeError)
_FIX = "save a state dict of tensors, numbers and text: torch.save(model.state_dict(), path)"


class Name(NamedTuple):
    """A name that a pickle may use, and the function that stands for it."""

    text: str
    call: Callable[..., Any]  # takes where it is called, for errors, and the arguments


class Names(Protocol):
    """What a pickle may name, and what its objects are."""

    def find(self, module: str, name: str) -> Any:
        """Return what stands for a name, None if it may not be used."""

    def persistent(self, key: Any, where: str) -> Any:
        """Return what a persistent id means: a storage."""

    def build(self, target: Any, state: Any) -> bool:
        """Give an object its state, if it is one that takes this."""


class Machine:
    """Runs one pickle.

    Args:
        raw: the bytes, of which the pickle may be a part.
        start: where it begins.
        names: what it may name.
        where: how errors name the file.

    Attributes:
        at: where the next opcode is; after `run`, where the pickle ends.
    """

    def __init__(self, raw: memoryview, start: int, names: Names, where: str) -> None:
        self.raw, self.at, self.names, self.where = raw, start, names, where
        self.stack: list[Any] = []
        self.marks: list[list[Any]] = []
        self.memo: dict[int, Any] = {}
        self._opcode, self._tuples = start, 0

    def run(self) -> Any:
        """Return the object that the pickle describes.

        Raises:
            FileFormatError: it is damaged, or asks for anything that the machine does not do.
        """
        raw, end = self.raw, len(self.raw)
        try:
            while True:
                if self.at >= end:
                    self._refuse("an end of the data", "the opcode STOP")
                self._opcode, code = self.at, raw[self.at]
                self.at += 1
                if code == _STOP:
                    (value,) = self.stack
                    if self.marks:
                        self._refuse("a MARK that nothing ended", "none")
                    return value
                action = _ACTIONS.get(code)
                if action is None:
                    self._refuse(_opcode_name(code), "one that torch.save writes", _FIX)
                action(self)
        except FileFormatError:
            raise
        except (*_FAILURES, LookupError, struct.error) as error:
            self._refuse(f"{_opcode_name(raw[self._opcode])} that fails ({error})", "a sound one")

    def place(self) -> str:
        """Return where the object at hand will stand, by the keys that wait on the stack."""
        keys: list[str] = []
        for level in [*self.marks[-_LEVELS:], self.stack]:
            near = level[-_NEAR:]
            last = max((i for i, item in enumerate(near) if type(item) is str), default=-1)
            for i, key in enumerate(near[: last + 1]):  # a key waits, or a container behind it
                if type(key) is str and (i == last or isinstance(near[i + 1], dict | list)):
                    keys.append(key[:80])
        return ".".join(keys)[:200] or "the top"

    def _refuse(self, got: str, expected: str, *fix: str) -> NoReturn:
        here = f"{self.where}, its pickle at byte {self._opcode:,}"
        refuse(here, got, expected, *fix)

    # ---- bytes

    def _take(self, count: int) -> memoryview:
        start, self.at = self.at, self.at + count
        if count > len(self.raw) - start:
            self._refuse(f"{count:,} bytes of {len(self.raw) - start:,}", "those that are there")
        return self.raw[start : self.at]

    def _number(self, form: str) -> Any:
        return struct.unpack(form, self._take(struct.calcsize(form)))[0]

    def _line(self, longest: int = 256) -> str:
        part = bytes(self.raw[self.at : self.at + longest])
        text, end, _ = part.partition(b"\n")
        if not end:
            self._refuse("a line without an end", f"one of at most {longest} bytes")
        self.at += len(text) + 1
        return text.decode()

    def _text(self, count: int) -> None:
        self.stack.append(str(self._take(count), "utf-8", "surrogatepass"))

    def _bytes(self, count: int) -> None:
        self.stack.append(bytes(self._take(count)))

    def _long(self, count: int) -> None:
        if count > _DIGITS:
            self._refuse(f"an integer of {count:,} bytes", f"at most {_DIGITS}")
        self.stack.append(int.from_bytes(self._take(count), "little", signed=True))

    def _decimal(self) -> None:
        line = self._line(_DIGITS)
        if line in ("00", "01"):
            self.stack.append(line == "01")
        else:
            self.stack.append(int(line.removesuffix("L")))

    # ---- marks, memo

    def _mark(self) -> None:
        self.marks.append(self.stack)
        self.stack = []

    def _to_mark(self) -> list[Any]:
        items = self.stack
        self.stack = self.marks.pop()
        return items

    def _get(self, index: int) -> None:
        self.stack.append(self.memo[index])

    def _put(self, index: int) -> None:
        self.memo[index] = self.stack[-1]

    # ---- containers

    def _tuple(self, count: int) -> None:
        items = tuple(self.stack[-count:])
        if len(items) != count:
            raise IndexError("the stack is too short")
        self.stack[-count:] = [items]

    def _tuple_from_mark(self) -> None:
        items = tuple(self._to_mark())
        self.stack.append(items)

    def _extend(self, items: list[Any]) -> None:
        target = self.stack[-1]
        if type(target) is not list:
            self._refuse(f"items for a {type(target).__name__}", "for a list")
        target.extend(items)

    def _set_items(self, items: list[Any]) -> None:
        target = self.stack[-1]
        if not isinstance(target, dict):
            self._refuse(f"keys for a {type(target).__name__}", "for a dict")
        for key, value in zip(items[::2], items[1::2], strict=True):
            target[self.key(key)] = value

    def _add_items(self, items: list[Any]) -> None:
        target = self.stack[-1]
        if type(target) is not set:
            self._refuse(f"elements for a {type(target).__name__}", "for a set")
        target.update(map(self.key, items))

    def key(self, key: Any) -> Any:
        """Return a key or an element, if it is of a kind that is hashed at once."""
        parts = key if type(key) is tuple and len(key) <= _KEY_PARTS else (key,)
        for part in parts:
            if type(part) not in _TYPES or (type(part) is int and part.bit_length() > 64):
                self._refuse(f"a {type(part).__name__} as a key", "text, a small number, or such")
        if type(key) is tuple:
            self._tuples += 1
            if self._tuples > _TUPLES:
                self._refuse(f"more than {_TUPLES:,} tuples as keys", "text or numbers")
        return key

    # ---- names

    def _global(self, module: Any, name: Any) -> None:
        found = self.names.find(module, name) if type(module) is type(name) is str else None
        if found is None:
            full = f"{module}.{name}"[:120]
            self._refuse(
                f"the name {full!r} at {self.place()}",
                "a name of tensors or their containers",
                _FIX,
            )
        self.stack.append(found)

    def _stack_global(self) -> None:
        name, module = self.stack.pop(), self.stack.pop()
        self._global(module, name)

    def _reduce(self) -> None:
        args, function = self.stack.pop(), self.stack.pop()
        if not isinstance(function, Name) or type(args) is not tuple:
            self._refuse(f"a call of a {type(function).__name__}", "of a function by its name")
        where = f"{self.where}, at {self.place()}"
        try:
            self.stack.append(function.call(where, *args))
        except _FAILURES as error:
            if isinstance(error, FileFormatError):
                raise
            refuse(where, f"{function.text} with arguments that it does not take", "its own")

    def _persistent(self) -> None:
        key = self.stack.pop()
        where = f"{self.where}, at {self.place()}"
        self.stack.append(self.names.persistent(key, where))

    def _build(self) -> None:
        state = self.stack.pop()
        target = self.stack[-1]
        if not self.names.build(target, state):
            self._refuse(f"attributes for a {type(target).__name__}", "none", _FIX)

    def _frame(self) -> None:
        if self._number("<Q") > len(self.raw) - self.at:
            self._refuse("a frame beyond the end", "one inside the file")

    def _protocol(self) -> None:
        if (version := self._number("B")) > 5:
            self._refuse(f"pickle protocol {version}", "0 to 5")


def _opcode_name(code: int) -> str:
    """Return how Python calls an opcode."""
    from pickletools import opcodes

    names = [known.name for known in opcodes if ord(known.code) == code]
    return f"the opcode {names[0]}" if names else f"the unknown opcode 0x{code:02x}"


Action: TypeAlias = Callable[[Machine], None]


def _push(value: Any) -> Action:
    return lambda m: m.stack.append(value)


def _value(form: str) -> Action:
    return lambda m: m.stack.append(m._number(form))


def _sized(form: str, action: Callable[[Machine, int], None]) -> Action:
    """An opcode that is followed by a number, which `action` takes."""
    return lambda m: action(m, m._number(form))


_STOP = ord(b".")
_ACTIONS: dict[int, Action] = {
    code[0]: action
    for code, action in {
        # numbers, text, bytes
        b"N": _push(None),
        b"\x88": _push(True),
        b"\x89": _push(False),
        b"I": Machine._decimal,
        b"L": Machine._decimal,
        b"J": _value("<i"),
        b"K": _value("<B"),
        b"M": _value("<H"),
        b"G": _value(">d"),
        b"\x8a": _sized("<B", Machine._long),
        b"\x8b": _sized("<I", Machine._long),
        b"X": _sized("<I", Machine._text),
        b"\x8c": _sized("<B", Machine._text),
        b"\x8d": _sized("<Q", Machine._text),
        b"T": _sized("<I", Machine._text),  # text of Python 2
        b"U": _sized("<B", Machine._text),
        b"B": _sized("<I", Machine._bytes),
        b"C": _sized("<B", Machine._bytes),
        b"\x8e": _sized("<Q", Machine._bytes),
        b"\x96": lambda m: m.stack.append(bytearray(m._take(m._number("<Q")))),
        # containers
        b"]": lambda m: m.stack.append([]),
        b"}": lambda m: m.stack.append({}),
        b"\x8f": lambda m: m.stack.append(set()),
        b")": _push(()),
        b"\x85": lambda m: m._tuple(1),
        b"\x86": lambda m: m._tuple(2),
        b"\x87": lambda m: m._tuple(3),
        b"t": Machine._tuple_from_mark,
        b"a": lambda m: m._extend([m.stack.pop()]),
        b"e": lambda m: m._extend(m._to_mark()),
        b"s": lambda m: m._set_items([m.stack.pop(-2), m.stack.pop()]),
        b"u": lambda m: m._set_items(m._to_mark()),
        b"\x90": lambda m: m._add_items(m._to_mark()),
        # stack and memo
        b"(": Machine._mark,
        b"q": _sized("<B", Machine._put),
        b"r": _sized("<I", Machine._put),
        b"\x94": lambda m: m._put(len(m.memo)),
        b"h": _sized("<B", Machine._get),
        b"j": _sized("<I", Machine._get),
        # names and what they make
        b"c": lambda m: m._global(m._line(), m._line()),
        b"\x93": Machine._stack_global,
        b"R": Machine._reduce,
        b"b": Machine._build,
        b"Q": Machine._persistent,
        b"\x80": Machine._protocol,
        b"\x95": Machine._frame,
    }.items()
}
