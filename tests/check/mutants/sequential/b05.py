class Module:
    def __init__(self):
        self.output = None
        self.gradInput = None
        self.training = True

    def forward(self, input):
        return self.updateOutput(input)

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

    def updateOutput(self, input):
        self.inputs = [input]
        for module in self.modules:
            self.inputs.append(module.forward(self.inputs[-1]))
        self.output = self.inputs.pop()
        return self.output

    def backward(self, input, gradOutput):
        for module, x in zip(self.modules[::-1], self.inputs[::-1]):
            gradOutput = module.backward(x, gradOutput)
        self.gradInput = gradOutput
        return self.gradInput

    def with_weights(self):
        return [m for m in self.modules if hasattr(m, 'W') or isinstance(m, Sequential)]

    def zeroGradParameters(self):
        for module in self.modules:
            module.zeroGradParameters()

    def getParameters(self):
        return [p for m in self.with_weights() for p in m.getParameters()]

    def getGradParameters(self):
        return [g for m in self.with_weights() for g in m.getGradParameters()]

    def train(self):
        super().train()
        for module in self.modules:
            module.train()

    def evaluate(self):
        super().evaluate()
        for module in self.modules:
            module.evaluate()
