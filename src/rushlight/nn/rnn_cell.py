"""Cells: one step of a recurrent layer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, SupportsIndex

from rushlight.errors import explain
from rushlight.functional.creation import empty, zeros
from rushlight.functional.rnn import gru_cell, lstm_cell, rnn_relu_cell, rnn_tanh_cell
from rushlight.nn.module import Module
from rushlight.nn.parameter import Parameter
from rushlight.nn.rnn import draw
from rushlight.tensor import Tensor

__all__ = ["GRUCell", "LSTMCell", "RNNCell", "RNNCellBase"]


class RNNCellBase(Module):
    """What RNNCell, LSTMCell and GRUCell share: the parameters.

    Args:
        input_size: int, size K of an element of the input.
        hidden_size: int, size H of the state.
        bias: bool, whether there are b_ih and b_hh.
        num_chunks: int, how many sums of size H there are: 1, 4 for an LSTM, 3 for a GRU.
        device: 'cpu' or None.
        dtype: of the parameters; default the default dtype (float32).

    Attributes:
        weight_ih: (num_chunks H, K), uniform on ±1 / sqrt(H), as are all.
        weight_hh: (num_chunks H, H).
        bias_ih, bias_hh: (num_chunks H), or None.

    Example:
        >>> import rushlight as rl
        >>> rl.nn.RNNCellBase(2, 3, bias=True, num_chunks=4).weight_ih.shape
        (12, 2)

    Source: https://docs.pytorch.org/docs/stable/nn.html#recurrent-layers
    """

    weight_ih: Parameter
    weight_hh: Parameter
    bias_ih: Parameter | None
    bias_hh: Parameter | None

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool,
        num_chunks: int,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        for name, size in (("input_size", input_size), ("hidden_size", hidden_size)):
            if not isinstance(size, SupportsIndex):
                raise TypeError(
                    explain(self._get_name(), got=f"{name}={size!r}", expected="an int")
                )
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.bias = bias
        rows = num_chunks * hidden_size
        self.weight_ih = Parameter(empty(rows, input_size, device=device, dtype=dtype))
        self.weight_hh = Parameter(empty(rows, hidden_size, device=device, dtype=dtype))
        if bias:
            self.bias_ih = Parameter(empty(rows, device=device, dtype=dtype))
            self.bias_hh = Parameter(empty(rows, device=device, dtype=dtype))
        else:
            self.register_parameter("bias_ih", None)
            self.register_parameter("bias_hh", None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw all parameters again, uniform on ±1 / sqrt(hidden_size)."""
        draw(self, self.hidden_size)

    def _weights(self) -> tuple[Any, ...]:
        return self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh

    def _batched(
        self, input: Tensor, hx: Sequence[Tensor] | None, count: int
    ) -> tuple[Tensor, list[Tensor]]:
        """Return the input and `count` states with a batch dim, which is 1 if there was none."""
        where = self._get_name()
        if hx is not None and not isinstance(hx, (tuple, list)):
            got, expected = f"hx of type {type(hx).__name__}", "a tuple of Tensors, h and c"
            raise TypeError(explain(where, got=got, expected=expected))
        if hx is not None and len(hx) != count:
            raise RuntimeError(explain(where, got=f"{len(hx)} states", expected="h and c"))
        given: list[tuple[str, Any]] = [("input", input), *(("state", h) for h in hx or ())]
        for name, tensor in given:
            if not isinstance(tensor, Tensor):
                got = f"{name} of type {type(tensor).__name__}"
                raise TypeError(explain(where, got=got, expected="a Tensor"))
            if tensor.ndim not in (1, 2):
                got = f"{name} {tensor.shape}"
                raise ValueError(explain(where, got=got, expected="1 or 2 dims"))
        batched = input.ndim == 2
        x = input if batched else input.unsqueeze(0)
        if hx is None:
            state = zeros(len(x), self.hidden_size, dtype=x.dtype)
            return x, [state] * count
        return x, [state if batched else state.unsqueeze(0) for state in hx]

    def extra_repr(self) -> str:
        found = f"{self.input_size}, {self.hidden_size}"
        if self.bias is not True:
            found += f", bias={self.bias}"
        return found


