"""Gradients, products and Jacobians of functions, as functions that can be differentiated again.

Each call is a level of its own: the function sees its arguments as new tensors. What comes out has
a graph only where something else that requires grad was met: an argument or a captured tensor
of the caller, or the arguments of a level around.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from rushlight import autograd
from rushlight.autograd.functional import jacobian_rows
from rushlight.errors import explain
from rushlight.func.trees import leaves, rebuilt
from rushlight.ops import shape as sh
from rushlight.tape import Node, TensorBase, apply, state, wrap

__all__ = ["grad", "grad_and_value", "hessian", "jacrev", "vjp", "vmap"]

Function = Callable[..., Any]
Argnums = int | tuple[int, ...]


class _Level:
    """One differentiation: the tensors that stand for the arguments, and what they feed."""

    def __init__(self, where: str) -> None:
        self.where = where
        self.recording = state.recording
        self.inputs: list[Any] = []
        self.running = True  # from when it is made until its function has returned

    def enter(self, tree: Any) -> Any:
        """Return the tree with a new tensor for each tensor, to differentiate by."""
        return rebuilt(tree, self._new)

    def _new(self, leaf: Any) -> Any:
        if not isinstance(leaf, TensorBase):
            got = f"a {type(leaf).__name__} among the arguments to differentiate by"
            raise TypeError(explain(self.where, got=got, expected="Tensors"))
        if leaf._requires_grad and self.recording:
            new: Any = apply(sh.reshape, (leaf,), {"shape": leaf._array.shape})
        else:
            new = leaf.detach().requires_grad_()  # type: ignore[attr-defined]
            new._level = self  # it is a leaf that only this level asks for
        self.inputs.append(new)
        return new

    def tracked(self, tensors: Sequence[Any]) -> bool:
        """Tell whether the graph of the tensors has a leaf that somebody outside may ask for: one
        of the caller's, or of a level around that is still running."""
        if not self.recording:
            return False
        stack = [t._node if t._node is not None else t for t in tensors if t._requires_grad]
        seen: set[Any] = set()
        while stack:
            at = stack.pop()
            if not isinstance(at, Node):
                maker = getattr(at, "_level", None)
                if maker is None or (maker is not self and maker.running):
                    return True
            elif at not in seen:
                seen.add(at)
                stack += [edge[0] for edge in at.edges if edge is not None]
        return False

    def leave(self, tree: Any) -> Any:
        """Return the tree with the tensors out of the graph that nobody outside can ask for."""
        self.running = False
        return rebuilt(tree, self._released)

    def _released(self, leaf: Any) -> Any:
        if not isinstance(leaf, TensorBase) or self.tracked([leaf]):
            return leaf
        return leaf.detach()  # type: ignore[attr-defined]


# ---- gradients


def grad(func: Function, argnums: Argnums = 0, has_aux: bool = False) -> Function:
    """Return the function that computes the gradient of `func`, which returns a scalar.

    Args:
        func: takes tensors, or tuples, lists and dicts of them; returns a tensor without dims.
        argnums: the argument to differentiate by, or a tuple of them; default the first.
        has_aux: `func` returns (scalar, anything), and the gradient comes as (gradient,
            anything); default False.

    Returns:
        A function of the same arguments; its result has the structure of the argument `argnums`.

    Raises:
        RuntimeError: when called, if there is no such argument, or no scalar comes out.

    Example:
        >>> import rushlight as rl
        >>> from rushlight.func import grad
        >>> grad(rl.sin)(rl.tensor(0.0)), grad(grad(lambda x: x**3))(rl.tensor(2.0))
        (tensor(1.), tensor(12.))

    Source: https://docs.pytorch.org/docs/stable/generated/torch.func.grad.html
    """

    @functools.wraps(func)
    def gradient(*args: Any, **kwargs: Any) -> Any:
        found, _, *aux = _differentiated("grad", func, argnums, has_aux, args, kwargs)
        return (found, *aux) if has_aux else found

    return gradient


