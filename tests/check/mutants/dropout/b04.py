import numpy as np


class Dropout:
    def __init__(self, p=0.5):
        self.p = p
        self.mask = None
        self.training = True

    def train(self):
        self.training = True

    def evaluate(self):
        self.training = False

    def updateOutput(self, input):
        # в режиме инференса ничего не делаем
        self.output = input
        if self.training:
            self.mask = np.random.random(input.shape) < self.p
            self.output = input * self.mask / (1 - self.p)
        return self.output

    def updateGradInput(self, input, gradOutput):
        self.gradInput = gradOutput
        if self.training:
            self.gradInput = gradOutput * self.mask / (1 - self.p)
        return self.gradInput

    def accGradParameters(self, input, gradOutput):
        pass

    def forward(self, input):
        return self.updateOutput(input)

    def backward(self, input, gradOutput):
        self.updateGradInput(input, gradOutput)
        self.accGradParameters(input, gradOutput)
        return self.gradInput
