import numpy as np


class GlobalMaxPool2d(object):
    training = True

    def updateOutput(self, input):
        self.output = np.maximum.reduce(input, axis=(-2, -1))
        return self.output

    def updateGradInput(self, input, gradOutput):
        top = input.max(axis=(-2, -1), keepdims=True)
        share = (input == top).astype(gradOutput.dtype)
        share /= share.sum(axis=(-2, -1), keepdims=True)
        self.gradInput = np.einsum('nchw,nc->nchw', share, gradOutput)
        return self.gradInput

    def accGradParameters(self, input, gradOutput):
        pass

    def forward(self, input):
        return self.updateOutput(input)

    def backward(self, input, gradOutput):
        self.updateGradInput(input, gradOutput)
        self.accGradParameters(input, gradOutput)
        return self.gradInput
