import numpy as np


def expand(v, ndim):
    return v.reshape((1, -1) + (1,) * (ndim - 2))


def bn_backward(x, dy, eps):
    ax = (0,) + tuple(range(2, x.ndim))
    mu = x.mean(axis=ax, keepdims=True)
    var = x.var(axis=ax, keepdims=True)
    x_hat = (x - mu) / np.sqrt(var + eps)
    dx = dy - dy.mean(axis=ax, keepdims=True) - x_hat * (dy * x_hat).mean(axis=ax, keepdims=True)
    return dx / np.sqrt(var + eps)


class BatchNormalization:
    EPS = 1e-5

    def __init__(self, num_features, momentum=0.1):
        self.momentum = momentum
        self.moving_mean = np.zeros(num_features)
        self.moving_variance = np.ones(num_features)
        self.training = True

    def updateOutput(self, input):
        if self.training:
            ax = (0,) + tuple(range(2, input.ndim))
            m = input.size / input.shape[1]
            mu, var = input.mean(axis=ax), input.var(axis=ax)
            self.moving_mean = (1 - self.momentum) * self.moving_mean + self.momentum * mu
            self.moving_variance = ((1 - self.momentum) * self.moving_variance
                                    + self.momentum * var * m / (m - 1))
        else:
            mu, var = self.moving_mean, self.moving_variance
        self.output = (input - expand(mu, input.ndim)) / np.sqrt(expand(var, input.ndim) + self.EPS)
        return self.output

    def updateGradInput(self, input, gradOutput):
        self.gradInput = bn_backward(input, gradOutput, self.EPS)
        return self.gradInput

    def forward(self, input):
        return self.updateOutput(input)

    def backward(self, input, gradOutput):
        return self.updateGradInput(input, gradOutput)

    def train(self):
        self.training = True

    def evaluate(self):
        self.training = False
