"""Losses and optimizers by name or object."""

from __future__ import annotations

import functools
import inspect
import math
from typing import Any

from rushlight import nn, optim
from rushlight.errors import explain
from rushlight.train.metrics import takes_classes
from rushlight.train.names import Names

__all__ = [
    "check_rate",
    "is_number",
    "kind_of",
    "loss_names",
    "make_loss",
    "make_optimizer",
    "optimizers",
    "positive",
    "target_kind",
]

_LOSSES = Names(
    "loss",
    {
        "bce": nn.BCELoss,
        "bce_with_logits": nn.BCEWithLogitsLoss,
        "cross_entropy": nn.CrossEntropyLoss,
        "hinge_embedding": nn.HingeEmbeddingLoss,
        "huber": nn.HuberLoss,
        "kl_div": functools.partial(nn.KLDivLoss, reduction="batchmean"),  # the divergence
        "l1": nn.L1Loss,
        "mae": nn.L1Loss,
        "mse": nn.MSELoss,
        "multi_margin": nn.MultiMarginLoss,
        "multilabel_margin": nn.MultiLabelMarginLoss,
        "multilabel_soft_margin": nn.MultiLabelSoftMarginLoss,
        "nll": nn.NLLLoss,
        "poisson_nll": nn.PoissonNLLLoss,
        "smooth_l1": nn.SmoothL1Loss,
        "soft_margin": nn.SoftMarginLoss,
    },
    {
        "binary_cross_entropy": "bce",
        "binary_cross_entropy_with_logits": "bce_with_logits",
        "l2": "mse",
        "mean_absolute_error": "mae",
        "mean_squared_error": "mse",
    },
    instead="a callable (output, target)",
    suffix="loss",
    elsewhere={
        "gaussian_nll": "it needs a variance, too: give a function (output, target) that takes it "
        "from the output",
        "hinge": "'multi_margin' is that of classes, 'soft_margin' a smooth one of -1 and 1",
        "cosine_embedding": "it compares two outputs: give a function (output, target)",
        "margin_ranking": "it compares two outputs: give a function (output, target)",
        "triplet_margin": "it compares three outputs: give a function (output, target)",
        "ctc": "it needs lengths, too: give a function (output, target)",
    },
)

# whose targets are numbers of the model's dtype; those of others are class indices, or anybody's
_FLOATS = (
    nn.BCELoss,
    nn.BCEWithLogitsLoss,
    nn.HingeEmbeddingLoss,
    nn.HuberLoss,
    nn.KLDivLoss,
    nn.L1Loss,
    nn.MSELoss,
    nn.MultiLabelSoftMarginLoss,
    nn.PoissonNLLLoss,
    nn.SmoothL1Loss,
    nn.SoftMarginLoss,
)


def loss_names() -> tuple[str, ...]:
    """Return the names of losses."""
    return tuple(_LOSSES.makers)


def make_loss(loss: Any) -> Any:
    """Return the loss that a name, with options if wanted, or an object stands for.

    Example:
        >>> make_loss("huber:delta=0.5").delta
        0.5
    """
    if isinstance(loss, str):
        loss = _LOSSES.make(loss)
    elif inspect.isclass(loss) and issubclass(loss, nn.Module):
        loss = loss()
    if not callable(loss):
        expected = "a name, a loss module or a function (output, target) -> scalar Tensor"
        raise TypeError(explain("loss", got=type(loss).__name__, expected=expected))
    summed = ("mean", "sum", "batchmean") if isinstance(loss, nn.KLDivLoss) else ("mean", "sum")
    if getattr(loss, "reduction", "mean") not in summed:
        expected = " or ".join(map(repr, summed))
        raise ValueError(explain("loss", got=f"reduction={loss.reduction!r}", expected=expected))
    return loss


def target_kind(loss: Any) -> str:
    """Return what `as_dataset` should make of targets: 'classes', 'floats' or 'any'."""
    if takes_classes(loss):
        return "classes"
    return "floats" if isinstance(loss, _FLOATS) else "any"


@functools.cache
def optimizers() -> Names:
    """Return the optimizers by their names in lower case."""
    found = {name: getattr(optim, name) for name in optim.__all__}
    return Names(
        "optimizer",
        {
            name.lower(): kind
            for name, kind in sorted(found.items(), key=lambda item: item[0].lower())
            if inspect.isclass(kind)
            and issubclass(kind, optim.Optimizer)
            and kind not in (optim.Optimizer, optim.LBFGS)  # which needs a closure
        },
        instead="an optimizer object",
        elsewhere={"lbfgs": "its steps need a closure: call it in a loop of your own"},
        given=("params",),
    )


def check_rate(lr: Any) -> None:
    """Refuse what is no learning rate."""
    if lr is not None and not (is_number(lr) and 0 < lr < math.inf):
        raise ValueError(explain("lr", got=repr(lr), expected="a finite number > 0"))


def make_optimizer(optimizer: Any, model: Any, lr: float | None) -> Any:
    """Return the optimizer that a name with options, class, factory or object stands for."""
    check_rate(lr)
    parameters = [p for p in model.parameters() if p.requires_grad]
    if not parameters:
        frozen = next(iter(model.parameters()), None) is not None
        raise ValueError(
            explain(
                "Trainer",
                got=f"a {type(model).__name__} without trainable parameters",
                expected="a model with parameters",
                fix="set requires_grad=True on some: all are frozen"
                if frozen
                else "assign layers and Parameters as attributes of the module",
            )
        )
    options = {} if lr is None else {"lr": lr}
    if isinstance(optimizer, str):
        name, given = optimizers().read(optimizer)
        if lr is not None and "lr" in given:
            got = f"lr={lr!r} and optimizer={optimizer!r}"
            raise ValueError(explain("lr", got=got, expected="one learning rate"))
        return optimizers().makers[name](parameters, **options, **given)
    if isinstance(optimizer, optim.Optimizer):
        if lr is not None:
            raise ValueError(
                explain(
                    "Trainer",
                    got="lr together with an optimizer object",
                    expected="one of them",
                    fix="set the learning rate where the optimizer is made",
                )
            )
        made: Any = optimizer
    elif callable(optimizer):
        made = optimizer(parameters, **options)
    else:
        made = None
    if not isinstance(made, optim.Optimizer):
        raise TypeError(
            explain(
                "optimizer",
                got=type(optimizer if made is None else made).__name__,
                expected="a name, an optimizer, or a function parameters -> optimizer",
            )
        )
    if isinstance(made, optim.LBFGS):
        raise ValueError(
            explain(
                "Trainer",
                got="LBFGS, whose steps compute the loss several times",
                expected="an optimizer that takes one step for each batch",
                fix="call optimizer.step(closure) in a loop of your own",
            )
        )
    own = {id(parameter) for parameter in parameters}
    if not any(id(p) in own for group in made.param_groups for p in group["params"]):
        raise ValueError(
            explain(
                "Trainer",
                got="an optimizer that holds no parameter of the model",
                expected="one made from model.parameters()",
            )
        )
    return made


def is_number(value: object) -> bool:
    """Tell whether a value can be compared with numbers; bools and text are no numbers."""
    return not isinstance(value, bool) and hasattr(value, "__float__")


def kind_of(value: object) -> str:
    """Name the type of a value for a message, or the class where the value is one."""
    return f"the class {value.__name__}" if isinstance(value, type) else type(value).__name__


def positive(name: str, value: Any) -> float | None:
    """Return a finite number above 0, or None where there is none; refuse anything else."""
    if value is not None and not (is_number(value) and 0 < value < math.inf):
        raise ValueError(explain(name, got=repr(value), expected="a number > 0"))
    return value
