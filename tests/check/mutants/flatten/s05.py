import numpy as np


class Flatten(object):
    def __init__(self):
        self.output = None
        self.gradInput = None

    def forward(self, input):
        return self.updateOutput(input)

    def backward(self, input, gradOutput):
        return self.updateGradInput(input, gradOutput)

    def updateOutput(self, input):
        self.output = input.reshape((input.shape[0], int(np.prod(input.shape[1:]))))

    def updateGradInput(self, input, gradOutput):
        self.gradInput = gradOutput.reshape(input.shape)
        return self.gradInput

    def getParameters(self):
        return []

    def getGradParameters(self):
        return []
