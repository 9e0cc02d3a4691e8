"""Batch norm and scaling: each mistake gets its name, right layers get none."""

import pytest
from tests.check.families.students import findings, first, student

from rushlight.check.layer import check_layer

PRACTICAL = """
class BatchNormalization(Module):
    EPS = 1e-3
    def __init__(self, alpha=0.):
        super().__init__()
        self.alpha = alpha
        self.moving_mean = None
        self.moving_variance = None
    def axes(self, x):
        return (0,) + tuple(range(2, x.ndim))
    def column(self, v, x):
        return v.reshape((1, -1) + (1,) * (x.ndim - 2))
    def updateOutput(self, input):
        if self.training:
            mean = input.mean(axis=self.axes(input))
            var = input.var(axis=self.axes(input))
            if self.moving_mean is None:
                self.moving_mean, self.moving_variance = mean, var
            else:
                self.moving_mean = self.alpha * self.moving_mean + (1 - self.alpha) * mean
                self.moving_variance = self.alpha * self.moving_variance + (1 - self.alpha) * var
        else:
            mean, var = self.moving_mean, self.moving_variance
        self.mean, self.var = mean, var
        self.n = input.size // input.shape[1]
        centred = input - self.column(mean, input)
        self.output = centred / np.sqrt(self.column(var, input) + self.EPS)
        return self.output
    def updateGradInput(self, input, gradOutput):
        std = np.sqrt(self.column(self.var, input) + self.EPS)
        if not self.training:
            self.gradInput = gradOutput / std
            return self.gradInput
        axes, n = self.axes(input), self.n
        centred = input - self.column(self.mean, input)
        dvar = (gradOutput * centred * -0.5 * std ** -3).sum(axis=axes, keepdims=True)
        dmean = (-gradOutput / std).sum(axis=axes, keepdims=True)
        self.gradInput = gradOutput / std + dvar * 2 * centred / n + dmean / n
        return self.gradInput
"""
TORCH = """
class BatchNormalization(Module):
    def __init__(self, num_features, momentum=0.1):
        super().__init__()
        self.eps = 1e-5
        self.momentum = momentum
        self.gamma = np.ones(num_features)
        self.beta = np.zeros(num_features)
        self.gradGamma = np.zeros(num_features)
        self.gradBeta = np.zeros(num_features)
        self.running_mean = np.zeros(num_features)
        self.running_var = np.ones(num_features)
    def updateOutput(self, input):
        self.shape = (1, -1) if input.ndim == 2 else (1, -1, 1, 1)
        axes = (0,) if input.ndim == 2 else (0, 2, 3)
        mean, var = self.running_mean, self.running_var
        if self.training:
            mean, var = input.mean(axis=axes), input.var(axis=axes)
            n = input.size / input.shape[1]
            m = self.momentum
            self.running_mean = (1 - m) * self.running_mean + m * mean
            self.running_var = (1 - m) * self.running_var + m * var * n / (n - 1)
        self.std = np.sqrt(var + self.eps).reshape(self.shape)
        self.normal = (input - mean.reshape(self.shape)) / self.std
        self.output = self.gamma.reshape(self.shape) * self.normal + self.beta.reshape(self.shape)
        return self.output
    def updateGradInput(self, input, gradOutput):
        g = gradOutput * self.gamma.reshape(self.shape)
        if self.training:
            axes = (0,) if input.ndim == 2 else (0, 2, 3)
            mean = g.mean(axis=axes, keepdims=True)
            product = (g * self.normal).mean(axis=axes, keepdims=True)
            self.gradInput = (g - mean - self.normal * product) / self.std
        else:
            self.gradInput = g / self.std
        return self.gradInput
    def accGradParameters(self, input, gradOutput):
        axes = (0,) if input.ndim == 2 else (0, 2, 3)
        self.gradGamma += (gradOutput * self.normal).sum(axis=axes)
        self.gradBeta += gradOutput.sum(axis=axes)
    def zeroGradParameters(self):
        self.gradGamma.fill(0)
        self.gradBeta.fill(0)
    def getParameters(self):
        return [self.gamma, self.beta]
    def getGradParameters(self):
        return [self.gradGamma, self.gradBeta]
"""
SCALING = """
class ChannelwiseScaling(Module):
    def __init__(self, n_out):
        super().__init__()
        bound = 1 / np.sqrt(n_out)
        self.gamma = np.random.uniform(-bound, bound, size=n_out)
        self.beta = np.random.uniform(-bound, bound, size=n_out)
        self.gradGamma = np.zeros_like(self.gamma)
        self.gradBeta = np.zeros_like(self.beta)
    def column(self, v, x):
        return v.reshape((1, -1) + (1,) * (x.ndim - 2))
    def updateOutput(self, input):
        self.output = input * self.column(self.gamma, input) + self.column(self.beta, input)
        return self.output
    def updateGradInput(self, input, gradOutput):
        self.gradInput = gradOutput * self.column(self.gamma, input)
        return self.gradInput
    def accGradParameters(self, input, gradOutput):
        axes = (0,) + tuple(range(2, input.ndim))
        self.gradBeta += np.sum(gradOutput, axis=axes)
        self.gradGamma += np.sum(gradOutput * input, axis=axes)
    def zeroGradParameters(self):
        self.gradGamma.fill(0)
        self.gradBeta.fill(0)
    def getParameters(self):
        return [self.gamma, self.beta]
    def getGradParameters(self):
        return [self.gradGamma, self.gradBeta]
"""
BASES = {"practical": PRACTICAL, "torch": TORCH, "scaling": SCALING}
START = """if self.moving_mean is None:
                self.moving_mean, self.moving_variance = mean, var"""
