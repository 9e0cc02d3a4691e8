import numpy as np


class Module(object):
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

    def accGradParameters(self, input, gradOutput):
        pass

    def zeroGradParameters(self):
        pass

    def getParameters(self):
        return []

    def getGradParameters(self):
        return []

    def train(self):
        self.training = True

    def evaluate(self):
        self.training = False


class Sequential(Module):
    def __init__(self):
        super().__init__()
        self.modules = []
        self.inputs = []

    def add(self, module):
        self.modules.append(module)

    def __getitem__(self, i):
        return self.modules[i]

    def updateOutput(self, input):
        y = input
        for module in self.modules:
            self.inputs.append(y)
            y = module.forward(y)
        self.output = y
        return self.output

    def backward(self, input, gradOutput):
        g = gradOutput
        for i in range(len(self.modules) - 1, -1, -1):
            g = self.modules[i].backward(self.inputs[i], g)
        self.gradInput = g
        return self.gradInput

    def zeroGradParameters(self):
        for module in self.modules:
            module.zeroGradParameters()

    def getParameters(self):
        return [m.getParameters() for m in self.modules]

    def getGradParameters(self):
        return [m.getGradParameters() for m in self.modules]

    def train(self):
        self.training = True
        for module in self.modules:
            module.train()

    def evaluate(self):
        self.training = False
        for module in self.modules:
            module.evaluate()
