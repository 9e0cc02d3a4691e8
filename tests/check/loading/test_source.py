"""Reading: encodings, notebooks of both formats, magics, and what survives a syntax error."""

import ast
import json

import pytest

from rushlight.check.loading.magics import drop_magics
from rushlight.check.loading.source import Chunk, parse, read_source
from rushlight.errors import FileFormatError

RUSSIAN = "# Слой\nNAME = 'Линейный'\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1251", "utf-16"])
def test_encodings(student, encoding):
    path = student("слой.py", RUSSIAN, encoding=encoding)
    assert read_source(path).chunks == [Chunk(None, str(path), RUSSIAN)]


def test_declared_encoding_is_believed(student):
    text = f"# -*- coding: koi8-r -*-\n{RUSSIAN}"
    assert read_source(student("a.py", text, encoding="koi8-r")).chunks[0].text == text


def test_line_ends_are_pythons(student):
    assert read_source(student("a.py", "a = 1\r\nb = 2\rc = 3\n")).chunks[0].text == (
        "a = 1\nb = 2\nc = 3\n"
    )


def test_cells_are_counted_as_a_run_from_top_to_bottom_would(student):
    path = student("a.ipynb", "a = 1", "  \n", "b = 2")
    assert [(c.cell, c.filename) for c in read_source(path).chunks] == [
        (1, "<cell 1>"),
        (2, "<cell 2>"),
    ]


@pytest.mark.parametrize(
    ("counts", "cells"), [([7, 3], [7, 3]), ([7, None], [1, 2]), ([7, 7], [1, 2])]
)
def test_numbers_that_the_notebook_shows_are_taken_if_all_have_one(student, counts, cells):
    path = student("a.ipynb", "a = 1", "b = 2", counts=counts)
    assert [chunk.cell for chunk in read_source(path).chunks] == cells


def test_nbformat_3(student):
    cells = [
        {"cell_type": "code", "input": ["a = 1\n", "b = 2"], "prompt_number": 4},
        {"cell_type": "heading", "source": "x"},
        {"cell_type": "code", "input": "c = 3", "prompt_number": 5},
    ]
    path = student("a.py", json.dumps({"nbformat": 3, "worksheets": [{"cells": cells}]}))
    path = path.rename(path.with_suffix(".ipynb"))
    assert [(c.cell, c.text) for c in read_source(path).chunks] == [
        (4, "a = 1\nb = 2"),
        (5, "c = 3"),
    ]


@pytest.mark.parametrize(
    ("text", "english", "russian"),
    [
        ("", "it is empty", "он пуст"),
        ("class A: pass", "it is no notebook", "это не ноутбук"),
        ("[1, 2]", "it has no list of cells", "в нём нет списка ячеек"),
        ('{"cells": 3}', "it has no list of cells", "в нём нет списка ячеек"),
        (
            '{"cells": [], "metadata": {"kernelspec": {"language": "R"}}}',
            "it is a notebook in R",
            "ноутбук на языке R",
        ),
        ("[" * 100_000, "it is no notebook", "это не ноутбук"),
    ],
)
def test_what_is_no_notebook_is_a_clear_error(student, text, english, russian):
    path = student("a.py", text)
    path = path.rename(path.with_suffix(".ipynb"))
    with pytest.raises(FileFormatError, match=f"a.ipynb: {english}") as caught:
        read_source(path)
    assert russian in caught.value.russian


def test_malformed_cells_are_passed_over(student):
    path = student("a.py", json.dumps({"cells": [3, {}, {"cell_type": "code", "source": "a = 1"}]}))
    path = path.rename(path.with_suffix(".ipynb"))
    assert [chunk.text for chunk in read_source(path).chunks] == ["a = 1"]


