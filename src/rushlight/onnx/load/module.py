"""A graph of an ONNX file as a module."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from rushlight.arrays import SUPPORTED, Array, is_float
from rushlight.errors import DtypeError, ShapeError, explain
from rushlight.nn.module import Module
from rushlight.nn.parameter import Parameter
from rushlight.onnx.load.bodies import function_of
from rushlight.onnx.load.program import run, steps_of
from rushlight.onnx.load.reader import Graph, Port, read
from rushlight.onnx.load.table import Function, Node
from rushlight.onnx.load.trainable import trainable
from rushlight.onnx.load.values import Value, as_value
from rushlight.tape import TensorBase, wrap
from rushlight.tensor import Tensor

__all__ = ["OnnxModule", "Outputs", "load"]

_DEPTH_CAP = 32  # of modules that a name with dots becomes


class Outputs(tuple[Any, ...]):
    """The outputs of a graph: a tuple that also takes their names.

    Example:
        >>> out = Outputs(("mean", "scale"), (1, 2))
        >>> out["scale"], out[0], out.asdict()
        (2, 1, {'mean': 1, 'scale': 2})
    """

    names: tuple[str, ...]

    def __new__(cls, names: Sequence[str], values: Iterable[Any]) -> Outputs:
        found = super().__new__(cls, tuple(values))
        found.names = tuple(names)
        return found

    def __getnewargs__(self) -> Any:
        return self.names, tuple(self)

    def __getitem__(self, key: Any) -> Any:
        return super().__getitem__(self.names.index(key) if isinstance(key, str) else key)

    def with_values(self, values: Iterable[Any]) -> Outputs:
        """Return others of the same names."""
        return Outputs(self.names, values)

    def asdict(self) -> dict[str, Any]:
        """Return the outputs by name."""
        return dict(zip(self.names, self, strict=True))


class Operator(Module):
    """One node of a graph."""

    def __init__(self, node: Node, function: Function) -> None:
        super().__init__()
        self.node, self.function = node, function

    def forward(self, *inputs: Any) -> Any:
        self.node.training = self.training
        return self.function(self.node, *inputs)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "function": None}  # found again by its name

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self.__dict__["function"] = function_of(self.node)

    def _get_name(self) -> str:
        return self.node.title()

    def extra_repr(self) -> str:
        node = self.node
        shown = [f"{name}={_short(value)}" for name, value in node.attributes.items()]
        calls = f"{', '.join(node.inputs)} -> {', '.join(node.outputs)}"
        return ", ".join([calls, *shown])


class Names(Module):
    """A part of the names of initializers: 'layer.weight' is `weight` in `layer`."""

    def extra_repr(self) -> str:
        own = {**self._parameters, **self._buffers}
        return ", ".join(f"{name} {tuple(t.shape)}" for name, t in own.items() if t is not None)


class Forward:
    """The forward of a graph: it has a signature, by which others learn the inputs' names."""

    def __init__(self, module: OnnxModule) -> None:
        self.module = module

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.module._computed(args, kwargs)

    @property
    def __signature__(self) -> inspect.Signature:
        given, kind = inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter
        try:
            inputs = [kind(port.name, given) for port in self.module.inputs]
            more = [
                kind(port.name, kind.KEYWORD_ONLY, default=None) for port in self.module.defaults
            ]
            return inspect.Signature([*inputs, *more])
        except ValueError as error:  # a name that Python does not take
            raise AttributeError(str(error)) from error