ZERO_ONE = (
    "if self.moving_mean is None:\n                self.moving_mean = 0.\n"
    "                self.moving_variance = 1.\n            if False: pass"
)

RIGHT = [
    (
        "torch",
        (
            "self.running_mean = np.zeros(num_features)",
            "self.running_mean = np.zeros(num_features, np.float32)",
        ),
        (
            "self.running_var = np.ones(num_features)",
            "self.running_var = np.ones(num_features, np.float32)",
        ),
        (
            "self.running_mean = (1 - m) * self.running_mean + m * mean",
            "self.running_mean += m * (mean - self.running_mean)",
        ),
        (
            "self.running_var = (1 - m) * self.running_var + m * var * n / (n - 1)",
            "self.running_var += m * (var * n / (n - 1) - self.running_var)",
        ),
    ),
    ("practical",),
    ("practical", (START, ZERO_ONE)),
    ("practical", ("moving_mean", "mu"), ("moving_variance", "sigma2")),
    (
        "practical",
        ("def __init__(self, alpha=0.)", "def __init__(self)"),
        ("self.alpha = alpha", "self.alpha = 0."),
    ),
    ("practical", ("alpha=0.", "momentum=0.9"), ("self.alpha = alpha", "self.alpha = momentum")),
    (  # cs231n's class
        "practical",
        ("alpha=0.", "momentum=0.9"),
        ("self.alpha = alpha", "self.alpha = momentum"),
        ("EPS = 1e-3", "EPS = 1e-5"),
    ),
    (
        "practical",
        ("alpha=0.", "alpha=0., eps=1e-8"),
        ("self.EPS", "self.eps"),
        ("self.alpha = alpha", "self.alpha, self.eps = alpha, eps"),
    ),
    ("torch", ("momentum=0.1", "momentum=0.1, eps=1e-3"), ("self.eps = 1e-5", "self.eps = eps")),
    ("practical", ("self.column(mean, input)", "self.column(mean, input).astype(np.float32)")),
    (
        "practical",
        (
            "mean = input.mean(axis=self.axes(input))",
            "mean = input.mean(axis=self.axes(input), keepdims=True)",
        ),
        (
            "var = input.var(axis=self.axes(input))",
            "var = input.var(axis=self.axes(input), keepdims=True)",
        ),
    ),
    ("torch",),
    ("torch", ("running_mean", "moving_mean"), ("running_var", "moving_variance")),
    ("torch", ("momentum=0.1", "eps=1e-5, momentum=0.1"), ("self.eps = 1e-5", "self.eps = eps")),
    ("torch", ("class BatchNormalization", "class BatchNorm2d")),
    (
        "torch",
        ("self.gamma = np.ones(num_features)", "self.gamma = np.ones((1, num_features))"),
        ("self.gradGamma = np.zeros(num_features)", "self.gradGamma = np.zeros((1, num_features))"),
        ("sum(axis=axes)\n        self.gradBeta", "sum(axis=axes)[None]\n        self.gradBeta"),
    ),
    ("scaling",),
    ("scaling", ("self.gradGamma += ", "self.gradGamma[...] = self.gradGamma + ")),
    (
        "scaling",
        ("np.zeros_like(self.gamma)", "np.zeros(n_out, np.float32)"),
        (
            "np.random.uniform(-bound, bound, size=n_out)",
            "np.random.uniform(-bound, bound, size=n_out).astype(np.float32)",
        ),
        ("np.zeros_like(self.beta)", "np.zeros(n_out, np.float32)"),
    ),
]

