import numpy as np
from scipy.special import erf


class Gelu:
    def __init__(self):
        self.training = True

    def forward(self, input):
        return self.updateOutput(input)

    def backward(self, input, gradOutput):
        return self.updateGradInput(input, gradOutput)

    def updateOutput(self, input):
        self.cdf = 0.5 * (1 + erf(input / np.sqrt(2)))
        self.output = input * self.cdf
        return self.output

    def updateGradInput(self, input, gradOutput):
        cdf = 0.5 * (1 + erf(input / np.sqrt(2)))
        pdf = np.exp(-input ** 2 / 2) / np.sqrt(np.pi)
        self.gradInput = gradOutput * (cdf + input * pdf)
        return self.gradInput

    def accGradParameters(self, input, gradOutput):
        pass

    def zeroGradParameters(self): pass
    def getParameters(self): return []
    def getGradParameters(self): return []
    def train(self): self.training = True
    def evaluate(self): self.training = False
