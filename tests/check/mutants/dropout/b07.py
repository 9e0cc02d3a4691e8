import numpy as np


class Dropout:
    def __init__(self, p=0.5):
        self.p = p
        self.mask = None
        self.training = True
        self.output = None
        self.gradInput = None

    def updateOutput(self, input):
        if self.training:
            rng = np.random.default_rng()
            self.mask = rng.random(input.shape) >= self.p
            self.output = np.where(self.mask, input / (1 - self.p), 0)
        else:
            self.output = input
        return self.output

    def updateGradInput(self, input, gradOutput):
        if self.training:
            self.gradInput = np.where(self.mask, gradOutput, 0)
        else:
            self.gradInput = gradOutput
        return self.gradInput

    def accGradParameters(self, input, gradOutput):
        pass

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
