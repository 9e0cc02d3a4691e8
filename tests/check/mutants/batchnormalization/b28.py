import numpy as np


class BatchNormalization:
    EPS = 1e-3

    def __init__(self, alpha=0.):
        self.alpha = alpha
        self.training = True
        self.moving_mean = None
        self.moving_variance = None

    def updateOutput(self, input):
        ax = tuple(i for i in range(input.ndim) if i != 1)
        if self.training:
            mean = np.mean(input, axis=ax, keepdims=True)
            var = np.mean(np.square(input - mean), axis=ax, keepdims=True)
            if self.moving_mean is None:
                self.moving_mean, self.moving_variance = mean, var
            else:
                self.moving_mean = self.alpha * self.moving_mean + (1 - self.alpha) * mean
                self.moving_variance = self.alpha * self.moving_variance + (1 - self.alpha) * var
        else:
            mean, var = self.moving_mean, self.moving_variance
        self.std = np.sqrt(var + self.EPS)
        self.output = (input - mean) / self.std
        return self.output

    def updateGradInput(self, input, gradOutput):
        if self.training:
            ax = tuple(i for i in range(input.ndim) if i != 1)
            a = np.mean(gradOutput, axis=ax, keepdims=True)
            b = np.mean(gradOutput * self.output, axis=ax, keepdims=True)
            self.gradInput = (gradOutput - a + self.output * b) / self.std
        else:
            self.gradInput = gradOutput / self.std
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
