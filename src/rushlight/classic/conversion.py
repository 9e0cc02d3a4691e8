"""The way from the explicit API to autograd: a layer, a student's own included, as an nn.Module."""

from __future__ import annotations

import inspect
from typing import Any, NoReturn

import numpy as np

from rushlight import nn
from rushlight.arrays import FLOATS, Array
from rushlight.autograd import Function
from rushlight.classic.arguments import same
from rushlight.classic.machine import Machine
from rushlight.classic.module import Criterion, Sequential, flat
from rushlight.classic.wrapping import Layer, LossLayer
from rushlight.errors import DtypeError, ShapeError, explain
from rushlight.tape import TensorBase, wrap
from rushlight.tensor import Tensor

__all__ = ["as_module"]


def as_module(layer: Any) -> nn.Module:
    """Make an nn.Module of any object with the explicit API, to train it beside autograd layers.

    Args:
        layer: what `wrap` returned or a layer of this package gives the nn.Module that it holds; a
            Sequential gives an `nn.Sequential` of its modules. Of anything else with `forward` and
            `backward` (and, where it has parameters, `getParameters`, `getGradParameters` and
            `zeroGradParameters`) forward and backward run in the graph: the parameters are
            Parameters on the layer's own arrays, by the names of its attributes, and its gradients
            flow into their `.grad`. A criterion (a Criterion, or whose `forward` and `backward`
            take input and target) gives a loss.

    Raises:
        TypeError: if the object has no forward or backward, or is a class.

    Example:
        >>> import rushlight as rl
        >>> class Scale:
        ...     def __init__(self):
        ...         self.w, self.gradw = np.ones(1), np.zeros(1)
        ...     def forward(self, input):
        ...         return self.w * input
        ...     def backward(self, input, gradOutput):
        ...         self.gradw += (gradOutput * input).sum()
        ...         return self.w * gradOutput
        ...     def getParameters(self):
        ...         return [self.w]
        ...     def getGradParameters(self):
        ...         return [self.gradw]
        >>> module = as_module(Scale())
        >>> module(rl.tensor([2.0, 3.0])).sum().backward()
        >>> module.w.grad
        tensor([5.], dtype=float64)
    """
    for method in ("forward", "backward"):
        if isinstance(layer, type) or not callable(getattr(layer, method, None)):
            got = f"{type(layer).__name__}, which has no {method}"
            if isinstance(layer, type):
                got = f"the class {layer.__name__}, not a layer made of it"
            raise TypeError(explain("as_module", got=got, expected="a layer with the explicit API"))
    if isinstance(layer, (Layer, LossLayer)) and not _redefined(layer, Layer, LossLayer):
        return layer.module
    if isinstance(layer, Sequential) and not _redefined(layer, Sequential):
        return nn.Sequential(*[as_module(module) for module in layer.modules])
    if isinstance(layer, Criterion) or _takes_target(layer):
        return ExplicitLoss(layer)
    return Explicit(layer)


_METHODS = ("forward", "backward", "updateOutput", "updateGradInput", "accGradParameters")


def _redefined(layer: Any, *kinds: Any) -> bool:
    """Tell whether a class outside of this package says anew what is computed."""
    base = next(kind for kind in kinds if isinstance(layer, kind))
    known = __name__.rpartition(".")[0] + "."
    for cls in type(layer).__mro__:
        if cls is base:
            return False
        if not cls.__module__.startswith(known) and any(m in cls.__dict__ for m in _METHODS):
            return True
    return False


def _takes_target(layer: Any) -> bool:
    """Tell whether forward wants a second argument, the target."""
    try:
        parameters = inspect.signature(layer.forward).parameters.values()
    except (TypeError, ValueError):
        return False
    places = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return sum(p.kind in places and p.default is p.empty for p in parameters) == 2


