"""Right layers, each written in a way of its own; the name says what it is, then how."""

import numpy as np
import math
from dataclasses import dataclass, field
from functools import wraps, partial
from collections import namedtuple, OrderedDict
from abc import ABC, abstractmethod
from types import SimpleNamespace

class Module:
    def __init__(self):
        self.output = None; self.gradInput = None; self.training = True
    def forward(self, input): return self.updateOutput(input)
    def backward(self, input, gradOutput):
        self.updateGradInput(input, gradOutput)
        self.accGradParameters(input, gradOutput)
        return self.gradInput
    def updateOutput(self, input): pass
    def updateGradInput(self, input, gradOutput): pass
    def accGradParameters(self, input, gradOutput): pass
    def zeroGradParameters(self): pass
    def getParameters(self): return []
    def getGradParameters(self): return []
    def train(self): self.training = True
    def evaluate(self): self.training = False

class Linear_slots:
    __slots__ = ("W", "b", "gradW", "gradb", "output", "gradInput", "training")
    def __init__(self, n_in, n_out):
        self.W = np.random.randn(n_out, n_in); self.b = np.zeros(n_out)
        self.gradW = np.zeros_like(self.W); self.gradb = np.zeros_like(self.b)
    def forward(self, input): return self.updateOutput(input)
    def updateOutput(self, input):
        self.output = input @ self.W.T + self.b; return self.output
    def updateGradInput(self, input, g):
        self.gradInput = g @ self.W; return self.gradInput
    def accGradParameters(self, input, g):
        self.gradW += g.T @ input; self.gradb += g.sum(0)
    def backward(self, input, g):
        r = self.updateGradInput(input, g); self.accGradParameters(input, g); return r
    def zeroGradParameters(self): self.gradW.fill(0); self.gradb.fill(0)
    def getParameters(self): return [self.W, self.b]
    def getGradParameters(self): return [self.gradW, self.gradb]

class ReLU_slots(Module):
    __slots__ = ("mask",)
    def updateOutput(self, x):
        self.output = np.maximum(x, 0); return self.output
    def updateGradInput(self, x, g):
        self.gradInput = g * (x > 0); return self.gradInput

@dataclass
class Linear_dataclass:
    n_in: int
    n_out: int
    W: np.ndarray = field(init=False, repr=False)
    b: np.ndarray = field(init=False, repr=False)
    gradW: np.ndarray = field(init=False, repr=False)
    gradb: np.ndarray = field(init=False, repr=False)
    def __post_init__(self):
        self.W = np.random.randn(self.n_out, self.n_in); self.b = np.zeros(self.n_out)
        self.gradW = np.zeros_like(self.W); self.gradb = np.zeros_like(self.b)
    def updateOutput(self, x): self.output = x.dot(self.W.T) + self.b; return self.output
    def updateGradInput(self, x, g): self.gradInput = g.dot(self.W); return self.gradInput
    def accGradParameters(self, x, g):
        self.gradW += g.T.dot(x); self.gradb += g.sum(axis=0)
    def zeroGradParameters(self):
        self.gradW[...] = 0; self.gradb[...] = 0

class Parameter:
    def __init__(self, data): self.data = data; self.grad = np.zeros_like(data)
    def zero(self): self.grad[...] = 0

class Linear_parameter(Module):
    def __init__(self, n_in, n_out):
        super().__init__()
        self.W = Parameter(np.random.randn(n_out, n_in)); self.b = Parameter(np.zeros(n_out))
    def updateOutput(self, x): self.output = x @ self.W.data.T + self.b.data; return self.output
    def updateGradInput(self, x, g): self.gradInput = g @ self.W.data; return self.gradInput
    def accGradParameters(self, x, g):
        self.W.grad += g.T @ x; self.b.grad += g.sum(0)
    def zeroGradParameters(self): self.W.zero(); self.b.zero()
    def getParameters(self): return [self.W.data, self.b.data]
    def getGradParameters(self): return [self.W.grad, self.b.grad]

