class Module:
    training = True
    output = gradInput = None

    def forward(self, x):
        return self.updateOutput(x)

    def backward(self, x, gradOutput):
        self.updateGradInput(x, gradOutput)
        self.accGradParameters(x, gradOutput)
        return self.gradInput

    def accGradParameters(self, x, gradOutput): pass
    def zeroGradParameters(self): pass
    def getParameters(self): return []
    def getGradParameters(self): return []
    def train(self): self.training = True
    def evaluate(self): self.training = False


class Sequential(Module):
    def __init__(self):
        self.modules = []

    def add(self, module):
        self.modules.append(module)

    def __getitem__(self, i):
        return self.modules[i]

    def updateOutput(self, x):
        self.inputs = []
        for m in self.modules:
            self.inputs.append(x)
            x = m.forward(x)
        self.output = x
        return self.output

    def backward(self, x, gradOutput):
        for m, inp in zip(self.modules[::-1], self.inputs[::-1]):
            gradOutput = m.backward(inp, gradOutput)
        self.gradInput = gradOutput
        return self.gradInput

    def getParameters(self):
        return sum((m.getParameters() for m in self.modules), [])

    def getGradParameters(self):
        return sum((m.getGradParameters() for m in self.modules), [])

    def train(self):
        self.training = True
        for m in self.modules:
            m.train()

    def evaluate(self):
        self.training = False
        for m in self.modules:
            m.evaluate()
