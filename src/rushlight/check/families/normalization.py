"""BatchNormalization and ChannelwiseScaling."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from rushlight import classic
from rushlight.arrays import Array
from rushlight.check.battery import forward, one_case
from rushlight.check.families.averages import statistics
from rushlight.check.families.norm_hypotheses import HYPOTHESES
from rushlight.check.family import Argument, Case, Evidence, Family, Field, Hypothesis, Scene
from rushlight.check.student import StudentError, guarded
from rushlight.check.subject import Subject
from rushlight.random import Generator

__all__ = ["FAMILIES"]

CHANNELS = 4
FLAT, IMAGES = (6, CHANNELS), (3, CHANNELS, 2, 5)
SPREADS = (0.01, 1.0, 2.0, 0.5)  # a variance of 1e-4 shows where EPS stands
CENTRES = (0.0, 1.0, -2.0, 0.5)
EPSILONS = (1e-3, 1e-5)


def _column(values: Any, ndim: int) -> Array:
    return np.reshape(values, (1, CHANNELS, *[1] * (ndim - 2)))


def _batch(source: Generator, shape: tuple[int, ...]) -> Array:
    """Channels of other means and spreads."""
    ndim = len(shape)
    return source.normal(shape) * _column(SPREADS, ndim) + _column(CENTRES, ndim)


class _Scaled(classic.practical_dl.BatchNormalization):
    """The dialect's layer with gamma and beta behind it, for students who have both in one."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.scaling = classic.practical_dl.ChannelwiseScaling(CHANNELS)
        self.gamma, self.beta = np.ones(CHANNELS), np.zeros(CHANNELS)

    def updateOutput(self, input: Any) -> Any:
        self.normal = super().updateOutput(input)
        self.scaling.gamma, self.scaling.beta = self.gamma, self.beta
        return self.scaling.forward(self.normal)

    def backward(self, input: Any, gradOutput: Any) -> Any:
        gradNormal = self.scaling.backward(self.normal, gradOutput)
        self.gradGamma, self.gradBeta = self.scaling.getGradParameters()
        return super().backward(input, gradNormal)


def _batch_norm(dialect: str, **options: Any) -> Any:
    if dialect == "practical_dl":
        layer: Any = _Scaled(**{k: v for k, v in options.items() if k == "alpha"})
    else:
        known = {k: v for k, v in options.items() if k == "momentum"}
        layer = classic.torch_like.BatchNormalization(CHANNELS, affine=True, **known)
    if "eps" in options:
        layer.EPS = options["eps"]
    return layer


def _own_eps(layer: Any) -> Mapping[str, float]:
    """Return the student's EPS if a dialect has it: by what it does, else by its name."""
    found = None
    try:
        with guarded("forward", ""):
            x = np.array([[0.003], [-0.003]]) * np.ones(CHANNELS)
            y = copy.deepcopy(layer).forward(x)
            found = float((x[0, 0] / y[0, 0]) ** 2 - x[0, 0] ** 2)
    except StudentError:
        found = None
    names = (getattr(layer, name, None) for name in ("EPS", "eps", "epsilon", "_eps", "EPSILON"))
    named = next((value for value in names if isinstance(value, float)), None)
    for value in EPSILONS:
        if found is not None and abs(found / value - 1.0) < 0.01:
            return {"EPS": value}
    return {"EPS": named} if named in EPSILONS else {}


def _batch_norm_dialect(subject: Any) -> str:
    """By the constructor: alpha is one dialect's, momentum the other's."""
    if subject.takes({"momentum": 0.9}) or subject.takes({"num_features": 4, "momentum": 0.9}):
        return "practical_dl" if _keeps_old(subject) else "torch_like"
    alpha = subject.takes({"alpha": 0.9}) or subject.takes({"num_features": 4, "alpha": 0.9})
    return "practical_dl" if alpha else ""


def _keeps_old(subject: Any) -> bool:
    """Tell whether momentum is the share of the old average, as its default shows."""
    default = subject.default("momentum")
    return isinstance(default, float) and default >= 0.5


def _own_share(options: Mapping[str, Any], default: Any) -> Any:
    """The share of the old average is the user's choice: the student's default is as good."""
    return default if isinstance(default, float) and "momentum" not in options else None


def _own_constant(options: Mapping[str, Any], default: Any) -> Any:
    """An EPS that is an argument is the user's choice, too."""
    return default if isinstance(default, float) and default > 0.0 else None


def _examine(subject: Subject) -> Iterator[Evidence]:
    """Rows with all that belongs to them come before images, which many forget."""
    for number, case in enumerate(subject.cases()):
        told = False
        for one in one_case(subject, case):
            told = True
            yield one
        yield from statistics(subject, case, told)
        if number == 0 and not told:
            yield from _eps(subject, case)


def _eps(subject: Subject, case: Case) -> Iterator[Evidence]:
    """EPS is what the constructor is given, or else the dialect's."""
    given = replace(case, options={**case.options, "eps": 0.02})
    takes = subject.takes(given.options)
    if not takes and subject.dialect == "practical_dl" and _keeps_old(subject):
        return  # cs231n's class, which is of neither dialect
    try:
        pair = subject.pair(given if takes else case)
    except StudentError:
        return  # it wants another eps
    pair.constants = {}
    if takes or _own_eps(pair.student.layer):
        yield from forward(pair, pair.input())


