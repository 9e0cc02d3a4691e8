"""What all recipes do: from options to a finished run's folder."""

from __future__ import annotations

import dataclasses
import json
import pathlib
from collections.abc import Callable
from typing import Any, TextIO

from rushlight import comm, nn
from rushlight.cli.recipes.checks import check_parts, optimizer_of, schedule_of
from rushlight.cli.recipes.config import saved_options, write_config
from rushlight.cli.recipes.explicit import explicit
from rushlight.cli.recipes.options import Options
from rushlight.cli.recipes.recipe import Data, Recipe, Refit, Run
from rushlight.errors import MissingExtra
from rushlight.io import save, write_text
from rushlight.random import manual_seed
from rushlight.train import (
    EMA,
    Callback,
    Checkpoint,
    Curves,
    EarlyStopping,
    History,
    HistoryLog,
    ProgressBar,
    Trainer,
)
from rushlight.train.drawing import save_figure
from rushlight.train.history import Record
from rushlight.train.parts import make_loss
from rushlight.train.report import write_report
from rushlight.train.switch import parse_switch

__all__ = ["make_model", "refit", "resolve", "run"]


def resolve(
    recipe: Recipe[Any], given: dict[str, Any], config: pathlib.Path | None = None
) -> Options:
    """Return the options: those given, then those of a config.toml, then the recipe's defaults.

    Args:
        recipe: the recipe.
        given: options by name.
        config: a config.toml or the folder of a run (default None).

    Raises:
        Mistake: a file of another recipe, an unknown option, a value of the wrong type, or one
            that no part of the training takes.
    """
    saved = {} if config is None else saved_options(recipe, config)
    options: Options = recipe.Options(**{**saved, **given})
    check_parts(options, recipe.rates)
    recipe.check(options)
    return options


def run(
    recipe: Recipe[Any],
    options: Options,
    out: pathlib.Path,
    *,
    resume: bool = False,
    curves: bool | None = None,
    log: TextIO,
) -> dict[str, Any]:
    """Train, test with the weights of the best epoch, write everything, return the result.

    Where the recipe states a refit, that is what is tested, and lies in best.safetensors.

    Args:
        recipe: the recipe.
        options: its options; those that depend on the data are filled in.
        out: the folder of the run.
        resume: go on with the run that lies there, if there is one (default False).
        curves: draw curves and pictures (default None: if matplotlib is installed).
        log: where to print.
    """
    picture = _curves(out, recipe.heading(options), curves, log)
    manual_seed(options.seed)
    data = _in_turn(lambda: recipe.load(options))
    recipe.settle(options, data)
    model = make_model(recipe, options, data)
    callbacks = [
        *_along(options),
        EarlyStopping(patience=options.patience),
        Checkpoint(out),
        Papers(recipe, options, data, out),
        HistoryLog(out),
        *recipe.callbacks(options, data),
        *([] if picture is None else [picture]),
        ProgressBar(file=log),
    ]
    trainer = _trainer(recipe, options, data, model, callbacks)
    print(data.about, file=log, flush=True)
    records = trainer.fit(
        data.train,
        validation=data.validation,
        epochs=options.epochs or 1,
        batch_size=options.batch_size,
        resume="auto" if resume else False,
    )
    finished = Run(options, data, trainer, out)
    second = None if records.interrupted else recipe.refit(finished)
    fits = [records] if second is None else [records, refit(recipe, finished, second, resume, log)]
    interrupted = fits[-1].interrupted
    first = comm.current().first  # of several processes it alone tests and writes
    figures = {} if interrupted or not first else recipe.test(finished)
    result = {
        "recipe": recipe.name,
        "title": recipe.heading(options),
        "test": figures,
        **{f"test_{figure}": value for figure, value in figures.items()},
        "best_epoch": records.best_epoch,
        "epochs": len(records),
        "stopped": records.stopped,
        "interrupted": interrupted,
        "seconds": round(sum(record["seconds"] for fit in fits for record in fit), 2),
        "parameters": sum(p.numel() for p in model.parameters()),
        "seed": options.seed,
        **data.facts,
        "out": str(out),
    }
    if second is not None:
        result["refit"] = {"samples": second.samples, "epochs": len(fits[-1])}
    if not first:
        return result
    _write(out / "result.json", result)
    if picture is not None and not interrupted:
        _draw(recipe, finished)
    write_report(out)
    return result


def _in_turn(load: Callable[[], Data]) -> Data:
    """Load data on the first rank, which may download it, then on the others."""
    joined = comm.current()
    if joined.first:
        data = load()
    joined.barrier()
    return data if joined.first else load()


