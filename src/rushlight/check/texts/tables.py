"""The documented identifiers: what is checked, what can be the cause, why a layer is left out."""

from __future__ import annotations

from collections.abc import Mapping

from rushlight.check.loading.problem import stop_message
from rushlight.check.texts.conduct import CONDUCT
from rushlight.check.texts.statistics import DROPOUT, NORM, STABILITY
from rushlight.check.texts.text import Text, fill
from rushlight.check.texts.training import CONTAINERS, CRITERIA, OPTIMIZERS
from rushlight.check.texts.values import VALUES
from rushlight.check.texts.windows import WINDOWS
from rushlight.check.texts.words import Words

__all__ = ["CAUSES", "CHECKS", "CONTEXTS", "GROUPS", "REASONS", "TENSORS", "WORDS"]

CHECKS: Mapping[str, Text] = {
    "construction": Text("the layer can be constructed", "слой можно создать"),
    "output": Text("the output of the forward pass", "выход прямого прохода"),
    "input_gradient": Text("the gradient by the input", "градиент по входу"),
    "parameter_gradient": Text("the gradient by each parameter", "градиент по каждому параметру"),
    "accumulation": Text(
        "gradients add up over two backward passes", "накопление градиентов за два обратных прохода"
    ),
    "gradient_identity": Text(
        "gradient arrays stay the same objects", "массивы градиентов не подменяются"
    ),
    "zeroing": Text("zeroGradParameters clears all", "zeroGradParameters обнуляет всё"),
    "evaluation_output": Text("the output in evaluation mode", "выход в режиме evaluate"),
    "evaluation_gradient": Text("the gradient in evaluation mode", "градиент в режиме evaluate"),
    "running_statistics": Text("running mean and variance", "скользящие среднее и дисперсия"),
    "stability": Text("inputs as large as |x| = 1e3", "большие входы, |x| = 1e3"),
    "ties": Text(
        "equal maxima, and points where the formula changes", "равные максимумы и точки излома"
    ),
    "windows": Text("overlapping windows and strides", "перекрывающиеся окна и шаг (stride)"),
    "padding": Text("padding in all its modes", "дополнение (padding) во всех режимах"),
    "non_square": Text(
        "kernels, strides and images that are not square", "неквадратные ядра, шаги и изображения"
    ),
    "square": Text(
        "sizes that are equal, where shapes cannot tell axes apart",
        "равные размеры, при которых форма не различает осей",
    ),
    "batch_of_one": Text("a batch of one sample", "батч из одного объекта"),
    "input_unchanged": Text("arguments are not written into", "аргументы не изменяются"),
    "dtype": Text("the dtype is kept", "dtype сохраняется"),
    "mask": Text(
        "dropout's mask: fresh, shared by both passes, of the right rate",
        "маска dropout: новая, общая для двух проходов, нужной частоты",
    ),
    "order": Text("the order of modules in a container", "порядок модулей в контейнере"),
    "modes": Text("train and evaluate reach all modules", "train и evaluate доходят до модулей"),
    "parameters": Text(
        "parameters and gradients are collected", "параметры и градиенты собираются полностью"
    ),
    "steps": Text("several steps of the optimizer", "несколько шагов оптимизатора"),
    "source": Text("the source code itself", "сам исходный код"),
    "warnings": Text("warnings while computing", "предупреждения при вычислении"),
    "dialect": Text("conventions of the dialect", "соглашения диалекта"),
    "repeated": Text("the same call twice", "один и тот же вызов дважды"),
    "options": Text("the constructor's options", "аргументы конструктора"),
}

CONTEXTS: Mapping[str, Text] = {
    "accumulation": Text("after a second backward pass", "после второго обратного прохода"),
    "evaluation_output": Text("in evaluation mode", "в режиме evaluate"),
    "evaluation_gradient": Text("in evaluation mode", "в режиме evaluate"),
    "stability": Text("for inputs as large as 1e3", "при входах порядка 1e3"),
    "ties": Text("where values are equal", "при равных значениях"),
    "windows": Text("with these windows", "при таких окнах"),
    "padding": Text("with padding", "при дополнении (padding)"),
    "non_square": Text("on shapes that are not square", "на неквадратных размерах"),
    "square": Text("where sizes are equal", "при равных размерах"),
    "batch_of_one": Text("on a batch of one sample", "на батче из одного объекта"),
    "steps": Text(
        "after [[step {numbers}|several steps]]", "после [[шага {numbers}|нескольких шагов]]"
    ),
    "gradient_identity": Text(
        "in the array that getGradParameters() gave before",
        "в массиве, который вернул прежде getGradParameters()",
    ),
    "repeated": Text("in a second call", "при повторном вызове"),
    "zeroing": Text("after zeroGradParameters", "после zeroGradParameters"),
}

