import numpy as np


class BatchNormalization:
    """Батч-нормализация без обучаемых параметров."""
    EPS = 1e-3

    def __init__(self, alpha=0.):
        self.alpha = alpha
        self.moving_mean = None
        self.moving_variance = None
        self.training = True
        self.output = None
        self.gradInput = None

    def forward(self, input):
        return self.updateOutput(input)

    def backward(self, input, gradOutput):
        return self.updateGradInput(input, gradOutput)

    def _update(self, mean, var):
        if self.moving_mean is None:
            self.moving_mean = np.zeros_like(mean)
            self.moving_variance = np.ones_like(var)
        self.moving_mean = (1 - self.alpha) * self.moving_mean + self.alpha * mean
        self.moving_variance = (1 - self.alpha) * self.moving_variance + self.alpha * var

    def updateOutput(self, input):
        self.ax = (0,) + tuple(range(2, input.ndim))
        if self.training:
            self.mean = input.mean(axis=self.ax, keepdims=True)
            self.var = input.var(axis=self.ax, keepdims=True)
            self._update(self.mean, self.var)
        else:
            self.mean = self.moving_mean
            self.var = self.moving_variance
        self.output = (input - self.mean) / (self.var + self.EPS) ** 0.5
        return self.output

    def updateGradInput(self, input, gradOutput):
        std = (self.var + self.EPS) ** 0.5
        if self.training:
            y = (input - self.mean) / std
            centered = gradOutput - gradOutput.mean(axis=self.ax, keepdims=True)
            self.gradInput = (centered - y * (gradOutput * y).mean(axis=self.ax, keepdims=True)) / std
        else:
            self.gradInput = gradOutput / std
        return self.gradInput

    def train(self):
        self.training = True

    def evaluate(self):
        self.training = False
