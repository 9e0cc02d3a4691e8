"""Right layers in many hands' styles: none is accused, not even of anything small."""

import pytest
from tests.check.families.students import first, student

from rushlight.check.layer import check_layer

COLUMN = """
    def column(self, v, x):
        return np.reshape(v, (1, -1) + (1,) * (x.ndim - 2))
    def axes(self, x):
        return (0,) + tuple(range(2, x.ndim))
"""
NORMS = {
    "einsum over (N, C, L)": """
class BatchNormalization(Module):
    EPS = 1e-3
    def __init__(self, alpha=0.):
        super().__init__()
        self.alpha = alpha
        self.moving_mean = self.moving_variance = None
    def updateOutput(self, input):
        x = input.reshape(input.shape[0], input.shape[1], -1)
        M = x.shape[0] * x.shape[2]
        if self.training:
            mu = np.einsum('ncl->c', x) / M
            d = x - mu[None, :, None]
            var = np.einsum('ncl,ncl->c', d, d) / M
            if self.moving_mean is None:
                self.moving_mean, self.moving_variance = mu.copy(), var.copy()
            self.moving_mean = self.alpha * self.moving_mean + (1 - self.alpha) * mu
            self.moving_variance = self.alpha * self.moving_variance + (1 - self.alpha) * var
        else:
            mu, var = self.moving_mean, self.moving_variance
            d = x - mu[None, :, None]
        self.inv = 1.0 / np.sqrt(var + self.EPS)
        self.xhat = d * self.inv[None, :, None]
        self.output = self.xhat.reshape(input.shape)
        return self.output
    def updateGradInput(self, input, gradOutput):
        g = gradOutput.reshape(self.xhat.shape)
        if self.training:
            M = g.shape[0] * g.shape[2]
            s1 = np.einsum('ncl->c', g)[None, :, None] / M
            s2 = np.einsum('ncl,ncl->c', g, self.xhat)[None, :, None] / M
            g = g - s1 - self.xhat * s2
        self.gradInput = (g * self.inv[None, :, None]).reshape(input.shape)
        return self.gradInput
""",
    "ddof and (1, C, 1, 1) from 0 and 1": """
class BatchNormalization(Module):
    def __init__(self, num_features, momentum=0.1):
        super().__init__()
        self.EPS = 1e-5
        self.momentum = np.float32(momentum)
        self.moving_mean = np.zeros((1, num_features, 1, 1))
        self.moving_variance = np.ones((1, num_features, 1, 1))
    def updateOutput(self, input):
        x = input if input.ndim == 4 else input[:, :, None, None]
        if self.training:
            ax = (0, 2, 3)
            mean = x.mean(ax, keepdims=True)
            var = x.var(ax, keepdims=True)
            m = self.momentum
            self.moving_mean = (1 - m) * self.moving_mean + m * mean
            self.moving_variance = (1 - m) * self.moving_variance + m * np.var(
                x, axis=ax, keepdims=True, ddof=1)
        else:
            mean, var = self.moving_mean, self.moving_variance
        self.std = np.sqrt(var + self.EPS)
        self.normed = (x - mean) / self.std
        self.output = self.normed.reshape(input.shape)
        return self.output
    def updateGradInput(self, input, gradOutput):
        g = gradOutput.reshape(self.normed.shape)
        if self.training:
            ax = (0, 2, 3)
            g = g - g.mean(ax, keepdims=True) - self.normed * (g * self.normed).mean(
                ax, keepdims=True)
        self.gradInput = (g / self.std).reshape(input.shape)
        return self.gradInput
""",
    "three terms, everything anew in backward": """
class BatchNormalization(Module):
    EPS = 1e-3
    def __init__(self, alpha=0.):
        super().__init__()
        self.alpha, self.moving_mean, self.moving_variance = alpha, None, None
    def stats(self, input):
        axes = (0,) if input.ndim == 2 else (0, 2, 3)
        return input.mean(axes, keepdims=True), input.var(axes, keepdims=True), axes
    def shaped(self, v, input):
        return v.reshape([1, -1] + [1] * (input.ndim - 2))
    def updateOutput(self, input):
        mean, var, _ = self.stats(input)
        if self.training:
            if self.moving_mean is None:
                self.moving_mean = np.zeros(input.shape[1])
                self.moving_variance = np.ones(input.shape[1])
            a = self.alpha
            self.moving_mean = a * self.moving_mean + (1 - a) * mean.ravel()
            self.moving_variance = a * self.moving_variance + (1 - a) * var.ravel()
        else:
            mean = self.shaped(self.moving_mean, input)
            var = self.shaped(self.moving_variance, input)
        self.output = (input - mean) / (var + self.EPS) ** 0.5
        return self.output
    def updateGradInput(self, input, gradOutput):
        mean, var, axes = self.stats(input)
        if not self.training:
            self.gradInput = gradOutput / np.sqrt(self.shaped(self.moving_variance, input) + 1e-3)
            return self.gradInput
        m = input.size / input.shape[1]
        istd = (var + self.EPS) ** -0.5
        dvar = np.sum(gradOutput * (input - mean), axis=axes, keepdims=True) * -0.5 * istd ** 3
        dmean = np.sum(-gradOutput * istd, axis=axes, keepdims=True)
        dmean = dmean + dvar * np.mean(-2. * (input - mean), axis=axes, keepdims=True)
        self.gradInput = gradOutput * istd + dvar * 2. * (input - mean) / m + dmean / m
        return self.gradInput
""",
    "cs231n's graph, eps and momentum as arguments, gamma and beta": """
class BatchNormalization(Module):
    def __init__(self, num_features, eps=1e-5, momentum=0.1):
        super().__init__()
        self.eps, self.momentum = eps, momentum
        self.gamma, self.beta = np.ones(num_features), np.zeros(num_features)
        self.gradGamma, self.gradBeta = np.zeros(num_features), np.zeros(num_features)
        self.running_mean, self.running_var = np.zeros(num_features), np.ones(num_features)
    def rows(self, x):
        return x if x.ndim == 2 else x.transpose(0, 2, 3, 1).reshape(-1, x.shape[1])
    def back(self, r, x):
        if x.ndim == 2:
            return r
        n, c, h, w = x.shape
        return r.reshape(n, h, w, c).transpose(0, 3, 1, 2)
    def updateOutput(self, input):
        x = self.rows(input)
        N, D = x.shape
        if self.training:
            mu = 1. / N * np.sum(x, axis=0)
            xmu = x - mu
            sq = xmu ** 2
            var = 1. / N * np.sum(sq, axis=0)
            self.running_mean *= 1 - self.momentum
            self.running_mean += self.momentum * mu
            self.running_var *= 1 - self.momentum
            self.running_var += self.momentum * var * N / (N - 1)
        else:
            xmu, var = x - self.running_mean, self.running_var
        sqrtvar = np.sqrt(var + self.eps)
        ivar = 1. / sqrtvar
        xhat = xmu * ivar
        self.cache = xhat, xmu, ivar, sqrtvar, var
        self.output = self.back(self.gamma * xhat + self.beta, input)
        return self.output
    def updateGradInput(self, input, gradOutput):
        xhat, xmu, ivar, sqrtvar, var = self.cache
        dout = self.rows(gradOutput)
        N, D = dout.shape
        dxhat = dout * self.gamma
        if self.training:
            divar = np.sum(dxhat * xmu, axis=0)
            dxmu1 = dxhat * ivar
            dsqrtvar = -1. / (sqrtvar ** 2) * divar
            dvar = 0.5 * 1. / np.sqrt(var + self.eps) * dsqrtvar
            dsq = 1. / N * np.ones((N, D)) * dvar
            dxmu2 = 2 * xmu * dsq
            dx1 = dxmu1 + dxmu2
            dmu = -1 * np.sum(dxmu1 + dxmu2, axis=0)
            dx2 = 1. / N * np.ones((N, D)) * dmu
            dx = dx1 + dx2
        else:
            dx = dxhat * ivar
        self.gradInput = self.back(dx, input)
        return self.gradInput
    def accGradParameters(self, input, gradOutput):
        dout = self.rows(gradOutput)
        self.gradGamma += np.sum(dout * self.cache[0], axis=0)
        self.gradBeta += np.sum(dout, axis=0)
    def zeroGradParameters(self):
        self.gradGamma[:] = 0
        self.gradBeta[:] = 0
    def getParameters(self): return [self.gamma, self.beta]
    def getGradParameters(self): return [self.gradGamma, self.gradBeta]
""",
    "compact formula, explicit methods only": """
class BatchNormalization:
    EPS = 1e-3
    def __init__(self, alpha=0.):
        self.alpha = alpha
        self.training = True
        self.moving_mean = None
        self.moving_variance = None
    def updateOutput(self, input):
        C = input.shape[1]
        flat = np.moveaxis(input, 1, 0).reshape(C, -1)
        if self.training:
            mean, var = flat.mean(1), (flat ** 2).mean(1) - flat.mean(1) ** 2
            var = flat.var(1)
            first = self.moving_mean is None
            self.moving_mean = mean if first else self.alpha * self.moving_mean + (
                1 - self.alpha) * mean
            self.moving_variance = var if first else self.alpha * self.moving_variance + (
                1 - self.alpha) * var
        else:
            mean, var = self.moving_mean, self.moving_variance
        shape = [C if i == 1 else 1 for i in range(input.ndim)]
        self.s = np.sqrt(var + self.EPS).reshape(shape)
        self.output = (input - mean.reshape(shape)) / self.s
        return self.output
    def updateGradInput(self, input, gradOutput):
        if self.training:
            ax = tuple(i for i in range(input.ndim) if i != 1)
            N = input.size / input.shape[1]
            g, y = gradOutput, self.output
            self.gradInput = (N * g - g.sum(axis=ax, keepdims=True)
                              - y * (g * y).sum(axis=ax, keepdims=True)) / (N * self.s)
        else:
            self.gradInput = gradOutput / self.s
        return self.gradInput
    def forward(self, input): return self.updateOutput(input)
    def backward(self, input, gradOutput): return self.updateGradInput(input, gradOutput)
    def train(self): self.training = True
    def evaluate(self): self.training = False
""",
    "alpha as float32, the state in a dictionary": """
class BatchNormalization(Module):
    def __init__(self, alpha=0.):
        super().__init__()
        self.alpha = np.float32(alpha)
        self.state = {}
        self.EPS = np.float32(1e-3)
    @property
    def moving_mean(self): return self.state.get('mean')
    @moving_mean.setter
    def moving_mean(self, v): self.state['mean'] = v
    @property
    def moving_variance(self): return self.state.get('var')
    @moving_variance.setter
    def moving_variance(self, v): self.state['var'] = v
    def updateOutput(self, input):
        ax = self.axes(input)
        if self.training:
            mean, var = input.mean(axis=ax), input.var(axis=ax)
            for k, v in (('mean', mean), ('var', var)):
                old = self.state.get(k, v)
                self.state[k] = self.alpha * old + (1 - self.alpha) * v
        else:
            mean, var = self.state['mean'], self.state['var']
        self.istd = self.column(1 / np.sqrt(var + self.EPS), input)
        self.output = (input - self.column(mean, input)) * self.istd
        return self.output
    def updateGradInput(self, input, gradOutput):
        g = gradOutput
        if self.training:
            ax = self.axes(input)
            g = g - g.mean(ax, keepdims=True) - self.output * (g * self.output).mean(
                ax, keepdims=True)
        self.gradInput = g * self.istd
        return self.gradInput
"""
    + COLUMN,
}
DROPOUTS = {
    "binomial": "np.random.binomial(1, 1 - self.p, size=input.shape) / (1 - self.p)",
    "rand, bool": "(np.random.rand(*input.shape) >= self.p)",
    "choice": "np.random.choice([0., 1.], size=input.shape, p=[self.p, 1 - self.p])",
    "Generator": "self.rng.random(input.shape) > self.p",
    "uniform, int": "(np.random.uniform(0, 1, input.shape) > self.p).astype(int)",
    "scaled float32": "((self.rng.random(input.shape) > self.p) / (1 - self.p)).astype(np.float32)",
    "inverted": "1 - np.random.binomial(1, self.p, input.shape)",
    "where": "np.where(np.random.random_sample(input.shape) < self.p, 0, 1 / (1 - self.p))",
    "of random bytes": "self.rng.integers(0, 10**6, input.shape) >= self.p * 10**6",
}
DROPOUT = """
class Dropout(Module):
    def __init__(self, p=0.5):
        super().__init__()
        self.p, self.rng = p, np.random.default_rng()
    def updateOutput(self, input):
        if self.training:
            self.mask = {}
            self.output = input * self.mask{}
        else:
            self.output = input.copy()
        return self.output
    def updateGradInput(self, input, gradOutput):
        self.gradInput = gradOutput * self.mask{} if self.training else gradOutput
        return self.gradInput
"""
KEPT = """
class Dropout(Module):
    def __init__(self, keep_prob=0.8):
        super().__init__()
        self.keep_prob = keep_prob
    def updateOutput(self, input):
        self.mask = (np.random.rand(*input.shape) < self.keep_prob) / self.keep_prob
        self.output = input * (self.mask if self.training else 1)
        return self.output
    def updateGradInput(self, input, gradOutput):
        self.gradInput = gradOutput * (self.mask if self.training else 1)
        return self.gradInput
"""
REST = """
    def zeroGradParameters(self):
        for m in self.modules: m.zeroGradParameters()
    def getParameters(self): return [m.getParameters() for m in self.modules]
    def getGradParameters(self): return [m.getGradParameters() for m in self.modules]
    def train(self):
        for m in self.modules: m.train()
    def evaluate(self):
        for m in self.modules: m.evaluate()
"""
CONTAINERS = {
    "the handout's": """
class Sequential(Module):
    def __init__(self):
        super().__init__()
        self.modules = []
    def add(self, module): self.modules.append(module)
    def updateOutput(self, input):
        self.y = []
        self.y.append(self.modules[0].forward(input))
        for i in range(1, len(self.modules)):
            self.y.append(self.modules[i].forward(self.y[i - 1]))
        self.output = self.y[-1]
        return self.output
    def backward(self, input, gradOutput):
        g = gradOutput
        for i in range(len(self.modules) - 1, 0, -1):
            g = self.modules[i].backward(self.y[i - 1], g)
        self.gradInput = self.modules[0].backward(input, g)
        return self.gradInput
    def __getitem__(self, x): return self.modules[x]
"""
    + REST,
    "a dictionary": """
class Sequential(Module):
    def __init__(self, *modules):
        super().__init__()
        self.layers = {}
        for m in modules: self.add(m)
    @property
    def modules(self): return list(self.layers.values())
    def add(self, module): self.layers[str(len(self.layers))] = module
    def updateOutput(self, input):
        self.seen = {}
        for k, m in self.layers.items():
            self.seen[k] = input
            input = m.forward(input)
        self.output = input
        return input
    def backward(self, input, gradOutput):
        for k in reversed(list(self.layers)):
            gradOutput = self.layers[k].backward(self.seen[k], gradOutput)
        self.gradInput = gradOutput
        return gradOutput
"""
    + REST,
    "a linked list": """
class Node:
    def __init__(self, module, before):
        self.module, self.before, self.after, self.input = module, before, None, None
class Sequential(Module):
    def __init__(self, modules=()):
        super().__init__()
        self.head = self.tail = None
        for m in modules: self.add(m)
    def add(self, module):
        node = Node(module, self.tail)
        if self.tail is None: self.head = node
        else: self.tail.after = node
        self.tail = node
        return self
    @property
    def modules(self):
        found, node = [], self.head
        while node is not None:
            found.append(node.module)
            node = node.after
        return found
    def updateOutput(self, input):
        node = self.head
        while node is not None:
            node.input = input
            input = node.module.forward(input)
            node = node.after
        self.output = input
        return self.output
    def backward(self, input, gradOutput):
        node = self.tail
        while node is not None:
            gradOutput = node.module.backward(node.input, gradOutput)
            node = node.before
        self.gradInput = gradOutput
        return self.gradInput
"""
    + REST,
    "recursion, outputs of the modules": """
class Sequential(Module):
    def __init__(self):
        super().__init__()
        self.modules = []
    def add(self, module): self.modules.append(module)
    def updateOutput(self, input):
        from functools import reduce
        self.output = reduce(lambda x, m: m.forward(x), self.modules, input)
        return self.output
    def backward(self, input, gradOutput):
        def back(i, g):
            if i < 0: return g
            x = self.modules[i - 1].output if i else input
            return back(i - 1, self.modules[i].backward(x, g))
        self.gradInput = back(len(self.modules) - 1, gradOutput)
        return self.gradInput
"""
    + REST,
}
OPTIMIZERS = {
    "torch's form": """
def adam(variables, gradients, config, state):
    b1, b2 = config['beta1'], config['beta2']
    if 't' not in state: state['t'], state['m'], state['v'] = 0, {}, {}
    state['t'] += 1
    k = 0
    for ws, gs in zip(variables, gradients):
        for w, g in zip(ws, gs):
            if k not in state['m']:
                state['m'][k], state['v'][k] = np.zeros_like(w), np.zeros_like(w)
            state['m'][k] += (1 - b1) * (g - state['m'][k])
            state['v'][k] += (1 - b2) * (g * g - state['v'][k])
            mhat = state['m'][k] / (1 - np.power(b1, state['t']))
            vhat = state['v'][k] / (1 - np.power(b2, state['t']))
            np.subtract(w, config['learning_rate'] * mhat / (np.sqrt(vhat) + config['epsilon']),
                        out=w)
            k += 1
""",
    "flat, keys by id": """
def sgd_momentum(variables, gradients, config, state):
    acc = state.setdefault('accumulated_grads', {})
    for w, g in zip(variables, gradients):
        a = acc.get(id(w))
        a = config['learning_rate'] * g if a is None else (
            config['momentum'] * a + config['learning_rate'] * g)
        acc[id(w)] = a
        w[...] -= a
""",
    "with a velocity of the other sign": """
def sgd_momentum(variables, gradients, config, state):
    flat = [w for ws in variables for w in ws], [g for gs in gradients for g in gs]
    if 'v' not in state: state['v'] = [0.0 for _ in flat[0]]
    for i, (w, g) in enumerate(zip(*flat)):
        state['v'][i] = config.get('momentum', 0.9) * state['v'][i] - config['learning_rate'] * g
        w += state['v'][i]
""",
    "a class over parameters": """
class SGD:
    def __init__(self, params, lr=0.01, momentum=0.9):
        self.params, self.lr, self.mu = list(params), lr, momentum
        self.v = [np.zeros_like(p.data) for p in self.params]
    def zero_grad(self):
        for p in self.params: p.grad = None
    def step(self):
        for i, p in enumerate(self.params):
            if p.grad is None: continue
            self.v[i] = self.mu * self.v[i] + p.grad
            p.data = p.data - self.lr * self.v[i]
""",
    "a class over arrays and their gradients": """
class Adam:
    def __init__(self, params, grads, learning_rate=1e-3, betas=(0.9, 0.999), eps=1e-8):
        self.params, self.grads, self.lr = params, grads, learning_rate
        self.b1, self.b2 = betas
        self.eps, self.t = eps, 0
        self.m, self.v = [0] * len(params), [0] * len(params)
    def step(self):
        self.t += 1
        for i, (w, g) in enumerate(zip(self.params, self.grads)):
            self.m[i] = self.b1 * self.m[i] + (1 - self.b1) * g
            self.v[i] = self.b2 * self.v[i] + (1 - self.b2) * g ** 2
            w -= self.lr * np.sqrt(1 - self.b2 ** self.t) / (1 - self.b1 ** self.t) * self.m[i] / (
                np.sqrt(self.v[i]) + self.eps)
""",
    "a class whose step is given all": """
class SGD:
    def __init__(self, lr=0.1, momentum=0.):
        self.lr, self.momentum, self.v = lr, momentum, None
    def update(self, params, grads):
        if self.v is None: self.v = [[np.zeros_like(w) for w in ws] for ws in params]
        for ws, gs, vs in zip(params, grads, self.v):
            for w, g, v in zip(ws, gs, vs):
                v *= self.momentum
                v += self.lr * g
                w -= v
""",
    "torch's own base": """
class Adam(torch.optim.Optimizer):
    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8):
        super().__init__(params, dict(lr=lr, betas=betas, eps=eps))
    @torch.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            b1, b2 = group['betas']
            for p in group['params']:
                s = self.state[p]
                if not s:
                    s['t'], s['m'], s['v'] = 0, torch.zeros_like(p), torch.zeros_like(p)
                s['t'] += 1
                s['m'].mul_(b1).add_(p.grad, alpha=1 - b1)
                s['v'].mul_(b2).addcmul_(p.grad, p.grad, value=1 - b2)
                mean, square = s['m'] / (1 - b1 ** s['t']), s['v'] / (1 - b2 ** s['t'])
                p -= group['lr'] * mean / (square.sqrt() + group['eps'])
""",
    "cs231n's momentum": """
def sgd_momentum(w, dw, config=None):
    if config is None: config = {}
    config.setdefault('learning_rate', 1e-2)
    config.setdefault('momentum', 0.9)
    v = config.get('velocity', np.zeros_like(w))
    v = config['momentum'] * v - config['learning_rate'] * dw
    next_w = w + v
    config['velocity'] = v
    return next_w, config
""",
    "cs231n's adam": """
def adam(w, dw, config=None):
    config.setdefault('m', np.zeros_like(w))
    config.setdefault('v', np.zeros_like(w))
    config.setdefault('t', 0)
    config['t'] += 1
    b1, b2 = config['beta1'], config['beta2']
    config['m'] = b1 * config['m'] + (1 - b1) * dw
    config['v'] = b2 * config['v'] + (1 - b2) * dw ** 2
    mt = config['m'] / (1 - b1 ** config['t'])
    vt = config['v'] / (1 - b2 ** config['t'])
    w -= config['learning_rate'] * mt / (np.sqrt(vt) + config['epsilon'])
    return w, config
""",
    "a class without momentum": """
class SGD:
    def __init__(self, params, lr):
        self.params, self.lr = params, lr
    def step(self):
        for p in self.params: p.data -= self.lr * p.grad
""",
}
CRITERION = """
class Criterion:
    def forward(self, input, target): return self.updateOutput(input, target)
    def backward(self, input, target): return self.updateGradInput(input, target)
"""
CRITERIA = {
    "norms and a keyed cache": """
class MSECriterion(Criterion):
    def updateOutput(self, input, target):
        self.diff = input - target
        self.output = np.linalg.norm(self.diff) ** 2 / input.shape[0]
        return self.output
    def updateGradInput(self, input, target):
        self.gradInput = 2 / input.shape[0] * np.subtract(input, target)
        return self.gradInput
""",
    "loops": """
class ClassNLLCriterion(Criterion):
    def updateOutput(self, input, target):
        total = 0.0
        for row, label in zip(input, target):
            total -= float(row @ label)
        self.output = total / len(input)
        return self.output
    def updateGradInput(self, input, target):
        self.gradInput = np.zeros_like(input)
        for i in range(len(input)):
            for j in range(input.shape[1]):
                if target[i, j] == 1:
                    self.gradInput[i][j] = -1.0 / len(input)
        return self.gradInput
""",
    "clipped by hand": """
class ClassNLLCriterionUnstable(Criterion):
    def updateOutput(self, input, target):
        p = input.copy()
        p[p < 1e-15] = 1e-15
        p[p > 1 - 1e-15] = 1 - 1e-15
        self.output = np.mean(-np.log((p * target).sum(axis=1)))
        return self.output
    def updateGradInput(self, input, target):
        p = np.maximum(np.minimum(input, 1 - 1e-15), 1e-15)
        self.gradInput = np.where(target > 0, -1 / p, 0.) / input.shape[0]
        return self.gradInput
""",
    "torch's mean": """
class MSELoss(Criterion):
    def updateOutput(self, input, target):
        self.output = np.square(input - target).mean()
        return self.output
    def updateGradInput(self, input, target):
        self.gradInput = 2 * (input - target) / np.prod(input.shape)
        return self.gradInput
""",
}


