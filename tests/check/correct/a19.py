import numpy as np


class ELU:
    def __init__(self, alpha=1.0):
        self.alpha = alpha
        self.output = None
        self.gradInput = None
        self.training = True

    def forward(self, input):
        return self.updateOutput(input)

    def backward(self, input, gradOutput):
        return self.updateGradInput(input, gradOutput)

    def updateOutput(self, input):
        self.output = input.copy()
        neg = input < 0
        self.output[neg] = self.alpha * (np.exp(input[neg]) - 1)
        return self.output

    def updateGradInput(self, input, gradOutput):
        self.gradInput = gradOutput.copy()
        neg = input <= 0
        self.gradInput[neg] = gradOutput[neg] * self.alpha * np.exp(input[neg])
        return self.gradInput

    def getParameters(self):
        return []

    def getGradParameters(self):
        return []
