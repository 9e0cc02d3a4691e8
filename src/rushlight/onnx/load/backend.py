"""Rushlight as a backend of ONNX: what its official test suite runs models with."""

from __future__ import annotations

from typing import Any

import numpy as np
from onnx.backend.base import Backend, BackendRep

from onnx import ModelProto, NodeProto, TensorProto, helper
from rushlight.arrays import Array
from rushlight.autograd import no_grad
from rushlight.onnx.load.module import OnnxModule, load
from rushlight.onnx.load.values import as_array

__all__ = ["Representation", "RushlightBackend"]


class Representation(BackendRep):  # type: ignore[misc]
    """A model that has been prepared: `run` takes and returns NumPy arrays."""

    def __init__(self, module: OnnxModule) -> None:
        self.module = module

    def run(self, inputs: Any, **kwargs: Any) -> tuple[Array, ...]:
        """Run the model.

        Args:
            inputs: arrays in the order of the graph's inputs, or a dict of them by name.

        Returns:
            the outputs as arrays.

        Raises:
            TypeError: for options: there are none.
        """
        if kwargs:
            raise TypeError(f"run() has no options, got {', '.join(kwargs)}")
        with no_grad():
            if isinstance(inputs, dict):
                found = self.module(**inputs)
            else:
                found = self.module(*inputs)
        outputs = found if isinstance(found, tuple) else (found,)
        return tuple(np.ascontiguousarray(a) if a.ndim else a for a in map(as_array, outputs))


class RushlightBackend(Backend):  # type: ignore[misc]
    """The backend: `prepare(model).run(inputs)`, `run_model`, `run_node`.

    Example:
        >>> from onnx import helper
        >>> node = helper.make_node("Add", ["a", "b"], ["c"])
        >>> ones = np.ones(2, np.float32)
        >>> RushlightBackend.run_node(node, [ones, ones])
        (array([2., 2.], dtype=float32),)

    Source: https://onnx.ai/onnx/api/backend.html
    """

    @classmethod
    def prepare(cls, model: ModelProto, device: str = "CPU", **kwargs: Any) -> Representation:
        """Read a model; no file is needed.

        Raises:
            FileFormatError: see `rushlight.onnx.load`.
            ValueError: for another device than the CPU.
        """
        if not cls.supports_device(device):
            raise ValueError(f"device {device!r}: only 'CPU' is supported")
        return Representation(load(model))

    @classmethod
    def run_node(
        cls,
        node: NodeProto,
        inputs: Any,
        device: str = "CPU",
        outputs_info: Any = None,
        **kwargs: Any,
    ) -> tuple[Array, ...]:
        """Run one operator on arrays; `opset_version` chooses the set, default the newest."""
        version = kwargs.pop("opset_version", None)
        opsets = [helper.make_operatorsetid(node.domain, version)] if version else None
        given = [name for name in node.input if name]
        types = [helper.np_dtype_to_tensor_dtype(np.asarray(x).dtype) for x in inputs]
        graph = helper.make_graph(
            [node],
            "node",
            [
                helper.make_tensor_value_info(name, kind, np.shape(x))
                for name, kind, x in zip(given, types, inputs, strict=True)
            ],
            [
                helper.make_tensor_value_info(name, TensorProto.UNDEFINED, None)
                for name in node.output
                if name
            ],
        )
        model = helper.make_model(graph, opset_imports=opsets)
        return cls.prepare(model, device, **kwargs).run(inputs)

    @classmethod
    def supports_device(cls, device: str) -> bool:
        """Tell whether models run on a device: on the CPU they do."""
        return device.partition(":")[0] == "CPU"
