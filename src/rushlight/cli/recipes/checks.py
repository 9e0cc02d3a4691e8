"""Whether options name parts that there are: found out before any data is read."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import re
from collections.abc import Callable, Iterator
from typing import Any

from rushlight import nn
from rushlight.cli.mistake import Mistake
from rushlight.cli.recipes.options import Options
from rushlight.errors import explain
from rushlight.train import EMA
from rushlight.train.activations import make_activation
from rushlight.train.metrics import make_metrics
from rushlight.train.names import read_list
from rushlight.train.parts import check_rate, make_loss, make_optimizer, optimizers, positive
from rushlight.train.schedule import Rates
from rushlight.train.switch import parse_switch

__all__ = ["check_parts", "naming", "optimizer_of", "schedule_of"]

# what a part calls itself in messages, where that is not the option's name
_OWN = {"--ema": "EMA decay", "--metric": "metrics", "--schedule": "scheduler"}
_OBJECTS = re.compile(r"(?<='), or an? [^;]+")  # that code may give in place of a name


@contextlib.contextmanager
def naming(flag: str) -> Iterator[None]:
    """Turn an error of a part into a Mistake that names the option.

    Args:
        flag: the option, such as '--loss'.
    """
    try:
        yield
    except Mistake:
        raise
    except (ValueError, TypeError) as error:
        own = _OWN.get(flag, flag[2:].replace("-", "_"))
        text = _OBJECTS.sub("", str(error)).removeprefix(f"{own}: ")
        raise Mistake(f"{flag}: {text}") from error


def check_parts(options: Options, rates: dict[str, float]) -> None:
    """Make each part that the options name, and refuse what cannot be made.

    Args:
        options: the options.
        rates: learning rates of the recipe, by optimizer.

    Raises:
        Mistake: a name, option or number that is none of a part.
    """
    with naming("--activation"):
        several = options.size == "all"  # such a run trains nets of several activations
        for name in (
            read_list("activation", options.activation) if several else [options.activation]
        ):
            make_activation(name)
    with naming("--loss"):
        loss = make_loss(options.loss)
    with naming("--metric"):
        make_metrics(list(options.metric), loss)
    with naming("--lr"):
        check_rate(options.lr)
    if not options.weight_decay >= 0:
        got = f"{options.weight_decay:g}"
        raise Mistake(explain("--weight-decay", got=got, expected="a number >= 0"))
    with naming("--optimizer"):
        own = dataclasses.replace(options)  # its learning rate is settled
        optimizer = make_optimizer(optimizer_of(own, rates), nn.Linear(1, 1), own.lr)
    with naming("--warmup"):
        Rates(optimizer, None, "epoch", options.warmup)
    with naming("--schedule"):
        Rates(optimizer, schedule_of(options), "epoch", 0.0)
    with naming("--clip-norm"):
        positive("clip_norm", options.clip_norm)
    with naming("--ema"):
        _ = None if options.ema is None else EMA(options.ema)
    with naming("--switch"):
        for text in options.switch:
            parse_switch(text)


def schedule_of(options: Options) -> str | None:
    """Return the name of the schedule, None where there is to be none."""
    return None if options.schedule == "none" else options.schedule


def optimizer_of(options: Options, rates: dict[str, float]) -> Callable[..., Any]:
    """Return what makes the optimizer, with the rate, momentum and weight decay that suit it.

    Args:
        options: the options; `lr` is filled in.
        rates: learning rates of the recipe, by optimizer.
    """
    name, extras = optimizers().read(options.optimizer)
    if options.lr not in (None, extras.get("lr", options.lr)):
        got = f"--lr {options.lr:g} and --optimizer {options.optimizer}"
        raise Mistake(explain("--lr", got=got, expected="one learning rate"))
    own = extras.pop("lr", rates.get(name))
    options.lr = own if options.lr is None else options.lr
    if options.weight_decay:
        if "weight_decay" not in optimizers().options(name):
            got = f"{options.weight_decay:g} with {name}, which has none"
            raise Mistake(explain("--weight-decay", got=got, expected="an optimizer that has it"))
        extras.setdefault("weight_decay", options.weight_decay)
    if name == "sgd":
        extras.setdefault("momentum", 0.9)
    return functools.partial(optimizers().makers[name], **extras)
