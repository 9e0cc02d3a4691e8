import numpy as np


class ReLU:
    def __init__(self):
        self.output = None
        self.gradInput = None

    def forward(self, input):
        return self.updateOutput(input)

    def backward(self, input, gradOutput):
        return self.updateGradInput(input, gradOutput)

    def updateOutput(self, input):
        self.output = input * (input > 0)
        return self.output

    def updateGradInput(self, input, gradOutput):
        self.gradInput = gradOutput
        self.gradInput[input <= 0] = 0
        return self.gradInput

    def zeroGradParameters(self):
        pass

    def getParameters(self):
        return []

    def getGradParameters(self):
        return []
