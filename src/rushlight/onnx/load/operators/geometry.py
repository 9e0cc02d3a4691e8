"""Where the windows of convolutions and pools lie: kernels, strides, paddings, sizes of the output.

What attributes say (`pads` of all beginnings, then of all ends; `auto_pad`; `ceil_mode`) is brought
to one form here, once for all operators that slide a window.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from rushlight.errors import explain
from rushlight.functional import pad
from rushlight.onnx.load.table import Node
from rushlight.tensor import Tensor

__all__ = [
    "Pairs",
    "Windows",
    "groups_of",
    "pad_sides",
    "pairs_of",
    "sizes_of",
    "split_padding",
    "windows_of",
]

Ints = tuple[int, ...]
Pairs = tuple[tuple[int, int], ...]


class Windows(NamedTuple):
    """Windows over planes, one entry for each spatial dim; `padding` is (before, behind)."""

    kernel: Ints
    stride: Ints
    padding: Pairs
    dilation: Ints
    out: Ints

    def symmetric(self) -> Ints | None:
        """Return one padding for both sides, or None where they differ."""
        alike = all(a == b for a, b in self.padding)
        return tuple(a for a, _ in self.padding) if alike else None

    def overhang(self, size: Sequence[int]) -> Pairs:
        """Return the padding with which every window lies inside, as `ceil_mode` needs it."""
        geometry = zip(size, *self[:5], strict=True)
        last = [(o - 1) * s + d * (k - 1) + 1 - n - lo for n, k, s, (lo, _), d, o in geometry]
        return tuple((lo, max(hi, need)) for (lo, hi), need in zip(self.padding, last, strict=True))


def sizes_of(node: Node, name: str, dims: int, default: int = 1) -> Ints:
    """Return an attribute with one int for each spatial dim.

    Raises:
        ValueError: if it has another number of them.
    """
    found = node.get(name)
    if not found:
        return (default,) * dims
    if len(found) != dims:
        raise _wrong(node, f"{name}={found}", f"{dims} ints")
    return tuple(found)


def groups_of(node: Node, name: str = "group") -> int:
    """Return into how many groups the channels are cut.

    Raises:
        ValueError: for none or fewer.
    """
    groups = int(node.get(name, 1))
    if groups < 1:
        raise _wrong(node, f"{name}={groups}", "1 or more")
    return groups


def _wrong(node: Node, got: str, expected: str) -> ValueError:
    return ValueError(explain(f"{node.op} ({node.name})", got=got, expected=expected))


def windows_of(node: Node, size: Ints, kernel: Ints) -> Windows:
    """Return the windows of a node over planes of a size.

    Raises:
        ValueError: for attributes that do not go together.
    """
    last = node.last  # read once: another thread may set it
    if last[0] != (size, kernel):
        last = node.last = (size, kernel), _windows(node, size, kernel)
    found: Windows = last[1]
    return found


def _windows(node: Node, size: Ints, kernel: Ints) -> Windows:
    n = len(size)
    if len(kernel) != n:
        raise _wrong(node, f"a kernel {kernel} for an input with {n} spatial dims", f"{n} sizes")
    stride, dilation = sizes_of(node, "strides", n), sizes_of(node, "dilations", n)
    if min((*kernel, *stride, *dilation), default=1) < 1:
        raise _wrong(node, f"kernel {kernel}, strides {stride}, dilations {dilation}", "ints >= 1")
    span = tuple(d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True))
    padding = _padding(node, size, span, stride)
    ceil = bool(node.get("ceil_mode", 0)) and node.get("auto_pad", "NOTSET") == "NOTSET"
    sides = zip(size, span, stride, padding, strict=True)
    out = tuple(_out(i, k, s, lo, hi, ceil) for i, k, s, (lo, hi) in sides)
    if min(out, default=1) < 1:
        got = f"planes {size} with windows that span {span} and padding {padding}"
        raise _wrong(node, got, "windows no larger than the padded planes")
    return Windows(kernel, stride, padding, dilation, out)


def _out(size: int, span: int, stride: int, before: int, behind: int, ceil: bool) -> int:
    room = size + before + behind - span
    if not ceil:
        return room // stride + 1
    out = -(-room // stride) + 1
    return out - 1 if (out - 1) * stride >= size + before else out  # none begins in the padding


def _padding(node: Node, size: Ints, span: Ints, stride: Ints) -> Pairs:
    n, mode = len(size), node.get("auto_pad", "NOTSET") or "NOTSET"
    if mode == "NOTSET":
        return pairs_of(node, n)
    if mode == "VALID":
        return ((0, 0),) * n
    needs = [
        max((-(-i // s) - 1) * s + k - i, 0) for i, k, s in zip(size, span, stride, strict=True)
    ]
    return tuple(split_padding(node, need) for need in needs)


def pairs_of(node: Node, dims: int) -> Pairs:
    """Return `pads` as (before, behind) of each spatial dim."""
    pads = node.get("pads") or [0] * (2 * dims)
    if len(pads) != 2 * dims:
        raise _wrong(node, f"pads={pads}", f"{2 * dims} ints")
    return tuple(zip(pads[:dims], pads[dims:], strict=True))


def split_padding(node: Node, total: int) -> tuple[int, int]:
    """Cut a padding in two as `auto_pad` says: the odd cell goes behind or before."""
    mode = node.get("auto_pad", "NOTSET")
    if mode not in ("SAME_UPPER", "SAME_LOWER", "NOTSET"):
        known = "'NOTSET', 'VALID', 'SAME_UPPER' or 'SAME_LOWER'"
        raise _wrong(node, f"auto_pad={mode!r}", known)
    half = total // 2
    return (half, total - half) if mode == "SAME_UPPER" else (total - half, half)


def pad_sides(x: Tensor, padding: Pairs, value: float = 0.0) -> Tensor:
    """Add cells around the last dims, or cut them off where a width is negative."""
    if not any(map(any, padding)):
        return x
    return pad(x, [width for pair in reversed(padding) for width in pair], value=value)