def grad_and_value(func: Function, argnums: Argnums = 0, has_aux: bool = False) -> Function:
    """Return the function that computes (gradient, value) of `func`; see `grad`.

    With `has_aux` it gives (gradient, (value, anything)).

    Example:
        >>> import rushlight as rl
        >>> rl.func.grad_and_value(lambda x: (x * x).sum())(rl.tensor([1.0, 2.0]))
        (tensor([2., 4.]), tensor(5.))

    Source: https://docs.pytorch.org/docs/stable/generated/torch.func.grad_and_value.html
    """

    @functools.wraps(func)
    def both(*args: Any, **kwargs: Any) -> Any:
        found, value, *aux = _differentiated("grad", func, argnums, has_aux, args, kwargs)
        return found, ((value, *aux) if has_aux else value)

    return both


def _differentiated(
    where: str, func: Function, argnums: Argnums, has_aux: bool, args: Any, kwargs: Any
) -> tuple[Any, ...]:
    """Return the gradient, the value, and what came beside it."""
    level = _Level(where)
    with autograd.enable_grad():
        value, aux = _split(where, func, level, argnums, has_aux, args, kwargs)
        if not isinstance(value, TensorBase) or value._array.ndim:
            got = value.shape if isinstance(value, TensorBase) else type(value).__name__  # type: ignore[attr-defined]
            raise RuntimeError(
                explain(where, got=f"a function that returns {got}", expected="a scalar Tensor")
            )
        found = _gradients([value], level.inputs, [None], level.tracked([value]))
    parts = iter(level.leave(found))
    picked = tuple(args[i] for i in argnums) if isinstance(argnums, tuple) else args[argnums]
    result = rebuilt(picked, lambda _: next(parts))
    return (result, level.leave(value), *([level.leave(aux)] if has_aux else []))


