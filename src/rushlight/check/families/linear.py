"""Linear."""

from __future__ import annotations

from typing import Any

import numpy as np

from rushlight import classic
from rushlight.check.family import Argument, Case, Family, Field, Hypothesis, Scene

__all__ = ["FAMILIES"]

W = Field(
    "W",
    ("weight", "weights", "w", "kernel"),
    "gradW",
    ("dW", "grad_weight", "weight_grad"),
    exact=True,
)
B = Field("b", ("bias", "biases"), "gradb", ("db", "grad_bias", "bias_grad"), required=False)


def _reference(dialect: str, **options: Any) -> Any:
    return classic.Linear(**options)


def _swapped_operands(scene: Scene, name: str) -> Any:
    return (scene.x.T @ scene.g) if name == "gradW" else None


LINEAR = Family(
    name="Linear",
    others=("Dense", "FullyConnected", "FC"),
    reference=_reference,
    arguments=(
        Argument("n_in", ("in_features", "input_size", "in_dim", "nin"), required=True),
        Argument("n_out", ("out_features", "output_size", "out_dim", "nout"), required=True),
    ),
    fields=(W, B),
    cases=(
        Case({"n_in": 3, "n_out": 4}, (5, 3)),
        Case({"n_in": 4, "n_out": 4}, (7, 4), check="square"),
    ),
    hypotheses=(
        Hypothesis("transposed", ("output",), lambda s, n: s.x @ s.params["W"] + s.params["b"]),
        Hypothesis("transposed", ("gradInput",), lambda s, n: s.g @ s.params["W"].T),
        Hypothesis("transposed", ("gradW",), _swapped_operands),
        Hypothesis("divided_by_n", ("gradb",), lambda s, n: s.g.mean(axis=0)),
        Hypothesis("wrong_axis", ("gradb",), lambda s, n: s.g.sum(axis=1)),
        Hypothesis("wrong_axis", ("gradb",), lambda s, n: np.full_like(s.want[n], s.g.sum())),
        Hypothesis("wrong_shape", ("gradb",), lambda s, n: s.g.sum(axis=0, keepdims=True)),
        Hypothesis("wrong_shape", ("gradb",), lambda s, n: np.asarray(s.g.sum())),
    ),
    torch_names=("Linear", "linear"),
)
FAMILIES = (LINEAR,)
