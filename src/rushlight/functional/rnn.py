"""Recurrent layers and cells under torch's names.

A sequence goes through the layers packed: rows (M, K), those of step 0 first, `sizes` in each step.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rushlight.errors import ShapeError, explain
from rushlight.functional.dropout import drop_steps
from rushlight.functional.shaping import cat, stack
from rushlight.ops import rnn as ops
from rushlight.tape import TensorBase, apply

if TYPE_CHECKING:
    from rushlight.tensor.tensor import Tensor

__all__ = [
    "gru",
    "gru_cell",
    "lstm",
    "lstm_cell",
    "rnn_relu",
    "rnn_relu_cell",
    "rnn_tanh",
    "rnn_tanh_cell",
]

Sizes = tuple[int, ...]
States = Sequence[Any]

# mode -> (op, its options, how many states it has)
MODES: dict[str, tuple[Any, dict[str, Any], int]] = {
    "RNN_TANH": (ops.rnn, {"relu": False}, 1),
    "RNN_RELU": (ops.rnn, {"relu": True}, 1),
    "LSTM": (ops.lstm, {}, 2),
    "GRU": (ops.gru, {}, 1),
}


def _arguments(mode: str, weights: Sequence[Any], biases: bool) -> list[Any]:
    """Return the arguments of the op behind the states: absent biases and projection are None."""
    found = list(weights)
    if not biases:
        found[2:2] = [None, None]
    return found + [None] * (5 - len(found)) if mode == "LSTM" else found


def run_layers(
    mode: str,
    rows: Tensor,
    sizes: Sizes,
    states: States,
    weights: Sequence[Sequence[Any]],
    biases: bool,
    dropout: float,
    train: bool,
    directions: int,
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """Run packed rows through all layers.

    Args:
        mode: a key of MODES.
        rows: (M, K).
        sizes: how many rows each step has.
        states: initial h (and c), each (layers * directions, N, H).
        weights: those of each layer and direction, in torch's order.
        biases: whether there are biases among them.
        dropout, train: probability of a zero between layers, in training.
        directions: 1, or 2 for a second one from the last step to the first.

    Returns:
        the rows of the last layer (M, directions * H), and the final states.
    """
    op, options, _ = MODES[mode]
    finals: list[Any] = []
    for k in range(0, len(weights), directions):
        if k and train and dropout:
            rows = drop_steps(rows, dropout, sizes)
        outputs = []
        for i in range(directions):
            y, *last = apply(
                op,
                (rows, *[s[k + i] for s in states], *_arguments(mode, weights[k + i], biases)),
                {"sizes": sizes, "reverse": i == 1, **options},
            )
            outputs.append(y)
            finals.append(last)
        rows = outputs[0] if directions == 1 else cat(outputs, 1)
    if len(finals) == 1:
        return rows, tuple(state.unsqueeze(0) for state in finals[0])
    return rows, tuple(stack(states) for states in zip(*finals, strict=True))


def run_padded(
    mode: str, input: Tensor, states: States, *args: Any, batch_first: bool
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """Run (T, N, K), or (N, T, K) with `batch_first`, through all layers; the rest is that of
    `run_layers`."""
    x = input.transpose(0, 1) if batch_first else input
    steps, n, k = x.shape
    rows, finals = run_layers(mode, x.reshape(steps * n, k), (n,) * steps, states, *args)
    y = rows.reshape(steps, n, rows.shape[1])
    return (y.transpose(0, 1) if batch_first else y), finals


# ---- torch's functions of sequences


def _grouped(
    where: str, params: Sequence[Any], biases: bool, projected: bool, layers: int, directions: int
) -> list[Sequence[Any]]:
    """Cut a flat list of weights into those of each layer and direction."""
    each = (4 if biases else 2) + projected
    if len(params) != each * layers * directions:
        raise ShapeError(
            explain(
                where,
                got=f"{len(params)} params",
                expected=f"{each} for each of {layers} layers and {directions} directions",
            )
        )
    return [params[k : k + each] for k in range(0, len(params), each)]


def _run(where: str, mode: str, args: tuple[Any, ...]) -> tuple[Tensor, ...]:
    """Tell torch's two signatures apart: a packed sequence has batch sizes in the second place."""
    if len(args) != 9:
        raise TypeError(explain(where, got=f"{len(args)} arguments", expected="9, by position"))
    two = MODES[mode][2] == 2
    packed = isinstance(args[1 if two else 2], TensorBase)
    hx, params, biases, layers, dropout, train, bidirectional = args[2:] if packed else args[1:8]
    states = tuple(hx) if two else (hx,)
    if len(states) != MODES[mode][2]:
        raise ShapeError(explain(where, got=f"{len(states)} states", expected="h and c"))
    projected = two and states[0].shape[-1] != states[1].shape[-1]
    directions = 1 + bool(bidirectional)
    weights = _grouped(where, params, biases, projected, layers, directions)
    for state in states:
        if state.ndim != 3 or len(state) != len(weights):
            got, expected = f"a state {state.shape}", f"({len(weights)}, N, H)"
            raise ShapeError(explain(where, got=got, expected=expected))
    options = (weights, bool(biases), dropout, train, directions)
    if packed:
        rows, finals = run_layers(mode, args[0], tuple(args[1].tolist()), states, *options)
    else:
        if args[0].ndim != 3:
            raise ShapeError(explain(where, got=f"input {args[0].shape}", expected="3 dims"))
        rows, finals = run_padded(mode, args[0], states, *options, batch_first=bool(args[8]))
    return rows, *finals


