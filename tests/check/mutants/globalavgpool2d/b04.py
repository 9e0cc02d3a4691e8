import numpy as np


class GlobalAvgPool2d:
    def __init__(self):
        self.axes = (1, 2)

    def forward(self, input):
        return self.updateOutput(input)

    def backward(self, input, gradOutput):
        return self.updateGradInput(input, gradOutput)

    def updateOutput(self, input):
        self.output = input.mean(axis=self.axes)
        return self.output

    def updateGradInput(self, input, gradOutput):
        grad = np.expand_dims(gradOutput, self.axes)
        count = input.shape[1] * input.shape[2]
        self.gradInput = grad * np.ones(input.shape) / count
        return self.gradInput

    def accGradParameters(self, input, gradOutput):
        pass
