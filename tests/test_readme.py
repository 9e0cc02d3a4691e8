"""What the READMEs show is what happens."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parent.parent


def blocks(name: str, language: str) -> list[str]:
    text = (ROOT / name).read_text(encoding="utf-8")
    return re.findall(rf"```{language}\n(.*?)```", text, re.S)


@pytest.mark.parametrize("name", ["README.md", "README.ru.md"])
def test_ten_lines_print_their_output(name, capsys):
    code, output = blocks(name, "python")[0], blocks(name, "text")[0]
    assert len(code.splitlines()) <= 11
    exec(compile(code, name, "exec"), {})
    printed = np.array(capsys.readouterr().out.split(), float)
    # the sums of another BLAS differ in the last digits, and training carries them on
    np.testing.assert_allclose(printed, np.array(output.split(), float), rtol=0.02)


@pytest.mark.parametrize("name", ["README.md", "README.ru.md"])
def test_trainer_lines_run(name, capsys):
    import rushlight as rl

    x = np.random.default_rng(0).normal(size=(60, 4)).astype(np.float32)
    names = {
        "model": rl.nn.Linear(4, 1),
        "X": x,
        "y": x[:, :1],
        "X_test": x,
        "y_test": x[:, :1],
        "X_new": x[:3],
    }
    exec(compile(blocks(name, "python")[1], name, "exec"), names)
    assert names["history"][-1]["val_loss"] < names["history"][0]["val_loss"]


def test_both_languages_give_the_same_commands():
    commands = [
        re.sub(r" +#.*", "", "".join(blocks(n, "sh"))).replace(" --lang ru", "")
        for n in ("README.md", "README.ru.md")
    ]
    assert commands[0] == commands[1]


@pytest.mark.parametrize(("name", "lang"), [("README.md", "en"), ("README.ru.md", "ru")])
def test_the_checker_prints_what_is_shown(name, lang):
    done = subprocess.run(
        [sys.executable, "-m", "rushlight", "check", "examples/homework.py", "--lang", lang],
        cwd=ROOT,
        env={**os.environ, "PYTHONIOENCODING": "utf-8", "COLUMNS": "88"},
        capture_output=True,
        encoding="utf-8",
    )
    assert done.returncode == 1
    shown = blocks(name, "text")[1].removesuffix("...\n").strip().splitlines()
    assert [line.rstrip() for line in done.stdout.splitlines()][: len(shown)] == shown


@pytest.mark.parametrize("name", ["README.md", "README.ru.md"])
def test_explicit_layers_train(name, capsys):
    exec(compile(blocks(name, "python")[2], name, "exec"), {})
    losses = [float(line.split()[1]) for line in capsys.readouterr().out.splitlines()]
    assert losses[-1] < 0.01 < 0.1 < losses[0]


def test_links_lead_somewhere():
    for name in ("README.md", "README.ru.md", "CONTRIBUTING.md"):
        for target in re.findall(r"\]\(([^)#:]+)\)", (ROOT / name).read_text(encoding="utf-8")):
            assert (ROOT / target).exists(), f"{name} -> {target}"


PYTHONS = {  # what stands for the Python of the machine -> what setup.sh says of it
    "old": ('[ "$1" = --version ] && echo Python 3.9.2', "got Python 3.9.2, expected Python 3.11"),
    "none": (None, "expected Python 3.11 or newer"),
    "without venv": (
        f'case "$*" in *ensurepip*) exit 1;; esac; exec {sys.executable} "$@"',
        "still lacks ensurepip",
    ),
}


@pytest.mark.skipif(os.name != "posix", reason="a script for sh")
@pytest.mark.parametrize("case", PYTHONS)
def test_setup_says_in_one_line_what_the_machine_lacks(tmp_path, case):
    script, text = PYTHONS[case]
    shutil.copytree(ROOT / "tools", tmp_path / "tools")
    for name, content in (("apt-get", "exit 100"), ("sudo", "exit 1"), ("python", script)):
        if content is not None:
            (tmp_path / name).write_text(f"#!/bin/sh\n{content}\n")
            (tmp_path / name).chmod(0o755)
    done = subprocess.run(
        ["sh", str(tmp_path / "tools" / "setup.sh"), "all"],
        env={"PATH": f"{tmp_path}:{os.environ['PATH']}", "PYTHON": str(tmp_path / "python")},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1
    lines = [line for line in done.stderr.splitlines() if "installing Debian" not in line]
    assert len(lines) == 1
    assert lines[0].startswith("setup: ")
    assert text in lines[0]
    assert not (tmp_path / ".venv").exists()
