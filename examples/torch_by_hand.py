"""A small classifier with every layer written by hand, as one would with torch.

Only the import tells which library runs it: `import torch` gives the same program.
"""

import sys

import rushlight as torch


class Linear:
    """y = x w + b"""

    def __init__(self, i, o):
        s = (1.0 / i) ** 0.5
        self.weight = torch.empty(i, o, requires_grad=True)
        self.weight.data.uniform_(-s, s)
        self.bias = torch.zeros(o, requires_grad=True)

    def __call__(self, x):
        return x @ self.weight + self.bias

    def parameters(self):
        return [self.weight, self.bias]


class BatchNorm:
    """Normalizes by the batch while training, by running statistics afterwards."""

    def __init__(self, n, eps=1e-5, momentum=0.1):
        self.gamma = torch.ones(n, requires_grad=True)
        self.beta = torch.zeros(n, requires_grad=True)
        self.mean, self.var = torch.zeros(n), torch.ones(n)
        self.eps, self.momentum, self.training = eps, momentum, True

    def __call__(self, x):
        if self.training:
            mean, var = x.mean(dim=0), x.var(dim=0, unbiased=False)
            with torch.no_grad():
                self.mean = (1 - self.momentum) * self.mean + self.momentum * mean
                self.var = (1 - self.momentum) * self.var + self.momentum * var
        else:
            mean, var = self.mean, self.var
        return self.gamma * (x - mean) / torch.sqrt(var + self.eps) + self.beta

    def parameters(self):
        return [self.gamma, self.beta]


class Dropout:
    """Zeroes elements with probability p while training and scales the others up."""

    def __init__(self, p):
        self.p, self.training = p, True

    def __call__(self, x):
        if not self.training:
            return x
        mask = torch.empty_like(x).bernoulli_(1 - self.p)
        return x * mask / (1 - self.p)

    def parameters(self):
        return []


class ReLU:
    """max(x, 0)"""

    def __call__(self, x):
        return torch.max(x, torch.zeros_like(x))

    def parameters(self):
        return []


class Sigmoid:
    """1 / (1 + exp(-x))"""

    def __call__(self, x):
        return 1 / (1 + torch.exp(-x))

    def parameters(self):
        return []


class Softmax:
    """exp(x) / sum(exp(x)), the maximum subtracted first"""

    def __call__(self, x):
        e = torch.exp(x - x.max(dim=1, keepdim=True).values)
        return e / e.sum(dim=1, keepdim=True)


class Adam:
    """Adam, by the paper's Algorithm 1."""

    def __init__(self, params, lr=0.001, beta1=0.9, beta2=0.999, eps=1e-8):
        self.params, self.lr, self.beta1, self.beta2, self.eps = params, lr, beta1, beta2, eps
        self.m = [torch.zeros_like(p) for p in params]
        self.v = [torch.zeros_like(p) for p in params]
        self.t = 0

    def step(self):
        self.t += 1
        with torch.no_grad():
            for i, param in enumerate(self.params):
                g = param.grad
                self.m[i] = self.beta1 * self.m[i] + (1 - self.beta1) * g
                self.v[i] = self.beta2 * self.v[i] + (1 - self.beta2) * g * g
                m = self.m[i] / (1 - self.beta1**self.t)
                v = self.v[i] / (1 - self.beta2**self.t)
                param -= self.lr * m / (torch.sqrt(v) + self.eps)

    def zero_grad(self):
        for p in self.params:
            if p.grad is not None:
                p.grad.zero_()


def train(seed, epochs=50, lr=0.01):
    """Train 10-20-1 with dropout 0.2 and return the last loss and the predictions."""
    torch.manual_seed(seed)
    X = torch.randn(100, 10)
    y = (torch.sum(X, dim=1) > 0).float().unsqueeze(1)
    layers = [Linear(10, 20), BatchNorm(20), ReLU(), Dropout(0.2), Linear(20, 1), Sigmoid()]
    optimizer = Adam([p for layer in layers for p in layer.parameters()], lr=lr)
    for _ in range(epochs):
        p = X
        for layer in layers:
            p = layer(p)
        loss = -torch.mean(y * torch.log(p + 1e-8) + (1 - y) * torch.log(1 - p + 1e-8))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    for layer in layers:
        layer.training = False
    pred = X
    for layer in layers:
        pred = layer(pred)
    return loss.item(), pred.detach().view(-1), y.view(-1)


if __name__ == "__main__":
    loss, predictions, labels = train(int(sys.argv[1]) if len(sys.argv) > 1 else 0)
    print(f"final loss {loss:.4f}")
    print("predictions", predictions[:5])
    print("labels     ", labels[:5])
    print("softmax    ", Softmax()(torch.tensor([[1.0, 2.0, 3.0]])))