class RNNCell(RNNCellBase):
    """h' = tanh(W_ih x + b_ih + W_hh h + b_hh), or with relu.

    Args:
        input_size: int, size K of an element of the input.
        hidden_size: int, size H of the state.
        bias: bool, whether there are b_ih and b_hh; default True.
        nonlinearity: 'tanh' or 'relu'; default 'tanh'.
        device: 'cpu' or None.
        dtype: of the parameters; default the default dtype (float32).

    Shape:
        input (N, K) or (K), h (N, H) or (H), default zeros -> h' as h

    Attributes:
        weight_ih: (H, K), uniform on ±1 / sqrt(H), as are all.
        weight_hh: (H, H).
        bias_ih, bias_hh: (H), or None.

    Raises:
        ValueError, RuntimeError: in forward, if input or h do not fit, or the nonlinearity is
            another.

    Example:
        >>> import rushlight as rl
        >>> rl.nn.RNNCell(10, 20)(rl.ones(3, 10)).shape
        (3, 20)

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.RNNCell.html
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: str = "tanh",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 1, device, dtype)
        self.nonlinearity = nonlinearity

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        x, (h,) = self._batched(input, None if hx is None else (hx,), 1)
        if self.nonlinearity not in ("tanh", "relu"):
            got = f"nonlinearity={self.nonlinearity!r}"
            raise RuntimeError(explain("RNNCell", got=got, expected="'tanh' or 'relu'"))
        step = rnn_tanh_cell if self.nonlinearity == "tanh" else rnn_relu_cell
        y = step(x, h, *self._weights())
        return y if x is input else y.squeeze(0)

    def extra_repr(self) -> str:
        found = super().extra_repr()
        if self.nonlinearity != "tanh":
            found += f", nonlinearity={self.nonlinearity}"
        return found


class LSTMCell(RNNCellBase):
    """One step of an LSTM:

        i, f, o = sigmoid(W_i x + b_i + W_h h + b_h), each with its own weights
        g = tanh(W_ig x + b_ig + W_hg h + b_hg)
        c' = f c + i g
        h' = o tanh(c')

    Args:
        input_size: int, size K of an element of the input.
        hidden_size: int, size H of the states.
        bias: bool, whether there are b_ih and b_hh; default True.
        device: 'cpu' or None.
        dtype: of the parameters; default the default dtype (float32).

    Shape:
        input (N, K) or (K), h and c (N, H) or (H), default zeros -> (h', c') as (h, c)

    Attributes:
        weight_ih: (4 H, K), those of i, f, g and o, uniform on ±1 / sqrt(H), as are all.
        weight_hh: (4 H, H).
        bias_ih, bias_hh: (4 H), or None.

    Raises:
        ValueError, RuntimeError: in forward, if input, h or c do not fit.

    Example:
        >>> import rushlight as rl
        >>> h, c = rl.nn.LSTMCell(10, 20)(rl.ones(3, 10))
        >>> h.shape, c.shape
        ((3, 20), (3, 20))

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.LSTMCell.html
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 4, device, dtype)

    def forward(self, input: Tensor, hx: Sequence[Tensor] | None = None) -> tuple[Tensor, Tensor]:
        x, states = self._batched(input, hx, 2)
        h, c = lstm_cell(x, states, *self._weights())
        return (h, c) if x is input else (h.squeeze(0), c.squeeze(0))


class GRUCell(RNNCellBase):
    """One step of a GRU:

        r = sigmoid(W_ir x + b_ir + W_hr h + b_hr)
        z = sigmoid(W_iz x + b_iz + W_hz h + b_hz)
        n = tanh(W_in x + b_in + r (W_hn h + b_hn))
        h' = (1 - z) n + z h

    Args:
        input_size: int, size K of an element of the input.
        hidden_size: int, size H of the state.
        bias: bool, whether there are b_ih and b_hh; default True.
        device: 'cpu' or None.
        dtype: of the parameters; default the default dtype (float32).

    Shape:
        input (N, K) or (K), h (N, H) or (H), default zeros -> h' as h

    Attributes:
        weight_ih: (3 H, K), W_ir, W_iz and W_in, uniform on ±1 / sqrt(H), as are all.
        weight_hh: (3 H, H), W_hr, W_hz and W_hn.
        bias_ih, bias_hh: (3 H), or None.

    Raises:
        ValueError, RuntimeError: in forward, if input or h do not fit.

    Example:
        >>> import rushlight as rl
        >>> rl.nn.GRUCell(10, 20)(rl.ones(3, 10), rl.zeros(3, 20)).shape
        (3, 20)

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.GRUCell.html
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 3, device, dtype)

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        x, (h,) = self._batched(input, None if hx is None else (hx,), 1)
        y = gru_cell(x, h, *self._weights())
        return y if x is input else y.squeeze(0)
