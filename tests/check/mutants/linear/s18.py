import numpy as np


class Linear:
    def __init__(self, in_features, out_features):
        self.shape = (out_features, in_features)
        k = in_features ** -0.5
        self.W = np.random.uniform(-k, k, self.shape)
        self.b = np.random.uniform(-k, k, out_features)
        self.gradW, self.gradb = np.zeros(self.shape), np.zeros(out_features)
        self.training = True

    def forward(self, x):
        self.output = x.dot(self.W.T) + self.b
        return self.output

    def updateOutput(self, x):
        return self.forward(x)

    def updateGradInput(self, x, grad):
        self.gradInput = grad.dot(self.W)
        return self.gradInput

    def accGradParameters(self, x, grad):
        n_out, n_in = self.shape
        for i in range(n_out):
            for j in range(n_in):
                self.gradW[i, j] = np.dot(grad[:, i], x[:, j])
            self.gradb[i] = grad[:, i].sum()

    def backward(self, x, grad):
        self.accGradParameters(x, grad)
        return self.updateGradInput(x, grad)

    def zeroGradParameters(self):
        self.gradW.fill(0)
        self.gradb.fill(0)

    def getParameters(self):
        return [self.W, self.b]

    def getGradParameters(self):
        return [self.gradW, self.gradb]
