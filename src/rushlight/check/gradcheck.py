"""Gradients against central differences, in random directions.

One directional derivative costs two evaluations, whatever the number of elements. Only after it
disagrees are the elements tried one by one, to say which is wrong.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from rushlight.arrays import Array
from rushlight.autograd import enable_grad, grad, no_grad
from rushlight.errors import DtypeError, explain
from rushlight.tape import wrap
from rushlight.tensor import Tensor

__all__ = ["GradcheckError", "gradcheck", "gradgradcheck"]

Outputs = tuple[Tensor, ...]


class GradcheckError(RuntimeError):
    """An analytic gradient that differs from the numeric one, or a function unfit to be checked."""


def gradcheck(
    func: Callable[..., Any],
    inputs: Any,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    *,
    directions: int = 2,
    seed: int = 0,
    raise_exception: bool = True,
) -> bool:
    """Compare the gradients of `func` with central differences, (f(x + e u) - f(x - e u)) / 2e.

    The outputs are weighted with random cotangents and the inputs moved in random directions; a
    sum of ones would hide the gradients of softmax and normalization. Also checked: the inputs are
    not modified, a repeated backward gives the same bits, outputs whose gradient is undefined
    (None) count as zero.

    Args:
        func: takes the inputs and returns a tensor or several of them.
        inputs: a tensor or a sequence; those that require grad are checked and must be float64.
        eps: the step of the differences.
        atol, rtol: |analytic - numeric| must not exceed atol + rtol * |numeric|.
        directions: how many random directions to try; default 2.
        seed: of the random directions.
        raise_exception: raise GradcheckError (the default) or return False.

    Raises:
        GradcheckError: with the input, the index and both values of the worst element.
        DtypeError: if an input that requires grad is not float64.

    Example:
        >>> import rushlight as rl
        >>> x = rl.tensor([0.5, -1.0, 2.0], dtype=rl.float64, requires_grad=True)
        >>> gradcheck(lambda x: (x * x).softmax(0), x)
        True
        >>> gradcheck(lambda x: x * x.detach(), x, raise_exception=False)  # half is cut off
        False
    """
    given = (inputs,) if isinstance(inputs, Tensor) else tuple(inputs)
    checked = _checked(given, "gradcheck")
    check = _Check(func, given, checked, eps, atol, rtol, np.random.default_rng(seed))
    try:
        for _ in range(directions):
            check.run()
    except GradcheckError:
        if raise_exception:
            raise
        return False
    return True


def gradgradcheck(
    func: Callable[..., Any],
    inputs: Any,
    grad_outputs: Any = None,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    *,
    directions: int = 2,
    seed: int = 0,
    raise_exception: bool = True,
) -> bool:
    """Compare second derivatives of `func`: gradcheck of its gradient, recorded by create_graph.

    Args:
        grad_outputs: the gradients by the outputs, which are checked too; default random.
        func, inputs, eps, atol, rtol, directions, seed, raise_exception: as in `gradcheck`.

    Raises:
        GradcheckError: as `gradcheck`; inputs are counted on into the gradients by the outputs.

    Example:
        >>> import rushlight as rl
        >>> x = rl.tensor([0.5, -1.0, 2.0], dtype=rl.float64, requires_grad=True)
        >>> gradgradcheck(lambda x: x**3, x)
        True
    """
    given = (inputs,) if isinstance(inputs, Tensor) else tuple(inputs)
    checked = [given[i] for i in _checked(given, "gradgradcheck")]
    outputs = _outputs(func(*given))
    used = [k for k, out in enumerate(outputs) if out.requires_grad]
    if grad_outputs is None:
        rng = np.random.default_rng([seed, 1])
        weights = [wrap(rng.standard_normal(outputs[k].shape)) for k in used]
    else:
        weights = [grad_outputs] if isinstance(grad_outputs, Tensor) else list(grad_outputs)
    weights = [w.detach().requires_grad_() for w in weights]
    if not used:
        return True  # a constant: its gradient is no function of anything

    def gradient(*arguments: Any) -> Outputs:
        xs, by = arguments[: len(given)], arguments[len(given) :]
        with enable_grad():
            results = _outputs(func(*xs))
            found = grad(
                [results[k] for k in used], checked, by, create_graph=True, allow_unused=True
            )
        return tuple([g for g in found if g is not None and g.requires_grad])

    return gradcheck(
        gradient,
        (*given, *weights),
        eps,
        atol,
        rtol,
        directions=directions,
        seed=seed,
        raise_exception=raise_exception,
    )


def _checked(given: tuple[Any, ...], where: str) -> list[int]:
    """Return the positions of the inputs to check, each tensor once."""
    found: list[int] = []
    for i, x in enumerate(given):
        if not isinstance(x, Tensor) or not x.requires_grad:
            continue
        if x.dtype != np.float64:
            raise DtypeError(
                explain(
                    where,
                    got=f"input {i} of {x.dtype.name}",
                    expected="float64",
                    fix="central differences drown in rounding otherwise; use .double()",
                )
            )
        if all(given[j] is not x for j in found):
            found.append(i)
    if not found:
        raise ValueError(
            explain(where, got="no input that requires grad", expected="at least one tensor")
        )
    return found


def _outputs(result: Any) -> Outputs:
    """Return the floating tensors among what a function returned."""
    several = result if isinstance(result, (tuple, list)) else (result,)
    return tuple([x for x in several if isinstance(x, Tensor) and x.is_floating_point()])


class _Check:
    """One function at one point, and a source of random directions."""

    def __init__(
        self,
        func: Callable[..., Any],
        given: tuple[Any, ...],
        checked: list[int],
        eps: float,
        atol: float,
        rtol: float,
        rng: np.random.Generator,
    ) -> None:
        self.func, self.given, self.checked = func, given, checked
        self.eps, self.atol, self.rtol, self.rng = eps, atol, rtol, rng
        self.tensors: list[Tensor] = [given[i] for i in checked]

    def run(self) -> None:
        """Compare in one random direction."""
        outputs = self.forward()
        weights = [self.rng.standard_normal(out.shape) for out in outputs]
        gradients = self.analytic(outputs, weights)
        steps = [self.direction(x.shape) for x in self.tensors]
        analytic = sum(float((g * u).sum()) for g, u in zip(gradients, steps, strict=True))
        numeric = self.numeric(weights, steps)
        if not self.close(analytic, numeric):
            self.localize(weights, analytic, numeric)

    def close(self, analytic: float, numeric: float) -> bool:
        return abs(analytic - numeric) <= self.atol + self.rtol * abs(numeric)  # False for nan

    def direction(self, shape: tuple[int, ...]) -> Array:
        """Return steps of either sign and size 0.5 to 1, so that no element is passed over."""
        return self.rng.uniform(0.5, 1.0, shape) * self.rng.choice([-1.0, 1.0], shape)

    def forward(self) -> Outputs:
        """Return the recorded outputs; the inputs must be as before."""
        before = [x._array.copy() if isinstance(x, Tensor) else None for x in self.given]
        with enable_grad():
            outputs = _outputs(self.func(*self.given))
        for i, (x, old) in enumerate(zip(self.given, before, strict=True)):
            if old is not None and x._array.tobytes() != old.tobytes():
                raise GradcheckError(
                    explain(
                        "gradcheck",
                        got=f"{self.name(i)} modified by the function",
                        expected="its inputs unchanged",
                        fix="clone() it first",
                    )
                )
        for k, out in enumerate(outputs):
            if out.dtype != np.float64:
                raise GradcheckError(
                    explain("gradcheck", got=f"output {k} of {out.dtype.name}", expected="float64")
                )
        return outputs

    def analytic(self, outputs: Outputs, weights: Sequence[Array]) -> list[Array]:
        """Return the gradients of the weighted outputs, having run backward twice."""
        pairs = [(o, w) for o, w in zip(outputs, weights, strict=True) if o.requires_grad]
        first, second = self.pull(pairs), self.pull(pairs)
        for i, a, b in zip(self.checked, first, second, strict=True):
            if a.tobytes() != b.tobytes():
                raise GradcheckError(
                    explain(
                        "gradcheck",
                        got=f"another gradient of {self.name(i)} by a second backward",
                        expected="the same bits",
                        fix="backward must not write to what it saved or was given",
                    )
                )
        if len(pairs) > 1:  # one at a time: the gradients of the others are undefined
            alone = [self.pull([pair]) for pair in pairs]
            for i, total, *parts in zip(self.checked, first, *alone, strict=True):
                if not np.allclose(total, sum(parts), rtol=1e-7, atol=1e-9, equal_nan=True):
                    raise GradcheckError(
                        explain(
                            "gradcheck",
                            got=f"a gradient of {self.name(i)} that is not the sum over outputs",
                            expected="undefined gradients to count as zero",
                        )
                    )
        return first

    def pull(self, pairs: Sequence[tuple[Tensor, Array]]) -> list[Array]:
        """Return the gradients by the checked inputs; zeros where there is none."""
        if not pairs:
            return [np.zeros(x.shape) for x in self.tensors]
        outputs, weights = zip(*pairs, strict=True)
        found = grad(
            outputs,
            self.tensors,
            [wrap(w.copy()) for w in weights],
            retain_graph=True,
            allow_unused=True,
        )
        return [
            np.zeros(x.shape) if g is None else g.detach()._array.copy()
            for x, g in zip(self.tensors, found, strict=True)
        ]

    def numeric(self, weights: Sequence[Array], steps: Sequence[Array]) -> float:
        """Return the central difference of the weighted outputs along `steps`."""
        ends = [self.moved(steps, h) for h in (self.eps, -self.eps)]
        return sum(
            float((w * (up - down)).sum()) / (2 * self.eps)
            for w, up, down in zip(weights, *ends, strict=True)
        )

    def moved(self, steps: Sequence[Array], h: float) -> list[Array]:
        """Return the outputs with the inputs moved by h * steps."""
        arrays = [x._array for x in self.tensors]
        try:
            for x, array, step in zip(self.tensors, arrays, steps, strict=True):
                x._array = np.asarray(array + h * step)
            with no_grad():
                return [out._array.copy() for out in _outputs(self.func(*self.given))]
        finally:
            for x, array in zip(self.tensors, arrays, strict=True):
                x._array = array

    def localize(self, weights: Sequence[Array], analytic: float, numeric: float) -> None:
        """Raise the error that names the worst element of all outputs and inputs."""
        outputs = self.forward()
        worst, wrong, text = -1.0, 0, ""
        for k, (out, weight) in enumerate(zip(outputs, weights, strict=True)):
            only = [weight if j == k else np.zeros_like(w) for j, w in enumerate(weights)]
            gradients = self.pull([(out, weight)] if out.requires_grad else [])
            for i, tensor, gradient in zip(self.checked, self.tensors, gradients, strict=True):
                for index in np.ndindex(tensor.shape):
                    steps = [np.zeros(x.shape) for x in self.tensors]
                    steps[self.checked.index(i)][index] = 1.0
                    slope, found = self.numeric(only, steps), float(gradient[index])
                    wrong += not self.close(found, slope)
                    error = abs(found - slope)
                    if not error <= worst:  # nan is worst of all
                        worst = np.inf if np.isnan(error) else error
                        text = (
                            f"output {k} by {self.name(i)} at index {index}: "
                            f"analytic {found:.6g}, numeric {slope:.6g}"
                        )
        raise GradcheckError(
            f"gradcheck: {text or 'no element'}; {wrong} elements differ "
            f"(in the random direction: analytic {analytic:.6g}, numeric {numeric:.6g})"
        )

    def name(self, i: int) -> str:
        """Return "input 1 (weight)", with the function's own name for it where it has one."""
        try:
            names = list(inspect.signature(self.func).parameters.values())
        except (TypeError, ValueError):
            names = []
        if i < len(names) and names[i].kind is not inspect.Parameter.VAR_POSITIONAL:
            return f"input {i} ({names[i].name})"
        return f"input {i}"
