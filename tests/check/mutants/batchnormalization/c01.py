import numpy as np


class Module(object):
    def __init__(self):
        self.output = None
        self.gradInput = None
        self.training = True

    def forward(self, input):
        return self.updateOutput(input)

    def backward(self, input, gradOutput):
        self.updateGradInput(input, gradOutput)
        self.accGradParameters(input, gradOutput)
        return self.gradInput

    def accGradParameters(self, input, gradOutput):
        pass

    def zeroGradParameters(self):
        pass

    def getParameters(self):
        return []

    def getGradParameters(self):
        return []

    def train(self):
        self.training = True

    def evaluate(self):
        self.training = False


class BatchNormalization(Module):
    EPS = 1e-3

    def __init__(self, alpha=0.):
        super(BatchNormalization, self).__init__()
        self.alpha = alpha
        self.moving_mean = None
        self.moving_variance = None

    def _stats(self, input):
        axes = (0,) + tuple(range(2, input.ndim))
        if self.training:
            return axes, input.mean(axis=axes, keepdims=True), input.var(axis=axes, keepdims=True)
        shape = [1, -1] + [1] * (input.ndim - 2)
        return axes, self.moving_mean.reshape(shape), self.moving_variance.reshape(shape)

    def updateOutput(self, input):
        axes, mean, var = self._stats(input)
        if self.training:
            if self.moving_mean is None:
                self.moving_mean, self.moving_variance = mean.ravel(), var.ravel()
            else:
                self.moving_mean = self.alpha * self.moving_mean + (1 - self.alpha) * mean.ravel()
                self.moving_variance = self.alpha * self.moving_variance + (1 - self.alpha) * var.ravel()
        self.output = (input - mean) / (np.sqrt(var) + self.EPS)
        return self.output

    def updateGradInput(self, input, gradOutput):
        axes, mean, var = self._stats(input)
        std = np.sqrt(var)
        d = std + self.EPS
        self.gradInput = gradOutput / d
        if self.training:
            xc = input - mean
            self.gradInput = self.gradInput - self.gradInput.mean(axis=axes, keepdims=True) \
                - xc * (gradOutput * xc).mean(axis=axes, keepdims=True) / (std * d ** 2)
        return self.gradInput
