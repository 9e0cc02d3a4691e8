"""The guide at the head of docs/onnx.md; `test_guide.py` runs its programs."""

__all__ = ["GUIDE"]

GUIDE = """\
`pip install 'rushlight[onnx]'` brings onnx and onnxruntime. A model is written with an example of
what it takes; sizes that may change are named by `dynamic_axes`:

```python
import rushlight as rl
from rushlight import nn

model = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 3))
example = rl.randn(2, 4)
axes = {"input": {0: "batch"}}
report = rl.onnx.export(model, example, "model.onnx", dynamic_axes=axes)
print(report)  # operators, size, and the largest error against onnxruntime
```

Inputs are named after the parameters of `forward` (or by `input_names=`), outputs "output", or the
keys of a dict that is returned (or by `output_names=`). Any runtime opens the file:

```python
import numpy as np
import onnxruntime

session = onnxruntime.InferenceSession("model.onnx", providers=["CPUExecutionProvider"])
(scores,) = session.run(None, {"input": np.zeros((7, 4), np.float32)})
print(scores.shape)
```

A file, of Rushlight or of others, becomes a module that runs, is trained further and exported
again:

```python
net = rl.onnx.load("model.onnx").train()
optimizer = rl.optim.SGD(net.parameters(), lr=0.1)
for _ in range(3):
    optimizer.zero_grad()
    loss = nn.functional.cross_entropy(net(rl.randn(8, 4)), rl.randint(0, 3, (8,)))
    loss.backward()
    optimizer.step()
rl.onnx.export(net, example, "tuned.onnx", dynamic_axes=axes)
print(sorted(net.state_dict()))
```

What cannot be written is refused before anything is: calls without a form in ONNX (all of them are
named, with the paths of their modules), branches of Python on elements of tensors, random numbers.
Not loaded are control flow (so an LSTM with `proj_size`, written as a Scan, does not come back),
strings, sequences and quantized operators. A Resize that was loaded is exported again for the sizes
of the example alone. `rushlight export RUN --format onnx --out net.onnx` writes the net of a
finished training run.

"""
