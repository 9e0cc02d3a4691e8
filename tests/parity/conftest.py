"""Without torch and what its database imports, pytest need not look for doctests there."""

from importlib.util import find_spec

_here = find_spec("torch") and find_spec("expecttest")
collect_ignore = [] if _here else ["__main__.py", "measure.py", "names.py", "page.py", "twin.py"]
