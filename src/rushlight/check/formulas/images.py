"""Convolution, pooling and Flatten, explained."""

from __future__ import annotations

from rushlight.check.formulas.page import Page
from rushlight.check.texts.text import Text

__all__ = ["IMAGES"]

_POOLED = (
    "x (N, C, H, W) → y (N, C, OH, OW)",
    "OH = ⌊(H + 2·ph - kh)/sh⌋ + 1,   OW = ⌊(W + 2·pw - kw)/sw⌋ + 1",
)
_POOL_DIALECTS = {
    "practical_dl": Text(
        "(kernel_size): the stride is the kernel, no padding; a size that cannot be divided is an "
        "error",
        "(kernel_size): шаг равен окну, дополнения нет; размер, который не делится, — ошибка",
    ),
    "torch_like": Text(
        "(kernel_size, stride=None, padding=0): numbers or pairs; windows may overlap",
        "(kernel_size, stride=None, padding=0): числа или пары; окна могут перекрываться",
    ),
}
_OVERLAP = Text(
    "Where windows overlap, gradients add up: += and not =.",
    "Там, где окна перекрываются, градиенты складываются: +=, а не =.",
)
_SHIFT = Text(
    "Accumulate in the padded shape, then crop the padding: [ph:ph+H, pw:pw+W].",
    "Накапливайте в массиве с дополнением, затем отрежьте его: [ph:ph+H, pw:pw+W].",
)

