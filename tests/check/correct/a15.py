import numpy as np


class Module(object):
    # базовый класс из условия
    def __init__(self):
        self.output, self.gradInput, self.training = None, None, True

    def forward(self, input):
        """Прямой проход"""
        return self.updateOutput(input)

    def backward(self, input, gradOutput):
        """Обратный проход: сначала по входу, потом по параметрам"""
        self.updateGradInput(input, gradOutput)
        self.accGradParameters(input, gradOutput)
        return self.gradInput

    def updateOutput(self, input): pass
    def updateGradInput(self, input, gradOutput): pass
    def accGradParameters(self, input, gradOutput): pass
    def zeroGradParameters(self): pass
    def getParameters(self): return []
    def getGradParameters(self): return []
    def train(self): self.training = True
    def evaluate(self): self.training = False


class ReLU(Module):
    """max(0, x) поэлементно"""
    def updateOutput(self, input):
        self.output = np.empty_like(input)
        src = input.reshape(-1)
        dst = self.output.reshape(-1)
        for i in range(src.size):
            dst[i] = src[i] if src[i] > 0 else 0
        self.output = dst.reshape(input.shape)
        return self.output

    def updateGradInput(self, input, gradOutput):
        self.gradInput = np.zeros_like(gradOutput)
        np.copyto(self.gradInput, gradOutput, where=input > 0)
        return self.gradInput
