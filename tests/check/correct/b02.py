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

    def updateOutput(self, input):
        self.ax = 0 if input.ndim == 2 else (0, 2, 3)
        if self.training:
            mean = np.mean(input, self.ax, keepdims=True)
            var = np.var(input, self.ax, keepdims=True)
            if self.moving_mean is None:
                self.moving_mean, self.moving_variance = mean, var
            self.moving_mean = self.alpha * self.moving_mean + (1 - self.alpha) * mean
            self.moving_variance = self.alpha * self.moving_variance + (1 - self.alpha) * var
        else:
            mean, var = self.moving_mean, self.moving_variance
        self.output = (input - mean) / np.sqrt(var + self.EPS)
        return self.output

    def updateGradInput(self, input, gradOutput):
        if not self.training:
            self.gradInput = gradOutput / np.sqrt(self.moving_variance + self.EPS)
            return self.gradInput
        m = input.size // input.shape[1]
        # вычислительный граф в обратном порядке
        centered = input - np.mean(input, self.ax, keepdims=True)
        std = np.sqrt(np.var(input, self.ax, keepdims=True) + self.EPS)
        d_inv = np.sum(gradOutput * centered, self.ax, keepdims=True)
        d_std = -d_inv / std ** 2
        d_var = 0.5 * d_std / std
        d_square = d_var * np.ones_like(input) / m
        d_centered = gradOutput / std + 2 * centered * d_square
        d_mean = -np.sum(d_centered, self.ax, keepdims=True)
        self.gradInput = d_centered + d_mean / m
        return self.gradInput