class Explicit(nn.Module):
    """What `as_module` returns for a layer whose forward and backward are its own.

    Attributes:
        layer: the layer; `.grad` sums what its gradient arrays hold after each backward.
    """

    def __init__(self, layer: Any) -> None:
        super().__init__()
        self.layer = layer
        self._calls = 0
        self._places: list[tuple[str, Any, str, Array]] = []  # name, owner, its attribute, array
        arrays, found = _arrays(layer, "getParameters"), _Found(layer)
        if arrays and not callable(getattr(layer, "getGradParameters", None)):
            got = f"{type(layer).__name__} with getParameters only"
            raise TypeError(explain("as_module", got=got, expected="getGradParameters, too"))
        for i, array in enumerate(arrays):
            name, owner, attribute = found.places.get(id(array), (f"parameter{i}", None, ""))
            while hasattr(self, name):
                name += "_"
            self._enter(name, owner, attribute, array)
        self.training = bool(getattr(layer, "training", True))

    def _enter(self, name: str, owner: Any, attribute: str, array: Any) -> None:
        if not isinstance(array, np.ndarray) or array.dtype not in FLOATS:
            got = getattr(array, "dtype", type(array).__name__)
            where = f"as_module of {type(self.layer).__name__}, {name}"
            raise DtypeError(explain(where, got=got, expected="a floating array"))
        self.register_parameter(name, nn.Parameter(wrap(array)))
        self._places.append((name, owner, attribute, array))

    def forward(self, *inputs: Any) -> Any:
        for given in inputs:
            if not isinstance(given, TensorBase):
                got = f"an input of type {type(given).__name__}"
                raise TypeError(explain(type(self.layer).__name__, got=got, expected="a Tensor"))
        self._agree()
        parameters = [getattr(self, name) for name, *_ in self._places]
        return ExplicitCall.apply(self, len(inputs), *inputs, *parameters)

    def train(self, mode: bool = True) -> Any:
        """Set the mode here and in the layer."""
        super().train(mode)
        switch = getattr(self.layer, "train" if mode else "evaluate", None)
        if callable(switch):
            switch()
        else:
            self.layer.training = mode
        return self

    def _apply(self, fn: Any, recurse: bool = True) -> Any:
        super()._apply(fn, recurse)
        self._agree()
        return self

    def _agree(self) -> None:
        """Let the layer and the Parameters hold the same arrays, whichever was given new ones."""
        arrays = _arrays(self.layer, "getParameters")
        if len(arrays) != len(self._places):
            got = f"{len(arrays)} parameters, {len(self._places)} when the module was made"
            where = f"as_module of {type(self.layer).__name__}"
            raise RuntimeError(explain(where, got=got, expected="the same ones in every call"))
        for i, (place, array) in enumerate(zip(self._places, arrays, strict=True)):
            name, owner, attribute, before = place
            parameter: Any = getattr(self, name)
            if array is before and parameter._array is array:
                continue
            if array is before:  # the Parameter has a new one: .double(), .data = ...
                array = _give(owner, attribute, array, parameter._array)
            parameter._array = array
            self._places[i] = name, owner, attribute, array

    # ---- what runs in the graph

    def _run(self, input: Any) -> Any:
        """Run the layer's forward and return arrays that it does not hold."""
        self.__dict__["_calls"] += 1
        found = self.layer.forward(input)
        outputs = found if isinstance(found, tuple) else (found,)
        if any(output is None for output in outputs):
            _refuse_none(self.layer, "forward")
        kind = input[0].dtype if isinstance(input, tuple) else input.dtype
        kept = tuple([_converted(output, kind) for output in outputs])
        return kept if isinstance(found, tuple) else kept[0]

    def _gradients(self, input: Any, gradOutput: Any) -> tuple[list[Any], list[Any]]:
        """Run the layer's backward from gradients of 0; return copies of what it gives."""
        zero = getattr(self.layer, "zeroGradParameters", None)
        if callable(zero):
            zero()
        for gradient in _arrays(self.layer, "getGradParameters"):
            if isinstance(gradient, np.ndarray):
                gradient[...] = 0
        found = self.layer.backward(input, gradOutput)
        if found is None:
            _refuse_none(self.layer, "backward")
        gradients = _arrays(self.layer, "getGradParameters")
        where = f"{type(self.layer).__name__}.getGradParameters"
        if len(gradients) != len(self._places) or any(g is None for g in gradients):
            got = f"{sum(g is not None for g in gradients)} gradients"
            expected = f"{len(self._places)}, one for each parameter"
            raise RuntimeError(explain(where, got=got, expected=expected))
        inputs = list(found) if isinstance(found, tuple) else [found]
        return [None if g is None else np.array(g) for g in inputs], [
            np.array(g) for g in gradients
        ]

    def extra_repr(self) -> str:
        return repr(self.layer)