def rnn_tanh(*args: Any) -> tuple[Tensor, ...]:
    """Run a sequence through Elman layers with tanh; see `lstm`, but hx is one tensor."""
    return _run("rnn_tanh", "RNN_TANH", args)


def rnn_relu(*args: Any) -> tuple[Tensor, ...]:
    """Run a sequence through Elman layers with relu; see `lstm`, but hx is one tensor."""
    return _run("rnn_relu", "RNN_RELU", args)


def gru(*args: Any) -> tuple[Tensor, ...]:
    """Run a sequence through GRU layers; see `lstm`, but hx is one tensor."""
    return _run("gru", "GRU", args)


def lstm(*args: Any) -> tuple[Tensor, ...]:
    """Run a sequence through LSTM layers: what `nn.LSTM` calls, with the weights as arguments.

        lstm(input, hx, params, has_biases, num_layers, dropout, train, bidirectional, batch_first)
        lstm(data, batch_sizes, hx, params, has_biases, num_layers, dropout, train, bidirectional)

    Args:
        input: (T, N, K), or (N, T, K) with `batch_first`.
        data, batch_sizes: of a packed sequence.
        hx: h_0 and c_0, each (layers * directions, N, H).
        params: the weights of all layers and directions, in the order of `nn.LSTM`.

    Returns:
        output, h_n and c_n.

    Example:
        >>> import rushlight as rl
        >>> layer = rl.nn.LSTM(2, 3)
        >>> h = rl.zeros(1, 4, 3)
        >>> weights = list(layer.parameters())
        >>> y, h, c = rl.lstm(rl.ones(5, 4, 2), (h, h), weights, True, 1, 0.0, True, False, False)
        >>> y.shape, c.shape
        ((5, 4, 3), (1, 4, 3))
    """
    return _run("lstm", "LSTM", args)


# ---- cells: one step


def _step(mode: str, input: Tensor, states: States, weights: Sequence[Any]) -> tuple[Tensor, ...]:
    op, options, count = MODES[mode]
    if input.ndim != 2:
        raise ShapeError(explain(op.name, got=f"input {input.shape}", expected="(N, K)"))
    if len(states) != count:
        raise ShapeError(explain(op.name, got=f"{len(states)} states", expected="h and c"))
    args = _arguments(mode, weights, True)
    options = {"sizes": (input.shape[0],), "reverse": False, **options}
    y, _, *cell = apply(op, (input, *states, *args), options)
    return y, *cell


def rnn_tanh_cell(
    input: Tensor,
    hx: Tensor,
    w_ih: Tensor,
    w_hh: Tensor,
    b_ih: Tensor | None = None,
    b_hh: Tensor | None = None,
) -> Tensor:
    """Return tanh(W_ih x + b_ih + W_hh h + b_hh) for x (N, K) and h (N, H)."""
    return _step("RNN_TANH", input, (hx,), (w_ih, w_hh, b_ih, b_hh))[0]


def rnn_relu_cell(
    input: Tensor,
    hx: Tensor,
    w_ih: Tensor,
    w_hh: Tensor,
    b_ih: Tensor | None = None,
    b_hh: Tensor | None = None,
) -> Tensor:
    """Return relu(W_ih x + b_ih + W_hh h + b_hh) for x (N, K) and h (N, H)."""
    return _step("RNN_RELU", input, (hx,), (w_ih, w_hh, b_ih, b_hh))[0]


def gru_cell(
    input: Tensor,
    hx: Tensor,
    w_ih: Tensor,
    w_hh: Tensor,
    b_ih: Tensor | None = None,
    b_hh: Tensor | None = None,
) -> Tensor:
    """Return the next state of a GRU for x (N, K) and h (N, H); see `nn.GRUCell`."""
    return _step("GRU", input, (hx,), (w_ih, w_hh, b_ih, b_hh))[0]


def lstm_cell(
    input: Tensor,
    hx: Sequence[Tensor],
    w_ih: Tensor,
    w_hh: Tensor,
    b_ih: Tensor | None = None,
    b_hh: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Return the next (h, c) of an LSTM for x (N, K) and h and c (N, H); see `nn.LSTMCell`."""
    h, c = _step("LSTM", input, tuple(hx), (w_ih, w_hh, b_ih, b_hh))
    return h, c
