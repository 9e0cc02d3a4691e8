import numpy as np


class LeakyReLU(object):
    def __init__(self, slope=0.01):
        self.slope = slope

    def updateOutput(self, input):
        self.output = input * ((input > 0) + self.slope * (input <= 0))
        return self.output

    def updateGradInput(self, input, gradOutput):
        k = (input > 0) + self.slope * (input <= 0)
        self.gradInput = gradOutput * k

    def forward(self, input):
        return self.updateOutput(input)

    def backward(self, input, gradOutput):
        return self.updateGradInput(input, gradOutput)

    def getParameters(self):
        return []

    def getGradParameters(self):
        return []