def _split(
    where: str,
    func: Function,
    level: _Level,
    argnums: Argnums,
    has_aux: bool,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> tuple[Any, Any]:
    """Call the function on the arguments of a level; return its result and what is beside it."""
    numbers = argnums if isinstance(argnums, tuple) else (argnums,)
    for i in numbers:
        if type(i) is not int or not -len(args) <= i < len(args):
            expected = f"ints of -{len(args)} to {len(args) - 1}, for {len(args)} arguments"
            raise RuntimeError(explain(where, got=f"argnums={argnums!r}", expected=expected))
    places = [i % len(args) for i in numbers]
    if len(set(places)) < len(places) or not places:
        raise RuntimeError(explain(where, got=f"argnums={argnums!r}", expected="each once"))
    given = list(args)
    for i in places:
        given[i] = level.enter(args[i])
    result = func(*given, **kwargs)
    if not has_aux:
        return result, None
    if not isinstance(result, tuple) or len(result) != 2:
        got = f"a function that returns {type(result).__name__}"
        raise RuntimeError(explain(where, got=got, expected="(result, aux), as has_aux=True"))
    return result


def _gradients(
    outputs: list[Any], inputs: list[Any], seeds: list[Any], create_graph: bool
) -> list[Any]:
    """Return the gradients by the inputs, zeros where there is none."""
    pairs = [(y, v) for y, v in zip(outputs, seeds, strict=True) if y._requires_grad]
    if not pairs:
        return [wrap(x._array * 0) for x in inputs]
    ys, vs = zip(*pairs, strict=True)
    return list(
        autograd.grad(
            ys,
            inputs,
            vs,
            retain_graph=True,
            create_graph=create_graph,
            allow_unused=True,
            materialize_grads=True,
        )
    )


def vjp(func: Function, *primals: Any, has_aux: bool = False) -> tuple[Any, ...]:
    """Return the result of `func(*primals)` and the function v -> v^T J of cotangents.

    Args:
        func: takes and returns tensors, or tuples, lists and dicts of them.
        primals: its arguments.
        has_aux: `func` returns (result, anything), and this (result, function, anything).

    Returns:
        The function takes v in the structure of the result, and returns a tuple: for each of
        `primals` the product, in its structure.

    Example:
        >>> import rushlight as rl
        >>> y, back = rl.func.vjp(lambda x: x**2, rl.tensor([1.0, 2.0]))
        >>> back(rl.tensor([1.0, 10.0]))
        (tensor([ 2., 40.]),)

    Source: https://docs.pytorch.org/docs/stable/generated/torch.func.vjp.html
    """
    if not primals:
        raise RuntimeError(explain("vjp", got="no primals", expected="arguments of the function"))
    level = _Level("vjp")
    numbers = tuple(range(len(primals)))
    with autograd.enable_grad():
        result, aux = _split("vjp", func, level, numbers, has_aux, primals, {})
    outputs = _results("vjp", result)

    def back(cotangents: Any) -> tuple[Any, ...]:
        vs = leaves(cotangents)
        shapes = [y.shape for y in outputs]
        if [getattr(v, "shape", None) for v in vs] != shapes:
            got = f"cotangents of shapes {[getattr(v, 'shape', v) for v in vs]}"
            raise RuntimeError(explain("vjp", got=got, expected=shapes))
        tracked = level.tracked([*outputs, *vs])
        found = iter(level.leave(_gradients(outputs, level.inputs, vs, tracked)))
        products: tuple[Any, ...] = rebuilt(primals, lambda _: next(found))
        return products

    return (level.leave(result), back, *([level.leave(aux)] if has_aux else []))


def _results(where: str, result: Any) -> list[Any]:
    outputs = leaves(result)
    for y in outputs:
        if not isinstance(y, TensorBase):
            got = f"a function that returns {type(y).__name__}"
            raise RuntimeError(explain(where, got=got, expected="Tensors, or tuples of them"))
    return outputs


# ---- Jacobians


def jacrev(
    func: Function,
    argnums: Argnums = 0,
    *,
    has_aux: bool = False,
    chunk_size: int | None = None,
) -> Function:
    """Return the function that computes the Jacobian of `func`: a pass for each output element.

    Args:
        func, argnums: as of `grad`; the result may be any tensor, tuple, list or dict of them.
        has_aux: `func` returns (result, anything), and this (Jacobian, anything).
        chunk_size: accepted, and of no effect: there are no chunks.

    Returns:
        A function of the same arguments; for each output, in the structure of the outputs, the
        structure of the argument `argnums` with Jacobians (*output, *input).

    Example:
        >>> import rushlight as rl
        >>> rl.func.jacrev(lambda x: x.sum() * x)(rl.tensor([1.0, 2.0]))
        tensor([[4., 1.],
                [2., 5.]])

    Source: https://docs.pytorch.org/docs/stable/generated/torch.func.jacrev.html
    """
    if chunk_size is not None and chunk_size < 1:
        raise ValueError(explain("jacrev", got=f"chunk_size={chunk_size}", expected="1 or more"))

    @functools.wraps(func)
    def jacobian(*args: Any, **kwargs: Any) -> Any:
        level = _Level("jacrev")
        with autograd.enable_grad():
            result, aux = _split("jacrev", func, level, argnums, has_aux, args, kwargs)
            outputs = _results("jacrev", result)
            inputs, tracked = tuple(level.inputs), level.tracked(outputs)
            rows = [jacobian_rows(y, inputs, tracked, False) for y in outputs]
        picked = tuple(args[i] for i in argnums) if isinstance(argnums, tuple) else args[argnums]
        found = iter(rows)

        def of_output(_: Any) -> Any:
            parts = iter(level.leave(next(found)))
            return rebuilt(picked, lambda _: next(parts))

        matrices = rebuilt(result, of_output)
        return (matrices, level.leave(aux)) if has_aux else matrices

    return jacobian


def hessian(func: Function, argnums: Argnums = 0) -> Function:
    """Return the function that computes the Hessian of `func`: the Jacobian of its Jacobian.

    Example:
        >>> import rushlight as rl
        >>> rl.func.hessian(lambda x: x.prod() * x[0])(rl.tensor([1.0, 2.0]))
        tensor([[4., 2.],
                [2., 0.]])

    Source: https://docs.pytorch.org/docs/stable/generated/torch.func.hessian.html
    """
    return jacrev(jacrev(func, argnums), argnums)


def vmap(*args: Any, **kwargs: Any) -> NoReturn:
    """Refuse: ops here know no batch beside the one that they are written for.

    Raises:
        NotImplementedError: always, naming what to do instead.
    """
    raise NotImplementedError(
        "vmap is not supported: write the batch as a dim of the tensors; for gradients of each "
        "sample there is rushlight.func.per_sample_grad"
    )
