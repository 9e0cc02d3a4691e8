"""The guide of docs/onnx.md stands there, and its programs run."""

import contextlib
import io
import re
from pathlib import Path
from typing import Any

import pytest
from tests.onnx.guide import GUIDE

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")


def test_the_page_begins_with_the_guide() -> None:
    page = Path(__file__).parents[2] / "docs" / "onnx.md"
    assert GUIDE in page.read_text("utf-8")


def test_its_programs(tmp_path: Path) -> None:
    names: dict[str, Any] = {}
    printed = io.StringIO()
    with contextlib.chdir(tmp_path), contextlib.redirect_stdout(printed):
        for program in re.findall(r"```python\n(.*?)```", GUIDE, re.S):
            exec(compile(program, "onnx.md", "exec"), names)
    lines = printed.getvalue().splitlines()
    assert "max error" in lines[2] and lines[3] == "(7, 3)"
    assert lines[4] == "['0.bias', '0.weight', '2.bias', '2.weight']"