def _cases() -> Iterator[Case]:
    without = ("evaluation", "batch_of_one")
    for options in ({}, {"num_features": CHANNELS}):
        yield Case(options, FLAT, inputs=_batch, without=without)
        yield Case(
            options, IMAGES, inputs=_batch, wrong="only_2d", crash="only_2d", without=without
        )


GAMMA = Field(
    "gamma", ("weight", "scale", "g", "w", "gain"), "gradGamma",
    ("dgamma", "grad_weight", "gammagrad", "gradweight", "gradW"), required=False, absent=1.0,
    shape=(CHANNELS,),
)  # fmt: skip
BETA = Field(
    "beta", ("bias", "shift", "b", "offset"), "gradBeta",
    ("dbeta", "grad_bias", "betagrad", "gradb"), required=False, shape=(CHANNELS,),
)  # fmt: skip
MEAN = Field(
    "moving_mean", ("running_mean", "moving_avg", "mean_moving", "movingmean", "run_mean",
                    "running_avg", "mean_running", "moving_means", "avg_mean", "ema_mean"),
    required=False, shape=(CHANNELS,),
)  # fmt: skip
VARIANCE = Field(
    "moving_variance", ("running_var", "moving_var", "running_variance", "var_moving", "run_var",
                        "variance_moving", "moving_variances", "avg_var", "ema_var", "var_running"),
    required=False, shape=(CHANNELS,),
)  # fmt: skip
BATCH_NORM = Family(
    name="BatchNormalization",
    others=("BatchNorm", "BN", "BatchNormalisation"),
    reference=_batch_norm,
    arguments=(
        Argument(
            "num_features",
            ("n_features", "num_channels", "channels", "n_channels", "n_in", "n_out", "features",
             "c", "dim", "size", "in_features", "in_channels", "n"),
            required=True,
        ),
        Argument("momentum", ("m",)),
        Argument("alpha", ("decay", "a", "momentum"), state=_own_share),
        Argument("eps", ("epsilon",), state=_own_constant),
    ),
    fields=(GAMMA, BETA, MEAN, VARIANCE),
    cases=tuple(_cases()),
    hypotheses=HYPOTHESES,
    examine=_examine,
    dialect=_batch_norm_dialect,
    fallback={"output": "local_derivative", "gradInput": "local_derivative",
              "gradGamma": "local_derivative"},
    torch_names=("BatchNorm1d", "BatchNorm2d", "batch_norm", "BatchNormalization"),
    adapt=_own_eps,
)  # fmt: skip
# classes of torch's names take one kind of input; the general one comes last and keeps the name
OF_IMAGES = replace(
    BATCH_NORM,
    others=("BatchNorm2d", "BatchNormalization2d"),
    cases=tuple(
        replace(c, wrong="unexplained", crash="crash") for c in _cases() if c.shape == IMAGES
    ),
)
OF_ROWS = replace(
    BATCH_NORM,
    others=("BatchNorm1d", "BatchNormalization1d"),
    cases=tuple(c for c in _cases() if c.shape == FLAT),
)


# --- scaling


def _scaling(dialect: str, **options: Any) -> Any:
    return getattr(classic, dialect).ChannelwiseScaling(**{"n_out": CHANNELS, **options})


def _gamma_gradients(scene: Scene, name: str) -> Iterator[Any]:
    """Without the input, or not summed where it should be."""
    axes = (0, *range(2, scene.x.ndim))
    yield scene.g.sum(axis=axes)
    yield (scene.g * scene.want["output"]).sum(axis=axes)
    yield (scene.g * scene.x * _column(scene.params["gamma"], scene.x.ndim)).sum(axis=axes)


def _without(name: str, value: float) -> Any:
    def predict(scene: Scene, tensor: str) -> Any:
        params = {**scene.params, name: np.full(CHANNELS, value)}
        return scene.again(params=params)[tensor]

    return predict


def _exchanged(scene: Scene, name: str) -> Any:
    params = {"gamma": scene.params["beta"], "beta": scene.params["gamma"]}
    return scene.again(params=params)[name]


def _other_axis(scene: Scene, name: str) -> Iterator[Any]:
    product = scene.g * scene.x if name == "gradGamma" else scene.g
    yield product.sum(axis=1)
    yield product.sum(axis=-1)


SCALING = Family(
    name="ChannelwiseScaling",
    others=("ChannelScaling", "ChannelwiseScale", "ScaleShift", "ChannelWiseScalingLayer"),
    reference=_scaling,
    arguments=(
        Argument(
            "n_out",
            ("n", "num_features", "n_in", "n_channels", "channels", "num_channels", "c", "size",
             "n_features", "dim"),
            required=True,
        ),
    ),
    fields=(replace(GAMMA, required=True), replace(BETA, required=True)),
    cases=(
        Case({"n_out": CHANNELS}, FLAT),
        Case({"n_out": CHANNELS}, IMAGES, wrong="only_2d", crash="only_2d"),
    ),
    hypotheses=(
        Hypothesis("bias_ignored", ("output",), _without("beta", 0.0)),
        Hypothesis("local_derivative", ("output", "gradInput"), _without("gamma", 1.0)),
        Hypothesis("local_derivative", ("output", "gradInput"), _exchanged),
        Hypothesis("local_derivative", ("gradGamma",), _gamma_gradients),
        Hypothesis("wrong_axis", ("gradGamma", "gradBeta"), _other_axis),
    ),
    fallback={"output": "local_derivative", "gradInput": "local_derivative",
              "gradGamma": "local_derivative"},
)  # fmt: skip
FAMILIES = (OF_IMAGES, OF_ROWS, BATCH_NORM, SCALING)
