"""Optimizers of other shapes, driven like the functions: variables, gradients, config, state."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import numpy as np

from rushlight.arrays import Array
from rushlight.check.kept import flatten
from rushlight.check.signature import plain

__all__ = ["Driver", "Returning", "drive"]

PARAMETERS = ("params", "parameters", "variables", "weights", "parameterlist", "paramlist")
GRADIENTS = ("grads", "gradients", "gradparams", "gradparameters", "gradweights")
STEPS = ("step", "update", "__call__")
OPTIONS = {
    "learning_rate": ("lr", "eta", "rate", "stepsize", "learnrate"),
    "momentum": ("mu", "beta", "rho", "gamma", "alpha"),
    "beta1": ("b1",),
    "beta2": ("b2",),
    "epsilon": ("eps",),
}
USUAL = {"momentum": 0.0, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8}  # of a class without it


class Parameter:
    """What a step of one's own reads and writes: `data` and `grad` are arrays."""

    def __init__(self, data: Array) -> None:
        self.data = data
        self.grad: Array | None = None

    def zero_grad(self) -> None:
        """Forget the gradient."""
        self.grad = None


class Returning:
    """A step of one parameter that returns it with its config, as cs231n has: (w, dw, config).

    Args:
        step: the student's function.
    """

    flat = True

    def __init__(self, step: Any) -> None:
        self.step = step
        self.__name__ = str(step.__name__)

    def config(self, wanted: Mapping[str, float]) -> dict[str, float]:
        """Return the configuration, all of which it can be given."""
        return dict(wanted)

    def __call__(self, variables: Any, gradients: Any, config: Any, state: dict[Any, Any]) -> None:
        """Take a step; each parameter's config is kept in the state."""
        given = dict(config.items())
        for i, (w, g) in enumerate(zip(variables, gradients, strict=True)):
            w[...], state[i] = self.step(np.array(w), g, state.get(i, dict(given)))

    def cleared(self, state: Mapping[Any, Any]) -> bool:
        """There is nothing to clear."""
        return True


class Driver:
    """A class of the student's as a function of variables, gradients, config and state.

    Args:
        cls: the class; its constructor takes parameters, or parameters and gradients, or neither,
            and its step what the constructor did not take.
        options: the library's names of the hyperparameters that its constructor takes.
        holds: which of "parameters" and "gradients" the constructor takes.
        method: the name of its step.
    """

    def __init__(
        self, cls: Any, options: Mapping[str, str], holds: tuple[str, ...], method: str
    ) -> None:
        self.cls, self.options, self.holds, self.method = cls, options, holds, method
        self.torch = _torch_of(cls)
        self.count = _count(getattr(cls, method))
        self.__name__ = f"{cls.__name__}.{method}"

    def config(self, wanted: Mapping[str, float]) -> dict[str, float]:
        """Return the configuration that the class can be given."""
        given = {"beta1", "beta2"} if "betas" in self.options else set()
        given |= set(self.options)
        return {k: v if k in given else USUAL[k] for k, v in wanted.items()}

    def __call__(self, variables: Any, gradients: Any, config: Any, state: dict[str, Any]) -> None:
        """Take a step; the student's object and its parameters are kept in the state."""
        if not state:
            state["parameters"] = self._wrapped(variables)
            state["gradients"] = [np.array(g) for g in flatten(gradients)]
            state["optimizer"] = self._made(state, dict(config.items()))
        self._hand(state, gradients)
        step = getattr(state["optimizer"], self.method)
        step(*(variables, gradients)[2 - self.count :])
        if self.of_objects:
            for w, parameter in zip(flatten(variables), state["parameters"], strict=True):
                w[...] = parameter.data if self.torch is None else parameter.detach().numpy()

    def cleared(self, state: Mapping[str, Any]) -> bool:
        """Call zero_grad, if there is one, and tell whether the gradients are gone."""
        clear = getattr(state["optimizer"], "zero_grad", None)
        if not self.of_objects or not callable(clear):
            return True
        clear()
        left = (parameter.grad for parameter in state["parameters"])
        return not any(grad is not None and np.any(np.asarray(grad)) for grad in left)

    @property
    def flat(self) -> bool:
        """Whether its parameters are one list in any case."""
        return self.of_objects

    @property
    def of_objects(self) -> bool:
        """Whether it works on parameters that have a `grad`, as torch's do."""
        return self.holds == ("parameters",) and not self.count

    def _wrapped(self, variables: Any) -> list[Any]:
        """Return what the constructor is given for parameters."""
        if not self.of_objects:
            return list(variables)
        if self.torch is None:
            return [Parameter(np.array(w)) for w in variables]
        return [self.torch.nn.Parameter(self.torch.tensor(w)) for w in variables]

    def _made(self, state: Mapping[str, Any], config: Mapping[str, float]) -> Any:
        values = {**config, "betas": (config.get("beta1"), config.get("beta2"))}
        named = {own: values[name] for name, own in self.options.items()}
        return self.cls(*(state[name] for name in self.holds), **named)

    def _hand(self, state: Mapping[str, Any], gradients: Any) -> None:
        """Put the gradients of a step where the student's object looks for them."""
        if "gradients" in self.holds:
            for own, given in zip(state["gradients"], flatten(gradients), strict=True):
                own[...] = given
        elif self.of_objects:
            for parameter, given in zip(state["parameters"], gradients, strict=True):
                grad = np.array(given)
                parameter.grad = grad if self.torch is None else self.torch.tensor(grad)


