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

    def accGradParameters(self, input, gradOutput):
        pass

    def zeroGradParameters(self):
        pass

    def getParameters(self):
        return []

    def getGradParameters(self):
        return []

    def train(self):
        self.training = True

    def evaluate(self):
        self.training = False


class Linear(Module):
    def __init__(self, n_in, n_out):
        super().__init__()
        lim = 1.0 / np.sqrt(n_in)
        self.W = np.random.uniform(-lim, lim, (n_out, n_in))
        self.b = np.random.uniform(-lim, lim, n_out)
        self._grads = {}

    def _grad(self, name):
        if name not in self._grads:
            self._grads[name] = np.zeros_like(getattr(self, name))
        return self._grads[name]

    gradW = property(lambda self: self._grad('W'))
    gradb = property(lambda self: self._grad('b'))

    def updateOutput(self, input):
        self.output = np.stack([self.W @ x + self.b for x in input])
        return self.output

    def updateGradInput(self, input, gradOutput):
        self.gradInput = np.stack([g @ self.W for g in gradOutput])
        return self.gradInput

    def accGradParameters(self, input, gradOutput):
        for x, g in zip(input, gradOutput):
            np.add(self.gradW, np.outer(g, x), out=self.gradW)
            np.add(self.gradb, g, out=self.gradb)

    def zeroGradParameters(self):
        for g in self._grads.values():
            g *= 0

    def getParameters(self):
        return [self.W, self.b]

    def getGradParameters(self):
        return [self.gradW, self.gradb]
