import numpy as np


class BatchNormalization:
    def __init__(self, num_features, momentum=0.1):
        self.momentum = momentum
        self.EPS = 1e-5
        self.moving_mean = np.zeros(num_features)
        self.moving_variance = np.ones(num_features)
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
        if self.training:
            n = input.shape[0]
            self.mean = np.mean(input, axis=0)
            self.var = np.var(input, axis=0)
            self.moving_mean *= 1 - self.momentum
            self.moving_mean += self.momentum * self.mean
            self.moving_variance *= 1 - self.momentum
            self.moving_variance += self.momentum * self.var * n / max(n - 1, 1)
        else:
            self.mean = self.moving_mean
            self.var = self.moving_variance
        self.output = (input - self.mean) / np.sqrt(self.var + self.EPS)
        return self.output

    def updateGradInput(self, input, gradOutput):
        istd = 1. / np.sqrt(self.var + self.EPS)
        if not self.training:
            self.gradInput = gradOutput * istd
            return self.gradInput
        n = input.shape[0]
        xc = input - self.mean
        dvar = np.sum(gradOutput * xc * -0.5 * istd ** 3, axis=0)
        dmean = np.sum(-gradOutput * istd, axis=0) + dvar * np.mean(-2. * xc, axis=0)
        self.gradInput = gradOutput * istd + dvar * 2. * xc / n + dmean / n
        return self.gradInput

    def accGradParameters(self, input, gradOutput):
        pass
