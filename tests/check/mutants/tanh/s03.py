import torch
from torch import nn


class TanhFn(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        y = 2 / (1 + torch.exp(-2 * x)) - 1
        ctx.save_for_backward(x)
        return y

    @staticmethod
    def backward(ctx, grad):
        y, = ctx.saved_tensors
        return grad * (1 - y * y)


class Tanh(nn.Module):
    def forward(self, x):
        return TanhFn.apply(x)
