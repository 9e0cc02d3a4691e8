"""What a cause means, and what to do, in a particular layer (or for a particular tensor)."""

from __future__ import annotations

from rushlight.check.texts.statistics import NORM
from rushlight.check.texts.text import Text

__all__ = ["HINTS", "PARTS", "SAYS"]

SAYS = {
    ("missing_term", "BatchNormalization"): Text(
        "the mean or the variance of the batch was taken as a constant, but both depend on every "
        "input",
        "среднее или дисперсия батча считались постоянными, а они зависят от каждого входа",
    ),
    ("missing_term", "SoftMax"): Text(
        "each output depends on all inputs of its row; the sum over the classes is missing",
        "каждый выход зависит от всех входов своей строки; потеряна сумма по классам",
    ),
    ("missing_term", "LogSoftMax"): Text(
        "the normalizer depends on all inputs of the row; the term softmax(x)·Σg is missing",
        "нормировка зависит от всех входов строки; потеряно слагаемое softmax(x)·Σg",
    ),
    ("missing_term", "Gelu"): Text(
        "the derivative of x·Φ(x) has two terms, Φ(x) and x·φ(x); one is missing",
        "производная x·Φ(x) состоит из двух слагаемых, Φ(x) и x·φ(x); одно потеряно",
    ),
    ("times_n", "AvgPool2d"): Text(
        "everything is too large by one factor[[, {n}]]: the division by the size of the window "
        "is missing",
        "все значения больше верных в одно и то же число раз[[ ({n})]]: пропущено деление на "
        "размер окна",
    ),
    ("times_n", "GlobalAvgPool2d"): Text(
        "everything is too large by one factor[[, {n}]]: the division by H*W is missing",
        "все значения больше верных в одно и то же число раз[[ ({n})]]: пропущено деление на H*W",
    ),
    ("divided_by_n", "MSECriterion"): Text(
        "everything is too small by one factor[[, {n}]]: divided by the number of elements, or "
        "twice by the batch size; it must be once by the batch size",
        "все значения меньше верных в одно и то же число раз[[ ({n})]]: деление на число "
        "элементов или дважды на размер батча, а нужно один раз на размер батча",
    ),
    ("edge_value", "ReLU"): Text(
        "right everywhere but at 0, where the gradient must be 0",
        "всё верно, кроме точки 0: там градиент должен быть равен 0",
    ),
    ("edge_value", "LeakyReLU"): Text(
        "right everywhere but at 0, where the slope of the negative side holds",
        "всё верно, кроме точки 0: там действует наклон отрицательной стороны",
    ),
    ("edge_value", "ELU"): Text(
        "right everywhere but at 0, where the derivative is alpha",
        "всё верно, кроме точки 0: там производная равна alpha",
    ),
    ("edge_value", "GlobalMaxPool2d"): Text(
        "where a map has several equal maxima (common after ReLU), the first alone gets the "
        "gradient; they must share it",
        "если в карте несколько равных максимумов (после ReLU это обычно), весь градиент достаётся "
        "первому, а они должны его делить",
    ),
    ("wrong_constant", "Conv2d"): Text(
        "padding='same' puts the odd row and column of an even kernel before the image; they "
        "belong behind it",
        "при чётном ядре padding='same' ставит лишнюю строку и столбец перед изображением, а им "
        "место после него",
    ),
    **dict.fromkeys(
        (("wrong_constant", "MaxPool2d"), ("wrong_constant", "GlobalMaxPool2d")),
        Text(
            "the search for the maximum begins at [[{value}|a number]], which wins where all "
            "values are smaller",
            "поиск максимума начат с [[{value}|числа]], и оно побеждает там, где все значения "
            "меньше",
        ),
    ),
    ("overflow", "ELU"): Text(
        "exp overflows for large positive inputs: np.where computes both branches, and inf * 0 is "
        "nan",
        "exp переполняется при больших положительных входах: np.where вычисляет обе ветви, а inf "
        "* 0 — это nan",
    ),
    ("overflow", "SoftPlus"): Text(
        "log(1 + exp(x)) overflows: exp(1000) is inf, while the result is just 1000",
        "log(1 + exp(x)) переполняется: exp(1000) — это inf, хотя верный результат — всего лишь "
        "1000",
    ),
    ("overflow", "Sigmoid"): Text(
        "exp(-x) overflows for large negative x (and exp(x) / (1 + exp(x)) is nan for large "
        "positive x)",
        "exp(-x) переполняется при больших отрицательных x (а exp(x) / (1 + exp(x)) даёт nan при "
        "больших положительных)",
    ),
    ("overflow", "Tanh"): Text(
        "written with exp, tanh is inf / inf = nan for large inputs",
        "tanh, записанный через exp, при больших входах даёт inf / inf = nan",
    ),
    ("log_of_zero", "ClassNLLCriterionUnstable"): Text(
        "a probability of 0 gives log(0) = -inf, and 1 / 0 in the gradient",
        "при вероятности 0 получается log(0) = -inf, а в градиенте — 1 / 0",
    ),
    ("wrong_axis", "SoftMax"): Text(
        "normalized along the wrong axis[[ ({axis})]]: the classes are axis 1, and each row sums "
        "to 1",
        "нормировка идёт не по той оси[[ ({axis})]]: классы — это ось 1, сумма каждой строки "
        "равна 1",
    ),
    ("wrong_axis", "BatchNormalization"): Text(
        "averaged over the wrong axes[[ ({axis})]]: each feature or channel (axis 1) has its own "
        "mean and variance",
        "среднее взято не по тем осям[[ ({axis})]]: у каждого признака или канала (ось 1) свои "
        "среднее и дисперсия",
    ),
    ("local_derivative", "output"): Text(
        "the function itself is of another formula", "сама функция взята по другой формуле"
    ),
    ("transposed", "W"): Text(
        "the outputs are the first axis of W, the inputs the second; here it is the other way "
        "round",
        "первая ось W — выходы, вторая — входы; здесь наоборот",
    ),
    ("ties_to_all", "GlobalMaxPool2d"): Text(
        "each of several equal maxima gets the whole gradient; they must share it",
        "каждый из равных максимумов получает весь градиент, а они должны его делить",
    ),
    **dict.fromkeys(
        (("option_ignored", "sgd_momentum"), ("option_ignored", "adam_optimizer")),
        Text(
            "[[config['{option}']|something in config]] is not used",
            "[[config['{option}']|что-то из config]] не используется",
        ),
    ),
    **dict.fromkeys(
        (("not_zeroed", "sgd_momentum"), ("not_zeroed", "adam_optimizer")),
        Text("zero_grad leaves gradients as they were", "zero_grad не обнуляет градиенты"),
    ),
    **dict.fromkeys(
        (("input_modified", "sgd_momentum"), ("input_modified", "adam_optimizer")),
        Text(
            "the step writes into [[{tensor}|gradients or config]], which it may only read",
            "шаг изменяет [[{tensor}|gradients или config]], а должен только читать",
        ),
    ),
    ("averaging_swapped", "adam_optimizer"): Text(
        "beta and 1 - beta, or beta1 and beta2, are exchanged: the old average has the weight beta",
        "beta и 1 - beta либо beta1 и beta2 перепутаны: вес beta — у старого среднего",
    ),
    ("dialect_convention", "adam_optimizer"): Text(
        "epsilon is added to the root of the corrected v, as in torch; the course adds it to the "
        "root of v itself",
        "epsilon прибавляется к корню из исправленного v, как в torch; в курсе — к корню из самого "
        "v",
    ),
    **dict.fromkeys(
        (("factor", "moving_mean"), ("factor", "moving_variance")),
        Text(
            "the weights of the old average and of the batch do not add up to 1",
            "веса старого среднего и нового батча в сумме не дают 1",
        ),
    ),
    **dict.fromkeys(
        (("sign", "moving_mean"), ("sign", "moving_variance")),
        Text(
            "the old average or the batch's enters with the wrong sign",
            "старое среднее или статистика батча входит с неверным знаком",
        ),
    ),
    ("local_derivative", "Sigmoid"): Text(
        "the derivative of sigmoid is y·(1 - y) with y = self.output, not with y = input",
        "производная сигмоиды — y·(1 - y), где y = self.output, а не input",
    ),
    ("local_derivative", "Tanh"): Text(
        "the derivative of tanh is 1 - y² with y = self.output, not with y = input",
        "производная tanh — 1 - y², где y = self.output, а не input",
    ),
}

