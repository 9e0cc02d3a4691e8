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


class ELU(Module):
    def __init__(self, alpha=1.0):
        super(ELU, self).__init__()
        self.alpha = alpha

    def updateOutput(self, input):
        pos = input > 0
        self.output = pos * input + (1 - pos) * self.alpha * (np.exp(input) - 1)
        return self.output

    def updateGradInput(self, input, gradOutput):
        pos = input > 0
        self.gradInput = gradOutput * (pos + (1 - pos) * self.alpha * np.exp(input))
        return self.gradInput

    def __repr__(self):
        return "ELU"
