import numpy as np


class Module:
    """Базовый класс слоя: прямой и обратный проход."""

    def __init__(self):
        self.output, self.gradInput, self.training = None, None, True

    def forward(self, x):
        self.output = self.updateOutput(x)
        return self.output

    def backward(self, x, gradOutput):
        self.gradInput = self.updateGradInput(x, gradOutput)
        self.accGradParameters(x, gradOutput)
        return self.gradInput

    def accGradParameters(self, x, gradOutput): ...

    def zeroGradParameters(self): ...

    def getParameters(self): return []

    def getGradParameters(self): return []

    def train(self): self.training = True

    def evaluate(self): self.training = False


class Sequential(Module):
    def __init__(self, *layers):
        super().__init__()
        self.modules = list(layers)

    def add(self, layer):
        self.modules.append(layer)
        return self

    def __getitem__(self, idx):
        return self.modules[idx]

    def updateOutput(self, x):
        self._inp = []
        for layer in self.modules:
            self._inp.append(x)
            x = layer.forward(x)
        return x

    def updateGradInput(self, x, gradOutput):
        for layer, inp in zip(reversed(self.modules), reversed(self._inp)):
            gradOutput = layer.updateGradInput(inp, gradOutput)
        return gradOutput

    def zeroGradParameters(self):
        for layer in self.modules:
            layer.zeroGradParameters()

    def getParameters(self):
        return [p for layer in self.modules for p in layer.getParameters()]

    def getGradParameters(self):
        return [g for layer in self.modules for g in layer.getGradParameters()]

    def train(self):
        super().train()
        [layer.train() for layer in self.modules]

    def evaluate(self):
        super().evaluate()
        [layer.evaluate() for layer in self.modules]