TENSORS: Mapping[str, Text] = {
    "output": Text("The output is wrong", "Выход (output) вычислен неверно"),
    "loss": Text("The loss is wrong", "Значение критерия вычислено неверно"),
    "gradInput": Text(
        "The gradient by the input, gradInput, is wrong",
        "Градиент по входу gradInput вычислен неверно",
    ),
    "gradW": Text(
        "The gradient by the weights, gradW, is wrong", "Градиент по весам gradW вычислен неверно"
    ),
    "gradb": Text(
        "The gradient by the bias, gradb, is wrong", "Градиент по смещению gradb вычислен неверно"
    ),
    "gradGamma": Text(
        "The gradient by gamma, gradGamma, is wrong",
        "Градиент по gamma (gradGamma) вычислен неверно",
    ),
    "gradBeta": Text(
        "The gradient by beta, gradBeta, is wrong", "Градиент по beta (gradBeta) вычислен неверно"
    ),
    "moving_mean": Text(
        "The running mean, moving_mean, is wrong",
        "Скользящее среднее moving_mean вычислено неверно",
    ),
    "moving_variance": Text(
        "The running variance, moving_variance, is wrong",
        "Скользящая дисперсия moving_variance вычислена неверно",
    ),
    "mask": Text("The mask is wrong", "Маска mask неверна"),
    "W": Text("The array W is wrong", "Массив W неверен"),
    "b": Text("The array b is wrong", "Массив b неверен"),
    "input": Text("The input was changed", "Вход (input) изменён"),
    "gradOutput": Text("gradOutput was changed", "gradOutput изменён"),
}

_STOPS = (
    *("timeout", "memory", "exit", "stdin", "interrupt", "kill", "crash", "killed", "exception"),
    *("unused", "no_time"),
)


def _stopped(reason: str) -> Text:
    """Return the words for a check that was stopped; what stops it is said in `loading`."""
    return Text(
        f"not checked to the end: {stop_message(reason, 'en')}[[: {{error}}]][[ ({{line}})]]",
        f"проверка прервана: {stop_message(reason, 'ru')}[[: {{error}}]][[ ({{line}})]]",
    )


REASONS: Mapping[str, Text] = {
    **{reason: _stopped(reason) for reason in _STOPS},
    "unknown_layer": Text(
        "not known by its name; say what it is with like=, such as like='torch_like.Linear'",
        "по имени непонятно, что это за слой; укажите like=, например like='torch_like.Linear'",
    ),
    "absent": Text(
        "the file has no such layer[[; it has {name}]]", "в файле нет такого слоя[[; есть {name}]]"
    ),
    "abstract": Text("a base class; nothing to check", "базовый класс, проверять нечего"),
    "no_constructor": Text(
        "cannot be constructed with the usual arguments[[: {error}]][[ ({line})]]",
        "не создаётся с обычными аргументами[[: {error}]][[ ({line})]]",
    ),
    "stub": Text(
        "needs [[{name}, which|a package that]] is not installed here",
        "нужен пакет[[ {name}]], который здесь не установлен",
    ),
    "definition": Text(
        "it could not be defined; the problems of the file say why",
        "определить его не удалось; почему, сказано в проблемах с файлом",
    ),
}

GROUPS: Mapping[str, tuple[Text, Mapping[str, Words]]] = {
    "values": (Text("Values", "Значения"), VALUES),
    "conduct": (Text("Conduct", "Поведение"), CONDUCT),
    "stability": (Text("Stability", "Устойчивость"), STABILITY),
    "norm": (Text("Batch normalization", "Батч-нормализация"), NORM),
    "dropout": (Text("Dropout", "Dropout"), DROPOUT),
    "windows": (Text("Windows and padding", "Окна и дополнение"), WINDOWS),
    "containers": (Text("Containers", "Контейнеры"), CONTAINERS),
    "criteria": (Text("Criteria", "Критерии"), CRITERIA),
    "optimizers": (Text("Optimizers", "Оптимизаторы"), OPTIMIZERS),
}

WORDS: Mapping[str, Words] = {
    name: words for _, group in GROUPS.values() for name, words in group.items()
}

CAUSES: Mapping[str, Text] = {
    name: Text(fill(words.says.en, {}), fill(words.says.ru, {})) for name, words in WORDS.items()
}
