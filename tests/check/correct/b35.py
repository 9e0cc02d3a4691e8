from functools import reduce


class Sequential:
    def __init__(self, *layers):
        self.modules = list(layers)
        self.training = True
        self.output = None
        self.gradInput = None

    def add(self, layer):
        self.modules.append(layer)
        return self

    def __getitem__(self, index):
        return self.modules[index]

    def forward(self, input):
        return self.updateOutput(input)

    def updateOutput(self, input):
        self.output = reduce(lambda x, layer: layer.forward(x), self.modules, input)
        return self.output

    def backward(self, input, gradOutput):
        return self.updateGradInput(input, gradOutput)

    def updateGradInput(self, input, gradOutput):
        # вход модуля - выход предыдущего
        inputs = [input] + [layer.output for layer in self.modules[:-1]]
        for layer, x in list(zip(self.modules, inputs))[::-1]:
            gradOutput = layer.backward(x, gradOutput)
        self.gradInput = gradOutput
        return gradOutput

    def accGradParameters(self, input, gradOutput):
        pass

    def zeroGradParameters(self):
        for layer in self.modules:
            layer.zeroGradParameters()

    def getParameters(self):
        return [p for layer in self.modules for p in layer.getParameters()]

    def getGradParameters(self):
        return [g for layer in self.modules for g in layer.getGradParameters()]

    def _set_mode(self, training):
        self.training = training
        for layer in self.modules:
            (layer.train if training else layer.evaluate)()

    def train(self):
        self._set_mode(True)

    def evaluate(self):
        self._set_mode(False)
