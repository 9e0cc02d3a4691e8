"""What a model is made of: a table of its layers and a drawing of its graph.

`Module.summary` calls `summarize`, which calls the model once (`watching.py`) and counts.
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rushlight.errors import explain
from rushlight.nn.module import Module
from rushlight.nn.summary.given import readings
from rushlight.nn.summary.graph import Graph, graph_of, shape_text
from rushlight.nn.summary.multiply_adds import UNCOUNTED, multiply_adds
from rushlight.nn.summary.watching import Watched, tensors_in, watch
from rushlight.tape import TensorBase

__all__ = ["Row", "Summary", "summarize"]


@dataclass(frozen=True)
class Row:
    """A layer in the table; where `depth` hides the layers below, their counts are in it.

    Attributes:
        path: its name in the model; '' is the model.
        kind: its class.
        depth: how many layers are around it.
        input, output: shapes of its first call, as text; dtypes where they are not floating.
        calls: how often it was called.
        trainable, frozen: numbers of parameters, each counted where it is met first.
        shared: number of parameters that were counted in a row above.
        multiply_adds: of all calls, without those of the layers below that have rows.
        note: what else is to be said, such as 'never called'.
    """

    path: str
    kind: str
    depth: int
    input: str
    output: str
    calls: int
    trainable: int
    frozen: int
    shared: int
    multiply_adds: int
    note: str

    @property
    def parameters(self) -> int:
        """Parameters that are counted here."""
        return self.trainable + self.frozen


@dataclass(frozen=True)
class Summary:
    """A model in numbers; `str()` is the table, `to_svg()` the drawing.

    Attributes:
        rows: the layers, as they stand in the model, siblings by their first call.
        graph: what goes where: nodes and edges with shapes.
        input, output: shapes of the model, as text.
        trainable, frozen: numbers of parameters; one that is shared counts once.
        multiply_adds: of products of matrices and convolutions (`multiply_adds.py`).
        parameter_bytes, buffer_bytes: memory of the state.
        activation_bytes: memory of the results of all ops in one call; views take none.
        uncounted: names of ops that ran and whose multiply-adds are not counted.

    Example:
        >>> import rushlight as rl
        >>> model = rl.nn.Sequential(rl.nn.Linear(4, 3), rl.nn.ReLU(), rl.nn.Linear(3, 2))
        >>> summary = model.summary((5, 4))
        >>> [(row.path, row.output, row.parameters) for row in summary.rows]
        [('', '(5, 2)', 0), ('0', '(5, 3)', 15), ('1', '(5, 3)', 0), ('2', '(5, 2)', 8)]
        >>> summary.multiply_adds
        90
    """

    rows: tuple[Row, ...]
    graph: Graph
    input: str
    output: str
    trainable: int
    frozen: int
    multiply_adds: int
    parameter_bytes: int
    buffer_bytes: int
    activation_bytes: int
    uncounted: tuple[str, ...]

    @property
    def parameters(self) -> int:
        """Number of all parameters."""
        return self.trainable + self.frozen

    def totals(self) -> list[tuple[str, str]]:
        """Return the lines below the table: what, and how much."""
        memory = f"parameters {_bytes(self.parameter_bytes)}"
        if self.buffer_bytes:
            memory += f", buffers {_bytes(self.buffer_bytes)}"
        found = [
            ("Parameters", f"{self.parameters:,}"),
            ("  trainable", f"{self.trainable:,}"),
            ("  frozen", f"{self.frozen:,}"),
            ("Multiply-adds", f"{self.multiply_adds:,}{_short(self.multiply_adds)}"),
            ("Memory", f"{memory}, activations {_bytes(self.activation_bytes)}"),
        ]
        if self.uncounted:
            found.append(("Not counted", f"multiply-adds of {', '.join(self.uncounted)}"))
        return found

    def __str__(self) -> str:
        lines = [_HEADER, *[_cells(row, name) for row, name in zip(
            self.rows, _tree(self.rows), strict=True)]]  # fmt: skip
        widths = [max(len(line[i]) for line in lines) for i in range(4)]
        text = [_line(line, widths) for line in lines]
        rule = "─" * max(map(len, text))
        wide = max(len(name) for name, _ in self.totals())
        below = [f"{name:<{wide}}  {value}" for name, value in self.totals()]
        above = f"Input {self.input}"
        return "\n".join([above, rule, text[0], rule, *text[1:], rule, *below])

    def _repr_html_(self) -> str:
        return self.to_html()

    def to_html(self, drawing: bool = True) -> str:
        """Return the table, and below it the drawing, as a piece of a page in its own style.

        Args:
            drawing: bool, whether to put the drawing below; default True.
        """
        head = "".join(f"<th>{cell}</th>" for cell in _HEADER[:4])
        body = "".join(_html_row(row) for row in self.rows)
        totals = "".join(
            f"<tr><th>{html.escape(name.strip())}</th><td>{html.escape(value)}</td></tr>"
            for name, value in self.totals()
        )
        picture = f"<details open><summary>Graph</summary>{self.to_svg()}</details>"
        return (
            f'<div class="rl-summary"><style>{_STYLE}</style>'
            f'<table class="rl-layers"><caption>Input {html.escape(self.input)}</caption>'
            f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
            f'<table class="rl-totals"><tbody>{totals}</tbody></table>'
            f"{picture if drawing else ''}</div>"
        )

    def to_page(self) -> str:
        """Return a whole page of HTML with the table and the drawing."""
        return (
            '<!doctype html><html lang="en"><head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width">'
            '<meta name="color-scheme" content="light dark">'
            f"<title>{html.escape(self.rows[0].kind)}</title></head>"
            f"<body>{self.to_html()}</body></html>"
        )

    def to_svg(self) -> str:
        """Return the drawing of the graph: a self-contained SVG for light and dark pages."""
        from rushlight.nn.summary.drawing import draw

        return draw(self.graph)


# ---- the table as text and as HTML

_HEADER = ("Layer", "Output", "Parameters", "Multiply-adds", "")


def _tree(rows: Sequence[Row]) -> list[str]:
    """Return the first column: names and classes with the branches of the tree before them."""
    found, open_ = [], [False] * (max(row.depth for row in rows) + 2)
    for row in reversed(rows):  # from below it is known whether a sibling follows
        more = open_[row.depth]
        bars = "".join("│  " if open_[d] else "   " for d in range(1, row.depth))
        branch = "" if not row.depth else bars + ("├─ " if more else "└─ ")
        name = f"{row.path.rpartition('.')[2]} " if row.path else ""
        found.append(f"{branch}{name}{row.kind}")
        open_[row.depth] = True
        open_[row.depth + 1 :] = [False] * (len(open_) - row.depth - 1)
    return found[::-1]


def _cells(row: Row, name: str) -> tuple[str, ...]:
    return (name, row.output or "-", _parameters(row), _count(row.multiply_adds), _remark(row))


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    name, output, parameters, count = (
        f"{cell:{side}{width}}" for cell, side, width in zip(cells, "<<>>", widths, strict=False)
    )
    return f"{name}  {output}  {parameters}  {count}  {cells[4]}".rstrip()


def _parameters(row: Row) -> str:
    return f"{row.parameters:,}" if row.parameters else "-"


def _count(n: int) -> str:
    return f"{n:,}" if n else "-"


def _remark(row: Row) -> str:
    remarks = []
    if row.calls > 1:
        remarks.append(f"called {row.calls} times")
    if row.frozen:
        remarks.append("frozen" if not row.trainable else f"{row.frozen:,} frozen")
    if row.shared:
        remarks.append(f"{row.shared:,} shared with a row above")
    return ", ".join([*remarks, row.note] if row.note else remarks)


def _html_row(row: Row) -> str:
    name = row.path.rpartition(".")[2]
    texts = [row.output or "-", _parameters(row), _count(row.multiply_adds)]
    remark = f"<small>{html.escape(_remark(row))}</small>" if _remark(row) else ""
    first = (
        f'<td style="padding-left:{0.6 + 1.3 * row.depth:.1f}em">'
        f"<b>{html.escape(name)}</b> {html.escape(row.kind)} {remark}</td>"
    )
    return f"<tr>{first}{''.join(f'<td>{html.escape(text)}</td>' for text in texts)}</tr>"


_STYLE = (
    ".rl-summary{font:14px/1.4 system-ui,sans-serif;overflow-x:auto}"
    ".rl-summary table{border-collapse:collapse;margin:0 0 1em}"
    ".rl-summary caption{text-align:left;padding:.3em .6em;opacity:.75}"
    ".rl-summary td,.rl-summary th{padding:.2em .6em;text-align:right;white-space:nowrap;"
    "border-bottom:1px solid rgba(128,128,128,.25);font-variant-numeric:tabular-nums}"
    ".rl-summary .rl-layers tr>:first-child,.rl-summary .rl-layers tr>:nth-child(2),"
    ".rl-summary .rl-totals tr>*{text-align:left}"
    ".rl-summary .rl-totals td{white-space:normal}"
    ".rl-summary small{opacity:.7}"
    ".rl-summary svg{max-width:100%;height:auto}"
)


def _bytes(n: int) -> str:
    """Return a number of bytes in the unit that suits it."""
    for unit, size in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if n >= size:
            return f"{n / size:.1f} {unit}"
    return f"{n} bytes"


def _short(n: int) -> str:
    """Return ' (1.81 G)' and the like for numbers that are long."""
    for unit, size in (("T", 10**12), ("G", 10**9), ("M", 10**6)):
        if n >= size:
            return f" ({n / size:.3g} {unit})" if n < 1000 * size else f" ({n / size:,.0f} {unit})"
    return ""


# ---- from a watched call to the numbers


def summarize(
    model: Module,
    input_shape: Any = None,
    *,
    input_data: Any = None,
    dtypes: Any = None,
    depth: int | None = None,
) -> Summary:
    """Return the table and the graph of a model; see `Module.summary`."""
    if depth is not None and (isinstance(depth, bool) or not isinstance(depth, int) or depth < 0):
        raise ValueError(
            explain("summary", got=f"depth={depth!r}", expected="an int >= 0, or None")
        )
    return _summary(_watched(model, readings(model, input_shape, input_data, dtypes)), depth)


def _watched(model: Module, tries: Sequence[Any]) -> Watched:
    """Call the model with the first input that it takes; else raise what the best one raised."""
    failed: list[tuple[int, str, Exception]] = []
    for args, kwargs in tries:
        try:
            return watch(model, args, kwargs)
        except Exception as error:
            finished, layer = getattr(error, "_rushlight_watched", (0, "it was not called"))
            failed.append((finished, layer, error))
    best = max(failed, key=lambda found: found[0])  # the first of equals
    for one, how in zip(failed, ("as it is", "with a batch of 1 before it"), strict=False):
        if one is not best:
            best[2].add_note(f"in summary: the shape was tried {how}, too: {one[1]}")
    best[2].add_note("in summary: dtypes= or input_data= say what else the model takes")
    raise best[2]


class _Counts:
    """What the rows add up."""

    def __init__(self, seen: Watched) -> None:
        self.adds: dict[Any, int] = {}
        self.first: dict[Any, Any] = {}
        self.calls: dict[Any, int] = {}
        self.used: set[int] = set()
        self.bytes = 0
        self.uncounted: dict[str, None] = {}
        for kind, what, around in seen.events:
            if kind == "enter":
                self.calls[what.module] = self.calls.get(what.module, 0) + 1
                self.first.setdefault(what.module, what)
            elif kind == "op":
                self.op(what, seen.model if around is None else around.module)

    def op(self, traced: Any, module: Any) -> None:
        op, args, _, outs, _ = traced
        self.adds[module] = self.adds.get(module, 0) + multiply_adds(traced)
        self.used.update(id(arg) for arg in args)
        if op.name in UNCOUNTED:
            self.uncounted[op.name] = None
        arrays = [x._array for x in args if isinstance(x, TensorBase)]
        for out in outs:
            if isinstance(out, TensorBase) and not _shared(out._array, arrays):
                self.bytes += out._array.nbytes


def _shared(array: Any, others: Sequence[Any]) -> bool:
    return any(array is other or np.may_share_memory(array, other) for other in others)


def _summary(seen: Watched, depth: int | None) -> Summary:
    counts = _Counts(seen)
    rows = _rows(seen, counts, depth)
    first = counts.first[seen.model]
    buffers = list(seen.model.buffers())
    return Summary(
        rows=tuple(rows),
        graph=graph_of(seen, depth),
        input=_given(first),
        output=rows[0].output,
        trainable=sum(row.trainable for row in rows),
        frozen=sum(row.frozen for row in rows),
        multiply_adds=sum(row.multiply_adds for row in rows),
        parameter_bytes=sum(p._array.nbytes for p in seen.model.parameters()),
        buffer_bytes=sum(buffer._array.nbytes for buffer in buffers),
        activation_bytes=counts.bytes,
        uncounted=tuple(counts.uncounted),
    )


def _shapes(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key}: {_shapes(item) or '-'}" for key, item in value.items())
    return ", ".join(shape_text(tensor) for tensor in tensors_in(value))


def _given(call: Any) -> str:
    return ", ".join(text for text in (_shapes(call.args), _shapes(call.kwargs)) if text)


def _rows(seen: Watched, counts: _Counts, depth: int | None) -> list[Row]:
    """Return a row for each layer down to `depth`, siblings in the order of their first calls."""
    started = {module: i for i, module in enumerate(counts.first)}
    met: set[int] = set()
    rows: list[Row] = []

    def children(module: Any) -> list[Any]:
        path = seen.paths[module]
        below = [
            child
            for name, child in module._modules.items()
            if child is not None and seen.paths[child] == (f"{path}.{name}" if path else name)
        ]
        return sorted(below, key=lambda child: _begun(child, started))

    def visit(module: Any, level: int) -> None:
        hidden = list(module.modules()) if level == depth else [module]
        rows.append(_row(module, level, hidden, seen, counts, met))
        if level != depth:
            for child in children(module):
                visit(child, level + 1)

    visit(seen.model, 0)
    return rows


def _begun(module: Any, started: dict[Any, int]) -> float:
    """Return when the module or one below it was first called."""
    return min((started.get(m, float("inf")) for m in module.modules()), default=float("inf"))


def _row(
    module: Any, level: int, members: list[Any], seen: Watched, counts: _Counts, met: set[int]
) -> Row:
    """Return the row of a module, with what `members`, itself and the hidden below, add up to."""
    sizes = {"trainable": 0, "frozen": 0, "shared": 0}
    for parameter in {id(p): p for m in members for p in m.parameters(recurse=False)}.values():
        kind = "trainable" if parameter.requires_grad else "frozen"
        sizes["shared" if id(parameter) in met else kind] += parameter._array.size
        met.add(id(parameter))
    call = counts.first.get(module)
    return Row(
        path=seen.paths[module],
        kind=module._get_name(),
        depth=level,
        input="" if call is None else _given(call),
        output="" if call is None else _shapes(call.result),
        calls=counts.calls.get(module, 0),
        multiply_adds=sum(counts.adds.get(m, 0) for m in members),
        note=_note(module, counts),
        **sizes,
    )


def _note(module: Any, counts: _Counts) -> str:
    if any(m in counts.first for m in module.modules()):
        return ""
    own = [id(p) for p in module.parameters()]
    if own and all(p in counts.used for p in own):
        return "its parameters are used around it"
    return "never called"
