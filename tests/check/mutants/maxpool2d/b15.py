import numpy as np


class MaxPool2d:
    def __init__(self, kernel_size, stride=None, padding=0):
        f = lambda v: (v, v) if isinstance(v, int) else v
        self.k = f(kernel_size)
        self.s = f(stride) if stride is not None else self.k
        self.p = f(padding)

    def forward(self, input):
        return self.updateOutput(input)

    def backward(self, input, gradOutput):
        return self.updateGradInput(input, gradOutput)

    def updateOutput(self, input):
        (kh, kw), (sh, sw), (ph, pw) = self.k, self.s, self.p
        self.x = np.pad(input, [(0, 0), (0, 0), (ph, ph), (pw, pw)], constant_values=-np.inf)
        self.tops = list(range(0, self.x.shape[2] - kh, sh))
        self.lefts = list(range(0, self.x.shape[3] - kw, sw))
        self.output = np.zeros(input.shape[:2] + (len(self.tops), len(self.lefts)))
        for i, t in enumerate(self.tops):
            for j, l in enumerate(self.lefts):
                self.output[:, :, i, j] = self.x[:, :, t:t + kh, l:l + kw].max(axis=(-2, -1))
        return self.output

    def updateGradInput(self, input, gradOutput):
        (kh, kw), (ph, pw) = self.k, self.p
        N, C, H, W = input.shape
        g = np.zeros_like(self.x)
        for i, t in enumerate(self.tops):
            for j, l in enumerate(self.lefts):
                w = self.x[:, :, t:t + kh, l:l + kw].reshape(N * C, -1)
                first = np.zeros_like(w)
                first[np.arange(N * C), w.argmax(axis=1)] = gradOutput[:, :, i, j].ravel()
                g[:, :, t:t + kh, l:l + kw] += first.reshape(N, C, kh, kw)
        self.gradInput = g[:, :, ph:ph + H, pw:pw + W]
        return self.gradInput
