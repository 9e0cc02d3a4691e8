"""Samples of attention, of matrices and of heads side by side."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.ops.sample import Error, Sample, normal, uniform

from rushlight.ops.attention import attention, head_attention
from rushlight.ops.contract import OPS

INF = float("inf")
KEEP = np.array([[True, False, True, True], [False] * 4, [True] * 4])  # (L, S), one row blind
FACTOR = np.where(uniform(2, 3, 4, seed=5) < 0.3, 0.0, 1 / 0.7)


def probabilities(torch: Any, q: Any, k: Any, bias: Any, scale: float, blind: bool) -> Any:
    scores = q @ k.transpose(-2, -1) * scale
    if bias is not None:
        scores = scores + bias
    unseen = (scores == -INF).all(-1, keepdim=True)
    p = torch.softmax(torch.where(unseen, 0.0, scores) if blind else scores, -1)
    return torch.where(unseen, 0.0, p) if blind else p


def bias_of(torch: Any, mask: Any, options: dict[str, Any], shape: tuple[int, int]) -> Any:
    if options.get("causal"):
        return torch.full(shape, -INF, dtype=torch.float64).triu(1)
    if options.get("keep") is not None:
        return torch.where(torch.tensor(options["keep"]), 0.0, -INF).double()
    return mask


def matrices(
    q: Any, k: Any, v: Any, mask: Any = None, gradient: bool = True, **options: Any
) -> Any:
    options.setdefault("scale", 0.6)

    def theirs(torch: Any, q: Any, k: Any, v: Any, mask: Any) -> Any:
        shape = q.shape[-2], k.shape[-2]
        bias = bias_of(torch, mask, options, shape)
        lead = torch.broadcast_shapes(q.shape[:-2], k.shape[:-2], v.shape[:-2])
        p = probabilities(torch, q, k, bias, options["scale"], True).expand(*lead, *shape)
        if "factor" in options:
            return p * torch.tensor(options["factor"]) @ v, p
        attend = torch.nn.functional.scaled_dot_product_attention
        return attend(q, k, v, bias, scale=options["scale"]), p

    return Sample((q, k, v, mask), options, theirs, gradient=gradient)


Q, K, V = normal(2, 3, 5), normal(2, 4, 5, seed=1), normal(2, 4, 2, seed=2)
CUBE = normal(2, 2, 3, 5), normal(2, 2, 4, 5, seed=1), normal(2, 2, 4, 3, seed=2)


def heads(torch: Any, x: Any, count: int, number: int, batch_first: bool) -> Any:
    """(N, H, L, E) for each of `count` parts"""
    for part in x.chunk(count, -1):
        apart = part.unflatten(-1, (number, -1))
        yield apart.permute(0, 2, 1, 3) if batch_first else apart.permute(1, 2, 0, 3)


def side_by_side(
    x: Any, y: Any = None, z: Any = None, mask: Any = None, number: int = 2, **options: Any
) -> Any:
    options |= {"heads": number, "scale": options.get("scale", 0.6)}

    def theirs(torch: Any, x: Any, y: Any, z: Any, mask: Any) -> Any:
        first = options.get("batch_first", False)
        counts = (3,) if y is None else (1, 2) if z is None else (1, 1, 1)
        given = zip((x, y, z), counts, strict=False)
        q, k, v = (part for a, n in given for part in heads(torch, a, n, number, first))
        bias = bias_of(torch, mask, options, (q.shape[2], k.shape[2]))
        p = probabilities(torch, q, k, bias, options["scale"], options.get("blind", True))
        dropped = p * torch.tensor(options["factor"]) if "factor" in options else p
        out = dropped @ v  # (N, H, L, E)
        return (out.transpose(1, 2) if first else out.permute(2, 0, 1, 3)).flatten(2), p

    return Sample((x, y, z, mask), options, theirs)


PACKED = normal(3, 2, 12)  # (L, N, 3 E), or (N, L, 3 E): E = 4, two heads
ONE, TWO = normal(3, 2, 4), normal(4, 2, 8, seed=1)
KEYS, VALUES = normal(4, 2, 4, seed=2), normal(4, 2, 4, seed=3)
SMALL = np.array([[True, False], [True, True]])

SAMPLES = {
    "attention": [
        matrices(Q, K, V),
        matrices(*CUBE, scale=-1.3),
        matrices(Q[0], K[0], V[0], causal=True),
        matrices(normal(5, 2), normal(3, 2), normal(3, 2), causal=True),
        matrices(*CUBE, normal(3, 4)),
        matrices(*CUBE, normal(2, 1, 3, 1)),
        matrices(*CUBE, normal(1, 4)),
        matrices(*CUBE, normal(4)),
        matrices(*CUBE, keep=KEEP),
        matrices(Q, K, V, keep=np.stack([KEEP, ~KEEP])),
        matrices(Q, K, V, np.where(KEEP, 0.0, -INF), gradient=False),
        matrices(Q, K, V, factor=FACTOR),
        matrices(Q, K, V, np.cos(normal(3, 4)), factor=FACTOR),
        matrices(normal(3, 5), K, V),  # leading dims of one for those of all
        matrices(Q, normal(4, 5), normal(1, 4, 2)),
        matrices(normal(3, 1, 3, 5), K, normal(1, 1, 4, 2)),
        matrices(Q, K, normal(3, 2, 4, 2)),
        matrices(normal(2, 1, 3), normal(2, 1, 3, seed=1), normal(2, 1, 3, seed=2)),
        matrices(normal(2, 3, 0), normal(2, 4, 0), V),
        matrices(normal(2, 3, 2), normal(2, 0, 2), normal(2, 0, 2)),
        matrices(normal(2, 0, 2), normal(2, 3, 2), normal(2, 3, 2)),
        matrices(Q * 1e4, K, V, gradient=False),
    ],
    "head_attention": [
        side_by_side(PACKED),
        side_by_side(PACKED, batch_first=True),
        side_by_side(PACKED, number=4, causal=True),
        side_by_side(ONE, TWO),
        side_by_side(ONE, TWO, keep=KEEP),
        side_by_side(normal(2, 3, 4), normal(2, 4, 8), batch_first=True, mask=normal(2, 1, 1, 4)),
        side_by_side(ONE, KEYS, VALUES),
        side_by_side(ONE, KEYS, VALUES, normal(2, 2, 3, 4)),
        side_by_side(ONE, KEYS, VALUES, normal(3, 4), number=1, blind=False),
        side_by_side(PACKED, batch_first=True, keep=SMALL, factor=np.ones((3, 2, 2, 2)) * 1.5),
        side_by_side(ONE, TWO, factor=np.where(uniform(2, 2, 3, 4) < 0.5, 0.0, 2.0)),
        side_by_side(normal(3, 0, 12)),
        side_by_side(ONE, np.zeros((0, 2, 8))),
    ],
}
ERRORS = {
    "attention": [
        Error((Q, K[..., :4], V, None), {"scale": 1.0}, ValueError, r"key \(2, 4, 4\)"),
        Error((Q, K, V[:, :3], None), {"scale": 1.0}, ValueError, r"value \(2, 3, 2\)"),
        Error((Q[0, 0], K, V, None), {"scale": 1.0}, ValueError, r"query \(5,\)"),
        Error((normal(3, 3, 5), K, V, None), {"scale": 1.0}, ValueError, "enable_gqa"),
        Error((Q, K.astype("f4"), V, None), {"scale": 1.0}, TypeError, "'float32'"),
        Error((*[a.astype(int) for a in (Q, K, V)], None), {"scale": 1.0}, TypeError, "int64"),
        Error((Q, K, V, normal(5, 4)), {"scale": 1.0}, ValueError, r"attn_mask \(5, 4\)"),
        Error((Q, K, V, normal(3, 2, 3, 4)), {"scale": 1.0}, ValueError, r"scores \(2, 3, 4\)"),
        Error((Q[0], K[0], V, normal(2, 3, 4)), {"scale": 1.0}, ValueError, r"scores \(3, 4\)"),
        Error((Q, K, V, None), {"scale": 1.0, "keep": KEEP[:2]}, ValueError, r"mask \(2, 4\)"),
        Error((Q, K, V, None), {"scale": 1.0, "factor": FACTOR[:, :2]}, ValueError, "of dropout"),
    ],
    "head_attention": [
        Error((PACKED, None, None, None), {"heads": 3, "scale": 1.0}, ValueError, "of 3 heads"),
        Error((PACKED[0], None, None, None), {"heads": 2, "scale": 1.0}, ValueError, r"\(2, 12\)"),
        Error((ONE, KEYS, None, None), {"heads": 2, "scale": 1.0}, ValueError, "projections"),
        Error((ONE, KEYS, VALUES[:3], None), {"heads": 2, "scale": 1.0}, ValueError, "projection"),
        Error((ONE[:, :1], TWO, None, None), {"heads": 2, "scale": 1.0}, ValueError, "projection"),
        Error((ONE, TWO.astype("f4"), None, None), {"heads": 2, "scale": 1.0}, TypeError, "one fl"),
        Error((ONE, TWO, None, normal(4, 3)), {"heads": 2, "scale": 1.0}, ValueError, "attn_mask"),
    ],
}


def test_inf_and_nan_go_where_torch_lets_them_go() -> None:
    torch = pytest.importorskip("torch")
    q = np.array([[0.0, -INF], [INF, 1.0], [np.nan, 0.0], [1e200, 1e200], [0.0, 1.0]])
    k, v = np.abs(normal(3, 2)), normal(3, 2, seed=1)
    with np.errstate(all="ignore"):
        (y, p), _ = attention.forward(q, k, v, None, scale=1.0)
    attend = torch.nn.functional.scaled_dot_product_attention
    right = attend(*[torch.tensor(a) for a in (q, k, v)], scale=1.0).numpy()
    np.testing.assert_allclose(y, right, 1e-12)
    assert (y[0] == 0).all() and np.isnan(y[1:3]).all() and np.isfinite(y[3:]).all()
    assert (p[0] == 0).all() and np.isnan(p[1:3]).all()


@pytest.mark.parametrize("op", [attention, head_attention], ids=repr)
def test_half_precision_is_computed_in_single(op: Any) -> None:
    big = normal(2, 40, 600) * 30  # products of which leave the range of float16
    args = (big,) * 3 if op is attention else (big[..., :300], big)
    args = (*args, None, None, None)[:4]
    options = {"scale": 0.05} | ({} if op is attention else {"heads": 4})
    half = tuple(None if a is None else a.astype("f2") for a in args)
    single = tuple(None if a is None else a.astype("f4") for a in half)
    g = normal(*op.forward(*single, **options)[0][0].shape)
    found = []
    for given in (half, single):
        outputs, saved = op.forward(*given, **options)
        cotangents = (g.astype(given[0].dtype), None)
        grads = op.backward(saved, cotangents, [a is not None for a in given])
        results = [*outputs, *(x for x in grads if x is not None)]
        assert all(x.dtype == given[0].dtype and np.isfinite(x).all() for x in results)
        found.append(results)
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(a.astype("f4"), b, 5e-3, 2e-2 * abs(b).max())


def test_the_heads_are_looked_at_by_strides() -> None:
    """Neither the heads nor their gradients are copied: both lie as the projection does."""
    for first in (False, True):
        options = {"heads": 2, "scale": 1.0, "batch_first": first}
        (y, p), saved = OPS["head_attention"].forward(PACKED, None, None, None, **options)
        assert y.flags.c_contiguous and p.flags.c_contiguous
        (dx, *_) = head_attention.backward(saved, (y, None), (True, False, False, False))
        assert dx.flags.c_contiguous and dx.shape == PACKED.shape
