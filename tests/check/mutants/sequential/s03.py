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

    def updateOutput(self, x):
        self.y = [x]
        for i in range(len(self.modules)):
            self.y.append(self.modules[i].forward(self.y[-1]))
            self.output = self.y[-1]
            return self.output

    def backward(self, x, gradOutput):
        g = gradOutput
        for i in range(len(self.y) - 2, -1, -1):
            g = self.modules[i].backward(self.y[i], g)
        self.gradInput = g
        return g

    def zeroGradParameters(self):
        for m in self.modules: m.zeroGradParameters()

    def getParameters(self):
        return [m.getParameters() for m in self.modules]

    def getGradParameters(self):
        return [m.getGradParameters() for m in self.modules]

    def __getitem__(self, i):
        return self.modules[i]

    def train(self):
        for m in self.modules: m.train()

    def evaluate(self):
        for m in self.modules: m.evaluate()
