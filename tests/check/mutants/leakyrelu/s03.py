import numpy as np


class LeakyReLU:
    def __init__(self, slope=0.3):
        self.slope = slope
        self.output = self.gradInput = None
        self.training = True

    def forward(self, inp):
        return self.updateOutput(inp)

    def backward(self, inp, grad):
        return self.updateGradInput(inp, grad)

    def updateOutput(self, inp):
        self.output = inp.copy()
        self.output[inp < 0] *= self.slope
        return self.output

    def updateGradInput(self, inp, grad):
        self.gradInput = np.array(grad)
        self.gradInput[inp <= 0] *= self.slope
        return self.gradInput

    def accGradParameters(self, inp, grad): pass
    def zeroGradParameters(self): pass
    def getParameters(self): return []
    def getGradParameters(self): return []
