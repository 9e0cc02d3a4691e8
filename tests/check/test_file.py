"""Files from end to end: what one layer does is not laid at another's door."""

import pathlib

import pytest

from rushlight.check.file import check_file, check_files
from rushlight.check.report import as_record, as_text
from rushlight.check.texts import reason

LAYER = """
class {name}:
    def updateOutput(self, input):
        {body}
        self.output = {output}
        return self.output
    def updateGradInput(self, input, gradOutput):
        self.gradInput = gradOutput * {slope}
        return self.gradInput
"""
RELU = ("np.maximum(input, 0)", "(input > 0)")
TANH = ("np.tanh(input)", "(1 - np.tanh(input) ** 2)")
SIGMOID = ("1 / (1 + np.exp(-input))", "self.output * (1 - self.output)")


def layer(name, formulas, body="pass"):
    return LAYER.format(name=name, body=body, output=formulas[0], slope=formulas[1])


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """Check one file of layers that go wrong in many ways."""
    path = tmp_path_factory.mktemp("homework") / "слои.py"
    replaces = "np.tanh = np.zeros = len = None; import builtins; builtins.max = None"
    path.write_text(
        "import numpy as np\nimport no_such_module as plt\nrng = make()\n"
        + layer("ReLU", RELU)
        + layer("Tanh", TANH, replaces)
        + layer("Sigmoid", SIGMOID)
        + layer("Gelu", TANH, "exit('done')")
        + layer("Flatten", TANH, "plt.plot(input)")
        + layer("LogSoftMax", TANH, "rng.normal()")
        + "class ELU:\n    slope = 1 / 0\n"
        + "class SoftPlus(:\n    pass\n"
        + "class Helper:\n    x = 1 / 0\n"
        + "class LeakyReLU(Absent):\n    pass\n"
        + "class LeakyReLU:\n    pass\n",
        "utf-8",
    )
    return check_file(path)


def test_a_layer_that_replaces_functions_of_numpy_spoils_no_other(report):
    found = {one.name: one for one in report.layers}
    assert [found[name].status for name in ("ReLU", "Tanh", "Sigmoid")] == ["ok", "error", "ok"]


@pytest.mark.parametrize(
    ("name", "english", "russian"),
    [
        (
            "Gelu",
            "not checked to the end: it ended the program (exit, quit, os._exit) (line 34).",
            "проверка прервана: код завершает программу (exit, quit, os._exit) (строка 34).",
        ),
        (
            "Flatten",
            "not checked to the end: it uses something that was not imported or not run: "
            "no_such_module.plot is called in line 43, but it cannot be imported "
            "(No module named 'no_such_module').",
            "проверка прервана: используется то, что не импортировано или не выполнено: "
            "no_such_module.plot (строка 43): импортировать не удалось "
            "(No module named 'no_such_module').",
        ),
        (
            "LogSoftMax",
            "not checked to the end: it uses something that was not imported or not run: "
            "rng.normal is called in line 52, but the check does not run line 3, which gives it a "
            "value.",
            "проверка прервана: используется то, что не импортировано или не выполнено: "
            "rng.normal (строка 52): значение даёт код (строка 3), который проверка не выполняет.",
        ),
    ],
)
def test_what_ended_a_check_is_said_once_with_its_line(report, name, english, russian):
    (found,) = [one for one in report.layers if one.name == name]
    assert (found.status, found.like) == ("error", name)
    assert reason(found, "en") == english
    assert reason(found, "ru") == russian


def test_layers_that_could_not_be_defined_are_listed(report):
    undefined = [one for one in report.layers if one.reason == "definition"]
    assert [(one.name, one.status, one.line) for one in undefined] == [
        ("ELU", "error", 59),
        ("SoftPlus", "error", 60),
    ]
    assert report.exit_code == 1
    assert "определить его не удалось" in as_text(report, "ru")
    told = [problem["message"] for problem in as_record(report, "ru")["problems"]]
    assert any(text.startswith("строка 60: синтаксическая ошибка") for text in told), told


def test_files_come_in_their_order_and_the_rest_can_be_left(tmp_path):
    paths = [tmp_path / f"{name}.py" for name in "ba"]
    paths[0].write_text("import numpy as np\n" + layer("ReLU", RELU), "utf-8")
    paths[1].write_text("while True:\n    pass\n", "utf-8")
    paths.append(tmp_path / "absent.py")
    reports = list(check_files(paths))
    assert [pathlib.Path(one.file).name for one in reports] == ["b.py", "a.py", "absent.py"]
    assert [one.exit_code for one in reports] == [0, 2, 2]
    assert reports[2].problems[0]["error"] == "No such file or directory"
    few = check_files([paths[0]] * 50)
    assert next(few).exit_code == 0
    few.close()  # else it takes half a minute
    with pytest.raises(ValueError, match="Lineer"):
        check_files(paths, "Lineer")


def test_a_check_that_was_not_finished_is_not_all_right(report):
    good = [one for one in report.layers if one.ok]
    whole = type(report)("a.py", tuple(good))
    assert whole.exit_code == 0
    unfinished = {"kind": "unfinished", "error": "no_time"}
    assert type(report)("a.py", tuple(good), (unfinished,)).exit_code == 1
