"""`rushlight check`: what it prints and writes, its exit codes, and one line for each mistake."""

import dataclasses
import json
import os
import signal
import sys
import types

import pytest

pytest.importorskip("typer")

from tests.check.report import samples

from rushlight.check.findings import FileReport, LayerReport
from rushlight.check.report import as_csv, as_json, as_page, as_text, overview
from rushlight.cli import check as command
from rushlight.cli import run

# what the checker answers, by the name of the file
ANSWERS = {
    "mixed.py": samples.MIXED,
    "good.ipynb": samples.GOOD,
    "good.py": samples.GOOD,
    "empty.py": samples.EMPTY,
    "broken.py": FileReport("broken.py", (), (samples.PROBLEM,)),
    "nasty.py": samples.NASTY,
}


@pytest.fixture
def checker(monkeypatch, tmp_path):
    """Stand in for the checker: files are answered by name, and calls are noted."""
    calls = []

    def check_files(paths, like=None, **options):
        if like == "Lineer":
            raise ValueError("check: like: got 'Lineer', expected one of Linear")
        return (answer(path, like, options) for path in paths)

    def answer(path, like, options):
        given = {name: value for name, value in options.items() if value}
        calls.append({"path": str(path), "like": like, **given})
        if path.name == "stop.py":
            raise KeyboardInterrupt
        report = ANSWERS[path.name]
        wanted = options.get("layers")
        layers = [la for la in report.layers if not wanted or la.name in wanted]
        absent = [name for name in wanted or () if name not in [la.name for la in layers]]
        layers += [LayerReport(name, "", "skipped", reason="absent") for name in absent]
        return dataclasses.replace(report, file=str(path), layers=tuple(layers))

    fake = types.ModuleType("rushlight.check.file")
    fake.check_files = check_files
    monkeypatch.setitem(sys.modules, "rushlight.check.file", fake)
    monkeypatch.chdir(tmp_path)
    for name in ("RUSHLIGHT_LANG", "LC_ALL", "LC_MESSAGES", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LANG", "C.UTF-8")
    return calls


@pytest.fixture
def group(checker, tmp_path):
    """Make a folder of a class, with what does not belong to it."""
    for name in (
        "a/mixed.py", "b c/good.ipynb", "empty.py", "a/notes.txt", ".git/mixed.py", "a/.hidden.py",
        "__pycache__/mixed.py", "venv/mixed.py", "b c/.ipynb_checkpoints/good.ipynb",
    ):  # fmt: skip
        path = tmp_path / "class" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path / "class"


def touch(*names):
    for name in names:
        open(name, "w").close()


def named(name):
    return dataclasses.replace(ANSWERS[os.path.basename(name)], file=name)


GROUP = [os.path.join("class", *parts) for parts in (("empty.py",), ("a", "mixed.py"))]
GROUP.append(os.path.join("class", "b c", "good.ipynb"))


@pytest.mark.parametrize("name", ["mixed.py", "good.py", "empty.py", "broken.py"])
def test_a_file_is_reported_as_text_and_the_exit_code_says_what_came_out(checker, capsys, name):
    touch(name)
    code = run(["check", name])
    out, err = capsys.readouterr()
    assert out == as_text(named(name), "en") + "\n"
    assert err == ""
    assert code == {"mixed.py": 1, "good.py": 0, "empty.py": 2, "broken.py": 2}[name]
    assert checker == [{"path": name, "like": None}]


def test_options_reach_the_checker(checker, capsys):
    touch("mixed.py")
    options = ["--like", "torch_like", "--timeout", "5", "--memory", "0.5"]
    assert run(["check", "mixed.py", *options, "--layer", "Tanh", "--layer", "ReLU"]) == 0
    assert checker[0] == {
        "path": "mixed.py",
        "like": "torch_like",
        "timeout": 5.0,
        "memory": 0.5,
        "layers": ["Tanh", "ReLU"],
    }
    assert "layers: 2; right: 2" in capsys.readouterr().out


def test_a_layer_that_some_files_lack_and_one_that_none_has(group, capsys):
    assert run(["check", "class", "--layer", "Conv2d", "--csv"]) == 1
    out, err = capsys.readouterr()
    cells = [line.rpartition(",")[2] for line in out.splitlines()]
    assert cells == ["Conv2d", "skipped: absent", "defect: border_not_folded", "skipped: absent"]
    assert "--layer" not in err
    touch("good.py")
    assert run(["check", "good.py", "--layer", "Tanh", "--layer", "Than"]) == 2
    out, err = capsys.readouterr()
    assert "the file has no such layer" in out
    assert err == "rushlight: --layer: got 'Than', expected a class or function of the file\n"


def test_json_and_nothing_else(checker, capsys):
    touch("mixed.py")
    assert run(["check", "mixed.py", "--json", "--lang", "ru"]) == 1
    out, err = capsys.readouterr()
    assert out == as_json(named("mixed.py"), "ru") + "\n"
    assert json.loads(out)["file"] == "mixed.py"
    assert err == ""


def test_json_of_several_files_is_a_list(group, capsys):
    assert run(["check", "class", "--json"]) == 1
    assert [record["file"] for record in json.loads(capsys.readouterr().out)] == GROUP
    touch("good.py")
    assert run(["check", "good.py", os.path.join("class", "b c"), "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)) == 2


def test_a_folder_is_reported_file_by_file_with_an_overview(group, checker, capsys):
    assert run(["check", "class"]) == 1
    out, err = capsys.readouterr()
    reports = [named(name) for name in GROUP]
    parts = [*(as_text(report, "en") for report in reports), overview(reports, "en")]
    assert out == "\n\n".join(parts) + "\n"
    assert err.splitlines() == [f"[{n}/3] {name}" for n, name in enumerate(GROUP, 1)]
    assert [call["path"] for call in checker] == GROUP


def test_a_file_that_is_named_twice_is_checked_once(group, checker, capsys):
    assert run(["check", "class", os.path.join("class", "empty.py"), "class"]) == 1
    assert len(checker) == 3
    capsys.readouterr()


def test_the_exit_code_of_a_folder(checker, tmp_path, capsys):
    cases = {
        ("good.py", "good.ipynb"): 0,
        ("good.py", "empty.py"): 0,  # helpers beside the layers
        ("good.py", "broken.py"): 1,
        ("good.py", "mixed.py"): 1,
        ("empty.py",): 2,
        ("broken.py", "empty.py"): 2,
    }
    for number, (names, code) in enumerate(cases.items()):
        folder = tmp_path / str(number)
        folder.mkdir()
        touch(*(folder / name for name in names))
        assert run(["check", str(number)]) == code, names
    capsys.readouterr()


def test_a_table_of_a_class(group, capsys):
    assert run(["check", "class", "--csv"]) == 1
    out, _ = capsys.readouterr()
    assert out == as_csv([named(name) for name in GROUP], "en")
    assert run(["check", "class", "--csv", "--lang", "ru"]) == 1
    assert capsys.readouterr().out == as_csv([named(name) for name in GROUP], "ru")


@pytest.mark.parametrize("args", [["--csv", "marks.csv"], ["marks.csv", "--csv"]])
def test_a_table_in_a_file_has_a_byte_order_mark_for_spreadsheets(group, capsys, tmp_path, args):
    reports = [named(name) for name in GROUP]
    assert run(["check", "class", *args]) == 1
    expected = as_csv(reports, "en")
    assert (tmp_path / "marks.csv").read_bytes() == b"\xef\xbb\xbf" + expected.encode()
    assert "Conv2d" in capsys.readouterr().out  # the reports are printed all the same
    assert run(["check", "class", *args, "--lang", "ru"]) == 1
    expected = as_csv(reports, "ru", delimiter=";")
    assert (tmp_path / "marks.csv").read_text("utf-8-sig") == expected
    assert run(["check", "class", "--csv", "marks.tsv"]) == 1
    assert (tmp_path / "marks.tsv").read_text("utf-8-sig") == as_csv(reports, "en", delimiter="\t")
    capsys.readouterr()


def test_a_page(group, capsys, tmp_path):
    assert run(["check", "class", "--html", "report.html", "--lang", "ru"]) == 1
    assert (tmp_path / "report.html").read_text("utf-8") == as_page(
        [named(name) for name in GROUP], "ru"
    )
    touch("nasty.py")
    assert run(["check", "nasty.py", "--html", "report.html", "--json"]) == 1
    assert (tmp_path / "report.html").read_text("utf-8") == as_page([named("nasty.py")], "en")


def test_the_language_is_that_of_the_locale(checker, capsys, monkeypatch):
    touch("mixed.py")
    monkeypatch.setenv("LANG", "ru_RU.UTF-8")
    assert run(["check", "mixed.py"]) == 1
    assert capsys.readouterr().out == as_text(named("mixed.py"), "ru") + "\n"
    assert run(["check", "mixed.py", "--lang", "en"]) == 1
    assert capsys.readouterr().out == as_text(named("mixed.py"), "en") + "\n"


def test_a_terminal_without_cyrillic_gets_english_unless_russian_is_asked_for(monkeypatch):
    class Western:
        encoding = "cp1252"

    monkeypatch.setenv("RUSHLIGHT_LANG", "ru")
    monkeypatch.setattr(sys, "stdout", Western())
    assert command.language(None) == "en"
    assert command.language("ru") == "ru"
    Western.encoding = "cp1251"
    assert command.language(None) == "ru"


def test_verbose(checker, capsys):
    touch("mixed.py")
    run(["check", "mixed.py", "--verbose"])
    assert "[accumulation, overwritten]" in capsys.readouterr().out


def test_explain(checker, capsys, monkeypatch):
    def explain(layer, lang, like):
        if layer != "Linear":
            raise ValueError(f"explain: got {layer!r}, expected a layer")
        return f"{layer} {lang} {like}: y = x Wᵀ + b"

    fake = types.ModuleType("rushlight.check.explain")
    fake.explain = explain
    monkeypatch.setitem(sys.modules, "rushlight.check.explain", fake)
    assert run(["check", "--explain", "Linear", "--lang", "ru", "--like", "torch_like"]) == 0
    assert capsys.readouterr().out == "Linear ru torch_like: y = x Wᵀ + b\n"
    assert run(["check", "--explain", "Lineer"]) == 2
    assert capsys.readouterr().err == "rushlight: explain: got 'Lineer', expected a layer\n"


MISTAKES = {
    "no path": ([], "got no path"),
    "missing": (["nowhere.py"], "'nowhere.py', which does not exist"),
    "missing folder": (["nowhere"], "'nowhere', which does not exist"),
    "text": (["notes.txt"], "'notes.txt', expected a .py or .ipynb file, or a folder"),
    "no files": (["bare"], "the folder 'bare' without any"),
    "like": (["good.py", "--like", "Lineer"], "got 'Lineer', expected one of Linear"),
    "layer": (["good.py", "--layer", "Tanhh"], "--layer: got 'Tanhh'"),
    "language": (["good.py", "--lang", "de"], "--lang: got 'de', expected en or ru"),
    "timeout": (["good.py", "--timeout", "0"], "--timeout"),
    "memory": (["good.py", "--memory", "lots"], "'lots'"),
    "option": (["good.py", "--jsn"], "--jsn"),
    "page below nothing": (["good.py", "--html", "no/page.html"], "create the folder first"),
    "page is a folder": (["good.py", "--html", "bare.html"], "add a file name"),
    "page over a student": (["--html", "good.py", "mixed.py"], "a name in .html or .htm"),
    "table below nothing": (["good.py", "--csv", "no/t.csv"], "create the folder first"),
    "table without its option": (["good.py", "t.csv"], "a table is written by --csv FILE"),
    "two tables": (["good.py", "--csv", "t.csv", "u.csv"], "--csv: got 2 files"),
    "only a table": (["--csv", "t.csv"], "got no path"),
    "two outputs": (["good.py", "--csv", "--json"], "cannot share stdout"),
    "explain and check": (["good.py", "--explain", "Linear"], "--explain goes with"),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_a_mistake_is_one_line_and_exit_code_2(checker, capsys, tmp_path, case):
    args, text = MISTAKES[case]
    touch("good.py", "mixed.py", "notes.txt")
    (tmp_path / "bare").mkdir()
    (tmp_path / "bare.html").mkdir()
    before = sorted(tmp_path.rglob("*"))
    assert run(["check", *args]) == 2
    _, err = capsys.readouterr()
    assert len(err.splitlines()) == 1, err
    assert err.startswith("rushlight: ")
    assert text in err
    assert sorted(tmp_path.rglob("*")) == before
    if case not in ("like", "layer"):
        assert checker == []


def test_a_page_that_cannot_be_replaced_is_left_as_it_was(checker, capsys, tmp_path, monkeypatch):
    touch("good.py")
    (tmp_path / "page.html").write_text("before")
    real, calls = os.fsync, []

    def full(descriptor):
        calls.append(descriptor)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    assert run(["check", "good.py", "--html", "page.html"]) == 2
    monkeypatch.setattr(os, "fsync", real)
    assert "No space left on device" in capsys.readouterr().err
    assert (tmp_path / "page.html").read_text() == "before"
    assert calls


def test_ctrl_c_gives_the_report_so_far(checker, capsys, tmp_path):
    touch("good.py", "stop.py", "mixed.py")
    args = ["check", "good.py", "stop.py", "mixed.py"]
    assert run([*args, "--json", "--html", "page.html"]) == 130
    out, err = capsys.readouterr()
    assert [record["file"] for record in json.loads(out)] == ["good.py"]
    assert err.splitlines()[-1] == "rushlight: interrupted: this is what was checked before"
    assert (tmp_path / "page.html").read_text("utf-8") == as_page([named("good.py")], "en")
    assert run([*args, "--lang", "ru"]) == 130
    out, err = capsys.readouterr()
    assert "good.py" in out
    assert "mixed.py" not in out
    assert "прервано" in err
    assert run(["check", "stop.py", "--json"]) == 130
    assert json.loads(capsys.readouterr().out) == []


def test_progress_in_a_terminal_goes_away_again(checker, capsys, monkeypatch):
    touch("good.py")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    assert run(["check", "good.py"]) == 0
    _, err = capsys.readouterr()
    start = err.index("[1/1] good.py")
    assert err[:start].endswith("\r")
    assert err.endswith("\r")
    assert set(err[start + len("[1/1] good.py") :]) == {"\r", " "}


PROGRAM = """
import dataclasses, sys, time, types
from tests.check.report import samples
fake = types.ModuleType("rushlight.check.file")
def check_files(paths, like=None, **options):
    for path in paths:
        if "slow" in path.name:
            print("slow", file=sys.stderr, flush=True)
            time.sleep(60)
        yield dataclasses.replace(samples.GOOD, file=str(path))
fake.check_files = check_files
sys.modules["rushlight.check.file"] = fake
from rushlight.cli import main
sys.exit(main())
"""


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_ctrl_c_in_a_shell(checker, start, tmp_path, monkeypatch):
    root = os.path.dirname(os.path.dirname(os.path.dirname(__file__)))
    path = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
    monkeypatch.setenv("PYTHONPATH", path)
    touch("good.py", "slow.py")
    process = start(PROGRAM, "check", "good.py", "slow.py", "--json")
    for line in process.stderr:
        if line == "slow\n":
            break
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in err
    assert [record["file"] for record in json.loads(out)] == ["good.py"]


NOTEBOOK = [
    "import numpy as np\n%matplotlib inline",
    "class Tanh:\n"
    "    def updateOutput(self, input):\n"
    "        self.output = np.tanh(input)\n"
    "        return self.output\n"
    "    def updateGradInput(self, input, gradOutput):\n"
    "        self.gradInput = -gradOutput * (1 - self.output**2)\n"
    "        return self.gradInput",
    "def broken(:\n    pass",
    "class Attention:\n    def updateOutput(self, input):\n        return input",
]


def test_a_notebook_with_the_real_checker(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    cells = [
        {"cell_type": "code", "source": text, "metadata": {}, "outputs": []} for text in NOTEBOOK
    ]
    notebook = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    (tmp_path / "homework.ipynb").write_text(json.dumps(notebook), "utf-8")
    assert run(["check", "homework.ipynb", "--json", "--lang", "en"]) == 1
    record = json.loads(capsys.readouterr().out)
    tanh, attention = record["layers"]
    assert tanh["status"] == "defect"
    assert tanh["findings"][0]["cause"] == "sign"
    assert (tanh["cell"], tanh["line"]) == (2, 1)
    assert (attention["name"], attention["status"]) == ("Attention", "skipped")
    assert record["problems"][0]["kind"] == "syntax"
    assert run(["check", "homework.ipynb", "--layer", "Tanh", "--layer", "Than"]) == 1
    out, err = capsys.readouterr()
    assert "the file has no such layer; it has Tanh, Attention" in out
    assert "got 'Than'" in err
    assert [path.name for path in tmp_path.iterdir()] == ["homework.ipynb"]
