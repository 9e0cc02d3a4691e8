import numpy as np


class Module(object):
    def __init__(self):
        self.output = None
        self.gradInput = None
        self.training = True

    def forward(self, input):
        return self.updateOutput(input)

    def backward(self, input, gradOutput):
        self.updateGradInput(input, gradOutput)
        self.accGradParameters(input, gradOutput)
        return self.gradInput

    def accGradParameters(self, input, gradOutput):
        pass

    def zeroGradParameters(self):
        pass

    def getParameters(self):
        return []

    def getGradParameters(self):
        return []

    def train(self):
        self.training = True

    def evaluate(self):
        self.training = False


class Dropout(Module):
    def __init__(self, p=0.5):
        super(Dropout, self).__init__()
        if p < 0 or p >= 1:
            raise ValueError('p вне [0, 1)')
        self.p = p
        self.rng = np.random.default_rng()
        self.mask = None

    def updateOutput(self, input):
        if self.training and self.p > 0:
            self.mask = self.rng.choice([0., 1.], size=input.shape, p=[self.p, 1 - self.p])
            self.output = np.multiply(input, self.mask) / (1 - self.p)
        else:
            self.mask = None
            self.output = input.copy()
        return self.output

    def updateGradInput(self, input, gradOutput):
        if self.training and self.mask is not None:
            self.gradInput = gradOutput * self.mask / (1 - self.p)
        else:
            self.gradInput = gradOutput.copy()
        return self.gradInput
