"""The words of the checker: whole in both languages, short, and never with a gap left open."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from itertools import product

import pytest

from rushlight.check.findings import Finding, LayerReport, Region
from rushlight.check.formulas.names import NAMES
from rushlight.check.loading import problem, stop_message
from rushlight.check.texts import (
    CAUSES,
    CHECKS,
    LANGUAGES,
    REASONS,
    Text,
    hint,
    message,
    reason,
    title,
)
from rushlight.check.texts.special import HINTS, KINDS, PARTS, SAYS
from rushlight.check.texts.tables import CONTEXTS, GROUPS, TENSORS, WORDS
from rushlight.check.texts.text import pair, plural

KEYS = {
    *("tensor", "error", "line", "method", "option", "value", "factor", "axis", "n", "wrong_shape"),
    *("right_shape", "dtype", "name", "numbers", "rate", "p"),
}
DETAILS = {
    "error": "ValueError: operands could not be broadcast together with shapes (2,3) (3,2)",
    "line": "cell 3, line 12",
    "method": "accGradParameters",
    "option": "padding_mode",
    "value": "replicate",
    "factor": "0.333333",
    "axis": "0",
    "n": "24",
    "wrong_shape": "(2, 3, 5, 5)",
    "right_shape": "(2, 3, 6, 6)",
    "dtype": "float64",
    "name": "torch.nn.BatchNorm2d",
    "numbers": "3",
    "rate": "0.698",
    "p": "0.3",
}
GAP = re.compile(r"\[\[|\]\]|\{(" + "|".join(KEYS) + r")\}")
# Latin words of Russian sentences: identifiers, names, and field terms that Russian has taken over
LATIN = set(
    re.findall(
        r"\w+",
        """N C H W p g w t m v n a x y L i log exp max min inf nan None return def for sin tanh erf
        gradOutput gradInput gradW gradb gradGamma gradBeta input output self target mask gamma e
        beta moving_mean moving_variance momentum learning_rate epsilon alpha slope bias ddof EPS
        dtype False True updateOutput updateGradInput accGradParameters zeroGradParameters like
        getParameters getGradParameters broadcasting train evaluate forward backward training
        softmax SoftMax sigmoid GELU Adam ReLU NumPy np scipy special expit where argmax clip var
        empty logaddexp keepdims reshape transpose reflect replicate circular symmetric padding
        padding_mode stride Conv2d max pooling practical_dl torch_like torch old batch kh kw sh sw
        module float32 float64 exit quit os _exit stdin Python KeyboardInterrupt
        sys z s b config option log1p len mean state kernel_size Linear Dropout dropout beta1
        beta2 grad gradients zero_grad norm copy concatenate maximum height width""",
    )
)


ABOUT_NONE = ("returns_none", "nested_def", "missing_gradient", "unexplained")


def templates() -> Iterator[tuple[str, Text]]:
    """All texts with the place where they stand."""
    for name, words in WORDS.items():
        yield f"{name} title", words.title
        yield f"{name} says", words.says
        yield f"{name} hint", words.hint
    for table in (SAYS, HINTS, CHECKS, REASONS, TENSORS, CONTEXTS):
        for key, text in table.items():
            yield str(key), text
    for key, (text, _) in GROUPS.items():
        yield key, text


def prose(text: str) -> str:
    """A text without its lines of code, without code in backticks and without gaps."""
    lines = [line for line in text.split("\n") if not line.startswith("    ")]
    return re.sub(r"`[^`]*`|\{\w+\}|'[^']*'|\b\d+e-?\d+", "", "\n".join(lines))


def finding(
    cause: str, layer: str = "", tensor: str = "", check: str = "output", *, shapes: bool = False
) -> Finding:
    """A finding with all that it can have."""
    case = f"{layer}(2, 3, (3, 2), stride=(2, 1), padding=1), input (2, 2, 7, 6)"
    region = Region("channels", (0, 2), 24, 144)
    details = {k: v for k, v in DETAILS.items() if shapes or not k.endswith("_shape")}
    values = (1234.56789, -0.00123456789)
    return Finding(
        *("defect", check, tensor, cause, layer, case, (0, 1, 2, 3), *values),
        max_error=1234.5691346,
        region=region,
        details=details,
    )


def test_every_text_has_both_languages_and_the_same_gaps() -> None:
    for place, text in templates():
        for lang in LANGUAGES:
            assert text[lang].strip() == text[lang] != "", place
            inside = re.sub(r"\[\[.*?\]\]", "", text[lang])
            assert not re.search(r"\{\w+\}", inside), f"{place}: a gap that may stay open"
        gaps = [set(re.findall(r"\{(\w+)\}", text[lang])) for lang in LANGUAGES]
        assert gaps[0] == gaps[1] <= KEYS, place


def test_the_languages_are_not_mixed() -> None:
    mixed: set[str] = set()
    for place, text in templates():
        assert not re.search("[а-яё]", text.en, re.IGNORECASE), place
        words = set(re.findall(r"[A-Za-z_][A-Za-z_0-9]*", prose(text.ru)))
        mixed |= {f"{place}: {word}" for word in words - LATIN}
        assert re.search("[а-яё]", text.ru) or text.ru == "Dropout", place
        assert '"' not in prose(text.ru), place
    assert not mixed


def test_titles_are_short_and_unlike() -> None:
    for lang in LANGUAGES:
        titles = [title(cause, lang) for cause in CAUSES]
        assert len(set(titles)) == len(titles)
        assert max(map(len, titles)) <= 40
        assert max(len(t.split()) for t in titles) <= 7


def test_no_identifier_stands_twice_and_special_texts_belong_to_something() -> None:
    assert len(WORDS) == sum(len(group) for _, group in GROUPS.values())
    for cause, key in [*SAYS, *HINTS]:
        assert cause in WORDS
        layer, _, tensor = key.rpartition(".")
        assert layer in NAMES if layer else key in {*NAMES, *CHECKS, *KINDS}.union(TENSORS)
        assert tensor in TENSORS or not layer
    assert {key for _, key in [*SAYS, *HINTS]} >= set(KINDS)
    assert set(PARTS) <= set(WORDS)
    assert set(CONTEXTS) <= set(CHECKS)
    assert not any("[[" in text[lang] for text in CAUSES.values() for lang in LANGUAGES)


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("cause", WORDS)
def test_a_finding_is_short_and_has_no_gap(cause: str, lang: str) -> None:
    modes = {"BatchNormalization", "Dropout"}
    for layer, tensor in product((*NAMES, ""), ("output", "gradInput", "gradW")):
        check = "evaluation_gradient" if layer in modes else "output"
        told = finding(cause, layer, tensor, check, shapes=tensor == "gradW")
        text = message(told, lang) + "\n" + hint(told, lang)
        for line in text.split("\n"):
            assert not GAP.search(line)
            if line.startswith("    "):
                assert len(line) <= 84, line  # at 88 columns, indented once more
        wrapped = [part for line in text.split("\n") for part in textwrap.wrap(line, 100)]
        assert len(wrapped) <= 10, text


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("cause", WORDS)
def test_a_finding_that_knows_nothing_else_still_reads_well(cause: str, lang: str) -> None:
    bare = Finding("defect", "output", "", cause)
    for text in (message(bare, lang), hint(bare, lang)):
        lines = [line for line in text.split("\n") if not line.startswith("    ")]
        said = re.sub("`[^`]+`", "code", "\n".join(lines))
        assert not re.search(r"\[\[|\]\]|  |(?<!\w)\(\)|:\.|\{", said)
        assert "None" not in said or cause in ABOUT_NONE
        assert text.endswith((".", ")")) or "\n    " in text


def test_a_message_says_what_where_how_much_and_why() -> None:
    told = Finding(
        *("defect", "accumulation", "gradW", "overwritten", "Linear", "Linear(3, 4), input (2, 3)"),
        *((0, 1), 0.5, 0.25, 0.75, Region("all", (), 12, 12)),
    )
    assert message(told) == (
        "The gradient by the weights, gradW, is wrong after a second backward pass: at [0, 1] "
        "expected 0.5, got 0.25; largest error 0.75; all 12 elements.\n"
        "Case: Linear(3, 4), input (2, 3).\n"
        "Likely cause: a second backward pass loses the gradient of the first: accGradParameters "
        "assigns (=) where it should add (+=)."
    )
    assert message(told, "ru").startswith(
        "Градиент по весам gradW вычислен неверно после второго обратного прохода: в [0, 1] "
        "ожидалось 0.5, получено 0.25; наибольшая ошибка 0.75; все 12 элементов.\nСлучай: "
    )
    assert hint(told).endswith(":\n    self.gradW += gradOutput.T @ input")
    assert hint(told, "ru").endswith(":\n    self.gradW += gradOutput.T @ input")


@pytest.mark.parametrize(
    ("region", "en", "ru"),
    [
        (Region("all", (), 1, 1), "", ""),
        (Region("all", (), 21, 21), "all 21 elements", "все 21 элемент"),
        (Region("all", (), 24, 24), "all 24 elements", "все 24 элемента"),
        (Region("some", (), 7, 21), "7 of 21 elements", "7 из 21 элемента"),
        (Region("some", (), 7, 24), "7 of 24 elements", "7 из 24 элементов"),
        (Region("border"), "only at the border", "только у границы"),
        (
            Region("interior", (), 4, 36),
            "only inside, the border is right (4 of 36 elements)",
            "только внутри, у границы всё верно (4 из 36 элементов)",
        ),
        (Region("rows", (0, 2)), "only in rows 0, 2", "только в строках 0, 2"),
        (Region("columns", (3,)), "only in column 3", "только в столбце 3"),
        (Region("channels", (1,)), "only in channel 1", "только в канале 1"),
        (Region("channels", (), 3, 9), "3 of 9 elements", "3 из 9 элементов"),
        (
            Region("samples", tuple(range(9))),
            "only in samples 0, 1, 2, 3, 4, 5, … of the batch",
            "только в объектах 0, 1, 2, 3, 4, 5, … батча",
        ),
    ],
)
def test_regions(region: Region, en: str, ru: str) -> None:
    told = Finding("defect", "output", "output", "sign", max_error=1.0, region=region)
    for lang, text in (("en", en), ("ru", ru)):
        first = message(told, lang).split("\n")[0]
        assert first.partition("; ")[2] == (text + "." if text else "")


def test_numbers() -> None:
    assert pair(1.0, 1.0000001) == ("1", "1.0000001")
    assert pair(2 / 3, 0.5) == ("0.666667", "0.5")
    assert pair(float("nan"), 1000.0) == ("nan", "1000")
    assert [plural(n, "1", "2", "5") for n in (1, 2, 5, 11, 12, 14, 21, 104, 111)] == [
        *("1", "2", "5", "5", "5", "5", "1", "2", "5")
    ]
    told = Finding("defect", "output", "", "overflow", index=(3,), max_error=float("inf"))
    assert message(told).startswith("The result is wrong: first at [3]; there is inf or nan.")
    scalar = Finding("defect", "output", "loss", "times_n", index=(), expected=2.0, got=4.0)
    assert message(scalar).startswith("The loss is wrong: expected 2, got 4.\n")
    unknown = Finding("defect", "output", "weights_grad", "sign", got=4.0)
    assert message(unknown, "ru").startswith("Значения weights_grad неверны: получено 4.\n")


def test_shapes_errors_and_steps() -> None:
    shapes = {"wrong_shape": "(2, 3)", "right_shape": "(3, 2)"}
    told = Finding("defect", "output", "output", "wrong_axis", "SoftMax", details=shapes)
    assert message(told).startswith("The output is wrong: shape (2, 3), expected (3, 2).\nLikely")
    assert ": форма (2, 3), ожидалась (3, 2).\n" in message(told, "ru")
    error = {"error": "ValueError: no", "method": "backward", "line": "7"}
    told = Finding("defect", "output", "output", "crash", "ReLU", "ReLU()", details=error)
    assert message(told) == "backward raises ValueError: no (line 7).\nCase: ReLU()."
    assert message(told, "ru") == (
        "backward: исключение ValueError: no (строка 7).\nСлучай: ReLU()."
    )
    told = Finding("defect", "output", "output", "only_2d", "BatchNormalization", details=error)
    assert message(told).startswith(
        "backward raises ValueError: no (line 7).\nLikely cause: right "
    )
    step = {"name": "variables[0][1]", "numbers": "2"}
    told = Finding("defect", "steps", "W", "sign", "adam", got=1.0, details=step)
    assert message(told).startswith("variables[0][1] is wrong after step 2: got 1.\n")
    assert message(told, "ru").startswith(
        "Неверно обновлён параметр variables[0][1] после шага 2: получено 1.\n"
    )


def test_without_numbers_the_cause_comes_first() -> None:
    told = Finding("defect", "modes", "", "mode_not_propagated", "Sequential", "Sequential()")
    assert message(told) == (
        "Train or evaluate does not reach the modules inside.\nCase: Sequential()."
    ).replace("Train", "train")
    told = Finding("defect", "output", "gradInput", "returns_none", "ReLU")
    assert message(told).startswith("The backward pass returns None: ")
    assert message(told, "ru").startswith("Обратный проход возвращает None: ")


@pytest.mark.parametrize(
    ("english", "russian"),
    [
        ("ReLU(), input (2, 3), evaluation", "ReLU(), input (2, 3), режим evaluate"),
        ("adam, lists of lists of 3 arrays", "adam, списки списков, массивов: 3"),
        (
            "adam, lists of 1 arrays, a second time with an empty state",
            "adam, списки, массивов: 1, второй раз с пустым state",
        ),
        ("Sequential of 3 modules, input (2, 3)", "Sequential, модулей: 3, input (2, 3)"),
        ("Sequential of Linear, ReLU", "Sequential из Linear, ReLU"),
        ("Sequential in Sequential", "Sequential внутри Sequential"),
    ],
)
def test_cases_are_told_in_the_language(english: str, russian: str) -> None:
    told = Finding("defect", "modes", "", "sign", case=english)
    assert message(told).endswith(f"\nCase: {english}.")
    assert message(told, "ru").endswith(f"\nСлучай: {russian}.")


def test_places_in_the_file_are_told_in_the_language() -> None:
    told = Finding("defect", "source", "", "returns_none", details={"method": "forward"})
    assert message(told) == (
        "forward returns None: there is no return at its end, or nothing is stored."
    )
    for place, en, ru in (
        ("12", "(line 12)", "(строка 12)"),
        ("cell 3, line 12", "(cell 3, line 12)", "(ячейка 3, строка 12)"),
    ):
        told = Finding("defect", "source", "", "early_return", details={"line": place})
        assert en in message(told)
        assert ru in message(told, "ru")


def test_long_details_are_cut_and_stay_on_a_line() -> None:
    told = Finding("defect", "output", "", "crash", details={"error": "E:\n" + "x " * 300})
    assert len(message(told)) < 250
    assert "\n" not in message(told)


def test_words_that_depend_on_tensor_and_layer() -> None:
    def said(cause: str, layer: str, tensor: str = "gradInput", check: str = "output") -> str:
        return message(Finding("defect", check, tensor, cause, layer, got=-0.0, expected=1.0))

    assert "the function itself" in said("local_derivative", "Sigmoid", "output")
    assert "the derivative is" in said("local_derivative", "Sigmoid")
    assert "another point" in said("local_derivative", "ELU")
    assert "must share it" in said("ties_to_all", "GlobalMaxPool2d")
    assert "probabilities of 0 and 1" in said(
        "not_clipped", "ClassNLLCriterionUnstable", check="stability"
    )
    assert "got 0;" not in said("sign", "ReLU")
    assert "expected 1, got 0." in said("sign", "ReLU")
    changed = said("input_modified", "ReLU", "input", "input_unchanged")
    assert changed.startswith("The input was changed: was 1, is now 0.\n")


def test_notes_speak_of_no_cause() -> None:
    told = Finding("note", "dtype", "output", "dtype_changed", max_error=0.0)
    assert "Likely" not in message(told)
    assert "Вероятная" not in message(told, "ru")
    assert message(told).startswith("output differs: ")


def test_hints_hold_the_formula_of_the_layer_and_mode() -> None:
    def lines(cause: str, layer: str, tensor: str, check: str = "output") -> str:
        return hint(Finding("defect", check, tensor, cause, layer))

    assert "(0, 2, 3)" in lines("overwritten", "ChannelwiseScaling", "gradGamma")
    assert "ocij" in lines("overwritten", "Conv2d", "gradW")
    assert "y * (g - (g * y).sum" in lines("missing_term", "SoftMax", "gradInput")
    assert "xhat * (g * xhat).mean" in lines("missing_term", "BatchNormalization", "gradInput")
    assert "logaddexp" in lines("overflow", "SoftPlus", "output", "stability")
    assert "z - np.log" in lines("missing_max_subtraction", "LogSoftmax", "output")
    assert "e.sum" in lines("missing_max_subtraction", "SoftMax", "output")
    assert "moving_variance" in lines(
        "batch_statistics_in_evaluation", "BatchNorm2d", "gradInput", "evaluation_gradient"
    )
    assert "gradOutput.copy()" in lines("not_identity_in_evaluation", "Dropout", "gradInput")
    assert "self.mask / (1 - self.p)" in lines("mask_not_shared", "Dropout", "gradInput")
    assert "-np.inf" in lines("zero_padding_in_max_pool", "MaxPool2d", "output")
    assert "beta1**t" in lines("bias_correction", "adam", "W")
    assert "momentum" in lines("momentum_rule", "sgd_momentum", "W")
    assert lines("sign", "Mystery", "output") == "Turn the sign; the formula is."


def test_reasons() -> None:
    report = LayerReport("A", "", "error", reason="timeout", details={"error": "timeout"})
    assert reason(report) == f"not checked to the end: {stop_message('timeout')}."
    place = {"error": "SystemExit: 1", "cell": "3", "line": "12"}
    report = LayerReport("A", "", "error", reason="exit", details=place)
    assert reason(report).endswith(": SystemExit: 1 (cell 3, line 12).")
    assert reason(report, "ru").endswith(": SystemExit: 1 (ячейка 3, строка 12).")
    assert reason(LayerReport("A", "", "skipped", reason="stub")) == (
        "needs a package that is not installed here."
    )
    assert reason(LayerReport("A", "", "ok")) == ""
    assert set(REASONS) >= set(problem._STOPS["en"])
    for key, lang in product(REASONS, LANGUAGES):
        text = reason(LayerReport("A", "", "error", reason=key), lang)
        assert not re.search(r"\[\[|\{|None", text)
        assert text.endswith((".", "?"))


def test_what_is_not_known_is_an_error() -> None:
    with pytest.raises(ValueError, match="'de', expected 'en' or 'ru'"):
        title("sign", "de")
    with pytest.raises(ValueError, match="cause 'typo'"):
        message(Finding("defect", "output", "", "typo"))
    with pytest.raises(ValueError, match="timeout, memory"):
        reason(LayerReport("A", "", "error", reason="typo"))
