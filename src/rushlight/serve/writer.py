"""A graph as the text of model.py: imports, the functions it needs, and a straight-line predict."""

from __future__ import annotations

import builtins
import hashlib
import json
import keyword
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rushlight.arrays import Array
from rushlight.graph import Graph, Node, Size, Value
from rushlight.graph.structure import Repeated
from rushlight.ops.contract import OPS
from rushlight.ops.interpolate import Taps
from rushlight.serve.ops import WITH_CHECK, function_of
from rushlight.serve.pieces import PIECES
from rushlight.serve.pieces.outside import OUTSIDE
from rushlight.serve.source import Library, NotPortable

__all__ = ["UNKNOWN", "Written", "unsupported", "write"]

_WIDTH = 96
UNKNOWN = "01234567"  # the fingerprint before it is known
_HERE = "rushlight.serve.pieces"
_GUIDE = """predict, at the end of the file, is the model: a call for each layer, `h` handed on
from one to the next. Above it stand the functions that it calls.
"""


@dataclass
class Written:
    """What a folder is made of.

    Attributes:
        code: the text of model.py, with UNKNOWN where the header's checksum is to stand.
        weights: the arrays of weights.safetensors, as they lie in the file.
        digest: of both; the header has it, so that files of two exports are not mixed up.
    """

    code: str
    weights: dict[str, Array]
    digest: str


def unsupported(graph: Graph) -> list[str]:
    """Return a line for each call that cannot be written for NumPy alone: op, place, reason."""
    found: dict[str, None] = {}
    library = Library(PIECES)
    for node in graph.nodes:
        try:
            function_of(library, node.op)
        except NotPortable as error:
            found[f"{node.op} in {node.where or 'the model'}: {error}"] = None
    return list(found)


