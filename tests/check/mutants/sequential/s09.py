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
        self.W = np.random.uniform(-1, 1, (n_out, n_in)) / np.sqrt(n_in)
        self.b = np.random.uniform(-1, 1, n_out) / np.sqrt(n_in)
        self.gradW, self.gradb = np.zeros_like(self.W), np.zeros_like(self.b)
    def updateOutput(self, x):
        self.output = x @ self.W.T + self.b
        return self.output
    def updateGradInput(self, x, g):
        self.gradInput = g @ self.W
        return self.gradInput
    def accGradParameters(self, x, g):
        self.gradW += g.T @ x
        self.gradb += g.sum(0)
    def zeroGradParameters(self):
        self.gradW.fill(0); self.gradb.fill(0)
    def getParameters(self): return [self.W, self.b]
    def getGradParameters(self): return [self.gradW, self.gradb]


class Sequential(Module):
    def __init__(self):
        self.modules = []
    def add(self, m): self.modules.append(m)
    def __getitem__(self, i): return self.modules[i]
    def updateOutput(self, x):
        self.xs = [x]
        for m in self.modules: self.xs.append(m.forward(self.xs[-1]))
        self.output = self.xs[-1]
        return self.output
    def backward(self, x, g):
        for m, xi in zip(reversed(self.modules), self.xs[-2::-1]): g = m.backward(xi, g)
        self.gradInput = g
        return g
    def zeroGradParameters(self):
        for m in self.modules: m.zeroGradParameters()
    def getParameters(self):
        return [p for m in self.modules if isinstance(m, Linear) for p in m.getParameters()]
    def getGradParameters(self):
        return [p for m in self.modules if isinstance(m, Linear) for p in m.getGradParameters()]
    def train(self): [m.train() for m in self.modules]
    def evaluate(self): [m.evaluate() for m in self.modules]