class Linear_parameter2:
    "Parameters only as objects; no lists."
    def __init__(self, n_in, n_out):
        self.weight = Parameter(np.random.randn(n_out, n_in)); self.bias = Parameter(np.zeros(n_out))
    def forward(self, x): self.x = x; return x @ self.weight.data.T + self.bias.data
    def backward(self, x, g):
        self.weight.grad += g.T @ x; self.bias.grad += g.sum(0)
        return g @ self.weight.data
    def zero_grad(self): self.weight.zero(); self.bias.zero()
    def parameters(self): return [self.weight, self.bias]

class ParamVG:
    def __init__(self, value): self.value = value; self.grad = np.zeros_like(value)

class Linear_cs:
    "dlcourse.ai: backward(d_out) alone, params(), Param value/grad, (in,out) weights, B of (1,out)"
    def __init__(self, n_input, n_output):
        self.W = ParamVG(0.001 * np.random.randn(n_input, n_output))
        self.B = ParamVG(0.001 * np.random.randn(1, n_output))
        self.X = None
    def forward(self, X): self.X = X; return X @ self.W.value + self.B.value
    def backward(self, d_out):
        self.W.grad += self.X.T @ d_out
        self.B.grad += d_out.sum(0, keepdims=True)
        return d_out @ self.W.value.T
    def params(self): return {"W": self.W, "B": self.B}

class Linear_props(Module):
    def __init__(self, n_in, n_out):
        super().__init__()
        self._W = np.random.randn(n_out, n_in); self._b = np.zeros(n_out)
        self._gW = np.zeros_like(self._W); self._gb = np.zeros_like(self._b)
    @property
    def W(self): return self._W
    @W.setter
    def W(self, v): self._W[...] = v
    @property
    def b(self): return self._b
    @property
    def gradW(self): return self._gW
    @property
    def gradb(self): return self._gb
    def updateOutput(self, x): self.output = x @ self.W.T + self.b; return self.output
    def updateGradInput(self, x, g): self.gradInput = g @ self.W; return self.gradInput
    def accGradParameters(self, x, g):
        self._gW += g.T @ x; self._gb += g.sum(0)
    def zeroGradParameters(self): self._gW *= 0; self._gb *= 0
    def getParameters(self): return [self.W, self.b]
    def getGradParameters(self): return [self.gradW, self.gradb]

class Base2(ABC, Module):
    @abstractmethod
    def updateOutput(self, x): ...
class HasParams:
    names = ("W", "b")
    def getParameters(self): return [getattr(self, n) for n in self.names]
    def getGradParameters(self): return [getattr(self, "grad" + n) for n in self.names]
    def zeroGradParameters(self):
        for a in self.getGradParameters(): a.fill(0)
class Linear_mixin(HasParams, Base2):
    def __init__(self, n_in, n_out):
        super().__init__()
        for n, s in zip(self.names, ((n_out, n_in), (n_out,))):
            setattr(self, n, np.random.uniform(-1, 1, s)); setattr(self, "grad" + n, np.zeros(s))
    def updateOutput(self, x): self.output = np.einsum("ni,oi->no", x, self.W) + self.b; return self.output
    def updateGradInput(self, x, g): self.gradInput = np.einsum("no,oi->ni", g, self.W); return self.gradInput
    def accGradParameters(self, x, g):
        self.gradW += np.einsum("no,ni->oi", g, x); self.gradb += np.einsum("no->o", g)

def cached(f):
    @wraps(f)
    def inner(self, x, *a):
        self.cache = x.copy(); r = f(self, x, *a); return r
    return inner
class Tanh_deco(Module):
    @cached
    def updateOutput(self, x): self.output = np.tanh(x); return self.output
    @cached
    def updateGradInput(self, x, g): self.gradInput = g * (1 - np.tanh(self.cache) ** 2); return self.gradInput

def cached_nowraps(f):
    def inner(*a, **k): return f(*a, **k)
    return inner
class Sigmoid_deco(Module):
    @cached_nowraps
    def updateOutput(self, x):
        e = np.exp(-np.abs(x)); self.output = np.where(x >= 0, 1/(1+e), e/(1+e)); return self.output
    @cached_nowraps
    def updateGradInput(self, x, g): self.gradInput = g * self.output * (1 - self.output); return self.gradInput