class Writer:
    """Writes one graph.

    Args:
        graph: the graph.
        labels: what each layer is, by its path.
        grids: for each node whose first input is rounded to bytes, the scale and the range.
        scales: for each weight that is stored in int8, the scales of its output channels.
        observe: let predict note what the inputs of linear layers and convolutions are.
    """

    def __init__(
        self,
        graph: Graph,
        labels: Mapping[str, str],
        grids: Mapping[Node, tuple[float, int, int]] | None = None,
        scales: Mapping[Value, Array] | None = None,
        observe: Mapping[Node, str] | None = None,
    ) -> None:
        self.graph, self.labels = graph, labels
        self.grids, self.scales, self.observe = grids or {}, scales or {}, observe or {}
        self.library = Library(PIECES)
        self.users = graph.users()
        self.weights: dict[str, Array] = {}
        self.turned: dict[str, tuple[int, ...]] = {}
        self.names: dict[Value, str] = {}
        self.maps: dict[Taps, tuple[str, str]] = {}  # the name of each, and the line that makes it
        self.lines: list[str] = []

    def write(self, title: str) -> Written:
        """Return the folder's code and weights.

        Args:
            title: the first line of the file's docstring.
        """
        body = self._body()
        runtime = [
            self.library.function(f"{_HERE}.weights", "read_weights"),
            self.library.function(f"{_HERE}.inputs", "checked_inputs"),
            self.library.function(f"{_HERE}.command", "main"),
        ]
        assert runtime == ["read_weights", "checked_inputs", "main"]
        if self.scales:
            self.library.function(f"{_HERE}.eight_bits", "from_bytes")
        self.library.imports |= {"import os", "import sys", "from typing import Any"}
        head = "\n".join(_imports(self.library.imports))
        code = (
            f'"""{title}\n\n{_GUIDE}"""\n\nfrom __future__ import annotations\n\n{head}\n\n'
            f'FINGERPRINT = "{UNKNOWN}"  # of the header of weights.safetensors\n'
            f"{self._tables()}\n\n"
            f"# ---- functions: the reader, then the arithmetic\n\n\n{self.library.text()}\n\n\n"
            f"# ---- the model\n\n{self._load()}\n\n\n{self._predict(body)}\n\n\n{self._end()}"
        )
        digest = hashlib.sha256(code.encode())
        for name, array in sorted(self.weights.items()):
            digest.update(name.encode() + array.tobytes())
        return Written(code, self.weights, digest.hexdigest())

    # ---- constants at the head and the end

    def _tables(self) -> str:
        rows = []
        for value in self.graph.inputs:
            shape = tuple(_axis_name(size) for size in value.shape)
            rows.append(f'    "{value.name}": ("{value.dtype.name}", {_literal(shape)}),')
        text = "INPUTS = {  # name: dtype and shape; a named axis may have any size\n"
        text += "\n".join(rows) + "\n}"
        if self.turned:
            text += (
                "\nTURNED = {  # how the axes of weights go from the file's order to the layer's\n"
            )
            text += "".join(f'    "{name}": {axes},\n' for name, axes in self.turned.items()) + "}"
        return text

    def _load(self) -> str:
        lines = [
            "FOLDER = os.path.dirname(os.path.abspath(__file__))",
            'W = read_weights(os.path.join(FOLDER, "weights.safetensors"), FINGERPRINT)',
        ]
        if self.scales:
            lines += [
                "for _name in [name for name in W if name.endswith(SCALE)]:",
                "    _weight = _name.removesuffix(SCALE)",
                "    W[_weight] = from_bytes(W[_weight], W.pop(_name))",
            ]
            lines.insert(0, 'SCALE = ".scale"')
        if self.turned:
            lines += [
                "for _name, _axes_of in TURNED.items():",
                "    W[_name] = W[_name].transpose(_axes_of)",
            ]
        return "\n".join([*lines, *(line for _, line in self.maps.values())])

    def _end(self) -> str:
        inputs, outputs = len(self.graph.inputs), len(self.graph.outputs)
        return (
            'if __name__ == "__main__":\n'
            f"    sys.exit(main(sys.argv[1:], predict, {inputs}, {outputs}, FOLDER))\n"
        )

    # ---- predict

    def _predict(self, body: list[str]) -> str:
        names = [self.names[value] for value in self.graph.inputs]
        pairs = zip(names, self.graph.inputs, strict=True)
        told = [f"        {name}: {v.dtype.name} {_told(v)}." for name, v in pairs]
        result = [f"        {v.dtype.name} {_told(v)}" for v in self.graph.outputs]
        unpacked = f"{', '.join(names)}," if len(names) == 1 else ", ".join(names)
        sizes = sorted(
            {s for line in body for s in self.graph.sizes if re.search(rf"\b{s}\b", line)}
        )
        lines = [
            f"def predict({', '.join(f'{n}: Any' for n in names)}) -> Any:",
            '    """Return what the model returns, as NumPy arrays.',
            "",
            "    Args:",
            *told,
            "",
            "    Returns:",
            *result,
            '    """',
            f"    ({unpacked}), {'sizes' if sizes else '_'} = checked_inputs(({unpacked}), INPUTS)",
            *[f'    {size} = sizes["{size}"]' for size in sizes],
            '    with np.errstate(all="ignore"):  # inf and nan are values',
            *[f"        {line}" if line else "" for line in body],
        ]
        return "\n".join(lines)

    def _body(self) -> list[str]:
        for value in self.graph.inputs:
            self.names[value] = self._local("x" if value.name == "input" else value.name)
        self.next_users = self._last_uses()
        where: str | None = None
        for i, node in enumerate(self.graph.nodes):
            if node.where != where:
                where = node.where
                label = self.labels.get(where, "")
                self.lines.append(
                    f"# {where or 'the model'}{': ' if label else ''}{label}"[:_WIDTH]
                )
            self._call(i, node)
        returned = _literal(self.graph.result, self._returned)
        self.lines += [f"return {returned}"]
        return self.lines

    def _returned(self, value: Value) -> str:
        return f"np.ascontiguousarray({self._name(value)})" if value.shape else self._name(value)

    def _last_uses(self) -> dict[int, list[Value]]:
        """Return the values that each node is the last to read."""
        last: dict[Value, int] = {}
        for i, node in enumerate(self.graph.nodes):
            for value in node.operands():
                last[value] = i
        found: dict[int, list[Value]] = {}
        for value, i in last.items():
            if value.kind == "node" and value not in self.graph.outputs and value.array is None:
                found.setdefault(i, []).append(value)
        return found

    def _call(self, i: int, node: Node) -> None:
        function = function_of(self.library, node.op)
        arguments = [self._text(v) for v in node.inputs]
        if node in self.grids:
            scale, low, high = self.grids[node]
            grid = self.library.function(f"{_HERE}.eight_bits", "on_grid")
            arguments[0] = f"{grid}({arguments[0]}, {scale!r}, {low}, {high})"
        if node in self.observe:
            seen = self.library.function(f"{_HERE}.observing", "observed")
            arguments[0] = f"{seen}({arguments[0]}, {self.observe[node]!r})"
        arguments += [f"{key}={self._text(v)}" for key, v in node.options.items()]
        if node.op in WITH_CHECK:
            check = self.library.function(*WITH_CHECK[node.op])
            self.lines.append(f"{check}({', '.join(arguments)})")
        targets: list[str] = []
        for value in node.outputs:
            targets.append(self._target(i, value, node, "h" in targets))
        several = len(targets) > 1 or node.op == "split"
        left = ", ".join(targets) + ("," if several and len(targets) == 1 else "")
        self.lines += _wrapped(left, function, arguments)
        gone = [self.names[v] for v in self.next_users.get(i, []) if v in self.names]
        gone = [n for n in gone if n not in targets and n != "h"]
        if gone and i < len(self.graph.nodes) - 1:
            self.lines.append(f"del {', '.join(gone)}")

    def _target(self, i: int, value: Value, node: Node, taken: bool) -> str:
        """Return a name for what a node makes: `h`, if not taken, for what the next alone reads."""
        users = self.users.get(value, [])
        if not users and value not in self.graph.outputs:
            return "_"
        following = self.graph.nodes[i + 1] if i + 1 < len(self.graph.nodes) else None
        passing = all(user is following for user in users) and value not in self.graph.outputs
        last = following is None and self.graph.outputs == (value,)
        name = "h" if (passing or last) and not taken else self._local(node.where or node.op)
        self.names[value] = name
        return name

    def _local(self, wanted: str) -> str:
        """Return a variable's name that is not in use."""
        stem = re.sub(r"\W+", "_", wanted).strip("_") or "x"
        stem = f"layer_{stem}" if stem[0].isdigit() or keyword.iskeyword(stem) else stem
        used = {
            *self.names.values(),
            *self.library.taken,
            *self.graph.sizes,
            "W",
            "h",
            "_",
            "sizes",
        }
        used |= {*dir(builtins), *OPS, *OUTSIDE, "INPUTS", "FOLDER", "TURNED", "predict"}
        name, number = stem, 1
        while name in used:
            number += 1
            name = f"{stem}_{number}"
        return name

    # ---- values and options

    def _name(self, value: Value) -> str:
        if value not in self.names:
            self._store(value)
            self.names[value] = f'W["{value.name}"]'
        return self.names[value]

    def _store(self, value: Value) -> None:
        """Put an array into the file, in the order in which the kernels read it."""
        if value.array is None:
            raise NotPortable(f"{value!r} has no elements")
        array = np.asarray(value.array)
        axes = self._order(value)
        stored = array if axes is None else array.transpose(axes)
        if axes is not None:
            self.turned[value.name] = tuple(int(i) for i in np.argsort(axes))
        if value in self.scales:
            scale = self.scales[value].reshape(-1, *(1,) * (array.ndim - 1))
            scale = scale if axes is None else scale.transpose(axes)
            self.weights[f"{value.name}.scale"] = np.ascontiguousarray(scale, np.float32)
            whole = np.rint(np.asarray(stored, np.float64) / scale)
            stored = np.clip(whole, -127, 127).astype(np.int8)
        self.weights[value.name] = np.ascontiguousarray(stored)

    def _order(self, value: Value) -> tuple[int, ...] | None:
        """Return the axes of a convolution's weight as its kernel wants them: (*K, C, F)."""
        users = self.users.get(value, [])
        conv = users and all(
            u.op == "conv" and u.inputs[1] is value and u.options["groups"] == 1 for u in users
        )
        return (*range(2, len(value.shape)), 1, 0) if conv else None

    def _text(self, plain: Any) -> str:
        return _literal(plain, self._name, self._object)

    def _object(self, plain: Any) -> str:
        """Return an expression for an object among the options."""
        if isinstance(plain, Taps):
            return self._taps(plain)
        raise NotPortable(f"an option of type {type(plain).__name__}")

    def _taps(self, taps: Taps) -> str:
        """Write the map of a resampling down as its entries."""
        if taps in self.maps:
            return self.maps[taps][0]
        known = f"MAP_{len(self.maps) + 1}"
        made = self.library.function("rushlight.ops.interpolate", "Taps")
        parts = []
        for part, array in zip(("rows", "cols", "weights"), taps.entries, strict=True):
            if array is None:
                parts.append("None")
                continue
            self.weights[f"{known.lower()}.{part}"] = np.ascontiguousarray(array)
            parts.append(f'W["{known.lower()}.{part}"]')
        text = f"{known} = {made}({', '.join(parts)}, {taps.size_out}, {taps.size_in})"
        self.maps[taps] = known, text
        return known


