"""What a cause means, and what to do, in a particular guise.

The keys are a cause and what it is told by, the first of these that there is: a kind, which the
finding's details name; "layer.tensor"; a tensor; a check; a layer.
"""

from __future__ import annotations

from rushlight.check.texts.statistics import NORM
from rushlight.check.texts.text import Text

__all__ = ["HINTS", "KINDS", "PARTS", "SAYS"]

KINDS = (
    *("at_input", "at_output", "squared", "function", "none"),  # of a local derivative
    *("part", "maximum", "no_array", "copies", "clipped", "own_arrays", "order"),
    *("unknown_name", "arguments", "truth"),  # of a crash
)

LOSSES = ("MSECriterion", "ClassNLLCriterion", "ClassNLLCriterionUnstable")

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
    **dict.fromkeys(
        (("divided_by_n", name) for name in LOSSES),
        Text(
            "everything is too small by one factor[[, {n}]]: divided by the number of elements, or "
            "twice by the batch size; it must be once by the batch size",
            "все значения меньше верных в одно и то же число раз[[ ({n})]]: деление на число "
            "элементов или дважды на размер батча, а нужно один раз на размер батча",
        ),
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
    ("local_derivative", "gradInput"): Text(
        "the derivative is of another formula, or is taken at another point (at the output instead "
        "of the input, or the reverse)",
        "производная взята по другой формуле либо в другой точке (в выходе вместо входа или "
        "наоборот)",
    ),
    ("local_derivative", "at_input"): Text(
        "the formula holds for y = self.output, but is applied to the input",
        "формула верна для y = self.output, а применена ко входу",
    ),
    ("local_derivative", "at_output"): Text(
        "the derivative is taken at the output, as if that were the input",
        "производная взята в точке output, как будто это вход",
    ),
    ("local_derivative", "squared"): Text(
        "the derivative enters twice, as its square", "производная входит дважды, в квадрате"
    ),
    ("local_derivative", "function"): Text(
        "gradOutput is multiplied by the function itself, not by its derivative",
        "gradOutput умножен на саму функцию, а не на её производную",
    ),
    ("local_derivative", "none"): Text(
        "gradOutput is handed on as it is; the derivative is missing",
        "gradOutput передан без изменений, производной нет",
    ),
    ("sign", "part"): Text(
        "a sign is wrong in one of the terms, or on one side",
        "неверный знак в одном из слагаемых или в одной из ветвей",
    ),
    **dict.fromkeys(
        (("sign", "sgd_momentum"), ("sign", "adam_optimizer")),
        Text("the step is added; it must be subtracted", "шаг прибавляется, а должен вычитаться"),
    ),
    ("transposed", "Flatten"): Text(
        "the right numbers stand in the wrong order: the axes are exchanged before they are "
        "flattened",
        "числа верные, но идут в другом порядке: перед развёрткой оси переставлены",
    ),
    ("wrong_axis", "maximum"): Text(
        "what is subtracted is not the maximum of each row",
        "вычитается не максимум каждой строки",
    ),
    ("wrong_shape", "no_array"): Text(
        "an array must be returned[[; this is of type {name}]]",
        "нужно вернуть массив[[, а это объект типа {name}]]",
    ),
    ("wrong_shape", "output"): Text("an axis is missing or superfluous", "ось потеряна или лишняя"),
    ("wrong_shape", "gradInput"): Text(
        "gradInput must have the shape of input", "форма gradInput должна совпадать с формой input"
    ),
    **dict.fromkeys(
        (("wrong_shape", f"{name}.output") for name in LOSSES),
        Text("the loss must be one number", "значение критерия должно быть одним числом"),
    ),
    **dict.fromkeys(
        (("overwritten", check) for check in ("output", "input_gradient", "parameter_gradient")),
        Text(
            "within one call, what a loop has added up is overwritten: = where it should be +=",
            "в пределах одного вызова цикл перезаписывает накопленное: стоит =, а нужно +=",
        ),
    ),
    ("array_replaced", "copies"): Text(
        "getGradParameters() hands out copies: an optimizer that holds them does not see the new "
        "gradients",
        "getGradParameters() отдаёт копии: оптимизатор, который их взял, не видит новых градиентов",
    ),
    ("parameters_not_collected", "own_arrays"): Text(
        "[[{method}|getParameters]]() leaves out arrays of the layer, or gives copies of them: no "
        "optimizer can reach them",
        "[[{method}|getParameters]]() отдаёт не все массивы слоя или отдаёт их копии: оптимизатору "
        "до них не добраться",
    ),
    ("parameters_not_collected", "order"): Text(
        "getParameters() and getGradParameters() list their arrays in different orders",
        "порядок массивов в getParameters() и getGradParameters() разный",
    ),
    ("option_ignored", "gradInput"): Text(
        "the backward pass does not use [[{option}|an argument of the constructor]]",
        "обратный проход не использует [[{option}|аргумент конструктора]]",
    ),
    ("overflow", "clipped"): Text(
        "the argument of exp is cut off, so that large inputs give the values of smaller ones",
        "аргумент exp ограничен, и при больших входах получаются значения меньших",
    ),
    **dict.fromkeys(
        (("overflow", "SoftPlus.gradInput"), ("overflow", "Sigmoid.gradInput")),
        Text(
            "exp overflows for large inputs, and inf / inf is nan",
            "exp при больших входах переполняется, а inf / inf — это nan",
        ),
    ),
    ("times_n", "Conv2d.output"): Text(
        "the bias is added more than once (in a loop over channels or cells?)",
        "смещение прибавлено несколько раз (в цикле по каналам или клеткам?)",
    ),
    ("ties_to_last", "GlobalMaxPool2d"): Text(
        "one of several equal maxima gets the whole gradient; they must share it",
        "один из равных максимумов получает весь градиент, а они должны его делить",
    ),
    ("missing_gradient", "Sequential"): Text(
        "the backward pass leaves out a module", "обратный проход пропускает один из модулей"
    ),
}

