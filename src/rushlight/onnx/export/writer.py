"""The writer: nodes of a recorded graph as nodes of an ONNX graph.

Rows of the table call it: `to.read(value)` gives the ONNX name of an operand, `to.add(...)` adds an
ONNX node and gives the name of its output. Names of ONNX nodes begin with the module's path.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

import onnx
from onnx import helper, numpy_helper
from rushlight.graph import Graph, Node, Size, Value
from rushlight.onnx.export.table import ROWS, Inexpressible
from rushlight.ops.contract import OPS

__all__ = ["Writer", "element_type"]


def element_type(dtype: Any) -> int:
    """Return ONNX's number of a NumPy dtype."""
    return int(helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))


class Writer:
    """Collects the nodes and initializers of one ONNX graph.

    Attributes:
        opset: the version of ONNX's operators that is written.
        nodes, initializers: what was added so far.
        refused: "op in path: reason" of the calls that ONNX cannot express.
    """

    def __init__(self, graph: Graph, opset: int) -> None:
        self.graph, self.opset = graph, opset
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: dict[str, onnx.TensorProto] = {}
        self.refused: list[str] = []
        self.names: dict[Value, str] = {}
        self.sized: dict[Size, tuple[Value, int]] = {}
        self.known: dict[Any, str] = {}  # constants and sizes that were added
        self.taken = {value.name for value in (*graph.inputs, *graph.parameters)}
        self.node = Node("", (), {}, ())
        for value in graph.inputs:
            self.name(value, value.name)

    def write(self) -> None:
        """Write all nodes; what has no form in ONNX is noted in `refused`."""
        for node in self.graph.nodes:
            self.node = node
            made: Any = None
            function = ROWS.get(node.op)
            try:
                if function is None:
                    raise Inexpressible("no ONNX operator computes it")
                made = self._rectified(function(self, node))
            except Inexpressible as error:
                where = node.where or "the model"
                self.refused.append(f"{node.op} in {where}: {error}")
            names = (made,) if isinstance(made, str) else made or ("",) * len(node.outputs)
            for value, name in zip(node.outputs, names, strict=False):
                if name is not None:
                    self.name(value, name)

    def _rectified(self, made: Any) -> Any:
        """Return what a row made, relu applied to the first output of an op that does so itself."""
        op = OPS.get(self.node.op)
        if op is None or not op.takes_relu or not self.node.options.get("relu"):
            return made
        if isinstance(made, str):
            return self.add("Relu", [made])
        return self.add("Relu", [made[0]]), *made[1:]

    def name(self, value: Value, name: str) -> None:
        """Note the ONNX name of a value, and where its dynamic sizes can be asked for."""
        self.names[value] = name
        for axis, size in enumerate(value.shape):
            if isinstance(size, Size):
                self.sized.setdefault(size, (value, axis))

    def unique(self, name: str) -> str:
        """Return a name that nothing else has."""
        found, number = name, 1
        while found in self.taken:
            number += 1
            found = f"{name}_{number}"
        self.taken.add(found)
        return found

    # ---- operands

    def read(self, value: Any, dtype: Any = None) -> str:
        """Return the name of an operand: a value, or a number as a constant.

        Args:
            value: a Value, a number, a `Size` (a scalar then), or None: "", no operand.
            dtype: of a number; a value of another dtype is cast; default: as it is, and for a
                number the dtype of the node's first output.
        """
        if value is None:
            return ""
        if isinstance(value, Value):
            name = self.names.get(value)
            if name is None:
                name = self.initial(value)
            return name if dtype is None or value.dtype == dtype else self.cast(name, dtype)
        dtype = self.node.outputs[0].dtype if dtype is None else dtype
        if isinstance(value, Size):
            return self.cast(self.add("Squeeze", [self.size(value)]), dtype)
        return self.constant(value, dtype)

    def initial(self, value: Value) -> str:
        """Add a parameter, buffer or constant as an initializer of its name."""
        if value.array is None:
            raise Inexpressible(f"it reads {value.name}, which has no form")
        own = value.kind in ("parameter", "buffer")
        name = value.name if own else self.unique(value.name)
        self.initializers[name] = _tensor(value.array, name)
        self.names[value] = name
        return name

    def constant(self, data: Any, dtype: Any) -> str:
        """Return the name of a constant; equal small ones are one."""
        with np.errstate(over="ignore", invalid="ignore"):
            array = np.asarray(data).astype(dtype)
        key = (array.dtype.str, array.shape, array.tobytes()) if array.size <= 64 else object()
        name = self.known.get(key)
        if name is None:
            name = self.known[key] = self.unique("constant")
            self.initializers[name] = _tensor(array, name)
        return name

    def ints(self, *values: int) -> str:
        """Return the name of a constant vector of int64."""
        return self.constant(np.asarray(values, np.int64).reshape(-1), np.int64)

    # ---- sizes

    def size(self, size: int | Size) -> str:
        """Return the name of a vector (1,) of int64 that holds a size."""
        if not isinstance(size, Size):
            return self.ints(size)
        if size not in self.known:
            if size.symbols and all(symbol in self.graph.sizes for symbol in size.symbols):
                self.known[size] = self._formula(size)
            elif size in self.sized:
                self.known[size] = self._axis(*self.sized[size])
            else:
                raise Inexpressible(f"no formula was found for a size, seen as {size.seen}")
        return self.known[size]

    def _formula(self, size: Size) -> str:
        names = [self._axis(*self.graph.sizes[symbol]) for symbol in size.symbols]
        name = names[0]
        for other in names[1:]:
            name = self.add("Mul", [name, other])
        if size.times != 1:
            name = self.add("Mul", [name, self.ints(size.times)])
        if size.plus:
            name = self.add("Add", [name, self.ints(size.plus)])
        return name if size.over == 1 else self.add("Div", [name, self.ints(size.over)])

    def _axis(self, value: Value, axis: int) -> str:
        key = ("axis", value, axis)
        if key not in self.known:
            self.known[key] = self.add("Shape", [self.read(value)], start=axis, end=axis + 1)
        return self.known[key]

    def sizes(self, sizes: Sequence[int | Size]) -> str:
        """Return the name of a vector of int64 that holds sizes."""
        if not any(isinstance(size, Size) for size in sizes):
            return self.ints(*sizes)  # type: ignore[arg-type]
        parts = [self.size(size) for size in sizes]
        return parts[0] if len(parts) == 1 else self.add("Concat", parts, axis=0)

    # ---- nodes

    def add(self, op: str, inputs: Sequence[str], **attributes: Any) -> str:
        """Add an ONNX node with one output and return its name."""
        return self.several(op, inputs, 1, **attributes)[0]

    def several(
        self, op: str, inputs: Sequence[str], count: int, *, domain: str = "", **attributes: Any
    ) -> tuple[str, ...]:
        """Add an ONNX node with several outputs and return their names.

        Attributes that are None are left out; trailing inputs that are "" too.
        """
        given = list(inputs)
        while given and not given[-1]:
            given.pop()
        where = self.node.where.replace(".", "/")
        path = f"/{where}/{self.node.op}/{op}".replace("//", "/") if self.node.op else f"/{op}"
        name = self.unique(path)
        outputs = tuple(self.unique(f"{name}_{i}" if i else f"{name}_out") for i in range(count))
        kept = {key: value for key, value in attributes.items() if value is not None}
        node = helper.make_node(op, given, outputs, name=name, domain=domain, **kept)
        node.doc_string = f"{self.node.op} in {self.node.where or 'the model'}"
        self.nodes.append(node)
        return outputs

    def cast(self, name: str, dtype: Any) -> str:
        """Return the name of an operand in another dtype."""
        return self.add("Cast", [name], to=element_type(dtype))

    def reshape(self, name: str, shape: Sequence[int | Size]) -> str:
        """Return the name of an operand in another shape; one changing size needs no asking."""
        changing = [size for size in shape if isinstance(size, Size)]
        if len(changing) == 1 and 0 not in shape and -1 not in shape:
            shape = [-1 if isinstance(size, Size) else size for size in shape]
        return self.add("Reshape", [name, self.sizes(shape)], allowzero=int(0 in shape) or None)

    def permute(self, name: str, dims: Sequence[int]) -> str:
        """Return the name of an operand with its dims in another order."""
        return name if list(dims) == sorted(dims) else self.add("Transpose", [name], perm=dims)

    def slice(self, name: str, axis: int, start: Any, stop: Any, step: int = 1) -> str:
        """Return the name of the cells start:stop:step of one axis."""
        bounds = [self.size(start), self.size(stop), self.ints(axis), self.ints(step)]
        return self.add("Slice", [name, *bounds])


def _tensor(array: Any, name: str) -> onnx.TensorProto:
    """Return an array, which may have no dims, as a tensor of ONNX."""
    return numpy_helper.from_array(np.ascontiguousarray(array).reshape(array.shape), name)
