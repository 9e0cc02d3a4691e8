"""GPT-2, under the names of Hugging Face's transformers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from math import sqrt
from typing import Any

from rushlight import nn
from rushlight.errors import ShapeError, explain
from rushlight.functional.creation import arange, empty, zeros
from rushlight.functional.shaping import cat
from rushlight.models.checkpoint import refuse_weights
from rushlight.models.sampling import check_sampling, go_on
from rushlight.nn import functional as F
from rushlight.nn import init
from rushlight.nn.state import IncompatibleKeys
from rushlight.random import Generator
from rushlight.tensor import Tensor

__all__ = ["GPT2", "Cache", "Conv1D", "gpt2"]

# Masks that older versions of the original kept as buffers; here the mask is computed.
_MASK = re.compile(r"(transformer\.)?h\.\d+\.attn\.(bias|masked_bias)")


class Conv1D(nn.Module):
    """y = x W + b over the last dim: a Linear whose weight lies the other way.

    Args:
        nf: int, width of the output.
        nx: int, width of the input.

    Shape:
        (*, nx) -> (*, nf)

    Attributes:
        weight: (nx, nf), normal of std 0.02. bias: (nf), 0.

    Example:
        >>> import rushlight as rl
        >>> rl.models.gpt.Conv1D(3, 2)(rl.zeros(5, 2)).shape
        (5, 3)
    """

    def __init__(self, nf: int, nx: int) -> None:
        super().__init__()
        self.nf, self.nx = nf, nx
        self.weight = nn.Parameter(empty(nx, nf))
        self.bias = nn.Parameter(zeros(nf))
        init.normal_(self.weight, 0.0, 0.02)

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.weight.T, self.bias)

    def extra_repr(self) -> str:
        return f"nf={self.nf}, nx={self.nx}"


class Cache:
    """The keys and values of the symbols that a GPT2 has read, so that it need not read them again.

    Attributes:
        layers: of each block the keys and the values, (N, heads, T, width / heads).

    Example:
        >>> from rushlight.models import GPT2
        >>> import rushlight as rl
        >>> model = GPT2(vocab_size=9, n_positions=8, n_embd=4, n_layer=2, n_head=2)
        >>> cache = Cache()
        >>> scores = model(rl.tensor([[1, 2, 3]]), cache)
        >>> len(cache), model(rl.tensor([[4]]), cache).shape
        (3, (1, 1, 9))
    """

    def __init__(self) -> None:
        self.layers: dict[int, tuple[Tensor, Tensor]] = {}

    def __len__(self) -> int:
        """Return how many symbols it is of."""
        return self.layers[0][0].shape[2] if self.layers else 0

    def extend(self, layer: int, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """Add the keys and values of more symbols; return those of all."""
        if layer in self.layers:
            before = self.layers[layer]
            key, value = cat([before[0], key], 2), cat([before[1], value], 2)
        self.layers[layer] = key, value
        return key, value


class _Attention(nn.Module):
    def __init__(self, width: int, heads: int, attn_pdrop: float, resid_pdrop: float) -> None:
        super().__init__()
        self.heads, self.attn_pdrop = heads, attn_pdrop
        self.c_attn = Conv1D(3 * width, width)
        self.c_proj = Conv1D(width, width)
        self.resid_dropout = nn.Dropout(resid_pdrop)

    def forward(self, x: Tensor, cache: Cache | None, layer: int) -> Tensor:
        n, t, width = x.shape
        heads = (n, t, self.heads, width // self.heads)
        q, k, v = (y.view(heads).transpose(1, 2) for y in self.c_attn(x).split(width, dim=2))
        if cache is not None:
            k, v = cache.extend(layer, k, v)
        before = k.shape[2] - t
        mask = None
        if before and t > 1:  # symbol i of these sees all before, and of these those up to itself
            mask = arange(before + t).unsqueeze(0) <= arange(before, before + t).unsqueeze(1)
        dropout = self.attn_pdrop if self.training else 0.0
        y = F.scaled_dot_product_attention(q, k, v, mask, dropout, is_causal=not before)
        y = y.transpose(1, 2).reshape(n, t, width)
        return self.resid_dropout(self.c_proj(y))


class _MLP(nn.Module):
    def __init__(self, width: int, inner: int, resid_pdrop: float) -> None:
        super().__init__()
        self.c_fc = Conv1D(inner, width)
        self.c_proj = Conv1D(width, inner)
        self.act = nn.GELU("tanh")
        self.dropout = nn.Dropout(resid_pdrop)

    def forward(self, x: Tensor) -> Tensor:
        return self.dropout(self.c_proj(self.act(self.c_fc(x))))


class _Block(nn.Module):
    def __init__(
        self, width: int, heads: int, inner: int, eps: float, attn_pdrop: float, resid_pdrop: float
    ) -> None:
        super().__init__()
        self.ln_1 = nn.LayerNorm(width, eps)
        self.attn = _Attention(width, heads, attn_pdrop, resid_pdrop)
        self.ln_2 = nn.LayerNorm(width, eps)
        self.mlp = _MLP(width, inner, resid_pdrop)

    def forward(self, x: Tensor, cache: Cache | None, layer: int) -> Tensor:
        x = x + self.attn(self.ln_1(x), cache, layer)
        return x + self.mlp(self.ln_2(x))


class GPT2(nn.Module):
    """Symbols and their places -> Embeddings -> blocks of causal attention -> scores.

    The last layer has the weight of the first: `lm_head.weight` is `transformer.wte.weight`.

    Args:
        vocab_size: int, how many symbols there are; default 50257.
        n_positions: int, the longest text; default 1024.
        n_embd: int, width; default 768.
        n_layer: int, blocks; default 12.
        n_head: int, heads of attention, which divide the width; default 12.
        n_inner: int, hidden width of the blocks' second halves; default None, 4 n_embd.
        resid_pdrop: float, dropout behind both halves of a block; default 0.1.
        embd_pdrop: float, dropout of the embeddings; default 0.1.
        attn_pdrop: float, dropout of the weights of attention; default 0.1.
        layer_norm_epsilon: float; default 1e-5.
        initializer_range: float, std of the weights; default 0.02. Those of the last layer of
            each half of a block are divided by sqrt(2 n_layer).

    Shape:
        (N, T) of int64 with T <= n_positions -> (N, T, vocab_size)

    Attributes:
        transformer: `wte` and `wpe` (Embedding), `drop`, `h` (the blocks: `ln_1`, `attn.c_attn`,
            `attn.c_proj`, `ln_2`, `mlp.c_fc`, `mlp.c_proj`) and `ln_f`.
        lm_head: Linear without bias.

    Raises:
        ValueError: if n_head does not divide n_embd.
        RuntimeError: in forward, for a text longer than n_positions.

    Example:
        >>> import rushlight as rl
        >>> model = rl.models.GPT2(vocab_size=50, n_positions=16, n_embd=8, n_layer=2, n_head=2)
        >>> model(rl.zeros(2, 7, dtype="int64")).shape
        (2, 7, 50)
        >>> model.generate(rl.tensor([[3, 1, 4]]), 5, temperature=0).shape
        (1, 8)

    Source: Radford, Wu, Child, Luan, Amodei, Sutskever: Language models are unsupervised multitask
        learners (2019), https://github.com/openai/gpt-2;
        https://huggingface.co/docs/transformers/model_doc/gpt2
    """

    def __init__(
        self,
        vocab_size: int = 50257,
        n_positions: int = 1024,
        n_embd: int = 768,
        n_layer: int = 12,
        n_head: int = 12,
        n_inner: int | None = None,
        *,
        resid_pdrop: float = 0.1,
        embd_pdrop: float = 0.1,
        attn_pdrop: float = 0.1,
        layer_norm_epsilon: float = 1e-5,
        initializer_range: float = 0.02,
    ) -> None:
        super().__init__()
        if n_embd % n_head:
            got = f"n_embd={n_embd}, n_head={n_head}"
            raise ValueError(explain("GPT2", got=got, expected="an n_head that divides n_embd"))
        self.vocab_size, self.n_positions = vocab_size, n_positions
        inner = 4 * n_embd if n_inner is None else n_inner
        drops = (layer_norm_epsilon, attn_pdrop, resid_pdrop)
        self.transformer = nn.ModuleDict(
            {
                "wte": nn.Embedding(vocab_size, n_embd, _weight=empty(vocab_size, n_embd)),
                "wpe": nn.Embedding(n_positions, n_embd, _weight=empty(n_positions, n_embd)),
                "drop": nn.Dropout(embd_pdrop),
                "h": nn.ModuleList([_Block(n_embd, n_head, inner, *drops) for _ in range(n_layer)]),
                "ln_f": nn.LayerNorm(n_embd, layer_norm_epsilon),
            }
        )
        with init.skipped():  # its weight is the first one's
            self.lm_head = nn.Linear(n_embd, vocab_size, bias=False)
        self.lm_head.weight = self.transformer["wte"].weight
        self._draw(initializer_range, n_layer)

    def _draw(self, std: float, n_layer: int) -> None:
        for name, parameter in self.transformer.named_parameters():
            if name.endswith("c_proj.weight"):
                init.normal_(parameter, 0.0, std / sqrt(2 * n_layer))
            elif parameter.ndim == 2:
                init.normal_(parameter, 0.0, std)

    def forward(self, input_ids: Tensor, cache: Cache | None = None) -> Tensor:
        """Return the scores of the symbol after each one.

        Args:
            input_ids: (N, T) of int64, the symbols.
            cache: of the symbols before these, which is then extended by these; default None,
                there are none.
        """
        parts = self.transformer
        before = 0 if cache is None else len(cache)
        length = input_ids.shape[-1]
        if before + length > self.n_positions:
            raise ShapeError(
                explain(
                    "GPT2",
                    got=f"a text of {before + length} symbols",
                    expected=f"at most n_positions={self.n_positions}",
                    fix="cut its beginning off",
                )
            )
        x = parts["wte"](input_ids) + parts["wpe"](arange(before, before + length))
        x = parts["drop"](x)
        for layer, block in enumerate(parts["h"]):
            x = block(x, cache, layer)
        return self.lm_head(parts["ln_f"](x))

    def generate(
        self,
        input_ids: Tensor,
        max_new_tokens: int,
        *,
        temperature: float = 1.0,
        top_k: int | None = None,
        generator: Generator | None = None,
    ) -> Tensor:
        """Go on with a text, in evaluation mode and without gradients; each symbol is read once.

        Args:
            input_ids: (N, T) of int64 with T > 0, the beginning.
            max_new_tokens: int, symbols to add.
            temperature: float, divides the scores; 0 takes the likeliest symbol; default 1.
            top_k: int, draw from that many of the likeliest; default None, from all.
            generator: to draw from; default the one that `rushlight.manual_seed` restarts.

        Returns:
            (N, T + max_new_tokens): the beginning and what was added.

        Raises:
            ValueError: for an empty beginning, numbers that make no sense, or more symbols than
                n_positions.
        """
        options = max_new_tokens, temperature, top_k
        check_sampling("GPT2.generate", input_ids, *options)
        if input_ids.shape[1] + max_new_tokens > self.n_positions:
            raise ValueError(
                explain(
                    "GPT2.generate",
                    got=f"{input_ids.shape[1]} symbols and {max_new_tokens} to add",
                    expected=f"at most n_positions={self.n_positions} in all",
                    fix="add fewer, or cut the beginning off",
                )
            )
        cache = Cache()
        return go_on(self, lambda read: self(read, cache), input_ids, *options, generator)

    # ---- state: checkpoints of the original are in several forms

    def _load_from_state_dict(
        self, state_dict: dict[str, Any], prefix: str, *args: Any, **options: Any
    ) -> None:
        """Bring the names to one form: with `transformer.`, without masks, with `lm_head`."""
        found: dict[str, Any] = {}
        for key in [key for key in state_dict if key.startswith(prefix)]:
            name = key[len(prefix) :]
            value = state_dict.pop(key)
            if _MASK.fullmatch(name):
                continue
            if name.split(".")[0] in self.transformer:
                name = f"transformer.{name}"
            found[prefix + name] = value
        first, last = f"{prefix}transformer.wte.weight", f"{prefix}lm_head.weight"
        if first in found:
            found.setdefault(last, found[first])
        state_dict.update(found)
        super()._load_from_state_dict(state_dict, prefix, *args, **options)

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> IncompatibleKeys:
        """Copy the values of a state dict into parameters, as `Module.load_state_dict` does.

        Names may lack `transformer.`, masks (`attn.bias`, `attn.masked_bias`) are left out, and
        `lm_head.weight` may be missing: so are checkpoints of the original.
        """
        found = super().load_state_dict(state_dict, strict, assign)
        self.lm_head.weight = self.transformer["wte"].weight  # `assign` makes two of one
        return found


def gpt2(*, weights: None = None, **options: Any) -> GPT2:
    """Make the smallest GPT-2, of 124 million parameters.

    Args:
        weights: None; others are refused with a word on how to load a checkpoint.
        **options: of `GPT2`.

    Example:
        >>> import rushlight as rl
        >>> model = rl.models.gpt2(vocab_size=9, n_embd=4, n_layer=1, n_head=2)
        >>> model.lm_head.weight is model.transformer["wte"].weight
        True

    Source: https://huggingface.co/openai-community/gpt2
    """
    refuse_weights("gpt2", weights)
    return GPT2(**options)
