import numpy as np


class BatchNormalization:
    EPS = 1e-5

    def __init__(self, num_features, momentum=0.1):
        self.momentum = momentum
        self.params = {'gamma': np.ones(num_features), 'beta': np.zeros(num_features)}
        self.grads = {name: np.zeros_like(value) for name, value in self.params.items()}
        self.moving_mean = np.zeros(num_features)
        self.moving_variance = np.ones(num_features)
        self.training = True

    gamma = property(lambda self: self.params['gamma'])
    beta = property(lambda self: self.params['beta'])
    gradGamma = property(lambda self: self.grads['gamma'])
    gradBeta = property(lambda self: self.grads['beta'])

    @staticmethod
    def _expand(v, x):
        return v.reshape((-1,) + (1,) * (x.ndim - 2))

    def _normalize(self, x):
        ax = tuple(k for k in range(x.ndim) if k != 1)
        mean, var = self.moving_mean, self.moving_variance
        if self.training:
            mean, var = x.mean(axis=ax), x.var(axis=ax)
        inv = self._expand(1 / np.sqrt(var + self.EPS), x)
        return ax, mean, var, inv, (x - self._expand(mean, x)) * inv

    def forward(self, input):
        ax, mean, var, inv, xhat = self._normalize(input)
        if self.training:
            m = input.size // input.shape[1]
            self.moving_mean += self.momentum * (mean - self.moving_mean)
            self.moving_variance += self.momentum * (var * m / max(m - 1, 1) - self.moving_variance)
        self.output = xhat * self._expand(self.gamma, input) + self._expand(self.beta, input)
        return self.output

    def backward(self, input, gradOutput):
        ax, _, _, inv, xhat = self._normalize(input)
        g = gradOutput * self._expand(self.gamma, input)
        if self.training:
            g = g - g.mean(axis=ax, keepdims=True) - xhat * (g * xhat).mean(axis=ax, keepdims=True)
        self.gradInput = g * inv
        self.grads['gamma'] += (gradOutput * xhat).sum(axis=ax)
        self.grads['beta'] += gradOutput.sum(axis=ax)
        return self.gradInput

    def zeroGradParameters(self):
        for g in self.grads.values():
            g.fill(0)

    def getParameters(self):
        return list(self.params.values())

    def getGradParameters(self):
        return list(self.grads.values())

    def train(self):
        self.training = True

    def evaluate(self):
        self.training = False
