import numpy as np


class BatchNormalization:
    EPS = 1e-5

    def __init__(self, num_features, momentum=0.1):
        self.num_features, self.momentum = num_features, momentum
        self.moving_mean = np.zeros((1, num_features))
        self.moving_variance = np.ones((1, num_features))
        self.training = True

    def updateOutput(self, input):
        x = input.reshape(len(input), self.num_features, -1)
        count = x.shape[0] * x.shape[2]
        if self.training:
            mean = np.einsum('ncl->c', x) / count
            centered = x - mean[:, None]
            scatter = np.einsum('ncl,ncl->c', centered, centered)
            var = scatter / count
            keep = 1 - self.momentum
            self.moving_mean = keep * self.moving_mean + self.momentum * mean
            self.moving_variance = keep * self.moving_variance + self.momentum * scatter / (count - 1)
        else:
            centered = x - self.moving_mean.T
            var = self.moving_variance[0]
        self.inv_std = 1 / np.sqrt(var + self.EPS)
        self.normalized = np.einsum('ncl,c->ncl', centered, self.inv_std)
        self.output = self.normalized.reshape(input.shape)
        return self.output

    def updateGradInput(self, input, gradOutput):
        g = gradOutput.reshape(self.normalized.shape)
        if self.training:
            count = g.shape[0] * g.shape[2]
            along = np.einsum('ncl,ncl->c', g, self.normalized) / count
            g = g - np.einsum('ncl->c', g)[:, None] / count - self.normalized * along[:, None]
        self.gradInput = np.einsum('ncl,c->ncl', g, self.inv_std).reshape(input.shape)
        return self.gradInput

    def accGradParameters(self, input, gradOutput):
        return None

    def zeroGradParameters(self):
        return None

    def getParameters(self):
        return []

    def getGradParameters(self):
        return []

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
