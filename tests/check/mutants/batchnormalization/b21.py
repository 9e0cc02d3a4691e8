import numpy as np


class BatchNormalization:
    EPS = 1e-5

    def __init__(self, num_features, momentum=0.1):
        self.momentum = momentum
        self.gamma = np.ones(num_features)
        self.beta = np.zeros(num_features)
        self.gradGamma = np.zeros(num_features)
        self.gradBeta = np.zeros(num_features)
        self.moving_mean = np.zeros(num_features)
        self.moving_variance = np.ones(num_features)
        self.training = True

    def _rows(self, x):
        return x if x.ndim == 2 else x.transpose(0, 2, 3, 1).reshape(-1, x.shape[1])

    def _back(self, r, shape):
        if len(shape) == 2:
            return r
        return r.reshape(shape[0], shape[2], shape[3], shape[1]).transpose(0, 3, 1, 2)

    def updateOutput(self, input):
        x = self._rows(input)
        if self.training:
            mean, var = x.mean(0), x.var(0)
            self.moving_mean = (1 - self.momentum) * self.moving_mean + self.momentum * mean
            self.moving_variance = ((1 - self.momentum) * self.moving_variance
                                    + self.momentum * x.var(0, ddof=1))
        else:
            mean, var = self.moving_mean, self.moving_variance
        self.std = np.sqrt(var + self.EPS)
        self.xhat = (x - mean) / self.std
        self.output = self._back(self.xhat * self.gamma + self.beta, input.shape)
        return self.output

    def updateGradInput(self, input, gradOutput):
        g = self._rows(gradOutput) * self.gamma
        if self.training:
            g = g - g.mean(0) - self.xhat * (g * self.xhat).mean(0)
        self.gradInput = self._back(g / self.std, input.shape)
        return self.gradInput

    def accGradParameters(self, input, gradOutput):
        g = self._rows(gradOutput)
        self.gradGamma += np.mean(g * self.xhat, axis=0)
        self.gradBeta += np.mean(g, axis=0)

    def forward(self, input):
        return self.updateOutput(input)

    def backward(self, input, gradOutput):
        self.updateGradInput(input, gradOutput)
        self.accGradParameters(input, gradOutput)
        return self.gradInput

    def zeroGradParameters(self):
        self.gradGamma *= 0
        self.gradBeta *= 0

    def getParameters(self):
        return [self.gamma, self.beta]

    def getGradParameters(self):
        return [self.gradGamma, self.gradBeta]

    def train(self):
        self.training = True

    def evaluate(self):
        self.training = False
