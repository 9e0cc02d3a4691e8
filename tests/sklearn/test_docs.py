"""The programs of docs/sklearn.md run, and the scores that the page names are reached."""

import re
from pathlib import Path

import pytest

pytest.importorskip("sklearn", minversion="1.6")

PAGE = Path(__file__).parents[2] / "docs" / "sklearn.md"


def test_the_programs_of_the_page_run_and_reach_their_scores(capsys):
    scope = {}
    found, named = [], []
    for program in re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.S):
        exec(program, scope)
        lines = capsys.readouterr().out.splitlines()
        marks = [line for line in program.splitlines() if line.startswith("print(")]
        for line, mark in zip(lines, marks, strict=True):
            if number := re.search(r"# ([0-9.]+)$", mark):
                found.append(float(line))
                named.append(float(number[1]))
    assert len(named) == 3
    assert found == pytest.approx(named, abs=0.015)
