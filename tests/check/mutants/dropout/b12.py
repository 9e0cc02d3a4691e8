import numpy as np


class Module:
    training = True
    output = None
    gradInput = None

    def forward(self, input):
        return self.updateOutput(input)

    def backward(self, input, gradOutput):
        self.updateGradInput(input, gradOutput)
        self.accGradParameters(input, gradOutput)
        return self.gradInput

    def accGradParameters(self, input, gradOutput):
        pass

    def train(self):
        self.training = True

    def evaluate(self):
        self.training = False


class Dropout(Module):
    def __init__(self, p=0.5):
        self.p = p
        self.mask = None

    def updateOutput(self, input):
        if self.training:
            if self.mask is None or self.mask.shape != input.shape:
                self.mask = np.random.rand(*input.shape) > self.p
            self.output = input * self.mask / (1 - self.p)
        else:
            self.output = input
        return self.output

    def updateGradInput(self, input, gradOutput):
        if self.training:
            self.gradInput = gradOutput * self.mask / (1 - self.p)
        else:
            self.gradInput = gradOutput
        return self.gradInput
