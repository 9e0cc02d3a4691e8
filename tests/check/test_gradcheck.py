"""gradcheck: right gradients pass, wrong ones are named by input, index and both values."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import rushlight as rl
from rushlight.check import GradcheckError, gradcheck, gradgradcheck
from rushlight.errors import DtypeError


def leaf(*shape: int, seed: int = 0) -> Any:
    array = np.random.default_rng([seed, *shape]).standard_normal(shape)
    return rl.tensor(array, requires_grad=True)


def function(forward: Any, backward: Any) -> Any:
    """A Function of two inputs from plain formulas: backward(g, a, b) gives both gradients."""

    class Made(rl.autograd.Function):
        @staticmethod
        def forward(ctx: Any, a: Any, b: Any) -> Any:
            ctx.save_for_backward(a, b)
            return forward(a, b)

        @staticmethod
        def backward(ctx: Any, *grads: Any) -> Any:
            return backward(*grads, *ctx.saved_tensors)

    return Made.apply


def test_right_gradients_pass() -> None:
    x, w = leaf(3, 4), leaf(4, 2)
    assert gradcheck(lambda x, w: (x @ w).softmax(-1), (x, w))
    assert gradgradcheck(lambda x, w: (x @ w).softmax(-1), (x, w))
    assert gradcheck(lambda x: [x.exp(), x.sum(0), x.argmax()], x)
    assert gradcheck(rl.mul, (x, x))  # the same tensor twice
    assert gradcheck(lambda x, n, y: x * n + y.sum(), (x, 3, rl.ones(2)))
    assert gradcheck(lambda x: x.T[::2] * 2, x)


def test_a_wrong_element_is_named() -> None:
    def backward(g: Any, a: Any, b: Any) -> Any:
        wrong = np.ones((2, 3))
        wrong[1, 2] = 1.5
        return g * b, g * a * rl.tensor(wrong)

    f = function(lambda a, b: a * b, backward)
    a, b = rl.full((2, 3), 2.0, dtype=rl.float64), rl.ones(2, 3, dtype=rl.float64)
    a.requires_grad_(), b.requires_grad_()
    with pytest.raises(
        GradcheckError, match=r"output 0 by input 1 .* at index \(1, 2\).*; 1 elements"
    ):
        gradcheck(lambda left, right: f(left, right), (a, b))
    with pytest.raises(GradcheckError, match=r"input 1 \(right\)"):
        gradcheck(lambda left, right: f(left, right), (a, b))
    assert not gradcheck(f, (a, b), raise_exception=False)


def test_analytic_and_numeric_values_are_shown() -> None:
    f = function(lambda a, b: (a * b).sum(), lambda g, a, b: (g * b * 2, g * a))
    a = rl.tensor([3.0], dtype=rl.float64, requires_grad=True)
    b = rl.tensor([1.0], dtype=rl.float64, requires_grad=True)
    with pytest.raises(
        GradcheckError, match=r"input 0 .*\(0,\): analytic (\S+), numeric"
    ) as caught:
        gradcheck(f, (a, b))
    words = str(caught.value).split()
    analytic, numeric = float(words[words.index("analytic") + 1].strip(",")), None
    numeric = float(words[words.index("numeric") + 1].strip(";"))
    assert analytic == pytest.approx(2 * numeric, rel=1e-4)


def test_the_wrong_output_is_named() -> None:
    f = function(lambda a, b: (a + b, a - b), lambda g, h, a, b: (g + h, g + h))
    with pytest.raises(GradcheckError, match="output 1 by input 1"):
        gradcheck(f, (leaf(3), leaf(3, seed=1)))


def test_a_missing_gradient_is_found() -> None:
    f = function(lambda a, b: a * b, lambda g, a, b: (g * b, None))
    with pytest.raises(GradcheckError, match=r"input 1 .*analytic 0, numeric"):
        gradcheck(f, (leaf(2), leaf(2, seed=1)))
    with pytest.raises(GradcheckError, match=r"analytic 0, numeric"):
        gradcheck(lambda x: x.detach() * 2, leaf(2))


def test_a_nan_gradient_is_found() -> None:
    f = function(lambda a, b: a * b, lambda g, a, b: (g * b, g * float("nan")))
    with pytest.raises(GradcheckError, match=r"input 1 .*analytic nan"):
        gradcheck(f, (leaf(2), leaf(2, seed=1)))


def test_softmax_without_its_sum_is_wrong() -> None:
    """The error that vanishes under a cotangent of ones."""
    f = function(lambda a, b: a.softmax(0) + b, lambda g, a, b: (g * 0.0, g))
    with pytest.raises(GradcheckError, match="input 0"):
        gradcheck(f, (leaf(4), leaf(4, seed=1)))


def test_a_modified_input_is_named() -> None:
    def spoil(x: Any, y: Any) -> Any:
        y.data.mul_(2.0)
        return x * y

    with pytest.raises(GradcheckError, match=r"input 1 \(y\) modified"):
        gradcheck(spoil, (leaf(2), leaf(2, seed=1)))


def test_a_backward_that_changes_is_found() -> None:
    calls = []

    def backward(g: Any, a: Any, b: Any) -> Any:
        calls.append(1)
        return g * b, g * a * (1.0 + 1e-12 * len(calls))

    f = function(lambda a, b: a * b, backward)
    with pytest.raises(GradcheckError, match="another gradient of input 1"):
        gradcheck(f, (leaf(2), leaf(2, seed=1)))


def test_a_backward_that_writes_to_what_it_saved_is_found() -> None:
    def backward(g: Any, a: Any, b: Any) -> Any:
        b.numpy(force=True)[...] *= 2.0
        return g * b, g * a

    f = function(lambda a, b: a * b, backward)
    with pytest.raises(GradcheckError, match="another gradient"):
        gradcheck(f, (leaf(2), leaf(2, seed=1)))


def test_a_wrong_second_derivative_is_found() -> None:
    f = function(lambda a, b: a**3 + b, lambda g, a, b: (g * 3 * a.detach() ** 2, g))
    a, b = leaf(2), leaf(2, seed=1)
    assert gradcheck(f, (a, b))
    with pytest.raises(GradcheckError, match="by input 0"):
        gradgradcheck(f, (a, b))


def test_dtype_and_missing_leaves_are_errors() -> None:
    with pytest.raises(DtypeError, match="input 0 of float32, expected float64"):
        gradcheck(rl.exp, rl.ones(2, requires_grad=True))
    with pytest.raises(ValueError, match="no input that requires grad"):
        gradcheck(rl.exp, rl.ones(2, dtype=rl.float64))
    with pytest.raises(GradcheckError, match="output 0 of float32"):
        gradcheck(lambda x: x.float(), leaf(2))


def test_inputs_stay_as_they_are() -> None:
    x = leaf(3)
    array, before = x._array, x._array.copy()
    gradcheck(rl.tanh, x)
    assert x._array is array and (array == before).all() and x.grad is None


def test_gradgradcheck_of_linear_and_constant_functions() -> None:
    x = leaf(3)
    assert gradgradcheck(lambda x: x * 2, x)
    assert gradgradcheck(lambda x: x.detach(), x)
    assert gradgradcheck(lambda x: x * x, x, rl.ones(3, dtype=rl.float64))
