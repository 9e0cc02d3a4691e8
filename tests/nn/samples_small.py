"""Samples of activations with options, embeddings, distances, shuffles, alpha dropout."""

from __future__ import annotations

from typing import Any

import numpy as np
from tests.nn.modules import ModuleSample
from tests.ops.sample import integers, normal

from rushlight import nn

X = (normal(4, 6),)
FLAT = (normal(6),)
WIDE = (normal(4, 6) * 5,)
IMAGES = (normal(2, 4, 4, 4),)
NAMED = (integers(3, 4, high=7),)
BAG = integers(9, high=7)
STARTS = np.array([0, 4, 4, 7])
ENDS = np.array([0, 4, 4, 9])
PAIR = (normal(4, 5), normal(4, 5, seed=1))


def both(
    name: str, *args: Any, inputs: Any = X, unbatched: Any = None, also: Any = None, **options: Any
) -> ModuleSample:
    """The layer of that name here and in torch, made with the same arguments."""
    return ModuleSample(
        lambda: getattr(nn, name)(*args, **options),
        lambda torch: getattr(torch.nn, name)(*args, **options),
        inputs,
        unbatched,
        **(also or {}),
    )


def writing(name: str, *args: Any, inputs: Any = X) -> ModuleSample:
    """A layer made with inplace=True, beside torch's that leaves its input alone."""
    return ModuleSample(
        lambda: getattr(nn, name)(*args, inplace=True),
        lambda torch: getattr(torch.nn, name)(*args),
        inputs,
        shared_repr=False,
    )


SAMPLES = [
    both("CELU", unbatched=FLAT),
    both("CELU", 0.5),
    both("ELU", 0.5),
    both("SELU", unbatched=FLAT),
    both("Mish", unbatched=FLAT),
    both("GLU", unbatched=FLAT),
    both("GLU", 1, inputs=IMAGES),
    both("GLU", dim=-3, inputs=IMAGES),
    both("Tanhshrink", unbatched=FLAT),
    both("Softsign", unbatched=FLAT),
    both("Softmin", dim=1),
    both("Softmin", -1, inputs=IMAGES),
    both("Softmax2d", inputs=IMAGES, unbatched=(normal(4, 3, 2),)),
    both("ReLU6", inputs=WIDE, unbatched=FLAT),
    both("Hardtanh", inputs=WIDE, unbatched=FLAT),
    both("Hardtanh", -0.5, 2.0),
    both("Hardsigmoid", inputs=WIDE, unbatched=FLAT),
    both("Hardswish", inputs=WIDE, unbatched=FLAT),
    both("Hardshrink", unbatched=FLAT),
    both("Hardshrink", 1.0),
    both("Softshrink", unbatched=FLAT),
    both("Softshrink", 1.0),
    both("Threshold", 0.3, 9.0, unbatched=FLAT),
    both("PReLU", unbatched=FLAT),
    both("PReLU", 4, 0.1, inputs=IMAGES),
    both("PReLU", num_parameters=6, init=-0.5),
    both("RReLU", also={"random": True}, unbatched=FLAT),
    both("RReLU", 0.1, 0.1),
    *[
        writing(n)
        for n in ("CELU", "SELU", "Mish", "ReLU6", "Hardtanh", "LeakyReLU", "ELU", "SiLU")
    ],
    *[writing(n, inputs=WIDE) for n in ("Hardsigmoid", "Hardswish")],
    writing("Threshold", 0.3, 9.0),
    writing("RReLU", 0.1, 0.1),
    # ---- dropout
    both("AlphaDropout", also={"random": True}, unbatched=FLAT),
    both("AlphaDropout", 0.0),
    both("AlphaDropout", 1.0),
    both("FeatureAlphaDropout", 0.3, inputs=IMAGES, also={"random": True}),
    both("FeatureAlphaDropout", 1.0, inputs=IMAGES),
    # ---- embeddings
    both("Embedding", 7, 3, inputs=NAMED, unbatched=(integers(4, high=7),)),
    both("Embedding", 7, 3, padding_idx=-2, inputs=NAMED),
    both("Embedding", 7, 3, 0, 1.0, 1.5, True, inputs=NAMED),
    both("Embedding", 7, 3, max_norm=1.5, inputs=NAMED),
    both("EmbeddingBag", 7, 3, inputs=NAMED),
    both("EmbeddingBag", 7, 3, mode="sum", inputs=(BAG, STARTS)),
    both("EmbeddingBag", 7, 3, mode="sum", inputs=(BAG, STARTS, normal(9))),
    both("EmbeddingBag", 7, 3, mode="max", padding_idx=2, inputs=(BAG, STARTS)),
    both("EmbeddingBag", 7, 3, mode="mean", include_last_offset=True, inputs=(BAG, ENDS)),
    both(
        "EmbeddingBag",
        7,
        3,
        1.0,
        1.0,
        False,
        "sum",
        padding_idx=-1,
        inputs=(BAG, STARTS, normal(9)),
    ),
    # ---- two inputs
    both(
        "Bilinear", 5, 3, 2, inputs=(normal(4, 5), normal(4, 3)), unbatched=(normal(5), normal(3))
    ),
    both("Bilinear", 5, 3, 2, bias=False, inputs=(normal(2, 4, 5), normal(2, 4, 3))),
    both("CosineSimilarity", inputs=PAIR),
    both(
        "CosineSimilarity", dim=0, eps=10.0, inputs=PAIR, unbatched=(normal(5), normal(5, seed=1))
    ),
    both("CosineSimilarity", -1, inputs=(normal(3, 1, 5), normal(4, 5))),
    both("PairwiseDistance", inputs=PAIR, unbatched=(normal(5), normal(5, seed=1))),
    both("PairwiseDistance", 1.5, 0.1, True, inputs=PAIR),
    both("PairwiseDistance", p=np.inf, inputs=(normal(3, 1, 5), normal(4, 5))),
    # ---- shuffles
    both("PixelShuffle", 2, inputs=IMAGES, unbatched=(normal(4, 2, 3),)),
    both("PixelUnshuffle", 2, inputs=IMAGES, unbatched=(normal(3, 4, 2),)),
    both("PixelUnshuffle", downscale_factor=1, inputs=IMAGES),
    both("ChannelShuffle", 2, inputs=IMAGES),
    both("ChannelShuffle", groups=4, inputs=(normal(2, 4, 3),)),
]
