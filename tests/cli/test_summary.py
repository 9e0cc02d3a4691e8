"""`rushlight summary`: how a model is named, what is printed and written, what is refused."""

from __future__ import annotations

import io
import json
import sys
import xml.etree.ElementTree as ET

import pytest

pytest.importorskip("typer")

from rushlight.cli import run

NETS = """
from dataclasses import dataclass
import rushlight.nn as nn
import helper

@dataclass
class Sizes:
    width: int = 4

class Net(nn.Sequential):
    def __init__(self, width=4, outs=2):
        super().__init__(nn.Linear(3, width), nn.ReLU(), nn.Linear(width, outs))

class Needy(nn.Linear):
    def __init__(self, width):
        super().__init__(3, width + 0)

ready = Net(5)
number = 7

def make():
    return Net(Sizes().width)

def nothing():
    return None

class words:
    net = nn.Embedding(9, 2)

class Pair(nn.Module):
    def forward(self, a, b):
        return a + b

assert __name__ != "__main__"
"""


@pytest.fixture
def nets(tmp_path, monkeypatch):
    """Write a file of models beside a module that it imports."""
    (tmp_path / "nets.py").write_text(NETS)
    (tmp_path / "helper.py").write_text("")
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    for name in ("nets", "helper"):
        sys.modules.pop(name, None)


def summary(*args):
    return run(["summary", *map(str, args)])


@pytest.mark.parametrize(
    ("target", "parameters"),
    [
        ("nets.py:Net", 26),
        ("nets.py:Net()", 26),
        ("nets.py:Net(6)", 38),
        ("nets.py:Net(width=6, outs=1)", 31),
        ("nets.py:ready", 32),
        ("nets.py:make", 26),
        ("nets:Net", 26),
        ("rushlight.nn:Linear(3, 5, bias=False)", 15),
    ],
)
def test_a_model_is_found_by_file_or_module_and_name(nets, capsys, target, parameters):
    path = list(sys.path)
    assert summary(target, "--input", "1x3", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["trainable"] == parameters
    assert found["rows"][0]["input"] == "(1, 3)"
    assert len(found["graph"]["nodes"]) >= 3
    assert sys.path == path


def test_the_table_the_drawing_and_the_page(nets, capsys):
    args = ("--svg", "net.svg", "--html", "net.html", "--depth", 0)
    assert summary(nets / "nets.py:Net", "--input", "?x3", *args) == 0
    out = capsys.readouterr().out
    assert out.startswith("Input (1, 3)\n")
    assert "Multiply-adds  20" in out
    ET.fromstring((nets / "net.svg").read_text(encoding="utf-8"))
    page = (nets / "net.html").read_text(encoding="utf-8")
    assert page.startswith("<!doctype html>")
    assert page.count("<svg") == 1


def test_inputs_have_names_and_dtypes(nets, capsys):
    assert summary("nets.py:words.net", "--input", "2x5:int64") == 0
    assert "(2, 5, 2)" in capsys.readouterr().out
    assert summary("nets.py:Pair", "--input", "b=2x3", "--input", "a=2x1:int64") == 0
    assert "b: (2, 3), a: (2, 1) int64" in capsys.readouterr().out
    assert summary("nets.py:Pair", "--input", "2,3", "--input", "3") == 0
    assert "Input (2, 3), (3,)" in capsys.readouterr().out


def test_a_terminal_without_lines_gets_plain_ones(nets, monkeypatch):
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", stream)
    assert summary("nets.py:Net", "--input", "1x3") == 0
    stream.flush()
    lines = stream.buffer.getvalue().decode("ascii").splitlines()
    assert lines[1] == "-" * len(lines[1])
    assert lines[5].startswith("+- 0 Linear")


@pytest.mark.parametrize(
    ("target", "shape", "code", "text"),
    [
        ("nets.py", "3", 2, "it has Net, Needy, ready, Pair"),
        ("nets.py:Nope", "3", 2, "got the name 'Nope', expected one in nets.py; it has Net"),
        ("nets.py:number", "3", 2, "got number, a int"),
        ("nets.py:nothing", "3", 2, "got nothing, which returns a NoneType"),
        ("nets.py:ready(3)", "3", 2, "it is a model already"),
        ("nets.py:Needy", "3", 2, "missing 1 required positional argument: 'width'"),
        ("nets.py:Needy('a')", "3", 1, "can only concatenate str"),
        ("nets.py:Net(open('x'))", "3", 2, "a name with literals"),
        ("nets.py:Net; print(1)", "3", 2, "a name with literals"),
        ("nets.py:Net(*[3])", "3", 2, "a name with literals"),
        ("gone.py:Net", "3", 1, "no such file"),
        ("no.such:Net", "3", 2, "no module 'no.such'"),
        ("no such:Net", "3", 2, "got 'no such'"),
        (".:Net", "3", 2, "the folder '.'"),
        ("nets.py:Net", "3y4", 2, "--input: got '3y4'"),
        ("nets.py:Net", "4x?", 2, "--input: got '4x?'"),
        ("nets.py:Net", "5", 1, "layer '0' (Linear) was given (5,) float32"),
        ("nets.py:Net", "3:int3", 1, "int3"),
    ],
)
def test_mistakes_are_told_in_a_line(nets, capsys, target, shape, code, text):
    assert summary(target, "--input", shape) == code
    out, err = capsys.readouterr()
    assert not out
    assert len(err.splitlines()) == 1
    assert text in err


def test_names_are_for_all_inputs_or_none(nets, capsys):
    assert summary("nets.py:Pair", "--input", "a=3", "--input", "3") == 2
    assert "a name of its own for each, or for none" in capsys.readouterr().err
    assert summary("nets.py:Pair") == 2
    assert "--input" in capsys.readouterr().err


def test_what_a_file_raises_is_told(nets, capsys):
    (nets / "bad.py").write_text("import absent_thing\n")
    assert summary("bad.py:Net", "--input", "3") == 1
    assert "absent_thing" in capsys.readouterr().err
    assert summary("bad:Net", "--input", "3") == 1
    assert "absent_thing" in capsys.readouterr().err
