"""The function export: what it writes, what it refuses, what it leaves behind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rushlight as rl
from rushlight import nn

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

from rushlight.graph import RecordError  # noqa: E402
from rushlight.onnx import ExportError, export  # noqa: E402
from rushlight.onnx.export import files, running, versions  # noqa: E402


class Of(nn.Module):
    """A module of one function."""

    def __init__(self, function: Any) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Any, y: Any = None, *, scale: Any = None) -> Any:
        given = [a for a in (x, y, scale) if a is not None]
        return self.function(*given)


@pytest.fixture(autouse=True)
def seed() -> None:
    rl.manual_seed(0)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "model.onnx"


def run(path: Path, **inputs: Any) -> list[Any]:
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return list(session.run(None, {name: np.asarray(x) for name, x in inputs.items()}))


def small() -> Any:
    rl.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(32, 3))


X = rl.rand(2, 1, 6, 6)


def test_the_file(path: Path) -> None:
    report = export(small(), X, path, metadata={"author": "me", "data": "none"})
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    names = [tensor.name for tensor in model.graph.initializer]
    assert {"0.weight", "0.bias", "3.weight", "3.bias"} < set(names)
    assert [node.name for node in model.graph.node] == [
        "/0/conv/Conv", "/1/relu/Relu", "/2/reshape/Reshape", "/3/linear/Gemm",
    ]  # fmt: skip
    assert model.graph.node[0].doc_string == "conv in 0"
    assert {p.key: p.value for p in model.metadata_props} == {"author": "me", "data": "none"}
    assert model.producer_name == "rushlight" and model.graph.name == "Sequential"
    assert [v.name for v in model.graph.input] == ["input"]
    assert [v.name for v in model.graph.output] == ["output"]
    inferred = {value.name for value in model.graph.value_info}
    assert all(set(node.output) <= inferred | {"output"} for node in model.graph.node)
    assert model.opset_import[0].version == report.opset == versions.newest()
    assert report.size == path.stat().st_size and report.path == str(path)
    assert report.nodes == {"Conv": 1, "Relu": 1, "Reshape": 1, "Gemm": 1}
    assert report.parameters == 2 * 9 + 2 + 32 * 3 + 3
    assert 0 <= report.max_error < 1e-5 and report.errors.keys() == {"output"}


def test_a_dynamic_batch(path: Path) -> None:
    model = small()
    report = export(model, X, path, dynamic_axes={"input": {0: "batch"}, "output": {0: "batch"}},
                    output_names=["output"])  # fmt: skip
    shape = onnx.load(path).graph.output[0].type.tensor_type.shape
    assert [d.dim_param or d.dim_value for d in shape.dim] == ["batch", 3]
    assert len({run["batch"] for run in report.runs}) == 3  # the size of 1 as well
    x = rl.rand(7, 1, 6, 6)
    (found,) = run(path, input=x)
    with rl.no_grad():
        np.testing.assert_allclose(found, model(x).numpy(), atol=1e-5)


def test_names_keywords_and_nested_outputs(path: Path) -> None:
    def function(x: Any, y: Any, scale: Any) -> Any:
        return {"sum": (x[0] + x[1]) * scale, "both": (y, x[0])}

    example = ((rl.rand(2), rl.rand(2)), rl.tensor([1, 2]))
    export(Of(function), example, path, kwargs={"scale": rl.tensor(3.0)})
    graph = onnx.load(path).graph
    assert [v.name for v in graph.input] == ["x.0", "x.1", "y", "scale"]
    assert [v.name for v in graph.output] == ["sum", "both_0", "both_1"]
    export(Of(function), example, path, kwargs={"scale": rl.tensor(3.0)},
           input_names=["a", "b", "c", "d"], output_names=["p", "q", "r"])  # fmt: skip
    graph = onnx.load(path).graph
    assert [v.name for v in graph.input] == ["a", "b", "c", "d"]
    p, q, r = run(path, a=np.float32([1, 2]), b=np.float32([3, 4]), c=[5, 6], d=np.float32(2))
    assert (p.tolist(), q.tolist(), r.tolist()) == ([8.0, 12.0], [5, 6], [1.0, 2.0])


def test_what_is_made_of_a_parameter_is_named_after_it(path: Path) -> None:
    class Turned(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(rl.rand(3, 4))

        def forward(self, x: Any) -> Any:
            turned = self.weight.T
            first, second = turned.split(2)
            return nn.functional.linear(x, turned) + first.sum() + second.sum()

    export(Turned(), rl.rand(2, 3), path)
    names = {tensor.name for tensor in onnx.load(path).graph.initializer}
    assert names == {"weight.permute", "weight.sum", "weight.sum_2"}


def test_outputs_that_are_inputs_parameters_or_twice_the_same(path: Path) -> None:
    model = nn.Linear(2, 2)

    class Many(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = model

        def forward(self, x: Any) -> Any:
            y = self.inner(x)
            return x, y, y, self.inner.weight, rl.ones(2)

    report = export(Many(), rl.rand(1, 2), path)
    assert list(report.errors) == [f"output_{i}" for i in range(5)]
    assert report.max_error < 1e-5


@pytest.mark.parametrize("dtype", ["float64", "float16"])
def test_other_floats(path: Path, dtype: str) -> None:
    model = nn.Sequential(nn.Linear(3, 4), nn.Sigmoid(), nn.Linear(4, 2)).to(dtype)
    report = export(model, rl.rand(2, 3).to(dtype), path)
    assert onnx.load(path).graph.input[0].type.tensor_type.elem_type == {
        "float64": onnx.TensorProto.DOUBLE, "float16": onnx.TensorProto.FLOAT16,
    }[dtype]  # fmt: skip
    assert report.max_error <= report.limits["output"] <= {"float64": 1e-9, "float16": 0.1}[dtype]


@pytest.mark.parametrize("opset", [18, 20, 21, 23])
def test_older_operators(path: Path, opset: int) -> None:
    model = nn.Sequential(
        nn.Linear(4, 4),
        nn.GELU(),
        nn.GELU("tanh"),
        nn.RMSNorm(4),
        nn.GroupNorm(2, 4),
        nn.LayerNorm(4),
    )
    report = export(model, rl.rand(2, 4), path, opset=opset)
    assert report.opset == onnx.load(path).opset_import[0].version == opset


def test_a_model_in_training_is_exported_as_it_evaluates(path: Path) -> None:
    model = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3), nn.Dropout()).train()
    export(model, rl.rand(4, 3), path)
    assert model.training
    assert [node.op_type for node in onnx.load(path).graph.node][:2] == [
        "Gemm",
        "BatchNormalization",
    ]


def test_the_report_is_printed_when_asked_for(path: Path, capsys: Any) -> None:
    report = export(nn.ReLU(), X, path)
    assert capsys.readouterr().out == ""
    export(nn.ReLU(), X, path, verbose=True)
    assert capsys.readouterr().out == f"{report}\n"
    assert "1 nodes: 1 Relu" in str(report) and "max error 0.0e+00 against" in str(report)
    unchecked = export(nn.ReLU(), X, path, check=False)
    assert "not compared with onnxruntime" in str(unchecked) and np.isnan(unchecked.max_error)


def test_weights_beyond_the_limit_go_to_a_second_file(path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(files, "LARGEST", 1000)
    model = nn.Linear(40, 30)
    report = export(model, rl.rand(2, 40), path)
    assert sorted(p.name for p in path.parent.iterdir()) == ["model.onnx", "model.onnx.data"]
    assert report.size == sum(p.stat().st_size for p in path.parent.iterdir()) > 4800
    x = rl.rand(3, 40)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    export(model, x, path)  # writes over both
    assert session.get_inputs()[0].name == "input"
    with rl.no_grad():
        np.testing.assert_allclose(run(path, input=x)[0], model(x).numpy(), atol=1e-5)


# ---- what is refused


def test_all_calls_without_a_form_are_listed_at_once(path: Path) -> None:
    class Odd(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = Of(lambda x: rl.linalg.inv(x))

        def forward(self, x: Any) -> Any:
            return self.inner(x).exp() + rl.special.i0(x) + rl.digamma(x)

    with pytest.raises(ExportError) as caught:
        export(Odd(), rl.eye(3) + rl.rand(3, 3), path)
    lines = str(caught.value).splitlines()
    assert lines[0] == "onnx.export: ONNX has no form for these calls:"
    assert lines[1] == "  inv in inner: ONNX factorizes no matrices"
    assert [line.split(":")[0] for line in lines[2:]] == [
        "  i0 in the model", "  digamma in the model",
    ]  # fmt: skip
    assert not list(path.parent.iterdir())


def test_a_users_function_is_named(path: Path) -> None:
    class Sorted(rl.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            return rl.from_numpy(np.sort(x._array, 0))

    with pytest.raises(ExportError, match="Sorted in the model: no ONNX operator computes it"):
        export(Of(Sorted.apply), X, path)


def test_a_difference_is_an_error_and_writes_nothing(path: Path, monkeypatch: Any) -> None:
    path.write_bytes(b"the old file")
    monkeypatch.setitem(running._TOLERANCES, "float32", 0.0)
    model = nn.Sequential(nn.Linear(300, 300), nn.Softmax(-1))
    with pytest.raises(ExportError, match=r"output 'output': got a difference of \S+ between"):
        export(model, rl.rand(9, 300), path)
    assert path.read_bytes() == b"the old file"
    assert list(path.parent.iterdir()) == [path]
    export(model, rl.rand(9, 300), path, tolerance=1e-4)
    assert path.read_bytes() != b"the old file"


def test_a_wrong_form_would_be_found(path: Path, monkeypatch: Any) -> None:
    from rushlight.onnx.export.table import ROWS

    monkeypatch.setitem(ROWS, "exp", lambda to, node: to.add("Log", [to.read(node.inputs[0])]))
    with pytest.raises(ExportError, match="got a difference of"):
        export(Of(lambda x: x.exp()), X, path)
    assert not path.exists()


def test_without_a_kernel_the_fix_is_told(path: Path) -> None:
    model = nn.Conv2d(1, 2, 3).double()
    with pytest.raises(ExportError, match="if it has no kernel for this dtype, export in float32"):
        export(model, X.double(), path)
    assert not path.exists()
    export(model, X.double(), path, check=False)
    onnx.checker.check_model(onnx.load(path), full_check=True)


@pytest.mark.parametrize("large", [False, True])
def test_what_onnx_refuses_is_told_with_a_fix(path: Path, monkeypatch: Any, large: bool) -> None:
    if large:
        monkeypatch.setattr(files, "LARGEST", -1)
    model, bytes_ = Of(lambda x: -x), rl.tensor(np.uint8([1, 2]))
    with pytest.raises(ExportError, match=r"onnx refuses: (.|\n)*/neg/Neg(.|\n)*cast the tensor"):
        export(model, bytes_, path)
    assert not list(path.parent.iterdir())


@pytest.mark.parametrize(
    "options, words",
    [
        ({"opset": 3}, r"onnx.export: got opset=3, expected 18 to \d+"),
        ({"opset": 99}, "got opset=99"),
        ({"input_names": ["a", "b"]}, r"got names \['a', 'b'\], expected 1 different names"),
        ({"output_names": ["a", "b"]}, r"output_names: got \['a', 'b'\], expected 1 different"),
        ({"output_names": ["input"]}, "that no input or parameter has"),
        ({"dynamic_axes": {"nonsense": {0: "n"}}},
         "dynamic_axes: got 'nonsense', expected inputs: input; or outputs: output"),
        ({"dynamic_axes": {"input": {9: "n"}}}, "got axis 9 of input"),
        ({"dynamic_axes": ["input"]}, r"as \{'input': \{0: 'batch'\}\} or \{'input': \[0\]\}"),
        ({"dynamic_axes": {"input": 0}}, "onnx.export, dynamic_axes: got"),
        ({"dynamic_axes": {"input": {0: 5}}}, "onnx.export, dynamic_axes: got"),
        ({"dynamic_axes": {"input": {"0": "n"}}}, "onnx.export, dynamic_axes: got"),
        ({"input_names": [""]}, r"input_names: got \[''\], expected names that no parameter has"),
        ({"metadata": {"epochs": 3}}, "onnx.export, metadata: got"),
        ({"tolerance": -1.0}, "got tolerance=-1.0"),
        ({"opset": "18"}, "got opset='18'"),
    ],
)  # fmt: skip
def test_wrong_arguments(path: Path, options: Any, words: str) -> None:
    with pytest.raises((TypeError, ValueError), match=words):
        export(nn.ReLU(), X, path, **options)
    assert not path.exists()


def test_what_is_no_model_has_no_outputs_or_takes_a_parameters_name(path: Path) -> None:
    with pytest.raises(TypeError, match="model: got function, expected a Module; call it in"):
        export(lambda x: x, X, path)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="returns NoneType, expected tensors"):
        export(Of(lambda x: None), X, path)
    with pytest.raises(ValueError, match=r"input_names: got \['0.weight'\]"):
        export(small(), X, path, input_names=["0.weight"])


def test_axes_of_outputs_are_allowed_by_any_name(path: Path) -> None:
    export(small(), X, path, dynamic_axes={"input": [0], "output": [0]})
    assert onnx.load(path).graph.output[0].type.tensor_type.shape.dim[0].dim_param == "input_0"


def test_a_place_for_no_file_is_refused_before_any_work(path: Path) -> None:
    called = []
    model = Of(lambda x: called.append(1) or x)
    with pytest.raises(IsADirectoryError, match="expected the path of a file; add a file name"):
        export(model, X, path.parent)
    with pytest.raises(FileNotFoundError, match="create the folder first"):
        export(model, X, path.parent / "no" / "model.onnx")
    assert not called


def test_an_empty_example_is_refused(path: Path) -> None:
    with pytest.raises(ExportError, match="expected at least one element"):
        export(nn.ReLU(), rl.zeros(0, 3), path)


def test_what_would_hold_for_the_example_alone_is_refused(path: Path) -> None:
    with pytest.raises(RecordError, match=r"bool in the model"):
        export(Of(lambda x: x if x.sum() > 0 else -x), X, path)
    assert not path.exists()


def test_a_missing_package_is_named_before_any_work(path: Path, monkeypatch: Any) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    called = []
    with pytest.raises(ImportError, match=r"pip install 'rushlight\[onnx\]'"):
        export(Of(lambda x: called.append(1)), X, path)
    assert not called


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="create the folder first"):
        export(nn.ReLU(), X, tmp_path / "no" / "model.onnx")
