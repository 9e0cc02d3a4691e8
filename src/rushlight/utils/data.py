"""The names of rushlight.data under the path that torch gives them."""

from rushlight.data import *  # noqa: F403
from rushlight.data import __all__ as __all__
