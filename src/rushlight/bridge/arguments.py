"""The arguments that a layer was made with, read back from the layer.

torch's layers and Rushlight's have attributes of the same names, so one table serves both ways.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

__all__ = ["arguments"]

# What is not read: where and of what dtype members are is said by the members themselves.
_LEFT = {"device", "dtype", "_weight", "_freeze", "min_value", "max_value"}


def _attention(layer: Any) -> dict[str, Any]:
    return {"bias": layer.in_proj_bias is not None, "add_bias_kv": layer.bias_k is not None}


def _transformer_layer(layer: Any) -> dict[str, Any]:
    return {
        "d_model": layer.linear1.in_features,
        "nhead": layer.self_attn.num_heads,
        "dim_feedforward": layer.linear1.out_features,
        "dropout": layer.dropout.p,
        "layer_norm_eps": layer.norm1.eps,
        "batch_first": layer.self_attn.batch_first,
        "bias": layer.linear1.bias is not None,
    }


def _layers(name: str) -> Callable[[Any], dict[str, Any]]:
    """Return what reads a stack of layers, of which the first stands for all."""

    def read(stack: Any) -> dict[str, Any]:
        return {name: stack.layers[0], "num_layers": 0}  # the layers themselves are put in later

    return read


def _transformer(model: Any) -> dict[str, Any]:
    return {
        "num_encoder_layers": 0,
        "num_decoder_layers": 0,
        "dim_feedforward": 1,
        "dropout": 0.0,
        "activation": "relu",
        "custom_encoder": None,
        "custom_decoder": None,
        "layer_norm_eps": 1e-5,
        "norm_first": False,
        "bias": True,
    }


# How arguments are read that are no attribute of the same name.
_READ: dict[str, Callable[[Any], dict[str, Any]]] = {
    "AdaptiveLogSoftmaxWithLoss": lambda m: {"cutoffs": m.cutoffs[:-1]},
    "LinearCrossEntropyLoss": lambda m: {
        "in_features": m.linear.in_features,
        "bias": m.linear.bias is not None,
    },
    "MultiheadAttention": _attention,
    "PairwiseDistance": lambda m: {"p": m.norm},
    "ParameterDict": lambda m: {"parameters": dict(m.items())},
    "ParameterList": lambda m: {"values": list(m)},
    "ModuleDict": lambda m: {},
    "ModuleList": lambda m: {},
    "RNNCellBase": lambda m: {"num_chunks": m.weight_ih.shape[0] // m.hidden_size},
    "Transformer": _transformer,
    "TransformerDecoder": _layers("decoder_layer"),
    "TransformerDecoderLayer": _transformer_layer,
    "TransformerEncoder": _layers("encoder_layer"),
    "TransformerEncoderLayer": _transformer_layer,
}
_OWN = {"ModuleDict", "ModuleList"}  # their members are children


def arguments(cls: type, layer: Any) -> dict[str, Any]:
    """Return the keyword arguments that make a layer like this one.

    Args:
        cls: Rushlight's class of it, whose signature says what to look for.
        layer: torch's layer or Rushlight's.

    Raises:
        AttributeError: the layer has no attribute for an argument.
    """
    found = _READ[cls.__name__](layer) if cls.__name__ in _READ else {}
    if cls.__name__ in _OWN:
        return found
    for name, parameter in inspect.signature(cls).parameters.items():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        if name in found or name in _LEFT:
            continue
        if name in layer._parameters:  # as `bias`, of which the argument says whether it is there
            found[name] = layer._parameters[name] is not None
        else:
            found[name] = getattr(layer, name)
    return found
