import numpy as np


class BatchNormalization:
    EPS = 1e-5

    def __init__(self, num_features, momentum=0.1):
        self.momentum = momentum
        self.gamma, self.beta = np.ones(num_features), np.zeros(num_features)
        self.gradGamma, self.gradBeta = np.zeros(num_features), np.zeros(num_features)
        self.moving_mean, self.moving_variance = np.zeros(num_features), np.ones(num_features)
        self.training = True

    def forward(self, input):
        N, D = input.shape
        if self.training:
            mu = 1. / N * np.sum(input, axis=0)
            var = 1. / N * np.sum((input - mu) ** 2, axis=0)
            self.moving_mean = (1 - self.momentum) * self.moving_mean + self.momentum * mu
            self.moving_variance = (1 - self.momentum) * self.moving_variance + self.momentum * var * N / max(N - 1, 1)
        else:
            mu, var = self.moving_mean, self.moving_variance
        self.ivar = 1. / np.sqrt(var + self.EPS)
        self.xhat = (input - mu) * self.ivar
        self.output = self.gamma * self.xhat + self.beta
        return self.output

    def backward(self, input, gradOutput):
        N, D = gradOutput.shape
        self.gradBeta += np.sum(gradOutput, axis=0)
        self.gradGamma += np.sum(gradOutput * self.xhat, axis=0)
        dxhat = gradOutput * self.gamma
        if self.training:
            self.gradInput = (1. / N) * self.ivar * (N * dxhat - np.sum(dxhat, axis=0)
                                                     - self.xhat * np.sum(dxhat * self.xhat, axis=0))
        else:
            self.gradInput = dxhat * self.ivar
        return self.gradInput

    def zeroGradParameters(self):
        self.gradGamma.fill(0)
        self.gradBeta.fill(0)

    def getParameters(self):
        return [self.gamma, self.beta]

    def getGradParameters(self):
        return [self.gradGamma, self.gradBeta]

    def train(self):
        self.training = True

    def evaluate(self):
        self.training = False
