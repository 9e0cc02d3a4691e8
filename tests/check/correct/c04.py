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
        super().__init__()
        self.alpha = alpha
        self.moving_mean = None
        self.moving_variance = None

    def _rows(self, a):
        return np.moveaxis(a, 1, -1).reshape(-1, a.shape[1])

    def _back(self, rows, like):
        shape = like.shape[:1] + like.shape[2:] + like.shape[1:2]
        return np.moveaxis(rows.reshape(shape), -1, 1)

    def updateOutput(self, input):
        x = self._rows(input)
        if self.training:
            mean, var = x.mean(0), x.var(0)
            if self.moving_mean is None:
                self.moving_mean, self.moving_variance = mean.copy(), var.copy()
            else:
                a = self.alpha
                self.moving_mean = a * self.moving_mean + (1 - a) * mean
                self.moving_variance = a * self.moving_variance + (1 - a) * var
        else:
            mean, var = self.moving_mean, self.moving_variance
        self.output = self._back((x - mean) / np.sqrt(var + self.EPS), input)
        return self.output

    def updateGradInput(self, input, gradOutput):
        x, g = self._rows(input), self._rows(gradOutput)
        if self.training:
            xc = x - x.mean(0)
            inv = 1 / np.sqrt(x.var(0) + self.EPS)
            gvar = (g * xc).sum(0) * -0.5 * inv ** 3
            gx = g * inv + gvar * 2 * xc / len(x)
            gx -= (g * inv).sum(0) / len(x)
        else:
            gx = g / np.sqrt(self.moving_variance + self.EPS)
        self.gradInput = self._back(gx, input)
        return self.gradInput
