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
        k = 1 / np.sqrt(n_in)
        self.W, self.b = np.random.uniform(-k, k, (n_out, n_in)), np.random.uniform(-k, k, n_out)
        self.gradW, self.gradb = np.zeros_like(self.W), np.zeros_like(self.b)
    def updateOutput(self, x):
        self.output = x @ self.W.T + self.b
        return self.output
    def updateGradInput(self, x, g):
        self.gradInput = g @ self.W
        return self.gradInput
    def accGradParameters(self, x, g):
        self.gradW += g.T @ x
        self.gradb += g.sum(axis=0)
    def zeroGradParameters(self): self.gradW.fill(0), self.gradb.fill(0)
    def getParameters(self): return [self.W, self.b]
    def getGradParameters(self): return [self.gradW, self.gradb]


class ReLU(Module):
    def updateOutput(self, x):
        self.output = np.where(x > 0, x, 0)
        return self.output
    def updateGradInput(self, x, g):
        self.gradInput = np.where(x > 0, g, 0)
        return self.gradInput


class Sequential(Module):
    def __init__(self): self.modules = []
    def add(self, m): self.modules.append(m)
    def __getitem__(self, i): return self.modules[i]
    def forward(self, x):
        self.inputs = []
        for m in self.modules:
            self.inputs.append(x)
            x = m.forward(x)
        self.output = x
        return x
    def backward(self, x, g):
        for k in range(len(self.modules) - 1, -1, -1):
            g = self.modules[k].backward(self.inputs[k], g)
        self.gradInput = g
        return g
    def zeroGradParameters(self): [m.zeroGradParameters() for m in self.modules]
    def getParameters(self): return sum([m.getParameters() for m in self.modules], [])
    def getGradParameters(self): return sum([m.getGradParameters() for m in self.modules], [])
    def train(self): [m.train() for m in self.modules]
    def evaluate(self): [m.evaluate() for m in self.modules]
