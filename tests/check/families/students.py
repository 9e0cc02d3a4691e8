"""Layers as students write them, made of a few lines each."""

import linecache
import textwrap

import numpy as np

import rushlight as torch
from rushlight import nn
from rushlight.check.layer import check_layer

BASE = """
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
"""


def student(source, name=None):
    """Return the last class (or function) that the source defines, or the one of that name."""
    text = BASE + textwrap.dedent(source)
    file = f"<student {abs(hash(text))}>"
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    names = {"np": np, "torch": torch, "nn": nn, "__name__": "student"}
    exec(compile(text, file, "exec"), names)
    made = [v for v in names.values() if getattr(v, "__module__", "") == "student"]
    return made[-1] if name is None else names[name]


def activation(name, output, gradient, option=""):
    """Return a layer without parameters from two expressions; option: "slope=0.1"."""
    keep = f"self.{option.partition('=')[0]} = {option.partition('=')[0]}" if option else "pass"
    return student(f"""
        class {name}(Module):
            def __init__(self{option and ", " + option}):
                super().__init__()
                {keep}
            def updateOutput(self, input):
                self.output = {output}
                return self.output
            def updateGradInput(self, input, gradOutput):
                self.gradInput = {gradient}
                return self.gradInput
        """)


def findings(cls, like=None):
    """Return the causes of all defects, the likeliest first."""
    return [f.cause for f in check_layer(cls, like).findings if f.severity == "defect"]


def first(cls, like=None):
    """Return the first cause, or "ok" if there is no finding at all."""
    report = check_layer(cls, like)
    return "ok" if report.ok and not report.findings else report.findings[0].cause
