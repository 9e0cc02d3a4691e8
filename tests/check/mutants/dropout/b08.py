import numpy as np


class Dropout:
    def __init__(self, p=0.3):
        self.p = p
        self.training = True

    def updateOutput(self, input):
        if self.training and self.p > 0:
            self.mask = (np.random.rand(*input.shape) > self.p).astype(input.dtype)
            self.output = self.mask * input / self.p
        else:
            self.mask = None
            self.output = input
        return self.output

    def updateGradInput(self, input, gradOutput):
        if self.mask is not None:
            self.gradInput = self.mask * gradOutput / self.p
        else:
            self.gradInput = gradOutput
        return self.gradInput

    def accGradParameters(self, input, gradOutput):
        pass

    def forward(self, input):
        return self.updateOutput(input)

    def backward(self, input, gradOutput):
        return self.updateGradInput(input, gradOutput)

    def train(self):
        self.training = True

    def evaluate(self):
        self.training = False
