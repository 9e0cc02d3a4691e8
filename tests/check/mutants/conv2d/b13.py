import numpy as np
import torch
import torch.nn.functional as F


class Conv2d:
    def __init__(self, in_channels, out_channels, kernel_size, stride=1, padding=0, bias=True, padding_mode='zeros'):
        self.conv = torch.nn.Conv2d(in_channels, out_channels, kernel_size, stride=stride, padding=padding,
                                    bias=bias, padding_mode=padding_mode).double()
        with torch.no_grad():
            fan_in = self.conv.weight[0].numel()
            self.conv.weight.normal_(0, (2 / fan_in) ** 0.5)
            if bias:
                self.conv.bias.zero_()
        self.W = self.conv.weight.detach().numpy()
        self.b = self.conv.bias.detach().numpy() if bias else None
        self.gradW = np.zeros_like(self.W)
        self.gradb = np.zeros_like(self.b) if bias else None

    def forward(self, input):
        return self.updateOutput(input)

    def backward(self, input, gradOutput):
        self.updateGradInput(input, gradOutput)
        self.accGradParameters(input, gradOutput)
        return self.gradInput

    def updateOutput(self, input):
        with torch.no_grad():
            self.output = self.conv(torch.from_numpy(np.asarray(input, dtype=np.float64))).numpy()
        return self.output

    def _grads(self, input, gradOutput):
        x = torch.tensor(input, dtype=torch.float64, requires_grad=True)
        return torch.autograd.grad(self.conv(x), [x, *self.conv.parameters()], torch.tensor(gradOutput))

    def updateGradInput(self, input, gradOutput):
        self.gradInput = self._grads(input, gradOutput)[0].numpy()
        return self.gradInput

    def accGradParameters(self, input, gradOutput):
        for acc, g in zip(self.getGradParameters(), self._grads(input, gradOutput)[1:]):
            acc += g.numpy()

    def zeroGradParameters(self):
        for g in self.getGradParameters():
            g.fill(0)

    def getParameters(self):
        return [self.W] if self.b is None else [self.W, self.b]

    def getGradParameters(self):
        return [self.gradW] if self.gradb is None else [self.gradW, self.gradb]
