"""The kinds of layers that the checker knows, one description each."""

from __future__ import annotations

import difflib

from rushlight.check.families import (
    activation,
    containers,
    conv,
    criteria,
    dropout,
    global_pool,
    linear,
    normalization,
    optimizers,
    pool,
    softmax,
)
from rushlight.check.family import Family
from rushlight.check.signature import plain

__all__ = ["FAMILIES", "family_of"]

FAMILIES: tuple[Family, ...] = (
    *linear.FAMILIES,
    *activation.FAMILIES,
    *softmax.FAMILIES,
    *conv.FAMILIES,
    *pool.FAMILIES,
    *global_pool.FAMILIES,
    *dropout.FAMILIES,
    *normalization.FAMILIES,
    *containers.FAMILIES,
    *criteria.FAMILIES,
    *optimizers.FAMILIES,
)
_NAMES = {plain(name): one for one in FAMILIES for name in (one.name, *one.others)}


def family_of(name: str) -> Family | None:
    """Return the family that a class or function is called after, or None.

    Endings such as `Layer`, `Module`, `My` before or `2` behind the name are looked through.
    """
    short = plain(name)
    for prefix in ("", "my", "custom", "student", "numpy", "np"):
        for suffix in ("", "layer", "module", "numpy", "np", "custom", "manual"):
            if short.startswith(prefix) and short.endswith(suffix):
                inner = short[len(prefix) : len(short) - len(suffix) or None]
                if inner in _NAMES:
                    return _NAMES[inner]
    return None


def nearest(name: str) -> list[str]:
    """Return the names of families that are spelt most alike."""
    known = {plain(one.name): one.name for one in FAMILIES}
    return [known[n] for n in difflib.get_close_matches(plain(name), known, 3, 0.4)]
