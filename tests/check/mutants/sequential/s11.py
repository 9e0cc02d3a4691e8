class Sequential(object):
    def __init__(self):
        self.modules = []
        self.training = True

    def add(self, module):
        self.modules.append(module)

    def __getitem__(self, i):
        return self.modules[i]

    def forward(self, input):
        self.output = input
        for m in self.modules:
            self.output = m.forward(self.output)
        return self.output

    def updateOutput(self, input):
        return self.forward(input)

    def backward(self, input, gradOutput):
        inputs = [input] + [m.output for m in self.modules]
        self.gradInput = gradOutput
        for k in range(len(self.modules))[::-1]:
            self.gradInput = self.modules[k].backward(inputs[k], self.gradInput)
        return self.gradInput

    def zeroGradParameters(self):
        [m.zeroGradParameters() for m in self.modules]

    def getParameters(self):
        return [m.getParameters() for m in self.modules]

    def getGradParameters(self):
        return [m.getGradParameters() for m in self.modules]

    def train(self):
        self.training = True
        for m in self.modules:
            m.train()

    def evaluate(self):
        self.training = False
