import numpy as np


class Module:
    training = True
    output = gradInput = None

    def forward(self, x):
        return self.updateOutput(x)

    def backward(self, x, gradOutput):
        self.updateGradInput(x, gradOutput)
        self.accGradParameters(x, gradOutput)
        return self.gradInput

    def accGradParameters(self, x, gradOutput): pass
    def zeroGradParameters(self): pass
    def getParameters(self): return []
    def getGradParameters(self): return []
    def train(self): self.training = True
    def evaluate(self): self.training = False


class Linear(Module):
    def __init__(self, n_in, n_out):
        lim = 1.0 / n_in ** 0.5
        self.W = np.random.uniform(-lim, lim, size=(n_out, n_in))
        self.b = np.random.uniform(-lim, lim, size=(n_out,))
        self.gradW = np.zeros_like(self.W)
        self.gradb = np.zeros_like(self.b)

    def updateOutput(self, x):
        self.output = x.dot(self.W.T) + self.b
        return self.output

    def updateGradInput(self, x, gradOutput):
        self.gradInput = gradOutput.dot(self.W)
        return self.gradInput

    def accGradParameters(self, x, gradOutput):
        batch_size = x.shape[0]
        self.gradW += gradOutput.T.dot(x) / batch_size
        self.gradb += gradOutput.mean(axis=0)

    def zeroGradParameters(self):
        self.gradW *= 0
        self.gradb *= 0

    def getParameters(self):
        return [self.W, self.b]

    def getGradParameters(self):
        return [self.gradW, self.gradb]
