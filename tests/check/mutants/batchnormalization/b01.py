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

    def _axes(self, x):
        return (0,) if x.ndim == 2 else (0, 2, 3)

    def updateOutput(self, input):
        ax = self._axes(input)
        if self.training:
            mean = np.mean(input, axis=ax, keepdims=True)
            var = np.var(input, axis=ax, keepdims=True)
            if self.moving_mean is None:
                self.moving_mean, self.moving_variance = mean, var
            else:
                self.moving_mean = self.moving_mean * self.alpha + mean * (1 - self.alpha)
                self.moving_variance = self.moving_variance * self.alpha + var * (1 - self.alpha)
        else:
            mean, var = self.moving_mean, self.moving_variance
        self.output = (input - mean) / np.sqrt(var + self.EPS)
        return self.output

    def updateGradInput(self, input, gradOutput):
        ax = self._axes(input)
        m = input.size / input.shape[1]
        mean = np.mean(input, axis=ax, keepdims=True)
        std = np.sqrt(np.var(input, axis=ax, keepdims=True) + self.EPS)
        xhat = (input - mean) / std
        s1 = np.sum(gradOutput, axis=ax, keepdims=True)
        s2 = np.sum(gradOutput * xhat, axis=ax, keepdims=True)
        self.gradInput = (gradOutput - s1 / m - xhat * s2 / m) / std
        return self.gradInput

    def __repr__(self):
        return "BatchNormalization"
