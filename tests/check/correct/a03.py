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
        lim = 1 / np.sqrt(n_in)
        self._p = {'W': np.random.uniform(-lim, lim, (n_out, n_in)),
                   'b': np.random.uniform(-lim, lim, (n_out,))}
        self._g = {name: np.zeros_like(p) for name, p in self._p.items()}

    W = property(lambda self: self._p['W'], lambda self, v: self._p.__setitem__('W', v))
    b = property(lambda self: self._p['b'], lambda self, v: self._p.__setitem__('b', v))
    gradW = property(lambda self: self._g['W'])
    gradb = property(lambda self: self._g['b'])

    def updateOutput(self, x):
        self.output = np.einsum('ni,oi->no', x, self.W, optimize=True) + self.b
        return self.output

    def updateGradInput(self, x, gradOutput):
        self.gradInput = np.einsum('no,oi->ni', gradOutput, self.W)
        return self.gradInput

    def accGradParameters(self, x, gradOutput):
        self._g['W'] += np.einsum('no,ni->oi', gradOutput, x)
        self._g['b'] += np.einsum('no->o', gradOutput)

    def zeroGradParameters(self):
        for g in self._g.values():
            g.fill(0.0)

    def getParameters(self):
        return list(self._p.values())

    def getGradParameters(self):
        return list(self._g.values())