@pytest.mark.parametrize(
    ("cell", "clean"),
    [
        ("%matplotlib inline\nx = 1", "pass\nx = 1"),
        ("!pip install x\nx = 1", "pass\nx = 1"),
        ("pip install x\nx = 1", "pass\nx = 1"),
        ("files = !ls *.py", "pass"),
        (
            "%run modules.ipynb\n%run -i './layers.py'",
            "from modules import *\nfrom layers import *",
        ),
        ("%run ../other/a-b.py", "pass"),
        ("t = %timeit -o f()", "pass"),
        ("?np.sum\nnp.sum?\nnp.sum??", "pass\npass\npass"),
        ("if colab:\n    !pip install x\n    y = 1", "if colab:\n    pass\n    y = 1"),
        ("!pip install a \\\n  b\nx = 1", "pass\n\nx = 1"),
        ('!echo it\'s """\n%time f()\n!ls (\nx = 1', "pass\npass\npass\nx = 1"),
        ("%%time\nx = 1", "\nx = 1"),
        ("\n%%time\n%%capture out\nx = 1\n!ls", "\n\n\nx = 1\npass"),
        ("%%bash\nls\nrm x", "\n\n"),
        ("%%writefile a.py\nclass A: pass", "\n"),
        ("x = (3\n% 2)\n!ls", "x = (3\n% 2)\npass"),
        ("x = 3 \\\n% 2\n!ls", "x = 3 \\\n% 2\npass"),
        ('s = """\n!ls\n%d"""\n!ls', 's = """\n!ls\n%d"""\npass'),
        ("s = '(' # [\n!ls", "s = '(' # [\npass"),
        (
            r"s = '\'(' + '''\''' " "" + "\n!ls'''\n!ls",
            r"s = '\'(' + '''\''' " "" + "\n!ls'''\npass",
        ),
        ("assert a != b\n!ls", "assert a != b\npass"),
    ],
)
def test_magics_go_and_lines_keep_their_numbers(cell, clean):
    assert drop_magics(cell) == clean


@pytest.mark.parametrize("text", ["x = a % b", "x = y if z else w", "f(*a)\n(b)\n", "'?'"])
def test_python_is_left_alone(text):
    assert drop_magics(text) == text


def names(statements):
    return [getattr(s, "name", None) or ast.unparse(s) for s in statements]


def test_a_syntax_error_costs_its_own_block_only():
    text = (
        "import numpy as np\n"
        "class A:\n    def f(self)\n        pass\n"
        "@decorated\nclass B:\n    text = '''\nat the margin\n'''\n"
        "x = f(1,\n2)\n"
        "def broken(:\n    pass\n"
        "if x:\n    y = 1\nelse:\n    y = 2\n"
    )
    statements, problems, clean = parse(Chunk(3, "<cell 3>", text))
    assert names(statements) == [
        "import numpy as np",
        "B",
        "x = f(1, 2)",
        "if x:\n    y = 1\nelse:\n    y = 2",
    ]
    assert [(p.cell, p.line, p.text) for p in problems] == [
        (3, 3, "    def f(self)"),
        (3, 12, "def broken(:"),
    ]
    assert "cell 3, line 3: syntax error" in problems[0].message()
    assert "ячейка 3, строка 3: синтаксическая ошибка" in problems[0].message("ru")
    assert len(clean.split("\n")) == len(text.split("\n"))
    assert names(ast.parse(clean).body) == names(statements)
    assert [s.lineno for s in statements] == [1, 6, 10, 14]


def test_a_class_torn_in_two_is_left_out():
    text = (
        "class A:\n    def f(self):\n        x = 1\nreturn x\n    def g(self):\n        pass\nB = 1"
    )
    statements, problems, _ = parse(Chunk(None, "a.py", text))
    assert names(statements) == ["B = 1"]
    assert [(p.line, p.error) for p in problems] == [(5, "unexpected indent")]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("x = (1,\ny = 2\n", 1),
        ("x = '''never closed\ny = 2", 1),
        ("x = 1\x00", None),
        ("(" * 1000, 1),
        ("x = " + "-" * 200_000 + "1", None),
        ("    x = 1", 1),
    ],
)
def test_every_kind_of_syntax_error_is_a_problem(text, line):
    _, problems, _ = parse(Chunk(None, "a.py", text))
    assert problems[0].kind == "syntax"
    assert line is None or problems[0].line == line


def test_invalid_escapes_are_no_warning():
    assert parse(Chunk(None, "a.py", "x = '\\d'"))[1] == []


def test_a_binary_file_is_told_once_and_a_stray_null_harms_one_line_only(student):
    path = student("a.py", "")
    path.write_bytes(bytes(range(256)) * 9)
    with pytest.raises(FileFormatError, match=r"a.py: it is no text"):
        read_source(path)
    path.write_bytes(b"x = 1\nbad = 2\x00\ndef f(): pass\n")
    statements, problems, _ = parse(read_source(path).chunks[0])
    assert (len(statements), len(problems)) == (2, 1)


def test_an_essay_is_one_problem():
    _, problems, _ = parse(Chunk(None, "a.py", "Once upon a time,\nthere was\na student.\n"))
    assert len(problems) == 1


def test_a_syntax_error_names_what_it_takes_away():
    text = "@cache\nclass Linear(:\n    pass\nx = (1\nasync def g(:\n    pass\ny = 1\n"
    _, problems, _ = parse(Chunk(None, "a.py", text))
    assert [problem.name for problem in problems] == ["Linear", "", "g"]
