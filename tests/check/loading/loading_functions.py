"""What the guarded process is told to call in these tests, in place of the battery of checks."""

import inspect
import time


def find(namespace):
    """Return the classes, in the order of the file."""
    return [(name, value) for name, value in namespace.items() if inspect.isclass(value)]


def find_nothing_for_ever(namespace):
    while True:
        pass


def find_badly(namespace):
    raise KeyError("no such layer")


def check(name, layer, options):
    """Call forward; an exception is a defect, but for those that end a check."""
    try:
        value = layer().forward(options.get("x", 1))
    except MemoryError:
        raise
    except Exception as error:
        return {"status": "defect", "error": f"{type(error).__name__}: {error}"}
    return {"status": "ok", "value": value}


def check_slowly(name, layer, options):
    time.sleep(options["seconds"])
    return {"status": "ok"}
