import numpy as np


class BatchNormalization:
    EPS = 1e-5

    def __init__(self, num_features, momentum=0.1):
        self.momentum = momentum
        self.moving_mean = np.zeros(num_features)
        self.moving_variance = np.ones(num_features)
        self.training = True

    def col(self, v, ndim):
        return v if ndim == 2 else v[None, :, None, None]

    def updateOutput(self, input):
        nd = input.ndim
        self.ax = 0 if nd == 2 else (0, 2, 3)
        if self.training:
            cnt = input.size / input.shape[1]
            mean = input.mean(self.ax)
            var = input.var(self.ax)
            self.moving_mean += self.momentum * (mean - self.moving_mean)
            self.moving_variance += self.momentum * (var * cnt / (cnt - 1) - self.moving_variance)
        else:
            mean, var = self.moving_mean, self.moving_variance
        self.root = self.col(np.sqrt(var), nd)
        self.xc = input - self.col(mean, nd)
        self.output = self.xc / (self.root + self.EPS)
        return self.output

    def updateGradInput(self, input, gradOutput):
        d = self.root + self.EPS
        if not self.training:
            self.gradInput = gradOutput / d
        else:
            g = gradOutput - gradOutput.mean(self.ax, keepdims=True)
            corr = (gradOutput * self.xc).mean(self.ax, keepdims=True)
            self.gradInput = g / d - self.xc * corr / (self.root * d ** 2)
        return self.gradInput

    def forward(self, input):
        return self.updateOutput(input)

    def backward(self, input, gradOutput):
        return self.updateGradInput(input, gradOutput)

    def train(self):
        self.training = True

    def evaluate(self):
        self.training = False
