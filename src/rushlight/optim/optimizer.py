"""The base class of optimizers: parameter groups, state, state dicts and the step."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from rushlight.arrays import Array
from rushlight.autograd import enable_grad
from rushlight.errors import ShapeError, explain
from rushlight.optim.flat import COUNTER, Layout
from rushlight.tape import TensorBase, cell, quietly, wrap

if TYPE_CHECKING:
    from rushlight.tensor import Tensor

__all__ = ["Optimizer"]


class Optimizer:
    """Owns the parameters, in groups with options of their own, and steps them.

    An optimizer is written as two methods over plain arrays, elementwise, and need not know of
    tensors, groups or how the parameters lie in memory:

    - `init(parameter, group)` makes the state of one parameter: a dict of name -> array;
    - `update(parameter, gradient, state, lr, group, first, scratch)` takes one step in place;
    - `advance(numbers, lr, group)`, where the state has numbers other than the count of steps.

    One that looks at parameters as a whole (their norm, say) sets the class attribute
    `elementwise = False`. Or it overrides `step` and loops over `param_groups` and `state`
    itself, as in torch.

    Args:
        params: the tensors to train, in an order that is the same in every run; or (name, tensor)
            pairs (`named_parameters()`); or dicts with such `params` and options of their own.
        defaults: dict, the options of groups that do not say otherwise; `lr` among them.

    Attributes:
        param_groups: list of dicts: `params` and the options.
        state: tensor -> dict of its state (name -> Tensor), made at its first step.
        defaults: dict, as given.

    Raises:
        ValueError: no parameters; one that is not a leaf; one given twice.
        TypeError: something else than tensors; a set, which has no order.

    Example:
        >>> import rushlight as rl
        >>> class SignSGD(Optimizer):
        ...     def __init__(self, params, lr=0.1):
        ...         super().__init__(params, {"lr": lr})
        ...     def init(self, parameter, group):
        ...         return {}
        ...     def update(self, parameter, gradient, state, lr, group, first, scratch):
        ...         parameter -= lr * np.sign(gradient)
        >>> w = rl.tensor([1.0, -2.0], requires_grad=True)
        >>> optimizer = SignSGD([w])
        >>> (w * w).sum().backward()
        >>> optimizer.step()
        >>> w
        tensor([ 0.9000, -1.9000], requires_grad=True)

    Source: https://docs.pytorch.org/docs/stable/optim.html
    """

    elementwise: ClassVar[bool] = True  # False: `update` takes parameters whole, one by one
    numbers: ClassVar[tuple[str, ...]] = (COUNTER,)  # state that is one number, not an array
    _flat: ClassVar[bool] = True  # False: step every array by itself, the definition of right
    _shards: Any = None  # what steps in its place where several processes share the state

    def __init__(self, params: Iterable[Any], defaults: dict[str, Any]) -> None:
        where = type(self).__name__
        if isinstance(params, TensorBase):
            raise TypeError(
                explain(
                    where,
                    got="one Tensor",
                    expected="an iterable of them",
                    fix=f"{where}([tensor])",
                )
            )
        self.defaults = defaults
        self.state: defaultdict[Any, dict[str, Any]] = defaultdict(dict)
        self.param_groups: list[dict[str, Any]] = []
        self._stepped = False
        self._forget()
        groups = _ordered(where, params)
        if not groups:
            raise ValueError(
                explain(
                    where,
                    got="an empty parameter list",
                    expected="at least one parameter",
                    fix="a generator such as parameters() can be read only once",
                )
            )
        if not isinstance(groups[0], dict):
            groups = [{"params": groups}]
        for group in groups:
            self.add_param_group(group)

    def _forget(self) -> None:
        self._layouts: list[Layout] = []
        self._scratch: dict[np.dtype[Any], tuple[Array, Array]] = {}

    # ---- what a concrete optimizer is

    def init(self, parameter: Array, group: dict[str, Any]) -> dict[str, Array]:
        """Return the state of a parameter before its first step.

        Args:
            parameter: its array.
            group: the options.

        Returns:
            name -> array; `numbers` are float32 scalars, of which the base counts `step`.
        """
        raise NotImplementedError(f"{type(self).__name__}: define init and update, or step")

    def update(
        self,
        parameter: Array,
        gradient: Array,
        state: dict[str, Any],
        lr: float,
        group: dict[str, Any],
        first: bool,
        scratch: Sequence[Array],
    ) -> None:
        """Take one step in place; elementwise, for the arrays may be pieces or several in one.

        Args:
            parameter: array, to be changed in place.
            gradient: array, not to be written to.
            state: arrays to be changed in place; `step`, where there is one, is the number of this
                step (a float, 1 in the first), other `numbers` are what they were before it.
            lr: the learning rate.
            group: the options.
            first: whether the state has just been made.
            scratch: two arrays for intermediate results, like `parameter`.
        """
        raise NotImplementedError(f"{type(self).__name__}: define init and update, or step")

    def advance(
        self, numbers: dict[str, Any], lr: float, group: dict[str, Any]
    ) -> dict[str, float]:
        """Return the numbers of the state, other than `step`, as they are after this step.

        Args:
            numbers: name -> number; `step` is that of this step, others are those before it.
            lr: the learning rate.
            group: the options.
        """
        return {}

    # ---- groups

    def add_param_group(self, param_group: Any) -> None:
        """Add a group: a dict of `params` and of the options that differ from the defaults.

        Raises:
            ValueError, TypeError: as the class; the optimizer is then unchanged.
        """
        where = type(self).__name__
        if not isinstance(param_group, dict):
            got = type(param_group).__name__
            raise TypeError(explain(f"{where}.add_param_group", got=got, expected="a dict"))
        if "params" not in param_group:
            got = f"a group with the keys {sorted(param_group)}"
            raise ValueError(explain(where, got=got, expected="the key 'params'"))
        given = param_group["params"]
        given = [given] if isinstance(given, TensorBase) else _ordered(where, given)
        names = [pair[0] for pair in given if isinstance(pair, tuple)]
        params = [pair[1] if isinstance(pair, tuple) else pair for pair in given]
        named = bool(names) or "param_names" in param_group
        unlike = any(named != ("param_names" in group) for group in self.param_groups)
        if unlike or len(names) not in (0, len(params)):
            raise ValueError(
                explain(
                    where,
                    got="parameters with and without names",
                    expected="all or none of them with names",
                    fix="use named_parameters() or parameters() throughout",
                )
            )
        self._check(params)
        param_group["params"] = params
        if names:
            param_group["param_names"] = names
        for key, value in self.defaults.items():
            param_group.setdefault(key, value)
        self.param_groups.append(param_group)

    def _check(self, params: list[Any]) -> None:
        where = type(self).__name__
        seen = {id(p): g for g, group in enumerate(self.param_groups) for p in group["params"]}
        own: dict[int, int] = {}
        for i, p in enumerate(params):
            if not isinstance(p, TensorBase):
                raise TypeError(
                    explain(where, got=f"{type(p).__name__} as parameter {i}", expected="a Tensor")
                )
            if p._node is not None and not p._retains_grad:
                raise ValueError(
                    explain(
                        where,
                        got=f"parameter {i}, the result of {p._node.op.name}",
                        expected="a leaf",
                        fix="make it with requires_grad=True, or detach() it",
                    )
                )
            if id(p) in own:
                raise ValueError(
                    explain(
                        where,
                        got=f"parameter {i}, the same tensor as parameter {own[id(p)]}",
                        expected="each tensor once",
                        fix="take model.parameters(), which lists tied parameters once",
                    )
                )
            if id(p) in seen:
                raise ValueError(
                    explain(
                        where,
                        got=f"parameter {i}, which is in group {seen[id(p)]} too",
                        expected="each tensor in one group",
                        fix="leave it out of one of them",
                    )
                )
            own[id(p)] = i

    # ---- the step

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Clear the gradients.

        Args:
            set_to_none: bool, forget the gradients (a parameter that then gets none is skipped by
                `step`) instead of filling them with 0; default True.
        """
        for group in self.param_groups:
            for p in group["params"]:
                if set_to_none:
                    p._grad = None
                elif p._grad is not None:
                    p._grad.detach_()
                    p._grad._array[...] = 0
                    cell(p._grad)[0] += 1

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update the parameters that have a gradient.

        Args:
            closure: computes the loss and its gradients again and returns the loss; default none.

        Returns:
            The loss of the closure, or None.

        Raises:
            ShapeError: a gradient, or a state, of another shape than its parameter.
        """
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        self._stepped = True
        quietly(self._step)
        return loss

    def _step(self) -> None:
        if self._shards is not None:
            self._shards.step()
            return
        layouts = self._layouts
        for i, group in enumerate(self.param_groups):
            if i == len(layouts) or not layouts[i].fits(group):
                layouts[i : i + 1] = [Layout(self, group)]
            layouts[i].group = group
            layouts[i].step()
        del layouts[len(self.param_groups) :]

    # ---- state dicts

    def state_dict(self) -> dict[str, Any]:
        """Return the state in torch's structure.

        Returns:
            `{"state": {index: {name: Tensor}}, "param_groups": [{..., "params": [indices]}]}`. The
            tensors are those of the optimizer: `rushlight.save` or `copy.deepcopy` it to keep it.
        """
        return self._packed(self.state if self._shards is None else self._shards.whole())

    def _packed(self, held: Mapping[Any, Any]) -> dict[str, Any]:
        index: dict[int, int] = {}
        groups = []
        for group in self.param_groups:
            for p in group["params"]:
                index[id(p)] = len(index)
            packed = {key: value for key, value in group.items() if key != "params"}
            packed["params"] = [index[id(p)] for p in group["params"]]
            groups.append(packed)
        state = {index.get(id(key), key): dict(value) for key, value in held.items()}
        return {"state": state, "param_groups": groups}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over a state that `state_dict`, or that of torch's optimizer, returned.

        Groups and parameters correspond by position. Tensors are copied and brought to the dtype
        of their parameter; arrays, torch's tensors and numbers will do too. Options that the state
        lacks keep the defaults. Make schedulers before: making one sets the learning rate.

        Raises:
            ValueError: other groups, or other numbers of parameters; nothing is then changed.
            ShapeError: a state of another shape than its parameter; nothing is then changed.
        """
        where = f"{type(self).__name__}.load_state_dict"
        saved = state_dict["param_groups"]
        got = [len(group["params"]) for group in saved]
        expected = [len(group["params"]) for group in self.param_groups]
        if got != expected:
            raise ValueError(
                explain(
                    where,
                    got=f"groups of {got} parameters",
                    expected=f"groups of {expected}",
                    fix="make the optimizer with the groups that it was saved with",
                )
            )
        own = {
            key: p
            for theirs, group in zip(saved, self.param_groups, strict=True)
            for key, p in zip(theirs["params"], group["params"], strict=True)
        }
        groups = []
        for theirs, group in zip(saved, self.param_groups, strict=True):
            merged = {**self.defaults, **{k: _plain(v) for k, v in theirs.items()}}
            merged["params"] = group["params"]
            if "param_names" in group:
                merged.setdefault("param_names", group["param_names"])
            merged.update({mode: False for mode in _MODES if mode in merged})
            groups.append(merged)
        state: defaultdict[Any, dict[str, Any]] = defaultdict(dict)
        options = {id(p): group for group in groups for p in group["params"]}
        for key, entry in state_dict["state"].items():
            if key not in own:
                state[key] = entry
                continue
            p = own[key]
            state[p] = {
                name: _restore(p, value, name in self.numbers)
                for name, value in entry.items()
                if value is not None
            }
            self._check_state(where, key, p, state[p], options[id(p)])
        self.state, self.param_groups = state, groups
        if self._shards is not None:
            self._shards.cut()

    def _check_state(
        self, where: str, key: object, p: Any, entry: dict[str, Any], group: dict[str, Any]
    ) -> None:
        unlike = [
            name
            for name, value in entry.items()
            if name not in self.numbers and getattr(value, "shape", p.shape) != p.shape
        ]
        if not unlike or type(self).init is Optimizer.init:
            return
        made = self.init(p._array, group)
        for name in unlike:
            if name in made and made[name].shape != entry[name].shape:
                raise ShapeError(
                    explain(
                        where,
                        got=f"{name} {entry[name].shape} for parameter {key}",
                        expected=made[name].shape,
                        fix="give the parameters in the order in which they were saved",
                    )
                )

    def __getstate__(self) -> dict[str, Any]:
        if self._shards is not None:
            got = f"{type(self).__name__}, whose state other processes hold a part of"
            fix = "copy its state_dict()"
            raise TypeError(explain("copy", got=got, expected="an optimizer of its own", fix=fix))
        hidden = ("_layouts", "_scratch")
        return {key: value for key, value in self.__dict__.items() if key not in hidden}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._forget()

    def __repr__(self) -> str:
        lines = [f"{type(self).__name__} ("]
        for i, group in enumerate(self.param_groups):
            lines += [""] if i else []
            lines.append(f"Parameter Group {i}")
            lines += [f"    {key}: {group[key]}" for key in sorted(group) if key != "params"]
        return "\n".join([*lines, ")"])


