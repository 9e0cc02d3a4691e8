"""The public door: what `import rushlight` names, what it imports, and what is torch's."""

from __future__ import annotations

import importlib
import pkgutil
import subprocess
import sys

import pytest

import rushlight as rl
import rushlight.functional

OWN = {  # names that torch has elsewhere or not at all
    *(
        "data",
        "check",
        "classic",
        "io",
        "sklearn",
        "train",
        "graph",
        "serve",
        "errors",
        "arrays",
        "comm",
        "kernels",
        "ops",
        "tape",
        "functional",
        "bridge",
        "from_torch",
        "models",
        "to_torch",
    ),
    *("memory", "threads", "determinism", "compiled", "pages", "cli", "annotations", "graph"),
    *("facts", "plans"),
}


def functions() -> dict[str, object]:
    found = {}
    for info in pkgutil.iter_modules(rushlight.functional.__path__):
        module = importlib.import_module(f"rushlight.functional.{info.name}")
        found |= {name: getattr(module, name) for name in getattr(module, "__all__", ())}
    return found


def test_functions_that_torch_has_at_its_door_stand_at_ours():
    torch = pytest.importorskip("torch")
    for name, function in functions().items():
        if hasattr(torch, name):
            assert getattr(rl, name, None) is function, name


def test_nothing_stands_at_the_door_that_torch_lacks():
    torch = pytest.importorskip("torch")
    public = {name for name in dir(rl) if not name.startswith("_")}
    assert {name for name in public - OWN if not hasattr(torch, name)} == set()


def test_unknown_names_are_attribute_errors():
    with pytest.raises(AttributeError, match="has no attribute 'nonsense'"):
        _ = rl.nonsense


def test_import_takes_numpy_only():
    code = (
        "import sys, rushlight; "
        "print([m for m in sys.modules if m.partition('.')[0] in "
        "('scipy', 'torch', 'matplotlib', 'tqdm', 'typer', 'threadpoolctl', 'pooch', 'sklearn', "
        "'onnx', 'onnxruntime', 'safetensors', 'ml_dtypes')], "
        "'rushlight.nn' in sys.modules, 'numpy.random' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[] False False"


def test_lazy_packages_come_when_they_are_used():
    code = "import rushlight as rl; rl.nn.Linear(2, 3); rl.optim.Adam; rl.utils.data.DataLoader"
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)
