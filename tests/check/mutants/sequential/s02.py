class Sequential(object):
    def __init__(self, *layers):
        self.modules = list(layers)
        self.training = True

    def add(self, module):
        self.modules.append(module)
        return self

    def __getitem__(self, i):
        return self.modules[i]

    def forward(self, x):
        self.inputs = []
        for m in self.modules:
            self.inputs.append(x)
            x = m.forward(x)
        self.output = x
        return x

    updateOutput = forward

    def backward(self, x, grad):
        for m, inp in zip(self.modules, self.inputs):
            grad = m.backward(inp, grad)
        self.gradInput = grad
        return grad

    def zeroGradParameters(self):
        for m in self.modules:
            m.zeroGradParameters()

    def getParameters(self):
        return [p for m in self.modules for p in m.getParameters()]

    def getGradParameters(self):
        return [g for m in self.modules for g in m.getGradParameters()]

    def train(self):
        self.training = True
        for m in self.modules:
            m.train()

    def evaluate(self):
        self.training = False
        for m in self.modules:
            m.evaluate()
