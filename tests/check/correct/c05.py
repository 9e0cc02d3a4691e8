import numpy as np


class Module:
    """Базовый класс слоя: прямой и обратный проход."""

    def __init__(self):
        self.output, self.gradInput, self.training = None, None, True

    def forward(self, x):
        self.output = self.updateOutput(x)
        return self.output

    def backward(self, x, gradOutput):
        self.gradInput = self.updateGradInput(x, gradOutput)
        self.accGradParameters(x, gradOutput)
        return self.gradInput

    def accGradParameters(self, x, gradOutput): ...

    def zeroGradParameters(self): ...

    def getParameters(self): return []

    def getGradParameters(self): return []

    def train(self): self.training = True

    def evaluate(self): self.training = False


class BatchNormalization(Module):
    EPS = 1e-5

    def __init__(self, num_features, momentum=0.1):
        super().__init__()
        self.momentum = momentum
        self.gamma, self.beta = np.ones(num_features), np.zeros(num_features)
        self.gradGamma, self.gradBeta = np.zeros(num_features), np.zeros(num_features)
        self.moving_mean, self.moving_variance = np.zeros(num_features), np.ones(num_features)

    def _prepare(self, x):
        ax = tuple(d for d in range(x.ndim) if d != 1)
        v = lambda p: np.expand_dims(p, tuple(range(1, x.ndim - 1)))
        if self.training:
            mean, var = x.mean(axis=ax), x.var(axis=ax)
        else:
            mean, var = self.moving_mean, self.moving_variance
        std = np.sqrt(var + self.EPS)
        return ax, v, mean, var, std, (x - v(mean)) / v(std)

    def updateOutput(self, x):
        ax, v, mean, var, std, xhat = self._prepare(x)
        if self.training:
            m, n = self.momentum, x.size / x.shape[1]
            self.moving_mean += m * (mean - self.moving_mean)
            self.moving_variance += m * (var * n / max(n - 1, 1) - self.moving_variance)
        return v(self.gamma) * xhat + v(self.beta)

    def updateGradInput(self, x, gradOutput):
        ax, v, _, _, std, xhat = self._prepare(x)
        g = gradOutput * v(self.gamma)
        if self.training:
            g = g - v(g.mean(axis=ax)) - xhat * v((g * xhat).mean(axis=ax))
        return g / v(std)

    def accGradParameters(self, x, gradOutput):
        ax, *_, xhat = self._prepare(x)
        self.gradGamma += (gradOutput * xhat).sum(axis=ax)
        self.gradBeta += gradOutput.sum(axis=ax)

    def zeroGradParameters(self):
        self.gradGamma.fill(0.)
        self.gradBeta.fill(0.)

    def getParameters(self):
        return [self.gamma, self.beta]

    def getGradParameters(self):
        return [self.gradGamma, self.gradBeta]
