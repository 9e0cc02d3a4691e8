"""The layers of a Transformer: attention and a small net in turn, each beside a shortcut."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from rushlight.errors import explain
from rushlight.functional.activation import gelu, relu
from rushlight.nn.activation import GELU
from rushlight.nn.attention import MultiheadAttention
from rushlight.nn.dropout import Dropout
from rushlight.nn.linear import Linear
from rushlight.nn.module import Module
from rushlight.nn.normalization import LayerNorm
from rushlight.nn.piecewise import ReLU
from rushlight.tensor import Tensor

__all__ = ["TransformerDecoderLayer", "TransformerEncoderLayer"]

Activation: TypeAlias = str | Callable[[Tensor], Tensor]


def _function(activation: Activation) -> Callable[[Tensor], Tensor]:
    """Return the function of a name; a function or module is handed back."""
    if not isinstance(activation, str):
        return activation
    known: dict[str, Callable[[Tensor], Tensor]] = {"relu": relu, "gelu": gelu}
    if activation not in known:
        raise RuntimeError(
            explain("Transformer", got=f"activation={activation!r}", expected="'relu' or 'gelu'")
        )
    return known[activation]


class _Layer(Module):
    """What a layer of the encoder and one of the decoder have in common.

    A block for each attention of `names`, and one of linear2(dropout(activation(linear1(x)))); each
    stands beside a shortcut and has a LayerNorm and a Dropout, numbered from 1.
    """

    names: tuple[str, ...]
    self_attn: MultiheadAttention
    linear1: Linear
    linear2: Linear
    dropout: Dropout

    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: Activation = relu,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        made = {"device": device, "dtype": dtype}
        for name in self.names:
            attention = MultiheadAttention(
                d_model, nhead, dropout=dropout, bias=bias, batch_first=batch_first, **made
            )
            setattr(self, name, attention)
        self.linear1 = Linear(d_model, dim_feedforward, bias=bias, **made)
        self.dropout = Dropout(dropout)
        self.linear2 = Linear(dim_feedforward, d_model, bias=bias, **made)
        self.norm_first = norm_first
        blocks = range(1, len(self.names) + 2)
        for i in blocks:
            norm = LayerNorm(d_model, eps=layer_norm_eps, bias=bias, **made)
            setattr(self, f"norm{i}", norm)
        for i in blocks:
            setattr(self, f"dropout{i}", Dropout(dropout))
        self.activation = _function(activation)

    def _attend(
        self, i: int, x: Tensor, memory: Tensor | None, masks: tuple[Any, Any], is_causal: bool
    ) -> Tensor:
        """Return the attention of block i (counted from 1) and its dropout; None: to x itself."""
        modules = self._modules
        to = x if memory is None else memory
        attention: Any = modules[self.names[i - 1]]
        y = attention(
            x,
            to,
            to,
            attn_mask=masks[0],
            key_padding_mask=masks[1],
            need_weights=False,
            is_causal=is_causal,
        )[0]
        return modules[f"dropout{i}"](y)  # type: ignore[misc]

    def _feed(self, x: Tensor) -> Tensor:
        """Return the small net of the last block and its dropout."""
        y = self.linear2(self.dropout(self.activation(self.linear1(x))))
        return self._modules[f"dropout{len(self.names) + 1}"](y)  # type: ignore[misc]

    def _run(self, x: Tensor, *blocks: Callable[[Tensor], Tensor]) -> Tensor:
        """Add each block to what comes into it; LayerNorm comes before the block or after."""
        for i, block in enumerate(blocks, 1):
            norm: Any = self._modules[f"norm{i}"]
            x = x + block(norm(x)) if self.norm_first else norm(x + block(x))
        return x


class TransformerEncoderLayer(_Layer):
    """x = norm1(x + attention(x)), y = norm2(x + linear2(activation(linear1(x)))).

    Args:
        d_model: int, E, the width of the input and of the output.
        nhead: int, the number of heads; divides d_model.
        dim_feedforward: int, the width between linear1 and linear2; default 2048.
        dropout: float, the probability of a zero, for the attention's weights, behind the
            activation and behind both blocks; default 0.1.
        activation: 'relu', 'gelu', or a function of a tensor; default relu.
        layer_norm_eps: float, added to the variance; default 1e-5.
        batch_first: bool, whether a batch is (N, L, E) and not (L, N, E); default False.
        norm_first: bool, x + attention(norm1(x)) and so on in place of the norm behind; default
            False.
        bias: bool, whether linear layers and norms have biases; default True.
        device: 'cpu' or None.
        dtype: of the parameters; default the default dtype (float32).

    Shape:
        (L, N, E) -> (L, N, E), or (N, L, E) with batch_first, or (L, E) without a batch

    Attributes:
        self_attn: MultiheadAttention.
        linear1, linear2: Linear.
        norm1, norm2: LayerNorm.
        dropout, dropout1, dropout2: Dropout.
        activation: the function.

    Raises:
        ValueError: if nhead does not divide d_model.
        RuntimeError: for an unknown activation; in forward, for shapes or masks that do not fit.

    Example:
        >>> import rushlight as rl
        >>> layer = rl.nn.TransformerEncoderLayer(8, nhead=2, dim_feedforward=16)
        >>> layer(rl.ones(5, 4, 8)).shape
        (5, 4, 8)

    Source: https://arxiv.org/abs/1706.03762,
        https://docs.pytorch.org/docs/stable/generated/torch.nn.TransformerEncoderLayer.html
    """

    names = ("self_attn",)

    @property
    def activation_relu_or_gelu(self) -> int:
        """1 for relu, 2 for gelu, 0 for another activation."""
        if self.activation is relu or isinstance(self.activation, ReLU):
            return 1
        return 2 if self.activation is gelu or isinstance(self.activation, GELU) else 0

    def forward(
        self,
        src: Tensor,
        src_mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        is_causal: bool = False,
    ) -> Tensor:
        """Return the output for masks as MultiheadAttention takes them."""
        masks = src_mask, src_key_padding_mask
        return self._run(src, lambda x: self._attend(1, x, None, masks, is_causal), self._feed)


class TransformerDecoderLayer(_Layer):
    """x = norm1(x + attention(x)), x = norm2(x + attention(x to memory)),
    y = norm3(x + linear2(activation(linear1(x)))).

    Args:
        d_model: int, E, the width of the input and of the output.
        nhead: int, the number of heads; divides d_model.
        dim_feedforward: int, the width between linear1 and linear2; default 2048.
        dropout: float, the probability of a zero, for the weights of both attentions, behind the
            activation and behind the three blocks; default 0.1.
        activation: 'relu', 'gelu', or a function of a tensor; default relu.
        layer_norm_eps: float, added to the variance; default 1e-5.
        batch_first: bool, whether a batch is (N, L, E) and not (L, N, E); default False.
        norm_first: bool, x + attention(norm1(x)) and so on in place of the norm behind; default
            False.
        bias: bool, whether linear layers and norms have biases; default True.
        device: 'cpu' or None.
        dtype: of the parameters; default the default dtype (float32).

    Shape:
        tgt (T, N, E), memory (S, N, E) -> (T, N, E); N in front with batch_first, left out without
        a batch

    Attributes:
        self_attn, multihead_attn: MultiheadAttention, to the input itself and to the memory.
        linear1, linear2: Linear.
        norm1, norm2, norm3: LayerNorm.
        dropout, dropout1, dropout2, dropout3: Dropout.
        activation: the function.

    Raises:
        ValueError: if nhead does not divide d_model.
        RuntimeError: for an unknown activation; in forward, for shapes or masks that do not fit.

    Example:
        >>> import rushlight as rl
        >>> layer = rl.nn.TransformerDecoderLayer(8, nhead=2, dim_feedforward=16)
        >>> layer(rl.ones(3, 4, 8), rl.ones(5, 4, 8)).shape
        (3, 4, 8)

    Source: https://arxiv.org/abs/1706.03762,
        https://docs.pytorch.org/docs/stable/generated/torch.nn.TransformerDecoderLayer.html
    """

    names = ("self_attn", "multihead_attn")

    def forward(
        self,
        tgt: Tensor,
        memory: Tensor,
        tgt_mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None,
        tgt_is_causal: bool = False,
        memory_is_causal: bool = False,
    ) -> Tensor:
        """Return the output for masks as MultiheadAttention takes them."""
        own = tgt_mask, tgt_key_padding_mask
        other = memory_mask, memory_key_padding_mask
        return self._run(
            tgt,
            lambda x: self._attend(1, x, None, own, tgt_is_causal),
            lambda x: self._attend(2, x, memory, other, memory_is_causal),
            self._feed,
        )
