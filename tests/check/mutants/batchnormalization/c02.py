import numpy as np


class Module(object):
    def __init__(self):
        self.output = None
        self.gradInput = None
        self.training = True

    def forward(self, input):
        return self.updateOutput(input)

    def backward(self, input, gradOutput):
        self.updateGradInput(input, gradOutput)
        self.accGradParameters(input, gradOutput)
        return self.gradInput

    def accGradParameters(self, input, gradOutput):
        pass

    def zeroGradParameters(self):
        pass

    def getParameters(self):
        return []

    def getGradParameters(self):
        return []

    def train(self):
        self.training = True

    def evaluate(self):
        self.training = False


class BatchNormalization(Module):
    def __init__(self, num_features, momentum=0.1):
        super().__init__()
        self.EPS = 1e-5
        self.momentum = momentum
        self.moving_mean = np.zeros(num_features)
        self.moving_variance = np.ones(num_features)

    def updateOutput(self, input):
        self.axes = (0, 2, 3) if input.ndim == 4 else (0,)
        sh = (1, -1, 1, 1) if input.ndim == 4 else (1, -1)
        if self.training:
            mu, var = input.mean(self.axes), input.var(self.axes)
            n = input.size // input.shape[1]
            self.moving_mean = (1 - self.momentum) * self.moving_mean + self.momentum * mu
            self.moving_variance = (1 - self.momentum) * self.moving_variance \
                + self.momentum * var * n / (n - 1)
        else:
            mu, var = self.moving_mean, self.moving_variance
        self.istd = (1. / np.sqrt(var + self.EPS)).reshape(sh)
        self.xhat = (input - mu.reshape(sh)) * self.istd
        self.output = self.xhat
        return self.output

    def updateGradInput(self, input, gradOutput):
        if not self.training:
            self.gradInput = gradOutput * self.istd
            return self.gradInput
        N = input.shape[0]
        sum_g = gradOutput.sum(axis=self.axes, keepdims=True)
        sum_gx = (gradOutput * self.xhat).sum(axis=self.axes, keepdims=True)
        self.gradInput = self.istd / N * (N * gradOutput - sum_g - self.xhat * sum_gx)
        return self.gradInput
