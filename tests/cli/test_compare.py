"""`rushlight report` and `rushlight compare`: what they print and write, and mistakes."""

import json

import pytest

pytest.importorskip("typer")

from tests.train.report import samples

from rushlight.cli import run


@pytest.fixture
def two(tmp_path, monkeypatch):
    """Write two runs in the folder where the command stands."""
    monkeypatch.chdir(tmp_path)
    samples.write_run(tmp_path / "a", count=3)
    samples.write_run(tmp_path / "b", count=4, options={"lr": 0.1})
    return tmp_path


def test_report_makes_the_page_and_names_it(two, capsys):
    assert run(["report", "a"]) == 0
    assert capsys.readouterr().out.strip() == str((two / "a" / "report.html").relative_to(two))
    assert "<!DOCTYPE html>" in (two / "a" / "report.html").read_text("utf-8")


def test_compare_prints_a_table_and_writes_a_page(two, capsys):
    assert run(["compare", "a", "b", "--html", "both.html"]) == 0
    out = capsys.readouterr().out
    assert out.splitlines()[0].split() == ["a", "b"]
    assert out.endswith("page: both.html\n")
    assert "2 runs" in (two / "both.html").read_text("utf-8")


def test_compare_prints_json_alone(two, capsys):
    assert run(["compare", "a", "b", "--json", "--html", "both.html"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [one["options"]["lr"] for one in found["runs"]] == [0.002, 0.1]
    assert (two / "both.html").exists()


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (["report", "none"], "the run 'none': got a folder without config.toml"),
        (["report", "nowhere"], "the run 'nowhere': got a path where nothing is"),
        (["report", "a/history.json"], "got a file, expected the out folder of a run"),
        (["compare", "a"], "compare: got 1 run, expected two runs or more"),
        (["compare", "a", "none"], "the run 'none': got a folder without"),
        (["compare", "a", "b", "--html", "no/where.html"], "no/where.html"),
    ],
)
def test_mistakes_are_told_in_a_line(two, capsys, args, told):
    (two / "none").mkdir()
    assert run(args) in (1, 2)
    captured = capsys.readouterr()
    assert told in captured.err
    assert len(captured.err.splitlines()) == 1
    assert not (two / "none" / "report.html").exists()