def refit(recipe: Recipe[Any], run: Run[Any], second: Refit, resume: bool, log: TextIO) -> History:
    """Train anew as is stated; the net takes the place of the run's, and of best.safetensors.

    Args:
        recipe: the recipe.
        run: the run, whose first training has ended.
        second: what to train on and how long.
        resume: go on with the second training, if it had begun.
        log: where to print.
    """
    options, folder = run.options, run.out / "refit"
    manual_seed(options.seed)
    model = make_model(recipe, options, run.data)
    callbacks = [
        *_along(options),
        States(folder),
        HistoryLog(folder),
        *recipe.callbacks(options, run.data),
        ProgressBar(file=log),
    ]
    trainer = _trainer(recipe, options, run.data, model, callbacks, monitor="train_loss")
    print(second.about, file=log, flush=True)
    records = trainer.fit(
        second.train,
        epochs=second.epochs,
        batch_size=options.batch_size,
        resume="auto" if resume else False,
    )
    if not records.interrupted:
        run.trainer = trainer
    if not records.interrupted and comm.current().first:
        save(model.state_dict(), run.out / "best.safetensors")
    return records


class States(Checkpoint):
    """Writes whole states from which to resume, into a folder of the run's; no best weights.

    Args:
        folder: holds `last/`.
    """

    def on_fit_begin(
        self, *, trainer: Trainer, first_epoch: int, last_epoch: int, batches: int | None
    ) -> None:
        """Take the folder of the run, too: no other may begin there meanwhile."""
        trainer.claim(self.folder.parent)
        super().on_fit_begin(
            trainer=trainer, first_epoch=first_epoch, last_epoch=last_epoch, batches=batches
        )

    def on_epoch_end(self, *, trainer: Trainer, epoch: int, record: Record) -> None:
        """Leave out what is the best by its training loss: the last weights count."""


class Papers(Callback):
    """Writes what a run is before its first step, when the folder is locked for it.

    Args:
        recipe: the recipe.
        options: its options.
        data: the data.
        out: the folder.
    """

    first_only = True

    def __init__(
        self, recipe: Recipe[Any], options: Options, data: Data, out: pathlib.Path
    ) -> None:
        self.recipe, self.options, self.data, self.out = recipe, options, data, out

    def on_fit_begin(
        self, *, trainer: Trainer, first_epoch: int, last_epoch: int, batches: int | None
    ) -> None:
        """Write config.toml, preparation.json, summary.json and graph.svg."""
        write_config(self.out / "config.toml", self.recipe.name, self.options)
        shapes = {"inputs": list(self.data.inputs), "outputs": list(self.data.outputs)}
        _write(self.out / "preparation.json", {**shapes, **self.data.preparation})
        found = trainer.model.summary((None, *self.data.inputs))
        _write(self.out / "summary.json", dataclasses.asdict(found))
        write_text(self.out / "graph.svg", found.to_svg())


# ---- the net and the Trainer


def make_model(recipe: Recipe[Any], options: Options, data: Data) -> nn.Module:
    """Return the net, by the API that is asked for."""
    model = recipe.build(options, data.inputs, data.outputs)
    return explicit(model) if options.api == "classic" else model


def _along(options: Options) -> list[Any]:
    """Return the callbacks that are part of how a net is trained."""
    average = [] if options.ema is None else [EMA(options.ema)]
    return [*average, *map(parse_switch, options.switch)]


def _trainer(
    recipe: Recipe[Any],
    options: Options,
    data: Data,
    model: nn.Module,
    callbacks: list[Any],
    monitor: str | None = None,
) -> Trainer:
    loss = make_loss(options.loss)
    metrics = recipe.make_metrics(options, data, loss)
    optimizer = optimizer_of(options, recipe.rates)
    trainer = Trainer(
        model,
        loss,
        optimizer,
        lr=options.lr,
        metrics=metrics,
        scheduler=schedule_of(options),
        warmup=options.warmup,
        clip_norm=options.clip_norm,
        sharded=options.sharded,
        compress=None if options.compress == "none" else options.compress,
        monitor=monitor or recipe.monitored(options, metrics),
        callbacks=callbacks,
        seed=options.seed,
        deterministic=options.deterministic or None,
    )
    options.lr = float(trainer.optimizer.param_groups[0]["lr"])
    return trainer


# ---- the folder


def _curves(out: pathlib.Path, title: str, wanted: bool | None, log: TextIO) -> Curves | None:
    """Return the callback that draws, unless it is unwanted, or cannot be had and is optional."""
    if wanted is False:
        return None
    try:
        return Curves(out, title)
    except MissingExtra as error:
        if wanted:
            raise
        print(f"no curves: {error}", file=log, flush=True)
        return None


def _write(path: pathlib.Path, content: Any) -> None:
    write_text(path, json.dumps(content, indent=2) + "\n")


def _draw(recipe: Recipe[Any], finished: Run[Any]) -> None:
    """Write the pictures, numbered, and their titles and captions."""
    folder, told = finished.out / "pictures", []
    for number, picture in enumerate(recipe.pictures(finished), 1):
        folder.mkdir(exist_ok=True)
        name = f"{number:02d}-{picture.name}.png"
        save_figure(picture.figure, folder / name)
        told.append({"file": name, "title": picture.title, "caption": picture.caption})
    if told:
        _write(folder / "pictures.json", told)
