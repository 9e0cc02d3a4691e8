import numpy as np


class MaxPool2d:
    def __init__(self, kernel_size, stride=None, padding=0):
        self.kernel_size = kernel_size if isinstance(kernel_size, tuple) else (kernel_size, kernel_size)
        self.stride = stride if stride is not None else kernel_size
        self.padding = padding if isinstance(padding, tuple) else (padding, padding)

    def updateOutput(self, input):
        kh, kw = self.kernel_size
        ph, pw = self.padding
        n, c = input.shape[:2]
        x = np.pad(input, ((0, 0), (0, 0), (ph, ph), (pw, pw)), constant_values=-np.inf)
        oh, ow = x.shape[2] // kh, x.shape[3] // kw
        x = x[:, :, :oh * kh, :ow * kw]
        x = x.reshape(n, c, oh, kh, ow, kw).swapaxes(3, 4).reshape(n, c, oh, ow, kh * kw)
        self.max_indices = x.argmax(-1)
        self.output = x.max(-1)
        return self.output

    def updateGradInput(self, input, gradOutput):
        kh, kw = self.kernel_size
        ph, pw = self.padding
        n, c, oh, ow = gradOutput.shape
        onehot = np.eye(kh * kw)[self.max_indices]
        blocks = (onehot * gradOutput[..., None]).reshape(n, c, oh, ow, kh, kw).swapaxes(3, 4)
        grad = np.zeros((n, c, input.shape[2] + 2 * ph, input.shape[3] + 2 * pw))
        grad[:, :, :oh * kh, :ow * kw] = blocks.reshape(n, c, oh * kh, ow * kw)
        self.gradInput = grad[:, :, ph:ph + input.shape[2], pw:pw + input.shape[3]]
        return self.gradInput

    def accGradParameters(self, input, gradOutput):
        pass

    def forward(self, input):
        return self.updateOutput(input)

    def backward(self, input, gradOutput):
        self.updateGradInput(input, gradOutput)
        self.accGradParameters(input, gradOutput)
        return self.gradInput
