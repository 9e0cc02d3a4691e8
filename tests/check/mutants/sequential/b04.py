class Sequential(object):
    def __init__(self):
        self.modules = []
        self.training = True

    def add(self, layer):
        self.modules.append(layer)

    def __getitem__(self, i):
        return self.modules[i]

    def __len__(self):
        return len(self.modules)

    def forward(self, input):
        self.outputs = []
        y = input
        for layer in self.modules:
            y = layer.forward(y)
            self.outputs.append(y)
        self.output = y
        return y

    updateOutput = forward

    def backward(self, input, gradOutput):
        grad = gradOutput
        for layer, y in zip(self.modules[::-1], self.outputs[::-1]):
            grad = layer.backward(y, grad)
        self.gradInput = grad
        return grad

    def zeroGradParameters(self):
        for layer in self.modules:
            layer.zeroGradParameters()

    def getParameters(self):
        params = []
        for layer in self.modules:
            params += layer.getParameters()
        return params

    def getGradParameters(self):
        grads = []
        for layer in self.modules:
            grads += layer.getGradParameters()
        return grads

    def train(self):
        self.training = True
        for layer in self.modules:
            layer.train()

    def evaluate(self):
        self.training = False
        for layer in self.modules:
            layer.evaluate()
