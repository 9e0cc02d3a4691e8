"""autograd.functional against torch: values, shapes, graphs, errors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.ops.sample import normal, uniform

import rushlight as rl

torch = pytest.importorskip("torch")  # before the helper, which needs it

from tests.functional.parity import both, both_raise, compare  # noqa: E402

NAMES = ["vjp", "jvp", "jacobian", "hessian", "vhp", "hvp"]
X, Y, P = normal(3), normal(2, 3), uniform(3, low=0.5, high=1.5)

# f(lib, *inputs) and the arrays that it takes
FUNCTIONS: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]] = {
    "one": (lambda t, x: (x**3).cumsum(0), (X,)),
    "matrix": (lambda t, x: x @ x.T, (Y,)),
    "two in": (lambda t, x, y: t.sin(x) * y, (X, Y)),
    "two out": (lambda t, x: (t.exp(x), x.sum() * x[:2]), (X,)),
    "both": (lambda t, x, y: (y @ x, (x * x).sum(), y), (X, Y)),
    "unused": (lambda t, x, y: x * 2, (X, Y)),
    "scalar": (lambda t, x: x.sum(), (normal(1),)),
    "constant": (lambda t, x: t.ones(2, dtype=t.float64), (X,)),
    "linear": (lambda t, x: 3 * x, (X,)),
}
SCALARS: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]] = {
    "one": (lambda t, x: (x**3).prod(), (P,)),
    "two": (lambda t, x, y: (t.exp(x) * y).sum() ** 2, (X, Y)),
    "unused": (lambda t, x, y: (x**3).sum(), (X, Y)),
    "apart": (lambda t, x, y: (x**3).sum() + (y**3).sum(), (X, Y)),
    "linear": (lambda t, x: x.sum(), (X,)),
    "one element": (lambda t, x: x**4, (normal(1),)),
}


def _table(name: str) -> dict[str, tuple[Callable[..., Any], tuple[Any, ...]]]:
    return SCALARS if name in ("hessian", "vhp", "hvp") else FUNCTIONS


CALLS = [(name, case) for name in NAMES for case in _table(name)]


def _vectors(lib: Any, name: str, f: Any, xs: Any) -> dict[str, Any]:
    """v where the function takes one, in the shapes that it must have."""
    if name in ("jacobian", "hessian"):
        return {}
    like = f(lib, *xs) if name == "vjp" else xs if len(xs) > 1 else xs[0]
    several = isinstance(like, tuple)
    vs = tuple(
        lib.tensor(normal(*tuple(y.shape), seed=5), dtype=y.dtype)
        for y in (like if several else (like,))
    )
    return {"v": vs if several else vs[0]}


def _run(lib: Any, name: str, case: str, xs: Any, **options: Any) -> Any:
    f, _ = _table(name)[case]
    inputs = xs if len(xs) > 1 else xs[0]
    options |= _vectors(lib, name, f, xs)
    return getattr(lib.autograd.functional, name)(lambda *a: f(lib, *a), inputs, **options)


def _tensors(lib: Any, name: str, case: str, requires_grad: bool) -> Any:
    _, arrays = _table(name)[case]
    return tuple(lib.tensor(a.copy(), requires_grad=requires_grad) for a in arrays)


@pytest.mark.parametrize("name, case", CALLS)
def test_equals_torch(name: str, case: str) -> None:
    ours = _run(rl, name, case, _tensors(rl, name, case, True))
    theirs = _run(torch, name, case, _tensors(torch, name, case, True))
    compare(ours, theirs)
    flat = ours[1] if name not in ("jacobian", "hessian") else ours
    while isinstance(flat, tuple):
        flat = flat[0]
    assert not flat.requires_grad


@pytest.mark.parametrize("name, case", CALLS)
def test_graphs_equal_torchs(name: str, case: str) -> None:
    _, arrays = _table(name)[case]
    both(lambda t, *xs: _run(t, name, case, xs, create_graph=True), *arrays)


@pytest.mark.parametrize("create_graph", [False, True])
@pytest.mark.parametrize("name, case", CALLS)
def test_strict_refuses_what_torch_refuses(name: str, case: str, create_graph: bool) -> None:
    options = {"strict": True, "create_graph": create_graph}
    try:
        theirs = _run(torch, name, case, _tensors(torch, name, case, True), **options)
    except RuntimeError:
        with pytest.raises(RuntimeError, match=f"{name}: got a function|jacobian: got a function"):
            _run(rl, name, case, _tensors(rl, name, case, True), **options)
    else:
        compare(_run(rl, name, case, _tensors(rl, name, case, True), **options), theirs)


def test_v_may_be_left_out_for_one_element() -> None:
    for name in ("vjp", "jvp", "vhp", "hvp"):
        both(lambda t, x, n=name: getattr(t.autograd.functional, n)(lambda x: x**3, x), normal(1))


def test_options_that_torch_has() -> None:
    both(lambda t, x: t.autograd.functional.jacobian(lambda x: x**2, x, vectorize=True), X)
    assert rl.autograd.functional.jacobian(lambda x: x[:0], rl.ones(3)).shape == (0, 3)
    with rl.no_grad():
        assert rl.autograd.functional.jacobian(rl.sin, rl.zeros(2)).tolist() == [[1, 0], [0, 1]]


def test_what_func_captures_is_not_an_input() -> None:
    def run(t: Any, x: Any) -> Any:
        return t.autograd.functional.jacobian(lambda y: y * x, x)

    both(run, X, gradient=True)


X_ONLY: dict[str, tuple[Any, ...]] = {
    "a number": (lambda t, n: getattr(t.autograd.functional, n)(lambda x: x, 1.0),),
    "a number among tensors": (
        lambda t, n: getattr(t.autograd.functional, n)(lambda x, y: x, (t.ones(1), 1.0)),
    ),
    "no tensor out": (lambda t, n: getattr(t.autograd.functional, n)(lambda x: 1.0, t.ones(1)),),
}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("case", X_ONLY)
def test_things_that_are_no_tensors(name: str, case: str) -> None:
    both_raise(lambda t: X_ONLY[case][0](t, name), f"{name}: got .*expected a Tensor")


ERRORS: list[tuple[Any, str]] = [
    (lambda t, a: a.vjp(lambda x: x, t.ones(2)), "got no v"),
    (lambda t, a: a.vjp(lambda x: x, t.ones(2), t.ones(3)), r"v of shapes \[\(3,\)\]"),
    (lambda t, a: a.vjp(lambda x: (x, x), t.ones(2), t.ones(2)), r"expected \[\(2,\), \(2,\)\]"),
    (lambda t, a: a.jvp(lambda x: x, t.ones(2)), "got no v"),
    (lambda t, a: a.hvp(lambda x: x.sum(), t.ones(2)), "got no v"),
    (lambda t, a: a.vhp(lambda x: x, t.ones(2), t.ones(2)), "one element"),
    (lambda t, a: a.hessian(lambda x: x, t.ones(2)), "one element"),
    (lambda t, a: a.hessian(lambda x: (x.sum(),), t.ones(2)), "returns a tuple"),
    (lambda t, a: a.jacobian(lambda x: x, t.ones(2), strict=True, vectorize=True), "vectorize"),
    (lambda t, a: a.jacobian(lambda x: x, t.ones(2), strategy="backward"), "'backward'"),
    (lambda t, a: a.jacobian(lambda x: x, t.ones(2), strategy="forward-mode"), "forward-mode"),
    (
        lambda t, a: a.hessian(
            lambda x: x.sum(), t.ones(2), outer_jacobian_strategy="forward-mode"
        ),
        "forward-mode",
    ),
]


@pytest.mark.parametrize("call", ERRORS)
def test_errors(call: tuple[Any, str]) -> None:
    f, match = call
    both_raise(lambda t: f(t, t.autograd.functional), match)


def test_the_package_has_no_other_names() -> None:
    with pytest.raises(AttributeError, match="nonsense"):
        _ = rl.autograd.nonsense