class Linear_kwargs(Module):
    def __init__(self, n_in, n_out, **kwargs):
        super().__init__()
        self.W = np.random.randn(n_out, n_in); self.b = np.zeros(n_out)
        self.gradW = np.zeros_like(self.W); self.gradb = np.zeros_like(self.b)
    def forward(self, input, **kwargs): return self.updateOutput(input, **kwargs)
    def backward(self, input, gradOutput, **kw):
        self.updateGradInput(input, gradOutput); self.accGradParameters(input, gradOutput); return self.gradInput
    def updateOutput(self, input, scale=1.0, **kw): self.output = scale * (input @ self.W.T + self.b); return self.output
    def updateGradInput(self, x, g): self.gradInput = g @ self.W; return self.gradInput
    def accGradParameters(self, x, g, scale=1): self.gradW += scale * g.T @ x; self.gradb += scale * g.sum(0)
    def zeroGradParameters(self): self.gradW[:] = 0; self.gradb[:] = 0

class ReLU_gradonly:
    def forward(self, x): self.m = x > 0; return x * self.m
    def backward(self, gradOutput): return gradOutput * self.m

class ReLU_cs231n:
    def forward(self, x): out = np.maximum(0, x); self.cache = x; return out
    def backward(self, dout): x = self.cache; dx = dout * (x > 0); return dx

class SoftMax_call:
    def __call__(self, x):
        e = np.exp(x - x.max(axis=1, keepdims=True)); self.y = e / e.sum(axis=1, keepdims=True); return self.y
    def backward(self, x, g): return self.y * (g - (g * self.y).sum(1, keepdims=True))

class Linear_f32(Module):
    def __init__(self, n_in, n_out):
        super().__init__()
        self.W = np.random.randn(n_out, n_in).astype("f4"); self.b = np.zeros(n_out, "f4")
        self.gradW = np.zeros_like(self.W); self.gradb = np.zeros_like(self.b)
    def updateOutput(self, x): self.output = x.astype("f4") @ self.W.T + self.b; return self.output
    def updateGradInput(self, x, g): self.gradInput = g.astype("f4") @ self.W; return self.gradInput
    def accGradParameters(self, x, g):
        self.gradW += g.astype("f4").T @ x.astype("f4"); self.gradb += g.astype("f4").sum(0)
    def zeroGradParameters(self): self.gradW.fill(0); self.gradb.fill(0)
    def getParameters(self): return [self.W, self.b]
    def getGradParameters(self): return [self.gradW, self.gradb]

class Flatten_view(Module):
    def updateOutput(self, x): self.output = x.reshape(len(x), -1); return self.output
    def updateGradInput(self, x, g): self.gradInput = g.reshape(x.shape); return self.gradInput

class Flatten_shape(Module):
    def updateOutput(self, x):
        self.shape = x.shape
        self.output = x.view(); self.output.shape = (x.shape[0], int(np.prod(x.shape[1:]))); return self.output
    def updateGradInput(self, x, g): self.gradInput = np.reshape(g, self.shape); return self.gradInput

class Flatten_ravel(Module):
    def updateOutput(self, x): self.output = np.stack([r.ravel() for r in x]); return self.output
    def updateGradInput(self, x, g): self.gradInput = np.array([r.reshape(x.shape[1:]) for r in g]); return self.gradInput

class ELU_buffer(Module):
    def __init__(self, alpha=1.0): super().__init__(); self.alpha = alpha; self.buf = None
    def updateOutput(self, x):
        self.buf = np.empty_like(x); np.minimum(x, 0, out=self.buf); np.expm1(self.buf, out=self.buf); self.buf *= self.alpha
        self.output = np.where(x > 0, x, self.buf); return self.output
    def updateGradInput(self, x, g):
        self.gradInput = np.where(x > 0, g, g * (self.buf + self.alpha)); return self.gradInput

