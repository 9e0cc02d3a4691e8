"""The table of a class: one line for each file, and nothing in it that a sheet would run."""

import csv
import io

from tests.check.report import samples

from rushlight.check.findings import FileReport, LayerReport
from rushlight.check.report import as_csv


def read(text, delimiter=","):
    return list(csv.reader(io.StringIO(text), delimiter=delimiter))


def test_a_line_for_each_file_and_a_column_for_each_layer():
    other = FileReport("b.py", (LayerReport("Dropout", "", "ok"), samples.RIGHT))
    head, mixed, good, last = read(as_csv([samples.MIXED, samples.GOOD, other], "en"))
    assert head[:6] == [
        "file", "right", "with defects", "not checked", "skipped", "problems of the file",
    ]  # fmt: skip
    layers = ["Tanh", "ReLU", "Conv2d", "Linear", "SoftPlus", "MaxPool2d", "Attention"]
    assert head[6:] == [*layers, "Dropout"]
    assert mixed[:6] == ["homework.ipynb", "2", "3", "1", "1", "1"]
    assert mixed[6:] == [
        "ok",
        "ok",
        "defect: border_not_folded",
        "defect: overwritten",
        "defect: overflow",
        "error: timeout",
        "skipped: unknown_layer",
        "",
    ]
    assert good == ["good.py", "2", "0", "0", "0", "0", "ok", "ok", *[""] * 6]
    assert last[6:] == ["ok", *[""] * 6, "ok"]


def test_two_layers_of_one_name_share_a_cell():
    twice = FileReport("a.py", (samples.RIGHT, LayerReport("Tanh", "", "error", reason="exit")))
    head, row = read(as_csv([twice], "en"))
    assert head.count("Tanh") == 1
    assert row[-1] == "ok | error: exit"


def test_the_head_speaks_russian_and_the_cells_do_not():
    head, row = read(as_csv([samples.MIXED], "ru", delimiter=";"), ";")
    assert head[:3] == ["файл", "верно", "с ошибками"]
    assert row[8] == "defect: border_not_folded"


def test_formulas_are_text():
    for name in ("=cmd|'/c calc'!A0", "+1", "-1", "@sum", " =1", "\t=1", "＝1"):
        _, row = read(as_csv([FileReport(name)], "en"))
        assert row[0].startswith("'"), name
        head, _ = read(as_csv([FileReport("a.py", (LayerReport(name, "", "ok"),))], "en"))
        assert head[-1].startswith("'"), name


def test_names_do_not_break_lines_or_columns():
    rows = read(as_csv([FileReport('a,"b"\n;c.py'), samples.NASTY], "en"))
    assert len(rows) == 3
    assert rows[1][0] == 'a,"b" ;c.py'
    assert "\x1b" not in rows[2][0]


def test_a_class_of_nobody():
    assert len(read(as_csv([], "en"))) == 1
