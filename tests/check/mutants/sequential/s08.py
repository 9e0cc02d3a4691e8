class Module(object):
    # базовый класс из условия
    def __init__(self):
        self.output, self.gradInput, self.training = None, None, True

    def forward(self, input):
        """Прямой проход"""
        return self.updateOutput(input)

    def backward(self, input, gradOutput):
        """Обратный проход: сначала по входу, потом по параметрам"""
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


class Sequential(Module):
    def __init__(self):
        super().__init__()
        self.modules = []

    def add(self, module):
        self.modules.append(module)

    def updateOutput(self, input):
        self.output = input
        for layer in self.modules:
            self.output = layer.forward(self.output)
        return self.output

    def backward(self, input, gradOutput):
        # идём с конца
        self.gradInput = gradOutput
        for layer in self.modules[::-1]:
            self.gradInput = layer.backward(layer.output, self.gradInput)
        return self.gradInput

    def zeroGradParameters(self):
        for layer in self.modules: layer.zeroGradParameters()

    def getParameters(self):
        return [layer.getParameters() for layer in self.modules]

    def getGradParameters(self):
        return [layer.getGradParameters() for layer in self.modules]

    def __getitem__(self, i):
        return self.modules[i]

    def train(self):
        for layer in self.modules: layer.train()

    def evaluate(self):
        for layer in self.modules: layer.evaluate()
