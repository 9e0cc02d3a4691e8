import numpy as np


class BatchNormalization:
    EPS = 1e-3

    def __init__(self, alpha=0.):
        self.alpha = alpha
        self.moving_mean = None
        self.moving_variance = None
        self.training = True

    def updateOutput(self, input):
        channels = input.shape[1]
        if self.training and self.moving_mean is None:
            self.moving_mean, self.moving_variance = np.zeros(channels), np.ones(channels)
        self.output = np.zeros_like(input)
        self.stds = []
        for c in range(channels):
            x = input[:, c]
            if self.training:
                mean = x.sum() / x.size
                var = ((x - mean) ** 2).sum() / x.size
                self.moving_mean[c] = self.alpha * self.moving_mean[c] + (1 - self.alpha) * mean
                self.moving_variance[c] = self.alpha * self.moving_variance[c] + (1 - self.alpha) * var
            else:
                mean, var = self.moving_mean[c], self.moving_variance[c]
            self.stds.append((var + self.EPS) ** 0.5)
            self.output[:, c] = (x - mean) / self.stds[c]
        return self.output

    def updateGradInput(self, input, gradOutput):
        self.gradInput = np.zeros_like(input)
        for c, std in enumerate(self.stds):
            g = gradOutput[:, c]
            if self.training:
                y = self.output[:, c]
                g = g - g.mean() - y * (g * y).mean()
            self.gradInput[:, c] = g / std
        return self.gradInput

    def accGradParameters(self, input, gradOutput):
        pass

    def forward(self, input):
        return self.updateOutput(input)

    def backward(self, input, gradOutput):
        self.updateGradInput(input, gradOutput)
        self.accGradParameters(input, gradOutput)
        return self.gradInput

    def train(self):
        self.training = True

    def evaluate(self):
        self.training = False
