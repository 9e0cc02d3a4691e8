import numpy as np


class Module:
    def __init__(self):
        self.output = None
        self.gradInput = None
        self.training = True

    def forward(self, input):
        return self.updateOutput(input)

    def backward(self, input, gradOutput):
        self.updateGradInput(input, gradOutput)
        self.accGradParameters(input, gradOutput)
        return self.gradInput

    def accGradParameters(self, input, gradOutput): pass
    def zeroGradParameters(self): pass
    def getParameters(self): return []
    def getGradParameters(self): return []
    def train(self): self.training = True
    def evaluate(self): self.training = False


class Dropout(Module):
    def __init__(self, p=0.5):
        super().__init__()
        self.p = p

    def updateOutput(self, input):
        self.mask = (np.random.rand(*input.shape) >= self.p) / (1 - self.p) if self.training else 1.
        self.output = input * self.mask
        return self.output

    def updateGradInput(self, input, gradOutput):
        self.gradInput = gradOutput * self.mask
        return self.gradInput


class Sequential(Module):
    def __init__(self):
        super().__init__()
        self.modules = []

    def add(self, module):
        self.modules.append(module)

    def updateOutput(self, input):
        x = input
        for module in self.modules:
            x = module.forward(x)
        self.output = x
        return x

    def backward(self, input, gradOutput):
        inputs = [input]
        for module in self.modules[:-1]:
            inputs.append(module.forward(inputs[-1]))
        for module, x in zip(self.modules[::-1], inputs[::-1]):
            gradOutput = module.backward(x, gradOutput)
        self.gradInput = gradOutput
        return self.gradInput

    def zeroGradParameters(self):
        for module in self.modules:
            module.zeroGradParameters()

    def getParameters(self):
        return [module.getParameters() for module in self.modules]

    def getGradParameters(self):
        return [module.getGradParameters() for module in self.modules]

    def train(self):
        for module in self.modules:
            module.train()

    def evaluate(self):
        for module in self.modules:
            module.evaluate()

    def __getitem__(self, x):
        return self.modules[x]
