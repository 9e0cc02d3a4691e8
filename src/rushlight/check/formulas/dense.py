"""Linear, activations and softmaxes, explained."""

from __future__ import annotations

from rushlight.check.formulas.page import Page
from rushlight.check.texts.text import Text

__all__ = ["DENSE"]

_SAME = ("x (*) → y (*)",)
_ROWS = ("x (N, C) → y (N, C)",)

_AT_OUTPUT = Text(
    "The derivative is written with the output y, not with the input x.",
    "Производная записана через выход y, а не через вход x.",
)
DENSE = {
    "Linear": Page(
        Text(
            "A fully connected layer: each output is a weighted sum of all inputs, plus a bias.",
            "Полносвязный слой: каждый выход — взвешенная сумма всех входов плюс смещение.",
        ),
        ("x (N, n_in) → y (N, n_out);  W, gradW (n_out, n_in);  b, gradb (n_out)",),
        ("y = x·Wᵀ + b",),
        (
            "∂L/∂x = g·W            (N, n_in)",
            "∂L/∂W = gᵀ·x           (n_out, n_in)",
            "∂L/∂b = Σₙ g[n]        (n_out)",
        ),
        (
            Text(
                "gradW and gradb accumulate: += into the same arrays, until zeroGradParameters.",
                "gradW и gradb накапливаются: += в те же массивы, до вызова zeroGradParameters.",
            ),
            Text(
                "Sum over the batch, do not average: the criterion has divided by N already.",
                "Суммируйте по батчу, а не усредняйте: на N уже разделил критерий.",
            ),
            Text(
                "W is (n_out, n_in): gᵀ·x, not xᵀ·g.",
                "W имеет форму (n_out, n_in): нужно gᵀ·x, а не xᵀ·g.",
            ),
        ),
    ),
    "ReLU": Page(
        Text("Sets negative values to zero.", "Заменяет отрицательные значения нулями."),
        _SAME,
        ("y = max(x, 0)",),
        ("∂L/∂x = g·[x > 0]",),
        (
            Text(
                "At x = 0 the gradient is 0: >, not >=.", "При x = 0 градиент равен 0: >, а не >=."
            ),
            Text(
                "Do not write into the input (`input[input < 0] = 0`).",
                "Не пишите во входной массив (`input[input < 0] = 0`).",
            ),
        ),
    ),
    "LeakyReLU": Page(
        Text(
            "ReLU with a small slope for negative values.",
            "ReLU с небольшим наклоном для отрицательных значений.",
        ),
        _SAME,
        ("y = x         (x > 0)", "y = slope·x   (x ≤ 0)"),
        ("∂L/∂x = g         (x > 0)", "∂L/∂x = slope·g   (x ≤ 0)"),
        (
            Text("At x = 0 the slope holds.", "При x = 0 берётся slope."),
            Text(
                "max(x, slope·x) is right only for slope ≤ 1.",
                "Запись max(x, slope·x) верна только при slope ≤ 1.",
            ),
        ),
        {
            "practical_dl": Text("slope = 0.03 by default", "по умолчанию slope = 0.03"),
            "torch_like": Text("slope = 0.01 by default", "по умолчанию slope = 0.01"),
        },
    ),
    "ELU": Page(
        Text(
            "Like ReLU, but goes smoothly to -alpha for negative values.",
            "Похож на ReLU, но при отрицательных значениях плавно стремится к -alpha.",
        ),
        _SAME,
        ("y = x                    (x > 0)", "y = alpha·(exp(x) - 1)   (x ≤ 0)"),
        ("∂L/∂x = g                (x > 0)", "∂L/∂x = g·alpha·exp(x)   (x ≤ 0)"),
        (
            Text(
                "np.where computes both branches: exp(1000) overflows unless x is cut off at 0 "
                "first.",
                "np.where вычисляет обе ветви: exp(1000) переполнится, если сначала не ограничить "
                "x нулём.",
            ),
            Text(
                "Below 0 the derivative is alpha·exp(x) = y + alpha, not exp(x).",
                "Ниже нуля производная равна alpha·exp(x) = y + alpha, а не exp(x).",
            ),
        ),
    ),
    "SoftPlus": Page(
        Text("A smooth ReLU.", "Сглаженный ReLU."),
        _SAME,
        ("y = ln(1 + exp(x)) = max(x, 0) + ln(1 + exp(-|x|))",),
        ("∂L/∂x = g·sigmoid(x) = g / (1 + exp(-x))",),
        (
            Text(
                "log(1 + exp(x)) overflows from x = 710 on; np.logaddexp(0, x) does not.",
                "log(1 + exp(x)) переполняется при x > 709; np.logaddexp(0, x) — нет.",
            ),
            Text(
                "The same holds for the sigmoid of the gradient: take exp(-|x|).",
                "То же касается сигмоиды в градиенте: берите exp(-|x|).",
            ),
        ),
    ),
    "Gelu": Page(
        Text(
            "x times the probability that a normal variable is below x.",
            "x, умноженный на вероятность того, что нормальная величина меньше x.",
        ),
        _SAME,
        (
            "y = x·Φ(x)",
            "Φ(x) = (1 + erf(x/√2)) / 2,   φ(x) = Φ′(x) = exp(-x²/2) / √(2π)",
        ),
        ("∂L/∂x = g·(Φ(x) + x·φ(x))",),
        (
            Text(
                "The tanh formula is an approximation, off by up to 5e-4; this is the exact one.",
                "Формула с tanh — приближение с ошибкой до 5e-4; здесь точная.",
            ),
            Text(
                "The product rule gives two terms; x·φ(x) is easily forgotten.",
                "Производная произведения — два слагаемых; x·φ(x) легко забыть.",
            ),
        ),
    ),
    "Sigmoid": Page(
        Text("Maps any number into (0, 1).", "Переводит любое число в (0, 1)."),
        _SAME,
        ("y = 1 / (1 + exp(-x))",),
        ("∂L/∂x = g·y·(1 - y)",),
        (
            Text(
                "exp(-x) overflows for large negative x: take exp(-|x|), or scipy.special.expit.",
                "exp(-x) переполняется при больших отрицательных x: берите exp(-|x|) или "
                "scipy.special.expit.",
            ),
            _AT_OUTPUT,
        ),
    ),
    "Tanh": Page(
        Text("Maps any number into (-1, 1).", "Переводит любое число в (-1, 1)."),
        _SAME,
        ("y = tanh(x)",),
        ("∂L/∂x = g·(1 - y²)",),
        (
            Text(
                "Use np.tanh: a quotient of exponentials is inf / inf for large x.",
                "Берите np.tanh: отношение экспонент при больших x даёт inf / inf.",
            ),
            _AT_OUTPUT,
        ),
    ),
    "SoftMax": Page(
        Text(
            "Turns each row of numbers into probabilities.",
            "Превращает каждую строку чисел в вероятности.",
        ),
        _ROWS,
        (
            "y[n, c] = exp(x[n, c] - m[n]) / Σₖ exp(x[n, k] - m[n])",
            Text(
                "m[n] = maxₖ x[n, k]   (cancels, but keeps exp from overflowing)",
                "m[n] = maxₖ x[n, k]   (сокращается, но не даёт exp переполниться)",
            ),
        ),
        ("∂L/∂x[n, c] = y[n, c]·(g[n, c] - Σₖ g[n, k]·y[n, k])",),
        (
            Text(
                "Each output depends on every input of its row: y·(1 - y)·g lacks the sum.",
                "Каждый выход зависит от всех входов строки: в y·(1 - y)·g нет суммы.",
            ),
            Text(
                "Subtract the maximum of each row, not of the whole array, and not from the input "
                "itself.",
                "Вычитайте максимум каждой строки, а не всего массива, и не изменяйте сам вход.",
            ),
            Text(
                "With a gradOutput of ones the gradient is 0: test with random ones.",
                "При gradOutput из единиц градиент равен 0: проверяйте на случайном.",
            ),
        ),
    ),
    "LogSoftMax": Page(
        Text(
            "The logarithm of SoftMax, computed without its underflow.",
            "Логарифм SoftMax, вычисленный без потери малых вероятностей.",
        ),
        _ROWS,
        ("y[n, c] = z[n, c] - ln Σₖ exp(z[n, k]),   z[n, c] = x[n, c] - maxₖ x[n, k]",),
        ("∂L/∂x[n, c] = g[n, c] - exp(y[n, c])·Σₖ g[n, k]",),
        (
            Text(
                "log(softmax(x)) is -inf where a probability underflows to 0.",
                "log(softmax(x)) даёт -inf там, где вероятность обратилась в 0.",
            ),
            Text(
                "exp(y) is the softmax; in the gradient it is multiplied by the sum of g over the "
                "classes.",
                "exp(y) — это softmax; в градиенте он умножается на сумму g по классам.",
            ),
        ),
    ),
}
