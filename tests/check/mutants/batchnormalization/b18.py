import numpy as np


class BatchNormalization:
    EPS = 1e-5

    def __init__(self, num_features, momentum=0.1):
        self.C = num_features
        self.momentum = momentum
        self.gamma = np.ones(self.C)
        self.beta = np.zeros(self.C)
        self.gradGamma = np.zeros(self.C)
        self.gradBeta = np.zeros(self.C)
        self.moving_mean = np.zeros(self.C)
        self.moving_variance = np.ones(self.C)
        self.training = True

    def forward(self, input):
        return self.updateOutput(input)

    def backward(self, input, gradOutput):
        self.updateGradInput(input, gradOutput)
        self.accGradParameters(input, gradOutput)
        return self.gradInput

    def updateOutput(self, input):
        x = input.reshape(input.shape[0], self.C, -1)
        if self.training:
            mu = np.einsum('ncl->c', x) / (x.shape[0] * x.shape[2])
            d = x - mu[:, None]
            ss = np.einsum('ncl,ncl->c', d, d)
            m = x.shape[0] * x.shape[2]
            var = ss / m
            self.moving_mean = self.moving_mean * (1 - self.momentum) + mu * self.momentum
            self.moving_variance = self.moving_variance * (1 - self.momentum) + ss / (m - 1) * self.momentum
        else:
            var = self.moving_variance
            d = x - self.moving_mean[:, None]
        self.istd = 1 / np.sqrt(var + self.EPS)
        self.xhat = d * self.istd[:, None]
        self.output = (self.gamma[:, None] * self.xhat + self.beta[:, None]).reshape(input.shape)
        return self.output

    def updateGradInput(self, input, gradOutput):
        g = gradOutput.reshape(self.xhat.shape)
        m = g.shape[0] * g.shape[2]
        if self.training:
            a = np.einsum('ncl->c', g) / m
            b = np.einsum('ncl,ncl->c', g, self.xhat) / m
            g = g - a[:, None] - self.xhat * b[:, None]
        self.gradInput = (g * (self.gamma * self.istd)[:, None]).reshape(input.shape)
        return self.gradInput

    def accGradParameters(self, input, gradOutput):
        g = gradOutput.reshape(self.xhat.shape)
        self.gradGamma = self.gradGamma + np.einsum('ncl,ncl->c', g, self.xhat)
        self.gradBeta = self.gradBeta + np.einsum('ncl->c', g)

    def zeroGradParameters(self):
        self.gradGamma.fill(0)
        self.gradBeta.fill(0)

    def getParameters(self):
        return [self.gamma, self.beta]

    def getGradParameters(self):
        return [self.gradGamma, self.gradBeta]

    def train(self):
        self.training = True

    def evaluate(self):
        self.training = False
