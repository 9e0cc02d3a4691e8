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
        self.inputs = []

    def add(self, module):
        self.modules.append(module)

    def updateOutput(self, input):
        self.inputs = [input]
        for module in self.modules:
            self.inputs.append(module.forward(self.inputs[-1]))
        self.output = self.inputs[-1]
        return self.output

    def backward(self, input, gradOutput):
        self.gradInput = gradOutput
        for i in reversed(range(len(self.modules))):
            self.gradInput = self.modules[i].backward(self.inputs[i], self.gradInput)
        return self.gradInput

    def zeroGradParameters(self):
        for module in self.modules: module.zeroGradParameters()

    def getParameters(self):
        return [x.getParameters() for x in self.modules]

    def getGradParameters(self):
        return [x.getGradParameters() for x in self.modules]

    def __getitem__(self, x):
        return self.modules[x]

    def train(self):
        self.training = True
        for module in self.modules: module.train()

    def evaluate(self):
        self.training = False
        for module in self.modules: module.evaluate()