class OnnxModule(Module):
    """The graph of an ONNX file: outputs = graph(inputs).

    It is made by `rushlight.onnx.load`, in evaluation mode, in which it computes what the file
    says. In training mode Dropout drops and BatchNormalization goes by the batch and moves its
    running statistics, also where the file says that they do not.

    Floating initializers with at least one dim that a gradient reaches are Parameters, all others
    buffers; the state dict has the names of the file (`names` maps them to its keys, which may
    differ). What tensors cannot hold (bfloat16, unsigned integers beyond 8 bits) and the values of
    Constant nodes are constants, which are not in the state dict.

    Shape:
        inputs and outputs as the file states (`inputs`, `outputs`); sizes that the file names or
        leaves open are free, and equal where they have one name.

    Attributes:
        inputs: a tuple of ports with `name`, `dtype` and `shape`.
        outputs: likewise.
        defaults: likewise, of the initializers that may be replaced in a call, by name.
        names: dict, key in the state dict by the initializer's name in the file.
        opsets: dict, version of each operator set by domain.

    Example:
        >>> from onnx import parser
        >>> model = load(parser.parse_model('''
        ...     <ir_version: 8, opset_import: ["" : 17]>
        ...     double (float[N] x) => (float[N] y) { y = Add(x, x) }'''))
        >>> import rushlight as rl
        >>> model(rl.tensor([1.0, 2.0]))
        tensor([2., 4.])
        >>> model
        OnnxModule(
          double: x float32 (N) -> y float32 (N)
          (nodes): Names(
            (Add_0): Add(x, x -> y)
          )
        )

    Source: https://onnx.ai/onnx/repo-docs/IR.html
    """

    def __init__(self, graph: Graph, parameters: Iterable[str] | None = None) -> None:
        super().__init__()
        self.title = graph.name
        self.inputs = tuple(graph.inputs)
        self.outputs = tuple(graph.outputs)
        self.defaults = tuple(graph.defaults)
        self.opsets = graph.opsets
        self.names: dict[str, str] = {}
        self._numbers: dict[tuple[int, str], int] = {}  # behind names that were taken, until built
        self.nodes = Names()
        self._constants = {name: as_value(array) for name, array in graph.constants.items()}
        chosen = trainable(graph) if parameters is None else _chosen(graph, parameters)
        fixed = [*graph.constants, *(n for n in graph.initializers if n not in chosen)]
        self._steps = steps_of(graph.nodes, [port.name for port in graph.outputs], fixed)
        arrays = {id(graph.initializers[name]) for name in chosen}
        keys: dict[int, str] = {}  # two names of the same external bytes are one parameter
        for name, array in graph.initializers.items():
            if id(array) not in keys:
                self._own(name, array, id(array) in arrays)
                keys[id(array)] = self.names.get(name, "")
            elif keys[id(array)]:
                self.names[name] = keys[id(array)]
            else:
                self._constants[name] = array
        for node in graph.nodes:
            key = self._free(self.nodes, node.name.replace(".", "/") or "node")
            self.nodes.add_module(key, Operator(node, function_of(node)))
        places: dict[tuple[str, ...], list[tuple[str, str]]] = {}
        for name, key in self.names.items():
            *above, last = key.split(".")
            places.setdefault(tuple(above), []).append((name, last))
        self._places = tuple(places.items())  # names of initializers by the module that has them
        del self._numbers
        self.eval()

    # ---- initializers

    def _own(self, name: str, array: Array, train: bool) -> None:
        """Register an initializer; what tensors cannot hold is a constant."""
        if array.dtype not in SUPPORTED:
            self._constants[name] = array
            return
        holder, last = self._holder(name)
        if train:
            holder.register_parameter(last, Parameter(wrap(array)))
        else:
            holder.register_buffer(last, wrap(array))

    def _holder(self, name: str) -> tuple[Module, str]:
        """Return the module and the attribute for an initializer, and note its key."""
        parts = name.split(".")
        holder: Module = self
        if not all(parts) or len(parts) > _DEPTH_CAP:
            parts = [name.replace(".", "_")]
        path = []
        for part in parts[:-1]:
            below = holder._modules.get(part)
            if not isinstance(below, Names) or below is self.nodes:
                part = self._free(holder, part)
                below = Names()
                holder.add_module(part, below)
            holder = below
            path.append(part)
        last = self._free(holder, parts[-1])
        self.names[name] = ".".join([*path, last])
        return holder, last

    def _free(self, holder: Module, name: str) -> str:
        """Return the name, with a number behind it where something in the module has it."""
        found = name
        while hasattr(holder, found):
            count = self._numbers[id(holder), name] = self._numbers.get((id(holder), name), 0) + 1
            found = f"{name}_{count}"
        return found

    def _initializers(self) -> dict[str, Any]:
        found = dict(self._constants)
        for above, names in self._places:
            holder: Any = self
            for part in above:
                holder = holder._modules[part]
            for name, last in names:
                value = holder._parameters.get(last)
                # what is no parameter is a buffer, or made by a parametrization
                found[name] = getattr(holder, last) if value is None else value
        return found

    # ---- the call

    @property
    def forward(self) -> Forward:  # type: ignore[override]
        """The call of the graph, with its inputs as parameters, by position or by name."""
        return Forward(self)

    def _computed(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        values = self._initializers()
        values.update(self._bound(args, kwargs))
        run(self.nodes._modules.values(), self._steps, values)
        results = [_result(values[port.name]) for port in self.outputs]
        if len(results) == 1:
            return results[0]
        return Outputs([port.name for port in self.outputs], results)

    def _bound(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        """Return the inputs by name, checked against what the file states of them."""
        if kwargs or len(args) != len(self.inputs):
            given = self._by_name(args, kwargs)
        else:
            given = {port.name: value for port, value in zip(self.inputs, args, strict=True)}
        sizes: dict[str, int] = {}
        for port in self.inputs:
            given[port.name] = _checked(given[port.name], port, sizes)
        for port in self.defaults if kwargs else ():
            if port.name in given:
                given[port.name] = _checked(given[port.name], port, sizes)
        return given

    def _by_name(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        names = [port.name for port in self.inputs]
        given = dict(zip(names, args, strict=False))
        twice = given.keys() & kwargs.keys()
        given.update(kwargs)
        for port in self.defaults:
            if given.get(port.name, port) is None:  # the signature's default
                del given[port.name]
        unknown = given.keys() - {*names, *(port.name for port in self.defaults)}
        missing = [name for name in names if name not in given]
        if len(args) > len(names) or twice or unknown or missing:
            got = f"{len(args)} by position and {', '.join(kwargs) or 'none'} by name"
            raise TypeError(explain("OnnxModule", got=got, expected=f"inputs {', '.join(names)}"))
        return given

    def extra_repr(self) -> str:
        inputs, outputs = (
            ", ".join(_shown(port) for port in ports) for ports in (self.inputs, self.outputs)
        )
        return f"{self.title or 'graph'}: {inputs} -> {outputs}"


def load(source: Any, *, parameters: Iterable[str] | None = None) -> OnnxModule:
    """Read an ONNX file as a module that runs, trains and can be exported again.

    The whole file is checked before anything of it is run.

    Args:
        source: a path, the bytes of a file, or an `onnx.ModelProto`. External data are read from
            the folder of the path, and only from there.
        parameters: names of the initializers that are to be trained; default: the floating ones
            with at least one dim that a gradient reaches. The others are buffers.

    Returns:
        an `OnnxModule` in evaluation mode; `.train()` lets Dropout and BatchNormalization train.

    Raises:
        FileFormatError: the file is damaged, contradicts itself or needs what is not supported;
            all operators that are unknown are named at once.
        MissingExtra: the package onnx is not installed.
        OSError: the file cannot be opened.

    Example:
        >>> load(b"no model")
        Traceback (most recent call last):
        rushlight.errors.FileFormatError: ONNX file: got 8 bytes that do not parse ...

    Source: https://onnx.ai/onnx/operators/
    """
    return OnnxModule(read(source), parameters)


def _chosen(graph: Graph, names: Iterable[str]) -> set[str]:
    chosen = set(names)
    for name in sorted(chosen):
        array = graph.initializers.get(name)
        if array is None or not is_float(array.dtype):
            got = repr(name) + ("" if array is None else f" of dtype {array.dtype.name}")
            floats = [n for n, array in graph.initializers.items() if is_float(array.dtype)]
            expected = f"floating initializers: {', '.join(floats) or 'there are none'}"
            raise ValueError(explain("onnx.load, parameters", got=got, expected=expected))
    return chosen


def _checked(value: Any, port: Port, sizes: dict[str, int]) -> Value:
    """Return an input as a value of the port's dtype and shape."""
    if not isinstance(value, (TensorBase, np.ndarray)):
        value = np.asarray(value, port.dtype or None)
    if not isinstance(value, TensorBase):
        value = as_value(value)
    where = f"OnnxModule, input {port.name!r}"
    dtype: Any = value.dtype
    floats = port.dtype.startswith("float") and is_float(dtype)  # the model may be .double()
    if port.dtype and dtype.name != port.dtype and not floats:
        fix = f"convert it: .to({port.dtype!r})"
        raise DtypeError(explain(where, got=dtype.name, expected=port.dtype, fix=fix))
    if port.shape is not None:
        fits = len(value.shape) == len(port.shape) and all(
            _fits(size, wanted, sizes) for size, wanted in zip(value.shape, port.shape, strict=True)
        )
        if not fits:
            expected = _shown(port)
            raise ShapeError(explain(where, got=tuple(value.shape), expected=expected))
    return value


def _fits(size: int, wanted: int | str | None, sizes: dict[str, int]) -> bool:
    if isinstance(wanted, str):
        return sizes.setdefault(wanted, size) == size
    return wanted is None or size == wanted


def _result(value: Any) -> Any:
    """Return an output; parameters and buffers go out as tensors of their own."""
    if not isinstance(value, Tensor) or type(value) is Tensor:
        return value
    return value.view_as(value)


def _shown(port: Port) -> str:
    if port.shape is None:
        return f"{port.name} {port.dtype}".rstrip()
    sizes = ", ".join("?" if size is None else str(size) for size in port.shape)
    return f"{port.name} {port.dtype} ({sizes})"


def _short(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return f"{value.dtype.name} {value.shape}"
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:37]}..."
