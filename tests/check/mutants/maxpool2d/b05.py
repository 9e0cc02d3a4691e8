import numpy as np


class MaxPool2d:
    """max pooling, padding = -inf"""

    def __init__(self, kernel_size, stride=None, padding=0):
        kernel_size, padding = [v if isinstance(v, (tuple, list)) else (v, v) for v in (kernel_size, padding)]
        self.kernel_size, self.padding = kernel_size, padding
        if stride is None:
            self.stride = kernel_size
        else:
            self.stride = stride if isinstance(stride, (tuple, list)) else (stride, stride)

    def updateOutput(self, input):
        ph, pw = self.padding
        (kh, kw), (sh, sw) = self.kernel_size, self.stride
        self.x = np.pad(input, ((0, 0), (0, 0), (ph, ph), (pw, pw)), 'constant', constant_values=-np.inf)
        H, W = self.x.shape[2:]
        oh, ow = 1 + (H - kh) // sh, 1 + (W - kw) // sw
        planes = [self.x[:, :, a:a + sh * (oh - 1) + 1:sh, b:b + sw * (ow - 1) + 1:sw]
                  for a in range(kh) for b in range(kw)]
        planes = np.stack(planes)
        self.max_indices = planes.argmax(axis=0)
        self.output = planes.max(axis=0)
        return self.output

    def updateGradInput(self, input, gradOutput):
        (kh, kw), (sh, sw) = self.kernel_size, self.stride
        oh, ow = gradOutput.shape[2:]
        self.gradInput = np.zeros_like(self.x)
        for a in range(kh):
            for b in range(kw):
                hit = self.max_indices == a * kw + b
                self.gradInput[:, :, a:a + sh * (oh - 1) + 1:sh, b:b + sw * (ow - 1) + 1:sw] += gradOutput * hit
        return self.gradInput

    def forward(self, input):
        return self.updateOutput(input)

    def backward(self, input, gradOutput):
        return self.updateGradInput(input, gradOutput)

    def accGradParameters(self, input, gradOutput):
        pass
