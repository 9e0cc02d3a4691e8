import numpy as np


class Affine:
    def __init__(self, size):
        self._params = np.concatenate([np.ones(size), np.zeros(size)])
        self._grads = np.zeros(2 * size)
        self.gamma, self.beta = self._params[:size], self._params[size:]
        self.gradGamma, self.gradBeta = self._grads[:size], self._grads[size:]
        self.training = True

    def zeroGradParameters(self):
        self._grads[:] = 0.0

    def getParameters(self):
        return [self.gamma, self.beta]

    def getGradParameters(self):
        return [self.gradGamma, self.gradBeta]

    def train(self):
        self.training = True

    def evaluate(self):
        self.training = False


class BatchNormalization(Affine):
    EPS = 1e-5

    def __init__(self, n_channels, momentum=0.1):
        super().__init__(n_channels)
        self.momentum = momentum
        self.moving_mean, self.moving_variance = np.zeros(n_channels), np.ones(n_channels)

    def updateOutput(self, x):
        last = np.moveaxis(x, 1, -1)
        reduce = tuple(range(last.ndim - 1))
        if self.training:
            mu, var = last.mean(axis=reduce), last.var(axis=reduce)
            unbiased = last.var(axis=reduce, ddof=1)
            self.moving_mean = self.moving_mean * (1 - self.momentum) + mu * self.momentum
            self.moving_variance = self.moving_variance * (1 - self.momentum) + unbiased * self.momentum
        else:
            mu, var = self.moving_mean, self.moving_variance
        self.cache = (last - mu) / np.sqrt(var + self.EPS), np.sqrt(var + self.EPS), reduce
        self.output = np.moveaxis(self.cache[0] * self.gamma + self.beta, -1, 1)
        return self.output

    def updateGradInput(self, x, dy):
        xhat, std, reduce = self.cache
        d = np.moveaxis(dy, 1, -1) * self.gamma
        if self.training:
            d = d - d.mean(axis=reduce) - xhat * (d * xhat).mean(axis=reduce)
        self.gradInput = np.moveaxis(d / std, -1, 1)
        return self.gradInput

    def accGradParameters(self, x, dy):
        xhat, _, reduce = self.cache
        d = np.moveaxis(dy, 1, -1)
        self.gradGamma += (d * xhat).sum(axis=reduce)
        self.gradBeta += d.sum(axis=reduce)

    def forward(self, x):
        return self.updateOutput(x)

    def backward(self, x, dy):
        self.updateGradInput(x, dy)
        self.accGradParameters(x, dy)
        return self.gradInput
