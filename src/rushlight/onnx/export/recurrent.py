"""Recurrent layers as ONNX's RNN, LSTM and GRU; with a projection as a Scan over the steps.

The ops run over packed rows (M, K), ONNX over (T, N, K). Where all steps have as many rows the one
is the other reshaped; else each sequence is laid out to the longest one, and ONNX told the lengths.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from rushlight.graph import Node, Size, Value
from rushlight.graph.structure import Repeated
from rushlight.onnx.export.pieces import fixed, known, squeezed, turned, unsqueezed
from rushlight.onnx.export.table import Inexpressible, row
from rushlight.onnx.export.writer import Writer

__all__ = ["gru", "lstm", "rnn"]

# where the gates of ONNX lie among torch's
_LSTM = (0, 3, 1, 2)  # input, output, forget, cell <- input, forget, cell, output
_GRU = (1, 0, 2)  # update, reset, hidden <- reset, update, hidden


class _Steps(NamedTuple):
    """Packed rows laid out as (T, N, K)."""

    x: str
    lengths: str  # of the sequences; "" where all are of the same
    valid: Any  # bool (T, N): which cells hold a row; None where all do


def _laid_out(to: Writer, node: Node) -> _Steps:
    x, sizes = node.inputs[0], node.options["sizes"]
    if isinstance(sizes, Repeated) or len(set(sizes)) == 1:
        batch, steps = sizes if isinstance(sizes, Repeated) else (sizes[0], len(sizes))
        return _Steps(to.reshape(to.read(x), [steps, batch, x.shape[1]]), "", None)
    if any(isinstance(n, Size) for n in sizes):
        raise Inexpressible("a packed sequence whose sizes may change")
    valid = np.arange(sizes[0]) < np.asarray(sizes)[:, None]  # (T, N)
    place = np.where(valid, np.cumsum(valid).reshape(valid.shape) - 1, 0)
    lengths = known(to, valid.sum(0).astype(np.int32))
    return _Steps(to.add("Gather", [to.read(x), known(to, place)], axis=0), lengths, valid)


def _packed(to: Writer, steps: _Steps, y: str, width: int) -> str:
    """(T, N, H) -> (M, H)"""
    rows = to.add("Reshape", [y, to.ints(-1, width)])
    if steps.valid is None:
        return rows
    return to.add("Gather", [rows, known(to, np.flatnonzero(steps.valid))], axis=0)


def _rows(count: int, order: tuple[int, ...]) -> Any:
    """Return the rows of a weight or bias with the gates in ONNX's order."""
    return np.concatenate([np.arange(count * gate, count * (gate + 1)) for gate in order])


