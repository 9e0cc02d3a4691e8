import numpy as np


class GlobalMaxPool2d(object):
    def forward(self, input):
        return self.updateOutput(input)

    def backward(self, input, gradOutput):
        return self.updateGradInput(input, gradOutput)

    def updateOutput(self, input):
        self.output = input.max(axis=(2, 3), keepdims=True)
        return self.output

    def updateGradInput(self, input, gradOutput):
        gradOutput = gradOutput.reshape(input.shape[0], input.shape[1], 1, 1)
        mask = (input == input.max(axis=(2, 3), keepdims=True)).astype(input.dtype)
        mask /= mask.sum(axis=(2, 3), keepdims=True)
        self.gradInput = mask * gradOutput
        return self.gradInput

    def __repr__(self):
        return "GlobalMaxPool2d"
