"""Twins: what torch's database makes a case of, made again of Rushlight's parts."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch.nn.utils.rnn import PackedSequence

import rushlight as rl
import rushlight.nn.functional
from rushlight import nn

__all__ = ["Twins", "array", "ours"]


def array(tensor: Any) -> np.ndarray[Any, Any]:
    """Return a copy of a torch tensor's values, laid out in memory as they are there."""
    return np.array(tensor.detach().resolve_conj().numpy(), order="K", copy=True)


def ours(name: str) -> Any:
    """Return our class of torch's name, or None."""
    return getattr(nn, name, None)


class Twins:
    """Makes twins, one tensor for one tensor, and remembers the pairs that have a gradient."""

    def __init__(self) -> None:
        self.pairs: list[tuple[Any, Any]] = []  # (torch's leaf, ours)
        self._seen: dict[int, Any] = {}

    def __call__(self, value: Any) -> Any:
        """Return the twin of a value; plain Python values are their own."""
        if isinstance(value, torch.nn.Module):
            return _module(self, value)
        if isinstance(value, torch.Tensor):
            return self._tensor(value)
        if isinstance(value, torch.dtype):
            return getattr(rl, str(value).removeprefix("torch."))
        if isinstance(value, PackedSequence):
            return nn.utils.rnn.PackedSequence(*map(self, value))
        if isinstance(value, dict):
            return {key: self(v) for key, v in value.items()}
        if isinstance(value, (tuple, list)):
            return type(value)(self(v) for v in value)
        if callable(value):
            return _function(value)
        return value

    def _tensor(self, tensor: Any) -> Any:
        if id(tensor) not in self._seen:
            twin = rl.from_numpy(array(tensor))
            if tensor.requires_grad:
                tensor.retain_grad()
                self.pairs.append((tensor, twin.requires_grad_()))
            self._seen[id(tensor)] = twin
        return self._seen[id(tensor)]


def _function(value: Any) -> Any:
    """Return our function of the name of torch's."""
    for place in (rl.nn.functional, rl):
        if hasattr(place, value.__name__):
            return getattr(place, value.__name__)
    raise LookupError(f"no function {value.__name__}")


def _module(twins: Twins, module: Any) -> Any:
    """Return a module like one that is an argument of another."""
    if type(module) is torch.nn.TransformerEncoderLayer:
        return nn.TransformerEncoderLayer(
            module.linear1.in_features,
            module.self_attn.num_heads,
            module.linear1.out_features,
            module.dropout.p,
            twins(module.activation),
            layer_norm_eps=module.norm1.eps,
            batch_first=module.self_attn.batch_first,
            norm_first=module.norm_first,
            bias=module.linear1.bias is not None,
        )
    raise LookupError(f"no twin of {type(module).__name__} as an argument")
