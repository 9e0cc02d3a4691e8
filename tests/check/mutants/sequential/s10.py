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

    def updateOutput(self, input): pass
    def updateGradInput(self, input, gradOutput): pass
    def accGradParameters(self, input, gradOutput): pass
    def zeroGradParameters(self): pass
    def getParameters(self): return []
    def getGradParameters(self): return []
    def train(self): self.training = True
    def evaluate(self): self.training = False
    def __repr__(self): return "Module"


class Sequential(Module):
    def __init__(self):
        super(Sequential, self).__init__()
        self.modules = []

    def add(self, module):
        self.modules.append(module)

    def updateOutput(self, input):
        self.output = input
        for module in self.modules:
            self.output = module.forward(self.output)

        def backward(self, input, gradOutput):
            inputs = [input] + [m.output for m in self.modules[:-1]]
            for module, x in zip(self.modules[::-1], inputs[::-1]):
                gradOutput = module.backward(x, gradOutput)
            self.gradInput = gradOutput
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
        for module in self.modules: module.train()

    def evaluate(self):
        for module in self.modules: module.evaluate()
