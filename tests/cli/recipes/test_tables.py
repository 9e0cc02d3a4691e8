"""A user's own CSV file: what is found out, what is told, and what is refused."""

import math

import numpy as np
import pytest

pytest.importorskip("typer")

from rushlight.cli.mistake import Mistake
from rushlight.cli.recipes.regression import Regression
from rushlight.cli.recipes.run import resolve
from rushlight.cli.recipes.table import number, read_table


def write(folder, text, name="t.csv"):
    (folder / name).write_text(text, encoding="utf-8")
    return folder / name


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_the_separator_is_found_out(tmp_path, separator):
    rows = [["a", "b, c", "text"], ["1", "2.5", 'a "word"'], ["", "3", "x"]]
    lines = [
        separator.join('"' + cell.replace('"', '""') + '"' if cell else "" for cell in row)
        for row in rows
    ]
    table = read_table(write(tmp_path, "\ufeff" + "\r\n".join(lines) + "\r\n\r\n"))
    assert table.names == rows[0]
    assert table.rows == rows[1:]
    assert table.lines == [2, 3]
    assert table.separator == separator
    np.testing.assert_array_equal(table.numbers("a"), [1, math.nan])


def test_decimal_commas_and_missing_values():
    assert number("1,5", ";") == 1.5
    assert number("-0,25", "\t") == -0.25
    assert number("1,5", ",") is None
    assert number(" 3e2 ") == 300
    assert number("1_000") is None
    for text in ("", " ", "NA", "n/a", "NaN", "null", "None", "?"):
        assert math.isnan(number(text))


