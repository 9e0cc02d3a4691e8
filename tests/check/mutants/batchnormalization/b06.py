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

class BatchNormalization(Module):
    EPS = 1e-3
    def __init__(self, alpha = 0.):
        super(BatchNormalization, self).__init__()
        self.alpha = alpha
        self.moving_mean = None
        self.moving_variance = None

    def updateOutput(self, input):
        if self.training:
            self.batch_mean = input.mean(axis=0)
            self.batch_var = input.var(axis=0)
            if self.moving_mean is None:
                self.moving_mean = self.batch_mean
                self.moving_variance = self.batch_var
            self.moving_mean = self.alpha * self.moving_mean + (1 - self.alpha) * self.batch_mean
            self.moving_variance = self.alpha * self.moving_variance + (1 - self.alpha) * self.batch_var
            self.output = (input - self.batch_mean) / np.sqrt(self.batch_var + self.EPS)
        else:
            self.output = (input - self.moving_mean) / np.sqrt(self.moving_variance + self.EPS)
        return self.output

    def updateGradInput(self, input, gradOutput):
        if self.training:
            m = len(input)
            std = np.sqrt(self.batch_var + self.EPS)
            x_hat = (input - self.batch_mean) / std
            self.gradInput = (m * gradOutput - gradOutput.sum(0) - x_hat * (gradOutput * x_hat).sum(0)) / (m * std)
        else:
            self.gradInput = gradOutput / np.sqrt(self.moving_variance + self.EPS)
        return self.gradInput

    def __repr__(self):
        return "BatchNormalization"