HINTS = {
    **dict.fromkeys(
        (("times_n", name) for name in LOSSES),
        Text(
            "Divide by the batch size, N = len(input):", "Делите на размер батча, N = len(input):"
        ),
    ),
    ("times_n", "AvgPool2d"): Text(
        "Divide by kh*kw, the size of the window:", "Делите на kh*kw, размер окна:"
    ),
    ("divided_by_n", "MSECriterion"): Text(
        "Sum, then divide by N = len(input); np.mean divides by all elements:",
        "Суммируйте и делите на N = len(input); np.mean делит на число всех элементов:",
    ),
    **dict.fromkeys(
        (("divided_by_n", name) for name in ("ClassNLLCriterion", "ClassNLLCriterionUnstable")),
        Text(
            "Divide by N = len(input) once; np.mean divides by all elements:",
            "Делите на N = len(input) один раз; np.mean делит на число всех элементов:",
        ),
    ),
    ("ties_to_last", "GlobalMaxPool2d"): Text(
        "Divide the gradient by the number of maxima:", "Делите градиент на число максимумов:"
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
    ("transposed", "Flatten"): Text(
        "No transpose before the reshape:", "Перед reshape не нужен transpose:"
    ),
    ("wrong_axis", "maximum"): Text(
        "Take the maximum of each row, and keep its axis:",
        "Берите максимум каждой строки и сохраняйте его ось:",
    ),
    ("window_axes_swapped", "GlobalAvgPool2d"): Text(
        "Divide by height*width, not by a side squared:",
        "Делите на height*width, а не на квадрат стороны:",
    ),
    ("times_n", "Conv2d.output"): Text(
        "Add it once, behind the loops:", "Прибавляйте его один раз, после циклов:"
    ),
    ("array_replaced", "copies"): Text(
        "Return the arrays themselves: `return [self.gradW, self.gradb]`, no copy() and no "
        "np.concatenate.",
        "Возвращайте сами массивы: `return [self.gradW, self.gradb]`, без copy() и np.concatenate.",
    ),
    **dict.fromkeys(
        (("parameters_not_collected", "own_arrays"), ("parameters_not_collected", "order")),
        Text(
            "Return the arrays themselves, in one order: [W, b] and [gradW, gradb]; no copies.",
            "Возвращайте сами массивы в одном порядке: [W, b] и [gradW, gradb], без копий.",
        ),
    ),
    ("option_ignored", "gradInput"): Text(
        "Use it (`self.[[{option}|option]]`) in updateGradInput, too:",
        "Используйте его (`self.[[{option}|option]]`) и в updateGradInput:",
    ),
    **dict.fromkeys(
        (("overwritten", check) for check in ("output", "input_gradient", "parameter_gradient")),
        Text("Add up over the loop; in one line it is:", "Накапливайте в цикле; в одну строку:"),
    ),
    **dict.fromkeys(
        (("overflow", "SoftPlus.gradInput"), ("overflow", "Sigmoid.gradInput")),
        Text(
            "Take exp(-|x|), which is at most 1 (or use scipy.special.expit):",
            "Берите exp(-|x|), оно не больше 1 (или scipy.special.expit):",
        ),
    ),
    ("crash", "unknown_name"): Text(
        "Check the spelling, and that the constructor sets it (and calls `super().__init__()`).",
        "Проверьте написание и что имя задаётся в конструкторе (и вызван `super().__init__()`).",
    ),
    ("crash", "arguments"): Text(
        "Compare the arguments: `updateOutput(self, input)`, `updateGradInput(self, input, "
        "gradOutput)`, and so on.",
        "Сверьте аргументы: `updateOutput(self, input)`, `updateGradInput(self, input, "
        "gradOutput)` и так далее.",
    ),
    ("crash", "truth"): Text(
        "`if` cannot decide for all elements at once: use np.where, np.maximum or a mask.",
        "`if` не может решить за все элементы сразу: нужны np.where, np.maximum или маска.",
    ),
    ("wrong_shape", "no_array"): Text(
        "Return the one array: `return self.output`, `return self.gradInput`.",
        "Верните один массив: `return self.output`, `return self.gradInput`.",
    ),
    ("wrong_shape", "gradInput"): Text("The formula is:", "Верная формула:"),
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