# ---- arguments

_MODES = ("capturable", "differentiable")


def _ordered(where: str, params: Any) -> list[Any]:
    if isinstance(params, (set, frozenset)):
        raise TypeError(
            explain(where, got="a set", expected="parameters in an order", fix="use a list")
        )
    if not isinstance(params, Iterable):
        raise TypeError(
            explain(where, got=type(params).__name__, expected="an iterable of Tensors")
        )
    return list(params)


def _plain(value: Any) -> Any:
    """Return an option of a state dict; one that is another library's scalar as a number."""
    if isinstance(value, TensorBase):
        return wrap(value._array.copy())
    return value.item() if hasattr(value, "item") else value


def _restore(p: Any, value: Any, number: bool) -> Any:
    """Return a copy of one entry of a saved state: tensors in the parameter's dtype.

    A number of the state keeps its dtype (torch: all but `step` take the parameter's), as it would
    otherwise go on differently than without having been saved.
    """
    if isinstance(value, (list, tuple)):
        return type(value)(_restore(p, each, number) for each in value)
    if isinstance(value, TensorBase):
        value = value._array
    elif number:
        value = np.asarray(value, np.float32)
    elif not hasattr(value, "__array__"):
        return value
    array = np.array(np.asarray(value), order="C")
    if not number and p._array.dtype.kind == "f":
        array = array.astype(p._array.dtype, copy=False)
    return wrap(array)


