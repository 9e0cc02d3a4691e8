import numpy as np


class Layer:
    def __init__(self):
        self.output = None
        self.gradInput = None
        self.training = True

    def updateOutput(self, x):
        return self.forward(x)

    def zeroGradParameters(self):
        for g in self.getGradParameters():
            g *= 0

    def train(self):
        self.training = True

    def evaluate(self):
        self.training = False


class Linear(Layer):
    def __init__(self, n_in, n_out):
        super().__init__()
        s = 1 / n_in ** 0.5
        self.W = np.random.uniform(-s, s, size=(n_out, n_in))
        self.b = np.random.uniform(-s, s, size=n_out)
        self.gradW, self.gradb = np.zeros_like(self.W), np.zeros_like(self.b)

    def forward(self, x):
        self.output = self.b + np.inner(x, self.W)
        return self.output

    def backward(self, x, gradOutput):
        self.gradW += np.tensordot(gradOutput, x, axes=([0], [0]))
        self.gradb += gradOutput.sum(0)
        self.gradInput = np.tensordot(gradOutput, self.W, axes=1)
        return self.gradInput

    def getParameters(self):
        return [self.W, self.b]

    def getGradParameters(self):
        return [self.gradW, self.gradb]
