class Sequential:
    """
    Контейнер: применяет модули по очереди.
    """

    def __init__(self):
        self.modules = []
        self.training = True
        self.output = None
        self.gradInput = None

    def add(self, module):
        self.modules.append(module)
        return self

    def __getitem__(self, index):
        return self.modules[index]

    def forward(self, input):
        return self.updateOutput(input)

    def updateOutput(self, input):
        self.output = input
        for m in self.modules:
            self.output = m.forward(self.output)
        return self.output

    def backward(self, input, gradOutput):
        for i in range(len(self.modules) - 1, 0, -1):
            gradOutput = self.modules[i].backward(self.modules[i - 1].output, gradOutput)
        self.gradInput = self.modules[0].backward(input, gradOutput)
        return self.gradInput

    def zeroGradParameters(self):
        for m in self.modules:
            m.zeroGradParameters()

    def getParameters(self):
        return [m.getParameters() for m in self.modules]

    def getGradParameters(self):
        return [m.getGradParameters() for m in self.modules]

    def train(self):
        self.training = True

    def evaluate(self):
        self.training = False
        for m in self.modules:
            m.evaluate()

    def __repr__(self):
        return "\n".join(str(m) for m in self.modules)
