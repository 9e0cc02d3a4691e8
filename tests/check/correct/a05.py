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
        self.n_in, self.n_out = n_in, n_out
        bound = 1.0 / np.sqrt(n_in)
        self.W = np.random.uniform(-bound, bound, (n_out, n_in))
        self.b = np.random.uniform(-bound, bound, n_out)
        self._gradW = None
        self._gradb = None

    @property
    def gradW(self):
        if self._gradW is None:
            self._gradW = np.zeros((self.n_out, self.n_in))
        return self._gradW

    @property
    def gradb(self):
        if self._gradb is None:
            self._gradb = np.zeros(self.n_out)
        return self._gradb

    def updateOutput(self, x):
        self.output = x @ self.W.T + self.b
        return self.output

    def updateGradInput(self, x, gradOutput):
        self.gradInput = gradOutput @ self.W
        return self.gradInput

    def accGradParameters(self, x, gradOutput):
        gw, gb = self.gradW, self.gradb
        gw += gradOutput.T @ x
        gb += np.ones(len(x)) @ gradOutput

    def zeroGradParameters(self):
        self.gradW[...] = 0
        self.gradb[...] = 0

    def getParameters(self):
        return [self.W, self.b]

    def getGradParameters(self):
        return [self.gradW, self.gradb]
