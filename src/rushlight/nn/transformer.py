"""The Transformer: layers of attention in an encoder and a decoder."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np

from rushlight.autograd import is_grad_enabled
from rushlight.errors import ShapeError, explain
from rushlight.functional.activation import relu
from rushlight.functional.creation import full
from rushlight.functional.elementwise import masked_fill
from rushlight.functional.picking import triu
from rushlight.nn import init
from rushlight.nn.container import ModuleList
from rushlight.nn.module import Module
from rushlight.nn.normalization import LayerNorm
from rushlight.nn.transformer_layers import (
    Activation,
    TransformerDecoderLayer,
    TransformerEncoderLayer,
)
from rushlight.tape import state
from rushlight.tensor import Tensor

__all__ = ["Transformer", "TransformerDecoder", "TransformerEncoder"]


def _copies(module: Module, n: int) -> ModuleList:
    return ModuleList([copy.deepcopy(module) for _ in range(n)])


def _causal(mask: Tensor | None, hint: bool | None, x: Tensor, batch_first: bool) -> bool:
    """Tell whether a mask is the causal one: by the hint, or by a look at the mask for None."""
    if hint is not None or mask is None or state.trace is not None:
        return hint is True  # a trace shall hold for other masks, too
    size = x.shape[0 if x.ndim == 2 or not batch_first else 1]
    if mask.shape != (size, size):
        return False
    hidden = np.triu(np.ones((size, size), np.bool_), 1)
    seen = mask._array
    return bool(
        (seen == (hidden if seen.dtype == np.bool_ else np.where(hidden, -np.inf, 0))).all()
    )


class TransformerEncoder(Module):
    """y = norm(layer_n(... layer_1(x))), the layers copies of one.

    Args:
        encoder_layer: TransformerEncoderLayer, or a module called as it is; copied, so that all
            layers begin with the same parameters.
        num_layers: int, how many.
        norm: the module behind the last layer, or None; default None.
        enable_nested_tensor: bool; default True. Nested tensors are not there: what is left of
            them is that padded positions come out of the layers as 0 where torch uses them
            (evaluation without a graph, only a padding mask with the padding behind).
        mask_check: bool, whether to look if the padding is behind, before 0 is put there; default
            True.

    Shape:
        that of the layer

    Attributes:
        layers: ModuleList of the copies.
        norm: the module given.

    Raises:
        RuntimeError: in forward, for shapes or masks that do not fit.

    Example:
        >>> import rushlight as rl
        >>> layer = rl.nn.TransformerEncoderLayer(8, nhead=2, dim_feedforward=16)
        >>> rl.nn.TransformerEncoder(layer, num_layers=2)(rl.ones(5, 4, 8)).shape
        (5, 4, 8)

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.TransformerEncoder.html
    """

    def __init__(
        self,
        encoder_layer: Module,
        num_layers: int,
        norm: Module | None = None,
        enable_nested_tensor: bool = True,
        mask_check: bool = True,
    ) -> None:
        super().__init__()
        self.layers = _copies(encoder_layer, num_layers)
        self.num_layers = num_layers
        self.norm = norm
        self.enable_nested_tensor = enable_nested_tensor
        self.use_nested_tensor = enable_nested_tensor and _nests(encoder_layer)
        self.mask_check = mask_check

    def forward(
        self,
        src: Tensor,
        mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        is_causal: bool | None = None,
    ) -> Tensor:
        """Return the output.

        Args:
            src: the input of the first layer.
            mask: its attn_mask.
            src_key_padding_mask: its key_padding_mask.
            is_causal: bool, whether the mask is the causal one; None, the default, looks.
        """
        first: Any = self.layers[0]
        causal = _causal(mask, is_causal, src, first.self_attn.batch_first)
        padding, padded = src_key_padding_mask, None
        if padding is not None and mask is None and src.ndim == 3:
            padded = self._padded(src, padding)
            padding = padding if padded is None or padding.dtype == np.bool_ else padded
        x = src
        for layer in self.layers:
            x = layer(x, src_mask=mask, is_causal=causal, src_key_padding_mask=padding)
        if padded is not None:
            x = masked_fill(x, padded.unsqueeze(-1), 0.0)
        return x if self.norm is None else self.norm(x)

    def _padded(self, src: Tensor, mask: Tensor) -> Tensor | None:
        """Return which positions torch leaves out and fills with 0 (N, L), or None."""
        first: Any = self.layers[0]
        if not self.use_nested_tensor or first.training:
            return None
        parts = (first.self_attn, first.self_attn.out_proj, first.norm1, first.norm2)
        owned = [p for m in (*parts, first.linear1, first.linear2) for p in m._parameters.values()]
        if is_grad_enabled() and any(t is not None and t.requires_grad for t in (src, *owned)):
            return None
        if state.trace is not None and self.mask_check and mask.dtype == np.bool_:
            return mask & (mask[:, 1:] >= mask[:, :-1]).all()  # holds for other masks, too
        hidden = mask._array != 0  # floats: whatever is added hides, as in torch
        if self.mask_check and (hidden[:, 1:] < hidden[:, :-1]).any():
            return None
        return mask != 0


def _nests(layer: Any) -> bool:
    """Tell whether torch would run copies of a layer on nested tensors."""
    return (
        isinstance(layer, TransformerEncoderLayer)
        and not layer.norm_first
        and layer.self_attn.batch_first
        and layer.self_attn._qkv_same_embed_dim
        and layer.self_attn.in_proj_bias is not None
        and layer.activation_relu_or_gelu > 0
        and layer.norm1.eps == layer.norm2.eps
        and layer.self_attn.num_heads % 2 == 0
    )


class TransformerDecoder(Module):
    """y = norm(layer_n(... layer_1(x, memory), memory)), the layers copies of one.

    Args:
        decoder_layer: TransformerDecoderLayer, or a module called as it is; copied, so that all
            layers begin with the same parameters.
        num_layers: int, how many.
        norm: the module behind the last layer, or None; default None.

    Shape:
        that of the layer

    Attributes:
        layers: ModuleList of the copies.
        norm: the module given.

    Raises:
        RuntimeError: in forward, for shapes or masks that do not fit.

    Example:
        >>> import rushlight as rl
        >>> layer = rl.nn.TransformerDecoderLayer(8, nhead=2, dim_feedforward=16)
        >>> decoder = rl.nn.TransformerDecoder(layer, num_layers=2)
        >>> decoder(rl.ones(3, 4, 8), rl.ones(5, 4, 8)).shape
        (3, 4, 8)

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.TransformerDecoder.html
    """

    def __init__(self, decoder_layer: Module, num_layers: int, norm: Module | None = None) -> None:
        super().__init__()
        self.layers = _copies(decoder_layer, num_layers)
        self.num_layers = num_layers
        self.norm = norm

    def forward(
        self,
        tgt: Tensor,
        memory: Tensor,
        tgt_mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None,
        tgt_is_causal: bool | None = None,
        memory_is_causal: bool = False,
    ) -> Tensor:
        """Return the output.

        Args:
            tgt: the input of the first layer.
            memory: the output of the encoder.
            tgt_mask, tgt_key_padding_mask: masks of the attention to the input itself.
            memory_mask, memory_key_padding_mask: masks of the attention to the memory.
            tgt_is_causal: bool, whether tgt_mask is the causal one; None, the default, looks.
            memory_is_causal: bool, whether memory_mask is; default False.
        """
        first: Any = self.layers[0]
        causal = _causal(tgt_mask, tgt_is_causal, tgt, first.self_attn.batch_first)
        x = tgt
        for layer in self.layers:
            x = layer(
                x,
                memory,
                tgt_mask=tgt_mask,
                memory_mask=memory_mask,
                tgt_key_padding_mask=tgt_key_padding_mask,
                memory_key_padding_mask=memory_key_padding_mask,
                tgt_is_causal=causal,
                memory_is_causal=memory_is_causal,
            )
        return x if self.norm is None else self.norm(x)


class Transformer(Module):
    """y = decoder(tgt, encoder(src)).

    Args:
        d_model: int, E, the width of the inputs and of the output; default 512.
        nhead: int, the number of heads; divides d_model; default 8.
        num_encoder_layers, num_decoder_layers: int; default 6.
        dim_feedforward: int, the width between the linear layers of a block; default 2048.
        dropout: float, the probability of a zero; default 0.1.
        activation: 'relu', 'gelu', or a function of a tensor; default relu.
        custom_encoder, custom_decoder: modules in place of TransformerEncoder and
            TransformerDecoder, called as they are; default None.
        layer_norm_eps: float, added to the variance; default 1e-5.
        batch_first: bool, whether a batch is (N, L, E) and not (L, N, E); default False.
        norm_first: bool, whether LayerNorm comes before a block; default False.
        bias: bool, whether linear layers and norms have biases; default True.
        device: 'cpu' or None.
        dtype: of the parameters; default the default dtype (float32).

    Shape:
        src (S, N, E), tgt (T, N, E) -> (T, N, E); N in front with batch_first, left out without a
        batch

    Attributes:
        encoder: TransformerEncoder, with a LayerNorm behind.
        decoder: TransformerDecoder, with a LayerNorm behind. All parameters of two dims and more
            are drawn from the uniform distribution on ±sqrt(6 / (fan_in + fan_out)).

    Raises:
        ValueError: if nhead does not divide d_model.
        RuntimeError: in forward, for shapes or masks that do not fit.

    Example:
        >>> import rushlight as rl
        >>> model = rl.nn.Transformer(8, 2, 1, 1, 16)
        >>> mask = model.generate_square_subsequent_mask(3)
        >>> model(rl.ones(5, 4, 8), rl.ones(3, 4, 8), tgt_mask=mask).shape
        (3, 4, 8)

    Source: https://arxiv.org/abs/1706.03762,
        https://docs.pytorch.org/docs/stable/generated/torch.nn.Transformer.html
    """

    encoder: Module
    decoder: Module

    def __init__(
        self,
        d_model: int = 512,
        nhead: int = 8,
        num_encoder_layers: int = 6,
        num_decoder_layers: int = 6,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: Activation = relu,
        custom_encoder: Any = None,
        custom_decoder: Any = None,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        made = {"bias": bias, "device": device, "dtype": dtype}
        layer = (d_model, nhead, dim_feedforward, dropout, activation)
        order = (layer_norm_eps, batch_first, norm_first)
        if custom_encoder is None:
            self.encoder = TransformerEncoder(
                TransformerEncoderLayer(*layer, *order, **made),
                num_encoder_layers,
                LayerNorm(d_model, eps=layer_norm_eps, **made),
            )
        else:
            self.encoder = custom_encoder
        if custom_decoder is None:
            self.decoder = TransformerDecoder(
                TransformerDecoderLayer(*layer, *order, **made),
                num_decoder_layers,
                LayerNorm(d_model, eps=layer_norm_eps, **made),
            )
        else:
            self.decoder = custom_decoder
        self._reset_parameters()
        self.d_model = d_model
        self.nhead = nhead
        self.batch_first = batch_first

    def _reset_parameters(self) -> None:
        """Draw all weights anew."""
        for parameter in self.parameters():
            if parameter.ndim > 1:
                init.xavier_uniform_(parameter)

    @staticmethod
    def generate_square_subsequent_mask(sz: int, device: Any = None, dtype: Any = None) -> Tensor:
        """Return the causal mask (sz, sz): 0 up to the diagonal and -inf above it.

        Example:
            >>> import rushlight as rl
            >>> rl.nn.Transformer.generate_square_subsequent_mask(2)
            tensor([[0., -inf],
                    [0., 0.]])
        """
        return triu(full((sz, sz), -np.inf, device=device, dtype=dtype), 1)

    def forward(
        self,
        src: Tensor,
        tgt: Tensor,
        src_mask: Tensor | None = None,
        tgt_mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None,
        src_is_causal: bool | None = None,
        tgt_is_causal: bool | None = None,
        memory_is_causal: bool = False,
    ) -> Tensor:
        """Return the output of the decoder.

        Args:
            src, tgt: the inputs of the encoder and of the decoder.
            src_mask, tgt_mask, memory_mask: attn_mask of the encoder, of the decoder's attention
                to itself and to the memory: True where a position is hidden, or floats to add.
            src_key_padding_mask, tgt_key_padding_mask, memory_key_padding_mask: theirs in the same
                order, (N, S) or (N, T).
            src_is_causal, tgt_is_causal: bool, whether the mask is the causal one; None, the
                default, looks.
            memory_is_causal: bool; default False.
        """
        self._check(src, tgt)
        memory = self.encoder(
            src, mask=src_mask, src_key_padding_mask=src_key_padding_mask, is_causal=src_is_causal
        )
        return self.decoder(
            tgt,
            memory,
            tgt_mask=tgt_mask,
            memory_mask=memory_mask,
            tgt_key_padding_mask=tgt_key_padding_mask,
            memory_key_padding_mask=memory_key_padding_mask,
            tgt_is_causal=tgt_is_causal,
            memory_is_causal=memory_is_causal,
        )

    def _check(self, src: Tensor, tgt: Tensor) -> None:
        at = 0 if self.batch_first else 1
        fits = src.ndim == tgt.ndim and src.ndim in (2, 3)
        if fits:
            fits = src.ndim == 2 or src.shape[at] == tgt.shape[at]
        if not fits or src.shape[-1] != self.d_model or tgt.shape[-1] != self.d_model:
            first = "(N, S, E) and (N, T, E)" if self.batch_first else "(S, N, E) and (T, N, E)"
            raise ShapeError(
                explain(
                    "Transformer",
                    got=f"src {src.shape}, tgt {tgt.shape}",
                    expected=f"{first} with E = {self.d_model}, or without N",
                    fix="see batch_first",
                )
            )
