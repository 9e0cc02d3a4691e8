"""torch's second door to DLPack: `rushlight.from_dlpack`, and capsules."""

from __future__ import annotations

from typing import Any

from rushlight.functional.exchange import from_dlpack
from rushlight.tensor import Tensor

__all__ = ["from_dlpack", "to_dlpack"]


def to_dlpack(tensor: Tensor) -> Any:
    """Return a DLPack capsule over the memory of a tensor.

    A capsule can be taken once. Newer code hands the tensor itself to the other library's
    `from_dlpack`.

    Args:
        tensor: one that does not require grad.

    Raises:
        BufferError: as `Tensor.__dlpack__`.

    Example:
        >>> import rushlight as rl
        >>> from_dlpack(to_dlpack(rl.arange(3)))
        tensor([0, 1, 2])

    Source: https://docs.pytorch.org/docs/stable/dlpack.html
    """
    return tensor.__dlpack__()
