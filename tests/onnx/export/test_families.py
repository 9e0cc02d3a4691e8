"""Every sample of the ops of the larger families, exported and run by onnxruntime."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from tests.onnx.export.calls import check, has_nan

EXACT = [
    "adaptive_avg_pool", "adaptive_max_pool", "atan2", "binary_cross_entropy",
    "binary_cross_entropy_with_logits", "cdist", "cdist_product", "cross_entropy",
    "conv_transpose", "cross_entropy_probabilities", "cumprod", "cumsum", "det", "diagonal",
    "entr", "erfc", "exp2",
    "expm1", "floor_divide", "fmod", "fractional_max_pool", "gather", "gru", "huber_loss", "hypot",
    "l1_loss", "linear_cross_entropy", "log1p", "logaddexp", "logcumsumexp", "lstm",
    "max_pool_with_indices", "max_unpool", "median", "mse_loss", "multilabel_margin_loss",
    "nll_loss", "norm", "norm_p", "overlap_add", "put", "remainder", "resample", "rnn",
    "scatter_add", "scatter_reduce", "sinc", "slogdet", "smooth_l1_loss", "sum_rows", "trunc",
    "trunc_divide", "windows", "xlog1py", "xlogy",
]  # fmt: skip


@pytest.mark.parametrize("name", EXACT)
def test_samples(name: str) -> None:
    check(name)


@pytest.mark.parametrize("name", ["cummax", "cummin", "max_dim", "min_dim", "sort"])
def test_orders(name: str) -> None:
    check(name, but=has_nan)


def _in_training(sample: Any) -> bool:
    return sample.options.get("factor") is not None


@pytest.mark.parametrize("name", ["attention", "head_attention"])
def test_attention(name: str) -> None:
    check(name, but=_in_training)
