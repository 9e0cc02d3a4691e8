import numpy as np


def two(v):
    return v if isinstance(v, tuple) else (v, v)


class AvgPool2d:
    def __init__(self, kernel_size, stride=None, padding=0):
        self.k, self.p = two(kernel_size), two(padding)
        self.s = two(stride) if stride is not None else self.k

    def out_size(self, n, axis):
        return int(np.ceil((n + 2 * self.p[axis] - self.k[axis]) / self.s[axis])) + 1

    def updateOutput(self, input):
        (kh, kw), (sh, sw), (ph, pw) = self.k, self.s, self.p
        x = np.pad(input, ((0, 0), (0, 0), (ph, ph), (pw, pw)))
        oh, ow = self.out_size(input.shape[2], 0), self.out_size(input.shape[3], 1)
        self.output = np.zeros(input.shape[:2] + (oh, ow))
        for i in range(oh):
            for j in range(ow):
                self.output[:, :, i, j] = x[:, :, i * sh:i * sh + kh, j * sw:j * sw + kw].sum(axis=(2, 3))
        self.output /= kh * kw
        return self.output

    def updateGradInput(self, input, gradOutput):
        (kh, kw), (sh, sw), (ph, pw) = self.k, self.s, self.p
        n, c, h, w = input.shape
        g = np.zeros((n, c, h + 2 * ph, w + 2 * pw))
        for i in range(gradOutput.shape[2]):
            for j in range(gradOutput.shape[3]):
                g[:, :, i * sh:i * sh + kh, j * sw:j * sw + kw] += gradOutput[:, :, i:i + 1, j:j + 1] / (kh * kw)
        self.gradInput = g[:, :, ph:ph + h, pw:pw + w]
        return self.gradInput

    def forward(self, input):
        return self.updateOutput(input)

    def backward(self, input, gradOutput):
        return self.updateGradInput(input, gradOutput)

    def accGradParameters(self, input, gradOutput):
        pass
