"""Tensors of torch and of Rushlight over the same memory, or over a copy."""

from __future__ import annotations

from typing import Any

import numpy as np

from rushlight.arrays import Array
from rushlight.errors import DeviceError, DtypeError, explain
from rushlight.tensor import Tensor

__all__ = ["DTYPES", "array_of", "torch_tensor"]

DTYPES = ("float16", "float32", "float64", "int8", "int16", "int32", "int64", "uint8", "bool")


def array_of(tensor: Any, where: str, copy: bool) -> Array:
    """Return the values of a torch tensor as an array.

    Args:
        tensor: torch's.
        where: what an error names.
        copy: whether the array owns its memory; else it is the tensor's.

    Raises:
        DtypeError: a dtype that tensors here have not got.
        DeviceError: it has no values, or it shall be shared and lies on another device.
        ValueError: it is sparse, quantized or nested.
    """
    if str(tensor.layout) != "torch.strided" or tensor.is_quantized or tensor.is_nested:
        raise ValueError(
            explain(
                where,
                got=f"a tensor of the layout {tensor.layout}"
                + (", quantized" if tensor.is_quantized else ""),
                expected="a dense one",
                fix="call to_dense() or dequantize() first",
            )
        )
    if tensor.device.type == "meta" or (tensor.device.type != "cpu" and not copy):
        raise DeviceError(
            explain(
                where,
                got=f"a tensor on {tensor.device}",
                expected="one in memory" if copy else "one on the CPU, whose memory can be shared",
                fix="load its values first" if tensor.is_meta else "leave copy=False away",
            )
        )
    name = str(tensor.dtype).removeprefix("torch.")
    plain = tensor.detach().cpu().resolve_conj().resolve_neg()
    if name == "bfloat16" and copy:
        plain = plain.float()  # which holds it exactly
    elif name not in DTYPES:
        raise DtypeError(
            explain(
                where,
                got=name,
                expected=f"one of {', '.join(DTYPES)}",
                fix="convert it first, as with .float()",
            )
        )
    found: Array = plain.numpy()
    return np.array(found, order="C", copy=True) if copy else found


def torch_tensor(torch: Any, tensor: Tensor, where: str, copy: bool) -> Any:
    """Return a torch tensor of the values of a tensor.

    Args:
        torch: the library.
        tensor: Rushlight's.
        where: what an error names.
        copy: whether it owns its memory; else it is the tensor's.

    Raises:
        ValueError: its memory cannot be shared, as torch has no negative strides and no
            read-only memory.
    """
    array = tensor.detach()._array  # numpy() would copy images that lie channels-last
    if copy:
        return torch.from_numpy(np.array(array, order="C", copy=True))
    if not array.flags.writeable or any(step < 0 for step in array.strides):
        raise ValueError(
            explain(
                where,
                got="a tensor with negative strides or of read-only memory",
                expected="one whose memory torch can share",
                fix="give copy=True",
            )
        )
    return torch.from_numpy(array)