def write(graph: Graph, title: str, labels: Mapping[str, str], **how: Any) -> Written:
    """Return model.py and its weights; see `Writer`."""
    return Writer(graph, labels, **how).write(title)


def _imports(lines: set[str]) -> Iterator[str]:
    """Sort imports: the standard library, then NumPy; names of one module on one line."""
    plain = sorted(line for line in lines if line.startswith("import ") and "numpy" not in line)
    taken: dict[str, list[str]] = {}
    for line in lines:
        if line.startswith("from "):
            _, module, _, name = line.split(" ", 3)
            taken.setdefault(module, []).append(name)
    joined = {m: f"from {m} import {', '.join(sorted(names))}" for m, names in taken.items()}
    yield from plain
    yield from (joined[m] for m in sorted(joined) if not m.startswith("numpy"))
    yield ""
    yield from sorted(line for line in lines if line.startswith("import numpy"))
    yield from (joined[m] for m in sorted(joined) if m.startswith("numpy"))


def _axis_name(size: Any) -> Any:
    return size.symbols[0] if isinstance(size, Size) and size.symbols else size


def _told(value: Value) -> str:
    return f"({', '.join(map(str, value.shape))}{',' if len(value.shape) == 1 else ''})"


def _literal(plain: Any, name: Any = repr, other: Any = repr) -> str:
    """Return a nested option as Python writes it."""
    if isinstance(plain, Value):
        return str(name(plain))
    if isinstance(plain, Size):
        if not plain.symbols:
            raise NotPortable(f"the size {plain}, of which no formula is known")
        return str(plain)
    if isinstance(plain, float) and not math.isfinite(plain):
        return "np.nan" if plain != plain else "np.inf" if plain > 0 else "-np.inf"
    if isinstance(plain, slice):
        ends = (plain.start, plain.stop, plain.step)
        return f"slice({', '.join(_literal(end, name, other) for end in ends)})"
    if isinstance(plain, np.dtype):
        return f"np.{plain.name}" if plain.kind != "b" else "np.bool_"
    if plain is Ellipsis:
        return "..."
    if isinstance(plain, dict):
        rows = [f"{json.dumps(k)}: {_literal(v, name, other)}" for k, v in plain.items()]
        return f"{{{', '.join(rows)}}}"
    if isinstance(plain, Repeated):
        return f"({_literal(plain.item, name, other)},) * ({_literal(plain.times, name, other)})"
    if isinstance(plain, (tuple, list)):
        parts = [_literal(part, name, other) for part in plain]
        if len(parts) > 4 and len(set(parts)) == 1:
            return f"({parts[0]},) * {len(parts)}"
        inner = ", ".join(parts) + ("," if len(parts) == 1 and isinstance(plain, tuple) else "")
        return f"[{inner}]" if type(plain) is list else f"({inner})"
    if isinstance(plain, str):
        return json.dumps(plain)
    if plain is None or isinstance(plain, (bool, int, float)):
        return repr(plain)
    return str(other(plain))


def _wrapped(left: str, function: str, arguments: Sequence[str]) -> list[str]:
    """Return `left = function(...)` in lines that are not too long, the arguments on their own."""
    line = f"{left} = {function}({', '.join(arguments)})"
    if len(line) <= _WIDTH - 8:
        return [line]
    lines = [f"{left} = {function}("]
    row = "   "
    for argument in arguments:
        if len(row) + len(argument) + 2 > _WIDTH - 8 and row.strip():
            lines.append(row)
            row = "   "
        row += f" {argument},"
    return [*lines, row, ")"]
