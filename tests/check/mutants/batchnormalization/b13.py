import numpy as np


class BatchNormalization:
    EPS = 1e-3

    def __init__(self, alpha=0.):
        self.alpha = alpha
        self.moving_mean = None
        self.moving_variance = None
        self.training = True
        self.output = self.gradInput = None

    def evaluate(self):
        self.training = False

    def train(self):
        self.training = True

    def forward(self, input):
        return self.updateOutput(input)

    def backward(self, input, gradOutput):
        return self.updateGradInput(input, gradOutput)

    def stats(self, input):
        axes = tuple(np.delete(np.arange(input.ndim), 1))
        mean = input.mean(axis=axes, keepdims=True)
        var = input.var(axis=axes, keepdims=True)
        return axes, mean, var

    def updateOutput(self, input):
        _, mean, var = self.stats(input)
        if self.training:
            if self.moving_mean is None:
                self.moving_mean = mean
                self.moving_variance = var
            self.moving_mean = self.alpha * self.moving_mean + (1 - self.alpha) * mean
            self.moving_variance = self.alpha * self.moving_variance + (1 - self.alpha) * var
        else:
            mean = self.moving_mean
            var = self.moving_variance
        self.output = (input - mean) / np.sqrt(var + self.EPS)
        return self.output

    def updateGradInput(self, input, gradOutput):
        if not self.training:
            self.gradInput = gradOutput / np.sqrt(self.moving_variance)
            return self.gradInput
        axes, mean, var = self.stats(input)
        std = np.sqrt(var)
        xhat = (input - mean) / std
        self.gradInput = 1 / std * (gradOutput - gradOutput.mean(axis=axes, keepdims=True)
                                    - xhat * np.mean(gradOutput * xhat, axis=axes, keepdims=True))
        return self.gradInput
