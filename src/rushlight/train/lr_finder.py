"""The learning-rate finder: one short sweep over growing rates, and everything put back."""

from __future__ import annotations

import copy
import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from rushlight.arrays import Array
from rushlight.data import DataLoader
from rushlight.errors import explain
from rushlight.kernels.products import matmul
from rushlight.nn.summary.watching import untouched
from rushlight.train.callbacks import Callback
from rushlight.train.drawing import FAINT, INK, RATE, TRAIN, new_figure, save_figure, style
from rushlight.train.feed import check_count
from rushlight.train.guard import NonFiniteError
from rushlight.train.parts import is_number
from rushlight.train.resuming.generators import Generators
from rushlight.train.trainer import Trainer

__all__ = ["LRFinder", "find_lr"]


@dataclass(frozen=True)
class LRFinder:
    """What a sweep over learning rates has found; `find_lr` makes it.

    The rate grows by the same factor at each step. While it is too low, the loss stays where it
    is; then it falls, and the faster the more useful the rate; then it turns and explodes. The
    suggestion is the rate at which the smoothed loss falls fastest for each tenfold of the rate,
    before its minimum: at the minimum itself the rate is already on the edge.

    Attributes:
        rates: the learning rate of each step.
        losses: the loss of each step, before the weights moved.
        smoothed: the losses averaged over neighbouring steps; an explosion counts as twice the
            mean of the first five, lest it be felt long before.
        suggestion: the rate to begin with, or None where the loss never fell.
        diverged: whether the sweep ended early, because the loss exploded.

    Example:
        >>> import rushlight as rl
        >>> from rushlight.train import Trainer
        >>> _ = rl.manual_seed(0)
        >>> x = rl.randn(200, 4)
        >>> trainer = Trainer(rl.nn.Linear(4, 1), "mse", "sgd", seed=0, progress="none")
        >>> found = find_lr(trainer, x, x.sum(1, keepdim=True))
        >>> found.diverged, 0.01 < found.suggestion < 1
        (True, True)

    Source: Smith 2017, https://arxiv.org/abs/1506.01186
    """

    rates: tuple[float, ...]
    losses: tuple[float, ...]
    smoothed: tuple[float, ...]
    suggestion: float | None
    diverged: bool

    def __str__(self) -> str:
        span = f"{len(self.rates)} steps from {self.rates[0]:.2g} to {self.rates[-1]:.2g}"
        end = "; the loss exploded there" if self.diverged else ""
        if self.suggestion is None:
            return f"no rate is suggested: the loss never fell in {span}{end}"
        return (
            f"try lr={self.suggestion:.2g}, where the loss falls fastest ({span}{end}; its minimum "
            f"is at {self.minimum:.2g})"
        )

    @property
    def minimum(self) -> float:
        """The rate with the lowest smoothed loss: too high to train with, an upper limit."""
        return self.rates[int(np.argmin(self.smoothed))]

    def table(self, rows: int = 20) -> str:
        """Return the sweep as text: rate, loss, smoothed loss.

        Args:
            rows: at most about so many (default 20).
        """
        rows = check_count("LRFinder.table rows", rows)
        lines = [f"{'lr':>10}  {'loss':>10}  {'smoothed':>10}"]
        marks = {self._at(self.suggestion): "<- suggestion", self._at(self.minimum): "<- minimum"}
        shown = set(range(0, len(self.rates), -(-len(self.rates) // rows))) | set(marks)
        for i in sorted(shown - {-1}):
            numbers = (self.rates[i], self.losses[i], self.smoothed[i])
            lines.append(
                "  ".join(f"{n:10.4g}" for n in numbers) + f"  {marks.get(i, '')}".rstrip()
            )
        return "\n".join(lines)

    def _at(self, value: float | None) -> int:
        return -1 if value is None else self.rates.index(value)

    def plot(self, path: str | os.PathLike[str]) -> None:
        """Draw loss over rate as a PNG, the suggestion marked.

        Args:
            path: the file, replaced atomically.

        Raises:
            MissingExtra: matplotlib (extra `plots`) is not installed.
        """
        figure = new_figure(6.4, 4.0)
        axes = figure.subplots()
        style(axes, "learning rate", "loss")
        axes.set_xscale("log")
        axes.plot(self.rates, self.losses, ".", color=RATE, ms=3.5, alpha=0.6, label="each step")
        axes.plot(self.rates, self.smoothed, color=TRAIN, lw=1.8, label="smoothed")
        best = f"minimum, {self.minimum:.2g}: too high"
        axes.axvline(self.minimum, color=FAINT, lw=4, zorder=0, label=best)
        if self.suggestion is not None:
            label = f"suggestion, {self.suggestion:.2g}"
            axes.axvline(self.suggestion, color=INK, lw=1.2, ls="--", label=label)
        low, high = min(self.losses), max(self.losses[0], self.smoothed[0])
        span = (high - low) or abs(high) or 1.0
        axes.set_ylim(low - 0.05 * span, high + 0.5 * span)
        axes.legend(frameon=False, fontsize=9, labelcolor=INK)
        figure.tight_layout()
        save_figure(figure, path)


def find_lr(
    trainer: Trainer,
    train: Any,
    y: Any = None,
    *,
    batch_size: int | None = None,
    start: float = 1e-7,
    end: float = 10.0,
    steps: int = 100,
    smoothing: float = 0.03,
    diverge: float = 4.0,
    sample_weight: Any = None,
    class_weight: Any = None,
) -> LRFinder:
    """Sweep over learning rates in one short training and suggest one; nothing is changed by it.

    The batches, the loss, accumulation and clipping are those of `trainer.fit`; schedule and
    warm-up are left out, callbacks are not called. Several parameter groups keep the ratios of
    their rates. Afterwards weights, buffers, optimizer, loader and random numbers are as before,
    to the last bit.

    Args:
        trainer: the Trainer; it may have trained already.
        train, y, batch_size, sample_weight, class_weight: as in `fit`.
        start, end: the first and the last rate (default 1e-7 and 10).
        steps: optimizer steps, so that each rate is (end / start)^(1 / (steps - 1)) times the one
            before (default 100).
        smoothing: standard deviation of the Gaussian that averages neighbouring losses, as a
            share of the steps (default 0.03; 0: none).
        diverge: the sweep ends where the mean of the last three losses is above the lowest such
            mean by more than `diverge` times the first loss, or is not finite (default 4).

    Returns:
        The LRFinder: its `suggestion`, `table()` and `plot(path)`.

    Raises:
        ValueError: an argument out of its range; a loss that is not finite at the first rate.
    """
    steps = check_count("find_lr steps", steps, least=5)
    fine = is_number(start) and is_number(end) and 0 < start < end < math.inf
    if not fine:
        got = f"start={start!r}, end={end!r}"
        raise ValueError(explain("find_lr", got=got, expected="numbers with 0 < start < end"))
    for name, value, least in (("smoothing", smoothing, 0), ("diverge", diverge, 1)):
        if not (is_number(value) and least <= value < math.inf):
            expected = f"a number >= {least}"
            raise ValueError(explain(f"find_lr {name}", got=repr(value), expected=expected))
    sweep = _Sweep(np.geomspace(start, end, steps).tolist(), diverge)
    with _put_back(trainer, train):
        twin = Trainer(
            trainer.model,
            trainer.loss,
            trainer.optimizer,
            metrics=[],
            clip_norm=trainer.clip_norm,
            clip_value=trainer.clip_value,
            accumulate=trainer.accumulate,
            callbacks=[sweep],
            seed=trainer.seed,
            progress="none",
        )
        options = {"sample_weight": sample_weight, "class_weight": class_weight}
        try:
            twin.fit(train, y, epochs=steps, batch_size=batch_size, **options)
            if twin.history.interrupted:
                raise KeyboardInterrupt
        except _Enough:
            pass
        except NonFiniteError:
            if not sweep.losses:
                raise
            sweep.diverged = True
    losses = np.array(sweep.losses)
    rates = sweep.rates[: len(losses)]
    smooth = _smooth(losses, smoothing * steps)
    return LRFinder(
        tuple(rates),
        tuple(sweep.losses),
        tuple(smooth.tolist()),
        _steepest(rates, smooth),
        sweep.diverged,
    )


class _Enough(Exception):
    """The sweep is over."""


class _Sweep(Callback):
    """Raises the rate before each step and notes the losses."""

    def __init__(self, rates: list[float], diverge: float) -> None:
        self.rates, self.diverge = rates, diverge
        self.losses: list[float] = []
        self.diverged = False
        self._ratios: list[float] = []
        self._lowest = math.inf

    def on_fit_begin(
        self, *, trainer: Trainer, first_epoch: int, last_epoch: int, batches: int | None
    ) -> None:
        groups = [float(group["lr"]) for group in trainer.optimizer.param_groups]
        self._ratios = [lr / groups[0] if groups[0] else 1.0 for lr in groups]
        self._set(trainer)

    def on_batch_end(self, *, trainer: Trainer, epoch: int, batch: int, loss: float) -> None:
        self.losses.append(loss)
        self.diverged = self._exploded()
        if self.diverged or len(self.losses) == len(self.rates):
            raise _Enough
        self._set(trainer)

    def _set(self, trainer: Trainer) -> None:
        rate = self.rates[len(self.losses)]
        for group, ratio in zip(trainer.optimizer.param_groups, self._ratios, strict=True):
            group["lr"] = rate * ratio

    def _exploded(self) -> bool:
        """Tell whether the last losses lie far above the lowest mean of as many."""
        last = self.losses[-3:]
        mean = sum(last) / len(last)
        self._lowest = min(self._lowest, mean)
        return mean > self._lowest + self.diverge * abs(self.losses[0])


@contextmanager
def _put_back(trainer: Trainer, train: Any) -> Iterator[None]:
    """Put model, optimizer, loader and random numbers back, whatever happens."""
    model, optimizer = trainer.model, trainer.optimizer
    weights = [(p, p._grad, p.numpy(force=True).copy()) for p in model.parameters()]
    state, stepped = copy.deepcopy(optimizer.state_dict()), optimizer._stepped
    before = [(holder, dict(vars(holder))) for holder in _with_orders(train)]
    generators = Generators({"train": train, "model": model, "loss": trainer.loss})
    drawn = generators.state_dict()
    with untouched(model):
        try:
            yield
        finally:
            generators.load_state_dict(drawn)
            for p, gradient, array in weights:
                p.data.copy_(array)
                p._grad = gradient
            optimizer.load_state_dict(state)
            optimizer._stepped = stepped
            for holder, attributes in before:
                vars(holder).clear()
                vars(holder).update(attributes)


def _with_orders(train: Any) -> list[Any]:
    """Return a loader and its samplers, which remember the epoch and a seed."""
    if not isinstance(train, DataLoader):
        return []
    found = [train, train.sampler, train.batch_sampler, getattr(train.batch_sampler, "sampler", 0)]
    return list({id(holder): holder for holder in found if hasattr(holder, "__dict__")}.values())


def _smooth(losses: Array, width: float) -> Array:
    """Average neighbours with the weights of a Gaussian; at the ends there are fewer of them.

    A running average would lag behind and move the suggestion to higher rates.
    """
    if width <= 0:
        return losses
    first = float(np.mean(losses[:5]))
    losses = np.minimum(losses, first + abs(first))
    reach = np.arange(len(losses))
    weights = np.exp(-0.5 * ((reach[:, None] - reach) / width) ** 2)
    return np.asarray(matmul(weights, losses) / weights.sum(1))


def _steepest(rates: list[float], smooth: Array) -> float | None:
    """Return the rate at which the loss falls fastest, up to its minimum; None if it never does."""
    lowest = int(np.argmin(smooth))
    if lowest < 2:
        return None
    slopes = np.gradient(smooth[: lowest + 1], np.log10(rates[: lowest + 1]))
    return rates[int(np.argmin(slopes))]