class Linear_list(Module):
    def __init__(self, n_in, n_out):
        super().__init__()
        self.params = [np.random.randn(n_out, n_in), np.zeros(n_out)]
        self.grads = [np.zeros((n_out, n_in)), np.zeros(n_out)]
    def updateOutput(self, x): self.output = x @ self.params[0].T + self.params[1]; return self.output
    def updateGradInput(self, x, g): self.gradInput = g @ self.params[0]; return self.gradInput
    def accGradParameters(self, x, g): self.grads[0] += g.T @ x; self.grads[1] += g.sum(0)
    def zeroGradParameters(self):
        for a in self.grads: a[...] = 0

class Linear_rows(Module):
    "W is a list of rows"
    def __init__(self, n_in, n_out):
        super().__init__()
        self.W = [np.random.randn(n_in) for _ in range(n_out)]; self.b = np.zeros(n_out)
        self.gradW = [np.zeros(n_in) for _ in range(n_out)]; self.gradb = np.zeros(n_out)
    def updateOutput(self, x): self.output = np.stack([x @ w for w in self.W], 1) + self.b; return self.output
    def updateGradInput(self, x, g): self.gradInput = g @ np.array(self.W); return self.gradInput
    def accGradParameters(self, x, g):
        for o, r in enumerate(self.gradW): r += g[:, o] @ x
        self.gradb += g.sum(0)
    def zeroGradParameters(self):
        for r in self.gradW: r.fill(0)
        self.gradb.fill(0)
    def getParameters(self): return [*self.W, self.b]
    def getGradParameters(self): return [*self.gradW, self.gradb]

class Linear_dW(Module):
    def __init__(self, n_in, n_out):
        super().__init__()
        self.W = np.random.randn(n_out, n_in); self.b = np.zeros(n_out)
        self.dW = np.zeros_like(self.W); self.db = np.zeros_like(self.b)
    def updateOutput(self, x): self.output = x @ self.W.T + self.b; return self.output
    def updateGradInput(self, x, g): self.gradInput = g @ self.W; return self.gradInput
    def accGradParameters(self, x, g): self.dW += g.T @ x; self.db += g.sum(0)
    def zeroGradParameters(self): self.dW[:] = 0; self.db[:] = 0

class Linear_wgrad:
    def __init__(self, in_features, out_features, bias=True):
        self.weight = np.random.randn(out_features, in_features); self.weight_grad = np.zeros_like(self.weight)
        self.bias = np.zeros(out_features) if bias else None
        self.bias_grad = np.zeros(out_features) if bias else None
    def forward(self, input):
        y = np.matmul(input, self.weight.T)
        return y if self.bias is None else y + self.bias
    def backward(self, input, grad_output):
        self.weight_grad += np.matmul(grad_output.T, input)
        if self.bias_grad is not None: self.bias_grad += grad_output.sum(0)
        return np.matmul(grad_output, self.weight)
    def zero_grad(self):
        self.weight_grad[...] = 0
        if self.bias_grad is not None: self.bias_grad[...] = 0

class Linear_nobias(Module):
    def __init__(self, n_in, n_out):
        super().__init__(); self.W = np.random.randn(n_out, n_in); self.gradW = np.zeros_like(self.W)
    def updateOutput(self, x): self.output = x @ self.W.T; return self.output
    def updateGradInput(self, x, g): self.gradInput = g @ self.W; return self.gradInput
    def accGradParameters(self, x, g): self.gradW += g.T @ x
    def zeroGradParameters(self): self.gradW[:] = 0
    def getParameters(self): return [self.W]
    def getGradParameters(self): return [self.gradW]

class Linear_styles(Module):
    "Linear((3,4)) or Linear(3,4) or Linear(n_in=,n_out=)"
    def __init__(self, *args, n_in=None, n_out=None):
        super().__init__()
        if args: n_in, n_out = args[0] if len(args) == 1 else args
        self.W = np.random.randn(n_out, n_in); self.b = np.zeros(n_out)
        self.gradW = np.zeros_like(self.W); self.gradb = np.zeros_like(self.b)
    def updateOutput(self, x): self.output = x @ self.W.T + self.b; return self.output
    def updateGradInput(self, x, g): self.gradInput = g @ self.W; return self.gradInput
    def accGradParameters(self, x, g): self.gradW += g.T @ x; self.gradb += g.sum(0)
    def zeroGradParameters(self): self.gradW[:] = 0; self.gradb[:] = 0

