"""Recurrent layers."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from numbers import Number
from typing import Any
from warnings import warn

from rushlight.errors import ShapeError, explain
from rushlight.functional.creation import empty, zeros
from rushlight.functional.rnn import run_layers, run_padded
from rushlight.nn import init
from rushlight.nn.module import Module
from rushlight.nn.parameter import Parameter
from rushlight.nn.utils.rnn import PackedSequence
from rushlight.tensor import Tensor

__all__ = ["GRU", "LSTM", "RNN", "RNNBase"]

_GATES = {"RNN_TANH": 1, "RNN_RELU": 1, "LSTM": 4, "GRU": 3}
Input = Tensor | PackedSequence


def draw(module: Module, hidden_size: int) -> None:
    """Draw all parameters anew, uniform on ±1 / sqrt(hidden_size)."""
    bound = 1.0 / sqrt(hidden_size) if hidden_size > 0 else 0.0
    for parameter in module.parameters():
        init.uniform_(parameter, -bound, bound)


class RNNBase(Module):
    """What RNN, LSTM and GRU share: the options, the parameters, the way through the layers.

    Args:
        mode: 'RNN_TANH', 'RNN_RELU', 'LSTM' or 'GRU'; what follows is said there.

    Attributes:
        weight_ih_l{k}, weight_hh_l{k}, bias_ih_l{k}, bias_hh_l{k}, weight_hr_l{k}: of layer k, with
            the suffix _reverse for the second direction.

    Raises:
        ValueError, TypeError: for options that torch refuses.

    Example:
        >>> import rushlight as rl
        >>> [name for name, _ in rl.nn.RNNBase("GRU", 2, 3).named_parameters()]
        ['weight_ih_l0', 'weight_hh_l0', 'bias_ih_l0', 'bias_hh_l0']

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.RNNBase.html
    """

    def __init__(
        self,
        mode: str,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        _check_options(mode, input_size, hidden_size, num_layers, bias, batch_first, proj_size)
        _check_dropout(dropout, num_layers)
        self.mode = mode
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.bias = bias
        self.batch_first = batch_first
        self.dropout = float(dropout)
        self.bidirectional = bidirectional
        self.proj_size = proj_size
        for layer, names in enumerate(self._names()):
            self._add_layer(names, layer >= self._directions, device, dtype)
        self.reset_parameters()

    # ---- parameters

    @property
    def _directions(self) -> int:
        return 2 if self.bidirectional else 1

    @property
    def _state_sizes(self) -> tuple[int, ...]:
        """The sizes of h, and of c where there is one."""
        h = self.proj_size or self.hidden_size
        return (h, self.hidden_size) if self.mode == "LSTM" else (h,)

    def _names(self) -> list[list[str]]:
        """Return the names of the parameters of each layer and direction."""
        kinds = ["weight_ih", "weight_hh"]
        kinds += ["bias_ih", "bias_hh"] if self.bias else []
        kinds += ["weight_hr"] if self.proj_size else []
        return [
            [f"{kind}_l{layer}{suffix}" for kind in kinds]
            for layer in range(self.num_layers)
            for suffix in ("", "_reverse")[: self._directions]
        ]

    def _add_layer(self, names: list[str], upper: bool, device: Any, dtype: Any) -> None:
        gates, out = _GATES[self.mode] * self.hidden_size, self._state_sizes[0]
        shapes = {
            "weight_ih": (gates, out * self._directions if upper else self.input_size),
            "weight_hh": (gates, out),
            "bias_ih": (gates,),
            "bias_hh": (gates,),
            "weight_hr": (out, self.hidden_size),
        }
        for name in names:
            shape = shapes[name.partition("_l")[0]]
            setattr(self, name, Parameter(empty(*shape, device=device, dtype=dtype)))

    def _weights(self) -> list[list[Parameter]]:
        """Return `all_weights`; a property that fails would hide which of them is missing."""
        return [[getattr(self, name) for name in names] for names in self._names()]

    @property
    def all_weights(self) -> list[list[Parameter]]:
        """The parameters of each layer and direction."""
        return self._weights()

    @property
    def _flat_weights(self) -> list[Parameter]:
        return [weight for weights in self._weights() for weight in weights]

    def flatten_parameters(self) -> None:
        """Do nothing: the parameters need no other layout on a CPU."""

    def reset_parameters(self) -> None:
        """Draw all parameters again, uniform on ±1 / sqrt(hidden_size)."""
        draw(self, self.hidden_size)

    # ---- the call

    def _run(self, input: Input, hx: Sequence[Tensor] | None) -> tuple[Any, tuple[Tensor, ...]]:
        """Return the output (packed if the input is) and the final states."""
        weights = self._weights()
        options = (weights, self.bias, self.dropout, self.training, self._directions)
        if isinstance(input, PackedSequence):
            data, batch_sizes, order, back = input
            sizes = tuple(batch_sizes.tolist())
            self._check_input(data, 2, weights[0][0])
            states = self._states(data, sizes[0], hx, 3)
            if order is not None and hx is not None:
                states = [state.index_select(1, order) for state in states]
            y, finals = run_layers(self.mode, data, sizes, states, *options)
            if back is not None:
                finals = tuple(state.index_select(1, back) for state in finals)
            return PackedSequence(y, batch_sizes, order, back), finals
        if not isinstance(input, Tensor):
            raise TypeError(
                explain(
                    self._get_name(),
                    got=f"input of type {type(input).__name__}",
                    expected="a Tensor or a PackedSequence",
                )
            )
        if input.ndim not in (2, 3):
            got = f"input {input.shape}"
            raise ValueError(explain(self._get_name(), got=got, expected="2 or 3 dims"))
        batched, first = input.ndim == 3, int(not self.batch_first)
        x = input if batched else input.unsqueeze(first)
        self._check_input(x, 3, weights[0][0])
        states = self._states(x, x.shape[first], hx, input.ndim)
        y, finals = run_padded(self.mode, x, states, *options, batch_first=self.batch_first)
        if batched:
            return y, finals
        return y.squeeze(first), tuple(state.squeeze(1) for state in finals)

    def _check_input(self, x: Tensor, ndim: int, weight: Tensor) -> None:
        where, dtype = self._get_name(), weight.dtype
        if x.dtype != dtype:
            raise ValueError(
                explain(
                    where,
                    got=f"input {x.dtype.name}",
                    expected=f"{dtype.name}, the dtype of the weights",
                    fix=f"input.to({dtype.name!r}) or module.to({x.dtype.name!r})",
                )
            )
        if x.ndim != ndim or x.shape[-1] != self.input_size:
            got, expected = f"input {x.shape}", f"{ndim} dims, the last of size {self.input_size}"
            raise ShapeError(explain(where, got=got, expected=expected))

    def _states(self, x: Tensor, n: int, hx: Sequence[Tensor] | None, ndim: int) -> list[Any]:
        """Return the initial states, each (layers * directions, N, size): hx, or zeros in a list,
        whose items cost no op."""
        where, count = self._get_name(), self.num_layers * self._directions
        sizes = self._state_sizes
        if hx is None:
            return [[zeros(n, size, dtype=x.dtype)] * count for size in sizes]
        if not isinstance(hx, (tuple, list)) or not all(isinstance(s, Tensor) for s in hx):
            kind = type(hx if len(sizes) == 2 else hx[0]).__name__
            expected = "a tuple of Tensors, h_0 and c_0" if len(sizes) == 2 else "a Tensor, h_0"
            raise TypeError(explain(where, got=f"hx of type {kind}", expected=expected))
        shapes = [(count, n, s) if ndim == 3 else (count, s) for s in sizes]
        if [state.shape for state in hx] != shapes:
            got = " and ".join(str(state.shape) for state in hx)
            expected = " and ".join(map(str, shapes))
            raise ShapeError(explain(where, got=f"initial states {got}", expected=expected))
        return [state if ndim == 3 else state.unsqueeze(1) for state in hx]

    def extra_repr(self) -> str:
        found = f"{self.input_size}, {self.hidden_size}"
        defaults = {
            "proj_size": 0,
            "num_layers": 1,
            "bias": True,
            "batch_first": False,
            "dropout": 0,
            "bidirectional": False,
        }
        for name, default in defaults.items():
            if getattr(self, name) != default:
                found += f", {name}={getattr(self, name)}"
        return found


def _check_options(
    mode: str,
    input_size: int,
    hidden_size: int,
    num_layers: int,
    bias: bool,
    batch_first: bool,
    proj_size: int,
) -> None:
    if mode not in _GATES:
        raise ValueError(explain("RNNBase", got=f"mode {mode!r}", expected=f"one of {[*_GATES]}"))
    for name, flag in (("bias", bias), ("batch_first", batch_first)):
        if not isinstance(flag, bool):
            raise TypeError(explain(mode, got=f"{name}={flag!r}", expected="a bool"))
    for name, size in (
        ("input_size", input_size),
        ("hidden_size", hidden_size),
        ("num_layers", num_layers),
    ):
        if not isinstance(size, int):
            raise TypeError(explain(mode, got=f"{name}={size!r}", expected="an int"))
        if size <= 0:
            raise ValueError(explain(mode, got=f"{name}={size}", expected=f"{name} > 0"))
    if not isinstance(proj_size, int):
        raise TypeError(explain(mode, got=f"proj_size={proj_size!r}", expected="an int"))
    if not 0 <= proj_size < hidden_size:
        raise ValueError(
            explain(
                mode,
                got=f"proj_size={proj_size}",
                expected=f"0 (no projection) or a size below hidden_size={hidden_size}",
            )
        )
    if proj_size and mode != "LSTM":
        raise ValueError(explain(mode, got=f"proj_size={proj_size}", expected="0 but for LSTM"))


def _check_dropout(dropout: Any, num_layers: int) -> None:
    is_number = isinstance(dropout, Number) and not isinstance(dropout, bool)
    if not (is_number and 0 <= dropout <= 1):
        raise ValueError(
            explain("dropout", got=f"{dropout!r}", expected="0 to 1, the probability of a zero")
        )
    if dropout > 0 and num_layers == 1:
        warn(
            f"dropout={dropout} does nothing with num_layers=1: it is applied between layers",
            UserWarning,
            stacklevel=4,
        )


def _refuse_projection(name: str, options: dict[str, Any]) -> None:
    if "proj_size" in options:
        raise ValueError(explain(name, got="proj_size", expected="it with LSTM only"))
    if options:
        raise TypeError(explain(name, got=f"{sorted(options)}", expected="known arguments"))


class RNN(RNNBase):
    """h_t = tanh(W_ih x_t + b_ih + W_hh h_(t-1) + b_hh), or with relu, for each step and layer.

    Args:
        input_size: int, size K of an element of the input.
        hidden_size: int, size H of the state.
        num_layers: int, layers on top of each other; default 1.
        nonlinearity: 'tanh' or 'relu'; default 'tanh'.
        bias: bool, whether there are b_ih and b_hh; default True.
        batch_first: bool, whether N stands before T in input and output; default False.
        dropout: float, probability of a zero between layers in training; default 0.
        bidirectional: bool, whether a second direction (D = 2) runs from the last step to the
            first; default False.
        device: 'cpu' or None.
        dtype: of the parameters; default the default dtype (float32).

    Shape:
        input (T, N, K), (N, T, K) with batch_first, (T, K) without batch, or a PackedSequence;
        h_0 (D * num_layers, N, H) or without N, default zeros
        -> output (T, N, D H) of the last layer, laid out as the input; h_n as h_0

    Attributes:
        weight_ih_l{k}: (H, K), for k > 0 (H, D H), uniform on ±1 / sqrt(H), as are all.
        weight_hh_l{k}: (H, H).
        bias_ih_l{k}, bias_hh_l{k}: (H).
        ..._reverse: the same of the second direction.

    Raises:
        ValueError, TypeError: for options that torch refuses.
        RuntimeError: in forward, if input or h_0 do not fit.

    Example:
        >>> import rushlight as rl
        >>> output, h_n = rl.nn.RNN(10, 20, 2)(rl.ones(5, 3, 10), rl.zeros(2, 3, 20))
        >>> output.shape, h_n.shape
        ((5, 3, 20), (2, 3, 20))

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.RNN.html
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: Any = None,
        dtype: Any = None,
        **options: Any,
    ) -> None:
        _refuse_projection("RNN", options)
        if nonlinearity not in ("tanh", "relu"):
            got = f"nonlinearity={nonlinearity!r}"
            raise ValueError(explain("RNN", got=got, expected="'tanh' or 'relu'"))
        super().__init__(
            f"RNN_{nonlinearity.upper()}",
            input_size,
            hidden_size,
            num_layers,
            bias,
            batch_first,
            dropout,
            bidirectional,
            device=device,
            dtype=dtype,
        )
        self.nonlinearity = nonlinearity

    def forward(self, input: Input, hx: Tensor | None = None) -> tuple[Any, Tensor]:
        output, (h,) = self._run(input, None if hx is None else (hx,))
        return output, h


