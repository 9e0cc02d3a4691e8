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
    def accGradParameters(self, input, gradOutput): pass
    def zeroGradParameters(self): pass
    def getParameters(self): return []
    def getGradParameters(self): return []
    def train(self): self.training = True
    def evaluate(self): self.training = False


class BatchNormalization(Module):
    EPS = 1e-3
    def __init__(self, alpha=0.):
        super(BatchNormalization, self).__init__()
        self.alpha = alpha
        self.moving_mean = None
        self.moving_variance = None

    def updateOutput(self, input):
        self.ax = (0,) + tuple(range(2, input.ndim))
        self.mu = input.mean(axis=self.ax, keepdims=True)
        self.var = input.var(axis=self.ax, keepdims=True)
        if self.training:
            if self.moving_mean is None:
                self.moving_mean, self.moving_variance = self.mu, self.var
            self.moving_mean = self.moving_mean * self.alpha + self.mu * (1 - self.alpha)
            self.moving_variance = self.moving_variance * self.alpha + self.var * (1 - self.alpha)
            self.output = (input - self.mu) / np.sqrt(self.var + self.EPS)
        else:
            self.output = (input - self.moving_mean) / np.sqrt(self.moving_variance + self.EPS)
        return self.output

    def updateGradInput(self, input, gradOutput):
        std = np.sqrt(self.var + self.EPS)
        if self.training:
            norm = (input - self.mu) / std
            mean_g = gradOutput.mean(axis=self.ax, keepdims=True)
            self.gradInput = (gradOutput - mean_g - norm * (gradOutput * norm).mean(axis=self.ax, keepdims=True)) / std
        else:
            self.gradInput = gradOutput / std
        return self.gradInput


class ChannelwiseScaling(Module):
    def __init__(self, n_out):
        super(ChannelwiseScaling, self).__init__()
        stdv = 1. / np.sqrt(n_out)
        self.gamma = np.random.uniform(-stdv, stdv, size=n_out)
        self.beta = np.random.uniform(-stdv, stdv, size=n_out)
        self.gradGamma, self.gradBeta = np.zeros_like(self.gamma), np.zeros_like(self.beta)

    def updateOutput(self, input):
        shape = (1, -1) + (1,) * (input.ndim - 2)
        self.output = input * self.gamma.reshape(shape) + self.beta.reshape(shape)
        return self.output

    def updateGradInput(self, input, gradOutput):
        self.gradInput = gradOutput * self.gamma.reshape((1, -1) + (1,) * (input.ndim - 2))
        return self.gradInput

    def accGradParameters(self, input, gradOutput):
        ax = (0,) + tuple(range(2, input.ndim))
        self.gradBeta += gradOutput.sum(axis=ax)
        self.gradGamma += (gradOutput * input).sum(axis=ax)

    def zeroGradParameters(self):
        self.gradGamma.fill(0)
        self.gradBeta.fill(0)

    def getParameters(self): return [self.gamma, self.beta]
    def getGradParameters(self): return [self.gradGamma, self.gradBeta]
