"""What the READMEs show is what happens."""

from __future__ import annotations

import os
import re
import shlex
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
def test_trainer_lines_train_and_go_on(name, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    code = compile(blocks(name, "python")[1], name, "exec")
    assert len(blocks(name, "python")[1].splitlines()) <= 12
    first, second = {}, {}
    exec(code, first)
    assert first["history"][-1]["val_r2"] > 0.9
    assert [switch["epoch"] for switch in first["history"].switches] == [20]
    exec(code, second)  # the run has ended: nothing is left to train
    assert second["trainer"].step == first["trainer"].step
    for old, new in zip(first["model"].parameters(), second["model"].parameters(), strict=True):
        np.testing.assert_array_equal(old.numpy(force=True), new.numpy(force=True))


def shown_commands():
    for page in ("README.md", "README.ru.md", "docs/training.md"):
        for line in "".join(blocks(page, "sh")).splitlines():
            if line.startswith("rushlight "):
                yield pytest.param(shlex.split(line, comments=True)[1:], id=f"{page}: {line[:60]}")


@pytest.mark.parametrize("words", list(shown_commands()))
def test_the_program_understands_the_commands_shown(words, tmp_path):
    """Parse them without running them: each option exists and takes such a value."""
    typer = pytest.importorskip("typer")
    from rushlight.cli.app import app

    command = typer.main.get_command(app)
    parent = command.make_context("rushlight", list(words[:1]), resilient_parsing=True)
    while hasattr(command, "get_command"):
        command = command.get_command(parent, words[0])
        assert command is not None, words[0]
        words = words[1:]
    command.make_context("shown", list(words), parent=parent)


def test_the_summary_shown_is_one():
    line = next(
        line for line in "".join(blocks("README.md", "sh")).splitlines() if "summary" in line
    )
    words = shlex.split(line, comments=True)[1:]
    done = subprocess.run(
        [sys.executable, "-m", "rushlight", *words], cwd=ROOT, capture_output=True, encoding="utf-8"
    )
    assert done.returncode == 0, done.stderr
    assert "Multiply-adds" in done.stdout


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
def test_models_are_exchanged(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = {}
    exec(compile(blocks(name, "python")[2], name, "exec"), names)
    x = np.random.default_rng(0).normal(size=(2, 3, 32, 32)).astype("float32")
    code = "import sys, numpy; sys.path.insert(0, 'served'); import model; "
    code += "numpy.save('y.npy', model.predict(numpy.load('x.npy'))); "
    code += "assert 'rushlight' not in sys.modules"
    np.save("x.npy", x)
    subprocess.run([sys.executable, "-c", code], check=True)
    expected = names["model"](names["rl"].from_numpy(x)).detach().numpy()
    np.testing.assert_allclose(np.load("y.npy"), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["README.md", "README.ru.md"])
def test_explicit_layers_train(name, capsys):
    exec(compile(blocks(name, "python")[3], name, "exec"), {})
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
