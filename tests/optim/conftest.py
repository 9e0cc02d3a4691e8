"""Without torch there is nothing to be beside, so pytest need not look for doctests there."""

from importlib.util import find_spec

collect_ignore = [] if find_spec("torch") else ["parity.py"]
