import numpy as np


class ELU:
    def __init__(self, alpha=1):
        self.alpha = alpha

    def forward(self, input):
        return self.updateOutput(input)

    def backward(self, input, gradOutput):
        self.updateGradInput(input, gradOutput)
        return self.gradInput

    def updateOutput(self, input):
        self.output = np.array(input, dtype=float)
        neg = input <= 0
        self.output[neg] = self.alpha * np.exp(input[neg]) - 1
        return self.output

    def updateGradInput(self, input, gradOutput):
        self.gradInput = np.array(gradOutput, dtype=float)
        neg = input <= 0
        self.gradInput[neg] *= self.alpha * np.exp(input[neg])
        return self.gradInput

    def getParameters(self):
        return []

    def getGradParameters(self):
        return []
