import numpy as np


def rows(x):
    return x if x.ndim == 2 else x.transpose(0, 2, 3, 1).reshape(-1, x.shape[1])


def unrows(r, shape):
    if len(shape) == 2:
        return r
    n, c, h, w = shape
    return r.reshape(n, h, w, c).transpose(0, 3, 1, 2)


class BatchNormalization(object):
    EPS = 1e-3

    def __init__(self, alpha=0.):
        self.alpha = alpha
        self.moving_mean = self.moving_variance = None
        self.training = True

    def updateOutput(self, input):
        x = rows(input)
        if self.training:
            self.mean, self.var = x.mean(0), x.var(0)
            if self.moving_mean is None:
                self.moving_mean, self.moving_variance = self.mean.copy(), self.var.copy()
            else:
                self.moving_mean = self.alpha * self.moving_mean + (1 - self.alpha) * self.mean
                self.moving_variance = self.alpha * self.moving_variance + (1 - self.alpha) * self.var
        else:
            self.mean, self.var = self.moving_mean, self.moving_variance
        self.output = unrows((x - self.mean) / np.sqrt(self.var + self.EPS), input.shape)
        return self.output

    def updateGradInput(self, input, gradOutput):
        g = rows(gradOutput)
        std = np.sqrt(self.var + self.EPS)
        if self.training:
            y = (rows(input) - self.mean) / std
            m = len(y)
            center = np.eye(m) - np.full((m, m), 1 / m)
            g = center @ g - y * (y * g).sum(0) / m
        self.gradInput = unrows(g / std, input.shape)
        return self.gradInput

    def forward(self, input):
        return self.updateOutput(input)

    def backward(self, input, gradOutput):
        return self.updateGradInput(input, gradOutput)

    def train(self):
        self.training = True

    def evaluate(self):
        self.training = False
