"""Causes of containers, criteria and optimizers."""

from __future__ import annotations

from rushlight.check.texts.text import Text
from rushlight.check.texts.words import Words

__all__ = ["CONTAINERS", "CRITERIA", "OPTIMIZERS"]

CONTAINERS = {
    "wrong_order": Words(
        Text("modules in the wrong order", "неверный порядок модулей"),
        Text(
            "the modules run in the wrong order: forward goes from first to last, backward from "
            "last to first",
            "модули вызываются не в том порядке: прямой проход идёт от первого к последнему, "
            "обратный — от последнего к первому",
        ),
        Text("The loop is:", "Верный цикл:"),
    ),
    "wrong_inputs": Words(
        Text("modules get another input back", "backward с чужим входом"),
        Text(
            "[[backward runs {name} of the modules once more: dropout draws another mask, batch "
            "norm averages twice|backward hands a module another input than it had in the forward "
            "pass]]",
            "[[backward ещё раз вызывает {name} модулей: dropout выберет другую маску, а batch "
            "norm дважды обновит средние|backward передаёт модулю не тот вход, который был у него "
            "в прямом проходе]]",
        ),
        Text(
            "Keep what each module was given, and hand it the same again; first in updateOutput:\n"
            "    for module in self.modules:\n"
            "        self.inputs.append(input)\n        input = module.forward(input)",
            "Запоминайте вход каждого модуля и передавайте ему тот же; в updateOutput:\n"
            "    for module in self.modules:\n"
            "        self.inputs.append(input)\n        input = module.forward(input)",
        ),
    ),
    "mode_not_propagated": Words(
        Text("train / evaluate stop at the container", "train / evaluate не доходят"),
        Text(
            "[[{method}|train or evaluate]] does not reach the modules inside",
            "[[{method}|train или evaluate]] не доходит до вложенных модулей",
        ),
        Text(
            "In train, and likewise in evaluate:\n"
            "    self.training = True\n    for module in self.modules:\n        module.train()",
            "В train, и так же в evaluate:\n"
            "    self.training = True\n    for module in self.modules:\n        module.train()",
        ),
    ),
    "parameters_not_collected": Words(
        Text("parameters are left out", "не все параметры собраны"),
        Text(
            "[[{method}|getParameters, getGradParameters or zeroGradParameters]] leaves "
            "parameters out",
            "[[{method}|getParameters, getGradParameters или zeroGradParameters]] охватывает не "
            "все параметры",
        ),
        Text(
            "Ask every module, in order: `[module.getParameters() for module in self.modules]` (a "
            "list per module); a layer returns all its arrays: `[self.W, self.b]`.",
            "Опросите все модули по порядку: `[module.getParameters() for module in "
            "self.modules]` (список на каждый модуль); слой возвращает все свои массивы: "
            "`[self.W, self.b]`.",
        ),
    ),
}

CRITERIA = {
    "target_gradient": Words(
        Text("not the gradient by the input", "градиент не по входу"),
        Text(
            "the gradient is by something else than the input (by the target, or by the logits "
            "before a softmax)",
            "градиент взят не по входу (а по target или по логитам до softmax)",
        ),
        Text("By the input it is:", "По входу он равен:"),
    ),
    "not_clipped": Words(
        Text("probabilities are not clipped", "вероятности не ограничены"),
        Text(
            "probabilities near 0 or 1 are not clipped to [EPS, 1 - EPS], in the value or in the "
            "gradient",
            "вероятности у 0 и 1 не ограничены отрезком [EPS, 1 - EPS] в значении или в градиенте",
        ),
        Text(
            "Clip first, forward and backward:",
            "Сначала np.clip — и в прямом, и в обратном проходе:",
        ),
    ),
}

OPTIMIZERS = {
    "bias_correction": Words(
        Text("Adam's bias correction", "поправка на смещение в Adam"),
        Text(
            "the bias correction is missing or wrong, or t is not counted once a step",
            "поправка на смещение потеряна или неверна либо t увеличивается не один раз за шаг",
        ),
        Text(
            "t grows by 1 each step, before it is used, not for each variable:",
            "t растёт на 1 за шаг, до использования, а не для каждой переменной:",
        ),
    ),
    "epsilon_misplaced": Words(
        Text("epsilon is not where it belongs", "epsilon не на своём месте"),
        Text(
            "epsilon is forgotten, or stands inside the root",
            "epsilon забыт или стоит под корнем",
        ),
        Text("epsilon is added to the root of v:", "epsilon прибавляется к корню из v:"),
    ),
    "momentum_rule": Words(
        Text("another rule of momentum", "другое правило momentum"),
        Text(
            "momentum follows another rule: a moving average, another sign, or the learning rate "
            "in another place",
            "momentum применён по другому правилу: скользящее среднее, другой знак или "
            "learning_rate не на своём месте",
        ),
        Text(
            "a = momentum*a + learning_rate*g, without (1 - momentum); w -= a:",
            "a = momentum*a + learning_rate*g, без множителя (1 - momentum); w -= a:",
        ),
    ),
    "squared_gradient": Words(
        Text("v is not the mean of g²", "v — не среднее g²"),
        Text(
            "v must be the average of g², and its root divides; the square or the root is missing",
            "v — среднее от g², и делить надо на его корень; потерян квадрат или корень",
        ),
        Text("The step is:", "Верный шаг:"),
    ),
    "state_not_kept": Words(
        Text("state is lost or shared", "состояние теряется"),
        Text(
            "what is accumulated is lost between steps, or shared by several parameters",
            "накопленное теряется между шагами или общее у нескольких параметров",
        ),
        Text(
            "Keep an array for each variable in state, and make it once: "
            '`state["m"].setdefault(i, np.zeros_like(g))`.',
            "Храните в state отдельный массив для каждой переменной и создавайте его один раз: "
            '`state["m"].setdefault(i, np.zeros_like(g))`.',
        ),
    ),
    "not_in_place": Words(
        Text("parameters are not changed in place", "параметры меняются не на месте"),
        Text(
            "parameters are rebound or copied, so that the layer's arrays do not change",
            "параметры переприсвоены или скопированы, и массивы слоя не меняются",
        ),
        Text(
            "Write into the array: `w -= step`, not `w = w - step`.",
            "Пишите в сам массив: `w -= step`, а не `w = w - step`.",
        ),
    ),
}
