"""The options of a recipe: declared once, for the command line, config.toml and code."""

from __future__ import annotations

import dataclasses
from typing import Any

from rushlight.cli.mistake import Mistake
from rushlight.errors import explain

__all__ = ["Described", "Options", "flag", "option"]


@dataclasses.dataclass(frozen=True)
class Described:
    """What is known of an option.

    Attributes:
        name: of the field.
        type: its annotation, such as 'float | None'.
        default: its default; None stands for one that depends on something.
        text: the line of `--help`, in which the default is not named.
        note: what `--help` says where the default is None or not the whole truth.
        least: the smallest number allowed, or None.
        metavar: what stands for the value in `--help`, or None.
        choices: the values allowed, () for all.
    """

    name: str
    type: str
    default: Any
    text: str = ""
    note: str = ""
    least: float | None = None
    metavar: str | None = None
    choices: tuple[str, ...] = ()

    @property
    def kind(self) -> str:
        """The type without None: 'str', 'int', 'float', 'bool' or 'tuple[str, ...]'."""
        return self.type.removesuffix(" | None")


def option(default: Any, text: str = "", **more: Any) -> Any:
    """Return a field of Options.

    Args:
        default: its default.
        text: see Described; '' where a class above has said it.
        more: other attributes of Described.
    """
    return dataclasses.field(default=default, metadata={"text": text, **more})


@dataclasses.dataclass(kw_only=True)
class Options:
    """What every recipe can be told. A recipe changes defaults, and adds options of its own.

    A subclass gives a field another default by naming it again; text and bounds stay.
    """

    size: str = option("medium", "How large the net is.", choices=("small", "medium", "large"))
    activation: str = option("relu", "Activation: relu, leaky_relu, elu, softplus, gelu, ...")
    loss: str = option("mse", "Loss: mse, mae, huber, cross_entropy, nll, bce, ...")
    metric: tuple[str, ...] = option(
        (),
        "Metric: accuracy, f1, rmse, mae, r2, ...; the first picks the best epoch; may be given "
        "again.",
    )
    optimizer: str = option("adam", "Optimizer: adam, adamw, sgd, ...")
    lr: float | None = option(
        None, "Learning rate.", metavar="RATE", note="one that suits the optimizer"
    )
    schedule: str = option(
        "cosine", "Learning rate over the steps: cosine, linear, step, ..., none."
    )
    warmup: float = option(0.0, "Epochs over which the rate rises first.", metavar="EPOCHS")
    epochs: int | None = option(10, "Epochs at most.", least=1)
    patience: int = option(
        10, "Epochs without a better monitored value after which training ends.", least=1
    )
    batch_size: int | None = option(64, "Samples in a batch.", least=1)
    dropout: float = option(0.0, "Probability that a unit is left out in training.", metavar="P")
    weight_decay: float = option(0.0, "Weight decay of the optimizer.", metavar="RATE")
    clip_norm: float | None = option(
        None, "Scale gradients of a larger norm down to it.", metavar="NORM", note="no limit"
    )
    ema: float | None = option(
        None, "Average the weights over the steps, with this decay.", metavar="DECAY", note="none"
    )
    switch: tuple[str, ...] = option(
        (),
        "Exchange parts during training: '10: optimizer=sgd lr=0.01'; may be given again.",
        metavar="TEXT",
        note="none",
    )
    sharded: bool = option(
        False, "In several processes, each keeps its part of the optimizer's state only."
    )
    compress: str = option(
        "none",
        "Several processes send gradients as float16, half the bytes.",
        choices=("none", "float16"),
    )
    seed: int = option(0, "Seed of everything random.", least=0)
    api: str = option(
        "autograd",
        "Gradients by autograd, or by the explicit methods of rushlight.classic.",
        choices=("autograd", "classic"),
    )

    def __post_init__(self) -> None:
        for known in self.described():
            value = getattr(self, known.name)
            if known.choices and value not in known.choices:
                expected = " or ".join(known.choices)
                raise Mistake(explain(flag(known.name), got=repr(value), expected=expected))
        if not 0 <= self.dropout < 1:
            expected = "a probability, 0 <= P < 1"
            raise Mistake(explain("--dropout", got=repr(self.dropout), expected=expected))

    @classmethod
    def described(cls) -> list[Described]:
        """Return the options in order, each with the texts of all classes that declare it."""
        found = []
        for field in dataclasses.fields(cls):
            notes: dict[str, Any] = {}
            for base in reversed(cls.__mro__):
                known = getattr(base, "__dataclass_fields__", {}).get(field.name)
                if known is not None:
                    notes |= {name: note for name, note in known.metadata.items() if note != ""}
            found.append(Described(field.name, str(field.type), field.default, **notes))
        return found

    def as_dict(self) -> dict[str, Any]:
        """Return name -> value, in order."""
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}


def flag(name: str) -> str:
    """Return the option's name on the command line.

    Example:
        >>> flag("batch_size")
        '--batch-size'
    """
    return f"--{name.replace('_', '-')}"
