"""A watch over the gradients: a NaN is found at the step that makes it, before the loss has it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rushlight.errors import explain
from rushlight.train.callbacks import Callback
from rushlight.train.feed import check_count
from rushlight.train.guard import NonFiniteError, is_finite
from rushlight.train.nonfinite import in_batch
from rushlight.train.reasons import given

if TYPE_CHECKING:
    from rushlight.train.trainer import Trainer

__all__ = ["CheckGradients"]


class CheckGradients(Callback):
    """Ends training before a step with gradients that are not finite, and says where they began.

    The Trainer looks at each loss anyway; a loss may be finite and its gradient not, and after
    such a step the weights are lost. The check is one pass over the gradients.

    Args:
        every: steps from one check to the next (default 1).

    Raises:
        NonFiniteError: in `fit`, with the parameter, the layer and the op.

    Example:
        >>> import rushlight as rl
        >>> from rushlight.train import Trainer
        >>> class Root(rl.nn.Module):
        ...     def forward(self, x):
        ...         return x.abs().sqrt()
        >>> model = rl.nn.Sequential(rl.nn.Linear(2, 3), Root(), rl.nn.Linear(3, 1))
        >>> _ = rl.nn.init.constant_(model[0].bias, 0)
        >>> trainer = Trainer(model, "mse", callbacks=[CheckGradients()], progress="none")
        >>> trainer.fit([[0.0, 0.0]], [[1.0]], epochs=1)
        Traceback (most recent call last):
        rushlight.train.guard.NonFiniteError: epoch 1, batch 1: got NaN in the gradient of ...
    """

    def __init__(self, every: int = 1) -> None:
        self.every = check_count("CheckGradients every", every)

    def on_gradients(self, *, trainer: Trainer, epoch: int, batch: int) -> None:
        """Look at the gradients."""
        if trainer.step % self.every:
            return
        for name, parameter in trainer.model.named_parameters():
            gradient = parameter.grad
            if gradient is not None and not is_finite(gradient._array):
                raise self._error(trainer, f"epoch {epoch}, batch {batch}", name, gradient._array)

    def _error(self, trainer: Trainer, where: str, name: str, array: object) -> NonFiniteError:
        held = given(repr(name), array)
        bad = f"{'NaN' if held.nans else 'infinity'} in the gradient of {held}"
        first = in_batch(trainer)
        return NonFiniteError(
            explain(
                where,
                got=bad if first is None else f"{bad}; {first.found}",
                expected="finite gradients",
                fix="" if first is None else f"likely {first.reason}",
            )
        )
