"""The randomness of a Trainer: a function of its seed and the epoch."""

from __future__ import annotations

from rushlight.random import Generator, default_generator

__all__ = ["Seeds"]


class Seeds:
    """Gives out generators.

    Args:
        seed: that of the Trainer; None: the default generator decides, as it comes.

    Attributes:
        split: where there is no seed, the one of the split, once it is drawn.
    """

    def __init__(self, seed: int | None) -> None:
        self.seed = seed
        self.split: int | None = None

    def order(self) -> Generator | None:
        """Return the generator of the orders of all epochs, None where there is no seed."""
        return None if self.seed is None else Generator(self.seed).spawn(0)

    def splitter(self) -> Generator:
        """Return the same one for each `fit`: what was held out once is never trained on."""
        if self.seed is not None:
            return Generator(self.seed).spawn(2)
        if self.split is None:
            self.split = int(default_generator.integers(0, 2**63 - 1, ()))
        return Generator(self.split)

    def epoch(self, epoch: int) -> None:
        """Let the default generator be that of an epoch."""
        if self.seed is not None:
            default_generator.set_state(Generator(self.seed).spawn(1, epoch).get_state())
