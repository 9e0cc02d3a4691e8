import numpy as np
from scipy import special


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

    def updateOutput(self, input):
        self.output = 0.5 * input * (1 + special.erf(input / np.sqrt(2)))
        return self.output

    def updateGradInput(self, input, gradOutput):
        cdf = 0.5 * (1 + special.erf(input / np.sqrt(2)))
        pdf = np.exp(-0.5 * input ** 2) / np.sqrt(2 * np.pi)
        self.gradInput = gradOutput * (cdf + input * pdf)
        return self.gradInput

    def __repr__(self):
        return "Gelu"
