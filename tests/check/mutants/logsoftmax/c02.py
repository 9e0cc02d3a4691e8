import numpy as np


class LogSoftMax(object):
    def __init__(self):
        self.training = True
        self.output = None
        self.gradInput = None

    def updateOutput(self, input):
        m = np.max(input, axis=1, keepdims=True)
        lse = m + np.log(np.sum(np.exp(input - m), axis=1, keepdims=True))
        self.output = input - lse
        return self.output

    def updateGradInput(self, input, gradOutput):
        self.gradInput = gradOutput - np.exp(self.updateOutput(input))
        return self.gradInput

    def accGradParameters(self, input, gradOutput):
        pass

    def forward(self, input):
        return self.updateOutput(input)

    def backward(self, input, gradOutput):
        return self.updateGradInput(input, gradOutput)

    def zeroGradParameters(self): pass
    def getParameters(self): return []
    def getGradParameters(self): return []
    def train(self): self.training = True
    def evaluate(self): self.training = False