class GRU(RNNBase):
    """Gated recurrent units: for each step and layer

        r = sigmoid(W_ir x + b_ir + W_hr h + b_hr)
        z = sigmoid(W_iz x + b_iz + W_hz h + b_hz)
        n = tanh(W_in x + b_in + r (W_hn h + b_hn))
        h' = (1 - z) n + z h

    Args:
        input_size: int, size K of an element of the input.
        hidden_size: int, size H of the state.
        num_layers: int, layers on top of each other; default 1.
        bias: bool, whether there are b_ih and b_hh; default True.
        batch_first: bool, whether N stands before T in input and output; default False.
        dropout: float, probability of a zero between layers in training; default 0.
        bidirectional: bool, whether a second direction (D = 2) runs from the last step to the
            first; default False.
        device: 'cpu' or None.
        dtype: of the parameters; default the default dtype (float32).

    Shape:
        input (T, N, K), (N, T, K) with batch_first, (T, K) without batch, or a PackedSequence;
        h_0 (D * num_layers, N, H) or without N, default zeros
        -> output (T, N, D H) of the last layer, laid out as the input; h_n as h_0

    Attributes:
        weight_ih_l{k}: (3 H, K), W_ir, W_iz and W_in; for k > 0 (3 H, D H); uniform on
            ±1 / sqrt(H), as are all.
        weight_hh_l{k}: (3 H, H), W_hr, W_hz and W_hn.
        bias_ih_l{k}, bias_hh_l{k}: (3 H).
        ..._reverse: the same of the second direction.

    Raises:
        ValueError, TypeError: for options that torch refuses.
        RuntimeError: in forward, if input or h_0 do not fit.

    Example:
        >>> import rushlight as rl
        >>> output, h_n = rl.nn.GRU(10, 20, bidirectional=True)(rl.ones(5, 3, 10))
        >>> output.shape, h_n.shape
        ((5, 3, 40), (2, 3, 20))

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.GRU.html
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: Any = None,
        dtype: Any = None,
        **options: Any,
    ) -> None:
        _refuse_projection("GRU", options)
        super().__init__(
            "GRU",
            input_size,
            hidden_size,
            num_layers,
            bias,
            batch_first,
            dropout,
            bidirectional,
            device=device,
            dtype=dtype,
        )

    def forward(self, input: Input, hx: Tensor | None = None) -> tuple[Any, Tensor]:
        output, (h,) = self._run(input, None if hx is None else (hx,))
        return output, h


class LSTM(RNNBase):
    """Long short-term memory: for each step and layer

        i, f, o = sigmoid(W_i x + b_i + W_h h + b_h), each with its own weights
        g = tanh(W_ig x + b_ig + W_hg h + b_hg)
        c' = f c + i g
        h' = o tanh(c'), or W_hr (o tanh(c')) with proj_size

    Args:
        input_size: int, size K of an element of the input.
        hidden_size: int, size H of the cell state.
        num_layers: int, layers on top of each other; default 1.
        bias: bool, whether there are b_ih and b_hh; default True.
        batch_first: bool, whether N stands before T in input and output; default False.
        dropout: float, probability of a zero between layers in training; default 0.
        bidirectional: bool, whether a second direction (D = 2) runs from the last step to the
            first; default False.
        proj_size: int, size P < H that the state h is projected to; default 0, no projection
            (P = H).
        device: 'cpu' or None.
        dtype: of the parameters; default the default dtype (float32).

    Shape:
        input (T, N, K), (N, T, K) with batch_first, (T, K) without batch, or a PackedSequence;
        h_0 (D * num_layers, N, P) and c_0 (D * num_layers, N, H) or without N, default zeros
        -> output (T, N, D P) of the last layer, laid out as the input; (h_n, c_n) as (h_0, c_0)

    Attributes:
        weight_ih_l{k}: (4 H, K), those of i, f, g and o; for k > 0 (4 H, D P); uniform on
            ±1 / sqrt(H), as are all.
        weight_hh_l{k}: (4 H, P).
        bias_ih_l{k}, bias_hh_l{k}: (4 H).
        weight_hr_l{k}: (P, H), with proj_size.
        ..._reverse: the same of the second direction.

    Raises:
        ValueError, TypeError: for options that torch refuses.
        RuntimeError: in forward, if input, h_0 or c_0 do not fit.

    Example:
        >>> import rushlight as rl
        >>> output, (h_n, c_n) = rl.nn.LSTM(10, 20, 2)(rl.ones(5, 3, 10))
        >>> output.shape, h_n.shape, c_n.shape
        ((5, 3, 20), (2, 3, 20), (2, 3, 20))

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.LSTM.html
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(
            "LSTM",
            input_size,
            hidden_size,
            num_layers,
            bias,
            batch_first,
            dropout,
            bidirectional,
            proj_size,
            device,
            dtype,
        )

    def forward(
        self, input: Input, hx: Sequence[Tensor] | None = None
    ) -> tuple[Any, tuple[Tensor, ...]]:
        return self._run(input, hx)