def _weight(to: Writer, value: Value, order: tuple[int, ...]) -> str:
    """(gates * H, K) -> (1, gates * H, K)"""
    rows = _rows(fixed(value.shape[0], "gates of size") // len(order), order)
    if value.array is not None:
        return _initial(to, value, value.array[rows][None])
    return unsqueezed(to, to.add("Gather", [to.read(value), known(to, rows)], axis=0), 0)


def _bias(to: Writer, given: tuple[Any, Any], size: int, order: tuple[int, ...], dtype: Any) -> str:
    """Return both biases side by side, (1, 2 * gates * H); "" where there are none."""
    there = [b for b in given if b is not None]
    if not there:
        return ""
    rows, zeros = _rows(size, order), np.zeros(len(order) * size, dtype)
    if all(b.array is not None for b in there):
        parts = [zeros if b is None else b.array[rows] for b in given]
        return _initial(to, there[0], np.concatenate(parts)[None])
    names = [
        known(to, zeros) if b is None else to.add("Gather", [to.read(b), known(to, rows)], axis=0)
        for b in given
    ]
    return unsqueezed(to, to.add("Concat", names, axis=0), 0)


def _initial(to: Writer, value: Value, array: Any) -> str:
    """Add an initializer whose name tells of what it was made."""
    name = f"{value.name}.rearranged"
    return to.initial(Value(name, array.shape, array.dtype, "constant", array))


def _run(
    to: Writer, node: Node, kind: str, order: tuple[int, ...], states: int, **attributes: Any
) -> tuple[str, ...]:
    x, *rest = node.inputs
    first, (w_ih, w_hh, b_ih, b_hh) = rest[:states], rest[states : states + 4]
    hidden = w_hh.shape[1]
    steps = _laid_out(to, node)
    found = to.several(
        kind,
        [
            steps.x,
            _weight(to, w_ih, order),
            _weight(to, w_hh, order),
            _bias(to, (b_ih, b_hh), hidden, order, x.dtype),
            steps.lengths,
            *[unsqueezed(to, to.read(state), 0) for state in first],
        ],
        1 + states,
        hidden_size=hidden,
        direction="reverse" if node.options["reverse"] else "forward",
        **attributes,
    )
    y, *last = found
    return _packed(to, steps, y, hidden), *[squeezed(to, state, 0) for state in last]


@row("rnn")
def rnn(to: Writer, node: Node) -> tuple[str, ...]:
    activation = "Relu" if node.options["relu"] else "Tanh"
    return _run(to, node, "RNN", (0,), 1, activations=[activation])


@row("gru")
def gru(to: Writer, node: Node) -> tuple[str, ...]:
    return _run(to, node, "GRU", _GRU, 1, linear_before_reset=1)


@row("lstm")
def lstm(to: Writer, node: Node) -> tuple[str, ...]:
    if node.inputs[7] is None:
        return _run(to, node, "LSTM", _LSTM, 2)
    return _projected(to, node)


# ---- LSTM with a projection, which ONNX's has not: the steps as the body of a Scan


def _projected(to: Writer, node: Node) -> tuple[str, ...]:
    """h' = W_hr (o tanh(c')): the gates' part of the input is one product, before the Scan."""
    h0, c0, w_ih, w_hh, b_ih, b_hh, w_hr = node.inputs[1:]
    steps = _laid_out(to, node)
    gates = to.add("MatMul", [steps.x, turned(to, w_ih)])
    for bias in (b_ih, b_hh):
        gates = gates if bias is None else to.add("Add", [gates, to.read(bias)])
    scanned = [gates]
    if steps.valid is not None:
        scanned.append(known(to, steps.valid[:, :, None]))
    captured = turned(to, w_hh), turned(to, w_hr)
    body = _step(to, captured, node, steps.valid is not None)
    backward = int(node.options["reverse"])
    h, c, y = to.several(
        "Scan",
        [to.read(h0), to.read(c0), *scanned],
        3,
        body=body,
        num_scan_inputs=len(scanned),
        scan_input_directions=[backward] * len(scanned),
        scan_output_directions=[backward],
    )
    return _packed(to, steps, y, w_hr.shape[0]), h, c


def _step(to: Writer, captured: tuple[str, str], node: Node, masked: bool) -> Any:
    """Return the graph of one step: (h, c, gates[, valid]) -> (h', c', h')."""
    from onnx import helper

    def one(op: str, made: str, *given: str, **attributes: Any) -> None:
        nodes.append(helper.make_node(op, given, [made], **attributes))

    nodes: list[Any] = []
    w_hh, w_hr = captured
    one("MatMul", "from_h", "h", w_hh)
    one("Add", "sums", "gates", "from_h")
    parts = ["i", "f", "g", "o"]
    nodes.append(helper.make_node("Split", ["sums"], parts, axis=-1, num_outputs=4))
    for gate, function in (("i", "Sigmoid"), ("f", "Sigmoid"), ("g", "Tanh"), ("o", "Sigmoid")):
        one(function, f"{gate}_on", gate)
    one("Mul", "kept", "f_on", "c")
    one("Mul", "new", "i_on", "g_on")
    one("Add", "cell", "kept", "new")
    one("Tanh", "level", "cell")
    one("Mul", "wide", "o_on", "level")
    one("MatMul", "state", "wide", w_hr)
    final = ["state", "cell"]
    if masked:  # a sequence that has ended, or not begun from behind, keeps its state
        for i, (name, before) in enumerate((("state", "h"), ("cell", "c"))):
            final[i] = f"{name}_kept"
            one("Where", final[i], "valid", name, before)
    one("Identity", "y", final[0])
    dtype = helper.np_dtype_to_tensor_dtype(node.inputs[0].dtype)
    kinds = [("h", dtype), ("c", dtype), ("gates", dtype)]
    kinds += [("valid", helper.np_dtype_to_tensor_dtype(np.dtype(bool)))] if masked else []
    inputs = [helper.make_tensor_value_info(name, kind, None) for name, kind in kinds]
    outputs = [helper.make_tensor_value_info(name, dtype, None) for name in (*final, "y")]
    return helper.make_graph(nodes, to.unique("lstm_step"), inputs, outputs)
