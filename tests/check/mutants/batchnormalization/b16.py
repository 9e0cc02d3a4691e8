import numpy as np


class BatchNormalization:
    def __init__(self, num_features, momentum=0.1):
        self.momentum = momentum
        self.EPS = 1e-5
        self.gamma, self.beta = np.ones(num_features), np.zeros(num_features)
        self.gradGamma, self.gradBeta = np.zeros(num_features), np.zeros(num_features)
        self.moving_mean, self.moving_variance = np.zeros(num_features), np.ones(num_features)
        self.training = True

    def updateOutput(self, input):
        if self.training:
            flat = input.swapaxes(0, 1).reshape(input.shape[1], -1)
            self.moving_mean = (1 - self.momentum) * self.moving_mean + self.momentum * flat.mean(axis=1)
            self.moving_variance = ((1 - self.momentum) * self.moving_variance
                                    + self.momentum * flat.var(axis=1, ddof=1))
        s = (slice(None),) + (None,) * (input.ndim - 2)
        self.std = np.sqrt(self.moving_variance + self.EPS)[s]
        self.x_norm = (input - self.moving_mean[s]) / self.std
        self.output = self.gamma[s] * self.x_norm + self.beta[s]
        return self.output

    def updateGradInput(self, input, gradOutput):
        s = (slice(None),) + (None,) * (input.ndim - 2)
        ax = (0,) + tuple(range(2, input.ndim))
        g = gradOutput * self.gamma[s]
        if self.training:
            g = g - g.mean(axis=ax, keepdims=True) - self.x_norm * (g * self.x_norm).mean(axis=ax, keepdims=True)
        self.gradInput = g / self.std
        return self.gradInput

    def accGradParameters(self, input, gradOutput):
        ax = (0,) + tuple(range(2, input.ndim))
        self.gradGamma += np.sum(gradOutput * self.x_norm, axis=ax)
        self.gradBeta += np.sum(gradOutput, axis=ax)

    def forward(self, input):
        return self.updateOutput(input)

    def backward(self, input, gradOutput):
        self.updateGradInput(input, gradOutput)
        self.accGradParameters(input, gradOutput)
        return self.gradInput

    def zeroGradParameters(self):
        self.gradGamma[:] = 0
        self.gradBeta[:] = 0

    def getParameters(self):
        return [self.gamma, self.beta]

    def getGradParameters(self):
        return [self.gradGamma, self.gradBeta]

    def train(self):
        self.training = True

    def evaluate(self):
        self.training = False
