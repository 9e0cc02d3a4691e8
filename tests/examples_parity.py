"""Examples that run with rushlight and with torch: the same source, only its imports changed.

Such an example imports rushlight under torch's names (`import rushlight as torch`,
`import rushlight.nn as nn`) and has

    make_model()                -> the Module
    make_data()                 -> a tuple of tensors
    train(model, data, steps)   -> the losses of the steps, a list of floats

and a main part for its command line. `same_curve` holds what it does with both libraries equal.
Nothing random may happen in `train`: no dropout, no shuffling.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

EXAMPLES = Path(__file__).parent.parent / "examples"
_IMPORT = re.compile(r"^\s*(?:import|from) rushlight\b.*", re.MULTILINE)


def load(name: str, library: str = "rushlight") -> ModuleType:
    """Return an example as a module that imports `library` where it says rushlight."""
    path = EXAMPLES / f"{name}.py"
    source = _IMPORT.sub(lambda line: line[0].replace("rushlight", library), path.read_text())
    assert f"import {library} as torch" in source, f"{path} does not import rushlight as torch"
    module = ModuleType(f"{name}_by_{library}")
    exec(compile(source, path, "exec"), module.__dict__)
    return module


def run(name: str, *args: str) -> str:
    """Run an example as a program of its own; return what it prints."""
    command = [sys.executable, str(EXAMPLES / f"{name}.py"), *args]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return done.stdout


def _as_torch(value: Any) -> Any:
    """Return a tensor, or a tuple or dict of them, as torch's."""
    import torch

    if isinstance(value, dict):
        return {key: _as_torch(part) for key, part in value.items()}
    if isinstance(value, (tuple, list)):
        return tuple(_as_torch(part) for part in value)
    return torch.tensor(value.detach().numpy())


def _doubled(data: Any) -> Any:
    return tuple(x.double() if x.is_floating_point() else x for x in data)


def same_curve(name: str, steps: int = 50, rtol: float = 1e-8) -> list[float]:
    """Train an example with both libraries in float64 from the same weights on the same data.

    The losses of all steps and the state that training leaves must be equal to `rtol`.

    Returns:
        The losses.
    """
    ours, theirs = load(name), load(name, "torch")
    ours.torch.manual_seed(0)
    model, data = ours.make_model().double(), _doubled(ours.make_data())
    other = theirs.make_model().double()
    other.load_state_dict(_as_torch(model.state_dict()))
    theirs_data = _as_torch(data)
    found, expected = ours.train(model, data, steps), theirs.train(other, theirs_data, steps)
    assert len(found) == len(expected) == steps
    assert np.std(expected) > 0  # something was learnt
    np.testing.assert_allclose(found, expected, rtol, 0)
    for (key, a), (name_, b) in zip(
        model.state_dict().items(), other.state_dict().items(), strict=True
    ):
        assert key == name_
        scale = float(abs(b).max()) if b.numel() else 0.0  # what is nearly 0 is so by its layer
        np.testing.assert_allclose(a.numpy(), b.numpy(), 100 * rtol, rtol * scale, err_msg=key)
    return list(found)
