"""Tensors over the memory of other libraries, by DLPack."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from rushlight.errors import DeviceError, explain
from rushlight.functional.creation import check_device, from_numpy

if TYPE_CHECKING:
    from rushlight.tensor.tensor import Tensor

__all__ = ["from_dlpack"]

_REACHABLE = {1, 3, 11, 13}  # memory of the CPU, and what CUDA and ROCm share with it


class _Capsule:
    """A bare capsule, as `to_dlpack` returns it, behind the methods that are asked today."""

    def __init__(self, capsule: Any) -> None:
        self._capsule = capsule

    def __dlpack__(self, **_: Any) -> Any:
        return self._capsule

    def __dlpack_device__(self) -> tuple[int, int]:
        return 1, 0  # NumPy looks at the device that the capsule states


def from_dlpack(ext_tensor: Any, *, device: Any = None, copy: bool | None = None) -> Tensor:
    """Make a tensor over the memory of an array of another library.

    The memory lives as long as one side does. Strides are kept. What the other side has marked
    read-only, or handed over by the protocol of before 2023, which cannot say, cannot be
    written to here.

    Args:
        ext_tensor: an array of NumPy, torch, CuPy, JAX, ... (anything with `__dlpack__` and
            `__dlpack_device__`), or a capsule.
        device: the CPU, the one there is: memory elsewhere is moved, if its library can do
            that. Default None: it must be on the CPU.
        copy: True copies; False and None (default) do not, for memory of the CPU.

    Raises:
        TypeError: for anything else.
        ValueError: a capsule that was taken already, or is none of DLPack.
        BufferError: the other library refuses (torch: a tensor that requires grad), or its
            dtype is one that NumPy has not (bfloat16).
        DtypeError: tensors do not have the dtype (complex, unsigned beyond 8 bits).
        DeviceError: the memory is not the CPU's, or another device is asked for.

    Example:
        >>> import numpy as np, rushlight as rl
        >>> array = np.zeros(3)
        >>> rl.from_dlpack(array)[1] = 5
        >>> array
        array([0., 5., 0.])

    Source: https://data-apis.org/array-api/2024.12/API_specification/generated/array_api.from_dlpack.html
    """
    check_device(device)
    kind = type(ext_tensor).__name__
    if kind == "PyCapsule":
        if '"dltensor' not in repr(ext_tensor):  # it is renamed when it is taken
            got, expected = repr(ext_tensor), "a capsule of DLPack that nobody has taken"
            raise ValueError(explain("from_dlpack", got=got, expected=expected, fix="make another"))
        ext_tensor = _Capsule(ext_tensor)
    if not hasattr(ext_tensor, "__dlpack__") or not hasattr(ext_tensor, "__dlpack_device__"):
        expected = "an array with __dlpack__ and __dlpack_device__"
        raise TypeError(explain("from_dlpack", got=kind, expected=expected, fix="use as_tensor"))
    place = int(ext_tensor.__dlpack_device__()[0])
    if device is None and place not in _REACHABLE:
        got, fix = f"memory of device type {place}", "move it first, or give device='cpu'"
        raise DeviceError(explain("from_dlpack", got=got, expected="the CPU's (1)", fix=fix))
    try:
        wanted: Any = None if device is None else "cpu"
        array = np.from_dlpack(ext_tensor, device=wanted, copy=copy)
    except (BufferError, RuntimeError) as error:  # NumPy: RuntimeError for a dtype it has not
        raise BufferError(
            explain(
                "from_dlpack",
                got=f"a {kind} that cannot be shared ({error})",
                expected="memory of the CPU that is in no graph, of a dtype that NumPy has",
                fix="detach() it, or convert it to such a dtype first",
            )
        ) from error
    return from_numpy(array)
