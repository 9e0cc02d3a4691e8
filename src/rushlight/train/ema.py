"""EMA: validates, keeps and returns the moving average of the weights, and trains the raw ones."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rushlight.errors import explain
from rushlight.optim.optimizer import number
from rushlight.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from rushlight.tape import cell
from rushlight.tensor import Tensor
from rushlight.train.callbacks import Callback
from rushlight.train.history import History
from rushlight.train.parts import is_number

if TYPE_CHECKING:
    from rushlight.nn import Module
    from rushlight.train.trainer import Trainer

__all__ = ["EMA"]


class EMA(Callback):
    """Keeps an exponential moving average of the weights: a <- d * a + (1 - d) * w at each step.

    Validation, the best weights (those put back and those of `best.safetensors`) and the model
    after training have the averaged weights; training goes on with the raw ones, which full
    checkpoints hold together with the average. With n averages behind it, the decay is
    d = min(decay, (1 + n) / (1 + n + warmup)): the average then looks back over about
    1 + n / warmup steps, not on the first weights for all of its memory, until that reaches
    1 / (1 - decay). The average begins with the weights after the first step of a `fit`.

    Args:
        decay: in [0, 1); the average looks back over about 1 / (1 - decay) steps (default 0.999).
        warmup: a number >= 0 (default 10); 0: the decay is the same from the first step on.
        use_buffers: average buffers (running statistics) too; default False: those of the model
            are taken as they are, which are averages already.

    Attributes:
        averaged: the AveragedModel, or None before `fit`.

    Raises:
        ValueError: an argument out of its range.

    Example:
        >>> import rushlight as rl
        >>> from rushlight.train import Trainer
        >>> model = rl.nn.Linear(1, 1)
        >>> ema = EMA(decay=0.9)
        >>> trainer = Trainer(model, "mse", callbacks=[ema], seed=0, progress="none")
        >>> _ = trainer.fit([[1.0], [2.0]], [[2.0], [4.0]], epochs=3, batch_size=1)
        >>> bool((model.weight == ema.averaged.module.weight).all())
        True
        >>> ema.averaged.n_averaged, [round(ema.decay_at(n), 3) for n in (0, 10, 100)]
        (tensor(6), [0.091, 0.524, 0.9])

    Source: Polyak and Juditsky 1992, https://doi.org/10.1137/0330046; the warm-up is that of
        https://www.tensorflow.org/api_docs/python/tf/train/ExponentialMovingAverage
    """

    def __init__(
        self, decay: float = 0.999, warmup: float = 10.0, use_buffers: bool = False
    ) -> None:
        if not (is_number(decay) and 0 <= decay < 1):
            raise ValueError(explain("EMA decay", got=repr(decay), expected="a number in [0, 1)"))
        if not (is_number(warmup) and 0 <= warmup < math.inf):
            raise ValueError(explain("EMA warmup", got=repr(warmup), expected="a number >= 0"))
        self.decay, self.warmup, self.use_buffers = float(decay), float(warmup), bool(use_buffers)
        self.averaged: AveragedModel | None = None

    def decay_at(self, count: int) -> float:
        """Return the decay with so many averages behind it."""
        return min(self.decay, (1 + count) / (1 + count + self.warmup))

    def _average(self, averages: Sequence[Tensor], params: Sequence[Tensor], count: Any) -> None:
        get_ema_multi_avg_fn(self.decay_at(int(number(count))))(averages, params, count)

    # ---- events

    def on_fit_begin(
        self, *, trainer: Trainer, first_epoch: int, last_epoch: int, batches: int | None
    ) -> None:
        """Begin a new average."""
        if trainer.average not in (None, self):
            raise ValueError(explain("callbacks", got="two EMA callbacks", expected="one at most"))
        self.averaged = AveragedModel(
            trainer.model, multi_avg_fn=self._average, use_buffers=self.use_buffers
        )
        trainer.average = self

    def on_batch_end(self, *, trainer: Trainer, epoch: int, batch: int, loss: float) -> None:
        """Take in the weights after a step."""
        assert self.averaged is not None
        self.averaged.update_parameters(trainer.model)

    def on_fit_end(self, *, trainer: Trainer, history: History) -> None:
        """Stand back: by now the model has the averaged weights."""
        trainer.average = None

    # ---- what the Trainer asks of it

    @contextmanager
    def applied(self, model: Module) -> Iterator[None]:
        """Exchange the model's weights and buffers for the averaged ones within the block."""
        self._swap(model)
        try:
            yield
        finally:
            self._swap(model)

    def install(self, model: Module) -> None:
        """Write the averaged weights and buffers into the model, for good."""
        assert self.averaged is not None
        if int(number(self.averaged.n_averaged)):
            model.load_state_dict(self.averaged.module.state_dict())

    def _swap(self, model: Module) -> None:
        """Exchange arrays, not numbers: that costs nothing and comes back to the last bit."""
        assert self.averaged is not None
        if not int(number(self.averaged.n_averaged)):
            return
        other = self.averaged.module
        for kind in ("parameters", "buffers"):
            for own, mean in zip(getattr(model, kind)(), getattr(other, kind)(), strict=True):
                own._array, mean._array = mean._array, own._array
                cell(own)[0] += 1
                cell(mean)[0] += 1

    # ---- state

    def state_dict(self) -> dict[str, Any]:
        """Return a copy of the averages and of their count."""
        if self.averaged is None:
            return {}
        state = self.averaged.state_dict()
        return {"averaged": {name: value.detach().clone() for name, value in state.items()}}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on with averages that `state_dict` returned."""
        if self.averaged is not None:
            self.averaged.load_state_dict(state["averaged"])
