import numpy as np


def stable_softmax(x):
    e = np.exp(x - np.max(x, axis=-1, keepdims=True))
    return e / np.sum(e, axis=-1, keepdims=True)


class Module:
    training = True
    output = gradInput = None

    def forward(self, x):
        return self.updateOutput(x)

    def backward(self, x, gradOutput):
        self.updateGradInput(x, gradOutput)
        self.accGradParameters(x, gradOutput)
        return self.gradInput

    def accGradParameters(self, x, gradOutput): pass
    def zeroGradParameters(self): pass
    def getParameters(self): return []
    def getGradParameters(self): return []
    def train(self): self.training = True
    def evaluate(self): self.training = False


class LogSoftMax(Module):
    def updateOutput(self, x):
        self.output = np.log(stable_softmax(x))
        return self.output

    def updateGradInput(self, x, gradOutput):
        self.gradInput = gradOutput - stable_softmax(x) * gradOutput.sum(axis=1, keepdims=True)
        return self.gradInput
