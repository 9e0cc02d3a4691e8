"""The programs of docs/interchange.md run, section by section, and the page names what there is."""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path
from typing import Any

import pytest

import rushlight as rl

TEXT = (Path(__file__).parents[2] / "docs" / "interchange.md").read_text("utf-8")
SECTIONS = {
    part.partition("\n")[0]: programs
    for part in TEXT.split("\n## ")[1:]
    if (programs := re.findall(r"```python\n(.*?)```", part, re.S))
}
PACKAGES = {"import torch": ("torch",), "rl.onnx": ("onnx", "onnxruntime")}


@pytest.mark.parametrize("section", SECTIONS)
def test_programs(section: str, tmp_path: Any) -> None:
    names: dict[str, Any] = {}
    printed = io.StringIO()
    for number, program in enumerate(SECTIONS[section]):
        for word, packages in PACKAGES.items():
            if word in program:
                for package in packages:
                    pytest.importorskip(package)
        with contextlib.chdir(tmp_path), contextlib.redirect_stdout(printed):
            exec(compile(program, f"interchange.md, {section}, program {number}", "exec"), names)
    text = printed.getvalue()
    if section == "Known architectures":
        assert text.splitlines() == ["<All keys matched successfully>", "(1, 13)"]
    if section == "A torch model in memory":
        assert float(text.split()[0]) < 1e-5
        assert "(0): Conv2d(1, 4, kernel_size=(3, 3), stride=(1, 1))" in text
        assert type(names["ours"][0]).__name__ == "Recorded"
    if section == "Tensors and arrays without a copy":
        assert text.splitlines() == ["7.0", "True (3,)", "5.0 True"]
    if section == "safetensors":
        assert text.splitlines() == ["(2, 3) {'made by': 'this page'} float32"]
    if section == "ONNX":
        assert float(text.split()[-1]) < 1e-5
    if section.startswith("From a torch checkpoint"):
        model, net = names["model"], names["net"]
        assert names["back"]["epoch"] == 2
        for key, value in model.state_dict().items():
            assert value.tolist() == net.state_dict()[key].tolist()
        assert (tmp_path / "served" / "model.py").exists()


def test_the_page_names_all_models() -> None:
    part = TEXT.split("## Known architectures")[1].split("```")[0]
    named = set(re.findall(r"`(\w+)(?:\(\.\.\.\))?`", part))
    for name in rl.models.__all__:
        value = getattr(rl.models, name)
        if callable(value) and not isinstance(value, type):
            assert name.removesuffix("_bn") in named, name
