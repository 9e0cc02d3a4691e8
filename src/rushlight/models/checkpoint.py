"""Weights lie in checkpoints, which are loaded, not in the package."""

from __future__ import annotations

from typing import Any

from rushlight.errors import explain

__all__ = ["refuse_weights"]


def refuse_weights(where: str, weights: Any) -> None:
    """Raise unless `weights` is None.

    Args:
        where: the function that was called.
        weights: its argument.

    Raises:
        ValueError: weights were asked for; the message says how to load them.
    """
    if weights is not None:
        raise ValueError(
            explain(
                where,
                got=f"weights={weights!r}",
                expected="None: no weights come with Rushlight",
                fix=f"download a checkpoint, then model = {where}(); "
                f"model.load_state_dict(rushlight.load('{where}.pth'))",
            )
        )
