"""What scripts for torch ask of `torch.cuda` before they choose a device: there is none here."""

__all__ = ["device_count", "is_available", "manual_seed", "manual_seed_all"]


def is_available() -> bool:
    """Tell whether there is a GPU: never.

    Example:
        >>> import rushlight as rl
        >>> rl.ones(2, device="cuda" if rl.cuda.is_available() else "cpu")
        tensor([1., 1.])
    """
    return False


def device_count() -> int:
    """Return the number of GPUs: 0."""
    return 0


def manual_seed(seed: int) -> None:
    """Seed the generator of the GPU that is not there; as in torch, nothing happens."""


def manual_seed_all(seed: int) -> None:
    """Seed the generators of no GPU; as in torch, nothing happens."""
