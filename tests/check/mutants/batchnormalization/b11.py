import numpy as np


class BatchNormalization:
    EPS = 1e-3

    def __init__(self, alpha=0.):
        self.alpha = alpha
        self.moving_mean = None
        self.moving_variance = None
        self.training = True

    def updateOutput(self, input):
        ax = (0, 2, 3) if input.ndim == 4 else 0
        if self.training:
            self.mu = np.mean(input, axis=ax, keepdims=True)
            self.var = np.var(input, axis=ax, keepdims=True, ddof=1)
            if self.moving_mean is None:
                self.moving_mean, self.moving_variance = self.mu, self.var
            else:
                self.moving_mean = self.alpha * self.moving_mean + (1 - self.alpha) * self.mu
                self.moving_variance = self.alpha * self.moving_variance + (1 - self.alpha) * self.var
        else:
            self.mu, self.var = self.moving_mean, self.moving_variance
        self.output = (input - self.mu) / np.sqrt(self.var + self.EPS)
        return self.output

    def updateGradInput(self, input, gradOutput):
        std = np.sqrt(self.var + self.EPS)
        if not self.training:
            self.gradInput = gradOutput / std
            return self.gradInput
        ax = (0, 2, 3) if input.ndim == 4 else 0
        m = input.size // input.shape[1]
        y = (input - self.mu) / std
        self.gradInput = (gradOutput - gradOutput.mean(axis=ax, keepdims=True)
                          - y * (gradOutput * y).sum(axis=ax, keepdims=True) / (m - 1)) / std
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
