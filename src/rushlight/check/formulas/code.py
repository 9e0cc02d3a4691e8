"""The layers' formulas as lines of NumPy, as they stand in a hand-written layer.

The keys are the tensors that the lines compute; those of evaluation mode begin with "evaluation ".
The tests run these lines and hold their results against `rushlight.classic`.

The sizes are kh, kw of the kernel, sh, sw of the stride, ph, pw of the padding, height, width of
the input, and OH, OW of the output; `x` and `windows` in a backward pass are the forward pass's.
"""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["CODE", "code"]

_CUT = "windows = sliding_window_view(x, (kh, kw), axis=(2, 3))[:, :, ::sh, ::sw]"
_PAD = "x = np.pad(input, ((0, 0), (0, 0), (ph, ph), (pw, pw)))"
_PAD_MAX = "x = np.pad(input, ((0, 0), (0, 0), (ph, ph), (pw, pw)), constant_values=-np.inf)"
_CELLS = "for i, j in np.ndindex(kh, kw):"
_CELL = "    grad[:, :, i:i+sh*OH:sh, j:j+sw*OW:sw]"
_CROP = "self.gradInput = grad[:, :, ph:ph+height, pw:pw+width]"

_LINEAR = {
    "output": "self.output = input @ self.W.T + self.b",
    "gradInput": "self.gradInput = gradOutput @ self.W",
    "gradW": "self.gradW += gradOutput.T @ input",
    "gradb": "self.gradb += gradOutput.sum(axis=0)",
}
_CONV = {
    "output": f"{_PAD}\n{_CUT}\n"
    'self.output = np.einsum("ncpqij,ocij->nopq", windows, self.W)\n'
    "self.output += self.b[:, None, None]",
    "gradInput": 'grad, g = np.zeros_like(x), np.einsum("nopq,ocij->ijncpq", gradOutput, self.W)\n'
    f"{_CELLS}\n{_CELL} += g[i, j]\n{_CROP}",
    "gradW": f'{_PAD}\n{_CUT}\nself.gradW += np.einsum("nopq,ncpqij->ocij", gradOutput, windows)',
    "gradb": "self.gradb += gradOutput.sum(axis=(0, 2, 3))",
}
_MAX_POOL = {
    "output": f"{_PAD_MAX}\n{_CUT}\nself.output = windows.max(axis=(4, 5))",
    "gradInput": "first, grad = windows.reshape(N, C, OH, OW, -1).argmax(-1), np.zeros_like(x)\n"
    f"{_CELLS}\n{_CELL} += gradOutput * (first == i * kw + j)\n{_CROP}",
}
_AVG_POOL = {
    "output": f"{_PAD}\n{_CUT}\nself.output = windows.mean(axis=(4, 5))",
    "gradInput": "grad = np.zeros_like(x)  # x = np.pad(input, ...)\n"
    f"{_CELLS}\n{_CELL} += gradOutput / (kh * kw)\n{_CROP}",
}
_GLOBAL_MAX = {
    "output": "self.output = input.max(axis=(2, 3))",
    "gradInput": "ties = input == input.max(axis=(2, 3), keepdims=True)\n"
    "share = gradOutput[:, :, None, None] / ties.sum(axis=(2, 3), keepdims=True)\n"
    "self.gradInput = ties * share",
}
_GLOBAL_AVG = {
    "output": "self.output = input.mean(axis=(2, 3))",
    "gradInput": "each = gradOutput[:, :, None, None] / (height * width)\n"
    "self.gradInput = np.broadcast_to(each, input.shape).copy()",
}
_FLATTEN = {
    "output": "self.output = input.reshape(len(input), -1)",
    "gradInput": "self.gradInput = gradOutput.reshape(input.shape)",
}
_BATCH_NORM = {
    "output": "axes = (0,) if input.ndim == 2 else (0, 2, 3)\n"
    "mean, var = input.mean(axes, keepdims=True), input.var(axes, keepdims=True)\n"
    "self.output = (input - mean) / np.sqrt(var + self.EPS)",
    "gradInput": 'g, k = gradOutput, {"axis": axes, "keepdims": True}\n'
    "std, xhat = np.sqrt(var + self.EPS), (input - mean) / np.sqrt(var + self.EPS)\n"
    "self.gradInput = (g - g.mean(**k) - xhat * (g * xhat).mean(**k)) / std",
    "gradGamma": "self.gradGamma += (gradOutput * xhat).sum(axis=axes)",
    "gradBeta": "self.gradBeta += gradOutput.sum(axis=axes)",
    "evaluation output": "shape = (1, -1) + (1,) * (input.ndim - 2)  # (1, C) / (1, C, 1, 1)\n"
    "mean, var = self.moving_mean.reshape(shape), self.moving_variance.reshape(shape)\n"
    "self.output = (input - mean) / np.sqrt(var + self.EPS)",
    "evaluation gradInput": "shape = (1, -1) + (1,) * (input.ndim - 2)  # (1, C) / (1, C, 1, 1)\n"
    "var = self.moving_variance.reshape(shape)\n"
    "self.gradInput = gradOutput / np.sqrt(var + self.EPS)",
}
_SCALING = {
    "output": "shape = (1, -1) + (1,) * (input.ndim - 2)  # (1, C) / (1, C, 1, 1)\n"
    "self.output = input * self.gamma.reshape(shape) + self.beta.reshape(shape)",
    "gradInput": "shape = (1, -1) + (1,) * (input.ndim - 2)  # (1, C) / (1, C, 1, 1)\n"
    "self.gradInput = gradOutput * self.gamma.reshape(shape)",
    "gradGamma": "axes = (0,) if input.ndim == 2 else (0, 2, 3)\n"
    "self.gradGamma += (gradOutput * input).sum(axis=axes)",
    "gradBeta": "axes = (0,) if input.ndim == 2 else (0, 2, 3)\n"
    "self.gradBeta += gradOutput.sum(axis=axes)",
}
_DROPOUT = {
    "mask": "self.mask = np.random.random(input.shape) >= self.p",
    "output": "self.output = input * self.mask / (1 - self.p)",
    "gradInput": "self.gradInput = gradOutput * self.mask / (1 - self.p)",
    "evaluation output": "self.output = input.copy()",
    "evaluation gradInput": "self.gradInput = gradOutput.copy()",
}
_SOFTMAX = {
    "output": "e = np.exp(input - input.max(axis=1, keepdims=True))\n"
    "self.output = e / e.sum(axis=1, keepdims=True)",
    "gradInput": "y, g = self.output, gradOutput\n"
    "self.gradInput = y * (g - (g * y).sum(axis=1, keepdims=True))",
}
_LOG_SOFTMAX = {
    "output": "z = input - input.max(axis=1, keepdims=True)\n"
    "self.output = z - np.log(np.exp(z).sum(axis=1, keepdims=True))",
    "gradInput": "g, y = gradOutput, np.exp(self.output)\n"
    "self.gradInput = g - y * g.sum(axis=1, keepdims=True)",
}
_RELU = {
    "output": "self.output = np.maximum(input, 0)",
    "gradInput": "self.gradInput = gradOutput * (input > 0)",
}
_LEAKY_RELU = {
    "output": "self.output = np.where(input > 0, input, self.slope * input)",
    "gradInput": "self.gradInput = gradOutput * np.where(input > 0, 1.0, self.slope)",
}
_ELU = {
    "output": "below = self.alpha * np.expm1(np.minimum(input, 0))\n"
    "self.output = np.where(input > 0, input, below)",
    "gradInput": "slope = np.where(input > 0, 1.0, self.alpha * np.exp(np.minimum(input, 0)))\n"
    "self.gradInput = gradOutput * slope",
}
_SOFTPLUS = {
    "output": "self.output = np.logaddexp(0, input)",
    "gradInput": "e = np.exp(-np.abs(input))\n"
    "self.gradInput = gradOutput * np.where(input >= 0, 1, e) / (1 + e)",
}
_GELU = {
    "output": "cdf = 0.5 * (1 + scipy.special.erf(input / np.sqrt(2)))\nself.output = input * cdf",
    "gradInput": "cdf = 0.5 * (1 + scipy.special.erf(input / np.sqrt(2)))\n"
    "pdf = np.exp(-input**2 / 2) / np.sqrt(2 * np.pi)\n"
    "self.gradInput = gradOutput * (cdf + input * pdf)",
}
_SIGMOID = {
    "output": "e = np.exp(-np.abs(input))\nself.output = np.where(input >= 0, 1, e) / (1 + e)",
    "gradInput": "self.gradInput = gradOutput * self.output * (1 - self.output)",
}
_TANH = {
    "output": "self.output = np.tanh(input)",
    "gradInput": "self.gradInput = gradOutput * (1 - self.output**2)",
}
_SEQUENTIAL = {
    "output": "self.inputs = [input]\nfor module in self.modules:\n"
    "    self.inputs.append(module.forward(self.inputs[-1]))\nself.output = self.inputs[-1]",
    "gradInput": "for module, x in zip(reversed(self.modules), reversed(self.inputs[:-1])):\n"
    "    gradOutput = module.backward(x, gradOutput)\nself.gradInput = gradOutput",
}
_MSE = {
    "output": "self.output = ((input - target) ** 2).sum() / len(input)",
    "gradInput": "self.gradInput = 2 * (input - target) / len(input)",
}
_NLL = {
    "output": "self.output = -(target * input).sum() / len(input)",
    "gradInput": "self.gradInput = -target / len(input)",
}
_NLL_UNSTABLE = {
    "output": "p = np.clip(input, self.EPS, 1 - self.EPS)\n"
    "self.output = -(target * np.log(p)).sum() / len(input)",
    "gradInput": "p = np.clip(input, self.EPS, 1 - self.EPS)\n"
    "self.gradInput = -target / p / len(input)",
}
_SGD = {
    "accumulated_grads": 'a = state["accumulated_grads"].setdefault(i, np.zeros_like(g))\n'
    'np.add(config["momentum"] * a, config["learning_rate"] * g, out=a)',
    "W": "w -= a",
}
_ADAM = {
    "t": 'state["t"] += 1',
    "learning_rate": 'lr_t = config["learning_rate"] * np.sqrt(1 - beta2**t) / (1 - beta1**t)',
    "m": "np.add(beta1 * m, (1 - beta1) * g, out=m)",
    "v": "np.add(beta2 * v, (1 - beta2) * g**2, out=v)",
    "W": 'w -= lr_t * m / (np.sqrt(v) + config["epsilon"])',
}

