"""Without torch, pytest need not look for doctests in what is written in it."""

from importlib.util import find_spec

collect_ignore = [] if find_spec("torch") else ["torch_models.py"]
