"""The text of a report: what stands in it, how wide it is, and that nothing in it is obeyed."""

import dataclasses
import io
import re

import pytest
from tests.check.report import samples

from rushlight.check import texts
from rushlight.check.findings import FileReport, Finding, LayerReport
from rushlight.check.report import as_text, layer_text, overview
from rushlight.check.report.terminal import LINES, finding_lines, style_of, width_of

FINDINGS = [samples.BORDER, samples.OVERWRITTEN, samples.OVERFLOW, samples.NOTE]


@pytest.fixture
def no_locale(monkeypatch):
    for name in ("RUSHLIGHT_LANG", "LC_ALL", "LC_MESSAGES", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LANG", "C")


def rows_of(text):
    """Return the cells of the table, by layer."""
    lines = text.split("\n\n")[0].splitlines()[2:]
    return {line.split()[0]: re.split(r" {2,}", line) for line in lines}


def test_the_table_names_layer_reference_status_and_first_cause():
    rows = rows_of(as_text(samples.MIXED, "en"))
    assert rows["Tanh"] == ["Tanh", "torch_like.Tanh", "ok"]
    assert rows["ReLU"][2:] == ["ok", f"note: output: {texts.title('dtype_changed', 'en')}"]
    assert rows["Conv2d"][1:3] == ["torch_like.Conv2d", "defect"]
    assert rows["Conv2d"][3] == f"gradInput: {texts.title('border_not_folded', 'en')}"
    assert rows["MaxPool2d"][2:] == ["not checked", "time limit"]
    assert rows["Attention"][1:] == ["-", "skipped", "unknown layer"]


@pytest.mark.parametrize("lang", ["en", "ru"])
def test_every_layer_with_something_to_say_has_its_lines(lang):
    text = as_text(samples.MIXED, lang, width=100)
    blocks = text.split("\n\n")
    where = {"en": ("cell 2, line 5", "line 7"), "ru": ("ячейка 2, строка 5", "строка 7")}[lang]
    assert [block.splitlines()[0] for block in blocks[1:-2]] == [
        "ReLU",
        f"Conv2d ({where[0]})",
        f"Linear ({where[1]})",
        "SoftPlus",
        "MaxPool2d",
        "Attention",
    ]
    for finding in FINDINGS:
        words = " ".join(texts.message(finding, lang).split())
        assert words in " ".join(text.split())
    assert "self.gradb += gradOutput.sum(axis=0)" in text
    assert "invalid syntax" in blocks[-2]
    assert "def broken(:" in blocks[-2]


def test_the_last_line_counts():
    assert as_text(samples.MIXED, "en", width=100).splitlines()[-1] == (
        "layers: 7; right: 2; with defects: 3; not checked: 1; skipped: 1; problems of the file: 1"
    )
    assert as_text(samples.EMPTY, "ru").splitlines()[-1] == "слоёв не найдено"


def test_the_languages_differ_in_every_word_of_ours():
    english, russian = (as_text(samples.MIXED, lang, verbose=True) for lang in ("en", "ru"))
    for word in ("compared", "status", "defect", "skipped", "layers", "Hint", "Likely", "cell"):
        assert word in english
        assert word not in russian


@pytest.mark.parametrize("width", [40, 60, 80, 100, 300])
@pytest.mark.parametrize("lang", ["en", "ru"])
def test_no_line_is_wider_than_the_terminal_but_for_code(width, lang):
    for line in as_text(samples.MIXED, lang, width=width, verbose=True).splitlines():
        code = line.startswith("      ") or len(line.split()) == 1
        assert code or len(line) <= min(width, 100), line


def test_an_index_and_a_shape_stay_whole():
    for width in range(56, 101):
        text = as_text(samples.MIXED, "en", width=width)
        assert "[1, 2, 0, 1]" in text
        assert "(5, 4)" in text


@pytest.mark.parametrize("finding", FINDINGS, ids=lambda finding: finding.cause)
@pytest.mark.parametrize("lang", ["en", "ru"])
@pytest.mark.parametrize("width", [40, 88])
def test_a_finding_takes_ten_lines_at_most(finding, lang, width):
    lines = finding_lines(finding, lang, width, first="  - ", rest="    ")
    assert 1 < len(lines) <= LINES
    assert lines[0].startswith("  - ")
    assert all(line.startswith("    ") for line in lines[1:])
    if width == 88:
        assert lines[-1].strip() != "..."
    longer = dataclasses.replace(finding, case="Layer(1), input " + "(2, 3) " * 200)
    assert len(finding_lines(longer, lang, width)) <= LINES
    if width == 88:
        assert finding_lines(longer, lang)[-1] == finding_lines(finding, lang)[-1]


def test_a_finding_that_is_too_long_for_a_terminal_ends_in_dots():
    long = Finding("defect", "output", "gradInput", "transposed", "Conv2d", index=(1,), got=1.0)
    lines = finding_lines(long, "en", 40, rest="  ")
    assert len(lines) == LINES
    assert lines[-1] == "  ..."


def test_verbose_shows_all_findings_and_their_identifiers():
    many = dataclasses.replace(samples.LINEAR, findings=(samples.OVERWRITTEN,) * 5)
    report = FileReport("a.py", (many,))
    short, long = (as_text(report, "en", verbose=verbose) for verbose in (False, True))
    assert short.count("after a second backward pass") == 3
    assert "and 2 more" in short
    assert long.count("[accumulation, overwritten]") == 5
    assert "more (" not in long


def test_colours_only_where_they_are_wanted(monkeypatch, no_locale):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setenv("TERM", "xterm")
    assert style_of(Terminal())
    assert not style_of(io.StringIO())
    monkeypatch.setenv("NO_COLOR", "1")
    assert not style_of(Terminal())
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setenv("TERM", "dumb")
    assert not style_of(Terminal())
    assert width_of(io.StringIO()) == 88


def test_colours_change_nothing_but_the_colour():
    plain, coloured = (as_text(samples.MIXED, "en", colour=c) for c in (False, True))
    assert "\x1b" not in plain
    stripped = re.sub(r"\x1b\[[\d;]*m", "", coloured)
    assert [line.rstrip() for line in stripped.splitlines()] == plain.splitlines()
    row = next(line for line in coloured.splitlines() if line.startswith("Conv2d "))
    assert "\x1b[31mdefect" in row


def test_what_students_write_is_not_obeyed():
    text = as_text(samples.NASTY, "en", verbose=True)
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", text)
    assert "\\x1b[31m\\u202e" in text
    lone = FileReport("\udcff.py", (LayerReport("A\nB", "", "ok"),))
    as_text(lone, "en").encode("utf-8")
    assert "A B" in as_text(lone, "en")


def test_long_names_do_not_break_the_table():
    long = LayerReport("A" * 200, "torch_like." + "B" * 200, "defect", (samples.BORDER,))
    for width in (40, 80):
        table = as_text(FileReport("a.py", (long, samples.RIGHT)), "en", width=width)
        lines = table.split("\n\n")[0].splitlines()
        assert all(len(line) <= width for line in lines)
        assert "defect" in lines[2]


def test_the_overview_of_a_class():
    text = overview([samples.MIXED, samples.GOOD, samples.EMPTY], "en")
    lines = [line.split() for line in text.splitlines()]
    assert lines[1] == ["homework.ipynb", "2", "3", "1"]
    assert lines[3] == ["empty.py", "0", "0", "0"]
    assert text.splitlines()[-1].startswith("files: 3; layers: 9; right: 4; with defects: 3;")


def test_reports_print_as_text_and_show_as_html(monkeypatch, no_locale):
    assert str(samples.MIXED) == as_text(samples.MIXED, "en")
    assert str(samples.CONV) == layer_text(samples.CONV, "en")
    assert str(samples.CONV).startswith("Conv2d: defect (compared with torch_like.Conv2d)\n  - ")
    assert str(samples.RIGHT) == "Tanh: ok (compared with torch_like.Tanh)"
    monkeypatch.setenv("RUSHLIGHT_LANG", "ru")
    assert str(samples.CONV).startswith("Conv2d: ошибка")
    assert 'lang="ru"' in samples.CONV._repr_html_()
    assert 'lang="ru"' in samples.MIXED._repr_html_()


def test_a_reason_that_only_the_loader_knows():
    stopped = LayerReport("A", "", "error", reason="kill")
    assert "it sends signals to processes" in layer_text(stopped, "en")
    assert "посылает сигналы" in as_text(FileReport("a.py", (stopped,)), "ru").splitlines()[2]


def test_a_finding_without_numbers():
    bare = Finding("defect", "output", "", "crash", "Linear", details={"error": "KeyError: 1"})
    assert "KeyError: 1" in "\n".join(finding_lines(bare, "en"))
