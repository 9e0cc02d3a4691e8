"""func's transforms against torch's: values, structures, nesting, graphs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.ops.sample import normal

import rushlight as rl
from rushlight import func

X, Y = normal(3), normal(2, 3)
Tree = Any


def _tree(found: Tree) -> Tree:
    """The tensors of a result as a list, dicts by their sorted keys."""
    if isinstance(found, dict):
        found = [found[key] for key in sorted(found)]
    return [x for f in found for x in _tree(f)] if isinstance(found, (tuple, list)) else [found]


def _outer(a: Any, b: Any) -> Any:
    return a[:, None] * b


def _hessians(x: Any, y: Any) -> Any:
    """Of sum(exp(y @ x)), by x and y."""
    e, three, two = (y @ x).exp(), rl.eye(3).double(), rl.eye(2).double()
    mixed = rl.einsum("k,l,ki->ikl", e, x, y) + rl.einsum("k,il->ikl", e, three)
    own = rl.einsum("km,k,l,n->klmn", two, e, x, x)
    return ((y.T * e) @ y, mixed), (mixed.permute(1, 2, 0), own)


def _of_product(x: Any) -> Any:
    """The Hessian of prod(x) ** 2."""
    square = x.prod() ** 2
    return square * (4 - 2 * rl.eye(3).double()) / _outer(x, x)


ONE, TWO, THREE = rl.tensor(1.0), rl.ones(2).double(), rl.ones(3).double()
f = func

# name -> (by the transform, by hand), both of (x, y)
CASES: dict[str, tuple[Any, Any]] = {
    "grad": (lambda x, y: f.grad(lambda x: (x**3).sum())(x), lambda x, y: 3 * x**2),
    "second argument": (
        lambda x, y: f.grad(lambda x, y: (y @ x).sin().sum(), 1)(x, y),
        lambda x, y: _outer((y @ x).cos(), x),
    ),
    "last argument": (
        lambda x, y: f.grad(lambda x, y: (y @ x).sin().sum(), -1)(x, y),
        lambda x, y: _outer((y @ x).cos(), x),
    ),
    "two arguments": (
        lambda x, y: f.grad(lambda x, y: (y @ x).exp().sum(), (0, 1))(x, y),
        lambda x, y: ((y @ x).exp() @ y, _outer((y @ x).exp(), x)),
    ),
    "keywords": (
        lambda x, y: f.grad(lambda x, k: (k * x).prod())(x, k=3.0),
        lambda x, y: (3 * x).prod() / x,
    ),
    "unused": (lambda x, y: f.grad(lambda x, y: y.sum())(x, y), lambda x, y: 0 * x),
    "constant": (lambda x, y: f.grad(lambda x: ONE)(x), lambda x, y: 0 * x),
    "dict": (
        lambda x, y: f.grad(lambda p: (p["b"] @ p["a"]).cos().sum())({"a": x, "b": y}),
        lambda x, y: (-(y @ x).sin() @ y, -_outer((y @ x).sin(), x)),
    ),
    "nested": (
        lambda x, y: f.grad(lambda p: (p[0][0] * p[1]).sum())(([x], y)),
        lambda x, y: (y.sum(0), x.expand(2, 3)),
    ),
    "value": (
        lambda x, y: f.grad_and_value(lambda x: (x**2).sum())(x),
        lambda x, y: (2 * x, (x**2).sum()),
    ),
    "aux": (
        lambda x, y: f.grad(lambda x: ((x**2).sum(), x * 3), has_aux=True)(x),
        lambda x, y: (2 * x, 3 * x),
    ),
    "value and aux": (
        lambda x, y: f.grad_and_value(lambda x: ((x**2).sum(), {"a": x * 3}), has_aux=True)(x),
        lambda x, y: (2 * x, ((x**2).sum(), {"a": 3 * x})),
    ),
    "grad of grad": (
        lambda x, y: f.grad(lambda z: f.grad(lambda z: (z**3).sum())(z)[0])(x),
        lambda x, y: 6 * x * rl.tensor([1.0, 0.0, 0.0]).double(),
    ),
    "grad of grad by another": (
        lambda x, y: f.grad(lambda z: f.grad(lambda w: (z * w**2 * z).sum())(y).sum())(x),
        lambda x, y: 4 * x * y.sum(0),
    ),
    "three deep": (
        lambda x, y: f.grad(
            lambda a: f.grad(lambda b: f.grad(lambda c: (a * b * c * c).sum())(b).sum())(a).sum()
        )(x),
        lambda x, y: 8 * x,
    ),
    "vjp": (lambda x, y: f.vjp(lambda x: y @ x, x)[1](TWO), lambda x, y: (y.sum(0),)),
    "vjp of two": (
        lambda x, y: f.vjp(lambda x, y: {"a": y @ x, "b": (x * x,)}, x, y)[1](
            {"a": TWO, "b": (THREE,)}
        ),
        lambda x, y: (y.sum(0) + 2 * x, _outer(TWO, x)),
    ),
    "vjp with aux": (
        lambda x, y: f.vjp(lambda x: (x.exp(), x * 2), x, has_aux=True)[::2],
        lambda x, y: (x.exp(), 2 * x),
    ),
    "jacrev": (
        lambda x, y: f.jacrev(lambda x: (y @ x).tanh())(x),
        lambda x, y: (1 - (y @ x).tanh() ** 2)[:, None] * y,
    ),
    "jacrev of trees": (
        lambda x, y: f.jacrev(lambda x, y: {"a": (y @ x, x.sum()), "b": 3 * y}, (0, 1))(x, y),
        lambda x, y: {
            "a": ((y, rl.eye(2).double()[:, :, None] * x), (0 * x + 1, 0 * y)),
            "b": (rl.zeros(2, 3, 3).double(), 3 * rl.eye(6).double().reshape(2, 3, 2, 3)),
        },
    ),
    "jacrev with aux": (
        lambda x, y: f.jacrev(lambda x: (x**2, x), has_aux=True)(x),
        lambda x, y: (rl.diag(2 * x), x),
    ),
    "jacrev in chunks": (
        lambda x, y: f.jacrev(lambda x: x**2, chunk_size=2)(x),
        lambda x, y: rl.diag(2 * x),
    ),
    "jacrev of grad": (
        lambda x, y: f.jacrev(f.grad(lambda x: x.prod() ** 2))(x),
        lambda x, y: _of_product(x),
    ),
    "hessian": (
        lambda x, y: f.hessian(lambda x: (y @ x).exp().sum())(x),
        lambda x, y: _hessians(x, y)[0][0],
    ),
    "hessian of two": (
        lambda x, y: f.hessian(lambda x, y: (y @ x).exp().sum(), (0, 1))(x, y),
        _hessians,
    ),
}


@pytest.mark.parametrize("gradient", [False, True], ids=["plain", "in a graph"])
@pytest.mark.parametrize("name", CASES)
def test_equals_the_formula(name: str, gradient: bool) -> None:
    """In value, and where the arguments require grad, in the gradient of what comes out."""
    results, slopes = [], []
    for function in CASES[name]:
        inputs = [rl.tensor(a, requires_grad=gradient) for a in (X, Y)]
        found = _tree(function(*inputs))
        assert gradient or not any(t.requires_grad for t in found)
        results.append([t.detach() for t in found])
        total = sum((normal(*t.shape, seed=i) * t).sum() for i, t in enumerate(found))
        if gradient and total.requires_grad:
            total.backward()
        zeros = [np.zeros(a.shape) for a in (X, Y)]
        slopes.append([z if t.grad is None else t.grad for t, z in zip(inputs, zeros, strict=True)])
    for ours, right in zip(results[0] + slopes[0], results[1] + slopes[1], strict=True):
        assert tuple(ours.shape) == tuple(right.shape)
        np.testing.assert_allclose(ours, right, 1e-9, 1e-11)


def test_the_structure_is_that_of_the_argument() -> None:
    found = func.grad(lambda p: p["a"].sum() * p["b"][0].sum())(
        {"a": rl.ones(2), "b": [rl.ones(1)]}
    )
    assert list(found) == ["a", "b"] and type(found["b"]) is list


def test_no_graph_comes_out_where_nobody_can_ask() -> None:
    x = rl.tensor(X)
    seen = []

    def f(x: Any) -> Any:
        seen.append(x)
        return (x**2).sum(), x * 2

    g, (value, aux) = func.grad_and_value(f, has_aux=True)(x)
    assert not (g.requires_grad or value.requires_grad or aux.requires_grad)
    assert seen[0] is not x and seen[0].requires_grad and seen[0].grad is None
    with rl.no_grad():
        y = rl.tensor(X, requires_grad=True)
        g = func.grad(lambda x: (x**2).sum())(y)
    assert not g.requires_grad and g.tolist() == (2 * X).tolist()


def test_a_captured_parameter_keeps_its_graph() -> None:
    w = rl.tensor(X, requires_grad=True)
    g = func.grad(lambda x: (w * x * x).sum())(rl.ones(3, dtype=rl.float64))
    g.sum().backward()
    assert w.grad.tolist() == [2, 2, 2]


def test_names_are_kept() -> None:
    def loss(x: Any) -> Any:
        """Say what."""
        return x.sum()

    assert func.grad(loss).__name__ == func.jacrev(loss).__name__ == "loss"
    assert func.grad_and_value(loss).__doc__ == "Say what."


ERRORS: list[tuple[Any, type[Exception], str]] = [
    (lambda x: f.grad(lambda x: x)(x), RuntimeError, r"returns \(2,\)"),
    (lambda x: f.grad(lambda x: 1.0)(x), RuntimeError, "returns float"),
    (lambda x: f.grad(lambda x: x.sum(), 1)(x), RuntimeError, "argnums=1"),
    (lambda x: f.grad(lambda x: x.sum(), "x")(x), RuntimeError, "argnums='x'"),
    (lambda x: f.grad(lambda x: x.sum(), (0, 0))(x), RuntimeError, "each once"),
    (lambda x: f.grad(lambda x: x.sum(), has_aux=True)(x), RuntimeError, "has_aux"),
    (lambda x: f.grad(lambda x: x)(1.0), TypeError, "a float among the arguments"),
    (lambda x: f.vjp(lambda x: x, x)[1](rl.ones(3)), RuntimeError, r"shapes \[\(3,\)\]"),
    (lambda x: f.vjp(lambda: x), RuntimeError, "no primals"),
    (lambda x: f.jacrev(lambda x: 1.0)(x), RuntimeError, "returns float"),
    (lambda x: f.jacrev(lambda x: x, chunk_size=0)(x), ValueError, "chunk_size=0"),
    (lambda x: f.vmap(lambda x: x)(x), NotImplementedError, "vmap is not supported"),
]


@pytest.mark.parametrize("call", ERRORS)
def test_errors(call: tuple[Any, type[Exception], str]) -> None:
    function, error, match = call
    with pytest.raises(error, match=match):
        function(rl.ones(2))


def test_gradients_of_a_net_by_a_dict() -> None:
    net = rl.nn.Sequential(rl.nn.Linear(3, 4), rl.nn.Tanh(), rl.nn.Linear(4, 1)).double()
    x = rl.tensor(normal(5, 3))
    (net(x) ** 2).sum().backward()

    def loss(p: Any, x: Any) -> Any:
        return (func.functional_call(net, p, (x,)) ** 2).sum()

    for _ in range(3):  # the layers of a Sequential are put together from the second call on
        found = func.grad(loss)({name: p.detach() for name, p in net.named_parameters()}, x)
        for name, p in net.named_parameters():
            np.testing.assert_allclose(found[name], p.grad, 1e-10, 1e-12)
