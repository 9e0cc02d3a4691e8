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
    def train(self):
        self.training = True
    def evaluate(self):
        self.training = False

class Dropout(Module):
    def __init__(self, p=0.5):
        super(Dropout, self).__init__()
        self.p = p
        self.mask = None

    def updateOutput(self, input):
        self.mask = np.random.uniform(size=input.shape) > self.p
        self.output = np.multiply(input, self.mask) / (1.0 - self.p)
        return self.output

    def updateGradInput(self, input, gradOutput):
        self.gradInput = np.multiply(gradOutput, self.mask) / (1.0 - self.p)
        return self.gradInput

    def __repr__(self):
        return "Dropout"