@pytest.mark.parametrize("style", NORMS)
def test_batch_norms(style):
    assert first(student(NORMS[style], "BatchNormalization")) == "ok"


@pytest.mark.parametrize("style", DROPOUTS)
def test_dropouts(style):
    mask = DROPOUTS[style]
    scale = "" if "/ (1 - self.p)" in mask else " / (1 - self.p)"
    assert first(student(DROPOUT.format(mask, scale, scale))) == "ok"


def test_dropout_that_is_told_what_to_keep():
    assert first(student(KEPT)) == "ok"
    assert first(student(KEPT.replace("=0.8", ""))) == "ok"
    assert first(student(KEPT.replace("< self.keep_prob", "> self.keep_prob"))) == "rate_swapped"
    assert first(student(KEPT.replace("< self.keep_prob", "< 0.6"))) == "option_ignored"


@pytest.mark.parametrize("style", CONTAINERS)
def test_containers(style):
    assert first(student(CONTAINERS[style], "Sequential")) == "ok"


@pytest.mark.parametrize("style", OPTIMIZERS)
def test_optimizers(style):
    assert first(student(OPTIMIZERS[style])) == "ok"


@pytest.mark.parametrize("style", CRITERIA)
def test_criteria(style):
    assert first(student(CRITERION + CRITERIA[style])) == "ok"


def test_a_step_of_another_shape_is_left_out():
    for head in ("sgd(w, g)", "sgd(model)", "sgd_momentum(w, dw, config)"):
        report = check_layer(student(f"def {head}: return None"))
        assert (report.status, report.reason) == ("skipped", "no_constructor")
    wrong = OPTIMIZERS["cs231n's momentum"].replace("w + v", "w - v")
    assert first(student(wrong)) == "sign"
