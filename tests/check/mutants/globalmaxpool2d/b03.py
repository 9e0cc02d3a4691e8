import numpy as np


class Module:
    training = True

    def forward(self, input):
        return self.updateOutput(input)

    def backward(self, input, gradOutput):
        self.updateGradInput(input, gradOutput)
        self.accGradParameters(input, gradOutput)
        return self.gradInput

    def accGradParameters(self, input, gradOutput):
        pass


class GlobalMaxPool2d(Module):
    def updateOutput(self, input):
        n, c = input.shape[:2]
        flat = input.reshape(n, c, -1)
        self.output = flat.max(axis=2)
        self.max_mask = (flat == self.output[..., None]).reshape(input.shape)
        return self.output

    def updateGradInput(self, input, gradOutput):
        count = self.max_mask.sum(axis=(2, 3), keepdims=True)
        self.gradInput = self.max_mask / count
        return self.gradInput
