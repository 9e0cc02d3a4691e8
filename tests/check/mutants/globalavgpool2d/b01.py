import numpy as np


class GlobalAvgPool2d:
    def __init__(self):
        self.training = True
        self.output = None
        self.gradInput = None

    def updateOutput(self, input):
        self.output = input.mean(axis=(2, 3))
        return self.output

    def updateGradInput(self, input, gradOutput):
        self.gradInput = np.ones_like(input) * gradOutput[:, :, np.newaxis, np.newaxis]
        return self.gradInput

    def accGradParameters(self, input, gradOutput):
        pass

    def forward(self, input):
        return self.updateOutput(input)

    def backward(self, input, gradOutput):
        self.updateGradInput(input, gradOutput)
        self.accGradParameters(input, gradOutput)
        return self.gradInput