IMAGES = {
    "Conv2d": Page(
        Text(
            "Slides small kernels over images: each output is a weighted sum of a window.",
            "Двигает по изображению небольшие ядра: каждый выход — взвешенная сумма окна.",
        ),
        (
            "x (N, C, H, W) → y (N, F, OH, OW);  W, gradW (F, C, kh, kw);  b, gradb (F)",
            "OH = ⌊(H + 2·ph - kh)/sh⌋ + 1,   OW = ⌊(W + 2·pw - kw)/sw⌋ + 1",
        ),
        (
            "y[n, f, p, q] = b[f] + Σ_c,i,j W[f, c, i, j]·z[n, c, p·sh + i, q·sw + j]",
            Text(
                "z = x with ph rows and pw columns of padding on each side",
                "z = x, дополненный с каждой стороны на ph строк и pw столбцов",
            ),
        ),
        (
            "∂L/∂z[n, c, r, s] = Σ_f,i,j W[f, c, i, j]·g[n, f, p, q]  (r = p·sh + i, s = q·sw + j)",
            "∂L/∂W[f, c, i, j] = Σ_n,p,q g[n, f, p, q]·z[n, c, p·sh + i, q·sw + j]",
            "∂L/∂b[f] = Σ_n,p,q g[n, f, p, q]",
            Text(
                "∂L/∂x = ∂L/∂z without the padding (added to the cells that it copies)",
                "∂L/∂x = ∂L/∂z без дополнения (прибавлен к клеткам, с которых взят)",
            ),
        ),
        (
            Text(
                "It is a cross-correlation: the kernel is not flipped.",
                "Это взаимная корреляция: ядро не переворачивается.",
            ),
            _SHIFT,
            Text(
                "padding_mode reflect, replicate, circular: the border's gradient goes back to "
                "the cells that it copies.",
                "При padding_mode reflect, replicate, circular градиент края возвращается в "
                "клетки, копией которых он был.",
            ),
            Text(
                "Test non-square images, kernels and strides: rows and columns are easily mixed "
                "up.",
                "Проверяйте неквадратные изображения, ядра и шаги: строки и столбцы легко "
                "перепутать.",
            ),
        ),
        {
            "practical_dl": Text(
                "(in_channels, out_channels, kernel_size): odd kernel, stride 1, zeros around to "
                "the same size; W and b uniform on ±1/√in_channels",
                "(in_channels, out_channels, kernel_size): нечётное ядро, шаг 1, нули вокруг до "
                "того же размера; W и b равномерны на ±1/√in_channels",
            ),
            "torch_like": Text(
                "(in_channels, out_channels, kernel_size, stride=1, padding=0, bias=True, "
                "padding_mode='zeros'); W normal with deviation √(2/fan_in), b = 0",
                "(in_channels, out_channels, kernel_size, stride=1, padding=0, bias=True, "
                "padding_mode='zeros'); W из нормального распределения с отклонением √(2/fan_in), "
                "b = 0",
            ),
        },
    ),
    "MaxPool2d": Page(
        Text(
            "Keeps the largest value of each window.", "Оставляет наибольшее значение каждого окна."
        ),
        _POOLED,
        (
            "y[n, c, p, q] = max_i,j z[n, c, p·sh + i, q·sw + j]",
            Text(
                "z = x with ph rows and pw columns of -inf on each side",
                "z = x, дополненный с каждой стороны на ph строк и pw столбцов из -inf",
            ),
        ),
        (
            Text(
                "∂L/∂z[n, c, r, s] = Σ g[n, c, p, q]   (windows whose first maximum is at r, s)",
                "∂L/∂z[n, c, r, s] = Σ g[n, c, p, q]   (окна, первый максимум которых — в r, s)",
            ),
        ),
        (
            Text(
                "Pad with -inf, not with zeros: a zero wins where all values are negative.",
                "Дополняйте значением -inf, а не нулями: ноль победит, если все значения "
                "отрицательны.",
            ),
            Text(
                "Of equal maxima the first (row by row) gets the whole gradient: argmax.",
                "Из равных максимумов весь градиент получает первый (по строкам): argmax.",
            ),
            _OVERLAP,
            _SHIFT,
        ),
        _POOL_DIALECTS,
    ),
    "AvgPool2d": Page(
        Text("Averages each window.", "Усредняет каждое окно."),
        _POOLED,
        (
            "y[n, c, p, q] = (1/(kh·kw))·Σ_i,j z[n, c, p·sh + i, q·sw + j]",
            Text(
                "z = x with ph rows and pw columns of zeros on each side",
                "z = x, дополненный с каждой стороны на ph строк и pw столбцов нулей",
            ),
        ),
        (
            Text(
                "∂L/∂z[n, c, r, s] = (1/(kh·kw))·Σ g[n, c, p, q]   (windows that hold r, s)",
                "∂L/∂z[n, c, r, s] = (1/(kh·kw))·Σ g[n, c, p, q]   (окна, в которые входит r, s)",
            ),
        ),
        (
            Text(
                "Padding counts: at the border, too, the sum is divided by kh·kw.",
                "Дополнение считается: и у границы сумма делится на kh·kw.",
            ),
            _OVERLAP,
            _SHIFT,
        ),
        _POOL_DIALECTS,
    ),
    "GlobalMaxPool2d": Page(
        Text(
            "Keeps the largest value of each channel's image.",
            "Оставляет наибольшее значение в каждом канале.",
        ),
        ("x (N, C, H, W) → y (N, C)",),
        ("y[n, c] = max_r,s x[n, c, r, s]",),
        (
            Text(
                "∂L/∂x[n, c, r, s] = g[n, c]·[x[n, c, r, s] = y[n, c]] / (number of equal maxima)",
                "∂L/∂x[n, c, r, s] = g[n, c]·[x[n, c, r, s] = y[n, c]] / (число равных максимумов)",
            ),
        ),
        (
            Text(
                "Equal maxima share the gradient, unlike in MaxPool2d.",
                "Равные максимумы делят градиент поровну, в отличие от MaxPool2d.",
            ),
            Text(
                "The output is (N, C), without axes of size 1.", "Выход — (N, C), без осей длины 1."
            ),
        ),
    ),
    "GlobalAvgPool2d": Page(
        Text("Averages each channel's image.", "Усредняет изображение в каждом канале."),
        ("x (N, C, H, W) → y (N, C)",),
        ("y[n, c] = (1/(H·W))·Σ_r,s x[n, c, r, s]",),
        ("∂L/∂x[n, c, r, s] = g[n, c] / (H·W)",),
        (
            Text("The gradient, too, is divided by H·W.", "Градиент тоже делится на H·W."),
            Text(
                "gradInput has the shape of the input: broadcast g over H and W.",
                "gradInput имеет форму входа: растяните g по H и W.",
            ),
        ),
    ),
    "Flatten": Page(
        Text("Lays each sample out in a row.", "Разворачивает каждый объект в строку."),
        ("x (N, d₁, d₂, ...) → y (N, d₁·d₂·...)",),
        (Text("y[n] = x[n] as one row", "y[n] = x[n], вытянутый в строку"),),
        (Text("∂L/∂x = g in the shape of x", "∂L/∂x = g, приведённый к форме x"),),
        (
            Text(
                "Take the shape from the input of this call, not from an earlier one.",
                "Форму берите у входа этого вызова, а не прошлого.",
            ),
            Text(
                "Keep the axis of the batch, for N = 1 too.", "Ось батча сохраняется и при N = 1."
            ),
        ),
        {
            "practical_dl": Text(
                "Flatten(): all axes but the first", "Flatten(): все оси, кроме первой"
            ),
            "torch_like": Text(
                "Flatten(start_dim=1, end_dim=-1)", "Flatten(start_dim=1, end_dim=-1): оси на выбор"
            ),
        },
    ),
}
