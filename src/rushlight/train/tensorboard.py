"""TensorBoard: scalars and histograms of a training, by tensorboardX."""

from __future__ import annotations

import importlib
import os
import pathlib
from typing import TYPE_CHECKING, Any

from rushlight.errors import MissingExtra
from rushlight.train.callbacks import Callback
from rushlight.train.feed import check_count
from rushlight.train.files import check_folder
from rushlight.train.history import Record

if TYPE_CHECKING:
    from rushlight.train.trainer import Trainer

__all__ = ["TensorBoard"]

_BESIDES = ("epoch", "seconds")  # of a record: what is no curve


class TensorBoard(Callback):
    """Writes loss, metrics and learning rate as scalars, weights and gradients as histograms.

    The horizontal axis is the optimizer's steps everywhere. Training and validation share a
    picture: 'loss/train' and 'loss/val'. Look at it with `tensorboard --logdir FOLDER`. A resumed
    run writes a file of its own; what the interrupted one had written behind that point is hidden.

    Args:
        folder: for the event files; made if missing.
        every: steps from one 'loss/batch' to the next (default None: none are written).
        histograms: epochs from one set of histograms of all parameters, and of the gradients of
            the last batch, to the next (default None: none are written).

    Raises:
        MissingExtra: tensorboardX (extra `tensorboard`) is not installed; found out when it is
            made.
        OSError: the folder cannot be written to; found out before the first step.

    Example:
        >>> import tempfile, rushlight as rl
        >>> from rushlight.train import Trainer
        >>> board = TensorBoard(tempfile.mkdtemp(), every=10, histograms=1)
        >>> trainer = Trainer(rl.nn.Linear(1, 1), "mse", callbacks=[board], progress="none")
        >>> _ = trainer.fit([[1.0], [2.0]], [[2.0], [4.0]], epochs=2)
    """

    first_only = True

    def __init__(
        self,
        folder: str | os.PathLike[str],
        every: int | None = None,
        histograms: int | None = None,
    ) -> None:
        self.folder = pathlib.Path(folder)
        self.every = None if every is None else check_count("TensorBoard every", every)
        self.histograms = (
            None if histograms is None else check_count("TensorBoard histograms", histograms)
        )
        self._make = _writer()
        self._writer: Any = None
        self._step = 0

    def on_fit_begin(
        self, *, trainer: Trainer, first_epoch: int, last_epoch: int, batches: int | None
    ) -> None:
        """Check the folder; the file is opened when it is known from which step training goes."""
        check_folder(self.folder)
        self._step = trainer.step

    def on_batch_end(self, *, trainer: Trainer, epoch: int, batch: int, loss: float) -> None:
        """Write the loss of the step, if it is due."""
        writer = self._opened()
        self._step = trainer.step
        if self.every is not None and trainer.step % self.every == 0:
            writer.add_scalar("loss/batch", loss, trainer.step)

    def on_epoch_end(self, *, trainer: Trainer, epoch: int, record: Record) -> None:
        """Write the record of the epoch and, if they are due, the histograms."""
        writer = self._opened()
        for name, value in record.items():
            if name not in _BESIDES:
                part, _, metric = name.partition("_")
                tag = f"{metric}/{part}" if part in ("train", "val") else name
                writer.add_scalar(tag, value, trainer.step)
        if self.histograms is not None and epoch % self.histograms == 0:
            for name, parameter in trainer.model.named_parameters():
                self._histogram(f"weights/{name}", parameter, trainer.step)
                if parameter.grad is not None:
                    self._histogram(f"gradients/{name}", parameter.grad, trainer.step)
        writer.flush()

    def close(self) -> None:
        """Close the file."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def _opened(self) -> Any:
        """Return the writer; what older files hold of later steps is hidden by it."""
        if self._writer is None:
            purge = self._step + 1 if self._step else None
            suffix = f".{self._step}"  # names else differ in the second they were made
            self._writer = self._make(str(self.folder), purge_step=purge, filename_suffix=suffix)
        return self._writer

    def _histogram(self, tag: str, tensor: Any, step: int) -> None:
        self._writer.add_histogram(tag, tensor.numpy(force=True), step, bins="auto")

    def state_dict(self) -> dict[str, Any]:
        """Return the last step."""
        return {"step": self._step}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over the step that training goes on from."""
        self._step = int(state["step"])


def _writer() -> Any:
    try:
        return importlib.import_module("tensorboardX").SummaryWriter
    except ImportError as error:
        raise MissingExtra("tensorboardX", "tensorboard", "TensorBoard") from error
