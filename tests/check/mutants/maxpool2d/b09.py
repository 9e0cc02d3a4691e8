import numpy as np


class MaxPool2d:
    def __init__(self, kernel_size, stride=None, padding=0):
        self.kh, self.kw = kernel_size if isinstance(kernel_size, tuple) else (kernel_size, kernel_size)
        if stride is None:
            stride = (self.kh, self.kw)
        self.sh, self.sw = stride if isinstance(stride, tuple) else (stride, stride)
        self.ph, self.pw = padding if isinstance(padding, tuple) else (padding, padding)

    def pad(self, x):
        return np.pad(x, ((0, 0), (0, 0), (self.ph, self.ph), (self.pw, self.pw)), constant_values=-np.inf)

    def updateOutput(self, input):
        x = self.pad(input)
        N, C, H, W = x.shape
        OH, OW = (H - self.kh) // self.sh + 1, (W - self.kw) // self.sw + 1
        self.output = np.zeros((N, C, OH, OW))
        for i in range(OH):
            for j in range(OW):
                y, z = i * self.sh, j * self.sw
                self.output[:, :, i, j] = np.max(x[:, :, y:y + self.kh, z:z + self.kw], axis=(2, 3))
        return self.output

    def updateGradInput(self, input, gradOutput):
        x = self.pad(input)
        grad = np.zeros_like(x)
        for i in range(gradOutput.shape[2]):
            for j in range(gradOutput.shape[3]):
                y, z = i * self.sh, j * self.sw
                window = x[:, :, y:y + self.kh, z:z + self.kw]
                mask = window == window.max(axis=(2, 3), keepdims=True)
                grad[:, :, y:y + self.kh, z:z + self.kw] += mask * gradOutput[:, :, i:i + 1, j:j + 1]
        self.gradInput = grad[:, :, self.ph:self.ph + input.shape[2], self.pw:self.pw + input.shape[3]]
        return self.gradInput

    def forward(self, input):
        return self.updateOutput(input)

    def backward(self, input, gradOutput):
        return self.updateGradInput(input, gradOutput)
