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
        stdv = 1.0 / np.sqrt(n_in)
        self.W = np.random.uniform(-stdv, stdv, size=(n_out, n_in))
        self.b = np.random.uniform(-stdv, stdv, size=n_out)
        self.gradW = np.zeros((n_out, n_in))
        self.gradb = np.zeros(n_out)

    def updateOutput(self, x):
        n = x.shape[0]
        self.output = np.zeros((n, self.W.shape[0]))
        for i in range(n):
            self.output[i] = self.W.dot(x[i]) + self.b
        return self.output

    def updateGradInput(self, x, gradOutput):
        self.gradInput = np.zeros(x.shape)
        for i in range(x.shape[0]):
            self.gradInput[i] = self.W.T.dot(gradOutput[i])
        return self.gradInput

    def accGradParameters(self, x, gradOutput):
        for i in range(x.shape[0]):
            self.gradW += np.outer(gradOutput[i], x[i])
            self.gradb += gradOutput[i]
            return self.gradW, self.gradb

    def zeroGradParameters(self):
        self.gradW[...] = 0
        self.gradb[...] = 0

    def getParameters(self):
        return [self.W, self.b]

    def getGradParameters(self):
        return [self.gradW, self.gradb]
