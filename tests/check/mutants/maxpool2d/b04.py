import numpy as np


class MaxPool2d:
    def __init__(self, kernel_size, stride=None, padding=0):
        if stride is None:
            stride = kernel_size
        self.kernel_size = kernel_size if isinstance(kernel_size, tuple) else (kernel_size,) * 2
        self.stride = stride if isinstance(stride, tuple) else (stride,) * 2
        self.padding = padding if isinstance(padding, tuple) else (padding,) * 2
        self.training = True

    def _pad(self, x):
        ph, pw = self.padding
        out = np.full((x.shape[0], x.shape[1], x.shape[2] + 2 * ph, x.shape[3] + 2 * pw), -np.inf)
        out[:, :, ph:ph + x.shape[2], pw:pw + x.shape[3]] = x
        return out

    def _regions(self, shape):
        kh, kw = self.kernel_size
        for i, top in enumerate(range(0, shape[2] - kh + 1, self.stride[0])):
            for j, left in enumerate(range(0, shape[3] - kw + 1, self.stride[1])):
                yield i, j, slice(top, top + kh), slice(left, left + kw)

    def updateOutput(self, input):
        x = self._pad(input)
        oh = (x.shape[2] - self.kernel_size[0]) // self.stride[0] + 1
        ow = (x.shape[3] - self.kernel_size[1]) // self.stride[1] + 1
        self.output = np.empty(x.shape[:2] + (oh, ow))
        for i, j, r, c in self._regions(x.shape):
            self.output[:, :, i, j] = x[:, :, r, c].max(axis=(2, 3))
        return self.output

    def updateGradInput(self, input, gradOutput):
        x = self._pad(input)
        grad = np.zeros_like(x)
        for i, j, r, c in self._regions(x.shape):
            window = x[:, :, r, c].reshape(x.shape[0], x.shape[1], -1)
            onehot = window.argmax(-1)[..., None] == np.arange(window.shape[-1])
            grad[:, :, r, c] += (onehot * gradOutput[:, :, i, j, None]).reshape(x[:, :, r, c].shape)
        self.gradInput = grad[:, :, :input.shape[2], :input.shape[3]]
        return self.gradInput

    def accGradParameters(self, input, gradOutput):
        pass

    def forward(self, input):
        return self.updateOutput(input)

    def backward(self, input, gradOutput):
        self.updateGradInput(input, gradOutput)
        return self.gradInput
