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

    def updateOutput(self, input): pass
    def updateGradInput(self, input, gradOutput): pass
    def accGradParameters(self, input, gradOutput): pass
    def zeroGradParameters(self): pass
    def getParameters(self): return []
    def getGradParameters(self): return []
    def train(self): self.training = True
    def evaluate(self): self.training = False
    def __repr__(self): return "Module"


class Gelu(Module):
    def __init__(self):
        super(Gelu, self).__init__()
        self.c = np.sqrt(2 / np.pi)

    def updateOutput(self, input):
        self.output = 0.5 * input * (1 + np.tanh(self.c * (input + 0.044715 * input ** 3)))
        return self.output

    def updateGradInput(self, input, gradOutput):
        t = np.tanh(self.c * (input + 0.044715 * input ** 3))
        dt = (1 - t ** 2) * self.c * (1 + 3 * 0.044715 * input ** 2)
        self.gradInput = gradOutput * (0.5 * (1 + t) + 0.5 * input * dt)
        return self.gradInput

    def __repr__(self):
        return "Gelu"