class Linear_reset(Module):
    def __init__(self, n_in, n_out):
        super().__init__(); self.n_in, self.n_out = n_in, n_out; self.reset_parameters()
    def reset_parameters(self):
        s = 1 / math.sqrt(self.n_in)
        self.W = np.random.uniform(-s, s, (self.n_out, self.n_in)); self.b = np.random.uniform(-s, s, self.n_out)
        self.gradW = np.zeros_like(self.W); self.gradb = np.zeros_like(self.b)
    def updateOutput(self, x): self.output = np.add(np.dot(x, self.W.T), self.b); return self.output
    def updateGradInput(self, x, g): self.gradInput = np.dot(g, self.W); return self.gradInput
    def accGradParameters(self, x, g): np.add(self.gradW, np.dot(g.T, x), out=self.gradW); np.add(self.gradb, g.sum(0), out=self.gradb)
    def zeroGradParameters(self): self.gradW.fill(0); self.gradb.fill(0)
    def getParameters(self): return self.W, self.b
    def getGradParameters(self): return self.gradW, self.gradb

class LeakyReLU_classattr(Module):
    slope = 0.03
    def __init__(self, slope=None):
        super().__init__()
        if slope is not None: self.slope = slope
    def updateOutput(self, x): self.output = np.where(x > 0, x, self.slope * x); return self.output
    def updateGradInput(self, x, g): self.gradInput = np.where(x > 0, 1, self.slope) * g; return self.gradInput

class Linear_joint(Module):
    "one array for W and b: the last column is the bias"
    def __init__(self, n_in, n_out):
        super().__init__(); self.theta = np.random.randn(n_out, n_in + 1); self.gtheta = np.zeros_like(self.theta)
        self.W, self.b = self.theta[:, :-1], self.theta[:, -1]
        self.gradW, self.gradb = self.gtheta[:, :-1], self.gtheta[:, -1]
    def updateOutput(self, x): self.output = np.c_[x, np.ones(len(x))] @ self.theta.T; return self.output
    def updateGradInput(self, x, g): self.gradInput = g @ self.theta[:, :-1]; return self.gradInput
    def accGradParameters(self, x, g): self.gtheta += g.T @ np.c_[x, np.ones(len(x))]
    def zeroGradParameters(self): self.gtheta[:] = 0
    def getParameters(self): return [self.W, self.b]
    def getGradParameters(self): return [self.gradW, self.gradb]

class LogSoftMax_fn(Module):
    def updateOutput(self, input):
        from scipy.special import logsumexp
        self.output = input - logsumexp(input, axis=1, keepdims=True); return self.output
    def updateGradInput(self, input, gradOutput):
        self.gradInput = gradOutput - np.exp(self.output) * gradOutput.sum(axis=1)[:, None]; return self.gradInput

class SoftMax_jac(Module):
    def updateOutput(self, x):
        z = x - x.max(-1, keepdims=True); np.exp(z, z); z /= z.sum(-1, keepdims=True); self.output = z; return z
    def updateGradInput(self, x, g):
        y = self.output; J = np.einsum("ni,ij->nij", y, np.eye(y.shape[1])) - np.einsum("ni,nj->nij", y, y)
        self.gradInput = np.einsum("nij,nj->ni", J, g); return self.gradInput

class Gelu_erf(Module):
    def updateOutput(self, x):
        from scipy.special import erf
        self.cdf = 0.5 * (1 + erf(x / 2 ** 0.5)); self.output = x * self.cdf; return self.output
    def updateGradInput(self, x, g):
        self.gradInput = g * (self.cdf + x * np.exp(-x * x / 2) / np.sqrt(2 * np.pi)); return self.gradInput

