import numpy as np


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
    def _log_probs(self, x):
        m = np.amax(x, axis=1)[:, np.newaxis]
        return x - m - np.log(np.exp(x - m).sum(axis=1))[:, np.newaxis]

    def updateOutput(self, x):
        self.output = self._log_probs(x)
        return self.output

    def updateGradInput(self, x, gradOutput):
        total = np.sum(gradOutput, axis=1, keepdims=True)
        self.gradInput = gradOutput - np.exp(self._log_probs(x)) * total
        return self.gradInput


class SoftMax(LogSoftMax):
    def updateOutput(self, x):
        self.output = np.exp(self._log_probs(x))
        return self.output

    def updateGradInput(self, x, gradOutput):
        p = np.exp(self._log_probs(x))
        self.gradInput = super().updateGradInput(x, gradOutput * p)
        return self.gradInput
