import numpy as np


class Linear:
    def __init__(self, in_features, out_features):
        k = in_features ** -0.5
        rng = np.random.default_rng()
        self.W = rng.uniform(-k, k, (out_features, in_features))
        self.b = rng.uniform(-k, k, out_features)
        self.gradW = np.zeros_like(self.W)
        self.gradb = np.zeros_like(self.b)
        self.training = True

    def forward(self, x):
        return self.updateOutput(x)

    def backward(self, x, dy):
        dx = self.updateGradInput(x, dy)
        self.accGradParameters(x, dy)
        return dx

    def updateOutput(self, x):
        rows = []
        for sample in x:
            rows.append([float(np.dot(w, sample)) + bias for w, bias in zip(self.W, self.b)])
        self.output = np.array(rows)
        return self.output

    def updateGradInput(self, x, dy):
        self.gradInput = np.zeros(x.shape)
        for n in range(x.shape[0]):
            for o in range(self.W.shape[0]):
                self.gradInput[n] += dy[n, o] * self.W[o]
        return self.gradInput

    def accGradParameters(self, x, dy):
        for xi, di in zip(x, dy):
            self.gradW += np.outer(di, xi)
            self.gradb += di

    def zeroGradParameters(self):
        self.gradW[:] = 0
        self.gradb[:] = 0

    def getParameters(self):
        return [self.W, self.b]

    def getGradParameters(self):
        return [self.gradW, self.gradb]
