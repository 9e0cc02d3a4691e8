import numpy as np


class Linear:
    def __init__(self, n_in, n_out):
        b = 1. / np.sqrt(n_in)
        self.params = {'W': np.random.uniform(-b, b, (n_out, n_in)),
                       'b': np.random.uniform(-b, b, n_out)}
        self.grads = {k: np.zeros_like(v) for k, v in self.params.items()}
        self.output = None
        self.gradInput = None
        self.training = True

    W = property(lambda self: self.params['W'], lambda self, v: self.params.update(W=v))
    b = property(lambda self: self.params['b'], lambda self, v: self.params.update(b=v))
    gradW = property(lambda self: self.grads['W'])
    gradb = property(lambda self: self.grads['b'])

    def updateOutput(self, input):
        self.output = np.tensordot(input, self.W, axes=(1, 1)) + self.b
        return self.output

    def updateGradInput(self, input, gradOutput):
        self.gradInput = np.tensordot(gradOutput, self.W, axes=(1, 0))
        return self.gradInput

    def accGradParameters(self, input, gradOutput):
        self.grads['W'] += np.tensordot(gradOutput, input, axes=(0, 0))
        self.grads['b'] += np.sum(gradOutput, 0)

    def zeroGradParameters(self):
        self.grads['W'].fill(0)

    def getParameters(self):
        return [self.W, self.b]

    def getGradParameters(self):
        return [self.gradW, self.gradb]

    def forward(self, input):
        return self.updateOutput(input)

    def backward(self, input, gradOutput):
        self.updateGradInput(input, gradOutput)
        self.accGradParameters(input, gradOutput)
        return self.gradInput