class Gelu_vec(Module):
    erf = staticmethod(np.vectorize(math.erf))
    def updateOutput(self, x): self.output = x * 0.5 * (1 + self.erf(x / math.sqrt(2))); return self.output
    def updateGradInput(self, x, g):
        self.gradInput = g * (0.5 * (1 + self.erf(x / math.sqrt(2))) + x * np.exp(-0.5 * x ** 2) / math.sqrt(2 * math.pi)); return self.gradInput

class ReLU_classic_module(Module):
    def __init__(self, inplace=False): super().__init__(); self.inplace = inplace
    def updateOutput(self, x): self.output = x.clip(0); return self.output
    def updateGradInput(self, x, g): self.gradInput = np.where(x > 0, g, 0); return self.gradInput

class Sigmoid_cachedin(Module):
    "id-based cache: computes again only if another input comes"
    _for = None
    def updateOutput(self, x):
        self._for = x; self.output = 0.5 * (1 + np.tanh(0.5 * x)); return self.output
    def updateGradInput(self, x, g):
        if self._for is not x: self.updateOutput(x)
        self.gradInput = self.output * (1 - self.output) * g; return self.gradInput

Grads = namedtuple("Grads", "W b")
class Linear_namedtuple(Module):
    def __init__(self, n_in, n_out):
        super().__init__()
        self.params = Grads(np.random.randn(n_out, n_in), np.zeros(n_out)); self.grads = Grads(np.zeros((n_out, n_in)), np.zeros(n_out))
    def updateOutput(self, x): self.output = x @ self.params.W.T + self.params.b; return self.output
    def updateGradInput(self, x, g): self.gradInput = g @ self.params.W; return self.gradInput
    def accGradParameters(self, x, g):
        self.grads.W[...] += g.T @ x; self.grads.b[...] += g.sum(0)
    def zeroGradParameters(self):
        for a in self.grads: a.fill(0)
    def getParameters(self): return list(self.params)
    def getGradParameters(self): return list(self.grads)

class Linear_dicts:
    "cs231n-like: params and grads dictionaries of the same keys"
    def __init__(self, input_dim, output_dim):
        self.params = {"W": np.random.randn(input_dim, output_dim), "b": np.zeros(output_dim)}
        self.grads = {"W": np.zeros((input_dim, output_dim)), "b": np.zeros(output_dim)}
    def forward(self, x): self.cache = x; return x @ self.params["W"] + self.params["b"]
    def backward(self, dout):
        self.grads["W"] += self.cache.T @ dout; self.grads["b"] += dout.sum(axis=0)
        return dout @ self.params["W"].T
    def zero_grad(self):
        for g in self.grads.values(): g[...] = 0

class Linear_ns(Module):
    def __init__(self, n_in, n_out):
        super().__init__()
        self.p = SimpleNamespace(W=np.random.randn(n_out, n_in), b=np.zeros(n_out))
        self.d = SimpleNamespace(W=np.zeros((n_out, n_in)), b=np.zeros(n_out))
    def updateOutput(self, x): self.output = x @ self.p.W.T + self.p.b; return self.output
    def updateGradInput(self, x, g): self.gradInput = g @ self.p.W; return self.gradInput
    def accGradParameters(self, x, g): self.d.W += g.T @ x; self.d.b += g.sum(0)
    def zeroGradParameters(self): self.d.W[:] = 0; self.d.b[:] = 0
    def getParameters(self): return [self.p.W, self.p.b]
    def getGradParameters(self): return [self.d.W, self.d.b]

class Linear_config(Module):
    "everything by a config dictionary"
    def __init__(self, n_in=3, n_out=4, init="xavier", rng=None, dtype=np.float64):
        super().__init__(); rng = rng or np.random.default_rng(0)
        init = {"xavier": lambda: rng.normal(size=(n_out, n_in)).astype(dtype)}[init]
        self.W, self.b = init(), np.zeros((n_out, 1), dtype)
        self.gradW, self.gradb = np.zeros_like(self.W), np.zeros_like(self.b)
    def updateOutput(self, x): self.output = (self.W @ x.T + self.b).T; return self.output
    def updateGradInput(self, x, g): self.gradInput = (self.W.T @ g.T).T; return self.gradInput
    def accGradParameters(self, x, g): self.gradW += g.T @ x; self.gradb += g.T.sum(1, keepdims=True)
    def zeroGradParameters(self): self.gradW[:] = 0; self.gradb[:] = 0

