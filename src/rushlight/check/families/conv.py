"""Conv2d, in both dialects and all padding modes."""

from __future__ import annotations

from typing import Any

import numpy as np

from rushlight.check.families.conv_hypotheses import HYPOTHESES
from rushlight.check.families.windows import PADDING, STRIDE, kernel_argument
from rushlight.check.family import Argument, Case, Family, Field
from rushlight.check.student import StudentError
from rushlight.classic import practical_dl, torch_like

__all__ = ["FAMILIES"]

BOTH = {"in_channels": 2, "out_channels": 4}
TORCH = ("torch_like",)

W = Field(
    "W",
    ("weight", "weights", "w", "kernel", "kernels", "filter", "filters"),
    "gradW",
    ("dW", "grad_weight", "grad_weights", "weight_grad", "W_grad", "grad_kernel"),
)
B = Field("b", ("bias", "biases"), "gradb", ("db", "grad_bias", "bias_grad", "b_grad"))


def _reference(dialect: str, **options: Any) -> Any:
    if dialect == "practical_dl" and set(options) == {"in_channels", "out_channels", "kernel_size"}:
        return practical_dl.Conv2d(**options)
    return torch_like.Conv2d(**options)


def _dialect(subject: Any) -> str:
    """Options of torch's tell torch_like; else the size of the output tells."""
    base = {**BOTH, "kernel_size": 3}
    if subject.takes({**base, "padding": 0}):
        return "torch_like"
    case = subject.complete(Case(base, (1, 2, 5, 6)))
    try:
        size = np.shape(subject.student(case).forward(np.ones(case.shape)))[2:]
    except StudentError:
        return ""
    return {(5, 6): "practical_dl", (3, 4): "torch_like"}.get(size, "")


# --- cases


def _case(shape: tuple[int, ...], kernel: Any, check: str = "options", **more: Any) -> Case:
    names = ("crash", "wrong", "optional", "documented", "dialects")
    about = {k: more.pop(k) for k in names if k in more}
    about.setdefault("dialects", TORCH)
    return Case({**BOTH, "kernel_size": kernel, **more}, shape, check=check, **about)


NOT_BACK = {"gradInput": "padding_not_shifted_back"}
SWAPPED = "window_axes_swapped"
DOCUMENTED: dict[str, Any] = {"optional": True, "documented": True}


def _mode(mode: str) -> tuple[Case, ...]:
    folded = {"gradInput": "border_not_folded", "gradW": "padding_mode_ignored"}
    about = {"padding_mode": mode, "wrong": {**folded, "output": "padding_mode_ignored"}}
    plain = _case((2, 2, 5, 6), 3, "padding", padding=1, **about, **DOCUMENTED)
    pairs = {"padding": (2, 1), "stride": (1, 2)}
    return plain, _case((2, 2, 6, 5), (5, 3), "padding", **pairs, **about, optional=True)


CASES = (
    Case({**BOTH, "kernel_size": 3}, (3, 2, 7, 8)),
    Case({**BOTH, "kernel_size": 1}, (2, 2, 3, 4), check="options"),
    Case({**BOTH, "kernel_size": 5}, (2, 2, 7, 6), check="options"),
    _case((2, 2, 7, 9), 3, stride=2),
    _case((2, 2, 6, 8), 3, stride=2, **DOCUMENTED),  # the last row and column are in no window
    _case((2, 2, 4, 5), 3, "padding", padding=1, wrong=NOT_BACK, crash=NOT_BACK),
    _case((2, 2, 5, 7), 3, "padding", padding=2, stride=2, wrong=NOT_BACK, crash=NOT_BACK),
    _case((2, 2, 4, 7), (3, 5), "non_square", crash=SWAPPED, wrong=SWAPPED, optional=True),
    _case(
        (2, 2, 6, 7),
        (5, 3),
        "non_square",
        stride=(1, 2),
        padding=(1, 0),
        crash=SWAPPED,
        wrong=SWAPPED,
        optional=True,
    ),
    _case((2, 2, 5, 6), 3, "padding", padding="same", **DOCUMENTED),
    _case((2, 2, 5, 4), (5, 3), "padding", padding="same", optional=True),
    _case((2, 2, 5, 6), 3, "padding", padding="valid", **DOCUMENTED),
    _case((2, 2, 5, 7), 4, "padding", padding="same", wrong=NOT_BACK, optional=True),
    *_mode("reflect"),
    *_mode("replicate"),
    *_mode("circular"),
    _case((2, 2, 5, 6), 3, bias=False),
)


CONV2D = Family(
    name="Conv2d",
    others=("Convolution2d", "Conv", "ConvLayer", "Convolution", "SpatialConvolution"),
    reference=_reference,
    dialect=_dialect,
    arguments=(
        Argument(
            "in_channels",
            (
                "in_ch",
                "c_in",
                "cin",
                "n_in",
                "input_channels",
                "in_c",
                "num_in",
                "inp",
                "in_features",
                "channels_in",
            ),
            required=True,
        ),
        Argument(
            "out_channels",
            (
                "out_ch",
                "c_out",
                "cout",
                "n_out",
                "output_channels",
                "out_c",
                "num_out",
                "out",
                "num_filters",
                "n_filters",
                "filters",
                "out_features",
                "channels_out",
            ),
            required=True,
        ),
        kernel_argument(),
        STRIDE,
        PADDING,
        Argument(
            "bias",
            ("use_bias", "with_bias", "has_bias"),
            state=lambda options, default: None if default is True else True,
        ),
        Argument(
            "padding_mode", ("pad_mode", "mode"), fits=lambda options, default: default == "zeros"
        ),
    ),
    fields=(W, B),
    cases=CASES,
    hypotheses=HYPOTHESES,
    torch_names=("Conv2d", "conv2d", "conv_transpose2d", "conv2d_input", "conv2d_weight"),
)
FAMILIES = (CONV2D,)
