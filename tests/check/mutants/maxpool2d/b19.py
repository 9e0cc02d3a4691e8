import numpy as np


def pair(v):
    return v if isinstance(v, tuple) else (v, v)


class Pool:
    pad_value = 0.

    def __init__(self, kernel_size, stride=None, padding=0):
        self.k, self.p = pair(kernel_size), pair(padding)
        self.s = self.k if stride is None else pair(stride)
        self.training = True

    def pad(self, x):
        (ph, pw) = self.p
        return np.pad(x, ((0, 0), (0, 0), (ph, ph), (pw, pw)), constant_values=self.pad_value)

    def crop(self, x, shape):
        (ph, pw) = self.p
        return x[:, :, ph:ph + shape[2], pw:pw + shape[3]]

    def out(self, x):
        return [(n - k) // s + 1 for n, k, s in zip(x.shape[2:], self.k, self.s)]

    def forward(self, input):
        return self.updateOutput(input)

    def backward(self, input, gradOutput):
        return self.updateGradInput(input, gradOutput)


class MaxPool2d(Pool):
    pad_value = -np.inf

    def places(self, x):
        oh, ow = self.out(x)
        return [(slice(i * self.s[0], i * self.s[0] + self.k[0]), slice(j * self.s[1], j * self.s[1] + self.k[1]))
                for j in range(ow) for i in range(oh)]

    def updateOutput(self, input):
        x = self.pad(input)
        n, c = x.shape[:2]
        w = np.stack([x[:, :, a, b].reshape(n, c, -1) for a, b in self.places(x)], axis=2)
        self.max_indices = w.argmax(axis=-1)
        self.output = w.max(axis=-1).reshape(n, c, *self.out(x))
        return self.output

    def updateGradInput(self, input, gradOutput):
        grad = np.zeros(self.pad(input).shape)
        n, c = input.shape[:2]
        g = gradOutput.reshape(n, c, -1)
        for t, (a, b) in enumerate(self.places(grad)):
            hit = np.arange(self.k[0] * self.k[1]) == self.max_indices[:, :, t, None]
            grad[:, :, a, b] += (hit * g[:, :, t, None]).reshape(n, c, *self.k)
        self.gradInput = self.crop(grad, input.shape)
        return self.gradInput


class AvgPool2d(Pool):
    def updateOutput(self, input):
        w = np.lib.stride_tricks.sliding_window_view(self.pad(input), self.k, axis=(2, 3))
        self.output = w[:, :, ::self.s[0], ::self.s[1]].mean(axis=(4, 5))
        return self.output

    def updateGradInput(self, input, gradOutput):
        grad = np.zeros(self.pad(input).shape)
        for i, j in np.ndindex(*gradOutput.shape[2:]):
            a, b = i * self.s[0], j * self.s[1]
            grad[:, :, a:a + self.k[0], b:b + self.k[1]] += gradOutput[:, :, i:i + 1, j:j + 1] / np.prod(self.k)
        self.gradInput = self.crop(grad, input.shape)
        return self.gradInput
