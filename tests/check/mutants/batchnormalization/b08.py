import numpy as np


class BatchNormalization(object):
    EPS = 1e-5

    def __init__(self, num_features, momentum=0.1):
        self.momentum = momentum
        self.moving_mean = np.zeros(num_features)
        self.moving_variance = np.ones(num_features)
        self.training = True

    def train(self): self.training = True

    def evaluate(self): self.training = False

    def forward(self, input):
        self.output = self.updateOutput(input)
        return self.output

    def backward(self, input, gradOutput):
        self.gradInput = self.updateGradInput(input, gradOutput)
        return self.gradInput

    @staticmethod
    def to_rows(x):
        if x.ndim == 2:
            return x
        return np.moveaxis(x, 1, -1).reshape(-1, x.shape[1])

    @staticmethod
    def from_rows(rows, like):
        if like.ndim == 2:
            return rows
        n, c, h, w = like.shape
        return np.moveaxis(rows.reshape(n, h, w, c), -1, 1)

    def updateOutput(self, input):
        x = self.to_rows(input)
        if self.training:
            m = x.shape[0]
            mean, var = x.mean(axis=0), x.var(axis=0)
            k = self.momentum
            self.moving_mean = (1 - k) * self.moving_mean + k * mean
            self.moving_variance = (1 - k) * self.moving_variance + k * var * m / (m - 1)
        else:
            mean, var = self.moving_mean, self.moving_variance
        y = (x - mean) / np.sqrt(var + self.EPS)
        self.output = self.from_rows(y, input)
        return self.output

    def updateGradInput(self, input, gradOutput):
        x, g = self.to_rows(input), self.to_rows(gradOutput)
        if self.training:
            m = x.shape[0]
            xc = x - x.mean(axis=0)
            var = x.var(axis=0) + self.EPS
            dvar = (g * xc).sum(axis=0) * -0.5 * var ** -1.5
            dx = g * var ** -0.5 + dvar * 2 * xc / m
        else:
            dx = g / np.sqrt(self.moving_variance + self.EPS)
        self.gradInput = self.from_rows(dx, input)
        return self.gradInput
