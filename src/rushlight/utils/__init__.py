"""torch's second door to some packages: `rushlight.utils.data` is `rushlight.data`."""

from rushlight.utils import data, dlpack

__all__ = ["data", "dlpack"]
