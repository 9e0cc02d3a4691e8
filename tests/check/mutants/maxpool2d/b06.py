import numpy as np


class MaxPool2d:
    def __init__(self, kernel_size, stride=None, padding=0):
        self.kernel_size = (kernel_size, kernel_size) if isinstance(kernel_size, int) else kernel_size
        if stride is None:
            stride = self.kernel_size
        self.stride = (stride, stride) if isinstance(stride, int) else stride
        self.padding = (padding, padding) if isinstance(padding, int) else padding

    def forward(self, input):
        return self.updateOutput(input)

    def backward(self, input, gradOutput):
        return self.updateGradInput(input, gradOutput)

    def get_window(self, size, axis, i):
        start = i * self.stride[axis] - self.padding[axis]
        return max(start, 0), min(start + self.kernel_size[axis], size)

    def updateOutput(self, input):
        N, C, H, W = input.shape
        oh, ow = [(size + 2 * p - k) // s + 1
                  for size, p, k, s in zip((H, W), self.padding, self.kernel_size, self.stride)]
        self.output = np.zeros((N, C, oh, ow))
        self.max_indices = np.zeros((N, C, oh, ow), dtype=int)
        for i in range(oh):
            y0, y1 = self.get_window(H, 0, i)
            for j in range(ow):
                x0, x1 = self.get_window(W, 1, j)
                for n in range(N):
                    for c in range(C):
                        w = input[n, c, y0:y1, x0:x1]
                        dy, dx = divmod(int(w.argmax()), x1 - x0)
                        self.output[n, c, i, j] = w[dy, dx]
                        self.max_indices[n, c, i, j] = (y0 + dy) * W + x0 + dx
        return self.output

    def updateGradInput(self, input, gradOutput):
        N, C, H, W = input.shape
        self.gradInput = np.zeros((N, C, H * W))
        for n, c, i, j in np.ndindex(*gradOutput.shape):
            self.gradInput[n, c, self.max_indices[n, c, i, j]] = gradOutput[n, c, i, j]
        self.gradInput = self.gradInput.reshape(N, C, H, W)
        return self.gradInput

    def accGradParameters(self, input, gradOutput):
        pass
