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

    def add(self, module):
        self.modules.append(module)

    def __getitem__(self, index):
        return self.modules[index]

    def __len__(self):
        return len(self.modules)

    def _each(self, method):
        return [getattr(module, method)() for module in self.modules]

    def updateOutput(self, input):
        self.output = input
        for module in self.modules:
            self.output = module.forward(self.output)
        return self.output

    def backward(self, input, gradOutput):
        inputs = [input] + [module.output for module in self.modules[:-1]]
        self.gradInput = gradOutput
        for module, x in zip(self.modules[::-1], inputs[::-1]):
            self.gradInput = module.backward(x, self.gradInput)
        return self.gradInput

    def zeroGradParameters(self):
        self._each('zeroGradParameters')

    def getParameters(self):
        return self._each('getParameters')

    def getGradParameters(self):
        return self._each('getGradParameters')

    def train(self):
        super().train()
        self._each('train')

    def evaluate(self):
        super().evaluate()
        self._each('evaluate')
