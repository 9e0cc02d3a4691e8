import numpy as np


class Linear:
    def __init__(self, n_in, n_out):
        bound = n_in ** -0.5
        rng = np.random.default_rng()
        self.W = rng.uniform(-bound, bound, (n_out, n_in))
        self.b = rng.uniform(-bound, bound, n_out)
        self.gradW = np.zeros((n_out, n_in))
        self.gradb = np.zeros(n_out)
        self.training = True

    def forward(self, x):
        return self.updateOutput(x)

    def backward(self, x, dy):
        self.updateGradInput(x, dy)
        self.accGradParameters(x, dy)
        return self.gradInput

    def updateOutput(self, x):
        self.output = np.einsum('ni,oi->no', x, self.W) + self.b[None, :]
        return self.output

    def updateGradInput(self, x, dy):
        self.gradInput = np.einsum('no,oi->ni', dy, self.W)
        return self.gradInput

    def accGradParameters(self, x, dy):
        self.gradW[:] = np.einsum('no,ni->oi', dy, x)
        self.gradb[:] = np.einsum('no->o', dy)

    def zeroGradParameters(self):
        self.gradW[:] = 0
        self.gradb[:] = 0

    def getParameters(self):
        return [self.W, self.b]

    def getGradParameters(self):
        return [self.gradW, self.gradb]
