import numpy as np


class GlobalAvgPool2d(object):
    def __init__(self):
        self.gradInput = None
        self.output = None

    def updateOutput(self, input):
        self.output = np.mean(input, axis=(2, 3))
        return self.output

    def updateGradInput(self, input, gradOutput):
        size = input.shape[2]
        self.gradInput = np.zeros(input.shape)
        self.gradInput += gradOutput[:, :, None, None] / size ** 2
        return self.gradInput

    def forward(self, input):
        return self.updateOutput(input)

    def backward(self, input, gradOutput):
        return self.updateGradInput(input, gradOutput)

    def __repr__(self):
        return "GlobalAvgPool2d"