class Linear_method_lists(Module):
    "getParameters as a dict, zeroing by list"
    def __init__(self, n_in, n_out):
        super().__init__()
        self._p = OrderedDict(W=np.random.randn(n_out, n_in), b=np.zeros(n_out)); self._g = OrderedDict((k, np.zeros_like(v)) for k, v in self._p.items())
    def __getattr__(self, name):
        if name.startswith("grad") and name[4:] in self.__dict__.get("_g", {}): return self._g[name[4:]]
        if name in self.__dict__.get("_p", {}): return self._p[name]
        raise AttributeError(name)
    def updateOutput(self, x): self.output = x @ self.W.T + self.b; return self.output
    def updateGradInput(self, x, g): self.gradInput = g @ self.W; return self.gradInput
    def accGradParameters(self, x, g):
        self._g["W"] += g.T @ x; self._g["b"] += g.sum(0)
    def zeroGradParameters(self):
        for v in self._g.values(): v.fill(0)
    def getParameters(self): return self._p
    def getGradParameters(self): return self._g

class Tanh_array_subclass(Module):
    def updateOutput(self, x): self.output = np.ma.asarray(np.tanh(x)); return self.output
    def updateGradInput(self, x, g): self.gradInput = g * (1 - np.asarray(self.output) ** 2); return self.gradInput

class Tanh_list(Module):
    def updateOutput(self, x): self.output = np.vectorize(math.tanh)(x); return self.output
    def updateGradInput(self, x, g): self.gradInput = g / np.cosh(np.clip(x, -300, 300)) ** 2; return self.gradInput

class ReLU_partial(Module):
    def __init__(self):
        super().__init__(); self.updateOutput = partial(np.maximum, 0.0)
    def updateGradInput(self, x, g): self.gradInput = g * np.heaviside(x, 0); return self.gradInput

class ReLU_printing(Module):
    def updateOutput(self, x): print("forward", x.shape); self.output = (np.abs(x) + x) / 2; return self.output
    def updateGradInput(self, x, g): print("b"); self.gradInput = g * (x > 0).astype(x.dtype); return self.gradInput

class Linear_inout(Module):
    "W (in, out) in W of explicit API: noted transposed as users write into it?"
    def __init__(self, n_in, n_out):
        super().__init__()
        self.weight = np.random.randn(n_out, n_in).T.copy().T; self.bias = np.zeros((1, n_out))
        self.grad_weight = np.zeros_like(self.weight); self.grad_bias = np.zeros_like(self.bias)
    def updateOutput(self, x): self.output = x @ self.weight.T + self.bias; return self.output
    def updateGradInput(self, x, g): self.gradInput = g @ self.weight; return self.gradInput
    def accGradParameters(self, x, g): self.grad_weight += g.T @ x; self.grad_bias += g.sum(0, keepdims=True)
    def zeroGradParameters(self): self.grad_weight[:] = 0; self.grad_bias[:] = 0

class SoftPlus_thresh(Module):
    def updateOutput(self, x): self.output = np.where(x > 30, x, np.log1p(np.exp(np.minimum(x, 30)))); return self.output
    def updateGradInput(self, x, g):
        from scipy.special import expit
        self.gradInput = g * expit(x); return self.gradInput

class ELU_mask(Module):
    def __init__(self, alpha=1.0): super().__init__(); self.alpha = alpha
    def updateOutput(self, x):
        y = x.copy(); m = x < 0; y[m] = self.alpha * (np.exp(x[m]) - 1); self.output = y; return y
    def updateGradInput(self, x, g):
        r = g.copy(); m = x < 0; r[m] *= self.alpha * np.exp(x[m]); self.gradInput = r; return r

