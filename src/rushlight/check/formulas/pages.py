"""The explanations of all layers."""

from __future__ import annotations

from collections.abc import Mapping

from rushlight.check.formulas.dense import DENSE
from rushlight.check.formulas.images import IMAGES
from rushlight.check.formulas.page import Page
from rushlight.check.formulas.training import TRAINING

__all__ = ["PAGES"]

PAGES: Mapping[str, Page] = {**DENSE, **IMAGES, **TRAINING}
