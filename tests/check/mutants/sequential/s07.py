class Sequential:
    def __init__(self):
        self.modules = []
        self.output = None
        self.gradInput = None

    def add(self, module):
        self.modules.append(module)

    def __getitem__(self, idx):
        return self.modules[idx]

    def forward(self, input):
        return self.updateOutput(input)

    def updateOutput(self, input):
        self.outs = [input]
        for module in self.modules:
            self.outs.append(module.forward(self.outs[-1]))
        self.output = self.outs[-1]
        return self.output

    def backward(self, input, gradOutput):
        self.gradInput = gradOutput
        for module, x in list(zip(self.modules, self.outs))[::-1]:
            self.gradInput = module.backward(x, self.gradInput)

    def zeroGradParameters(self):
        for module in self.modules:
            module.zeroGradParameters()

    def getParameters(self):
        return [m.getParameters() for m in self.modules]

    def getGradParameters(self):
        return [m.getGradParameters() for m in self.modules]

    def train(self):
        for module in self.modules:
            module.train()

    def evaluate(self):
        for module in self.modules:
            module.evaluate()
