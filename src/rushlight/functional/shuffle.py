"""Moving cells between channels and space, and channels between groups."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rushlight.errors import ShapeError, explain
from rushlight.functional.dims import expect_tensors, one_int
from rushlight.functional.shaping import permute, reshape
from rushlight.ops import shape as sh
from rushlight.tape import apply, state

if TYPE_CHECKING:
    from rushlight.tensor.tensor import Tensor

__all__ = ["channel_shuffle", "native_channel_shuffle", "pixel_shuffle", "pixel_unshuffle"]


def _check(where: str, input: Tensor, name: str, value: int) -> None:
    expect_tensors(where, input)
    if input._array.ndim < 3:
        raise ShapeError(
            explain(where, got=f"input {input._array.shape}", expected="at least 3 dims")
        )
    if one_int(value, where, name) <= 0:
        raise RuntimeError(explain(where, got=f"{name}={value}", expected="an int > 0"))


def _rearranged(
    x: Tensor, apart: tuple[int, ...], order: tuple[int, ...], shape: tuple[int, ...]
) -> Tensor:
    """Split axes, bring the parts into another order, and join them."""
    if state.general:  # in a trace, what every format knows
        return reshape(permute(reshape(x, apart), order), shape)
    return apply(sh.rearrange, (x,), {"apart": apart, "order": order, "shape": shape})


def pixel_shuffle(input: Tensor, upscale_factor: int) -> Tensor:
    """Return an image r times as high and wide, made of r^2 times as many channels.

    (*, C r^2, H, W) -> (*, C, H r, W r): channel c r^2 + i r + j is the cells (i, j) of the r x r
    squares of channel c.

    Raises:
        RuntimeError: if the channels are no multiple of r^2.

    Example:
        >>> import rushlight as rl
        >>> rl.pixel_shuffle(rl.arange(4.0).reshape(4, 1, 1), 2)
        tensor([[[0., 1.],
                 [2., 3.]]])

    Source: https://arxiv.org/abs/1609.05158
    """
    _check("pixel_shuffle", input, "upscale_factor", upscale_factor)
    *lead, channels, h, w = input._array.shape
    r, n = upscale_factor, len(lead)
    if channels % r**2:
        got = f"{channels} channels (dim -3)"
        raise ShapeError(explain("pixel_shuffle", got=got, expected=f"a multiple of {r}^2"))
    c = channels // r**2
    order = (*range(n), n, n + 3, n + 1, n + 4, n + 2)  # (*, C, H, r, W, r)
    return _rearranged(input, (*lead, c, r, r, h, w), order, (*lead, c, h * r, w * r))


def pixel_unshuffle(input: Tensor, downscale_factor: int) -> Tensor:
    """Undo `pixel_shuffle`: (*, C, H r, W r) -> (*, C r^2, H, W).

    Raises:
        RuntimeError: if height or width is no multiple of r.

    Example:
        >>> import rushlight as rl
        >>> rl.pixel_unshuffle(rl.arange(4.0).reshape(1, 2, 2), 2).reshape(4)
        tensor([0., 1., 2., 3.])
    """
    _check("pixel_unshuffle", input, "downscale_factor", downscale_factor)
    *lead, c, h, w = input._array.shape
    r, n = downscale_factor, len(lead)
    if h % r or w % r:
        got = f"height {h}, width {w}"
        raise ShapeError(explain("pixel_unshuffle", got=got, expected=f"multiples of {r}"))
    h, w = h // r, w // r
    order = (*range(n), n, n + 2, n + 4, n + 1, n + 3)  # (*, C, r, r, H, W)
    return _rearranged(input, (*lead, c, h, r, w, r), order, (*lead, c * r**2, h, w))


def channel_shuffle(input: Tensor, groups: int) -> Tensor:
    """Deal the channels out: the first of each of the groups, then the second of each, ...

    Raises:
        RuntimeError: if the channels (dim 1) are no multiple of `groups`.

    Example:
        >>> import rushlight as rl
        >>> rl.channel_shuffle(rl.arange(4.0).reshape(1, 4, 1), 2).reshape(4)
        tensor([0., 2., 1., 3.])

    Source: https://arxiv.org/abs/1707.01083
    """
    _check("channel_shuffle", input, "groups", groups)
    n, channels, *rest = input._array.shape
    if channels % groups:
        got = f"{channels} channels (dim 1)"
        raise ShapeError(explain("channel_shuffle", got=got, expected=f"a multiple of {groups}"))
    order, apart = (0, 2, 1, *range(3, 3 + len(rest))), (n, groups, channels // groups, *rest)
    return _rearranged(input, apart, order, input._array.shape)


native_channel_shuffle = channel_shuffle
