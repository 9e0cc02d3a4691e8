"""Water, fat and protein from spectra: which preprocessing and net, and the one look at the test.

    python benchmarks/tecator.py [SETTING ...] [--by folds] [--seeds 5]     to choose
    python benchmarks/tecator.py chosen --by test                           the final evaluation

`--by folds` (default) trains on three quarters of calibration and monitoring part and measures on
the fourth, in turns, the last weights of each run; `monitoring` trains on the calibration part and
measures on the monitoring part, which chooses the epoch, too. `test` fits on calibration and
monitoring for all epochs; `stopped` on calibration alone, the epoch chosen by the monitoring part.

Each line is the median over the seeds of single nets. The best linear models (partial least
squares, 15 components, fitted on calibration and monitoring) have the test errors 1.87 for water,
1.94 for fat and 0.53 for protein, each with the preprocessing that suits it best.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

import rushlight as rl
from rushlight import nn, optim
from rushlight.data import Tecator
from rushlight.data.spectra import PCA, SNV, Derivative
from rushlight.data.transforms import Compose, Standardize
from rushlight.train import RMSE, Trainer


def curvature(window: int = 13, degree: int = 4) -> list[Any]:
    """The second derivative, free of offset and slope, then free of its scale."""
    return [Derivative(2, window, degree), SNV(), Standardize()]


@dataclass(frozen=True)
class Setting:
    """What is varied."""

    steps: Callable[[], list[Any]] = curvature
    hidden: tuple[int, ...] = (32,)
    activation: type[nn.Module] = nn.ELU
    linear: bool = True  # beside the net, from the inputs straight to the outputs
    batch_norm: bool = False
    dropout: float = 0.0
    lr: float = 3e-3
    decay: float = 1e-3  # L2, as Adam's weight_decay
    batch: int = 16
    epochs: int = 800


CHOSEN = Setting()
SETTINGS = {
    "chosen": CHOSEN,
    "net alone": replace(CHOSEN, linear=False),
    "net alone, window 21": replace(CHOSEN, steps=lambda: curvature(21), linear=False),
    # preprocessing
    "standardized": replace(CHOSEN, steps=lambda: [Standardize()]),
    "snv": replace(CHOSEN, steps=lambda: [SNV(), Standardize()]),
    "snv, pca 14": replace(CHOSEN, steps=lambda: [SNV(), PCA(14, whiten=True)]),
    "slope": replace(CHOSEN, steps=lambda: [Derivative(1, 17, 4), SNV(), Standardize()]),
    "curvature, window 9": replace(CHOSEN, steps=lambda: curvature(9, 3)),
    "curvature, window 31": replace(CHOSEN, steps=lambda: curvature(31, 5)),
    # net
    "8 hidden": replace(CHOSEN, hidden=(8,)),
    "128 hidden": replace(CHOSEN, hidden=(128,)),
    "two layers": replace(CHOSEN, hidden=(32, 32)),
    "tanh": replace(CHOSEN, activation=nn.Tanh),
    "relu": replace(CHOSEN, activation=nn.ReLU),
    "gelu": replace(CHOSEN, activation=nn.GELU),
    "softplus": replace(CHOSEN, activation=nn.Softplus),
    # regularization
    "no decay": replace(CHOSEN, decay=0.0),
    "decay 0.01": replace(CHOSEN, decay=1e-2),
    "batch norm": replace(CHOSEN, batch_norm=True),
    "dropout 0.1": replace(CHOSEN, dropout=0.1),
    "64-32, batch norm, dropout 0.1": replace(
        CHOSEN, hidden=(64, 32), batch_norm=True, dropout=0.1
    ),
}


class Beside(nn.Module):
    """A net and a linear layer on the same inputs, added."""

    def __init__(self, inputs: int, outputs: int, net: nn.Module) -> None:
        super().__init__()
        self.linear, self.net = nn.Linear(inputs, outputs), net

    def forward(self, x: rl.Tensor) -> rl.Tensor:
        return self.linear(x) + self.net(x)


def net(setting: Setting, inputs: int) -> nn.Module:
    """Return the fully connected net."""
    layers: list[nn.Module] = []
    width, outputs = inputs, len(Tecator.target_names)
    for hidden in setting.hidden:
        layers.append(nn.Linear(width, hidden))
        if setting.batch_norm:
            layers.append(nn.BatchNorm1d(hidden))
        layers.append(setting.activation())
        if setting.dropout:
            layers.append(nn.Dropout(setting.dropout))
        width = hidden
    made = nn.Sequential(*layers, nn.Linear(width, outputs))
    return Beside(inputs, outputs, made) if setting.linear else made


Part = tuple[Any, Any]
Case = tuple[Part, Part | None, Part]  # to fit, to choose the epoch, to measure


def cases(by: str) -> list[Case]:
    """Return on what is trained and measured."""
    fit, watch = Tecator("calibration").arrays(), Tecator("monitoring").arrays()
    if by == "monitoring":
        return [(fit, watch, watch)]
    if by == "stopped":
        return [(fit, watch, Tecator("test", final=True).arrays())]
    x, y = (np.concatenate(arrays) for arrays in zip(fit, watch, strict=True))
    if by == "test":
        return [((x, y), None, Tecator("test", final=True).arrays())]
    folds = [np.arange(len(x)) % 4 == k for k in range(4)]
    return [((x[~out], y[~out]), None, (x[out], y[out])) for out in folds]


def errors(setting: Setting, seed: int, by: str) -> list[float]:
    """Train one net (with folds, four) and return its error for each target, in percent."""
    found = RMSE(Tecator.target_names)
    for (spectra, contents), watched, (x, y) in cases(by):
        steps, scale = Compose(setting.steps()).fit(spectra), Standardize().fit(contents)
        rl.manual_seed(seed)
        trainer = Trainer(
            net(setting, steps(spectra).shape[1]),
            "mse",
            lambda parameters: optim.Adam(parameters, lr=setting.lr, weight_decay=setting.decay),
            scheduler="cosine",
            seed=seed,
            progress="none",
        )
        trainer.fit(
            steps(spectra),
            scale(contents),
            validation=watched and (steps(watched[0]), scale(watched[1])),
            epochs=setting.epochs,
            batch_size=setting.batch,
        )
        found.update(scale.inverse(trainer.predict(steps(x))), y)
    return found.compute_outputs().tolist()


def main() -> None:
    """Print one line for each setting."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("settings", nargs="*", metavar="SETTING", help=", ".join(SETTINGS))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--by", choices=("folds", "monitoring", "test", "stopped"), default="folds")
    options = parser.parse_args()
    names = options.settings or list(SETTINGS)
    if unknown := [name for name in names if name not in SETTINGS]:
        parser.error(f"no setting {unknown[0]!r}; there are: {', '.join(SETTINGS)}")
    if options.by in ("test", "stopped") and len(names) != 1:
        parser.error(f"--by {options.by} is for the one setting that was chosen")
    rl.set_num_threads(1)
    print(f"{options.by:32s}  water   fat  protein")
    for name in names:
        began = time.perf_counter()
        runs = [errors(SETTINGS[name], seed, options.by) for seed in range(options.seeds)]
        water, fat, protein = np.median(runs, axis=0)
        spread = ", ".join(
            f"{low:.2f}-{high:.2f}"
            for low, high in zip(np.min(runs, 0), np.max(runs, 0), strict=True)
        )
        seconds = (time.perf_counter() - began) / options.seeds
        print(
            f"{name:32s}  {water:5.2f} {fat:5.2f}  {protein:5.2f}    "
            f"({spread}; {seconds:.1f} s for each)",
            flush=True,
        )


if __name__ == "__main__":
    main()
