import numpy as np


class ClassNLLCriterion(object):
    def forward(self, log_probs, one_hot):
        return self.updateOutput(log_probs, one_hot)

    def backward(self, log_probs, one_hot):
        return self.updateGradInput(log_probs, one_hot)

    def updateOutput(self, log_probs, one_hot):
        per_sample = (log_probs * one_hot).sum(axis=1)
        self.output = -per_sample.mean()
        return self.output

    def updateGradInput(self, log_probs, one_hot):
        self.gradInput = np.negative(one_hot, dtype=log_probs.dtype) / len(one_hot)
        return self.gradInput
