import numpy as np


class BatchNormalization:
    EPS = 1e-3

    def __init__(self, alpha=0.):
        self.alpha = alpha
        self.moving_mean = None
        self.moving_variance = None
        self.training = True

    def updateOutput(self, input):
        self.axes = (0,) if input.ndim == 2 else (0, 2, 3)
        if self.training:
            mean = input.mean(axis=self.axes, keepdims=True)
            variance = input.var(axis=self.axes, keepdims=True)
            if self.moving_mean is None:
                self.moving_mean = mean
            else:
                self.moving_mean = self.alpha * self.moving_mean + (1 - self.alpha) * mean
            if self.moving_variance is None:
                self.moving_variance = variance
        else:
            mean = self.moving_mean
            variance = self.moving_variance
        self.istd = 1. / np.sqrt(variance + self.EPS)
        self.output = (input - mean) * self.istd
        return self.output

    def updateGradInput(self, input, gradOutput):
        if self.training:
            m = np.prod([input.shape[a] for a in self.axes])
            sum_g = gradOutput.sum(axis=self.axes, keepdims=True)
            sum_gy = (gradOutput * self.output).sum(axis=self.axes, keepdims=True)
            self.gradInput = self.istd / m * (m * gradOutput - sum_g - self.output * sum_gy)
        else:
            self.gradInput = gradOutput * self.istd
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
