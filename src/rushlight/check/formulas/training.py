"""Norm, scaling, dropout, containers, criteria and optimizers, explained."""

from __future__ import annotations

from rushlight.check.formulas.page import Page
from rushlight.check.texts.text import Text

__all__ = ["TRAINING"]

_LOSS = ("x, t (N, ...) → L;  ∂L/∂x (N, ...)",)
_CLASSES = ("x (N, C), t (N, C) → L;  ∂L/∂x (N, C)",)
_ONE_HOT = Text(
    "The target is one-hot, (N, C), not a list of class numbers.",
    "target — это one-hot, (N, C), а не список номеров классов.",
)
_ONCE = Text(
    "N is the batch size, len(input); np.mean divides by all elements.",
    "N — размер батча, len(input); np.mean делит на число всех элементов.",
)
_IN_PLACE = Text(
    "Change the arrays in place (w -= a): w = w - a leaves the layer as it was.",
    "Меняйте массивы на месте (w -= a): после w = w - a слой останется прежним.",
)

TRAINING = {
    "BatchNormalization": Page(
        Text(
            "Brings each feature or channel to mean 0 and variance 1.",
            "Приводит каждый признак или канал к среднему 0 и дисперсии 1.",
        ),
        (
            "x, y (N, C) / (N, C, H, W);  moving_mean, moving_variance (C)",
            Text(
                "mean: over the n = N (or N·H·W) values of each channel",
                "mean — среднее по n = N (или N·H·W) значениям каждого канала",
            ),
        ),
        (
            "train():     y = xhat = (x - μ) / √(σ² + EPS),  μ = mean(x),  σ² = mean((x - μ)²)",
            "evaluate():  y = (x - moving_mean) / √(moving_variance + EPS)",
        ),
        (
            "train():     ∂L/∂x = (g - mean(g) - xhat·mean(g·xhat)) / √(σ² + EPS)",
            "evaluate():  ∂L/∂x = g / √(moving_variance + EPS)",
        ),
        (
            Text(
                "In evaluation mode the moving averages are constants, backward too.",
                "В режиме evaluate скользящие средние — константы, в обратном проходе тоже.",
            ),
            Text(
                "μ and σ² depend on x: without the two means the gradient lacks terms.",
                "μ и σ² зависят от x: без двух средних в градиенте не хватает слагаемых.",
            ),
            Text(
                "Images have four axes: average over (0, 2, 3).",
                "У изображений четыре оси: усредняйте по (0, 2, 3).",
            ),
            Text(
                "EPS stands under the root, and σ² is divided by n, not by n - 1.",
                "EPS стоит под корнем, а σ² делится на n, а не на n - 1.",
            ),
        ),
        {
            "practical_dl": Text(
                "BatchNormalization(alpha=0.), EPS = 1e-3; moving = alpha·moving + (1 - "
                "alpha)·batch, from the first batch, with σ² as it is",
                "BatchNormalization(alpha=0.), EPS = 1e-3; moving = alpha·moving + (1 - "
                "alpha)·batch, начиная с первого батча; σ² без поправки",
            ),
            "torch_like": Text(
                "BatchNormalization(num_features, momentum=0.1), EPS = 1e-5; moving = "
                "(1 - momentum)·moving + momentum·batch, from 0 and 1, with σ²·n/(n - 1); "
                "with gamma and beta: y = gamma·xhat + beta",
                "BatchNormalization(num_features, momentum=0.1), EPS = 1e-5; moving = "
                "(1 - momentum)·moving + momentum·batch, начиная с 0 и 1, с σ²·n/(n - 1); "
                "если есть gamma и beta: y = gamma·xhat + beta",
            ),
        },
    ),
    "ChannelwiseScaling": Page(
        Text(
            "Gives each feature or channel a scale and a shift of its own.",
            "Умножает и сдвигает каждый признак или канал на свои числа.",
        ),
        ("x, y (N, C) / (N, C, H, W);  gamma, beta, gradGamma, gradBeta (C)",),
        ("y[n, c, ...] = gamma[c]·x[n, c, ...] + beta[c]",),
        (
            "∂L/∂x = g·gamma",
            Text(
                "∂L/∂gamma[c] = Σ g·x   (over all axes but 1)",
                "∂L/∂gamma[c] = Σ g·x   (по всем осям, кроме 1)",
            ),
            Text(
                "∂L/∂beta[c] = Σ g      (over all axes but 1)",
                "∂L/∂beta[c] = Σ g      (по всем осям, кроме 1)",
            ),
        ),
        (
            Text(
                "gradGamma and gradBeta accumulate: +=, not =.",
                "gradGamma и gradBeta накапливаются: +=, а не =.",
            ),
            Text(
                "For images reshape gamma to (1, C, 1, 1), and sum over (0, 2, 3).",
                "Для изображений приведите gamma к (1, C, 1, 1), а суммируйте по (0, 2, 3).",
            ),
        ),
        {
            "practical_dl": Text(
                "gamma and beta start uniform on ±1/√C", "gamma и beta вначале равномерны на ±1/√C"
            ),
            "torch_like": Text("gamma starts at 1, beta at 0", "вначале gamma = 1, beta = 0"),
        },
    ),
    "Dropout": Page(
        Text(
            "In training drops random elements, so that no unit can rely on another.",
            "При обучении обнуляет случайные элементы, чтобы нейроны не зависели друг от друга.",
        ),
        ("x (*) → y (*);  mask (*)",),
        (
            Text(
                "train():     y = x·mask / (1 - p),   mask = 1 with probability 1 - p, else 0",
                "train():     y = x·mask / (1 - p),   mask = 1 с вероятностью 1 - p, иначе 0",
            ),
            "evaluate():  y = x",
        ),
        (
            "train():     ∂L/∂x = g·mask / (1 - p)",
            "evaluate():  ∂L/∂x = g",
        ),
        (
            Text(
                "The mask is drawn anew in each forward, and backward uses that very mask.",
                "Маска новая в каждом прямом проходе, и обратный проход берёт именно её.",
            ),
            Text(
                "p is the probability to drop, so that 1 - p are kept and divided by 1 - p.",
                "p — вероятность обнуления: остаётся доля 1 - p, на неё и делят.",
            ),
            Text(
                "In evaluation mode nothing changes, forward or backward.",
                "В режиме evaluate не меняется ничего — ни в прямом, ни в обратном проходе.",
            ),
        ),
        {
            "practical_dl": Text("p may be 1 (all is dropped)", "p может быть 1 (обнуляется всё)"),
            "torch_like": Text("p outside [0, 1) is an error", "p вне [0, 1) — ошибка"),
        },
    ),
    "Sequential": Page(
        Text(
            "A container: hands each module the output of the one before.",
            "Контейнер: передаёт каждому модулю выход предыдущего.",
        ),
        (
            Text(
                "x: the input of the first module;  y: the output of the last",
                "x — вход первого модуля;  y — выход последнего",
            ),
        ),
        ("x₀ = x,   xᵢ = moduleᵢ.forward(xᵢ₋₁),   y = xₖ",),
        ("gₖ = g,   gᵢ₋₁ = moduleᵢ.backward(xᵢ₋₁, gᵢ),   ∂L/∂x = g₀",),
        (
            Text(
                "Backward goes from last to first, and each module gets the input that it had.",
                "Обратный проход идёт от последнего модуля к первому, и каждый получает свой вход.",
            ),
            Text(
                "train, evaluate and zeroGradParameters are passed on to all modules.",
                "train, evaluate и zeroGradParameters передаются всем модулям.",
            ),
            Text(
                "End forward and backward with return, behind the loop.",
                "Заканчивайте forward и backward оператором return после цикла.",
            ),
        ),
        {
            "practical_dl": Text(
                "getParameters() returns a list for each module",
                "getParameters() возвращает по списку на каждый модуль",
            ),
            "torch_like": Text(
                "getParameters() returns one flat list",
                "getParameters() возвращает один плоский список",
            ),
        },
    ),
    "MSECriterion": Page(
        Text(
            "The squared error, summed over all outputs, averaged over the batch.",
            "Квадрат ошибки: сумма по всем выходам, среднее по батчу.",
        ),
        _LOSS,
        ("L = (1/N)·Σ (x - t)²",),
        ("∂L/∂x = (2/N)·(x - t)",),
        (
            _ONCE,
            Text("Do not lose the 2 of the derivative.", "Не потеряйте двойку из производной."),
        ),
    ),
    "ClassNLLCriterion": Page(
        Text(
            "The negative log-likelihood of the right class; the input is log-probabilities.",
            "Минус логарифм правдоподобия верного класса; вход — логарифмы вероятностей.",
        ),
        _CLASSES,
        ("L = -(1/N)·Σ t·x",),
        ("∂L/∂x = -t/N",),
        (
            Text(
                "No log is taken here: LogSoftMax stands before it.",
                "Логарифм здесь не берётся: перед критерием стоит LogSoftMax.",
            ),
            _ONCE,
            _ONE_HOT,
        ),
    ),
    "ClassNLLCriterionUnstable": Page(
        Text(
            "The negative log-likelihood of the right class; the input is probabilities.",
            "Минус логарифм правдоподобия верного класса; вход — вероятности.",
        ),
        _CLASSES,
        ("L = -(1/N)·Σ t·ln(p),   p = clip(x, EPS, 1 - EPS),   EPS = 1e-15",),
        ("∂L/∂x = -t/(N·p)",),
        (
            Text(
                "Clip forward and backward, so that neither log(0) nor 1/0 arises.",
                "Ограничивайте вход и в прямом, и в обратном проходе: иначе возникнут log(0) и "
                "1/0.",
            ),
            _ONCE,
            _ONE_HOT,
        ),
    ),
    "sgd_momentum": Page(
        Text(
            "Stochastic gradient descent with momentum.",
            "Стохастический градиентный спуск с моментом.",
        ),
        (
            "sgd_momentum(variables, gradients, config, state)",
            "config: learning_rate, momentum;  state['accumulated_grads']: {index: array}",
        ),
        ("a ← momentum·a + learning_rate·g", "w ← w - a"),
        (),
        (
            _IN_PLACE,
            Text(
                "a starts at 0 and is no average: there is no factor (1 - momentum).",
                "a начинается с 0 и не является средним: множителя (1 - momentum) нет.",
            ),
            Text(
                "Each variable has an array of its own, kept in state between the steps.",
                "У каждой переменной свой массив, и он хранится в state между шагами.",
            ),
        ),
    ),
    "adam_optimizer": Page(
        Text(
            "Adam: momentum, with steps scaled by the running size of the gradient.",
            "Adam: момент и шаг, делённый на скользящую величину градиента.",
        ),
        (
            "adam_optimizer(variables, gradients, config, state)",
            "config: learning_rate, beta1, beta2, epsilon;  state: 'm', 'v' {index: array}, 't'",
        ),
        (
            "t ← t + 1",
            "lr_t = learning_rate·√(1 - beta2ᵗ) / (1 - beta1ᵗ)",
            "m ← beta1·m + (1 - beta1)·g",
            "v ← beta2·v + (1 - beta2)·g²",
            "w ← w - lr_t·m / (√v + epsilon)",
        ),
        (),
        (
            Text(
                "t grows once a step, not once a variable, and before it is used.",
                "t растёт один раз за шаг, а не на каждую переменную, и до использования.",
            ),
            Text(
                "epsilon is added to the root, not under it; torch adds it to √(v/(1 - beta2ᵗ)).",
                "epsilon прибавляется к корню, а не под корнем; в torch — к √(v/(1 - beta2ᵗ)).",
            ),
            _IN_PLACE,
        ),
    ),
}
