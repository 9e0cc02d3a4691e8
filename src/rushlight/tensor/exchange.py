"""Tensors as arrays of other libraries: NumPy's protocol and DLPack."""

from __future__ import annotations

from typing import Any

import numpy as np

from rushlight.arrays import Array, is_channels_last
from rushlight.errors import explain
from rushlight.tape import TensorBase, left, state, traced

__all__ = ["Exchange"]


class Exchange(TensorBase):
    """The methods by which others see the memory.

    There is no `__array_namespace__`: docs/differences.md says why.
    """

    def numpy(self, *, force: bool = False) -> Array:
        """Return the array, sharing memory; images that lie channels-last are copied to C order.

        Raises:
            RuntimeError: if gradients are recorded (unless `force`): use `.detach()` first.
        """
        if self._requires_grad and not force:
            raise RuntimeError("numpy() on a tensor that requires grad; use detach().numpy()")
        if state.trace is not None:
            left("numpy", self)
        array = self._array
        return np.ascontiguousarray(array) if is_channels_last(array) else array

    @traced(name="numpy")
    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        """Return an array as `np.array(self, dtype, copy=copy)` does.

        Args:
            dtype: default None, the tensor's.
            copy: True copies, None (default) where dtype or layout ask for it (as `numpy()`),
                False never: an image that lies channels-last is then seen as it lies.

        Raises:
            RuntimeError: if gradients are recorded.
            ValueError: copy is False, and another dtype asks for one.
        """
        if self._requires_grad:
            return self.numpy()  # which refuses
        array = self._array
        order = "C" if copy is not False and is_channels_last(array) else "K"
        return np.array(array, dtype=dtype, copy=copy, order=order)  # type: ignore[call-overload]

    @traced(name="numpy")
    def __dlpack__(
        self,
        *,
        stream: Any = None,
        max_version: tuple[int, int] | None = None,
        dl_device: tuple[int, int] | None = None,
        copy: bool | None = None,
    ) -> Any:
        """Return a DLPack capsule over the memory, which lives as long as one side does.

        Writes of the other side are not tracked, as those through `.numpy()`. Strides are kept;
        those of images that lie channels-last, too.

        Args:
            stream: None, as everywhere on a CPU.
            max_version: the newest version of DLPack that the caller reads; default None, one
                before 1.0, which cannot say that memory is read-only.
            dl_device: (1, 0), the CPU, or None (default).
            copy: True copies; False and None (default) do not.

        Raises:
            BufferError: the tensor requires grad, has negative strides or read-only memory
                (which takes max_version (1, 0)), or is wanted on another device.
            ValueError: a stream is given.

        Example:
            >>> import numpy as np, rushlight as rl
            >>> x = rl.zeros(2)
            >>> np.from_dlpack(x)[:] = 3
            >>> x
            tensor([3., 3.])

        Source: https://data-apis.org/array-api/2024.12/API_specification/generated/array_api.array.__dlpack__.html
        """
        return _capsule(self, stream, max_version, dl_device, copy)

    def __dlpack_device__(self) -> tuple[int, int]:
        """Return DLPack's type and number of the device: (1, 0), the CPU."""
        return 1, 0


def _capsule(tensor: TensorBase, stream: Any, max_version: Any, dl_device: Any, copy: Any) -> Any:
    """Check what is asked of `Tensor.__dlpack__`, and return the capsule."""
    array = tensor._array
    if stream is not None:
        fix = "leave it out"
        raise ValueError(explain("__dlpack__", got=f"{stream=}", expected="None", fix=fix))
    if dl_device is not None and tuple(map(int, dl_device)) != (1, 0):
        got, expected = f"dl_device={dl_device}", "the CPU, (1, 0)"
        raise BufferError(explain("__dlpack__", got=got, expected=expected, fix="move it there"))
    if tensor._requires_grad:
        got, expected = "a tensor that requires grad", "one that is in no graph"
        raise BufferError(explain("__dlpack__", got=got, expected=expected, fix="use detach()"))
    if not copy and min(array.strides, default=0) < 0:  # at which some consumers end the process
        got, expected = f"strides {array.strides}", "strides >= 0, or copy=True"
        raise BufferError(explain("__dlpack__", got=got, expected=expected, fix="use contiguous()"))
    return array.__dlpack__(max_version=max_version, copy=copy)
