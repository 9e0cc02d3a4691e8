"""The choice of the next symbol, which all models of text share."""

from __future__ import annotations

from collections.abc import Callable

from rushlight.autograd import no_grad
from rushlight.errors import explain
from rushlight.functional.creation import multinomial
from rushlight.functional.reduction import argmax, topk
from rushlight.functional.shaping import cat
from rushlight.nn import Module
from rushlight.nn.evaluating import evaluating
from rushlight.nn.functional import softmax
from rushlight.random import Generator
from rushlight.tensor import Tensor

__all__ = ["check_sampling", "choose", "go_on"]


def check_sampling(
    where: str, beginning: Tensor, count: int, temperature: float, top_k: int | None
) -> None:
    """Raise for arguments of `generate` that make no sense.

    Args:
        where: the method.
        beginning: (N, T), the symbols to go on from.
        count: symbols to make.
        temperature: divides the scores.
        top_k: how many symbols to choose from.

    Raises:
        ValueError: count < 0, temperature < 0 or top_k < 1; an empty beginning.
    """
    for name, value, low in (
        ("max_new_tokens", count, 0),
        ("temperature", temperature, 0),
        ("top_k", top_k, 1),
    ):
        if value is not None and not value >= low:
            raise ValueError(explain(where, got=f"{name}={value}", expected=f"at least {low}"))
    if beginning.ndim != 2 or not beginning.shape[1]:
        got = f"a beginning of the shape {beginning.shape}"
        raise ValueError(explain(where, got=got, expected="(N, T) with T > 0"))


def go_on(
    model: Module,
    scores: Callable[[Tensor], Tensor],
    beginning: Tensor,
    count: int,
    temperature: float,
    top_k: int | None,
    generator: Generator | None,
) -> Tensor:
    """Return a text with `count` symbols more, in evaluation mode and without gradients.

    Args:
        model: the module that is put in evaluation mode.
        scores: takes what was not read before, (N, T), and returns its scores (N, T, V).
        beginning: (N, T), the text.
        count, temperature, top_k, generator: as `check_sampling` and `choose` say.
    """
    text = unread = beginning
    with no_grad(), evaluating(model):
        for _ in range(count):
            unread = choose(scores(unread)[:, -1], temperature, top_k, generator).unsqueeze(1)
            text = cat([text, unread], 1)
    return text


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