class ExplicitCall(Function):
    """One call of an explicit layer in the graph.

    The layer remembers its last call only. Where another has followed, backward runs forward again
    and makes sure that it gives the same.
    """

    @staticmethod
    def forward(ctx: Any, host: Explicit, n: int, *tensors: Any) -> Any:
        # copies: a layer that writes into its arguments must not change what others have saved
        arrays = tuple([t.numpy(force=True).copy() for t in tensors[:n]])
        ctx.host, ctx.n = host, n
        ctx.input = arrays[0] if n == 1 else arrays
        ctx.output = host._run(ctx.input)
        ctx.call = host._calls
        if isinstance(ctx.output, tuple):
            return tuple(wrap(output) for output in ctx.output)
        return wrap(ctx.output)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        host, several = ctx.host, isinstance(ctx.output, tuple)
        if ctx.call != host._calls:
            _run_again(ctx)
        arrays = tuple([g.numpy(force=True).copy() for g in grads])
        inputs, parameters = host._gradients(ctx.input, arrays if several else arrays[0])
        if len(inputs) != ctx.n:
            got = f"{len(inputs)} gradients"
            where = f"{type(host.layer).__name__}.backward"
            raise RuntimeError(explain(where, got=got, expected=f"{ctx.n}, one for each input"))
        found = [g if g is None else wrap(g) for g in (*inputs, *parameters)]
        wanted = ctx.needs_input_grad
        return (None, None, *[g if w else None for g, w in zip(found, wanted[2:], strict=True)])


class ExplicitLoss(nn.Module):
    """What `as_module` returns for a criterion.

    Attributes:
        layer: the criterion.
    """

    def __init__(self, layer: Any) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return LossCall.apply(self.layer, input, target)

    def extra_repr(self) -> str:
        return repr(self.layer)


class LossCall(Function):
    """One call of an explicit criterion in the graph."""

    @staticmethod
    def forward(ctx: Any, layer: Any, input: Any, target: Any) -> Any:
        ctx.layer, ctx.given = layer, (input.numpy(force=True).copy(), target.numpy(force=True))
        loss = layer.forward(*ctx.given)
        if loss is None:
            _refuse_none(layer, "forward")
        return wrap(_converted(loss, ctx.given[0].dtype))

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        ctx.layer.forward(*ctx.given)  # another call may have followed
        found = ctx.layer.backward(*ctx.given)
        if found is None:
            _refuse_none(ctx.layer, "backward")
        return None, wrap(np.array(found)) * grads[0], None


# ---- the arrays of a layer


class _Found:
    """Where the arrays of a layer and of the layers in it are: id -> name, owner, attribute."""

    def __init__(self, layer: Any) -> None:
        self.places: dict[int, tuple[str, Any, str]] = {}
        self._seen: set[int] = set()
        self._look(layer, "")

    def _look(self, owner: Any, prefix: str) -> None:
        if id(owner) in self._seen:
            return
        self._seen.add(id(owner))
        if isinstance(owner, Machine):
            for name, parameter in owner.module.named_parameters():
                self._note(f"{prefix}{name.replace('.', '_')}", parameter, "_array")
        for name, value in getattr(owner, "__dict__", {}).items():
            if isinstance(value, np.ndarray):
                self._note(f"{prefix}{name}", owner, name)
            parts = value if isinstance(value, (list, tuple)) else [value]
            for i, part in enumerate(parts):
                if callable(getattr(part, "getParameters", None)):
                    at = name if part is value else f"{name}_{i}"
                    self._look(part, f"{prefix}{at}_")

    def _note(self, name: str, owner: Any, attribute: str) -> None:
        self.places.setdefault(id(getattr(owner, attribute)), (name, owner, attribute))


def _arrays(layer: Any, method: str) -> list[Any]:
    get = getattr(layer, method, None)
    return list(flat(get() or ())) if callable(get) else []


def _give(owner: Any, attribute: str, array: Array, value: Array) -> Array:
    """Put a Parameter's new array in the place of the layer's, or its values where none is."""
    if owner is not None and getattr(owner, attribute) is array:
        setattr(owner, attribute, value)
        return value
    if array.shape != value.shape:
        raise ShapeError(explain("as_module", got=f"values {value.shape}", expected=array.shape))
    array[...] = value
    return array


def _converted(output: Any, dtype: Any) -> Array:
    """Return a copy of what a layer returned, in the dtype of its input where both are floats."""
    array = np.asarray(output)
    if array.dtype.kind != "f":
        return array.copy()
    return array.astype(dtype if dtype in FLOATS else array.dtype)


def _run_again(ctx: Any) -> None:
    """Bring a layer into the state after this call, if it can be."""
    again, host = ctx.host._run(ctx.input), ctx.host
    ctx.call = host._calls
    if not same(again, ctx.output):
        where = f"{type(host.layer).__name__}.backward"
        raise RuntimeError(
            explain(
                where,
                got="a later forward, and this one cannot be repeated: it gives another output",
                expected="backward before the next forward",
                fix="use a layer for each place in the model",
            )
        )


def _refuse_none(layer: Any, method: str) -> NoReturn:
    where, fix = f"{type(layer).__name__}.{method}", "end it with `return`, outside of loops"
    raise TypeError(explain(where, got="None returned", expected="an array", fix=fix))