CODE: Mapping[str, Mapping[str, str]] = {
    "Linear": _LINEAR,
    "Conv2d": _CONV,
    "MaxPool2d": _MAX_POOL,
    "AvgPool2d": _AVG_POOL,
    "GlobalMaxPool2d": _GLOBAL_MAX,
    "GlobalAvgPool2d": _GLOBAL_AVG,
    "Flatten": _FLATTEN,
    "BatchNormalization": _BATCH_NORM,
    "ChannelwiseScaling": _SCALING,
    "Dropout": _DROPOUT,
    "SoftMax": _SOFTMAX,
    "LogSoftMax": _LOG_SOFTMAX,
    "ReLU": _RELU,
    "LeakyReLU": _LEAKY_RELU,
    "ELU": _ELU,
    "SoftPlus": _SOFTPLUS,
    "Gelu": _GELU,
    "Sigmoid": _SIGMOID,
    "Tanh": _TANH,
    "Sequential": _SEQUENTIAL,
    "MSECriterion": _MSE,
    "ClassNLLCriterion": _NLL,
    "ClassNLLCriterionUnstable": _NLL_UNSTABLE,
    "sgd_momentum": _SGD,
    "adam_optimizer": _ADAM,
}


def code(layer: str, tensor: str, check: str = "") -> str:
    """Return the lines that compute a tensor of a layer, or "" where there are none.

    Args:
        layer: a name of `NAMES`.
        tensor: such as "gradW"; "loss" and "" mean the output.
        check: what was tested; those of evaluation mode have lines of their own.
    """
    lines = CODE.get(layer, {})
    tensor = "output" if tensor == "loss" else tensor
    if check.startswith("evaluation"):
        return lines.get(f"evaluation {tensor}", lines.get(tensor, ""))
    if layer in ("sgd_momentum", "adam_optimizer"):  # a step goes wrong as a whole
        return "\n".join(line for name, line in lines.items() if name != "t")
    return lines.get(tensor) or lines.get("output", "")  # moving_mean, W, ...: where they enter
