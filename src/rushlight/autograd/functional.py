"""Products with Jacobians and Hessians of functions of tensors, and these matrices themselves.

All are passes of the tape. A product J v takes two: J^T u is linear in u, and v of its gradient by
u is J v.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np

from rushlight.autograd.gradients import grad
from rushlight.autograd.modes import enable_grad
from rushlight.errors import explain
from rushlight.ops import shape as sh
from rushlight.tape import TensorBase, apply, wrap

__all__ = ["hessian", "hvp", "jacobian", "jvp", "vhp", "vjp"]

Tensors: TypeAlias = tuple[Any, ...]
Function: TypeAlias = Callable[..., Any]

_OUTPUTS = "outputs of the function"


# ---- products


def vjp(
    func: Function, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """Return the outputs of `func` and v^T J, the product of `v` with its Jacobian.

    Args:
        func: takes tensors, returns a tensor or a tuple of them.
        inputs: a tensor or a tuple of them.
        v: in the shapes of the outputs; may be left out for one output of one element.
        create_graph: record the pass, so that the results can be differentiated; default False.
        strict: raise for an input that the outputs do not depend on, instead of giving zeros;
            default False.

    Raises:
        TypeError: for inputs, outputs or v that are no tensors.
        RuntimeError: for a `v` that does not fit, or what `strict` forbids.

    Example:
        >>> import rushlight as rl
        >>> x = rl.tensor([1.0, 2.0])
        >>> rl.autograd.functional.vjp(lambda x: x**2, x, rl.tensor([1.0, 10.0]))
        (tensor([1., 4.]), tensor([ 2., 40.]))
    """
    with enable_grad():
        several, xs = _leaves("vjp", inputs, create_graph)
        many, ys = _outputs("vjp", func(*xs), strict)
        vs = _vector("vjp", v, ys, many, create_graph)
        found = _grad("vjp", ys, xs, vs, create_graph)
        products = _filled("vjp", found, xs, "input", strict, create_graph)
    return _given(ys, many, create_graph), _given(products, several, create_graph)


def jvp(
    func: Function, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """Return the outputs of `func` and J v, the product of its Jacobian with `v`.

    Args:
        func, inputs, create_graph, strict: as of `vjp`.
        v: in the shapes of the inputs; may be left out for one input of one element.

    Example:
        >>> import rushlight as rl
        >>> x = rl.tensor([1.0, 2.0])
        >>> rl.autograd.functional.jvp(lambda x: x.sum() * x, x, rl.tensor([1.0, 0.0]))
        (tensor([3., 6.]), tensor([4., 2.]))
    """
    with enable_grad():
        several, xs = _leaves("jvp", inputs, create_graph)
        vs = _vector("jvp", v, xs, several, create_graph)
        many, ys = _outputs("jvp", func(*xs), strict)
        us = _zeros(ys, requires_grad=True)
        back = _grad("jvp", ys, xs, us, True)
        if strict:
            _filled("jvp", back, xs, "input", True, True)
        found = _grad("jvp", back, us, vs, create_graph)
        products = _filled("jvp", found, ys, "output", strict, create_graph)
    return _given(ys, many, create_graph), _given(products, many, create_graph)


def vhp(
    func: Function, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """Return the output of `func`, a single element, and v^T H, the product with its Hessian.

    Args:
        func, inputs, create_graph, strict: as of `vjp`.
        v: in the shapes of the inputs; may be left out for one input of one element.

    Example:
        >>> import rushlight as rl
        >>> x = rl.tensor([1.0, 2.0])
        >>> rl.autograd.functional.vhp(lambda x: (x**3).sum(), x, rl.tensor([1.0, 10.0]))
        (tensor(9.), tensor([  6., 120.]))
    """
    with enable_grad():
        several, xs, vs, ys, slopes = _slopes("vhp", func, inputs, v, create_graph, strict)
        found = _grad("vhp", slopes, xs, vs, create_graph)
        products = _filled("vhp", found, xs, "input", strict, create_graph)
    return _given(ys, False, create_graph), _given(products, several, create_graph)


def hvp(
    func: Function, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """Return the output of `func`, a single element, and H v; `vhp` is the same and faster where
    the Hessian is symmetric.

    Args:
        func, inputs, v, create_graph, strict: as of `vhp`.

    Example:
        >>> import rushlight as rl
        >>> x = rl.tensor([1.0, 2.0])
        >>> rl.autograd.functional.hvp(lambda x: x.prod() * x[0], x, rl.tensor([1.0, 0.0]))
        (tensor(2.), tensor([4., 2.]))
    """
    with enable_grad():
        several, xs, vs, ys, slopes = _slopes("hvp", func, inputs, v, create_graph, strict)
        us = _zeros(xs, requires_grad=True)
        back = _grad("hvp", slopes, xs, us, True)
        found = _grad("hvp", back, us, vs, create_graph)
        products = _filled("hvp", found, xs, "input", strict, create_graph)
    return _given(ys, False, create_graph), _given(products, several, create_graph)


def _slopes(
    where: str, func: Function, inputs: Any, v: Any, create_graph: bool, strict: bool
) -> tuple[bool, Tensors, Tensors, Tensors, Tensors]:
    """Return the inputs, v, the one output, and the recorded gradient of it by the inputs."""
    several, xs = _leaves(where, inputs, create_graph)
    vs = _vector(where, v, xs, several, create_graph)
    ys = (_single(where, func(*xs), strict),)
    slopes = _grad(where, ys, xs, None, True)
    if strict:
        _filled(where, slopes, xs, "input", True, True)
    return several, xs, vs, ys, slopes


# ---- whole matrices


def jacobian(
    func: Function,
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    strategy: str = "reverse-mode",
) -> Any:
    """Return the Jacobian of `func`, of shape (*output, *input): a pass for each output element.

    Of a tuple of inputs or outputs there is a tuple of Jacobians, of both a tuple of tuples.

    Args:
        func, inputs, create_graph, strict: as of `vjp`.
        vectorize: accepted, and of no effect: there is one way to compute it. Not with `strict`.
        strategy: 'reverse-mode', the only one.

    Raises:
        NotImplementedError: for strategy 'forward-mode'.
        TypeError, RuntimeError: as of `vjp`.

    Example:
        >>> import rushlight as rl
        >>> rl.autograd.functional.jacobian(lambda x: x.sum() * x, rl.tensor([1.0, 2.0]))
        tensor([[4., 1.],
                [2., 5.]])
    """
    _check_strategy("jacobian", strategy)
    if vectorize and strict:
        raise RuntimeError(
            explain("jacobian", got="strict and vectorize", expected="one of them, or none")
        )
    with enable_grad():
        several, xs = _leaves("jacobian", inputs, create_graph)
        many, ys = _outputs("jacobian", func(*xs), strict)
        rows = tuple(
            _given(jacobian_rows(y, xs, create_graph, strict), several, create_graph) for y in ys
        )
    return rows if many else rows[0]


def jacobian_rows(y: Any, xs: Tensors, create_graph: bool, strict: bool) -> Tensors:
    """Return the Jacobians of one output by each input."""
    shape, count = y._array.shape, y._array.size
    rows: list[list[Any]] = [[] for _ in xs]
    for j in range(count):
        seed = np.zeros(count, y._array.dtype)
        seed[j] = 1
        found = _grad("jacobian", (y,), xs, (wrap(seed.reshape(shape)),), create_graph)
        found = _filled("jacobian", found, xs, "input", strict, create_graph)
        for column, part in zip(rows, found, strict=True):
            column.append(apply(sh.reshape, (part,), {"shape": (1, *part._array.shape)}))
    if not count:
        return tuple(wrap(np.empty((*shape, *x._array.shape), x._array.dtype)) for x in xs)
    return tuple(
        apply(sh.reshape, (_joined(column),), {"shape": (*shape, *x._array.shape)})
        for column, x in zip(rows, xs, strict=True)
    )


def _joined(rows: list[Any]) -> Any:
    return apply(sh.cat, tuple(rows), {"dim": 0})


def hessian(
    func: Function,
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    outer_jacobian_strategy: str = "reverse-mode",
) -> Any:
    """Return the Hessian of `func`, which returns a single element: shape (*input, *input).

    Of a tuple of inputs there is a tuple of tuples, [i][j] by the inputs i and j.

    Args:
        func, inputs, create_graph, strict, vectorize: as of `jacobian`.
        outer_jacobian_strategy: 'reverse-mode', the only one.

    Raises:
        NotImplementedError: for strategy 'forward-mode'.
        RuntimeError: if `func` returns anything else than a single element.

    Example:
        >>> import rushlight as rl
        >>> rl.autograd.functional.hessian(lambda x: x.prod() * x[0], rl.tensor([1.0, 2.0]))
        tensor([[4., 2.],
                [2., 0.]])
    """
    _check_strategy("hessian", outer_jacobian_strategy)
    several, xs = _tensors("hessian", inputs, "inputs")

    def slopes(*xs: Any) -> Tensors:
        y = _single("hessian", func(*xs), strict)
        found = _grad("hessian", (y,), xs, None, True)
        return _filled("hessian", found, xs, "input", strict, True)

    found = jacobian(slopes, xs, create_graph, strict, vectorize)
    return found if several else found[0][0]


def _check_strategy(where: str, strategy: str) -> None:
    if strategy == "forward-mode":
        raise NotImplementedError(
            f"{where}: strategy 'forward-mode' is not supported; 'reverse-mode' gives the same"
        )
    if strategy != "reverse-mode":
        raise AssertionError(explain(where, got=f"{strategy!r}", expected="'reverse-mode'"))


# ---- arguments and results


def _tensors(where: str, value: Any, what: str) -> tuple[bool, Tensors]:
    """Return whether the value is a tuple, and it as a tuple of tensors."""
    several = isinstance(value, tuple)
    found = value if several else (value,)
    for i, x in enumerate(found):
        if not isinstance(x, TensorBase):
            got = f"{type(x).__name__}{f' at position {i}' if several else ''} in the {what}"
            raise TypeError(explain(where, got=got, expected="a Tensor or a tuple of Tensors"))
    return several, found


def _leaves(where: str, inputs: Any, create_graph: bool) -> tuple[bool, Tensors]:
    """Return the inputs as tensors that nothing else holds, to tell them from what func captures.

    With a graph they are views in it of the inputs, else detached.
    """
    several, xs = _tensors(where, inputs, "inputs")
    return several, tuple(_fresh(x, create_graph, requires_grad=True) for x in xs)


def _fresh(x: Any, create_graph: bool, requires_grad: bool) -> Any:
    if create_graph and x._requires_grad:
        return apply(sh.reshape, (x,), {"shape": x._array.shape})
    detached = x.detach()
    return detached.requires_grad_() if requires_grad else detached


def _outputs(where: str, found: Any, strict: bool) -> tuple[bool, Tensors]:
    many, ys = _tensors(where, found, _OUTPUTS)
    for i, y in enumerate(ys):
        if strict and not y._requires_grad:
            raise RuntimeError(_independent(where, f"output {i}", "the inputs"))
    return many, ys


def _single(where: str, found: Any, strict: bool) -> Any:
    many, ys = _outputs(where, found, strict)
    if many or ys[0]._array.size != 1:
        got = f"a function that returns {'a tuple' if many else ys[0].shape}"
        raise RuntimeError(explain(where, got=got, expected="a single Tensor with one element"))
    return ys[0]


def _vector(where: str, v: Any, like: Tensors, several: bool, create_graph: bool) -> Tensors:
    """Return v as tensors that fit `like`; ones where it may be left out."""
    if v is None:
        if len(like) != 1 or like[0]._array.size != 1:
            shapes = [x.shape for x in like]
            expected = f"v, as {shapes} is not a single element"
            raise RuntimeError(explain(where, got="no v", expected=expected))
        return (wrap(np.ones_like(like[0]._array)),)
    _, vs = _tensors(where, v, "v")
    shapes = [x.shape for x in like]
    if [x.shape for x in vs] != shapes:
        got = f"v of shapes {[x.shape for x in vs]}"
        raise RuntimeError(explain(where, got=got, expected=shapes if several else shapes[0]))
    return tuple(_fresh(x, create_graph, requires_grad=False) for x in vs)


def _zeros(like: Tensors, requires_grad: bool = False) -> Tensors:
    zeros = [wrap(np.zeros_like(x._array)) for x in like]
    return tuple(z.requires_grad_() if requires_grad else z for z in zeros)


def _grad(
    where: str, ys: Sequence[Any], xs: Tensors, seeds: Tensors | None, create_graph: bool
) -> Tensors:
    """Return the gradients by `xs`, None where there is none; `ys` may hold None."""
    seeds = seeds or (None,) * len(ys)
    pairs = [(y, v) for y, v in zip(ys, seeds, strict=True) if y is not None and y._requires_grad]
    if not pairs:
        return (None,) * len(xs)
    outputs, vs = zip(*pairs, strict=True)
    return grad(outputs, xs, vs, retain_graph=True, create_graph=create_graph, allow_unused=True)


def _filled(
    where: str, found: Tensors, like: Tensors, what: str, strict: bool, create_graph: bool
) -> Tensors:
    """Return zeros for the gradients that are None; with `strict` an error."""
    for i, g in enumerate(found):
        if strict and g is None:
            raise RuntimeError(_independent(where, "the result", f"{what} {i}"))
        if strict and create_graph and not g._requires_grad:
            raise RuntimeError(_independent(where, "the derivative", f"{what} {i}"))
    zeros = _zeros(like)
    return tuple(z if g is None else g for g, z in zip(found, zeros, strict=True))


def _independent(where: str, what: str, of: str) -> str:
    got = f"a function of which {what} does not depend on {of}"
    return explain(where, got=got, expected="that it does, as strict=True")


def _given(found: Tensors, several: bool, create_graph: bool) -> Any:
    """Return tensors as the caller gave theirs; without history where no graph was asked for."""
    if not create_graph:
        found = tuple(x.detach() for x in found)
    return found if several else found[0]
