import numpy as np


class BatchNormalization(object):
    EPS = 1e-3

    def __init__(self, alpha=0.):
        self.alpha, self.training = alpha, True
        self.moving_mean = self.moving_variance = None

    def forward(self, input):
        ax = (0,) + tuple(range(2, input.ndim))
        mean, var = self.moving_mean, self.moving_variance
        if self.training:
            new_mean, new_var = input.mean(ax, keepdims=True), input.var(ax, keepdims=True)
            self.moving_mean = new_mean if mean is None else self.alpha * mean + (1 - self.alpha) * new_mean
            self.moving_variance = new_var if var is None else self.alpha * var + (1 - self.alpha) * new_var
            mean, var = new_mean, new_var
        self.std = np.sqrt(var + self.EPS)
        self.output = (input - mean) / self.std
        return self.output

    def backward(self, input, gradOutput):
        g, ax = gradOutput, (0,) + tuple(range(2, input.ndim))
        if self.training:
            g = g - g.mean(ax, keepdims=True) - self.output * (g * self.output).mean(ax, keepdims=True)
        self.gradInput = g / self.std
        return self.gradInput

    def zeroGradParameters(self): pass
    def getParameters(self): return []
    def getGradParameters(self): return []
    def train(self): self.training = True
    def evaluate(self): self.training = False


class Sequential(object):
    def __init__(self):
        self.modules = []

    def add(self, module):
        self.modules.append(module)

    def forward(self, input):
        self.inputs = []
        for module in self.modules:
            self.inputs.append(input)
            input = module.forward(input)
        self.output = input
        return self.output

    def backward(self, input, gradOutput):
        self.gradInput = gradOutput
        for i in reversed(range(len(self.modules))):
            self.gradInput = self.modules[i].backward(self.inputs[i], self.gradInput)
            return self.gradInput

    def zeroGradParameters(self):
        for module in self.modules:
            module.zeroGradParameters()

    def getParameters(self):
        return [module.getParameters() for module in self.modules]

    def getGradParameters(self):
        return [module.getGradParameters() for module in self.modules]

    def train(self):
        for module in self.modules:
            module.train()

    def evaluate(self):
        for module in self.modules:
            module.evaluate()

    def __getitem__(self, i):
        return self.modules[i]