def drive(step: Any, names: tuple[str, ...]) -> Any:
    """Return what is called with variables, gradients, config and state; None if nothing can be.

    Args:
        step: the student's class or function.
        names: the hyperparameters of the rule.
    """
    if inspect.isclass(step):
        return _of_class(step, names)
    return step if _takes(step, 4) else Returning(step) if _takes(step, 3) else None


def _takes(step: Any, count: int) -> bool:
    try:
        inspect.signature(step).bind(*range(count))
    except (TypeError, ValueError):
        return False
    return True


def _of_class(cls: Any, names: tuple[str, ...]) -> Driver | None:
    method = next((name for name in STEPS if callable(getattr(cls, name, None))), "")
    try:
        own = list(inspect.signature(cls).parameters.values())
    except (TypeError, ValueError):
        return None
    first = [plain(p.name) for p in own]
    holds = tuple(
        kind
        for kind, known, name in zip(
            ("parameters", "gradients"), (PARAMETERS, GRADIENTS), first, strict=False
        )
        if name in known
    )
    options = _options(own[len(holds) :], names)
    if not method or options is None or "learning_rate" not in options:
        return None
    usual = {((), 2), (("parameters",), 0), (("parameters",), 1), (("parameters", "gradients"), 0)}
    fits = (holds, _count(getattr(cls, method))) in usual
    return Driver(cls, options, holds, method) if fits else None


def _options(parameters: list[inspect.Parameter], names: tuple[str, ...]) -> dict[str, str] | None:
    """Return the student's names by the library's; None if something else would change the rule."""
    found: dict[str, str] = {}
    for parameter in parameters:
        name = next((n for n in names if plain(parameter.name) in _names(n)), "")
        if plain(parameter.name) == "betas" and "beta1" in names:
            name = "betas"
        if plain(parameter.name) == "alpha" and "beta1" in names:
            name = "learning_rate"
        if name and name not in found:
            found[name] = parameter.name
        elif parameter.default is parameter.empty or parameter.default not in (0, None, False):
            return None
    return found


def _names(name: str) -> set[str]:
    return {plain(name), *OPTIONS[name]}


def _count(method: Any) -> int:
    """Return how many arguments a method must be given."""
    own = list(inspect.signature(method).parameters.values())[1:]
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return sum(p.default is p.empty and p.kind in kinds for p in own)


def _torch_of(cls: Any) -> Any:
    """Return what the student's file calls torch, or None if it works with arrays."""
    functions = (v for v in vars(cls).values() if inspect.isfunction(v))
    found = next((f.__globals__.get("torch") for f in functions), None)
    return found if inspect.ismodule(found) else None
