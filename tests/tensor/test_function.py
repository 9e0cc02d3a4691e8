"""User-defined functions: what they hold, what they return, what is refused."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import pytest
from tests.ops.sample import normal

import rushlight as rl
from rushlight.errors import ShapeError


def leaf(*shape: int) -> Any:
    return rl.tensor(normal(*shape), requires_grad=True)


class Scale(rl.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Any, factor: Any) -> Any:
        ctx.save_for_backward(x)
        ctx.factor = factor
        return x * factor, x.sum()

    @staticmethod
    def backward(ctx: Any, g: Any, h: Any) -> Any:
        return g * ctx.factor + h, None


def test_function() -> None:
    x = leaf(3)
    y, total = Scale.apply(x, 3.0)
    assert repr(y.grad_fn) == "<ScaleBackward>" and total.requires_grad
    y.sum().backward()  # total is unused: its gradient is zeros
    assert x.grad.tolist() == [3, 3, 3]
    assert rl.check.gradcheck(lambda x: Scale.apply(x, 2.0), x)
    with rl.no_grad():
        assert not Scale.apply(x, 2.0)[0].requires_grad
    assert not Scale.apply(rl.ones(3), 2.0)[0].requires_grad


def test_function_without_materialized_gradients() -> None:
    seen = []

    class Two(rl.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.set_materialize_grads(False)
            return x * 1, x * 2

        @staticmethod
        def backward(ctx: Any, g: Any, h: Any) -> Any:
            seen.append(h)
            return g

    x = leaf(2)
    Two.apply(x)[0].sum().backward()
    assert seen == [None] and x.grad.tolist() == [1, 1]


def test_function_with_setup_context() -> None:
    class Square(rl.autograd.Function):
        @staticmethod
        def forward(x: Any) -> Any:
            return x * x

        @staticmethod
        def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
            ctx.save_for_backward(*inputs)

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            return 2 * g * ctx.saved_tensors[0]

    assert rl.check.gradcheck(Square.apply, leaf(3))
    assert rl.check.gradgradcheck(Square.apply, leaf(3))


def test_function_saved_tensors_are_guarded() -> None:
    x = leaf(3)
    inner = x * 1
    y, _ = Scale.apply(inner, 2.0)
    with rl.no_grad():
        inner.zero_()
    with pytest.raises(RuntimeError, match=r"Scale: .*modified in place"):
        y.sum().backward()


def test_function_errors_and_marks() -> None:
    class Wrong(rl.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any, y: Any) -> Any:
            return x + y

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            return g

    with pytest.raises(RuntimeError, match=r"Wrong\.backward: got 1 gradients, expected 2"):
        Wrong.apply(leaf(2), leaf(2)).sum().backward()

    class Marked(rl.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            sign = x.sign()
            ctx.mark_non_differentiable(sign)
            return x * 2, sign

        @staticmethod
        def backward(ctx: Any, g: Any, _: Any) -> Any:
            return 2 * g

    x = leaf(2)
    y, sign = Marked.apply(x)
    assert y.requires_grad and not sign.requires_grad
    y.sum().backward()

    class Same(rl.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            return x

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            return g * 7

    x = leaf(2)
    y = Same.apply(x)
    assert y is not x and not y.is_leaf and x.is_leaf
    y.sum().backward()
    assert x.grad.tolist() == [7, 7]
    with pytest.raises(NotImplementedError):
        rl.autograd.Function.apply(x)


class Exp(rl.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        y, twice = x.exp(), x * 2
        ctx.save_for_backward(y, None, twice)
        Exp.kept = weakref.ref(twice._array)  # type: ignore[attr-defined]
        return y

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        y, nothing, _ = ctx.saved_tensors
        assert nothing is None
        return g * y


def test_a_saved_output_makes_no_cycle_and_what_was_saved_is_freed() -> None:
    assert rl.check.gradcheck(Exp.apply, leaf(3))
    assert rl.check.gradgradcheck(Exp.apply, leaf(3))
    gc.collect()
    gc.disable()
    try:
        y = Exp.apply(leaf(3))
        total = y.sum()
        total.backward()
        assert Exp.kept() is None  # type: ignore[attr-defined]
        gone = weakref.ref(y._array)
        del y, total
        assert gone() is None
        y = Exp.apply(leaf(3))  # without a backward
        gone = weakref.ref(y._array)
        del y
        assert gone() is None
    finally:
        gc.enable()


def test_a_saved_output_is_guarded() -> None:
    y = Exp.apply(leaf(3))
    with rl.no_grad():
        y.zero_()
    with pytest.raises(RuntimeError, match=r"Exp: .*modified in place"):
        y.sum().backward()


@pytest.mark.parametrize(
    ("gradient", "error", "text"),
    [
        (lambda g: 2.0, TypeError, r"Made\.backward: got a gradient of type float"),
        (
            lambda g: rl.ones(5),
            ShapeError,
            r"Made\.backward: got a gradient \(5,\), expected \(2,\)",
        ),
        (lambda g: g.sum(), ShapeError, r"Made\.backward: got a gradient \(\), expected \(2,\)"),
    ],
)
def test_gradients_that_do_not_fit(gradient: Any, error: Any, text: str) -> None:
    class Made(rl.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            return x * 2

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            return gradient(g)

    with pytest.raises(error, match=text):
        Made.apply(leaf(2)).sum().backward()


def test_a_gradient_takes_the_dtype_of_its_argument() -> None:
    class Wide(rl.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            return x * 2

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            return g.double()

    x = rl.ones(2, requires_grad=True)
    Wide.apply(x).sum().backward()
    assert x.grad.dtype == rl.float32


def test_what_a_context_refuses() -> None:
    class Number(rl.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.save_for_backward(x, 3)

    class Dirty(rl.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.mark_dirty(x)

    with pytest.raises(TypeError, match="save_for_backward: got int, expected Tensors"):
        Number.apply(leaf(2))
    with pytest.raises(NotImplementedError, match="mark_dirty"):
        Dirty.apply(leaf(2))
    assert rl.is_grad_enabled()
