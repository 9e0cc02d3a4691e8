"""Functions of tensors in small models: exported with sizes that may change, run by onnxruntime.

`export` itself runs the file on the example, on other elements and on other sizes, and compares.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.ops.sample import integers, normal, uniform

import rushlight as rl
from rushlight import nn

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from rushlight.onnx import ExportError, export

F = nn.functional


class Calls(nn.Module):
    """A model that calls one function."""

    def __init__(self, function: Any) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Any, *others: Any) -> Any:
        return self.function(x, *others)


def tensor(array: Any) -> Any:
    return rl.tensor(array.astype(np.float32) if array.dtype.kind == "f" else array)


def exported(path: Path, function: Any, *arrays: Any, axes: Any = None, **options: Any) -> Any:
    """Export a function; `axes` names the sizes of each argument that may change."""
    names = [f"x{i}" for i in range(len(arrays))]
    dynamic = {n: a for n, a in zip(names, axes or [{}] * len(names), strict=True) if a}
    model = function if isinstance(function, nn.Module) else Calls(function)
    return export(
        model,
        tuple(map(tensor, arrays)),
        path / "model.onnx",
        input_names=names,
        dynamic_axes=dynamic,
        **options,
    )


N = {0: "batch"}
X = normal(3, 5)
IMAGE = normal(2, 3, 6, 5)
ROWS = integers(3, 4, high=5)
MASK = normal(3, 5, seed=2) > 0
ODD = np.array([0.0, -0.0, 1.0, -1.0, 2.5, -2.5, np.inf, -np.inf])

# what is called, its arguments, the sizes that may change
CASES: dict[str, tuple[Any, tuple[Any, ...], Any]] = {
    "sort": (lambda x: x.sort(1, descending=True), (X,), [N]),
    "argsort": (lambda x: x.argsort(0), (X,), [N]),
    "topk": (lambda x: x.topk(2, 1), (X,), [N]),
    "topk of dim 0": (lambda x: x.topk(2, 0, largest=False), (X,), [N]),
    "kthvalue": (lambda x: x.kthvalue(2, 1), (X,), [N]),
    "median": (lambda x: x.median(1), (X,), [N]),
    "median of all": (lambda x: x.median(), (X,), [N]),
    "argmax": (lambda x: x.argmax(1), (X,), [N]),
    "max": (lambda x: x.max(1, keepdim=True), (X,), [N]),
    "gather": (lambda x, i: x.gather(1, i), (X, ROWS), [N, N]),
    "take_along_dim": (lambda x, i: rl.take_along_dim(x, i, 1), (X, ROWS), [N, N]),
    "index_select": (lambda x, i: x.index_select(1, i), (X, integers(4, high=5)), [N, {0: "k"}]),
    "index_add": (lambda x, i, s: x.index_add(1, i, s), (X, integers(4, high=5), normal(3, 4)),
                  [N, {}, N]),
    "index_put": (lambda x, i, j, v: rl.index_put(x, (i, j), v, accumulate=True),
                  (X, integers(4, high=3), integers(4, high=5), normal(4)), None),
    "put by slices": (lambda x: rl.diag_embed(x, 1), (X,), None),
    "index_fill": (lambda x, i: x.index_fill(1, i, 7.0), (X, integers(4, high=5)), [N, {0: "k"}]),
    "scatter": (lambda x, i: x.scatter(1, i, 2.0), (X, integers(3, 2, high=5)), [N, N]),
    "scatter of a tensor": (lambda x, i, s: x.scatter(1, i, s),
                            (X, np.arange(15).reshape(3, 5)[::, ::-1] % 5, normal(3, 5)), None),
    "scatter_add": (lambda x, i, s: x.scatter_add(1, i, s), (X, ROWS, normal(3, 4)), [N, N, N]),
    "scatter_reduce": (lambda x, i, s: x.scatter_reduce(1, i, s, "amax"), (X, ROWS, normal(3, 4)),
                       [N, N, N]),
    "scatter_reduce mean": (lambda x, i, s: x.scatter_reduce(1, i, s, "mean"),
                            (X, ROWS, normal(3, 4)), [N, N, N]),
    "masked_fill": (lambda x, m: x.masked_fill(m, -1.0), (X, MASK), [N, N]),
    "masked_scatter": (lambda x, m, s: x.masked_scatter(m, s), (X, MASK, normal(3, 5, seed=4)),
                       None),
    "where": (lambda x: rl.where(x > 0, x, x * 0.1), (X,), [N]),
    "one_hot": (lambda i: F.one_hot(i, 6), (integers(3, 4, high=5),), [N]),
    "repeat_interleave": (lambda x: x.repeat_interleave(3, 1), (X,), [N]),
    "repeat_interleave of dim 0": (lambda x: x.repeat_interleave(2, 0), (X,), [N]),
    "searchsorted": (lambda s, v: rl.searchsorted(s.sort()[0], v), (normal(7), X), [{0: "n"}, N]),
    "searchsorted in rows": (lambda s, v: rl.searchsorted(s.sort(1)[0], v, right=True),
                             (normal(3, 7), X), [N, N]),
    "bucketize": (lambda v: rl.bucketize(v, rl.tensor([-1.0, 0.0, 1.0])), (X,), [N]),
    "shifts": (lambda a, b: (rl.bitwise_left_shift(a, b), rl.bitwise_right_shift(a, b)),
               (integers(6, high=90) - 40, integers(6, high=5)),
               [N, N]),
    "bits": (lambda a, b: (a & b, a | b, a ^ b, ~a), (integers(6, high=9), integers(6, high=5)),
             [N, N]),
    "division": (lambda a, b: (a // b, a % b, rl.fmod(a, b)), (normal(6), uniform(6, low=0.5)),
                 [N, N]),
    "division by a size": (lambda x: (rl.fmod(x, x.shape[0]), x % x.shape[0]), (X,), [N]),
    "cumulative": (lambda x: (x.cumsum(1), x.cumprod(1), x.cummax(1), x.logcumsumexp(1)), (X,),
                   [N]),
    "cumsum of the batch": (lambda x: x.cumsum(0), (X,), [N]),
    "cdist": (lambda a, b: rl.cdist(a, b), (X, normal(4, 5)), [N, {0: "others"}]),
    "cdist by a product": (lambda a, b: rl.cdist(a, b), (normal(30, 5), normal(4, 5) + 2.0),
                           [N, {0: "others"}]),
    "cdist p": (lambda a, b: (rl.cdist(a, b, 1.0), rl.cdist(a, b, 3.0)), (X, normal(4, 5)),
                [N, {0: "others"}]),
    "cosine": (lambda a, b: rl.cosine_similarity(a, b), (X, normal(3, 5, seed=1)), [N, N]),
    "cosine of nothing": (lambda a, b: rl.cosine_similarity(a * 0.0, b), (X, X + 1.0), [N, N]),
    "cosine of each with each": (lambda a, b: rl.cosine_similarity(a[:, None], b, -1),
                                 (X, normal(4, 5)), [N, {0: "others"}]),
    "norms": (lambda x: (x.norm(), x.norm(dim=1), x.norm(1, 1), x.norm(3, 1), x.norm(np.inf, 1)),
              (X,), [N]),
    "pdist": (lambda x: F.pdist(x), (X,), None),
    "grid_sample": (lambda x, g: F.grid_sample(x, g, align_corners=False),
                    (IMAGE, uniform(2, 4, 3, 2, low=-1.2, high=1.2)), [N, {0: "batch", 1: "h"}]),
    "grid_sample nearest": (lambda x, g: F.grid_sample(x, g, "nearest", "border", True),
                            (IMAGE, uniform(2, 4, 3, 2, low=-1.2, high=1.2)), [N, N]),
    "grid_sample bicubic": (lambda x, g: F.grid_sample(x, g, "bicubic", "reflection", False),
                            (IMAGE, uniform(2, 4, 3, 2, low=-1.4, high=1.4)), [N, N]),
    "grid_sample of volumes": (lambda x, g: F.grid_sample(x, g, align_corners=True),
                               (normal(2, 2, 3, 4, 3), uniform(2, 2, 2, 2, 3, low=-1.1)), [N, N]),
    "affine_grid": (lambda t, x: F.grid_sample(x, F.affine_grid(t, (2, 3, 4, 4), False),
                                               align_corners=False), (normal(2, 2, 3), IMAGE),
                    None),
    "unpool": (lambda x: F.max_unpool2d(*F.max_pool2d(x, 2, return_indices=True), 2),
               (normal(2, 3, 6, 4),), [N]),
    "pool with indices": (lambda x: F.max_pool2d(x, 3, 2, 1, ceil_mode=True, return_indices=True),
                          (IMAGE,), [N]),
    "unfold and fold": (lambda x: F.fold(F.unfold(x, 3, padding=1), (6, 5), 3, padding=1),
                        (IMAGE,), [N]),
    "windows": (lambda x: x.unfold(1, 3, 2), (normal(3, 9),), [N]),
    "shuffles": (lambda x: F.pixel_unshuffle(F.pixel_shuffle(F.channel_shuffle(x, 2), 2), 2),
                 (normal(2, 8, 4, 4),), [N]),
    "attention": (lambda q, k, v: F.scaled_dot_product_attention(q, k, v),
                  (normal(2, 4, 3), normal(2, 5, 3), normal(2, 5, 2)),
                  [{0: "batch", 1: "l"}, {0: "batch", 1: "s"}, {0: "batch", 1: "s"}]),
    "causal attention": (lambda q, k: F.scaled_dot_product_attention(q, k, k, is_causal=True),
                         (normal(2, 4, 3), normal(2, 4, 3)), [{1: "l"}, {1: "l"}]),
    "masked attention": (lambda q, m: F.scaled_dot_product_attention(q, q, q, attn_mask=m),
                         (normal(2, 4, 3), np.tri(4, dtype=bool)), [{0: "batch"}, {}]),
    "numbers without dims": (lambda x, i: (x * 2, x.sum(), x.softmax(0), x.sort(), i.cumsum(0)),
                             (np.float64(0.5), np.int64(3)), None),
    "close": (lambda a, b: (rl.isclose(a, b), rl.isclose(a, b, equal_nan=True)),
              (np.array([1.0, np.nan, np.inf, 2.0]), np.array([1.0, np.nan, np.inf, 3.0])),
              [N, N]),
    "close integers": (lambda a, b: (rl.isclose(a, b), rl.isclose(a, b * 1.0)),
                       (np.array([1, 2, 3]), np.array([1, 2, 4])), [N, N]),
    "extremes of bools": (lambda m: (m.amax(1), m.amin(1), m.max(), m.median(1), m.cummax(1)),
                          (MASK,), [N]),
    "running extremes of bytes": (lambda x: (x.cummax(0), x.cummin(0)),
                                  (np.array([0, 0, 255, 255, 3], np.uint8),), [{0: "n"}]),
    "angles of zeros and infinities": (lambda y, x: rl.atan2(y[:, None], x), (ODD, ODD), None),
    "quotients of infinities": (lambda a, b: rl.floor_divide(a[:, None], b), (ODD, ODD), None),
    "signs of bools": (lambda m: m.signbit(), (MASK,), [N]),
    "linspace": (lambda x: x * rl.linspace(-1.0, 1.0, x.shape[0])[:, None], (X,), [N]),
    "logspace": (lambda x: x * rl.logspace(0.0, 1.0, x.shape[0])[:, None], (X,), [N]),
    "slogdet": (lambda x: rl.linalg.slogdet(x), (normal(3, 4, 4),), [N]),
    "einsum": (lambda a, b: rl.einsum("bij,bkj->bik", a, b), (normal(3, 4, 2), normal(3, 5, 2)),
               [N, N]),
    "bags": (lambda i, w: F.embedding_bag(i, w, mode="mean", padding_idx=1),
             (integers(3, 4, high=5), normal(5, 2)), [N, {}]),
    "bags by offsets": (lambda i, w, o: F.embedding_bag(i, w, o, mode="max"),
                        (integers(6, high=5), normal(5, 2), np.array([0, 2, 2])),
                        [{0: "k"}, {}, {}]),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_functions(name: str, tmp_path: Path) -> None:
    function, arrays, axes = CASES[name]
    report = exported(tmp_path, function, *arrays, axes=axes)
    assert report.errors and len(report.runs) > 1


# ---- losses as outputs

LOSSES: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "cross_entropy": (nn.CrossEntropyLoss(label_smoothing=0.1), (X, integers(3, high=5))),
    "cross_entropy with weights": (
        lambda x, t, w: F.cross_entropy(x, t, w, ignore_index=2),
        (X, integers(3, high=5), uniform(5, low=0.5)),
    ),
    "cross_entropy of images": (
        nn.CrossEntropyLoss(reduction="none"), (IMAGE, integers(2, 6, 5, high=3))
    ),
    "cross_entropy of probabilities": (nn.CrossEntropyLoss(), (X, uniform(3, 5))),
    "nll": (nn.NLLLoss(), (-uniform(3, 5), integers(3, high=5))),
    "bce": (nn.BCELoss(), (uniform(3, 5), uniform(3, 5, seed=1))),
    "bce with logits": (nn.BCEWithLogitsLoss(), (X, uniform(3, 5))),
    "huber": (nn.HuberLoss(delta=0.5), (X, X[::-1])),
    "smooth l1": (nn.SmoothL1Loss(beta=0.5), (X, X[::-1])),
    "multi margin": (nn.MultiMarginLoss(p=2), (X, integers(3, high=5))),
    "multilabel margin": (nn.MultiLabelMarginLoss(), (X, np.array([[0, 2, -1, 1, 1]] * 3))),
    "kl": (nn.KLDivLoss(reduction="batchmean"), (-uniform(3, 5), uniform(3, 5))),
    "triplet": (nn.TripletMarginLoss(), (X, X[::-1] + 1.0, X + 2.0)),
    "cosine embedding": (nn.CosineEmbeddingLoss(), (X, X[::-1], np.array([1, -1, 1]))),
    "gaussian": (nn.GaussianNLLLoss(), (X, X[::-1], uniform(3, 5, low=0.1))),
    "poisson": (nn.PoissonNLLLoss(), (X, uniform(3, 5))),
}  # fmt: skip


@pytest.mark.parametrize("name", LOSSES)
def test_losses(name: str, tmp_path: Path) -> None:
    loss, arrays = LOSSES[name]
    axes = [N if len(a) == len(arrays[0]) else {} for a in arrays]
    report = exported(tmp_path, loss, *arrays, axes=axes)
    assert len(report.runs) > 2


# ---- sizes that may change


@pytest.mark.parametrize("options", [{}, {"bidirectional": True, "num_layers": 2}, {"bias": False}])
@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
def test_recurrent_layers_take_any_length(kind: str, options: Any, tmp_path: Path) -> None:
    layer = getattr(nn, kind)(3, 4, **options)
    report = exported(tmp_path, layer, normal(5, 2, 3), axes=[{0: "time", 1: "batch"}])
    assert report.nodes[kind] == 2 ** len(options) if "num_layers" in options else 1


def test_projected_lstm_takes_any_length(tmp_path: Path) -> None:
    layer = nn.LSTM(3, 4, proj_size=2, bidirectional=True, batch_first=True)
    report = exported(tmp_path, layer, normal(2, 5, 3), axes=[{0: "batch", 1: "time"}])
    assert report.nodes["Scan"] == 2


@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU", "projected"])
def test_packed_sequences(kind: str, tmp_path: Path) -> None:
    options = {"proj_size": 2} if kind == "projected" else {}
    layer = getattr(nn, "LSTM" if options else kind)(3, 4, bidirectional=True, **options)

    class Packed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = layer

        def forward(self, x: Any) -> Any:
            pack = nn.utils.rnn.pack_padded_sequence(x, [2, 4, 1], enforce_sorted=False)
            y, last = self.layer(pack)
            return nn.utils.rnn.pad_packed_sequence(y)[0], last

    exported(tmp_path, Packed(), normal(4, 3, 3))


PLANES = {2: "height", 3: "width"}


@pytest.mark.parametrize(
    "options",
    [
        {"scale_factor": 2},
        {"scale_factor": 3, "mode": "nearest-exact"},
        {"scale_factor": 2, "mode": "bilinear"},
        {"scale_factor": 2.5, "mode": "bilinear"},
        {"scale_factor": 0.5, "mode": "bilinear"},
        {"scale_factor": 2, "mode": "bilinear", "align_corners": True},
        {"scale_factor": (2, 3), "mode": "bicubic"},
        {"size": (4, 9), "mode": "bilinear"},
    ],
)
def test_resizes_images_of_any_size(options: Any, tmp_path: Path) -> None:
    report = exported(tmp_path, nn.Upsample(**options), normal(2, 3, 8, 12), axes=[PLANES])
    assert report.nodes["Resize"] == 1


def test_convolutions_back_take_any_size(tmp_path: Path) -> None:
    layer = nn.ConvTranspose2d(4, 6, 3, 2, 1, output_padding=1, groups=2, dilation=2)
    report = exported(tmp_path, layer, normal(2, 4, 5, 6), axes=[{0: "batch", **PLANES}])
    assert report.nodes == {"ConvTranspose": 1}


@pytest.mark.parametrize(
    "layer",
    [
        nn.LPPool2d(2, 2),
        nn.AdaptiveAvgPool2d(1),
        nn.AdaptiveAvgPool2d((None, 1)),
        nn.AdaptiveMaxPool2d(1, return_indices=True),
        nn.MaxPool2d((2, 3), (3, 2), (1, 0), ceil_mode=True, return_indices=True),
        nn.MaxPool2d(3, 2, 1, return_indices=True),
    ],
)
def test_pools_images_of_any_size(layer: Any, tmp_path: Path) -> None:
    exported(tmp_path, layer, uniform(2, 3, 8, 12), axes=[{0: "batch", **PLANES}])


@pytest.mark.parametrize(
    ("function", "axes"),
    [
        (nn.AdaptiveAvgPool2d((2, None)), {3: "width"}),
        (nn.AdaptiveAvgPool2d(3), PLANES),
        (nn.AdaptiveMaxPool2d((3, 2)), PLANES),
        (lambda x: F.interpolate(x, size=(3, 4), mode="area"), PLANES),
        (lambda x: F.unfold(x, 3, padding=1, stride=2), PLANES),
        (lambda x: F.fold(F.unfold(x, 3, padding=1), x.shape[2:], 3, padding=1), PLANES),
        (lambda x: (x.cummax(2), x.cumprod(3), x.logcumsumexp(2)), PLANES),
        (lambda x: x[:, :, :5, :5].diagonal(0, 2, 3), N),
        (lambda x: x.unfold(2, 3, 2), PLANES),
    ],
)
def test_windows_over_any_size(function: Any, axes: Any, tmp_path: Path) -> None:
    exported(tmp_path, function, normal(2, 3, 7, 5), axes=[axes])


def test_diagonals_of_any_size(tmp_path: Path) -> None:
    exported(tmp_path, lambda x: x.diagonal(), normal(4, 4), axes=[{0: "n", 1: "n"}])


@pytest.mark.parametrize("places", [False, True])
def test_pools_windows_with_gaps_that_stand_out(places: bool, tmp_path: Path) -> None:
    layer = nn.MaxPool1d(2, 4, dilation=4, ceil_mode=True, return_indices=places)
    exported(tmp_path, layer, normal(2, 3, 7), axes=[N])


@pytest.mark.parametrize("opset", [18, 20])
@pytest.mark.parametrize("mode", ["bilinear", "nearest", "bicubic"])
def test_grids_in_older_versions(mode: str, opset: int, tmp_path: Path) -> None:
    def sampled(x: Any, grid: Any) -> Any:
        return F.grid_sample(x, grid, mode, align_corners=False)

    exported(tmp_path, sampled, IMAGE, uniform(2, 4, 3, 2, low=-0.9, high=0.9), opset=opset)


# ---- what is refused, in words


@pytest.mark.parametrize(
    ("function", "arrays", "words"),
    [
        (lambda x: rl.linalg.inv(x), (normal(3, 3),), "inv in the model: ONNX factorizes no"),
        (lambda x: rl.lgamma(x), (uniform(3, low=1.0),), "lgamma in the model: ONNX has no"),
        (lambda x: (rl.linalg.inv(x), rl.erfinv(x)), (uniform(3, 3),), "inv in.*\n.*erfinv in"),
    ],
)
def test_refuses_all_at_once(function: Any, arrays: Any, words: str, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=words):
        exported(tmp_path, function, *arrays)
    assert not list(tmp_path.iterdir())


def test_refuses_places_of_adaptive_pooling_of_any_size(tmp_path: Path) -> None:
    layer = nn.AdaptiveMaxPool2d(3, return_indices=True)
    with pytest.raises(ExportError, match=r"adaptive_max_pool in the model: the places of maxima"):
        exported(tmp_path, layer, normal(2, 3, 6, 9), axes=[PLANES])


@pytest.mark.parametrize("kind", [nn.Embedding, nn.EmbeddingBag])
def test_refuses_a_table_whose_rows_would_be_cut(kind: Any, tmp_path: Path) -> None:
    """The example names short rows only; other inputs would name long ones."""
    layer = kind(3, 2, max_norm=1.0)
    with rl.no_grad():
        layer.weight.copy_(rl.tensor([[0.1, 0.2], [0.2, 0.1], [3.0, 4.0]]))
    named = np.array([[0, 1], [1, 0]])
    with pytest.raises(ValueError, match=r"max_norm=1.0 and rows.*call the layer once"):
        exported(tmp_path, layer, named)
    layer(rl.tensor([[0, 1, 2]]))
    exported(tmp_path, layer, named, axes=[N])
