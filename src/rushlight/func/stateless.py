"""Calls of modules with parameters and buffers that are not their own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rushlight.errors import explain
from rushlight.functional.shaping import stack
from rushlight.nn import Module
from rushlight.nn.replaced import replaced
from rushlight.tape import TensorBase
from rushlight.tensor import Tensor

__all__ = ["functional_call", "stack_module_state"]


def functional_call(
    module: Module,
    parameter_and_buffer_dicts: Any,
    args: Any = None,
    kwargs: dict[str, Any] | None = None,
    *,
    tie_weights: bool = True,
    strict: bool = False,
) -> Any:
    """Call a module with other tensors in the place of its parameters and buffers.

    Args:
        module: the module; it is afterwards what it was.
        parameter_and_buffer_dicts: path -> tensor, or several such dicts without common keys. What
            is not named stays the module's own. Buffers that the call replaces are replaced in a
            single dict, too.
        args: the argument, or a tuple of them; None for none.
        kwargs: keyword arguments.
        tie_weights: let a tensor stand for all paths of a shared parameter; default True.
        strict: refuse dicts that do not name everything, or something else; default False.

    Raises:
        ValueError: for keys in several dicts, or several values for what is shared.
        RuntimeError: for keys that are missing or unexpected, if `strict`.

    Example:
        >>> import rushlight as rl
        >>> layer = rl.nn.Linear(2, 1)
        >>> other = {"weight": rl.tensor([[1.0, 10.0]]), "bias": rl.tensor([0.5])}
        >>> rl.func.functional_call(layer, other, rl.tensor([[1.0, 2.0]]))
        tensor([[21.5000]])

    Source: https://docs.pytorch.org/docs/stable/generated/torch.func.functional_call.html
    """
    given = _joined(parameter_and_buffer_dicts)
    tensors = _untied(module, given) if tie_weights else dict(given)
    for path, value in tensors.items():
        if not isinstance(value, TensorBase):
            got = f"{type(value).__name__} for {path!r}"
            raise TypeError(explain("functional_call", got=got, expected="a Tensor"))
    if strict:
        _check_keys(module, tensors)
    positional = () if args is None else args if isinstance(args, tuple) else (args,)
    with replaced(module, tensors, given):
        return module(*positional, **(kwargs or {}))


def _joined(dicts: Any) -> dict[str, Any]:
    if isinstance(dicts, dict):
        return dicts
    if not isinstance(dicts, (tuple, list)) or not all(isinstance(d, dict) for d in dicts):
        got = f"parameters and buffers in a {type(dicts).__name__}"
        raise ValueError(explain("functional_call", got=got, expected="a dict, or a tuple of them"))
    names = [name for d in dicts for name in d]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(
            explain("functional_call", got=f"{twice} in several dicts", expected="each name once")
        )
    return {name: value for d in dicts for name, value in d.items()}


def _members(module: Module) -> dict[str, Any]:
    """Return all parameters and buffers by path, shared ones by each of theirs."""
    named = dict(module.named_parameters(remove_duplicate=False))
    return {**named, **dict(module.named_buffers(remove_duplicate=False))}


def _untied(module: Module, given: dict[str, Any]) -> dict[str, Any]:
    """Return the tensors with those of shared members under all paths."""
    paths: dict[int, list[str]] = {}
    for path, member in _members(module).items():
        paths.setdefault(id(member), []).append(path)
    tensors = dict(given)
    for shared in paths.values():
        values = {id(given[path]): given[path] for path in shared if path in given}
        if len(values) > 1:
            raise ValueError(
                explain(
                    "functional_call",
                    got=f"several values for {shared}, which are shared",
                    expected="one of them",
                    fix="pass tie_weights=False if they are to differ",
                )
            )
        for value in values.values():
            tensors.update(dict.fromkeys(shared, value))
    return tensors


def _check_keys(module: Module, tensors: dict[str, Any]) -> None:
    known = _members(module)
    missing = [path for path in known if path not in tensors]
    unexpected = [path for path in tensors if path not in known]
    if missing or unexpected:
        raise RuntimeError(
            explain(
                f"functional_call of {type(module).__name__}, strict=True",
                got=f"missing {missing} and unexpected {unexpected}",
                expected="every parameter and buffer, and nothing else",
            )
        )


def stack_module_state(models: Sequence[Module]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Return the parameters and the buffers of models of one class, stacked by name.

    Args:
        models: at least one, all in the same mode.

    Returns:
        Two dicts, path -> (len(models), *shape); stacked parameters are new leaves.

    Raises:
        RuntimeError: for no model, or models that do not go together.

    Example:
        >>> import rushlight as rl
        >>> parameters, _ = rl.func.stack_module_state([rl.nn.Linear(2, 3) for _ in range(4)])
        >>> {name: p.shape for name, p in parameters.items()}
        {'weight': (4, 3, 2), 'bias': (4, 3)}

    Source: https://docs.pytorch.org/docs/stable/generated/torch.func.stack_module_state.html
    """
    what = "stack_module_state"
    if not len(models):
        raise RuntimeError(explain(what, got="no models", expected="at least one"))
    if len({model.training for model in models}) > 1:
        raise RuntimeError(explain(what, got="training and evaluation mode", expected="one mode"))
    kinds = sorted({type(model).__name__ for model in models})
    if len({type(model) for model in models}) > 1:
        raise RuntimeError(explain(what, got=f"models of {kinds}", expected="one class"))
    parameters = [dict(model.named_parameters()) for model in models]
    buffers = [dict(model.named_buffers()) for model in models]
    return tuple(  # type: ignore[return-value]
        {name: _stacked([found[name] for found in named], name) for name in named[0]}
        for named in (parameters, buffers)
    )


def _stacked(tensors: list[Any], name: str) -> Tensor:
    if len({t.requires_grad for t in tensors}) > 1:
        got = f"{name!r} that requires grad in some models only"
        raise RuntimeError(explain("stack_module_state", got=got, expected="in all, or in none"))
    stacked = stack(tensors)
    return stacked.detach().requires_grad_() if tensors[0].requires_grad else stacked
