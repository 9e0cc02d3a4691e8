"""Water, fat and protein from spectra: which preprocessing, net and training, by cross-validation.

    python benchmarks/tecator.py [SETTING ...] [--by folds] [--seeds 3]

`folds` (default) trains on three quarters of the calibration and monitoring parts and measures on
the fourth, in turns: the last weights after all epochs. `best` does so for as many epochs as were
the best of a first training, in which a quarter of those rows was watched instead of fitted.
`monitoring` trains on the calibration part and measures on the monitoring part, which chooses the
epoch, too. The test part is not read here: `rushlight train tecator` does that, once, at its end.

Each line is the median over the seeds of single nets; the score is the mean of the errors, each
divided by what is asked for on the test part (water 0.90, fat 0.65, protein 0.50).
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
from rushlight.cli.recipes.tecator import HIDDEN, PREPARE, TecatorOptions
from rushlight.data import Tecator
from rushlight.data.spectra import SNV, Derivative
from rushlight.data.transforms import Compose, Standardize
from rushlight.train import RMSE, Trainer
from rushlight.train.layers import dense

DEFAULT = TecatorOptions()
ASKED = (0.90, 0.65, 0.50)


def curvature(window: int, degree: int = 4) -> list[Any]:
    """The second derivative, free of offset and slope, then free of its scale."""
    return [Derivative(2, window, degree), SNV()]


@dataclass(frozen=True)
class Setting:
    """What is varied; the defaults are those of the recipe."""

    steps: Callable[[], list[Any]] = lambda: PREPARE[DEFAULT.preprocessing]
    hidden: tuple[int, ...] = HIDDEN[DEFAULT.size]
    activation: str = DEFAULT.activation
    linear: bool = False  # beside the net, from the inputs straight to the outputs
    batch_norm: bool = True
    dropout: float = DEFAULT.dropout
    lr: float = DEFAULT.lr or 0.0
    decay: float = DEFAULT.weight_decay  # L2, as Adam's weight_decay
    batch: int = DEFAULT.batch_size or 0
    epochs: int = DEFAULT.epochs or 0


CHOSEN = Setting()
FIRST = replace(CHOSEN, steps=lambda: curvature(21), linear=True)  # around which was searched
SETTINGS = {
    "chosen": CHOSEN,
    "window 17, linear beside": replace(CHOSEN, linear=True),
    "window 21": replace(CHOSEN, steps=lambda: curvature(21)),
    "first": FIRST,
    # preprocessing
    "standardized": replace(FIRST, steps=list),
    "snv": replace(FIRST, steps=lambda: PREPARE["snv"]),
    "slope": replace(FIRST, steps=lambda: PREPARE["slope"]),
    "window 13": replace(FIRST, steps=lambda: curvature(13)),
    # net
    "64-32": replace(FIRST, hidden=(64, 32)),
    "128": replace(FIRST, hidden=(128,)),
    "tanh": replace(FIRST, activation="tanh"),
    # regularization
    "dropout 0.1": replace(FIRST, dropout=0.1),
    "decay 0.0003": replace(FIRST, decay=3e-4),
    "decay 0.003": replace(FIRST, decay=3e-3),
    # training
    "1000 epochs": replace(FIRST, epochs=1000),
    "rate 0.01, 800 epochs": replace(FIRST, lr=0.01, epochs=800),
    "32, window 13, batches of 16": replace(
        FIRST, steps=lambda: curvature(13), hidden=(32,), batch=16, epochs=600
    ),
}


class Beside(nn.Module):
    """A net and a linear layer on the same inputs, added: what is linear need not be learned."""

    def __init__(self, inputs: int, outputs: int, net: nn.Module) -> None:
        super().__init__()
        self.linear, self.net = nn.Linear(inputs, outputs), net

    def forward(self, x: rl.Tensor) -> rl.Tensor:
        return self.linear(x) + self.net(x)


def net(setting: Setting, inputs: int) -> nn.Module:
    """Return the fully connected net."""
    outputs = len(Tecator.target_names)
    made = dense(
        inputs,
        outputs,
        hidden=setting.hidden,
        activation=setting.activation,
        dropout=setting.dropout,
        batch_norm=setting.batch_norm,
    )
    return Beside(inputs, outputs, made) if setting.linear else made


def prepared(setting: Setting, spectra: Any) -> Compose:
    """Return the preprocessing, standardized by these spectra."""
    return Compose([*setting.steps(), Standardize()]).fit(spectra)


Part = tuple[Any, Any]
Case = tuple[Part, Part | None, Part]  # to fit, to watch, to measure


def cases(by: str) -> list[Case]:
    """Return on what is trained and measured."""
    fit, watch = Tecator("calibration").arrays(), Tecator("monitoring").arrays()
    if by == "monitoring":
        return [(fit, watch, watch)]
    x, y = (np.concatenate(arrays) for arrays in zip(fit, watch, strict=True))
    fold = np.arange(len(x)) % 4
    parts = [(x[fold == k], y[fold == k]) for k in range(4)]
    found: list[Case] = []
    for k, out in enumerate(parts):
        watched = parts[(k + 1) % 4] if by == "best" else None
        found.append(((x[fold != k], y[fold != k]), watched, out))
    return found


def trained(setting: Setting, seed: int, fit: Part, watched: Part | None, epochs: int) -> Trainer:
    """Return a Trainer that has trained a net; with `watched`, its best epoch counts."""
    rl.manual_seed(seed)
    trainer = Trainer(
        net(setting, fit[0].shape[1]),
        "mse",
        lambda parameters: optim.Adam(parameters, lr=setting.lr, weight_decay=setting.decay),
        scheduler="cosine",
        warmup=DEFAULT.warmup,
        seed=seed,
        progress="none",
    )
    trainer.fit(fit, validation=watched, epochs=epochs, batch_size=setting.batch)
    return trainer


def errors(setting: Setting, seed: int, by: str) -> list[float]:
    """Train one net (with folds: in turns) and return its error for each target, in percent."""
    found = RMSE(Tecator.target_names)
    for fit, watched, (x, y) in cases(by):
        steps, scale = prepared(setting, fit[0]), Standardize().fit(fit[1])

        def ready(part: Part, steps: Any = steps, scale: Any = scale) -> Part:
            return steps(part[0]), scale(part[1])

        epochs, seen = setting.epochs, None if watched is None else ready(watched)
        if by == "best" and watched is not None:
            rest = ~np.isin(fit[0], watched[0]).all(axis=1)
            first = trained(setting, seed, ready((fit[0][rest], fit[1][rest])), seen, epochs)
            epochs, seen = first.history.best_epoch or epochs, None
        trainer = trained(setting, seed, ready(fit), seen, epochs)
        found.update(scale.inverse(trainer.predict(steps(x))), y)
    return found.compute_outputs().tolist()


def main() -> None:
    """Print one line for each setting."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("settings", nargs="*", metavar="SETTING", help=", ".join(SETTINGS))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--by", choices=("folds", "best", "monitoring"), default="folds")
    options = parser.parse_args()
    names = options.settings or list(SETTINGS)
    if unknown := [name for name in names if name not in SETTINGS]:
        parser.error(f"no setting {unknown[0]!r}; there are: {', '.join(SETTINGS)}")
    rl.set_num_threads(1)
    print(f"{options.by:28s} score  water   fat  protein")
    for name in names:
        began = time.process_time()
        runs = [errors(SETTINGS[name], seed, options.by) for seed in range(options.seeds)]
        middle = np.median(runs, axis=0)
        water, fat, protein = middle
        spread = ", ".join(
            f"{low:.2f}-{high:.2f}"
            for low, high in zip(np.min(runs, 0), np.max(runs, 0), strict=True)
        )
        seconds = (time.process_time() - began) / options.seeds
        print(
            f"{name:28s} {np.mean(middle / ASKED):.3f}  {water:5.2f} {fat:5.2f}   {protein:5.3f}"
            f"    ({spread}; {seconds:.1f} s for each)",
            flush=True,
        )


if __name__ == "__main__":
    main()
