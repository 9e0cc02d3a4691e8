"""Blocks of pixels to channels and back."""

from __future__ import annotations

from rushlight import functional as F
from rushlight.errors import ShapeError, explain
from rushlight.onnx.load.table import Node, operator
from rushlight.onnx.load.values import carried
from rushlight.tensor import Tensor

__all__: list[str] = []


def _mode(node: Node) -> str:
    mode: str = node.get("mode", "DCR")
    if mode not in ("DCR", "CRD"):
        where = f"{node.op} ({node.name})"
        raise ValueError(explain(where, got=f"mode={mode!r}", expected="'DCR' or 'CRD'"))
    return mode


@operator("DepthToSpace")
@carried
def _depth_to_space(node: Node, x: Tensor) -> Tensor:
    """(N, C s s, H, W) -> (N, C, H s, W s)"""
    s, mode = int(node["blocksize"]), _mode(node)
    if x.ndim != 4 or s < 1 or x.shape[1] % (s * s):
        raise _misfit(node, x, f"(N, C * {s * s}, H, W)")
    if mode == "CRD":
        return F.pixel_shuffle(x, s)
    n, c, h, w = x.shape
    blocks = F.reshape(x, (n, s, s, c // (s * s), h, w))
    return F.reshape(F.permute(blocks, (0, 3, 4, 1, 5, 2)), (n, c // (s * s), h * s, w * s))


@operator("SpaceToDepth")
@carried
def _space_to_depth(node: Node, x: Tensor) -> Tensor:
    """(N, C, H s, W s) -> (N, C s s, H, W)"""
    s, mode = int(node["blocksize"]), _mode(node)
    if x.ndim != 4 or s < 1 or x.shape[2] % s or x.shape[3] % s:
        raise _misfit(node, x, f"(N, C, H, W) with sizes that {s} divides")
    if mode == "CRD":
        return F.pixel_unshuffle(x, s)
    n, c, h, w = x.shape
    blocks = F.reshape(x, (n, c, h // s, s, w // s, s))
    return F.reshape(F.permute(blocks, (0, 3, 5, 1, 2, 4)), (n, c * s * s, h // s, w // s))


def _misfit(node: Node, x: Tensor, expected: str) -> ShapeError:
    where = f"{node.op} ({node.name})"
    return ShapeError(explain(where, got=f"input {x.shape}", expected=expected))
