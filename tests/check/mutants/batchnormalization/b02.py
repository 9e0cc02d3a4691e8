import numpy as np


class BatchNormalization:
    EPS = 1e-3

    def __init__(self, alpha=0.):
        self.alpha = alpha
        self.moving_mean = None
        self.moving_variance = None
        self.training = True
        self.output = None
        self.gradInput = None

    def train(self):
        self.training = True

    def evaluate(self):
        self.training = False

    def forward(self, input):
        return self.updateOutput(input)

    def backward(self, input, gradOutput):
        return self.updateGradInput(input, gradOutput)

    def updateOutput(self, input):
        # каналы в конец, чтобы работать с матрицей (M, C)
        x = input if input.ndim == 2 else input.transpose(0, 2, 3, 1).reshape(-1, input.shape[1])
        mu = x.mean(axis=0)
        var = x.var(axis=0)
        if self.training:
            if self.moving_mean is None:
                self.moving_mean = np.zeros_like(mu)
                self.moving_variance = np.ones_like(var)
            self.moving_mean = self.alpha * self.moving_mean + (1 - self.alpha) * mu
            self.moving_variance = self.alpha * self.moving_variance + (1 - self.alpha) * var
        shape = (1, -1) + (1,) * (input.ndim - 2)
        self.std = np.sqrt(var + self.EPS).reshape(shape)
        self.xhat = (input - mu.reshape(shape)) / self.std
        self.output = self.xhat
        return self.output

    def updateGradInput(self, input, gradOutput):
        if not self.training:
            shape = (1, -1) + (1,) * (input.ndim - 2)
            self.gradInput = gradOutput / np.sqrt(self.moving_variance + self.EPS).reshape(shape)
            return self.gradInput
        ax = tuple(i for i in range(input.ndim) if i != 1)
        g = gradOutput - gradOutput.mean(axis=ax, keepdims=True)
        g = g - self.xhat * (gradOutput * self.xhat).mean(axis=ax, keepdims=True)
        self.gradInput = g / self.std
        return self.gradInput

    def accGradParameters(self, input, gradOutput):
        pass
