import numpy as np


class BatchNormalization:
    EPS = 1e-5

    def __init__(self, num_features, momentum=0.1):
        self.momentum = momentum
        shape = (1, num_features)
        self.moving_mean = np.zeros(shape)
        self.moving_variance = np.ones(shape)
        self.training = True

    def forward(self, input):
        return self.updateOutput(input)

    def backward(self, input, gradOutput):
        self.updateGradInput(input, gradOutput)
        return self.gradInput

    def _flatten(self, x):
        self._shape = x.shape
        if x.ndim == 4:
            x = x.transpose(0, 2, 3, 1).reshape(-1, x.shape[1])
        return x

    def _unflatten(self, x):
        if len(self._shape) == 4:
            n, c, h, w = self._shape
            x = x.reshape(n, h, w, c).transpose(0, 3, 1, 2)
        return x

    def updateOutput(self, input):
        x = self._flatten(input)
        if self.training:
            mu = x.mean(axis=0, keepdims=True)
            var = x.var(axis=0, keepdims=True)
            unbiased = x.var(axis=0, keepdims=True, ddof=1)
            self.moving_mean = self.momentum * self.moving_mean + (1 - self.momentum) * mu
            self.moving_variance = self.momentum * self.moving_variance + (1 - self.momentum) * unbiased
        else:
            mu, var = self.moving_mean, self.moving_variance
        self.sigma = np.sqrt(var + self.EPS)
        self.z = (x - mu) / self.sigma
        self.output = self._unflatten(self.z)
        return self.output

    def updateGradInput(self, input, gradOutput):
        g = self._flatten(gradOutput)
        if self.training:
            g = g - g.mean(0) - self.z * (g * self.z).mean(0)
        self.gradInput = self._unflatten(g / self.sigma)
        return self.gradInput

    def accGradParameters(self, input, gradOutput):
        pass

    def train(self):
        self.training = True

    def evaluate(self):
        self.training = False
