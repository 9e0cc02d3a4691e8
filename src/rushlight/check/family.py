"""How a kind of layer is described to the checker: how it is made, fed, compared and blamed.

A family says nothing of arithmetic: what is right comes from its reference, a `rushlight.classic`
layer. A hypothesis is a way of being wrong that gives numbers: where the student's array equals
them, the cause is found.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from rushlight.arrays import Array
from rushlight.random import Generator

__all__ = [
    "Argument",
    "Case",
    "Dialect",
    "Evidence",
    "Family",
    "Field",
    "Hypothesis",
    "Scene",
]

Dialect = str  # "practical_dl" or "torch_like"
Tensors = dict[str, Array]


@dataclass(frozen=True)
class Argument:
    """An argument of the constructor and the names that students give it.

    Args:
        name: the library's name.
        others: further names; compared without case and underscores.
        required: whether it stands in the signature by position.
        state: what to say for it where a case leaves it open, from the case's options and the
            student's own default; None to say nothing. So a default of the student's own is no
            mistake.
        fits: whether a student with this default takes the value in such options: (options,
            default).
    """

    name: str
    others: tuple[str, ...] = ()
    required: bool = False
    state: Callable[[Mapping[str, Any], Any], Any] = lambda options, default: None
    fits: Callable[[Any, Any], bool] = lambda value, default: True


@dataclass(frozen=True)
class Field:
    """An array that a layer keeps: a parameter with its gradient, or a running statistic.

    Args:
        name: the attribute of the reference, such as "W".
        others: further names of the attribute.
        gradient: the attribute of its gradient ("gradW"); "" for a statistic.
        gradients: further names of that.
        required: whether a layer without it cannot be right.
        shape: its shape, where the reference has none before its first input.
        absent: the value that it has, in effect, in a layer that does without it.
        exact: whether the explicit API wants the usual order of axes, because users write into it.
    """

    name: str
    others: tuple[str, ...] = ()
    gradient: str = ""
    gradients: tuple[str, ...] = ()
    required: bool = True
    shape: tuple[int, ...] | None = None
    exact: bool = False
    absent: float = 0.0


@dataclass(frozen=True)
class Case:
    """One way to make a layer and one kind of input.

    Args:
        options: the constructor's arguments by the library's names. A case whose options the
            student's constructor does not have is left out.
        shape: of the input; the batch comes first. Sizes are unequal, so that no mix-up hides.
        check: what a wrong output in this case is called: "output", "stability", "ties", ...
        inputs: makes the input from a generator and a shape; default: normal numbers.
        crash: the cause if the layer raises here (default "crash"), perhaps by tensor.
        wrong: the cause if it is wrong here and no hypothesis fits (default "unexplained"),
            perhaps by tensor: {"gradInput": ...}.
        optional: whether a layer may refuse it: a forward that raises TypeError, or on purpose,
            says that the student's layer does not claim this.
        documented: whether the dialect promises it by name, so that a layer of which the user
            demands this dialect may not refuse it.
        by_hand: whether it concerns layers with a backward of their own alone: autograd chooses
            among equal maxima, not the student.
        gradients: whether the backward pass is tried, too.
        dialects: where the case holds.
        without: rounds of the plain case that make no sense here: "repeated", "parameters",
            "zeroing", "evaluation", "batch_of_one", "dtype".
    """

    options: Mapping[str, Any]
    shape: tuple[int, ...]
    check: str = "output"
    inputs: Callable[[Generator, tuple[int, ...]], Array] = lambda source, shape: source.normal(
        shape
    )
    crash: str | Mapping[str, str] = "crash"
    wrong: str | Mapping[str, str] = "unexplained"
    optional: bool = False
    documented: bool = False
    by_hand: bool = False
    gradients: bool = True
    dialects: tuple[Dialect, ...] = ("practical_dl", "torch_like")
    without: tuple[str, ...] = ()

    def if_it_raises(self, tensor: str) -> str:
        """Return the cause of a crash on the way to a tensor."""
        return self.crash if isinstance(self.crash, str) else self.crash.get(tensor, "crash")

    def if_wrong(self, tensor: str) -> str:
        """Return the cause of a wrong tensor that no hypothesis explains."""
        return self.wrong if isinstance(self.wrong, str) else self.wrong.get(tensor, "unexplained")


@dataclass
class Scene:
    """One forward and backward of the student's layer beside the reference's.

    Args:
        family, dialect, case: what is being tried.
        x, g: the input and the gradient of the output.
        params: the parameters and statistics that both layers had before the call.
        training: the mode.
        want: what is right: "output", "gradInput", "gradW", ...
        got: what the student's layer gave.
        earlier: the call before on the same layer, if there was one.
        given: the array that the student's forward was called with.
        base: what the gradient arrays held before; the right gradients are added to it.
        made: makes the reference, with the student's own constants.
        about: the tensor that is to be explained; the output needs no backward pass.
    """

    family: Family
    dialect: Dialect
    case: Case
    x: Array
    g: Array
    params: Tensors
    training: bool = True
    want: dict[str, Any] = field(default_factory=dict)
    got: dict[str, Any] = field(default_factory=dict)
    earlier: Scene | None = None
    given: Any = None
    base: Tensors = field(default_factory=dict)
    made: Callable[[Scene], Any] | None = None
    about: str = ""

    def reference(self) -> Any:
        """Return a new reference layer with the parameters and the mode of this scene."""
        layer = (
            self.made(self)
            if self.made
            else self.family.reference(self.dialect, **self.case.options)
        )
        trained = {known.name for known in self.family.fields if known.gradient}
        has = {name for name in trained if getattr(layer, name, None) is not None}
        for known in self.family.fields:
            if known.name in has - set(self.params):  # the student's layer works without it
                getattr(layer, known.name)[...] = known.absent
        for name, value in self.params.items():
            if name not in trained - has:  # a bias despite bias=False has no place
                setattr(layer, name, np.array(value))
        layer.train() if self.training else layer.evaluate()
        return layer

    def run(self) -> Tensors:
        """Return what the reference makes of the scene: output, gradInput and the gradients."""
        layer = self.reference()
        return self.finish(layer, layer.forward(self.x))

    def finish(self, layer: Any, output: Array) -> Tensors:
        """Return all tensors once the reference has given its output."""
        tensors = {"output": output}
        back = self.case.gradients and self.about != "output"
        if back and self.g.shape == tensors["output"].shape:
            tensors["gradInput"] = layer.backward(self.x, self.g)
            for known in self.family.fields:
                if known.gradient and getattr(layer, known.gradient, None) is not None:
                    base = self.base.get(known.gradient, 0.0)
                    tensors[known.gradient] = getattr(layer, known.gradient) + base
        for known in self.family.fields:
            if not known.gradient and getattr(layer, known.name, None) is not None:
                tensors[known.name] = getattr(layer, known.name)
        return {name: np.array(value) for name, value in tensors.items()}

    def again(self, **changes: Any) -> Tensors:
        """Return what the reference would make of a changed scene.

        Args:
            changes: `x`, `g`, `params`, `training`, `dialect`, or options of the constructor.
        """
        own = {
            k: changes.pop(k) for k in ("x", "g", "params", "training", "dialect") if k in changes
        }
        case = (
            replace(self.case, options={**self.case.options, **changes}) if changes else self.case
        )
        return replace(self, case=case, **own).run()


@dataclass(frozen=True)
class Hypothesis:
    """A way of being wrong: which arrays it would give.

    Args:
        cause: the identifier.
        tensors: which tensors it may explain; () for all.
        predict: gives the wrong array, or several that it might be, from the scene and the name of
            the tensor. It may raise: then it does not apply.
        checks: which checks it may explain; () for all.
        details: what the texts may name.
        late: whether the general hypotheses are tried before it.
    """

    cause: str
    tensors: tuple[str, ...]
    predict: Callable[[Scene, str], Any]
    checks: tuple[str, ...] = ()
    details: Mapping[str, str] = field(default_factory=dict)
    late: bool = False


@dataclass
class Evidence:
    """One comparison that failed.

    Args:
        check: what was tested.
        tensor: what is wrong; "" if not a tensor.
        scene: the circumstances.
        want, got: the right and the wrong value, where it is a matter of values.
        error: what the student's code raised.
        cause: known already, without hypotheses.
        severity: "defect" or "note".
        details: for the texts.
    """

    check: str
    tensor: str
    scene: Scene | None = None
    want: Any = None
    got: Any = None
    error: BaseException | None = None
    cause: str = ""
    severity: str = "defect"
    details: dict[str, str] = field(default_factory=dict)
    case: str = ""


@dataclass(frozen=True)
class Family:
    """A kind of layer.

    Args:
        name: the library's name, such as "Conv2d".
        others: further names of the class; compared without case and underscores.
        reference: makes the right layer: (dialect, **options) -> classic layer.
        cases: what is tried, the plainest first.
        arguments: of the constructor, in order.
        fields: arrays that the layer keeps, in the order of getParameters.
        hypotheses: ways of being wrong that only this family knows; tried before the general ones.
        extras: further checks: (subject) -> evidence.
        examine: replaces the battery of layers (criteria, containers, optimizers).
        dialect: guesses the dialect from the student's class, else "" (both are tried).
        fallback: the cause of a wrong tensor that nothing explains, by the tensor's name.
        torch_names: names of torch's that do this family's work: using one is delegating.
        random: whether the output in training mode is random.
        adapt: settles constants of the student's own, such as EPS: (student's layer) -> options.
    """

    name: str
    reference: Callable[..., Any]
    cases: tuple[Case, ...] = ()
    others: tuple[str, ...] = ()
    arguments: tuple[Argument, ...] = ()
    fields: tuple[Field, ...] = ()
    hypotheses: tuple[Hypothesis, ...] = ()
    extras: tuple[Callable[[Any], Iterable[Evidence]], ...] = ()
    examine: Callable[[Any], Iterable[Evidence]] | None = None
    dialect: Callable[[Any], str] = lambda subject: ""
    fallback: Mapping[str, str] = field(default_factory=dict)
    torch_names: tuple[str, ...] = ()
    random: bool = False
    adapt: Callable[[Any], Mapping[str, Any]] = lambda layer: {}
