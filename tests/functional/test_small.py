"""Embeddings, distances, shuffles and the bilinear map against torch, as functions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.kernels.native import channels_last
from tests.ops.sample import integers, normal

import rushlight as rl
from rushlight.arrays import is_channels_last
from rushlight.functional import distance, embedding, linear, shuffle  # noqa: F401

torch = pytest.importorskip("torch")  # before the helper, which needs it

from tests.functional.parity import both, both_raise  # noqa: E402

A, B = normal(4, 3), normal(5, 3, seed=1)
CUBE = normal(2, 4, 3, seed=2)
TABLE = normal(6, 3, seed=3)
BAG = integers(9, high=6)
MANY = normal(30, 2), normal(28, 2, seed=1)  # torch takes a product of matrices for more than 25
IMAGES = normal(2, 8, 4, 6)
STARTS = np.array([0, 4, 4, 7])

CASES: dict[str, list[tuple[Any, ...]]] = {}


def case(name: str, f: Any, *arrays: Any) -> None:
    CASES.setdefault(name, []).append((f, *arrays))


for _p in (0, 0.5, 1, 1.5, 2, 3, np.inf):
    case("cdist", lambda t, a, b, p=_p: t.cdist(a, b, p) + a.sum() * 0, A, B)
    case("pdist", lambda t, a, p=_p: t.pdist(a, p) + a.sum() * 0, A)
    case("pairwise_distance", lambda t, a, b, p=_p: t.pairwise_distance(a, b[:4], p), A, B)
    case("normalize", lambda t, a, p=_p: t.nn.functional.normalize(a, p), A)
    case("normalize", lambda t, a, p=_p: t.nn.functional.normalize(a * 0.0, p), A)
case("cdist", lambda t, a, b: t.cdist(a, b, compute_mode="donot_use_mm_for_euclid_dist"), A, B)
case("cdist", lambda t, a, b: t.cdist(a, b), *MANY)
case("cdist", lambda t, a, b: t.cdist(a, b, compute_mode="use_mm_for_euclid_dist"), A, B)
case("cdist", lambda t, a, b: t.cdist(a, b[:, None]), CUBE, normal(3, 2, 5, 3))
case("cdist", lambda t, a, b: (t.cdist(a[:0], b), t.cdist(a[:, :0], b[:, :0])), A, B)
case("pdist", lambda t, a: [t.pdist(x.detach()) for x in (a[:1], a[:0], a[:, :0])], A)
case("pairwise_distance", lambda t, a, b: t.pairwise_distance(a[:, None], b, keepdim=True), A, B)
case("pairwise_distance", lambda t, a, b: t.pairwise_distance(a[0], b[0], eps=0.5), A, B)
case("pairwise_distance", lambda t, n: t.pairwise_distance(n, n + 1), integers(3, 2, high=4))
case("cosine_similarity", lambda t, a, b: t.cosine_similarity(a, b[:4]), A, B)
case("cosine_similarity", lambda t, a, b: t.cosine_similarity(a[:, None], b, dim=-1, eps=3.0), A, B)
case("cosine_similarity", lambda t, a, b: t.cosine_similarity(a * 0.0, b[:4], 0), A, B)
case("cosine_similarity", lambda t, a, n: t.cosine_similarity(a, n), A, integers(4, 3, high=4) + 1)
case("normalize", lambda t, a: t.nn.functional.normalize(a, dim=(0, 1)), CUBE)
case("normalize", lambda t, a: t.nn.functional.normalize(a, 2.0, -1, eps=2.0), CUBE)
case("bilinear", lambda t, a, b, w, c: t.bilinear(a, b[:4], w, c), A, B, normal(2, 3, 3), normal(2))
case("bilinear", lambda t, a, w: t.bilinear(a, a[:, :, :2], w), CUBE, normal(2, 3, 2))
case("bilinear", lambda t, a, w: t.bilinear(a[0], a[1, :2], w), A, normal(2, 3, 2))
case("bilinear", lambda t, a, w: t.bilinear(a[:0], a[:0, :2], w), A, normal(2, 3, 2))
case("linear", lambda t, a, w, b: t.nn.functional.linear(a, w, b), A, normal(2, 3), normal(2))

case("pixel_shuffle", lambda t, x: (t.pixel_shuffle(x, 2), t.pixel_shuffle(x[0], 1)), IMAGES)
case("pixel_shuffle", lambda t, x: t.pixel_shuffle(x[None], 2), IMAGES)
case("pixel_shuffle", lambda t, x: t.pixel_shuffle(x[:0].detach(), 2), IMAGES)
case("pixel_unshuffle", lambda t, x: (t.pixel_unshuffle(x, 2), t.pixel_unshuffle(x[0], 1)), IMAGES)
case("pixel_unshuffle", lambda t, x: t.pixel_unshuffle(x[None], 2), IMAGES)
case("channel_shuffle", lambda t, x: (t.channel_shuffle(x, 4), t.channel_shuffle(x[0], 2)), IMAGES)
case("native_channel_shuffle", lambda t, x: t.native_channel_shuffle(x.detach(), 2), IMAGES)

case("embedding", lambda t, n, w: t.nn.functional.embedding(n, w), BAG.reshape(3, 3), TABLE)
case("embedding", lambda t, n, w: t.nn.functional.embedding(n[0], w, padding_idx=1), BAG, TABLE)
case(
    "embedding",
    lambda t, n, w: t.nn.functional.embedding(n, w, -2, scale_grad_by_freq=True),
    BAG,
    TABLE,
)
for _mode in ("sum", "mean", "max"):
    case(
        "embedding_bag",
        lambda t, n, w, s, m=_mode: t.nn.functional.embedding_bag(n, w, s, mode=m),
        BAG,
        TABLE,
        STARTS,
    )
    case(
        "embedding_bag",
        lambda t, n, w, m=_mode: t.nn.functional.embedding_bag(n, w, mode=m, padding_idx=-3),
        BAG.reshape(3, 3),
        TABLE,
    )
case(
    "embedding_bag",
    lambda t, n, w, s, f: t.nn.functional.embedding_bag(
        n, w, s, mode="sum", per_sample_weights=f, include_last_offset=True
    ),
    BAG,
    TABLE,
    np.array([0, 4, 4, 9]),
    normal(9),
)


@pytest.mark.parametrize(
    "call",
    [pytest.param(c, id=f"{n}-{i}") for n, calls in CASES.items() for i, c in enumerate(calls)],
)
def test_equals_torch(call: tuple[Any, ...]) -> None:
    both(*call)


@pytest.mark.parametrize("name", ["pixel_shuffle", "pixel_unshuffle", "channel_shuffle"])
def test_shuffled_images_stay_in_their_memory_order(name: str) -> None:
    for last in (False, True):
        x = rl.from_numpy(channels_last(IMAGES) if last else IMAGES).requires_grad_()
        y = getattr(rl.nn.functional, name)(x, 2)
        y.backward(rl.ones_like(y))
        assert is_channels_last(y._array) is is_channels_last(x.grad._array) is last
        np.testing.assert_array_equal(
            y.detach().numpy(), getattr(torch, name)(torch.tensor(IMAGES), 2)
        )


def test_every_public_function_is_exercised() -> None:
    import importlib

    names = ("distance", "embedding", "linear", "shuffle")
    modules = [importlib.import_module(f"rushlight.functional.{name}") for name in names]
    assert {name for module in modules for name in module.__all__} == set(CASES)


ERRORS: list[tuple[Any, ...]] = [
    (lambda t, a: t.cdist(a, a, -1), "cdist: got p=-1", A),
    (lambda t, a: t.cdist(a, a[:, :2]), r"cdist: got \(4, 3\) and \(4, 2\)", A),
    (lambda t, a: t.cdist(a[0], a), r"expected \(\*, P, M\)", A),
    (lambda t, a: t.cdist(a, a.float()), "cdist: got float64, float32", A),
    (lambda t, a: t.cdist(a.long(), a.long()), "floating", A),
    (lambda t, a: t.cdist(a, a[:, :, None].expand(4, 3, 3)[:3]), None, A[:, :0]),
    (lambda t, a: t.cdist(a, a[:1].expand(3, 4, 3)), "leading dims that broadcast", CUBE),
    (lambda t, a: t.cdist(a, a, compute_mode="fast"), "compute_mode='fast'", A),
    (lambda t, a: t.pdist(a[0]), r"pdist: got input \(3,\)", A),
    (lambda t, a: t.pdist(a, -1), "pdist: got p=-1", A),
    (lambda t, a: t.pdist(a.long()), "floating", A),
    (lambda t, a: t.cosine_similarity(a.long(), a.long()), "floating", A),
    (lambda t, a: t.cosine_similarity(a, a[:3]), r"cosine_similarity: got x1 \(4, 3\)", A),
    (lambda t, a: t.cosine_similarity(a, a, dim=(0, 1)), r"dim=\(0, 1\), expected an int", A),
    (lambda t, a: t.cosine_similarity(a, a, dim=None), "dim=None, expected an int", A),
    (lambda t, a: t.cosine_similarity(a.numpy(), a), "an argument of type ndarray", A),
    (lambda t, a: t.pairwise_distance(a, a[:3]), None, A),
    (lambda t, a: t.nn.functional.normalize(a.long()), "floating", A),
    (lambda t, a: t.nn.functional.normalize(a[0]), "dim 1", A),
    (lambda t, a: t.bilinear(a, a[:3], t.ones(2, 3, 3).double()), r"expected \(\*, 3\)", A),
    (lambda t, a: t.bilinear(a, a, t.ones(2, 3, 4).double()), r"and \(\*, 4\)", A),
    (lambda t, a: t.bilinear(a, a, t.ones(2, 3, 3)), "one dtype", A),
    (lambda t, a: t.bilinear(a, a, t.ones(2, 3, 3).double(), a[0]), r"bias \(2,\)", A),
    (lambda t, x: t.pixel_shuffle(x, 3), r"got 8 channels \(dim -3\), expected a multiple", IMAGES),
    (lambda t, x: t.pixel_shuffle(x, 0), "upscale_factor=0", IMAGES),
    (lambda t, x: t.pixel_shuffle(x, 2.0), "upscale_factor=2.0, expected an int", IMAGES),
    (lambda t, x: t.pixel_shuffle(x.numpy(), 2), "an argument of type ndarray", IMAGES),
    (lambda t, x: t.pixel_shuffle(x[0, 0], 1), "at least 3 dims", IMAGES),
    (lambda t, x: t.pixel_unshuffle(x, 4), "got height 4, width 6, expected multiples", IMAGES),
    (lambda t, x: t.pixel_unshuffle(x, -2), "downscale_factor=-2", IMAGES),
    (lambda t, x: t.pixel_unshuffle(x[0, 0], 1), "at least 3 dims", IMAGES),
    (lambda t, x: t.channel_shuffle(x, 3), r"got 8 channels \(dim 1\)", IMAGES),
    (lambda t, x: t.channel_shuffle(x, 0), "groups=0", IMAGES),
    (lambda t, x: t.channel_shuffle(x[0, 0], 2), "at least 3 dims", IMAGES),
]


@pytest.mark.parametrize("call", ERRORS)
def test_errors(call: tuple[Any, ...]) -> None:
    both_raise(*call)


def test_bilinear_says_that_the_weight_has_three_dims() -> None:
    with pytest.raises(ValueError, match="expected 3 dims of weight"):
        rl.bilinear(rl.ones(2, 3), rl.ones(2, 3), rl.ones(3, 3))


def test_what_is_not_supported_says_so() -> None:
    with pytest.raises(NotImplementedError, match=r"out=\.\.\. is not supported"):
        rl.nn.functional.normalize(rl.ones(2, 2), out=rl.ones(2, 2))


def test_float16_is_kept() -> None:
    a, b = rl.tensor(A, dtype=rl.float16), rl.tensor(B, dtype=rl.float16)
    for y in (rl.cdist(a, b), rl.pdist(a), rl.cosine_similarity(a, b[:4])):
        assert y.dtype == rl.float16 and y.isfinite().all()


@pytest.mark.parametrize("name", ["celu_", "relu_", "selu_", "rrelu_", "threshold_"])
def test_writing_to_a_tensor_in_a_graph_is_an_error(name: str) -> None:
    args = (0.0, 1.0) if name == "threshold_" else ()
    x = rl.ones(3, requires_grad=True)
    for target in (x, x * 2):
        with pytest.raises(RuntimeError, match=f"{name} on a .*use the version without underscore"):
            getattr(rl, name)(target, *args)
    saved = rl.tensor([-1.0, 2.0])
    y = x[:2] * saved
    getattr(rl, name)(saved, *args)
    with pytest.raises(RuntimeError, match="modified in place"):
        y.sum().backward()


def test_the_mode_and_the_number_of_rows_choose_how_cdist_computes() -> None:
    """A product of matrices loses the distance of near rows; 25 rows are the last without it."""
    mm, never = "use_mm_for_euclid_dist", "donot_use_mm_for_euclid_dist"
    for rows, mode, exact in (
        (25, None, True),
        (26, None, False),
        (2, mm, False),
        (26, never, True),
    ):
        x = rl.full((rows, 2), 1e8, dtype=rl.float64)
        x[:, 1] = rl.arange(rows)
        y = rl.cdist(x, x) if mode is None else rl.cdist(x, x, compute_mode=mode)
        assert (y[0, 1].item() == 1.0) == exact


def test_nan_is_not_zero_to_the_norm_that_counts() -> None:
    x = rl.tensor([[float("nan"), 1.0, 0.0]], requires_grad=True)
    y = rl.norm(x, 0, -1)
    y.sum().backward()
    assert y.tolist() == [2.0] and x.grad.tolist() == [[0.0, 0.0, 0.0]]
