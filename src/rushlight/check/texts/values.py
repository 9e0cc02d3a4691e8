"""Causes that any layer can have: wrong values."""

from __future__ import annotations

from rushlight.check.texts.text import Text
from rushlight.check.texts.words import Words

__all__ = ["VALUES"]

VALUES = {
    "times_n": Words(
        Text("division by N is missing", "нет деления на N"),
        Text(
            "everything is too large by one factor[[, {n}]]: the division by the batch size (or by "
            "the number of elements) is missing",
            "все значения больше верных в одно и то же число раз[[ ({n})]]: пропущено деление на "
            "размер батча (или на число элементов)",
        ),
        Text(
            "Divide once, where the formula does:",
            "Разделите один раз — там, где деление стоит в формуле:",
        ),
    ),
    "divided_by_n": Words(
        Text("a superfluous division by N", "лишнее деление на N"),
        Text(
            "everything is too small by one factor[[, {n}]]: divided by the batch size, or "
            "averaged, where the formula has a sum",
            "все значения меньше верных в одно и то же число раз[[ ({n})]]: лишнее деление на "
            "размер батча или среднее вместо суммы",
        ),
        Text(
            "Layers sum over the batch; only a criterion divides by N. The formula is:",
            "Слой суммирует по батчу, на N делит только критерий. Верная формула:",
        ),
    ),
    "sign": Words(
        Text("the wrong sign", "неверный знак"),
        Text(
            "the values are right but for the sign",
            "значения отличаются от верных только знаком",
        ),
        Text("Turn the sign; the formula is:", "Поменяйте знак; верная формула:"),
    ),
    "factor_two": Words(
        Text("a factor of two", "ошибка в два раза"),
        Text(
            "everything is [[{factor} times|twice or half]] the right value: a factor of 2 is "
            "superfluous or missing",
            "[[все значения отличаются от верных множителем {factor}|все значения вдвое больше или "
            "вдвое меньше верных]]: лишняя или потерянная двойка",
        ),
        Text(
            "Count the twos (the derivative of x² is 2x; is something added twice?):",
            "Проверьте двойки (производная x² равна 2x; не прибавляется ли что-то дважды?):",
        ),
    ),
    "factor": Words(
        Text("a constant factor", "лишний постоянный множитель"),
        Text(
            "everything is [[{factor} times|a constant multiple of]] the right value: a constant "
            "of the formula is missing or superfluous",
            "все значения отличаются от верных одним и тем же множителем[[, {factor}]]: константа "
            "в формуле потеряна или лишняя",
        ),
        Text("Compare the constants with the formula:", "Сверьте константы с формулой:"),
    ),
    "transposed": Words(
        Text("transposed", "результат транспонирован"),
        Text(
            "the right numbers stand in the wrong places: the array is transposed, or made of "
            "transposed operands",
            "числа верные, но стоят не на своих местах: массив транспонирован или получен из "
            "транспонированных множителей",
        ),
        Text(
            "Check the shapes in the product; the formula is:",
            "Проверьте формы множителей; верная формула:",
        ),
    ),
    "wrong_axis": Words(
        Text("the wrong axis", "не та ось"),
        Text(
            "summed, normalized or broadcast along the wrong axis[[ ({axis})]]",
            "сумма, нормировка или растягивание (broadcasting) идут не по той оси[[ ({axis})]]",
        ),
        Text(
            "Name the axes explicitly; axis 0 is the batch, axis 1 the features or channels:",
            "Указывайте оси явно: ось 0 — батч, ось 1 — признаки или каналы:",
        ),
    ),
    "wrong_shape": Words(
        Text("the wrong shape", "неверная форма"),
        Text(
            "an axis is missing or superfluous, or was not summed over (over the batch?)",
            "ось потеряна или лишняя либо по ней не просуммировано (по батчу?)",
        ),
        Text(
            "A gradient has the shape of what it belongs to: sum over the axes that are too many, "
            "keep the others:",
            "Форма градиента совпадает с формой того, по чему он берётся: лишние оси суммируются, "
            "остальные сохраняются:",
        ),
    ),
    "overwritten": Words(
        Text("overwritten, not accumulated", "градиент перезаписан, а не накоплен"),
        Text(
            "a second backward pass loses the gradient of the first: accGradParameters assigns (=) "
            "where it should add (+=)",
            "второй обратный проход стирает градиент первого: accGradParameters присваивает (=), а "
            "должен прибавлять (+=)",
        ),
        Text(
            "Gradients accumulate until zeroGradParameters clears them; add in place:",
            "Градиенты накапливаются до вызова zeroGradParameters; прибавляйте на месте:",
        ),
    ),
    "missing_gradient": Words(
        Text("a gradient is never computed", "градиент не вычисляется"),
        Text(
            "[[{tensor}|a gradient]] is never computed: it stays zero or None",
            "[[{tensor}|градиент]] нигде не вычисляется и остаётся нулём или None",
        ),
        Text("Compute it:", "Вычислите его:"),
    ),
    "missing_term": Words(
        Text("a term is missing", "потеряно слагаемое"),
        Text(
            "one term of the gradient is missing: something that depends on the input was taken "
            "as a constant",
            "в градиенте потеряно слагаемое: то, что зависит от входа, считалось постоянным",
        ),
        Text("The whole gradient is:", "Полная формула градиента:"),
    ),
    "upstream_ignored": Words(
        Text("gradOutput does not enter", "gradOutput не учтён"),
        Text(
            "gradOutput does not enter, or not fully: this is the layer's own derivative, not the "
            "gradient of the loss",
            "gradOutput не учтён или учтён не полностью: получена производная самого слоя, а не "
            "градиент функции потерь",
        ),
        Text(
            "By the chain rule, the derivative is multiplied by gradOutput:",
            "По правилу цепочки производная умножается на gradOutput:",
        ),
    ),
    "local_derivative": Words(
        Text("another formula, or another point", "другая формула или не та точка"),
        Text(
            "the function or its derivative is of another formula, or is taken at another point "
            "(at the output instead of the input, or the reverse)",
            "функция или её производная взята по другой формуле либо в другой точке (в выходе "
            "вместо входа или наоборот)",
        ),
        Text("The formula is:", "Верная формула:"),
    ),
    "edge_value": Words(
        Text("wrong where the formula changes", "ошибка в точке излома"),
        Text(
            "right everywhere but exactly at the point where the function changes its formula",
            "всё верно, кроме самой точки, в которой функция меняет формулу",
        ),
        Text(
            "Check > against >= (and < against <=):",
            "Проверьте, где строгое неравенство, а где нет (> или >=):",
        ),
    ),
    "bias_ignored": Words(
        Text("the bias is mistreated", "смещение не учтено"),
        Text(
            "the bias does not enter the output, or enters although bias=False",
            "смещение (bias) не входит в выход или входит, хотя bias=False",
        ),
        Text(
            "The bias is added once to each output:",
            "Смещение прибавляется к каждому выходу один раз:",
        ),
    ),
    "option_ignored": Words(
        Text("an argument is ignored", "аргумент не используется"),
        Text(
            "the constructor accepts [[{option}|an argument]] and ignores it",
            "конструктор принимает [[{option}|аргумент]], но не использует его",
        ),
        Text(
            "Store it in the constructor (`self.[[{option}|option]] = [[{option}|option]]`) and "
            "use it, forward and backward.",
            "Сохраните его в конструкторе (`self.[[{option}|option]] = [[{option}|option]]`) и "
            "используйте и в прямом, и в обратном проходе.",
        ),
    ),
    "wrong_constant": Words(
        Text("a wrong constant", "неверная константа"),
        Text(
            "[[the constant {option}|a constant or default]] differs from the definition"
            "[[: it seems to be {value}]]",
            "[[константа {option}|константа или значение по умолчанию]] не совпадает с "
            "определением[[: похоже, она равна {value}]]",
        ),
        Text("Compare the constants with the definition:", "Сверьте константы с определением:"),
    ),
    "unexplained": Words(
        Text("no usual mistake fits", "причина не распознана"),
        Text(
            "none of the usual mistakes explains these numbers",
            "ни одна из типичных ошибок не объясняет эти числа",
        ),
        Text(
            "Compare your code with the formula, line by line:",
            "Сверьте код с формулой строка за строкой:",
        ),
    ),
}
