import numpy as np


class ReLU(object):
    def __init__(self):
        self.mask = None
        self.training = True

    def updateOutput(self, input):
        if self.mask is None or self.mask.shape != input.shape:
            self.mask = (input > 0).astype(input.dtype)
        self.output = np.maximum(0, input)
        return self.output

    def updateGradInput(self, input, gradOutput):
        self.gradInput = gradOutput * self.mask
        return self.gradInput

    def forward(self, input):
        return self.updateOutput(input)

    def backward(self, input, gradOutput):
        return self.updateGradInput(input, gradOutput)

    def getParameters(self):
        return []

    def getGradParameters(self):
        return []
