import numpy as np


class Dropout:
    def __init__(self, p=0.5):
        self.p = p
        self.training = True

    def updateOutput(self, input):
        if self.training:
            mask = np.random.rand(*input.shape) > self.p
            self.output = input * mask / (1 - self.p)
        else:
            self.output = input
        return self.output

    def updateGradInput(self, input, gradOutput):
        if self.training:
            self.gradInput = gradOutput / (1 - self.p)
        else:
            self.gradInput = gradOutput
        return self.gradInput

    def accGradParameters(self, input, gradOutput):
        return None

    def forward(self, input):
        return self.updateOutput(input)

    def backward(self, input, gradOutput):
        self.updateGradInput(input, gradOutput)
        self.accGradParameters(input, gradOutput)
        return self.gradInput

    def train(self):
        self.training = True

    def evaluate(self):
        self.training = False
