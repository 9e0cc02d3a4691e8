import numpy as np


class Module(object):
    # базовый класс из условия
    def __init__(self):
        self.output, self.gradInput, self.training = None, None, True

    def forward(self, input):
        """Прямой проход"""
        return self.updateOutput(input)

    def backward(self, input, gradOutput):
        """Обратный проход: сначала по входу, потом по параметрам"""
        self.updateGradInput(input, gradOutput)
        self.accGradParameters(input, gradOutput)
        return self.gradInput

    def updateOutput(self, input): pass
    def updateGradInput(self, input, gradOutput): pass
    def accGradParameters(self, input, gradOutput): pass
    def zeroGradParameters(self): pass
    def getParameters(self): return []
    def getGradParameters(self): return []
    def train(self): self.training = True
    def evaluate(self): self.training = False


class Linear(Module):
    """Линейный слой: вход (N, n_in), выход (N, n_out)"""
    def __init__(self, n_in, n_out):
        super().__init__()
        stdv = 1./np.sqrt(n_in)
        self.W = np.random.uniform(-stdv, stdv, size = (n_out, n_in))
        self.b = np.random.uniform(-stdv, stdv, size = n_out)
        self.gradW = np.zeros_like(self.W)
        self.gradb = np.zeros_like(self.b)

    def updateOutput(self, input):
        self.output = input @ self.W.T + self.b
        return self.output

    def updateGradInput(self, input, gradOutput):
        self.gradInput = gradOutput @ self.W
        return self.gradInput

        def accGradParameters(self, input, gradOutput):
            self.gradW += gradOutput.T @ input
            self.gradb += gradOutput.sum(axis=0)

    def zeroGradParameters(self):
        self.gradW.fill(0)
        self.gradb.fill(0)

    def getParameters(self):
        return [self.W, self.b]

    def getGradParameters(self):
        return [self.gradW, self.gradb]
