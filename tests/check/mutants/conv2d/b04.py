import numpy as np
from numpy.lib.stride_tricks import sliding_window_view


def corr_same(x, w):
    """x (N, A, H, W), w (B, A, k, k) -> (N, B, H, W)"""
    p = w.shape[-1] // 2
    x = np.pad(x, ((0, 0), (0, 0), (p, p), (p, p)))
    win = sliding_window_view(x, w.shape[2:], axis=(2, 3))
    return np.tensordot(win, w, axes=([1, 4, 5], [1, 2, 3])).transpose(0, 3, 1, 2)


class Conv2d:
    def __init__(self, in_channels, out_channels, kernel_size):
        assert kernel_size % 2 == 1
        bound = 1 / np.sqrt(in_channels)
        self.W = np.random.uniform(-bound, bound, (out_channels, in_channels, kernel_size, kernel_size))
        self.b = np.random.uniform(-bound, bound, out_channels)
        self.gradW = np.zeros_like(self.W)
        self.gradb = np.zeros_like(self.b)
        self.output = None
        self.gradInput = None

    def forward(self, input):
        return self.updateOutput(input)

    def backward(self, input, gradOutput):
        self.updateGradInput(input, gradOutput)
        self.accGradParameters(input, gradOutput)
        return self.gradInput

    def updateOutput(self, input):
        self.output = corr_same(input, self.W) + self.b.reshape(1, -1, 1, 1)
        return self.output

    def updateGradInput(self, input, gradOutput):
        # тот же corr, только каналы меняются местами
        self.gradInput = corr_same(gradOutput, self.W.transpose(1, 0, 2, 3))
        return self.gradInput

    def accGradParameters(self, input, gradOutput):
        p = self.W.shape[-1] // 2
        xp = np.pad(input, ((0, 0), (0, 0), (p, p), (p, p)))
        win = sliding_window_view(xp, gradOutput.shape[2:], axis=(2, 3))
        self.gradW += np.einsum('nohw,ncijhw->ocij', gradOutput, win)
        self.gradb += gradOutput.sum(axis=(0, 2, 3))

    def zeroGradParameters(self):
        self.gradW.fill(0)
        self.gradb.fill(0)

    def getParameters(self):
        return [self.W, self.b]

    def getGradParameters(self):
        return [self.gradW, self.gradb]
