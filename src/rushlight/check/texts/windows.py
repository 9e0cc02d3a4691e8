"""Causes of convolution and pooling: windows, strides and padding."""

from __future__ import annotations

from rushlight.check.texts.text import Text
from rushlight.check.texts.words import Words

__all__ = ["WINDOWS"]

WINDOWS = {
    "zero_padding_in_max_pool": Words(
        Text("max pooling pads with zeros", "нули в дополнении max-pooling"),
        Text(
            "the input is padded with [[the number {value}|zeros]]: where all values are smaller, "
            "the padding becomes the maximum, which it must never be",
            "вход дополнен [[числом {value}|нулями]]: там, где все значения меньше, максимумом "
            "становится дополнение, чего быть не должно",
        ),
        Text("Pad with -inf:", "Дополняйте значением -inf:"),
    ),
    "padding_not_shifted_back": Words(
        Text("padding not cropped off again", "дополнение не отрезано"),
        Text(
            "the gradient by the padded input is returned without cropping the padding, or "
            "cropped at the wrong place",
            "градиент по дополненному входу возвращён вместе с дополнением или обрезан не там",
        ),
        Text(
            "Accumulate into the padded shape, then cut out the middle:",
            "Накапливайте в массиве с дополнением, затем вырежьте середину:",
        ),
    ),
    "overlap_overwritten": Words(
        Text("= for += in overlapping windows", "= вместо += на перекрытиях"),
        Text(
            "where windows overlap, only the last gradient survives: the backward pass assigns "
            "(=) where it should add (+=)",
            "на перекрытии окон остаётся последний градиент: присваивание (=) вместо "
            "прибавления (+=)",
        ),
        Text(
            "An element of several windows gets the sum of their gradients:",
            "Элемент нескольких окон получает сумму их градиентов:",
        ),
    ),
    "ties_to_all": Words(
        Text("every maximum gets the gradient", "градиент всем максимумам"),
        Text(
            "where a window has several equal maxima (common after ReLU), each gets the gradient, "
            "or a share of it",
            "если в окне несколько равных максимумов (после ReLU это обычно), градиент или его "
            "доля достаётся каждому",
        ),
        Text(
            "Only the first gets it: argmax, not a comparison with the maximum:",
            "Его получает только первый: argmax, а не сравнение с максимумом:",
        ),
    ),
    "ties_to_last": Words(
        Text("not the first maximum", "градиент не первому максимуму"),
        Text(
            "of several equal maxima in a window it is not the first, row by row, that gets the "
            "gradient",
            "из нескольких равных максимумов окна градиент получает не первый (по строкам)",
        ),
        Text(
            "argmax of the flattened window finds the first:",
            "argmax окна, развёрнутого в строку, находит первый:",
        ),
    ),
    "window_axes_swapped": Words(
        Text("rows and columns mixed up", "перепутаны строки и столбцы"),
        Text(
            "rows and columns (of window, kernel, stride or image) are mixed up",
            "перепутаны строки и столбцы (окна, ядра, шага или изображения)",
        ),
        Text(
            "Height comes first everywhere: (N, C, H, W), (kh, kw), (sh, sw). Transpose before "
            "reshape:",
            "Высота всегда идёт первой: (N, C, H, W), (kh, kw), (sh, sw). Перед reshape нужен "
            "transpose:",
        ),
    ),
    "kernel_flipped": Words(
        Text("the kernel is flipped", "ядро перевёрнуто"),
        Text(
            "the kernel is turned by 180° where it must not be (or not turned where it must be): "
            "convolution in place of cross-correlation",
            "ядро повёрнуто на 180° там, где не надо (или наоборот): свёртка вместо взаимной "
            "корреляции",
        ),
        Text(
            "Conv2d is a cross-correlation; written like this, nothing is flipped:",
            "Conv2d — это взаимная корреляция; в такой записи ядро не переворачивается:",
        ),
    ),
    "border_not_folded": Words(
        Text("border gradient not folded back", "градиент края не возвращён"),
        Text(
            "[[padding_mode={value}|reflect, replicate and circular padding]]: a padded cell is a "
            "copy of an inner one, whose gradient lacks it: the border was cropped",
            "[[padding_mode={value}|дополнение reflect, replicate и circular]]: клетка дополнения "
            "— копия внутренней, но её градиент отброшен вместе с краем",
        ),
        Text(
            "Pad the indices just like the input, and add each cell where it came from:\n"
            "    rows = np.pad(np.arange(height), ph, mode)\n"
            "    cols = np.pad(np.arange(width), pw, mode)  # mode: reflect, edge or wrap\n"
            "    np.add.at(gradInput, np.ix_(range(N), range(C), rows, cols), gradPadded)",
            "Дополните индексы так же, как вход, и прибавьте градиент каждой клетки туда, откуда "
            "она взята:\n"
            "    rows = np.pad(np.arange(height), ph, mode)\n"
            "    cols = np.pad(np.arange(width), pw, mode)  # mode: reflect, edge, wrap\n"
            "    np.add.at(gradInput, np.ix_(range(N), range(C), rows, cols), gradPadded)",
        ),
    ),
    "padding_mode_ignored": Words(
        Text("padding_mode not obeyed", "padding_mode не соблюдается"),
        Text(
            "padding_mode[[={value}]] is ignored, or another mode is computed (symmetric for "
            "reflect?)",
            "padding_mode[[={value}]] не учтён или вычислен другой режим (symmetric вместо "
            "reflect?)",
        ),
        Text(
            "NumPy's names of the modes, m (reflect does not repeat the border, symmetric does):\n"
            '    mode = {"zeros": "constant", "replicate": "edge", "circular": "wrap"}.get(m, m)\n'
            "    x = np.pad(input, ((0, 0), (0, 0), (ph, ph), (pw, pw)), mode)",
            "Имена режимов m в NumPy (reflect не повторяет край, symmetric повторяет):\n"
            '    mode = {"zeros": "constant", "replicate": "edge", "circular": "wrap"}.get(m, m)\n'
            "    x = np.pad(input, ((0, 0), (0, 0), (ph, ph), (pw, pw)), mode)",
        ),
    ),
    "padding_counted": Words(
        Text("divided by the real cells only", "деление только на реальные клетки"),
        Text(
            "at the border the sum is divided by the number of real cells; padding counts as "
            "zeros, so it is always divided by kh*kw",
            "у границы сумма делится на число реальных клеток, а дополнение считается нулями, и "
            "делить надо всегда на kh*kw",
        ),
        Text("Divide every window by its size:", "Делите каждое окно на его размер:"),
    ),
    "output_size": Words(
        Text("wrong number of windows", "неверное число окон"),
        Text(
            "the number of windows is wrong: [[with kernel_size={value}, padding='same' needs an "
            "odd number of cells, so both sides cannot be alike|the last one is forgotten, or "
            "there is one too many]]",
            "неверное число окон: [[при kernel_size={value} для padding='same' нужно нечётное "
            "число клеток, стороны не могут быть одинаковы|последнее забыто или есть лишнее]]",
        ),
        Text(
            "[[padding='same' with kernel_size={value} is `(k - 1) // 2` cells before and `k // 2` "
            "behind, `k - 1` in place of `2 * p`:|Round down (//), for the height and the "
            "width:]]\n"
            "    OH = (height + 2 * ph - kh) // sh + 1\n    OW = (width + 2 * pw - kw) // sw + 1",
            "[[padding='same' при kernel_size={value} — это `(k - 1) // 2` клеток до и `k // 2` "
            "после, то есть `k - 1` вместо `2 * p`:|Округляйте вниз (//), и для высоты, и "
            "для ширины:]]\n"
            "    OH = (height + 2 * ph - kh) // sh + 1\n    OW = (width + 2 * pw - kw) // sw + 1",
        ),
    ),
}
