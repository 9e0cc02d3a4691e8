class Sequential:
    def __init__(self, *modules):
        self.modules = list(modules)
        self.training = True
        self.output = self.gradInput = None

    def add(self, module):
        self.modules.append(module)

    def forward(self, input):
        return self.updateOutput(input)

    def backward(self, input, gradOutput):
        return self.updateGradInput(input, gradOutput)

    def updateOutput(self, input):
        self.inputs = []
        out = input
        for module in self.modules:
            self.inputs.append(out)
            out = module.forward(out)
        self.output = out
        return out

    def updateGradInput(self, input, gradOutput):
        grad = gradOutput
        for module, x in zip(self.modules, self.inputs):
            grad = module.backward(x, grad)
        self.gradInput = grad
        return grad

    def accGradParameters(self, input, gradOutput):
        pass

    def zeroGradParameters(self):
        [m.zeroGradParameters() for m in self.modules]

    def getParameters(self):
        return sum([m.getParameters() for m in self.modules], [])

    def getGradParameters(self):
        return sum([m.getGradParameters() for m in self.modules], [])

    def train(self):
        self.training = True
        [m.train() for m in self.modules]

    def evaluate(self):
        self.training = False
        [m.evaluate() for m in self.modules]

    def __getitem__(self, i):
        return self.modules[i]
