class Sequential(object):
    def __init__(self, *modules):
        self.modules = list(modules)
        self.output = None
        self.gradInput = None
        self.training = True

    def add(self, module):
        self.modules.append(module)
        return self

    def __getitem__(self, index):
        return self.modules[index]

    def __len__(self):
        return len(self.modules)

    def forward(self, input):
        self.output = input
        for m in self.modules:
            self.output = m.forward(self.output)
        return self.output

    updateOutput = forward

    def backward(self, input, gradOutput):
        inputs = [input] + [m.output for m in self.modules[:-1]]
        for m, x in zip(self.modules[::-1], inputs[::-1]):
            gradOutput = m.backward(x, gradOutput)
        self.gradInput = gradOutput
        return gradOutput

    def zeroGradParameters(self):
        for m in self.modules:
            m.zeroGradParameters()

    def getParameters(self):
        return [p for m in self.modules for p in m.getParameters()]

    def getGradParameters(self):
        return [g for m in self.modules for g in m.getGradParameters()]

    def _mode(self, name, flag):
        self.training = flag
        for m in self.modules:
            getattr(m, name)()

    def train(self):
        self._mode('train', True)

    def evaluate(self):
        self._mode('evaluate', False)