HINTS = {
    ("times_n", "MSECriterion"): Text(
        "Divide by the batch size, N = len(input):", "Делите на размер батча, N = len(input):"
    ),
    ("times_n", "ClassNLLCriterion"): Text(
        "Divide by the batch size, N = len(input):", "Делите на размер батча, N = len(input):"
    ),
    ("times_n", "ClassNLLCriterionUnstable"): Text(
        "Divide by the batch size, N = len(input):", "Делите на размер батча, N = len(input):"
    ),
    ("times_n", "AvgPool2d"): Text(
        "Divide by kh*kw, the size of the window:", "Делите на kh*kw, размер окна:"
    ),
    ("divided_by_n", "MSECriterion"): Text(
        "Sum, then divide by N = len(input); np.mean divides by all elements:",
        "Суммируйте и делите на N = len(input); np.mean делит на число всех элементов:",
    ),
    ("divided_by_n", "ClassNLLCriterion"): Text(
        "Divide by N = len(input) once; np.mean divides by all elements:",
        "Делите на N = len(input) один раз; np.mean делит на число всех элементов:",
    ),
    ("divided_by_n", "ClassNLLCriterionUnstable"): Text(
        "Divide by N = len(input) once; np.mean divides by all elements:",
        "Делите на N = len(input) один раз; np.mean делит на число всех элементов:",
    ),
    ("ties_to_all", "GlobalMaxPool2d"): Text(
        "Divide the gradient by the number of maxima:", "Делите градиент на число максимумов:"
    ),
    ("edge_value", "GlobalMaxPool2d"): Text(
        "Compare with the maximum, and divide by the number of maxima; argmax finds one alone:",
        "Сравните с максимумом и разделите на число максимумов; argmax находит только один:",
    ),
    ("wrong_constant", "Conv2d"): Text(
        "Pad `(k - 1) // 2` cells before and `k // 2` behind, for height and width.",
        "Добавляйте `(k - 1) // 2` клеток до и `k // 2` после, по высоте и по ширине.",
    ),
    **dict.fromkeys(
        (("wrong_constant", "MaxPool2d"), ("wrong_constant", "GlobalMaxPool2d")),
        Text("Begin at -inf, or take max:", "Начинайте с -inf или берите max:"),
    ),
    **dict.fromkeys(
        (("option_ignored", "sgd_momentum"), ("option_ignored", "adam_optimizer")),
        Text("Read it from config in each step:", "Берите его из config в каждом шаге:"),
    ),
    **dict.fromkeys(
        (("not_zeroed", "sgd_momentum"), ("not_zeroed", "adam_optimizer")),
        Text(
            "Clear each parameter's grad: `p.grad = None` or `p.grad.fill(0)`.",
            "Обнулите grad каждого параметра: `p.grad = None` или `p.grad.fill(0)`.",
        ),
    ),
    **dict.fromkeys(
        (("input_modified", "sgd_momentum"), ("input_modified", "adam_optimizer")),
        Text(
            "Make new arrays (`g = g * rate`, not `g *= rate`), and assign nothing in config.",
            "Создавайте новые массивы (`g = g * rate`, а не `g *= rate`) и ничего не записывайте в "
            "config.",
        ),
    ),
    ("averaging_swapped", "adam_optimizer"): Text(
        "m keeps the share beta1, v the share beta2:",
        "У m доля старого — beta1, у v — beta2:",
    ),
    **dict.fromkeys(
        (
            *(("factor", name) for name in ("moving_mean", "moving_variance")),
            *(("sign", name) for name in ("moving_mean", "moving_variance")),
        ),
        NORM["averaging_swapped"].hint,
    ),
    ("edge_value", "ReLU"): Text("Use >, not >=:", "Нужно > вместо >=:"),
    ("edge_value", "LeakyReLU"): Text("Use >, not >=:", "Нужно > вместо >=:"),
    ("edge_value", "ELU"): Text("Use >, not >=:", "Нужно > вместо >=:"),
    ("overflow", "SoftPlus"): Text(
        "log(1 + exp(x)) = max(x, 0) + log1p(exp(-|x|)), which NumPy has as logaddexp:",
        "log(1 + exp(x)) = max(x, 0) + log1p(exp(-|x|)), в NumPy это logaddexp:",
    ),
    ("overflow", "Sigmoid"): Text(
        "Take exp(-|x|), which is at most 1 (or use scipy.special.expit):",
        "Берите exp(-|x|), оно не больше 1 (или scipy.special.expit):",
    ),
    ("overflow", "ELU"): Text(
        "Cut the argument off at 0 before exp:", "Ограничьте аргумент нулём до вызова exp:"
    ),
    ("overflow", "Tanh"): Text("NumPy's tanh does not overflow:", "np.tanh не переполняется:"),
    ("missing_max_subtraction", "LogSoftMax"): Text(
        "Subtract the maximum; log Σ exp then lies between 0 and log C:",
        "Вычтите максимум, тогда log Σ exp лежит между 0 и log C:",
    ),
    ("log_of_zero", "LogSoftMax"): Text(
        "Do not take the log of a softmax; log(exp(z) / s) = z - log(s):",
        "Не берите логарифм от softmax: log(exp(z) / s) = z - log(s):",
    ),
    ("log_of_zero", "ClassNLLCriterionUnstable"): Text(
        "Clip to [EPS, 1 - EPS] before the log, EPS = 1e-15:",
        "Ограничьте отрезком [EPS, 1 - EPS] до логарифма, EPS = 1e-15:",
    ),
    ("wrong_constant", "BatchNormalization"): Text(
        "EPS is 1e-3 in practical_dl and 1e-5 in torch_like; alpha defaults to 0, momentum to 0.1:",
        "EPS равен 1e-3 в practical_dl и 1e-5 в torch_like; по умолчанию alpha = 0, momentum = "
        "0.1:",
    ),
    ("wrong_constant", "LeakyReLU"): Text(
        "The slope is 0.03 in practical_dl and 0.01 in torch_like, unless another is given:",
        "Наклон slope по умолчанию 0.03 в practical_dl и 0.01 в torch_like:",
    ),
    ("wrong_constant", "ClassNLLCriterionUnstable"): Text("EPS is 1e-15:", "EPS равен 1e-15:"),
    ("wrong_constant", "Gelu"): Text(
        "Φ(x) = (1 + erf(x/√2))/2, and its derivative is exp(-x²/2)/√(2π):",
        "Φ(x) = (1 + erf(x/√2))/2, её производная — exp(-x²/2)/√(2π):",
    ),
    ("bias_ignored", "Conv2d"): Text(
        "With bias=True add b, one number for each output channel; with bias=False leave it out:",
        "При bias=True прибавляйте b, по числу на выходной канал; при bias=False — не прибавляйте:",
    ),
    ("window_axes_swapped", "MaxPool2d"): Text(
        "Height comes first. An index in a flattened window is `row, column = divmod(index, kw)`; "
        "before reshape, transpose:\n    x.reshape(N, C, OH, kh, OW, kw).transpose(0, 1, 2, 4, 3, "
        "5)",
        "Высота идёт первой. Индекс в развёрнутом окне — `row, column = divmod(index, kw)`; перед "
        "reshape нужен transpose:\n    x.reshape(N, C, OH, kh, OW, kw).transpose(0, 1, 2, 4, 3, 5)",
    ),
    ("wrong_shape", "output"): Text(
        "Print the shapes on the way, and compare with:", "Выведите формы по пути и сравните с:"
    ),
    ("state_not_kept", "sgd_momentum"): Text(
        "Keep an array for each variable, and make it once:",
        "Храните отдельный массив для каждой переменной и создавайте его один раз:",
    ),
}

# which lines of Adam a cause is about; the others concern the whole step
PARTS = {
    "bias_correction": ("t", "learning_rate"),
    "epsilon_misplaced": ("W",),
    "squared_gradient": ("v", "W"),
    "momentum_rule": ("m", "W"),
    "averaging_swapped": ("m", "v"),
}
