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


def softmax(x):
    x = np.subtract(x, x.max(axis=1, keepdims=True))
    e = np.exp(x)
    return e / np.sum(e, axis=1, keepdims=True)


class LogSoftMax(Module):
    def updateOutput(self, input):
        self.output = np.log(softmax(input))
        return self.output

    def updateGradInput(self, input, gradOutput):
        p = softmax(input)
        self.gradInput = gradOutput - p * gradOutput.sum(axis=1, keepdims=True)
        return self.gradInput


class LogSoftmax(LogSoftMax):
    pass
