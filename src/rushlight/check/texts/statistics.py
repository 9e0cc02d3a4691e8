"""Causes of numerical stability, batch normalization and dropout."""

from __future__ import annotations

from rushlight.check.texts.text import Text
from rushlight.check.texts.words import Words

__all__ = ["DROPOUT", "NORM", "STABILITY"]

STABILITY = {
    "overflow": Words(
        Text("overflow at large inputs", "переполнение при больших входах"),
        Text(
            "exp overflows at large inputs, and inf or nan comes out",
            "exp переполняется при больших входах, и получается inf или nan",
        ),
        Text(
            "Take exp of numbers that are not positive only:",
            "Берите exp только от неположительных чисел:",
        ),
    ),
    "missing_max_subtraction": Words(
        Text("the maximum is not subtracted", "не вычтен максимум"),
        Text(
            "exp overflows at large inputs: the maximum of each row is not subtracted first",
            "exp переполняется при больших входах: из каждой строки не вычтен её максимум",
        ),
        Text(
            "Subtract the maximum first; the result is the same, as the factor exp(-max) cancels:",
            "Сначала вычтите максимум: результат тот же, множитель exp(-max) сокращается:",
        ),
    ),
    "log_of_zero": Words(
        Text("log of zero", "логарифм нуля"),
        Text(
            "a probability underflows to 0 and its logarithm is -inf",
            "вероятность обращается в 0 (потеря порядка), и её логарифм равен -inf",
        ),
        Text("Never take the log of a softmax:", "Не берите логарифм от готового softmax:"),
    ),
    "tanh_gelu": Words(
        Text("GELU by an approximation", "GELU по приближённой формуле"),
        Text(
            "these are the values of the tanh (or sigmoid) approximation of GELU, off by up to "
            "5e-4 (2e-2); the definition has erf",
            "это значения приближённой формулы GELU через tanh (или sigmoid), её ошибка до 5e-4 "
            "(2e-2); в определении стоит erf",
        ),
        Text(
            "Use the definition, x·Φ(x), with scipy.special.erf:",
            "Считайте по определению, x·Φ(x), через scipy.special.erf:",
        ),
    ),
}

NORM = {
    "batch_statistics_in_evaluation": Words(
        Text("batch statistics in evaluation", "статистики батча в evaluate"),
        Text(
            "evaluation mode uses the mean and variance of the batch; they must be the running "
            "averages, which are constants there",
            "в режиме evaluate используются среднее и дисперсия батча, а нужны скользящие средние, "
            "которые там — константы",
        ),
        Text(
            "Ask `self.training` forward and backward; in evaluation mode:",
            "Проверяйте `self.training` и в прямом, и в обратном проходе; в режиме evaluate:",
        ),
    ),
    "running_statistics_in_training": Words(
        Text("running averages in training", "скользящие средние в обучении"),
        Text(
            "training mode normalizes by the running averages; it must be by the mean and "
            "variance of the batch",
            "в режиме обучения нормировка идёт по скользящим средним, а нужны среднее и дисперсия "
            "батча",
        ),
        Text("In training mode:", "В режиме обучения:"),
    ),
    "running_statistics_not_updated": Words(
        Text("running averages badly updated", "скользящие средние не обновляются"),
        Text(
            "[[{tensor}|a running average]] is not updated in training mode, or is updated in "
            "evaluation mode, too",
            "[[{tensor}|скользящее среднее]] не обновляется в режиме обучения или обновляется и в "
            "режиме evaluate",
        ),
        Text(
            "In updateOutput, in training mode only, renew both moving_mean and moving_variance.",
            "В updateOutput, только в режиме обучения, обновляйте и moving_mean, и "
            "moving_variance.",
        ),
    ),
    "averaging_swapped": Words(
        Text("old and new weights swapped", "веса старого и нового перепутаны"),
        Text(
            "the weights of the old average and of the batch are exchanged",
            "веса старого среднего и нового батча перепутаны местами",
        ),
        Text(
            "practical_dl: alpha*old + (1 - alpha)*batch; torch_like: (1 - momentum)*old + "
            "momentum*batch.",
            "practical_dl: alpha*old + (1 - alpha)*batch; torch_like: (1 - momentum)*old + "
            "momentum*batch, где old — прежнее среднее, batch — статистика батча.",
        ),
    ),
    "biased_variance": Words(
        Text("biased running variance", "смещённая дисперсия"),
        Text(
            "the running variance averages the biased variance (divided by N); torch averages the "
            "unbiased one (divided by N - 1)",
            "в скользящую дисперсию входит смещённая оценка (деление на N), а в torch — "
            "несмещённая (деление на N - 1)",
        ),
        Text(
            "Normalize by the biased variance, but average the unbiased one (n values a "
            "channel):\n"
            "    unbiased = input.var(axes) * n / (n - 1)\n"
            "    self.moving_variance += momentum * (unbiased - self.moving_variance)",
            "Нормируйте на смещённую дисперсию, а усредняйте несмещённую (n — число значений в "
            "канале):\n"
            "    unbiased = input.var(axes) * n / (n - 1)\n"
            "    self.moving_variance += momentum * (unbiased - self.moving_variance)",
        ),
    ),
    "unbiased_variance": Words(
        Text("unbiased variance (N - 1)", "несмещённая дисперсия (N - 1)"),
        Text(
            "the variance is divided by N - 1; it must be the biased one, divided by N",
            "дисперсия делится на N - 1, а нужна смещённая оценка, с делением на N",
        ),
        Text("Use np.var without ddof:", "Считайте np.var без ddof:"),
    ),
    "eps_misplaced": Words(
        Text("EPS is not where it belongs", "EPS не на своём месте"),
        Text(
            "EPS is forgotten, added twice, or stands outside the root",
            "EPS забыт, прибавлен дважды или стоит вне корня",
        ),
        Text(
            "EPS is added to the variance, under the root:",
            "EPS прибавляется к дисперсии, под корнем:",
        ),
    ),
    "only_2d": Words(
        Text("works on (N, C) only", "работает только с (N, C)"),
        Text(
            "right on input (N, C), but not on images (N, C, H, W)",
            "верно для входа (N, C), но не для изображений (N, C, H, W)",
        ),
        Text(
            "Sum over all axes but 1 (`axes = (0,) if input.ndim == 2 else (0, 2, 3)`), with "
            "keepdims=True:",
            "Суммируйте по всем осям, кроме 1 (`axes = (0,) if input.ndim == 2 else (0, 2, 3)`), "
            "с keepdims=True:",
        ),
    ),
}

