"""Autograd: what is recorded, what comes back, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.ops.sample import normal

import rushlight as rl
from rushlight.errors import DtypeError, ShapeError

torch = pytest.importorskip("torch")  # before the helper, which needs it

from tests.functional.parity import both  # noqa: E402

X, Y = normal(3, 4), normal(3, 4, seed=1)


def leaf(*shape: int, seed: int = 0) -> Any:
    return rl.tensor(normal(*shape, seed=seed), requires_grad=True)


# ---- recording and modes


def test_leaves_and_nodes() -> None:
    x = leaf(2)
    y = x * 2
    assert x.is_leaf and x.grad_fn is None and not y.is_leaf
    assert repr(y.grad_fn) == "<MulBackward>" and y.requires_grad
    assert not (x > 0).requires_grad and not x.argmax().requires_grad
    assert not rl.ones(2).requires_grad and (rl.ones(2) + x).requires_grad
    assert not x.detach().requires_grad and x.detach().is_leaf
    assert not y.int().requires_grad


def test_no_grad_and_enable_grad() -> None:
    x = leaf(2)
    with rl.no_grad():
        assert not rl.is_grad_enabled() and not (x * 2).requires_grad
        with rl.enable_grad():
            assert (x * 2).requires_grad
        assert not (x * 2).requires_grad
    assert rl.is_grad_enabled()

    @rl.no_grad()
    def called(x: Any) -> Any:
        return x * 2

    @rl.no_grad
    def bare(x: Any) -> Any:
        return called(x) + x

    @rl.inference_mode()
    def inferred(x: Any) -> Any:
        return x * 2

    @rl.enable_grad()
    def recorded(x: Any) -> Any:
        return x * 2

    assert called.__name__ == "called" and bare.__name__ == "bare"
    assert not any(f(x).requires_grad for f in (called, bare, inferred))
    with rl.inference_mode():
        assert recorded(x).requires_grad and not (x + 1).requires_grad
    with rl.inference_mode(False):
        assert (x + 1).requires_grad
    with pytest.raises(ZeroDivisionError), rl.no_grad():
        1 / 0  # noqa: B018
    assert rl.is_grad_enabled()


def test_set_grad_enabled() -> None:
    x = leaf(2)
    with rl.set_grad_enabled(False):
        assert not (x * 2).requires_grad
    assert rl.is_grad_enabled()
    rl.set_grad_enabled(False)
    try:
        assert not rl.is_grad_enabled()
    finally:
        rl.set_grad_enabled(True)
    again = rl.no_grad()  # one object entered twice
    with again, again:
        assert not rl.is_grad_enabled()
    assert rl.is_grad_enabled()


@pytest.mark.parametrize(
    "mode", [rl.no_grad, lambda: rl.set_grad_enabled(False), rl.inference_mode]
)
def test_a_decorator_switches_while_the_function_runs(mode: Any) -> None:
    """Also of a generator: whoever asks it for values keeps his own mode."""
    closed: list[bool] = []

    @mode()
    def asked() -> bool:
        return rl.is_grad_enabled()

    @mode()
    def steps() -> Any:
        try:
            sent = yield rl.is_grad_enabled()
            while True:
                try:
                    sent = yield (sent, rl.is_grad_enabled())
                except KeyError:
                    return "end", rl.is_grad_enabled()
        finally:
            closed.append(rl.is_grad_enabled())

    assert asked() is False and rl.is_grad_enabled()
    found = steps()
    assert next(found) is False and rl.is_grad_enabled()
    assert found.send(5) == (5, False) and rl.is_grad_enabled()
    with pytest.raises(StopIteration) as end:
        found.throw(KeyError())
    assert end.value.value == ("end", False) and rl.is_grad_enabled()
    found = steps()
    next(found)
    found.close()
    assert closed == [False, False] and rl.is_grad_enabled()


def test_detach_in_place() -> None:
    y = leaf(2) * 2
    assert y.detach_() is y and y.is_leaf and not y.requires_grad


def test_requires_grad_can_be_set_on_leaves() -> None:
    x = rl.ones(2)
    assert x.requires_grad_() is x and x.requires_grad
    x.requires_grad = False
    assert not x.requires_grad
    y = leaf(2) * 2
    with pytest.raises(RuntimeError, match=r"use detach\(\)"):
        y.requires_grad = False
    with pytest.raises(DtypeError, match="requires_grad: got int64"):
        rl.ones(2, dtype=rl.int64).requires_grad_()


# ---- backward


def test_backward_errors() -> None:
    x = leaf(2, 3)
    with pytest.raises(RuntimeError, match=r"output \(2, 3\) without a gradient"):
        (x * 2).backward()
    with pytest.raises(RuntimeError, match="does not require grad"):
        rl.ones(1).backward()
    with pytest.raises(ShapeError, match=r"gradient \(3,\), expected \(2, 3\)"):
        (x * 2).backward(rl.ones(3))
    y = (x * x).sum()
    y.backward()
    with pytest.raises(RuntimeError, match="retain_graph=True"):
        y.backward()


def test_retain_graph() -> None:
    x = leaf(3)
    y = (x * x).sum()
    y.backward(retain_graph=True)
    y.backward()
    assert np.allclose(x.grad, 4 * x.detach())


@pytest.mark.parametrize(
    ("f", "again"),
    [
        (lambda x: x.T, True),
        (lambda x: rl.cat([x, x]), True),
        (lambda x: x[1:], True),
        (lambda x: -(x + 1).sum(0), True),
        (lambda x: x.exp(), False),
        (lambda x: rl.nn.functional.dropout(x, 0.5), False),
    ],
)
def test_what_saved_no_array_may_serve_two_passes(f: Any, again: bool) -> None:
    x = leaf(3, 4)
    y = f(x)
    (y * 2).sum().backward()
    if again:
        (y * 3).sum().backward()
    else:
        with pytest.raises(RuntimeError, match="a second time"):
            (y * 3).sum().backward()


def test_negation_keeps_nothing() -> None:
    x = leaf(3) * 1
    y = -x
    with rl.no_grad():
        x.zero_()
    y.sum().backward()


def test_gradients_accumulate_into_memory_of_their_own() -> None:
    x, g = leaf(3), rl.ones(3, dtype=rl.float64)
    (x + 0).backward(g)
    assert not np.shares_memory(x.grad.numpy(), g.numpy())
    first = x.grad
    (x * 2).sum().backward()
    assert x.grad is first and x.grad.tolist() == [3, 3, 3] and g.tolist() == [1, 1, 1]
    x.grad = None
    x.sum().backward()  # the gradient arrives as a read-only broadcast view
    x.grad += 1
    assert x.grad.tolist() == [2, 2, 2]


def test_shared_gradients_do_not_alias() -> None:
    a, b, g = leaf(3), leaf(3, seed=1), rl.ones(3, dtype=rl.float64)
    (a + b).backward(g)
    a.grad += 5
    assert b.grad.tolist() == [1, 1, 1] and g.tolist() == [1, 1, 1]
    ga, gb = rl.autograd.grad(a + b, (a, b), g)
    ga += 5
    assert gb.tolist() == [1, 1, 1] and g.tolist() == [1, 1, 1]
    x = leaf(3)
    y = x + x  # the same array twice
    (y + y).sum().backward()
    assert x.grad.tolist() == [4, 4, 4]
    (g2,) = rl.autograd.grad(x.sum(), x)
    g2 += 1


def test_a_tensor_used_often() -> None:
    both(lambda t, x: x * x + x.exp() - x.sum() * x + x.T.reshape(3, 4) * x[:1], X)
    both(lambda t, x, y: (x * y, (x + y) * y, y.sum(0) - x), X, Y)
    both(lambda t, x: x * x.detach(), X)


def test_data_of_one_array_given_to_two_leaves() -> None:
    array = normal(3)
    a, b = rl.from_numpy(array).requires_grad_(), rl.from_numpy(array).requires_grad_()
    (a * b * b).sum().backward()
    assert np.allclose(a.grad, array**2) and np.allclose(b.grad, 2 * array**2)


def test_broadcast_arguments_get_sums() -> None:
    both(lambda t, x, y: x + y[0], X, Y)
    both(lambda t, x, y: x * y[:, :1] * y.sum(), X, Y)
    both(lambda t, x, y: x.unsqueeze(0) * y.unsqueeze(1), X, Y)
    both(lambda t, x: x * x[0, 0] + 3 * x[0], X)


def test_unused_paths_are_not_visited() -> None:
    x, y = leaf(2), leaf(2, seed=1)
    z = (x * 2).sum() + (y.exp() * 0).sum()
    (gx,) = rl.autograd.grad(z, x)
    assert gx.tolist() == [2, 2] and x.grad is None and y.grad is None


@pytest.mark.parametrize("length", [10_000, 200_000])
def test_long_chains(length: int) -> None:
    x = rl.tensor(1.0, requires_grad=True)
    y = x
    for _ in range(length):
        y = y + 1.0
    y.backward()
    assert x.grad.item() == 1
    del y  # and freeing the chain must not recurse either


def test_long_chain_to_the_second_order() -> None:
    x = rl.tensor(1.0, dtype=rl.float64, requires_grad=True)
    y = x
    for _ in range(3000):
        y = y * 1.0001
    (g,) = rl.autograd.grad(y * y, x, create_graph=True)
    (h,) = rl.autograd.grad(g, x)
    assert h.item() == pytest.approx(2 * 1.0001**6000)


# ---- autograd.grad


def test_grad() -> None:
    x, y = leaf(3), leaf(3, seed=1)
    z = (x * y).sum()
    gx, gy = rl.autograd.grad(z, (x, y))
    assert np.array_equal(gx, y.detach()) and np.array_equal(gy, x.detach())
    assert x.grad is None and y.grad is None
    middle = x * 2
    (gm,) = rl.autograd.grad((middle * middle).sum(), middle)
    assert np.allclose(gm, 4 * x.detach())
    (same,) = rl.autograd.grad(z2 := x.sum(), z2)
    assert same.item() == 1
    with pytest.raises(RuntimeError, match="allow_unused=True"):
        rl.autograd.grad(x.sum(), (x, y))
    gx, none = rl.autograd.grad(x.sum(), (x, y), allow_unused=True)
    assert none is None and gx.tolist() == [1, 1, 1]
    with pytest.raises(RuntimeError, match="input 0 does not require grad"):
        rl.autograd.grad(x.sum(), rl.ones(3))
    ga = rl.autograd.grad([x * 2, x * 3], x, [rl.ones(3), rl.ones(3)])[0]
    assert ga.tolist() == [5, 5, 5] and ga.dtype == rl.float64


def test_grad_of_one_op_is_that_of_a_longer_graph() -> None:
    """A graph of one node is not walked; a node before it makes it one that is."""
    makes: list[Any] = [
        lambda x, y: x * y,
        lambda x, y: x * y[:1].detach() if y.ndim else x,
        lambda x, y: rl.nn.functional.linear(x, y),
        lambda x, y: rl.amax(x, 1),
        lambda x, y: rl.max(x, 1).values,
        lambda x, y: x.unbind()[1],
        lambda x, y: x - y.sum().detach(),
    ]
    for make in makes:
        x, y = leaf(3, 4), leaf(3, 4, seed=1)
        short, long = make(x, y), make(x * 1.0, y * 1.0)
        g = rl.tensor(normal(*short.shape, seed=2))
        found = rl.autograd.grad(short, (x, y), g, allow_unused=True)
        walked = rl.autograd.grad(long, (x, y), g, allow_unused=True)
        for a, b in zip(found, walked, strict=True):
            assert (a is None) == (b is None) and (a is None or (a == b).all())
    x, row = leaf(3, 4), leaf(4, seed=1)
    (found_row,) = rl.autograd.grad((x * row), row, rl.ones(3, 4, dtype=rl.float64))
    assert np.allclose(found_row, x.detach().sum(0))  # it was broadcast
    (twice,) = rl.autograd.grad(x * x, x, rl.ones(3, 4, dtype=rl.float64))
    assert np.allclose(twice, 2 * x.detach())


def test_grad_of_one_op_frees_it_calls_hooks_and_names_what_was_freed() -> None:
    x, seen = leaf(3), []
    y = x.exp()
    g = rl.ones(3, dtype=rl.float64)
    rl.autograd.grad(y, x, g, retain_graph=True)
    itself, first = rl.autograd.grad(y, (y, x), g)
    assert (itself == 1).all() and (first == y.detach()).all()
    with pytest.raises(RuntimeError, match="a second time"):
        rl.autograd.grad(y, x, g)
    z = x + 2.0  # saved nothing
    for _ in range(2):
        assert (rl.autograd.grad(z, x, g)[0] == 1).all()
    y = x.exp()
    with rl.no_grad():
        y.zero_()
    with pytest.raises(RuntimeError, match="modified in place"):
        rl.autograd.grad(y, x, g)
    x.register_hook(lambda grad: seen.append(grad) or grad * 10)
    assert (rl.autograd.grad(x * 2.0, x, g)[0] == 20).all() and len(seen) == 1
    w = leaf(3)
    y = w.exp()
    y.register_hook(lambda grad: grad * 10)
    assert np.allclose(rl.autograd.grad(y, w, g)[0], 10 * w.detach().exp())


def test_create_graph() -> None:
    both(
        lambda t, x: t.autograd.grad((x**3).sum(), x, create_graph=True)[0],
        X,
    )

    def penalty(t: Any, x: Any, w: Any) -> Any:
        (g,) = t.autograd.grad(((x @ w).tanh() ** 2).sum(), x, create_graph=True)
        return (g * g).sum(), g

    both(penalty, X, normal(4, 2))
    x = leaf(3)
    (x**3).sum().backward(create_graph=True)
    assert x.grad.requires_grad
    g, x.grad = x.grad, None
    g.sum().backward()
    assert np.allclose(x.grad, 6 * x.detach())


def test_backward_into_named_inputs() -> None:
    x, y = leaf(3), leaf(3, seed=1)
    (x * y).sum().backward(inputs=[x])
    assert y.grad is None and np.array_equal(x.grad, y.detach())
    rl.autograd.backward([x.sum(), (x * 2).sum()])
    assert np.allclose(x.grad, y.detach().numpy() + 3)


# ---- hooks


def test_named_inputs_accumulate_in_place() -> None:
    x = leaf(2)
    x.sum().backward()
    grad = x.grad
    (x * 2).sum().backward(inputs=[x])
    assert x.grad is grad and grad.tolist() == [3, 3]


def test_gradients_given_wrongly() -> None:
    x = leaf(2)
    with pytest.raises(TypeError, match="got a gradient of type float, expected a Tensor"):
        (x * 2).backward(1.0)
    with pytest.raises(RuntimeError, match="got 2 outputs and 1 gradients"):
        rl.autograd.grad([x.sum(), x.prod()], x, [rl.ones((), dtype=rl.float64)])


def test_materialized_zeros() -> None:
    def f(t: Any, x: Any, y: Any) -> Any:
        return t.autograd.grad((x * 2).sum(), [x, y], materialize_grads=True)

    both(f, X, Y, gradient=True)


def test_hooks() -> None:
    x, seen = leaf(3), []
    y = x * 2
    y.register_hook(lambda g: seen.append(g.tolist()))
    handle = y.register_hook(lambda g: g * 10)
    x.register_hook(lambda g: g + 1)
    y.sum().backward()
    assert seen == [[1, 1, 1]] and x.grad.tolist() == [21, 21, 21]
    handle.remove()
    handle.remove()
    x.grad = None
    (x * 2).sum().backward()
    assert x.grad.tolist() == [3, 3, 3]
    with pytest.raises(RuntimeError, match="does not require grad"):
        rl.ones(2).register_hook(lambda g: g)


def test_a_hook_may_not_change_what_a_gradient_is() -> None:
    for hook, error, text in (
        (lambda g: g.double(), DtypeError, "hook: got a new gradient of float64, expected float32"),
        (lambda g: g.sum(), ShapeError, r"hook: got a new gradient \(\), expected \(2,\)"),
        (lambda g: 3, TypeError, "hook: got int, expected a Tensor"),
    ):
        for x in (rl.ones(2, requires_grad=True), rl.ones(2, requires_grad=True) * 2):
            x.register_hook(hook)
            with pytest.raises(error, match=text):
                (x * 2).sum().backward()
            assert rl.is_grad_enabled()


def test_a_hook_sees_the_whole_gradient_once() -> None:
    seen = []
    x = leaf(2)
    x.register_hook(lambda g: seen.append(g.tolist()))
    (x * 2 + x * 3).sum().backward()
    assert seen == [[5, 5]]


def test_retain_grad() -> None:
    x = leaf(3)
    y = x * 2
    y.retain_grad()
    x.retain_grad()  # a leaf keeps its own anyway
    z = y * y
    assert y.retains_grad and not z.retains_grad and not x.retains_grad
    z.sum().backward()
    assert np.allclose(y.grad, 4 * x.detach()) and z.grad is None
    with pytest.raises(RuntimeError, match="does not require grad"):
        rl.ones(2).retain_grad()


def test_assigning_grad() -> None:
    x = leaf(3)
    x.grad = rl.zeros(3, dtype=rl.float64)
    with pytest.raises(ShapeError, match=r"\.grad: got \(2,\)"):
        x.grad = rl.zeros(2, dtype=rl.float64)
    with pytest.raises(DtypeError, match="got float32, expected float64"):
        x.grad = rl.zeros(3)
    with pytest.raises(TypeError, match="got int, expected a Tensor"):
        x.grad = 3
    x.grad = None


# ---- writes are seen


def test_a_modified_saved_array_is_an_error() -> None:
    x = leaf(3)
    y = x * 2
    z = (y * y).sum()
    with rl.no_grad():
        y += 1
    with pytest.raises(RuntimeError, match=r"mul: .*modified in place .*clone\(\)"):
        z.backward()
    y = x.exp()  # saves its output
    with rl.no_grad():
        y.mul_(2)
    with pytest.raises(RuntimeError, match="exp: an array needed"):
        y.sum().backward()


def test_views_share_their_version() -> None:
    for view in (
        lambda y: y[0],
        lambda y: y.T,
        lambda y: y.reshape(-1),
        lambda y: y.detach(),
        lambda y: y.expand(2, 3, 4),
        lambda y: y[1, 2],
        lambda y: y.unbind()[0].unsqueeze(0),
    ):
        y = leaf(3, 4) * 2
        z = (y * y).sum()
        part = view(y)
        with rl.no_grad():
            if part.numpy(force=True).flags.writeable:
                part.zero_()
            else:
                y.zero_()
        with pytest.raises(RuntimeError, match="modified in place"):
            z.backward()


def test_modified_masks_and_indices_are_errors() -> None:
    x = leaf(3)
    for use in (
        lambda m, i: rl.where(m, x, 0.0),
        lambda m, i: x[i],
        lambda m, i: x[m],
        lambda m, i: x.gather(0, i),
        lambda m, i: x.reshape(1, 3)[0, i],
        lambda m, i: x.scatter_add(0, i, x),
        lambda m, i: x.index_add(0, i, x),
        lambda m, i: x.masked_fill(m, 0.0),
    ):
        m, i = rl.tensor([True, False, True]), rl.tensor([2, 0, 1])
        y = use(m, i)
        m.zero_()
        i += 1
        with pytest.raises(RuntimeError, match="modified in place"):
            y.sum().backward()
    values, places = x.max(0, keepdim=True)
    places += 1
    with pytest.raises(RuntimeError, match="modified in place"):
        values.sum().backward()


def test_an_unneeded_array_may_be_modified() -> None:
    x = leaf(3)
    y = x + 1
    z = (y + 2).sum()
    with rl.no_grad():
        y.zero_()
    z.backward()
    assert x.grad.tolist() == [1, 1, 1]


def test_the_failing_op_is_noted() -> None:
    class Bad(rl.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            return x * 1

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            raise KeyError("mine")

    with pytest.raises(KeyError, match="mine") as caught:
        Bad.apply(leaf(2)).sum().backward()
    assert caught.value.__notes__ == ["in the backward pass of Bad"]
