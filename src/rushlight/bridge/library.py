"""torch, where it is installed."""

from __future__ import annotations

from typing import Any

from rushlight.errors import MissingExtra

__all__ = ["MissingTorch", "library"]


class MissingTorch(MissingExtra):
    """torch is not installed in this process."""

    def __init__(self, purpose: str) -> None:
        ImportError.__init__(
            self,
            f"{purpose} needs the package 'torch', which is not installed. "
            "Install it with: pip install torch (to read torch's files, rushlight.load is enough)",
            name="torch",
        )
        self.extra = ""


def library(purpose: str) -> Any:
    """Import torch.

    Raises:
        MissingTorch: it is not installed.
    """
    try:
        import torch
    except ImportError as error:
        if error.name is not None and error.name.partition(".")[0] != "torch":
            raise  # a torch that is there and broken
        raise MissingTorch(purpose) from None
    return torch