KEEP = "self.moving_mean = self.alpha * self.moving_mean + (1 - self.alpha) * mean"
KEEP2 = "self.moving_variance = self.alpha * self.moving_variance + (1 - self.alpha) * var"
SUM = "gradOutput / std + dvar * 2 * centred / n + dmean / n"
EVALUATION = """        if not self.training:
            self.gradInput = gradOutput / std
            return self.gradInput
"""
WRONG = [
    (
        "factor",
        "practical",
        (
            "self.alpha * self.moving_mean + (1 - self.alpha) * mean",
            "self.alpha * self.moving_mean + mean",
        ),
    ),
    ("sign", "torch", ("self.running_mean + m * mean", "self.running_mean - m * mean")),
    (
        "stale_buffer",
        "torch",
        (
            "mean, var = input.mean(axis=axes), input.var(axis=axes)",
            "kept = input.mean(axis=axes), input.var(axis=axes)\n"
            "            mean, var = self.__dict__.setdefault('kept', kept)",
        ),
    ),
    ("sign", "torch", ("g / self.std", "-g / self.std")),
    (
        "local_derivative",
        "practical",
        ("input.var(axis=self.axes(input))", "input.std(axis=self.axes(input))"),
    ),
    ("upstream_ignored", "torch", ("g = gradOutput *", "g = np.ones_like(gradOutput) *")),
    ("returns_none", "torch", ("        return self.output\n", "")),
    (
        "stale_buffer",
        "torch",
        (
            "self.output = self.gamma",
            "if getattr(self, 'kept', np.empty(0)).shape != input.shape:\n"
            "            self.kept = np.empty_like(input)\n"
            "        self.output = self.kept\n"
            "        self.output[...] = self.gamma",
        ),
    ),
    # evaluation
    (
        "running_statistics_not_updated",
        "torch",
        (
            "        if self.training:\n            mean, var = input",
            "        if True:\n            mean, var = input",
        ),
        (
            "        self.std = np",
            "        if not self.training:\n"
            "            mean, var = self.running_mean, self.running_var\n"
            "        self.std = np",
        ),
    ),
    ("batch_statistics_in_evaluation", "practical", (EVALUATION, "")),
    (
        "batch_statistics_in_evaluation",
        "torch",
        ("if self.training:\n            axes", "if 1:\n            axes"),
    ),
    (
        "batch_statistics_in_evaluation",
        "practical",
        (
            "mean, var = self.moving_mean, self.moving_variance",
            "mean, var = input.mean(axis=self.axes(input)), input.var(axis=self.axes(input))",
        ),
    ),
    (
        "batch_statistics_in_evaluation",
        "practical",
        (
            "mean, var = self.moving_mean, self.moving_variance",
            "mean, var = self.moving_mean, input.var(axis=self.axes(input))",
        ),
    ),
    (
        "batch_statistics_in_evaluation",
        "torch",
        ("self.std = np", "self.std0 = np"),
        (
            "/ self.std\n        self.output",
            "/ self.std0\n        if self.training: self.std = self.std0\n        self.output",
        ),
    ),
    (
        "local_derivative",
        "practical",
        ("self.gradInput = gradOutput / std", "self.gradInput = gradOutput"),
    ),
    (
        "eps_misplaced",
        "practical",
        (
            "mean, var = self.moving_mean, self.moving_variance",
            "mean, var = self.moving_mean, self.moving_variance - self.EPS",
        ),
    ),
    # training
    (
        "running_statistics_in_training",
        "practical",
        (
            "self.mean, self.var = mean, var",
            "mean, var = self.mean, self.var = self.moving_mean, self.moving_variance",
        ),
        ("alpha=0.", "alpha=0.9"),
    ),
    (
        "running_statistics_in_training",
        "torch",
        (
            "self.running_var = (1 - m) * self.running_var + m * var * n / (n - 1)",
            "self.running_var = (1 - m) * self.running_var + m * var * n / (n - 1)\n"
            "            mean, var = self.running_mean, self.running_var",
        ),
    ),
    (
        "eps_misplaced",
        "practical",
        (
            "np.sqrt(self.column(var, input) + self.EPS)",
            "(np.sqrt(self.column(var, input)) + self.EPS)",
        ),
    ),
    (
        "eps_misplaced",
        "practical",
        ("np.sqrt(self.column(var, input) + self.EPS)", "np.sqrt(self.column(var, input))"),
    ),
    ("eps_misplaced", "torch", ("np.sqrt(var + self.eps)", "(np.sqrt(var) + self.eps)")),
    (
        "eps_misplaced",
        "practical",
        (
            "std = np.sqrt(self.column(self.var, input) + self.EPS)",
            "std = np.sqrt(self.column(self.var, input))",
        ),
    ),
    ("wrong_constant", "practical", ("EPS = 1e-3", "EPS = 1e-5")),
    ("wrong_constant", "practical", ("EPS = 1e-3", "E = 1e-5"), ("self.EPS", "self.E")),
    ("wrong_constant", "practical", ("self.EPS", "1e-5")),
    ("wrong_constant", "torch", ("self.eps = 1e-5", "self.eps = 1e-3")),
    (
        "wrong_constant",
        "torch",
        ("self.eps = 1e-5", "self.eps = 1e-3"),
        ("class BatchNormalization", "class BatchNorm2d"),
    ),
    ("option_ignored", "torch", ("momentum=0.1", "momentum=0.1, eps=1e-5")),
    (
        "option_ignored",
        "practical",
        ("alpha=0.", "alpha=0., epsilon=1e-5"),
        ("EPS = 1e-3", "EPS = 1e-5"),
    ),
    ("wrong_constant", "torch", ("self.eps = 1e-5", "self.eps = 1e-8")),
    ("wrong_constant", "practical", ("EPS = 1e-3", "EPS = 1e-6")),
    ("wrong_constant", "practical", ("self.EPS", "1e-8")),
    (
        "unbiased_variance",
        "practical",
        ("input.var(axis=self.axes(input))", "input.var(axis=self.axes(input), ddof=1)"),
    ),
    (
        "wrong_axis",
        "practical",
        ("return (0,) + tuple(range(2, x.ndim))", "return (1,)"),
        ("(1, -1) + (1,) * (x.ndim - 2)", "(-1, 1)"),
    ),
    ("missing_term", "practical", (SUM, "gradOutput / std")),
    ("missing_term", "practical", (SUM, "gradOutput / std + dmean / n")),
    ("missing_term", "practical", (SUM, "gradOutput / std + dvar * 2 * centred / n")),
    ("times_n", "practical", ("dmean / n", "dmean")),
    ("times_n", "practical", ("2 * centred / n", "2 * centred")),
    ("factor_two", "practical", ("dvar * 2 * centred", "dvar * centred")),
    ("sign", "practical", ("centred * -0.5 *", "centred * 0.5 *")),
    (
        "missing_term",
        "torch",
        ("g = gradOutput * self.gamma.reshape(self.shape)", "g = gradOutput"),
    ),
    (
        "local_derivative",
        "torch",
        ("(gradOutput * self.normal).sum(axis=axes)", "(gradOutput * input).sum(axis=axes)"),
    ),
    ("overwritten", "torch", ("self.gradGamma +=", "self.gradGamma[...] =")),
    ("overwritten", "torch", ("self.gradBeta +=", "self.gradBeta =")),
    (
        "input_modified",
        "practical",
        (
            "centred = input - self.column(mean, input)",
            "input -= self.column(mean, input); centred = input",
        ),
    ),
    # averages
    (
        "averaging_swapped",
        "practical",
        ("self.alpha * self.moving", "(1 - self.alpha) * self.moving"),
        ("(1 - self.alpha) * mean", "self.alpha * mean"),
        ("(1 - self.alpha) * var", "self.alpha * var"),
    ),
    (
        "averaging_swapped",
        "torch",
        ("(1 - m) * self.running_mean + m * mean", "m * self.running_mean + (1 - m) * mean"),
    ),
    ("biased_variance", "torch", ("m * var * n / (n - 1)", "m * var")),
    (
        "unbiased_variance",
        "practical",
        (KEEP2, KEEP2 + " * self.n / (self.n - 1)"),
        ("self.mean, self.var = mean", "self.mean, self.var = mean"),
        (
            "if self.training:\n            mean",
            "self.n = input.size // input.shape[1]\n        if self.training:\n            mean",
        ),
    ),
    ("running_statistics_not_updated", "practical", (KEEP, "pass"), (KEEP2, "pass")),
    ("running_statistics_not_updated", "practical", (KEEP2, "pass")),
    (
        "running_statistics_not_updated",
        "torch",
        ("self.running_var = (1 - m) * self.running_var + m * var * n / (n - 1)", "pass"),
    ),
    (
        "running_statistics_not_updated",
        "practical",
        (
            "mean, var = self.moving_mean, self.moving_variance",
            "mean, var = self.moving_mean, self.moving_variance\n"
            "            self.moving_mean = 0.5 * mean + 0.5 * input.mean(axis=self.axes(input))",
        ),
    ),
    ("option_ignored", "practical", ("self.alpha = alpha", "self.alpha = 0.5")),
    ("option_ignored", "torch", ("self.momentum = momentum", "self.momentum = 0.1")),
    ("wrong_constant", "torch", ("momentum=0.1", "momentum=0.2")),
    ("wrong_constant", "torch", ("self.running_var = np.ones", "self.running_var = np.zeros")),
    # images
    (
        "only_2d",
        "practical",
        ("(0,) + tuple(range(2, x.ndim))", "0"),
        ("(1, -1) + (1,) * (x.ndim - 2)", "(1,) + v.shape"),
    ),
    (
        "only_2d",
        "practical",
        ("(1, -1) + (1,) * (x.ndim - 2)", "(1, -1)"),
        ("(0,) + tuple(range(2, x.ndim))", "0"),
    ),
    ("only_2d", "practical", ("self.n = input.size // input.shape[1]", "self.n = len(input)")),
    (
        "only_2d",
        "practical",
        ("self.n = input.size", "assert input.ndim == 2\n        self.n = input.size"),
    ),
    # scaling
    ("overwritten", "scaling", ("self.gradGamma += ", "self.gradGamma = ")),
    (
        "overwritten",
        "scaling",
        ("self.gradBeta += ", "self.gradBeta = "),
        ("self.gradGamma += ", "self.gradGamma = "),
    ),
    ("array_replaced", "scaling", ("self.gradGamma += ", "self.gradGamma = self.gradGamma + ")),
    ("not_zeroed", "scaling", ("self.gradBeta.fill(0)", "pass")),
    ("not_zeroed", "scaling", ("self.gradBeta.fill(0)", "self.gradBeta.fill(1)")),
    ("bias_ignored", "scaling", (" + self.column(self.beta, input)", "")),
    ("local_derivative", "scaling", ("gradOutput * self.column(self.gamma, input)", "gradOutput")),
    (
        "upstream_ignored",
        "scaling",
        (
            "gradOutput * self.column(self.gamma, input)",
            "self.column(self.gamma, input) * np.ones_like(input)",
        ),
    ),
    ("local_derivative", "scaling", ("np.sum(gradOutput * input,", "np.sum(gradOutput,")),
    ("divided_by_n", "scaling", ("np.sum(gradOutput,", "np.mean(gradOutput,")),
    ("missing_gradient", "scaling", ("self.gradBeta += np.sum(gradOutput, axis=axes)", "pass")),
    ("only_2d", "scaling", ("(1, -1) + (1,) * (x.ndim - 2)", "(1, -1)")),
    ("only_2d", "scaling", ("(0,) + tuple(range(2, input.ndim))", "0")),
]


def made(base, *changes):
    """Return the class of a base with parts of its text replaced."""
    source = BASES[base]
    for old, new in changes:
        assert old in source, old
        source = source.replace(old, new)
    return student(source)


@pytest.mark.parametrize("parts", RIGHT)
def test_a_right_layer_gives_nothing(parts):
    assert first(made(*parts)) == "ok"


@pytest.mark.parametrize(("cause", "parts"), [(one[0], one[1:]) for one in WRONG])
def test_a_mistake_gets_its_name(cause, parts):
    assert findings(made(*parts))[:1] == [cause]


def test_what_the_dialects_want_is_told_apart():
    assert check_layer(made("torch"), "torch_like").ok
    biased = made("torch", ("m * var * n / (n - 1)", "m * var"))
    found = check_layer(biased).findings[0]
    assert (found.check, found.tensor) == ("running_statistics", "moving_variance")
    assert found.index is not None and found.got < found.expected