DROPOUT = {
    "not_identity_in_evaluation": Words(
        Text("no identity in evaluation", "в evaluate вход меняется"),
        Text(
            "evaluation mode must pass input and gradOutput through unchanged; they are dropped "
            "or scaled",
            "в режиме evaluate input и gradOutput должны проходить без изменений, а они "
            "обнуляются или умножаются",
        ),
        Text("When self.training is False:", "Когда self.training равно False:"),
    ),
    "mask_not_shared": Words(
        Text("backward has another mask", "другая маска в backward"),
        Text(
            "the backward pass draws a mask of its own, or uses none; it must be the mask of the "
            "forward pass",
            "обратный проход берёт новую маску или обходится без неё, а нужна маска прямого "
            "прохода",
        ),
        Text(
            "Draw self.mask in updateOutput only; in updateGradInput:",
            "Создавайте self.mask только в updateOutput; в updateGradInput:",
        ),
    ),
    "mask_not_fresh": Words(
        Text("the same mask every time", "маска не меняется"),
        Text(
            "every forward pass uses the same mask; each needs a new one",
            "каждый прямой проход использует одну и ту же маску, а нужна новая",
        ),
        Text(
            "Draw it anew in each updateOutput:\n    self.mask = np.random.random(input.shape) >= "
            "self.p",
            "Создавайте её заново в каждом updateOutput:\n"
            "    self.mask = np.random.random(input.shape) >= self.p",
        ),
    ),
    "rate_swapped": Words(
        Text("p and 1 - p exchanged", "перепутаны p и 1 - p"),
        Text(
            "[[elements are dropped with probability {option}, which is the probability to keep|"
            "elements are kept with probability p; p is the probability to drop]][[ (with p = {p}, "
            "the share {rate} was dropped)]]",
            "[[элементы обнуляются с вероятностью {option}, а это вероятность оставить|элементы "
            "остаются с вероятностью p, а p — вероятность обнуления]][[ (при p = {p} обнулена доля "
            "{rate})]]",
        ),
        Text(
            "Keep with probability 1 - p, and divide by it:\n"
            "    self.mask = np.random.random(input.shape) >= self.p",
            "Оставляйте с вероятностью 1 - p и на неё же делите:\n"
            "    self.mask = np.random.random(input.shape) >= self.p",
        ),
    ),
    "not_rescaled": Words(
        Text("no division by 1 - p", "нет деления на 1 - p"),
        Text(
            "what is kept is not divided by 1 - p (or by something else), so its mean changes"
            "[[: it is multiplied by {factor}]]",
            "оставленные элементы не делятся на 1 - p (или делятся на другое число), и среднее "
            "меняется[[: они умножены на {factor}]]",
        ),
        Text("In training mode:", "В режиме обучения:"),
    ),
    "mask_shape": Words(
        Text("one mask for many elements", "одна маска на всех"),
        Text(
            "one mask is shared by all samples or channels; each element is dropped on its own",
            "маска общая для всех объектов или каналов, а каждый элемент обнуляется независимо",
        ),
        Text(
            "Give the mask the whole shape of the input:\n"
            "    self.mask = np.random.random(input.shape) >= self.p",
            "Берите маску той же формы, что и вход:\n"
            "    self.mask = np.random.random(input.shape) >= self.p",
        ),
    ),
}
