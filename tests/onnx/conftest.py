"""Without onnx, pytest need not look for doctests in what is written with it."""

from importlib.util import find_spec
from pathlib import Path

HERE = Path(__file__).parent

collect_ignore = (
    []
    if find_spec("onnx") and find_spec("onnxruntime")
    else [str(p.relative_to(HERE)) for p in HERE.rglob("*.py") if not p.name.startswith("test_")]
)