def check_options(where: str, lr: Any, **options: Any) -> dict[str, float]:
    """Check what optimizers have in common: numbers that must not be negative, and modes.

    Returns:
        The other options that are no modes, as numbers.

    Raises:
        ValueError: a learning rate that is negative, NaN or of several elements; another negative.
        TypeError: an option that is no number.
        NotImplementedError: `capturable` or `differentiable`.
        RuntimeError: `fused` and `foreach` together.
    """
    for mode in _MODES:
        if options.pop(mode, False):
            raise NotImplementedError(
                explain(where, got=f"{mode}=True", expected=f"{mode}=False", fix="leave it out")
            )
    if options.pop("foreach", None) is True and options.get("fused") is True:
        raise RuntimeError(
            explain(where, got="fused=True and foreach=True", expected="at most one of them")
        )
    options.pop("fused", None)
    if isinstance(lr, TensorBase) and lr._array.size != 1:
        raise ValueError(
            explain(where, got=f"lr, a Tensor {lr._array.shape}", expected="one element")
        )
    numbers = {name: _number(where, name, value) for name, value in options.items()}
    for name, value in {"lr": _number(where, "lr", lr), **numbers}.items():
        if not value >= 0:
            got = f"{name}={float(value)}"
            raise ValueError(explain(where, got=got, expected="a number >= 0"))
    return numbers


def check_betas(where: str, betas: Sequence[float | Tensor]) -> tuple[float, float]:
    """Return the two decays of moving averages as numbers.

    Raises:
        ValueError: one is not in [0, 1).
        TypeError: other than two numbers.
    """
    if not isinstance(betas, (tuple, list)) or len(betas) != 2:
        raise TypeError(explain(where, got=f"betas={betas!r}", expected="two numbers"))
    beta1, beta2 = (_number(where, "betas", beta) for beta in betas)
    if not (0 <= beta1 < 1 and 0 <= beta2 < 1):
        got = f"betas=({beta1}, {beta2})"
        raise ValueError(explain(where, got=got, expected="two numbers in [0, 1)"))
    return beta1, beta2


def number(value: float | Tensor) -> float:
    """Return the number that a number or a tensor of one element is."""
    return float(value._array.item()) if isinstance(value, TensorBase) else value


def _number(where: str, name: str, value: Any) -> float:
    if not isinstance(value, TensorBase) and not hasattr(value, "__float__"):
        kind = type(value).__name__
        raise TypeError(explain(where, got=f"{name} of type {kind}", expected="a number"))
    return number(value)
