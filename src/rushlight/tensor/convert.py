"""Conversion of dtype and device.

A class of its own, because methods named `int`, `float` and `bool` hide the types of those names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np

from rushlight.arrays import as_dtype
from rushlight.functional.creation import check_device
from rushlight.ops import shape as sh
from rushlight.tape import TensorBase, apply

if TYPE_CHECKING:
    from rushlight.tensor.tensor import Tensor

__all__ = ["Convert", "conversion"]


class Convert(TensorBase):
    """The methods that convert."""

    def to(self, *args: Any, **kwargs: Any) -> Tensor:
        """Convert to a dtype, a device ('cpu'), or both of another tensor's.

        Args:
            dtype, device, other: by position or by name.
            copy: always copy; default False.
            non_blocking: accepted; a CPU copy is finished when it returns.
        """
        target, copy = conversion(self._array.dtype, args, dict(kwargs))
        if target != self._array.dtype:
            return apply(sh.cast, (self,), {"dtype": target})
        return apply(sh.clone, (self,), {}) if copy else self  # type: ignore[return-value]

    def type(self, dtype: Any) -> Tensor:
        """Convert to a dtype."""
        return self.to(as_dtype(dtype))

    def type_as(self, other: Tensor) -> Tensor:
        """Convert to the dtype of another tensor."""
        return self.to(other.dtype)

    def half(self) -> Tensor:
        """Convert to float16."""
        return self.to(np.float16)

    def float(self) -> Tensor:
        """Convert to float32."""
        return self.to(np.float32)

    def double(self) -> Tensor:
        """Convert to float64."""
        return self.to(np.float64)

    def byte(self) -> Tensor:
        """Convert to uint8."""
        return self.to(np.uint8)

    def char(self) -> Tensor:
        """Convert to int8."""
        return self.to(np.int8)

    def short(self) -> Tensor:
        """Convert to int16."""
        return self.to(np.int16)

    def int(self) -> Tensor:
        """Convert to int32."""
        return self.to(np.int32)

    def long(self) -> Tensor:
        """Convert to int64."""
        return self.to(np.int64)

    def bool(self) -> Tensor:
        """Convert to bool."""
        return self.to(np.bool_)

    def cpu(self) -> Self:
        """Return the tensor, which is on the CPU already."""
        return self

    def cuda(self, device: Any = None) -> Tensor:
        """Refuse: this build computes on the CPU.

        Raises:
            DeviceError: always.
        """
        return self.to("cuda")


def conversion(dtype_now: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, bool]:
    """Return the dtype that the arguments of `to` ask for, and whether to copy anyway."""
    dtype = kwargs.pop("dtype", None)
    check_device(kwargs.pop("device", None))
    copy = bool(kwargs.pop("copy", False))
    kwargs.pop("non_blocking", None)
    other = kwargs.pop("other", None)
    if kwargs:
        raise TypeError(f"to() got unexpected arguments {sorted(kwargs)}")
    for arg in args:
        if isinstance(arg, TensorBase):
            other = arg
        elif isinstance(arg, str) and arg.partition(":")[0] in ("cpu", "cuda", "mps", "xpu"):
            check_device(arg)
        elif isinstance(arg, bool):
            continue  # non_blocking, copy by position
        elif arg is not None:
            dtype = arg
    if other is not None:
        dtype = other._array.dtype
    return (dtype_now if dtype is None else as_dtype(dtype)), copy
