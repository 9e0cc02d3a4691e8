import numpy as np


def reduce_axes(x):
    return tuple(a for a in range(x.ndim) if a != 1)


class BatchNormalization:
    EPS = 1e-3

    def __init__(self, alpha=0.):
        self.alpha = alpha
        self.training = True
        self.moving_mean = None
        self.moving_variance = None

    def updateOutput(self, input):
        axes = reduce_axes(input)
        if self.training:
            mean = input.mean(axes, keepdims=True)
            var = ((input - mean) ** 2).mean(axes, keepdims=True)
            old_mean = 0 if self.moving_mean is None else self.moving_mean
            old_var = 1 if self.moving_variance is None else self.moving_variance
            self.moving_mean = self.alpha * old_mean + (1 - self.alpha) * mean
            self.moving_variance = self.alpha * old_var + (1 - self.alpha) * var
        else:
            mean, var = self.moving_mean, self.moving_variance
        self.scale = 1 / np.sqrt(var + self.EPS)
        self.output = (input - mean) * self.scale
        return self.output

    def updateGradInput(self, input, gradOutput):
        grad = gradOutput * self.scale
        if self.training:
            grad = grad - grad.mean(reduce_axes(input), keepdims=True)
        self.gradInput = grad
        return self.gradInput

    def accGradParameters(self, input, gradOutput):
        pass

    def forward(self, input):
        return self.updateOutput(input)

    def backward(self, input, gradOutput):
        self.updateGradInput(input, gradOutput)
        self.accGradParameters(input, gradOutput)
        return self.gradInput

    def train(self):
        self.training = True

    def evaluate(self):
        self.training = False
