"""Right modules over torch."""

import torch
import torch.nn as nn
import torch.nn.functional as F
import math

class ReLUFn(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x): ctx.save_for_backward(x); return x.clamp(min=0)
    @staticmethod
    def backward(ctx, g): x, = ctx.saved_tensors; return g * (x > 0).to(g.dtype)
class ReLU_fn(nn.Module):
    def forward(self, x): return ReLUFn.apply(x)
class LinFn(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, w, b): ctx.save_for_backward(x, w); return x @ w.t() + b
    @staticmethod
    def backward(ctx, g):
        x, w = ctx.saved_tensors; return g @ w, g.t() @ x, g.sum(0)
class Linear_fn(nn.Module):
    def __init__(self, in_features, out_features):
        super().__init__(); self.weight = nn.Parameter(torch.empty(out_features, in_features)); self.bias = nn.Parameter(torch.zeros(out_features)); self.reset_parameters()
    def reset_parameters(self): nn.init.kaiming_uniform_(self.weight, a=math.sqrt(5))
    def forward(self, x): return LinFn.apply(x, self.weight, self.bias)
class Linear_t(nn.Module):
    def __init__(self, in_features, out_features, bias=True):
        super().__init__(); self.weight = nn.Parameter(torch.randn(out_features, in_features))
        if bias: self.bias = nn.Parameter(torch.zeros(out_features))
        else: self.register_parameter("bias", None)
    def forward(self, x):
        y = x @ self.weight.T
        return y if self.bias is None else y + self.bias
class Linear_tb(nn.Module):
    def __init__(self, in_features, out_features):
        super().__init__(); self.w = nn.Parameter(torch.randn(in_features, out_features)); self.b = nn.Parameter(torch.zeros(out_features)); self.register_buffer("one", torch.ones(1))
    def forward(self, x): return torch.einsum("ni,io->no", x, self.w) + self.b * self.one
class SoftMax_t(nn.Module):
    def __init__(self, dim=1): super().__init__(); self.dim = dim
    def forward(self, x):
        e = torch.exp(x - x.max(dim=self.dim, keepdim=True)[0]); return e / e.sum(dim=self.dim, keepdim=True)
class LogSoftMax_t(nn.Module):
    def forward(self, x): return x - torch.logsumexp(x, dim=1, keepdim=True)
class LeakyReLU_t(nn.Module):
    def __init__(self, negative_slope=0.01): super().__init__(); self.negative_slope = negative_slope
    def forward(self, x): return torch.where(x > 0, x, self.negative_slope * x)
class Gelu_t(nn.Module):
    def forward(self, x): return 0.5 * x * (1 + torch.erf(x / math.sqrt(2)))
class ELU_t(nn.Module):
    def __init__(self, alpha=1.0): super().__init__(); self.alpha = alpha
    def forward(self, x): return torch.where(x > 0, x, self.alpha * torch.expm1(torch.clamp(x, max=0)))
class SoftPlus_t(nn.Module):
    def forward(self, x): return torch.clamp(x, min=0) + torch.log1p(torch.exp(-x.abs()))
class Tanh_t(nn.Module):
    def forward(self, x): return torch.tanh(x)
class Sigmoid_t(nn.Module):
    def forward(self, input): return torch.sigmoid(input)
class Flatten_t(nn.Module):
    def __init__(self, start_dim=1, end_dim=-1): super().__init__(); self.s, self.e = start_dim, end_dim
    def forward(self, x):
        n = x.dim(); s, e = self.s % n, self.e % n
        return x.reshape(*x.shape[:s], -1, *x.shape[e + 1:])
