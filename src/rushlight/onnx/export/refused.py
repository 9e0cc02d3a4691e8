"""Ops that no ONNX operators express, each with the reason."""

from __future__ import annotations

from typing import NoReturn

from rushlight.graph import Node
from rushlight.onnx.export.table import Inexpressible, row
from rushlight.onnx.export.writer import Writer

__all__ = ["REFUSED"]

_SERIES = "ONNX has no operator for it, and a sum of others would not reach the precision"
_FACTORS = "ONNX factorizes no matrices"
_GRADIENT = "it is part of a gradient, which no model computes going forward"

REFUSED: dict[str, str] = {
    **dict.fromkeys(
        [
            "digamma", "erfcx", "erfinv", "gammainc", "gammaincc", "i0", "i0e", "i1", "i1e",
            "lgamma", "log_ndtr", "ndtri", "polygamma", "zeta",
        ],
        _SERIES,
    ),
    **dict.fromkeys(["cholesky", "eigh", "inv", "matrix_exp", "qr", "solve", "svd"], _FACTORS),
    **dict.fromkeys(
        [
            "adaptive_avg_pool_grad", "avg_pool_grad", "conv_weight",
            "max_pool_gather", "max_pool_scatter", "pad_grad", "spread", "spread_rows", "weigh",
        ],
        _GRADIENT,
    ),
    **dict.fromkeys(
        [
            "bernoulli", "binomial", "multinomial", "normal", "poisson", "rand", "randint",
            "randn", "randperm",
        ],
        "ONNX knows other random numbers; give them to the model as an input",
    ),
    **dict.fromkeys(
        ["bincount", "unique", "unique_consecutive"],
        "the size of its result depends on the elements",
    ),
    **dict.fromkeys(["frexp", "nextafter"], "ONNX has no operators for the bits of a float"),
    **dict.fromkeys(["histc", "histogram"], "ONNX has no operator that counts into bins"),
    **dict.fromkeys(["gcd", "lcm"], "ONNX has no operator for Euclid's steps"),
    "mode": "ONNX has no operator that counts equal elements",
    "nanmedian": "ONNX does not say where nan stands in an order",
    "nanquantile": "ONNX does not say where nan stands in an order",
    "ctc_loss": "its recursion over an alphabet and time is for training",
    "piece": "it is a part of grid_sample, which is exported as one",
    "sample": "it is a part of grid_sample, which is exported as one",
}  # fmt: skip


@row(*REFUSED)
def refused(to: Writer, node: Node) -> NoReturn:
    raise Inexpressible(REFUSED[node.op])
