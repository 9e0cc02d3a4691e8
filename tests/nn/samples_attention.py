"""Samples of multi-head attention and of the Transformer: every option, all kinds of masks."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from tests.nn.modules import ModuleSample as S
from tests.ops.sample import normal

from rushlight import nn

L, N, E, LATE = 3, 2, 4, 5  # queries, batch, width, keys
X, MEMORY = normal(L, N, E), normal(LATE, N, E, seed=1)
HIDDEN = np.array([[False, False, True], [False, True, False]])  # (N, L)
HIDE = np.triu(np.ones((L, L), bool), 1)
ADDED = normal(L, LATE, seed=2)


def _turned(*arrays: Any) -> tuple[Any, ...]:
    return tuple(np.swapaxes(a, 0, 1).copy() for a in arrays)


def _one(*arrays: Any) -> tuple[Any, ...]:
    return tuple(a[:, 0] for a in arrays)


def _made(name: str, inputs: Any, *args: Any, alone: Any = None, **options: Any) -> S:
    def theirs(torch: Any) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore"
            )  # torch's encoder says why it will not use nested tensors
            return getattr(torch.nn, name)(*args, **options)

    random = name != "MultiheadAttention" and "dropout" not in options
    return S(lambda: getattr(nn, name)(*args, **options), theirs, inputs, alone, random=random)


def _attention(inputs: Any, *, alone: Any = None, **options: Any) -> S:
    return _made("MultiheadAttention", inputs, E, 2, alone=alone, **options)


CROSS, BATCHES = (X, MEMORY, MEMORY), _turned(X, MEMORY, MEMORY)
WIDE = X, normal(LATE, N, 3, seed=1), normal(LATE, N, 6, seed=2)
ATTENTION = [
    _attention(CROSS, alone=_one(*CROSS)),
    _attention(BATCHES, batch_first=True, alone=_one(*CROSS)),
    _attention((X, X, X), bias=False),
    _attention(CROSS, add_bias_kv=True),
    _attention(CROSS, add_zero_attn=True, bias=False),
    _attention((*BATCHES, None, False), add_bias_kv=True, add_zero_attn=True, batch_first=True),
    _attention(WIDE, kdim=3, vdim=6, alone=_one(*WIDE)),
    _attention((X, X, WIDE[2][:3]), vdim=6, add_bias_kv=True),
    _attention((X, X, X, HIDDEN), alone=(*_one(X, X, X), HIDDEN[0])),
    _attention((X, X, X, HIDDEN, False, HIDE), alone=(*_one(X, X, X), HIDDEN[1], False, HIDE)),
    _attention((X, X, X, HIDDEN, True, np.stack([HIDE] * 4)), add_zero_attn=True),
    _attention((*CROSS, None, True, ADDED, False), alone=(*_one(*CROSS), None, True, ADDED, False)),
    _attention((*CROSS, normal(N, LATE), False, normal(4, L, LATE)), add_bias_kv=True),
    _attention((X, X, X, None, False, HIDE, True, True)),
    _attention((X, X, X, None, True, HIDE, False, True)),
]


def _encoder_layer(inputs: Any, *, alone: Any = None, **options: Any) -> S:
    return _made("TransformerEncoderLayer", inputs, E, 2, 6, alone=alone, **options)


def _decoder_layer(inputs: Any, *, alone: Any = None, **options: Any) -> S:
    return _made("TransformerDecoderLayer", inputs, E, 2, 6, alone=alone, **options)


OTHER = normal(LATE, N, seed=9).T > 1.0  # (N, LATE), hidden positions of the memory
LAYERS = [
    _encoder_layer((X,), alone=(X[:, 0],)),
    _encoder_layer((X, HIDE, HIDDEN), dropout=0.0, alone=(X[:, 0], HIDE, HIDDEN[0])),
    _encoder_layer((X,), dropout=0.0, activation="gelu", layer_norm_eps=0.1),
    _encoder_layer(_turned(X), dropout=0.0, batch_first=True, norm_first=True),
    _encoder_layer((X, HIDE, None, True), dropout=0.0, bias=False, norm_first=True),
    _decoder_layer((X, MEMORY), alone=_one(X, MEMORY)),
    _decoder_layer((X, MEMORY, HIDE, ADDED > 1.0, HIDDEN, OTHER), dropout=0.0),
    _decoder_layer((*_turned(X, MEMORY), HIDE), dropout=0.0, batch_first=True, activation="gelu"),
    _decoder_layer((X, MEMORY, None, ADDED), dropout=0.0, norm_first=True, bias=False),
]


def _stack(kind: str, inputs: Any, norm: bool = False, alone: Any = None, **options: Any) -> S:
    """An encoder or decoder of two layers, in either library."""

    def make(lib: Any) -> Any:
        layer = getattr(lib, f"Transformer{kind}Layer")(E, 2, 6, **options)
        behind = lib.LayerNorm(E) if norm else None
        more = {"enable_nested_tensor": False} if kind == "Encoder" else {}
        return getattr(lib, f"Transformer{kind}")(layer, 2, behind, **more)

    random = "dropout" not in options
    return S(lambda: make(nn), lambda torch: make(torch.nn), inputs, alone, random=random)


def _relus(name: str) -> S:
    """A layer whose activation is a module of its own."""

    def make(lib: Any) -> Any:
        return getattr(lib, name)(E, 2, 6, dropout=0.0, activation=lib.LeakyReLU(0.2))

    inputs = (X,) if "Encoder" in name else (X, MEMORY)
    return S(lambda: make(nn), lambda torch: make(torch.nn), inputs)


def _custom() -> S:
    """A Transformer with an encoder and a decoder that are given to it."""

    def make(lib: Any) -> Any:
        layers = lib.TransformerEncoderLayer(E, 2, 6), lib.TransformerDecoderLayer(E, 2, 6)
        encoder = lib.TransformerEncoder(layers[0], 1, enable_nested_tensor=False)
        decoder = lib.TransformerDecoder(layers[1], 1)
        return lib.Transformer(E, 2, custom_encoder=encoder, custom_decoder=decoder)

    return S(lambda: make(nn), lambda torch: make(torch.nn), (MEMORY, X), random=True)


def _whole(inputs: Any, *, alone: Any = None, **options: Any) -> S:
    options = {"batch_first": True, "dropout": 0.0} | options
    return _made("Transformer", inputs, E, 2, 1, 2, 6, alone=alone, **options)


BOTH = _turned(MEMORY, X)
STACKS = [
    _stack("Encoder", (X,), norm=True, alone=(X[:, 0],)),
    _stack("Encoder", (X, HIDE, HIDDEN), dropout=0.0),
    _stack("Encoder", (X, np.where(HIDE, -np.inf, 0.0)), dropout=0.0),
    _stack("Encoder", _turned(X), dropout=0.0, batch_first=True, norm_first=True),
    _stack("Decoder", (X, MEMORY), norm=True, alone=_one(X, MEMORY)),
    _stack("Decoder", (X, MEMORY, HIDE), dropout=0.0),
    _stack("Decoder", (X, MEMORY, HIDE, None, HIDDEN, OTHER), dropout=0.0, bias=False),
    _whole(BOTH, alone=_one(MEMORY, X)),
    _whole((*BOTH, None, HIDE, None, OTHER, HIDDEN, OTHER), norm_first=True),
    _whole((*BOTH, None, HIDE), activation="gelu", bias=False),
    _relus("TransformerEncoderLayer"),
    _relus("TransformerDecoderLayer"),
    _custom(),
]
SAMPLES = [*ATTENTION, *LAYERS, *STACKS]
