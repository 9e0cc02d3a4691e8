"""Dropout layers."""

from __future__ import annotations

from functools import partial
from typing import Any

from rushlight.functional.dropout import (
    alpha_dropout,
    check_probability,
    draw_factor,
    dropout,
    dropout1d,
    dropout2d,
    dropout3d,
    feature_alpha_dropout,
)
from rushlight.nn.module import Module, Relinked
from rushlight.tensor import Tensor

__all__ = [
    "AlphaDropout",
    "Dropout",
    "Dropout1d",
    "Dropout2d",
    "Dropout3d",
    "FeatureAlphaDropout",
]


class _Dropout(Module):
    """The probability and its check."""

    def __init__(self, p: float = 0.5, inplace: bool = False) -> None:
        super().__init__()
        check_probability(p)
        self.p = p
        self.inplace = inplace

    def extra_repr(self) -> str:
        return f"p={self.p}, inplace={self.inplace}"


class Dropout(_Dropout):
    """y = x * m / (1 - p) in training, m zero at probability p for each element; else y = x.

    Args:
        p: float in [0, 1], the probability of a zero; default 0.5.
        inplace: accepted; a new tensor is made all the same.

    Shape:
        (*) -> (*)

    Raises:
        ValueError: if p is not in [0, 1].

    Example:
        >>> import rushlight as rl
        >>> layer = rl.nn.Dropout(0.5)
        >>> sorted(set(layer(rl.ones(100)).tolist()))
        [0.0, 2.0]
        >>> layer.eval()(rl.ones(2))
        tensor([1., 1.])

    Source: https://arxiv.org/abs/1207.0580,
        https://docs.pytorch.org/docs/stable/generated/torch.nn.Dropout.html
    """

    def _relink(self, options: dict[str, Any]) -> Relinked:
        return {}, partial(draw_factor, p=self.p), None

    def forward(self, input: Tensor) -> Tensor:
        return dropout(input, self.p, self.training)


class Dropout1d(_Dropout):
    """y = x * m / (1 - p) in training, m zero at probability p for each channel; else y = x.

    Args:
        p: float in [0, 1], the probability of a zero; default 0.5.
        inplace: accepted; a new tensor is made all the same.

    Shape:
        (N, C, L) -> (N, C, L), or (C, L) -> (C, L)

    Raises:
        ValueError: if p is not in [0, 1].

    Example:
        >>> import rushlight as rl
        >>> rl.nn.Dropout1d(p=1.0)(rl.ones(1, 1, 3)).tolist()
        [[[0.0, 0.0, 0.0]]]

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.Dropout1d.html
    """

    def forward(self, input: Tensor) -> Tensor:
        return dropout1d(input, self.p, self.training)


class Dropout2d(_Dropout):
    """y = x * m / (1 - p) in training, m zero at probability p for each channel; else y = x.

    Args:
        p: float in [0, 1], the probability of a zero; default 0.5.
        inplace: accepted; a new tensor is made all the same.

    Shape:
        (N, C, H, W) -> (N, C, H, W); three dims are taken for (N, C, L), with a warning

    Raises:
        ValueError: if p is not in [0, 1].

    Example:
        >>> import rushlight as rl
        >>> rl.nn.Dropout2d(p=1.0)(rl.ones(1, 1, 1, 2)).tolist()
        [[[[0.0, 0.0]]]]

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.Dropout2d.html
    """

    def forward(self, input: Tensor) -> Tensor:
        return dropout2d(input, self.p, self.training)


class Dropout3d(_Dropout):
    """y = x * m / (1 - p) in training, m zero at probability p for each channel; else y = x.

    Args:
        p: float in [0, 1], the probability of a zero; default 0.5.
        inplace: accepted; a new tensor is made all the same.

    Shape:
        (N, C, D, H, W) -> (N, C, D, H, W), or (C, D, H, W) -> (C, D, H, W)

    Raises:
        ValueError: if p is not in [0, 1].

    Example:
        >>> import rushlight as rl
        >>> rl.nn.Dropout3d(p=1.0)(rl.ones(1, 1, 1, 1, 2)).tolist()
        [[[[[0.0, 0.0]]]]]

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.Dropout3d.html
    """

    def forward(self, input: Tensor) -> Tensor:
        return dropout3d(input, self.p, self.training)


class AlphaDropout(_Dropout):
    """y = a x + b in training, or a s + b at probability p for each element; else y = x.

    s = -1.7581 is where SELU saturates; a and b keep mean 0 and variance 1.

    Args:
        p: float in [0, 1], the probability of being dropped; default 0.5.
        inplace: accepted; a new tensor is made all the same.

    Shape:
        (*) -> (*)

    Raises:
        ValueError: if p is not in [0, 1].

    Example:
        >>> import rushlight as rl
        >>> rl.nn.AlphaDropout(0.5).eval()(rl.ones(2))
        tensor([1., 1.])

    Source: https://arxiv.org/abs/1706.02515,
        https://docs.pytorch.org/docs/stable/generated/torch.nn.AlphaDropout.html
    """

    def forward(self, input: Tensor) -> Tensor:
        return alpha_dropout(input, self.p, self.training)


class FeatureAlphaDropout(_Dropout):
    """y = a x + b in training, or a s + b at probability p for each channel; else y = x.

    s = -1.7581 is where SELU saturates; a and b keep mean 0 and variance 1.

    Args:
        p: float in [0, 1], the probability of being dropped; default 0.5.
        inplace: accepted; a new tensor is made all the same.

    Shape:
        (N, C, *) -> (N, C, *)

    Raises:
        ValueError: if p is not in [0, 1].

    Example:
        >>> import rushlight as rl
        >>> rl.nn.FeatureAlphaDropout(0.5).eval()(rl.ones(1, 2))
        tensor([[1., 1.]])

    Source: https://arxiv.org/abs/1706.02515,
        https://docs.pytorch.org/docs/stable/generated/torch.nn.FeatureAlphaDropout.html
    """

    def forward(self, input: Tensor) -> Tensor:
        return feature_alpha_dropout(input, self.p, self.training)
