import numpy as np


class Module:
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

    def train(self):
        self.training = True

    def evaluate(self):
        self.training = False


class BatchNormalization(Module):
    EPS = 1e-5

    def __init__(self, num_features, momentum=0.1):
        super().__init__()
        self.momentum = momentum
        self.gamma = np.ones((num_features,))
        self.beta = np.zeros((num_features,))
        self.gradGamma = np.zeros_like(self.gamma)
        self.gradBeta = np.zeros_like(self.beta)
        self.moving_mean = np.zeros((num_features,))
        self.moving_variance = np.ones((num_features,))

    def bc(self, v, x):
        return np.expand_dims(v, (0,) + tuple(range(2, x.ndim)))

    def updateOutput(self, input):
        self.axes = (0,) + tuple(range(2, input.ndim))
        self.m = input.size // input.shape[1]
        if self.training:
            mean, var = input.mean(self.axes), input.var(self.axes)
            self.moving_mean = (1 - self.momentum) * self.moving_mean + self.momentum * mean
            unb = var * self.m / (self.m - 1)
            self.moving_variance = (1 - self.momentum) * self.moving_variance + self.momentum * unb
        else:
            mean, var = self.moving_mean, self.moving_variance
        self.istd = 1 / np.sqrt(var + self.EPS)
        self.xhat = (input - self.bc(mean, input)) * self.bc(self.istd, input)
        self.output = self.bc(self.gamma, input) * self.xhat + self.bc(self.beta, input)
        return self.output

    def updateGradInput(self, input, gradOutput):
        scale = self.bc(self.gamma * self.istd, input)
        g = gradOutput
        if self.training:
            db = self.bc(g.sum(self.axes), input)
            dg = self.bc((g * self.xhat).sum(self.axes), input)
            g = g - (db + self.xhat * dg) / self.m
        self.gradInput = g * scale
        return self.gradInput

    def accGradParameters(self, input, gradOutput):
        self.gradGamma[:] = (gradOutput * self.xhat).sum(self.axes)
        self.gradBeta[:] = gradOutput.sum(self.axes)

    def zeroGradParameters(self):
        self.gradGamma.fill(0)
        self.gradBeta.fill(0)

    def getParameters(self):
        return [self.gamma, self.beta]

    def getGradParameters(self):
        return [self.gradGamma, self.gradBeta]
