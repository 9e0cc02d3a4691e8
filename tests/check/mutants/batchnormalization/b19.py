import numpy as np


class BatchNormalization:
    EPS = 1e-3

    def __init__(self, alpha=0.):
        self.alpha = alpha
        self.moving_mean = None
        self.moving_variance = None
        self.training = True

    def updateOutput(self, input):
        self.ax = (0,) if len(input.shape) == 2 else (0, 2, 3)
        if self.training:
            self.mean = np.mean(input, axis=self.ax, keepdims=True)
            self.var = np.var(input, axis=self.ax, keepdims=True)
            if self.moving_mean is None:
                self.moving_mean = self.mean
                self.moving_variance = self.var
            else:
                self.moving_mean = self.alpha * self.moving_mean + (1 - self.alpha) * self.mean
                self.moving_variance = self.alpha * self.moving_variance + (1 - self.alpha) * self.var
        else:
            self.mean = self.moving_mean
            self.var = self.moving_variance
        self.output = (input - self.mean) / np.sqrt(self.var + self.EPS)
        return self.output

    def updateGradInput(self, input, gradOutput):
        inv_std = 1. / np.sqrt(self.var + self.EPS)
        if self.training:
            N = input.shape[0]
            sum_g = np.sum(gradOutput, axis=self.ax, keepdims=True)
            sum_gx = np.sum(gradOutput * self.output, axis=self.ax, keepdims=True)
            self.gradInput = inv_std * (gradOutput - sum_g / N - self.output * sum_gx / N)
        else:
            self.gradInput = inv_std * gradOutput
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