MISTAKES = {
    "empty": ("", "an empty file"),
    "header alone": ("a,b\n", "one line alone"),
    "ragged": ("a,b\n1,2\n1,2,3\n", "line 3: got 3 cells, expected 2"),
    "twice": ("a,b,a\n1,2,3\n", "the column 'a' 2 times"),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_what_is_no_table(tmp_path, case):
    content, text = MISTAKES[case]
    with pytest.raises(Mistake, match=r"t\.csv") as error:
        read_table(write(tmp_path, content))
    assert text in str(error.value)


def test_files_that_cannot_be_read(tmp_path):
    (tmp_path / "x.csv").write_bytes(b"a,b\n1,\xff\n")
    for path, text in (("x.csv", "0xff"), (".", "a folder"), ("none.csv", "no such file")):
        with pytest.raises(Mistake, match=text):
            read_table(tmp_path / path)


def test_workbooks_and_other_encodings(tmp_path):
    for start in (b"PK\x03\x04\x14", b"\xd0\xcf\x11\xe0\xa1"):
        (tmp_path / "x.csv").write_bytes(start + bytes(90))
        with pytest.raises(Mistake, match=r"a workbook of Excel.*save the sheet as CSV"):
            read_table(tmp_path / "x.csv")
    (tmp_path / "x.csv").write_bytes("a,b\n1,\u0436\n".encode("utf-16"))
    assert read_table(tmp_path / "x.csv").rows == [["1", "\u0436"]]


def test_numbers_that_have_no_square_are_named(tmp_path):
    table = read_table(write(tmp_path, "a,b\n1,2\n1e308,3\n"))
    with pytest.raises(Mistake, match=r"line 3: got '1e308' .*a number up to 1e\+100"):
        table.numbers("a")
    path = write(tmp_path, "a,first\n" + "".join(f"{i},{i}e-300\n" for i in range(40)))
    with pytest.raises(Mistake, match="a target that is always the same"):
        load(path)


def load(table, **given):
    recipe = Regression()
    return recipe.load(resolve(recipe, {"csv": str(table), "targets": "first", **given}))


def test_numbers_texts_and_constant_columns(table):
    data = load(table, targets="first,second", ignore="id")
    columns = data.preparation["columns"]
    assert list(columns["numeric"]) == ["a", "b"]
    assert columns["texts"] == {"colour": ["blue", "green", "red"]}
    assert "same: constant, left out" in data.about
    assert (data.inputs, data.outputs) == ((5,), (2,))
    x, y = data.train
    np.testing.assert_allclose(x.mean(0), 0, atol=1e-12)
    np.testing.assert_allclose(y.std(0), 1)
    tested = data.test.open(final=True)
    assert len(x) + len(data.validation[0]) + len(tested[0]) == 120
    assert set(np.unique(x[:, 2]).round(9)) == set(np.unique(tested[0][:, 2]).round(9))


def test_parts_are_split_by_the_seed_and_do_not_overlap(table):
    def rows(data):
        parts = (data.train, data.validation, data.test.open(final=True))
        scale = data.preparation["x"]
        return [set((x[:, 0] * scale["std"][0] + scale["mean"][0]).round(3)) for x, _ in parts]

    one, again, other = (load(table, features="id", seed=seed) for seed in (0, 0, 1))
    assert rows(one) == rows(again)
    assert rows(one) != rows(other)
    train, held, tested = rows(one)
    assert not train & held
    assert not (train | held) & tested
    assert len(train | held | tested) == 120


@pytest.fixture
def holes(table):
    """The table, with missing values in two features and one target."""
    lines = table.read_text().splitlines()
    cells = [line.split(",") for line in lines]
    cells[3][1] = ""
    cells[9][1] = "NA"
    cells[12][3] = "?"
    cells[20][5] = ""
    table.write_text("\n".join(map(",".join, cells)) + "\n")
    return table


def test_missing_values_are_filled_and_told(holes):
    data = load(holes, ignore="id,second")
    assert "1 row without a target left out" in data.about
    assert "3 missing values filled" in data.about
    parts = (data.train, data.validation, data.test.open(final=True))
    assert sum(len(x) for x, _ in parts) == 119
    assert all(np.isfinite(x).all() for x, _ in parts)
    median = data.preparation["columns"]["numeric"]["a"]
    scale = data.preparation["x"]
    filled = (median - scale["mean"][0]) / scale["std"][0]
    assert sum((np.abs(x[:, 0] - filled) < 1e-12).sum() for x, _ in parts) >= 2


def test_rows_with_missing_values_are_dropped_and_told(holes):
    data = load(holes, ignore="id,second", missing="drop")
    assert "3 rows with missing values left out" in data.about
    parts = (data.train, data.validation, data.test.open(final=True))
    assert sum(len(x) for x, _ in parts) == 116


def test_codes_may_be_texts(table):
    lines = table.read_text().splitlines()
    coded = [lines[0] + ",code", *(f"{line},{i % 3}" for i, line in enumerate(lines[1:]))]
    data = load(write(table.parent, "\n".join(coded)), categorical="code", features="a,code")
    assert data.preparation["columns"]["texts"] == {"code": ["0", "1", "2"]}


USES = {
    "no csv": ({"csv": ""}, "--csv"),
    "no targets": ({"targets": ""}, "--targets a,b"),
    "unknown target": ({"targets": "fat"}, "no column 'fat', expected one of id, a, b, colour"),
    "unknown feature": ({"features": "a,x"}, "no column 'x'"),
    "unknown ignored": ({"ignore": "x"}, "no column 'x'"),
    "both": ({"features": "first"}, "'first' as a feature and as a target"),
    "text target": ({"targets": "colour"}, "in the column 'colour', expected a number"),
    "constant target": ({"targets": "same"}, "a target that is always the same: same"),
    "constant features": ({"features": "same"}, "no column that varies among same"),
    "shares": ({"validation": 0.6, "test_share": 0.5}, "shares that leave some"),
    "few": ({"validation": 0.48, "test_share": 0.48}, "rows to train on (120 in all)"),
    "missing": ({"missing": "guess"}, "--missing: got 'guess', expected fill or drop"),
}


@pytest.mark.parametrize("case", USES)
def test_wrong_uses(table, case):
    given, text = USES[case]
    with pytest.raises(Mistake) as error:
        load(table, **given)
    assert text in str(error.value)


def test_text_in_a_column_of_numbers_names_the_line(table):
    lines = table.read_text().splitlines()
    cells = lines[17].split(",")
    cells[2] = "1.5 kg"
    lines[17] = ",".join(cells)
    table.write_text("\n".join(lines))
    with pytest.raises(Mistake, match=r"line 18: got '1.5 kg' in the column 'b'") as error:
        load(table)
    assert "--categorical b" in str(error.value)


def test_a_table_without_names_says_so(tmp_path):
    path = write(tmp_path, "1,2\n3,4\n")
    with pytest.raises(Mistake, match="a first line of numbers"):
        load(path)


def test_too_many_texts(table):
    lines = table.read_text().splitlines()
    named = [lines[0] + ",name", *(f"{line},n{i}" for i, line in enumerate(lines[1:]))]
    with pytest.raises(Mistake, match="120 different texts in the column 'name'"):
        load(write(table.parent, "\n".join(named)))
