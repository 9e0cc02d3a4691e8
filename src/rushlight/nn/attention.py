"""Multi-head attention."""

from __future__ import annotations

from typing import Any

from rushlight.errors import ShapeError, explain
from rushlight.functional.attention import Setting, Weights, attend
from rushlight.functional.creation import empty
from rushlight.nn import init
from rushlight.nn.linear import Linear
from rushlight.nn.module import Module
from rushlight.nn.parameter import Parameter
from rushlight.tensor import Tensor

__all__ = ["MultiheadAttention"]


class NonDynamicallyQuantizableLinear(Linear):
    """A Linear under the name that torch gives to the last layer of its attention."""


class MultiheadAttention(Module):
    """y = [head_1, ..., head_H] W_o + b_o, head_i = softmax(q_i k_i^T / sqrt(E / H)) v_i, where
    q = query W_q + b_q, k and v likewise, and each head sees E / H of their columns.

    Args:
        embed_dim: int, E, the width of the query and of the output.
        num_heads: int, H; divides embed_dim.
        dropout: float, the probability at which a weight becomes 0 in training; default 0.
        bias: bool, whether the projections have biases; default True.
        add_bias_kv: bool, whether one more key and value are learnt; default False.
        add_zero_attn: bool, whether one more key and value are zeros; default False.
        kdim, vdim: int, width of key and value; default embed_dim.
        batch_first: bool, whether a batch is (N, L, E) and not (L, N, E); default False.
        device: 'cpu' or None.
        dtype: of the parameters; default the default dtype (float32).

    Shape:
        query (L, N, E), key (S, N, kdim), value (S, N, vdim) -> (L, N, E) and the weights
        (N, L, S), or (N, H, L, S) with average_attn_weights=False, or None with
        need_weights=False. All but the weights have N in front with batch_first; without a batch
        the N is left out everywhere.

    Attributes:
        in_proj_weight: (3 E, E), uniform on ±sqrt(6 / (4 E)); None if kdim or vdim is not E. Then
            q_proj_weight (E, E), k_proj_weight (E, kdim) and v_proj_weight (E, vdim) take its
            place, uniform on ±sqrt(6 / (fan_in + fan_out)).
        in_proj_bias: (3 E), zeros; or None.
        bias_k, bias_v: (1, 1, E), normal of variance 1 / E; or None.
        out_proj: the Linear behind the heads, its bias zeros.

    Raises:
        ValueError: if embed_dim or num_heads is not positive, or num_heads does not divide it.
        RuntimeError: in forward, for shapes, dtypes or masks that do not go together.

    Example:
        >>> import rushlight as rl
        >>> layer = rl.nn.MultiheadAttention(8, num_heads=2, batch_first=True)
        >>> x = rl.ones(4, 5, 8)
        >>> y, weights = layer(x, x, x)
        >>> y.shape, weights.shape
        ((4, 5, 8), (4, 5, 5))

    Source: https://arxiv.org/abs/1706.03762,
        https://docs.pytorch.org/docs/stable/generated/torch.nn.MultiheadAttention.html
    """

    in_proj_weight: Parameter | None
    in_proj_bias: Parameter | None
    q_proj_weight: Parameter | None
    k_proj_weight: Parameter | None
    v_proj_weight: Parameter | None
    bias_k: Parameter | None
    bias_v: Parameter | None

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        bias: bool = True,
        add_bias_kv: bool = False,
        add_zero_attn: bool = False,
        kdim: int | None = None,
        vdim: int | None = None,
        batch_first: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        _check(embed_dim, num_heads)
        super().__init__()
        self.embed_dim = embed_dim
        self.kdim = embed_dim if kdim is None else kdim
        self.vdim = embed_dim if vdim is None else vdim
        self._qkv_same_embed_dim = self.kdim == self.vdim == embed_dim
        self.num_heads = num_heads
        self.dropout = dropout
        self.batch_first = batch_first
        self.head_dim = embed_dim // num_heads
        same = self._qkv_same_embed_dim
        shapes: dict[str, tuple[int, ...] | None] = {
            "q_proj_weight": None if same else (embed_dim, embed_dim),
            "k_proj_weight": None if same else (embed_dim, self.kdim),
            "v_proj_weight": None if same else (embed_dim, self.vdim),
            "in_proj_weight": (3 * embed_dim, embed_dim) if same else None,
            "in_proj_bias": (3 * embed_dim,) if bias else None,
        }
        for name, shape in shapes.items():
            self.register_parameter(
                name,
                None if shape is None else Parameter(empty(*shape, device=device, dtype=dtype)),
            )
        self.out_proj = NonDynamicallyQuantizableLinear(embed_dim, embed_dim, bias, device, dtype)
        for name in ("bias_k", "bias_v"):
            more = empty(1, 1, embed_dim, device=device, dtype=dtype) if add_bias_kv else None
            setattr(self, name, None if more is None else Parameter(more))
        self.add_zero_attn = add_zero_attn
        self._reset_parameters()

    def _reset_parameters(self) -> None:
        """Draw the parameters anew."""
        for name, parameter in self._parameters.items():
            if parameter is not None and name.endswith("_weight"):
                init.xavier_uniform_(parameter)
        if self.in_proj_bias is not None:
            init.zeros_(self.in_proj_bias)
            init.zeros_(self.out_proj.bias)  # type: ignore[arg-type]
        if self.bias_k is not None and self.bias_v is not None:
            init.xavier_normal_(self.bias_k)
            init.xavier_normal_(self.bias_v)

    def forward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        key_padding_mask: Tensor | None = None,
        need_weights: bool = True,
        attn_mask: Tensor | None = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        """Return the output and the weights, or None in their place.

        Args:
            query, key, value: see the class.
            key_padding_mask: (N, S), or (S) without a batch: True where a key is not looked at, or
                floats to add to the scores.
            need_weights: bool, whether to return the weights; default True. A query that may look
                at nothing then gets nan, else 0, as in torch.
            attn_mask: (L, S) or (N * H, L, S), of the same two kinds.
            average_attn_weights: bool, whether to return the mean of the heads' weights; default
                True.
            is_causal: bool, a hint that attn_mask is the causal mask; default False.
        """
        weights = Weights(
            self.in_proj_weight,
            (self.q_proj_weight, self.k_proj_weight, self.v_proj_weight),
            self.in_proj_bias,
            (self.bias_k, self.bias_v),
            (self.out_proj.weight, self.out_proj.bias),
        )
        how = Setting(
            self.embed_dim,
            self.num_heads,
            self.dropout if self.training else 0.0,
            self.add_zero_attn,
            self.batch_first,
            need_weights,
            average_attn_weights,
        )
        return attend((query, key, value), weights, how, (attn_mask, key_padding_mask), is_causal)


def _check(embed_dim: int, num_heads: int) -> None:
    if embed_dim <= 0 or num_heads <= 0 or embed_dim % num_heads:
        raise ShapeError(
            explain(
                "MultiheadAttention",
                got=f"embed_dim={embed_dim}, num_heads={num_heads}",
                expected="both above 0, embed_dim a multiple of num_heads",
            )
        )
