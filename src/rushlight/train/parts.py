"""Losses and optimizers by name or object."""

from __future__ import annotations

import inspect
import math
from typing import Any

from rushlight import nn, optim
from rushlight.errors import explain
from rushlight.train.metrics import takes_classes

__all__ = ["is_number", "kind_of", "make_loss", "make_optimizer", "positive", "target_kind"]

_LOSSES = {
    "bce": "BCELoss",
    "bce_with_logits": "BCEWithLogitsLoss",
    "cross_entropy": "CrossEntropyLoss",
    "huber": "HuberLoss",
    "l1": "L1Loss",
    "mae": "L1Loss",
    "mse": "MSELoss",
    "nll": "NLLLoss",
    "smooth_l1": "SmoothL1Loss",
}


def make_loss(loss: Any) -> Any:
    """Return the loss that a name or object stands for."""
    if isinstance(loss, str):
        if loss not in _LOSSES:
            expected = f"one of {', '.join(map(repr, _LOSSES))}, or a callable (output, target)"
            raise ValueError(explain("loss", got=repr(loss), expected=expected))
        return getattr(nn, _LOSSES[loss])()
    if inspect.isclass(loss) and issubclass(loss, nn.Module):
        loss = loss()
    if not callable(loss):
        expected = "a name, a loss module or a function (output, target) -> scalar Tensor"
        raise TypeError(explain("loss", got=type(loss).__name__, expected=expected))
    if getattr(loss, "reduction", "mean") not in ("mean", "sum"):
        raise ValueError(
            explain("loss", got=f"reduction={loss.reduction!r}", expected="'mean' or 'sum'")
        )
    return loss


def target_kind(loss: Any) -> str:
    """Return what `as_dataset` should make of targets: 'classes', 'floats' or 'any'."""
    if takes_classes(loss):
        return "classes"
    return "floats" if type(loss).__name__ in _LOSSES.values() else "any"


def optimizers() -> dict[str, Any]:
    """Return the optimizers by their names in lower case."""
    found = {name: getattr(optim, name) for name in optim.__all__}
    return {
        name.lower(): kind
        for name, kind in sorted(found.items(), key=lambda item: item[0].lower())
        if inspect.isclass(kind)
        and issubclass(kind, optim.Optimizer)
        and kind not in (optim.Optimizer, optim.LBFGS)  # which needs a closure
    }


def make_optimizer(optimizer: Any, model: Any, lr: float | None) -> Any:
    """Return the optimizer that a name, class, factory or object stands for."""
    if lr is not None and not (is_number(lr) and 0 < lr < math.inf):
        raise ValueError(explain("lr", got=repr(lr), expected="a finite number > 0"))
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
        known = optimizers()
        if optimizer.lower() not in known:
            expected = f"one of {', '.join(map(repr, known))}, or an optimizer object"
            raise ValueError(explain("optimizer", got=repr(optimizer), expected=expected))
        return known[optimizer.lower()](parameters, **options)
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
