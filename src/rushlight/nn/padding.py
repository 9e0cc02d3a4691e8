"""Padding layers: thin classes over `functional.pad`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from rushlight.errors import explain
from rushlight.functional.dims import Ints
from rushlight.functional.padding import pad
from rushlight.nn.module import Steady
from rushlight.tensor import Tensor

__all__ = [
    "CircularPad1d",
    "CircularPad2d",
    "CircularPad3d",
    "ConstantPad1d",
    "ConstantPad2d",
    "ConstantPad3d",
    "ReflectionPad1d",
    "ReflectionPad2d",
    "ReflectionPad3d",
    "ReplicationPad1d",
    "ReplicationPad2d",
    "ReplicationPad3d",
    "ZeroPad1d",
    "ZeroPad2d",
    "ZeroPad3d",
]


class _PadNd(Steady):
    """Pads the last `_dims` dims in a mode of `functional.pad`."""

    _dims: ClassVar[int]
    _mode: ClassVar[str]

    def __init__(self, padding: Ints) -> None:
        super().__init__()
        several = tuple(padding) if isinstance(padding, Iterable) else (padding,) * (2 * self._dims)
        self.padding: tuple[int, ...] = several

    def forward(self, input: Tensor) -> Tensor:
        return pad(input, self.padding, self._mode)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class _ConstantPadNd(_PadNd):
    def __init__(self, padding: Ints, value: float) -> None:
        super().__init__(padding)
        self.value = value

    def forward(self, input: Tensor) -> Tensor:
        return pad(input, self.padding, "constant", self.value)

    def extra_repr(self) -> str:
        return f"padding={self.padding}, value={self.value}"


class _CircularPadNd(_PadNd):
    _mode = "circular"

    def forward(self, input: Tensor) -> Tensor:
        n = self._dims
        if input.ndim not in (n + 1, n + 2):
            expected = f"{n + 2} dims (N, C, *S), or {n + 1} (C, *S) without a batch"
            got = f"input {input.shape}"
            raise ValueError(explain(type(self).__name__, got=got, expected=expected))
        return super().forward(input)


class CircularPad1d(_CircularPadNd):
    """y[i] = x[i - left], the lines continued from their other end: x[-i] = x[W - i].

    Args:
        padding: int or (int, int), cells to add: (left, right);
            up to the size; negative ones cut cells off.

    Shape:
        (N, C, W) -> (N, C, W') or (C, W) -> (C, W') with
        W' = W + left + right

    Raises:
        ValueError: in forward, for another number of dims.
        RuntimeError: in forward, for widths that do not fit the input.

    Example:
        >>> import rushlight as rl
        >>> rl.nn.CircularPad1d((2, 1))(rl.tensor([[0.0, 1.0, 2.0]]))
        tensor([[1., 2., 0., 1., 2., 0.]])

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.CircularPad1d.html
    """

    _dims = 1


class CircularPad2d(_CircularPadNd):
    """y[i] = x[i - left], the images continued from their other end: x[-i] = x[W - i].

    Args:
        padding: int or four ints, cells to add: (left, right, top, bottom);
            up to the size; negative ones cut cells off.

    Shape:
        (N, C, H, W) -> (N, C, H', W') or (C, H, W) -> (C, H', W') with
        H' = H + top + bottom and W' = W + left + right

    Raises:
        ValueError: in forward, for another number of dims.
        RuntimeError: in forward, for widths that do not fit the input.

    Example:
        >>> import rushlight as rl
        >>> rl.nn.CircularPad2d((1, 1, 2, 0))(rl.zeros(1, 2, 3, 4)).shape
        (1, 2, 5, 6)

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.CircularPad2d.html
    """

    _dims = 2


class CircularPad3d(_CircularPadNd):
    """y[i] = x[i - left], the volumes continued from their other end: x[-i] = x[W - i].

    Args:
        padding: int or six ints, cells to add: (left, right, top, bottom, front, back);
            up to the size; negative ones cut cells off.

    Shape:
        (N, C, D, H, W) -> (N, C, D', H', W') or (C, D, H, W) -> (C, D', H', W') with
        D' = D + front + back, H' = H + top + bottom and W' = W + left + right

    Raises:
        ValueError: in forward, for another number of dims.
        RuntimeError: in forward, for widths that do not fit the input.

    Example:
        >>> import rushlight as rl
        >>> rl.nn.CircularPad3d((1, 1, 1, 0, 0, 1))(rl.zeros(1, 2, 3, 4, 5)).shape
        (1, 2, 4, 5, 7)

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.CircularPad3d.html
    """

    _dims = 3


class ConstantPad1d(_ConstantPadNd):
    """y[i] = x[i - left] within the lines, and one value around them.

    Args:
        padding: int or (int, int), cells to add: (left, right);
            negative ones cut cells off.
        value: float, what the cells hold.

    Shape:
        (N, C, W) -> (N, C, W') or (C, W) -> (C, W') with
        W' = W + left + right

    Raises:
        RuntimeError: in forward, for widths that do not fit the input.

    Example:
        >>> import rushlight as rl
        >>> rl.nn.ConstantPad1d((2, 1), 3.5)(rl.tensor([[0.0, 1.0, 2.0]]))
        tensor([[3.5000, 3.5000, 0.0000, 1.0000, 2.0000, 3.5000]])

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.ConstantPad1d.html
    """

    _dims = 1


class ConstantPad2d(_ConstantPadNd):
    """y[i] = x[i - left] within the images, and one value around them.

    Args:
        padding: int or four ints, cells to add: (left, right, top, bottom);
            negative ones cut cells off.
        value: float, what the cells hold.

    Shape:
        (N, C, H, W) -> (N, C, H', W') or (C, H, W) -> (C, H', W') with
        H' = H + top + bottom and W' = W + left + right

    Raises:
        RuntimeError: in forward, for widths that do not fit the input.

    Example:
        >>> import rushlight as rl
        >>> rl.nn.ConstantPad2d((1, 1, 2, 0), 3.5)(rl.zeros(1, 2, 3, 4)).shape
        (1, 2, 5, 6)

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.ConstantPad2d.html
    """

    _dims = 2


class ConstantPad3d(_ConstantPadNd):
    """y[i] = x[i - left] within the volumes, and one value around them.

    Args:
        padding: int or six ints, cells to add: (left, right, top, bottom, front, back);
            negative ones cut cells off.
        value: float, what the cells hold.

    Shape:
        (N, C, D, H, W) -> (N, C, D', H', W') or (C, D, H, W) -> (C, D', H', W') with
        D' = D + front + back, H' = H + top + bottom and W' = W + left + right

    Raises:
        RuntimeError: in forward, for widths that do not fit the input.

    Example:
        >>> import rushlight as rl
        >>> rl.nn.ConstantPad3d((1, 1, 1, 0, 0, 1), 3.5)(rl.zeros(1, 2, 3, 4, 5)).shape
        (1, 2, 4, 5, 7)

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.ConstantPad3d.html
    """

    _dims = 3


class ReflectionPad1d(_PadNd):
    """y[i] = x[i - left], the lines mirrored at their border cells: x[-i] = x[i].

    Args:
        padding: int or (int, int), cells to add: (left, right);
            below the size; negative ones cut cells off.

    Shape:
        (N, C, W) -> (N, C, W') or (C, W) -> (C, W') with
        W' = W + left + right

    Raises:
        RuntimeError: in forward, for widths that do not fit the input.

    Example:
        >>> import rushlight as rl
        >>> rl.nn.ReflectionPad1d((2, 1))(rl.tensor([[0.0, 1.0, 2.0]]))
        tensor([[2., 1., 0., 1., 2., 1.]])

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.ReflectionPad1d.html
    """

    _dims, _mode = 1, "reflect"


class ReflectionPad2d(_PadNd):
    """y[i] = x[i - left], the images mirrored at their border cells: x[-i] = x[i].

    Args:
        padding: int or four ints, cells to add: (left, right, top, bottom);
            below the size; negative ones cut cells off.

    Shape:
        (N, C, H, W) -> (N, C, H', W') or (C, H, W) -> (C, H', W') with
        H' = H + top + bottom and W' = W + left + right

    Raises:
        RuntimeError: in forward, for widths that do not fit the input.

    Example:
        >>> import rushlight as rl
        >>> rl.nn.ReflectionPad2d((1, 1, 2, 0))(rl.zeros(1, 2, 3, 4)).shape
        (1, 2, 5, 6)

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.ReflectionPad2d.html
    """

    _dims, _mode = 2, "reflect"


class ReflectionPad3d(_PadNd):
    """y[i] = x[i - left], the volumes mirrored at their border cells: x[-i] = x[i].

    Args:
        padding: int or six ints, cells to add: (left, right, top, bottom, front, back);
            below the size; negative ones cut cells off.

    Shape:
        (N, C, D, H, W) -> (N, C, D', H', W') or (C, D, H, W) -> (C, D', H', W') with
        D' = D + front + back, H' = H + top + bottom and W' = W + left + right

    Raises:
        RuntimeError: in forward, for widths that do not fit the input.

    Example:
        >>> import rushlight as rl
        >>> rl.nn.ReflectionPad3d((1, 1, 1, 0, 0, 1))(rl.zeros(1, 2, 3, 4, 5)).shape
        (1, 2, 4, 5, 7)

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.ReflectionPad3d.html
    """

    _dims, _mode = 3, "reflect"


class ReplicationPad1d(_PadNd):
    """y[i] = x[i - left], the border cells of the lines repeated: x[-i] = x[0].

    Args:
        padding: int or (int, int), cells to add: (left, right);
            negative ones cut cells off.

    Shape:
        (N, C, W) -> (N, C, W') or (C, W) -> (C, W') with
        W' = W + left + right

    Raises:
        RuntimeError: in forward, for widths that do not fit the input.

    Example:
        >>> import rushlight as rl
        >>> rl.nn.ReplicationPad1d((2, 1))(rl.tensor([[0.0, 1.0, 2.0]]))
        tensor([[0., 0., 0., 1., 2., 2.]])

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.ReplicationPad1d.html
    """

    _dims, _mode = 1, "replicate"


class ReplicationPad2d(_PadNd):
    """y[i] = x[i - left], the border cells of the images repeated: x[-i] = x[0].

    Args:
        padding: int or four ints, cells to add: (left, right, top, bottom);
            negative ones cut cells off.

    Shape:
        (N, C, H, W) -> (N, C, H', W') or (C, H, W) -> (C, H', W') with
        H' = H + top + bottom and W' = W + left + right

    Raises:
        RuntimeError: in forward, for widths that do not fit the input.

    Example:
        >>> import rushlight as rl
        >>> rl.nn.ReplicationPad2d((1, 1, 2, 0))(rl.zeros(1, 2, 3, 4)).shape
        (1, 2, 5, 6)

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.ReplicationPad2d.html
    """

    _dims, _mode = 2, "replicate"


class ReplicationPad3d(_PadNd):
    """y[i] = x[i - left], the border cells of the volumes repeated: x[-i] = x[0].

    Args:
        padding: int or six ints, cells to add: (left, right, top, bottom, front, back);
            negative ones cut cells off.

    Shape:
        (N, C, D, H, W) -> (N, C, D', H', W') or (C, D, H, W) -> (C, D', H', W') with
        D' = D + front + back, H' = H + top + bottom and W' = W + left + right

    Raises:
        RuntimeError: in forward, for widths that do not fit the input.

    Example:
        >>> import rushlight as rl
        >>> rl.nn.ReplicationPad3d((1, 1, 1, 0, 0, 1))(rl.zeros(1, 2, 3, 4, 5)).shape
        (1, 2, 4, 5, 7)

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.ReplicationPad3d.html
    """

    _dims, _mode = 3, "replicate"


class ZeroPad1d(ConstantPad1d):
    """y[i] = x[i - left] within the lines, and 0 around them.

    Args:
        padding: int or (int, int), cells to add: (left, right);
            negative ones cut cells off.

    Shape:
        (N, C, W) -> (N, C, W') or (C, W) -> (C, W') with
        W' = W + left + right

    Raises:
        RuntimeError: in forward, for widths that do not fit the input.

    Example:
        >>> import rushlight as rl
        >>> rl.nn.ZeroPad1d((2, 1))(rl.tensor([[0.0, 1.0, 2.0]]))
        tensor([[0., 0., 0., 1., 2., 0.]])

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.ZeroPad1d.html
    """

    def __init__(self, padding: Ints) -> None:
        super().__init__(padding, 0.0)

    extra_repr = _PadNd.extra_repr


class ZeroPad2d(ConstantPad2d):
    """y[i] = x[i - left] within the images, and 0 around them.

    Args:
        padding: int or four ints, cells to add: (left, right, top, bottom);
            negative ones cut cells off.

    Shape:
        (N, C, H, W) -> (N, C, H', W') or (C, H, W) -> (C, H', W') with
        H' = H + top + bottom and W' = W + left + right

    Raises:
        RuntimeError: in forward, for widths that do not fit the input.

    Example:
        >>> import rushlight as rl
        >>> rl.nn.ZeroPad2d((1, 1, 2, 0))(rl.zeros(1, 2, 3, 4)).shape
        (1, 2, 5, 6)

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.ZeroPad2d.html
    """

    def __init__(self, padding: Ints) -> None:
        super().__init__(padding, 0.0)

    extra_repr = _PadNd.extra_repr


class ZeroPad3d(ConstantPad3d):
    """y[i] = x[i - left] within the volumes, and 0 around them.

    Args:
        padding: int or six ints, cells to add: (left, right, top, bottom, front, back);
            negative ones cut cells off.

    Shape:
        (N, C, D, H, W) -> (N, C, D', H', W') or (C, D, H, W) -> (C, D', H', W') with
        D' = D + front + back, H' = H + top + bottom and W' = W + left + right

    Raises:
        RuntimeError: in forward, for widths that do not fit the input.

    Example:
        >>> import rushlight as rl
        >>> rl.nn.ZeroPad3d((1, 1, 1, 0, 0, 1))(rl.zeros(1, 2, 3, 4, 5)).shape
        (1, 2, 4, 5, 7)

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.ZeroPad3d.html
    """

    def __init__(self, padding: Ints) -> None:
        super().__init__(padding, 0.0)

    extra_repr = _PadNd.extra_repr
