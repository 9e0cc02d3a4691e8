import numpy as np


class BatchNormalization:
    EPS = 1e-3

    def __init__(self, alpha=0.):
        self.alpha = alpha
        self.moving_mean = None
        self.moving_variance = None
        self.training = True

    def updateOutput(self, input):
        self.ax = (0,) + tuple(range(2, input.ndim))
        if self.training:
            mean = input.mean(axis=self.ax, keepdims=True)
            var = input.var(axis=self.ax, keepdims=True)
            if self.moving_mean is None:
                self.moving_mean, self.moving_variance = mean, var
            self.moving_mean = self.alpha * self.moving_mean + (1 - self.alpha) * mean
            self.moving_variance = self.alpha * self.moving_variance + (1 - self.alpha) * var
        else:
            mean, var = self.moving_mean, self.moving_variance
        self.std = np.sqrt(var + self.EPS)
        input -= mean
        self.output = input / self.std
        return self.output

    def updateGradInput(self, input, gradOutput):
        y = self.output
        if self.training:
            g = gradOutput - gradOutput.mean(axis=self.ax, keepdims=True)
            g -= y * (gradOutput * y).mean(axis=self.ax, keepdims=True)
        else:
            g = gradOutput
        self.gradInput = g / self.std
        return self.gradInput

    def forward(self, input):
        return self.updateOutput(input)

    def backward(self, input, gradOutput):
        return self.updateGradInput(input, gradOutput)

    def accGradParameters(self, input, gradOutput):
        pass

    def train(self):
        self.training = True

    def evaluate(self):
        self.training = False
