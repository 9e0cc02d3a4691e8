"""The choice of the next symbol, which all models of text share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rushlight.errors import explain
from rushlight.functional.creation import multinomial
from rushlight.functional.reduction import argmax, topk
from rushlight.nn import Module
from rushlight.nn.functional import softmax
from rushlight.random import Generator
from rushlight.tensor import Tensor

__all__ = ["check_sampling", "choose", "evaluating"]


def check_sampling(where: str, count: int, temperature: float, top_k: int | None) -> None:
    """Raise for arguments of `generate` that make no sense.

    Args:
        where: the method.
        count: symbols to make.
        temperature: divides the scores.
        top_k: how many symbols to choose from.

    Raises:
        ValueError: count < 0, temperature < 0 or top_k < 1.
    """
    for name, value, low in (
        ("max_new_tokens", count, 0),
        ("temperature", temperature, 0),
        ("top_k", top_k, 1),
    ):
        if value is not None and not value >= low:
            raise ValueError(explain(where, got=f"{name}={value}", expected=f"at least {low}"))


def choose(
    scores: Tensor, temperature: float, top_k: int | None, generator: Generator | None
) -> Tensor:
    """Return one symbol for each row of scores (N, V) -> (N).

    Args:
        scores: logarithms of probabilities, but for a constant.
        temperature: they are divided by it; 0 takes the largest.
        top_k: draw from that many of the largest alone; None draws from all.
        generator: to draw from; None is the default one.
    """
    if temperature == 0:
        return argmax(scores, -1)
    if top_k is None or top_k >= scores.shape[-1]:
        return multinomial(softmax(scores / temperature, -1), 1, generator=generator)[:, 0]
    values, symbols = topk(scores, top_k)
    drawn = multinomial(softmax(values / temperature, -1), 1, generator=generator)
    return symbols.gather(-1, drawn)[:, 0]


@contextmanager
def evaluating(model: Module) -> Iterator[None]:
    """Put a model in evaluation mode for a while, and every part back in its mode."""
    modes = [(part, part.training) for part in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for part, training in modes:
            part.training = training
