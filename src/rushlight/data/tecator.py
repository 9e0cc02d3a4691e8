"""Tecator: near-infrared spectra of 215 samples of meat, with water, fat and protein."""

from __future__ import annotations

import importlib.resources
import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from rushlight.arrays import Array, get_default_dtype
from rushlight.data.dataset import BatchReader, Dataset, overrides
from rushlight.data.transforms import varies
from rushlight.errors import explain
from rushlight.tensor import Tensor, from_numpy

__all__ = ["Tecator"]

_PARTS = {"calibration": slice(0, 129), "monitoring": slice(129, 172), "test": slice(172, 215)}


class Tecator(Dataset[tuple[Any, Any]]):
    """Absorbance spectra of finely chopped meat, with its water, fat and protein in percent.

    The data come with Rushlight, in their original order and split: fit on the calibration part,
    choose on the monitoring part, and report the error on the test part. That number means
    something only if nothing was chosen by it, so the test part is refused without `final=True`.

    Args:
        part: 'calibration' (129 samples, default), 'monitoring' (43) or 'test' (43).
        final: this is the final evaluation of a model that will not be changed any more; with
            'test' alone (default False).
        transform: applied to the spectrum of an item, a Tensor (100,) (default None).
        target_transform: applied to the target of an item, a Tensor (3,) (default None).

    Attributes:
        data: the spectra, -log10 of the transmittance, a float32 Tensor (N, 100).
        targets: percent of water, fat and protein, a float32 Tensor (N, 3).
        target_names: ('water', 'fat', 'protein').
        wavelengths: of the channels in nm, 850 to 1048, int64 (100,).
        channel_names: ('850 nm', ..., '1048 nm').

    Shape:
        item -> spectrum (100,) and target (3,), Tensors of the default dtype.

    Raises:
        PermissionError: the test part without `final=True`.
        ValueError: an unknown part, or `final` with another part than 'test'.

    Example:
        >>> meat = Tecator()
        >>> len(meat), meat[0][0].shape, dict(zip(meat.target_names, meat.arrays()[1][0].tolist()))
        (129, (100,), {'water': 60.5, 'fat': 22.5, 'protein': 16.7})

    Source: Tecator Infratec Food and Feed Analyzer; http://lib.stat.cmu.edu/datasets/tecator;
    public domain, to be redistributed with samples/tecator_permission.txt
    """

    target_names = ("water", "fat", "protein")
    wavelengths: Array = np.arange(850, 1050, 2)
    channel_names = tuple(f"{nm} nm" for nm in range(850, 1050, 2))

    def __init__(
        self,
        part: str = "calibration",
        *,
        final: bool = False,
        transform: Callable[[Any], Any] | None = None,
        target_transform: Callable[[Any], Any] | None = None,
    ) -> None:
        if part not in _PARTS:
            expected = f"one of {', '.join(map(repr, _PARTS))}"
            raise ValueError(explain("Tecator part", got=repr(part), expected=expected))
        if part == "test" and not final:
            raise PermissionError(
                explain(
                    "Tecator",
                    got="part='test' before the final evaluation",
                    expected="'calibration' to fit and 'monitoring' to choose: a test error by "
                    "which anything was chosen is no test error any more",
                    fix="when the model will not be changed any more, give final=True",
                )
            )
        if final and part != "test":
            raise ValueError(
                explain("Tecator", got=f"final=True with part={part!r}", expected="part='test'")
            )
        self.part = part
        self.transform, self.target_transform = transform, target_transform
        self._spectra, self._contents = _read(_PARTS[part])
        dtype = get_default_dtype()
        self.data = from_numpy(self._spectra.astype(dtype))
        self.targets = from_numpy(self._contents.astype(dtype))

    def __len__(self) -> int:
        return len(self._spectra)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        index = operator.index(index)
        spectrum: Any = self.data[index].clone()
        target: Any = self.targets[index].clone()
        if self.transform is not None:
            spectrum = self.transform(spectrum)
        if self.target_transform is not None:
            target = self.target_transform(target)
        return spectrum, target

    def __repr__(self) -> str:
        return f"Tecator(part={self.part!r}, {len(self)} spectra)"

    def arrays(self) -> tuple[Array, Array]:
        """Return spectra (N, 100) and targets (N, 3), float64 as in the file, in its order."""
        return self._spectra.copy(), self._contents.copy()

    def tensors(self) -> tuple[Tensor, Tensor]:
        """Return what `arrays` returns as Tensors of the default dtype."""
        return self.data.clone(), self.targets.clone()

    @property
    def varies(self) -> bool:  # type: ignore[override]
        """Whether a transform may draw random numbers."""
        steps = (self.transform, self.target_transform)
        return any(step is not None and varies(step) for step in steps)

    def batch_reader(self) -> BatchReader | None:
        """Read batches by slicing, unless a transform wants single items."""
        steps = (self.transform, self.target_transform)
        batched = all(step is None or getattr(step, "batched", False) for step in steps)
        if overrides(self, Tecator) or not batched:
            return None

        def read(index: Any) -> list[Any]:
            parts = (from_numpy(t.numpy()[index].copy()) for t in (self.data, self.targets))
            return [
                part if step is None else step(part)
                for part, step in zip(parts, steps, strict=True)
            ]

        return read


def _read(rows: slice) -> tuple[Array, Array]:
    """Return spectra and targets of these rows of the bundled table."""
    table = importlib.resources.files("rushlight.data") / "samples" / "tecator.csv"
    with table.open(encoding="ascii") as file:
        numbers = np.loadtxt(
            file,
            delimiter=",",
            skiprows=1 + rows.start,
            max_rows=rows.stop - rows.start,
            usecols=range(1, 104),
        )
    return numbers[:, :100].copy(), numbers[:, 100:].copy()
