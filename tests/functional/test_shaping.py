"""Functions that shape, join and pick against torch, as function and as method."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")  # before the helpers, which need it

from tests.functional.cases import CUBE, SQUARE, B, Cases, N, V, W, X, Y, each
from tests.functional.parity import both, both_raise

CASES = Cases("picking", "shaping")
case = CASES.add

case(
    "reshape",
    lambda t, x: (t.reshape(x, (4, -1)), x.reshape(2, 6), x.reshape([12]), x.reshape(-1)),
    X,
)
case("flatten", lambda t, x: (t.flatten(x), x.flatten(1), x.flatten(0, 1), x.flatten(-2, -1)), CUBE)
case("flatten", lambda t, x: x.flatten(), np.array(1.5))
case("ravel", lambda t, x: (t.ravel(x), x.ravel()), X)
case("unflatten", lambda t, x: (t.unflatten(x, 1, (2, 2)), x.unflatten(-1, (-1, 2))), X)
case(
    "permute", lambda t, x: (t.permute(x, (2, 0, 1)), x.permute(0, 2, 1), x.permute(-1, 0, 1)), CUBE
)
case("transpose", lambda t, x: (t.transpose(x, 0, -1), x.transpose(1, 2)), CUBE)
case("swapaxes", lambda t, x: (t.swapaxes(x, 0, -1), x.swapaxes(1, 2)), CUBE)
case("swapdims", lambda t, x: (t.swapdims(x, 0, -1), x.swapdims(1, 2)), CUBE)
case("t", lambda t, x: (t.t(x), x.t(), x[0].t()), X)
case("movedim", lambda t, x: x.sum().movedim(0, -1), X)
case(
    "movedim", lambda t, x: (t.movedim(x, 0, 2), x.movedim((0, 1), (-1, 0)), x.movedim(2, 0)), CUBE
)
case("moveaxis", lambda t, x: (t.moveaxis(x, 0, 2), x.moveaxis((0, 1), (-1, 0))), CUBE)
case(
    "squeeze",
    lambda t, x: (t.squeeze(x), x.squeeze(0), x.squeeze(1), x.squeeze((0, 2))),
    X.reshape(1, 3, 1, 4),
)
case("unsqueeze", lambda t, x: (t.unsqueeze(x, 0), x.unsqueeze(-1), x.unsqueeze(1)), X)
case("expand", lambda t, x: (x.expand(2, 3, 4), x.expand(-1, 4), x[:, :1].expand((3, 5))), X)
case("broadcast_to", lambda t, x: (t.broadcast_to(x, (2, 3, 4)), x.broadcast_to((3, 4))), X)
case("broadcast_tensors", lambda t, x, y: t.broadcast_tensors(x, y[0], y[:, :1]), X, Y)
case("broadcast_shapes", lambda t: tuple(t.broadcast_shapes((3, 1), (4,), (2, 1, 1))))
for _i in ("ij", "xy"):
    case("meshgrid", lambda t, x, y, i=_i: t.meshgrid(x, y, indexing=i), V, W[:3])
    case("meshgrid", lambda t, x, y, i=_i: t.meshgrid([x, y, y], indexing=i), V[:2], W[:3])
case("cat", lambda t, x, y: (t.cat([x, y]), t.cat((x, y), 1), t.cat([x, y[:0], x], dim=-2)), X, Y)
case("cat", lambda t, x, n: t.cat([x, n, t.zeros(0)]), X.astype("float32"), N)
case("concat", lambda t, x, y: t.concat([x, y], 1), X, Y)
case("concatenate", lambda t, x, y: t.concatenate([x, y], 1), X, Y)
case("stack", lambda t, x, y: (t.stack([x, y]), t.stack((x, y), 1), t.stack([x, y], dim=-1)), X, Y)
for _name in ("hstack", "vstack", "dstack"):
    for _x, _y in ((X, Y), (V, W), (CUBE, CUBE), (np.array(1.0), np.array(2.0))):
        case(_name, lambda t, x, y, n=_name: getattr(t, n)([x, y]), _x, _y)
case("atleast_1d", lambda t, x: (t.atleast_1d(x), t.atleast_1d(x.sum())), X)
case("atleast_2d", lambda t, x: (t.atleast_2d(x), t.atleast_2d(x[0]), t.atleast_2d(x.sum())), X)
case("narrow", lambda t, x: (t.narrow(x, 1, 1, 2), x.narrow(0, -2, 1)), X)
case("select", lambda t, x: (t.select(x, 1, 2), x.select(0, -1)), CUBE)
case("split", lambda t, x: (t.split(x, 3, 1), x.split([1, 3], 1), x.split(2)), X)
case("chunk", lambda t, x: (t.chunk(x, 3, 1), x.chunk(2), x.chunk(9), x[:0].chunk(3)), X)
case("unbind", lambda t, x: (t.unbind(x), x.unbind(1)), X)
case("flip", lambda t, x: (t.flip(x, (0, 1)), x.flip(1), x.flip([0]), x.flip(0, 2)), CUBE)
case("fliplr", lambda t, x: (t.fliplr(x), x.fliplr()), X)
case("flipud", lambda t, x: (t.flipud(x), x.flipud()), X)
case("roll", lambda t, x: (t.roll(x, 2), x.roll(1, 0), x.roll((1, -2), (0, 1)), x.roll(-1, 1)), X)
case("repeat", lambda t, x: (x.repeat(2, 3), x.repeat(2, 1, 1), x.repeat((1, 2))), X)
case("tile", lambda t, x: (t.tile(x, (2,)), x.tile(2, 1, 2)), X)
case("clone", lambda t, x: (t.clone(x), x.clone()), X)

case("repeat_interleave", lambda t, x: (t.repeat_interleave(x, 2), x.repeat_interleave(3, 1)), X)
case("repeat_interleave", lambda t, x, n: t.repeat_interleave(x, n[:, 0], dim=0), X, N)
case("getitem", lambda t, x: (x[None], x.sum()[None]), X)
case("getitem", lambda t, x: (x[1], x[..., 0], x[:, 1:3], x[None, ::2], x[-1, -1]), X)
case("getitem", lambda t, x: (x[None], x[()], x[...]), X)
case("getitem", lambda t, x: (x[[0, 2]], x[[True, False, True]], x[x > 0], x[t.tensor([1, 1])]), X)
case("getitem", lambda t, x: (x[1, :, [3, 0, 0]], x[:, 1, [0, 2]], x[[0, 1], :, [1, 2]]), CUBE)
case(
    "getitem",
    lambda t, x: (x[1, ..., [3, 0]], x[t.tensor(1), t.tensor([0, 1])], x[0, [1, 2], 1:]),
    CUBE,
)
case(
    "getitem", lambda t, x: (x[None, 1, [0, 2]], x[..., None, [0, 1]], x[:, None, [0, 1], 2]), CUBE
)
case("getitem", lambda t, x: (x[x[:, :, 0] > 0], x[1, x[0, :, 0] > 0], x[np.array([0, 1])]), CUBE)
case(
    "index_select",
    lambda t, x: (t.index_select(x, 0, t.tensor([2, 0, 2])), x.index_select(1, t.tensor([1]))),
    X,
)
case(
    "index_add",
    lambda t, x, y: (
        t.index_add(x, 0, t.tensor([0, 0, 2]), y),
        x.index_add(1, t.tensor([1]), y[:, :1], alpha=2),
    ),
    X,
    Y,
)
case(
    "index_fill",
    lambda t, x: (t.index_fill(x, 0, t.tensor([0, 2]), 3.0), x.index_fill(1, t.tensor([1]), 0)),
    X,
)
case("take", lambda t, x: (t.take(x, t.tensor([[0, 5], [11, 0]])), x.take(t.tensor([1]))), X)
case("gather", lambda t, x, n: (t.gather(x, 1, n % 4), x.gather(0, n % 3)), X, N)
case(
    "take_along_dim",
    lambda t, x: (
        t.take_along_dim(x, x.argsort(1), 1),
        x.take_along_dim(t.tensor([[0]]), 1),
        x.take_along_dim(t.tensor([3, 1])),
    ),
    X,
)
case(
    "scatter_add",
    lambda t, x, y, n: (t.scatter_add(x, 1, n % 4, y), x.scatter_add(0, n % 3, y)),
    X,
    Y,
    N,
)
case(
    "scatter",
    lambda t, x, y: (
        t.scatter(x, 1, t.tensor([[0, 2, 1, 3], [1, 0, 3, 2], [3, 2, 0, 1]]), y),
        x.scatter(0, t.tensor([[2, 0, 1, 0]]), 5.0),
    ),
    X,
    Y,
)
case("scatter", lambda t, x: x.scatter(1, t.tensor([[0], [1], [3]]), value=2), N)
case("masked_select", lambda t, x: (t.masked_select(x, x > 0), x.masked_select(x[0] > 0)), X)
case("nonzero", lambda t, x: (t.nonzero(x), x.nonzero(), x.nonzero(as_tuple=True)), N)
case("nonzero", lambda t, x: (t.nonzero(x), x.nonzero(as_tuple=True)), np.array(3.0))
case("argwhere", lambda t, x: (t.argwhere(x), x.argwhere()), N)
for _o in (0, 1, -2, 9):
    case("diagonal", lambda t, x, o=_o: (t.diagonal(x, o), x.diagonal(o, 0, 1)), SQUARE)
    case("tril", lambda t, x, o=_o: (t.tril(x, o), x.tril(o)), CUBE)
    case("triu", lambda t, x, o=_o: (t.triu(x, o), x.triu(o)), CUBE)
for _o in (0, 1, -2):
    case("diag", lambda t, x, o=_o: (t.diag(x, o), x[0].diag(o)), SQUARE)
    case("diag_embed", lambda t, x, o=_o: (t.diag_embed(x, o), x.diag_embed(o, 0, 1)), X)
    case("tril_indices", lambda t, o=_o: t.tril_indices(3, 4, o))
    case("triu_indices", lambda t, o=_o: t.triu_indices(3, 4, o))
case("diagonal", lambda t, x: (t.diagonal(x, 1, -1, 0), x.diagonal(dim1=1, dim2=2)), CUBE)
case("triu", lambda t: t.triu(t.full((3, 3), -np.inf), diagonal=1))
case("tril", lambda t, n, b: (t.tril(n), b.tril()), N, B)
case("trace", lambda t, x: (t.trace(x), x.trace()), SQUARE)
case("one_hot", lambda t, n: (t.nn.functional.one_hot(n), t.nn.functional.one_hot(n, 9)), N)
case("index_select", lambda t, x: x[0, 0].index_select(0, t.tensor([0])), X)
case("diagonal", lambda t, x: [x.diagonal(d, 0, 1) for d in (-9, -2, -1, 0, 1, 3, 9)], X)
case("diagonal", lambda t, x: (x.diagonal(0, 2, 0), x.diagonal(1, -1, 0)), CUBE)


@pytest.mark.parametrize("call", each(CASES))
def test_equals_torch(call: tuple[Any, ...]) -> None:
    both(*call)


ERRORS: list[tuple[Any, ...]] = [
    (lambda t, x: x.reshape(5, 5), r"reshape: got shape \(5, 5\)", X),
    (lambda t, x: x.permute(0, 0), "once", X),
    (lambda t, x: x.permute(0), "once", X),
    (lambda t, x: x.transpose(0, 2), "dim 2", X),
    (lambda t, x: x.expand(2, 2), "expand", X),
    (lambda t, x: x.expand(4), "expand", X),
    (lambda t, x: t.cat([x, x[:, :1]]), "equal except in dim 0", X),
    (lambda t, x: t.cat([]), None, X),
    (lambda t, x: t.stack([x, x[0]]), "equal shapes", X),
    (lambda t, x: x.split([1, 1]), "sum to 3", X),
    (lambda t, x: x.chunk(0), "> 0", X),
    (lambda t, x: x.narrow(0, 2, 5), "narrow", X),
    (lambda t, x: x.select(0, 5), "index 5", X),
    (lambda t, x: x[5], None, X),
    (lambda t, x: x[0, 0, 0], None, X),
    (lambda t, x: x[x], "index: got a tensor of float64", X),
    (lambda t, x: x.gather(1, t.tensor([[9]])), "index 9, expected 0 to 3", X),
    (lambda t, x: x.gather(1, t.tensor([0])), "gather", X),
    (lambda t, x: x.unflatten(1, (3, 3)), "product of 4", X),
    (lambda t, x: x.flatten(1, 0), "start before end", X),
    (lambda t, x: x.repeat(2), "at least 2", X),
    (lambda t, x: x.masked_select(x), "bool", X),
    (lambda t, x: x.trace(), "trace", CUBE),
    (lambda t, x: x.scatter_add(1, t.tensor([[0]]), x.float()), "float32", X),
    (lambda t, x: x.diagonal(0, 1, 1), "two dims", X),
]


@pytest.mark.parametrize("call", ERRORS)
def test_errors(call: tuple[Any, ...]) -> None:
    both_raise(*call)


def test_every_function_is_exercised() -> None:
    CASES.check()
