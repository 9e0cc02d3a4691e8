"""What both directions promise beside the layers: ties, memory, dtypes, refusals."""

from __future__ import annotations

import builtins
import sys
import warnings
from typing import Any

import numpy as np
import pytest
from tests.bridge.test_layers import _bits, _same_modules

import rushlight as rl
from rushlight import nn

torch = pytest.importorskip("torch")


# ---- tensors


@pytest.mark.parametrize("name", rl.bridge.tensors.DTYPES)
def test_tensors_share_memory(name: str) -> None:
    theirs = torch.arange(6).to(getattr(torch, name)).view(2, 3)
    ours = rl.from_torch(theirs)
    assert ours.dtype.name == name
    assert ours.tolist() == theirs.tolist()
    back = rl.to_torch(ours)
    assert back.data_ptr() == theirs.data_ptr()
    assert back.dtype == theirs.dtype
    theirs[0, 0] = 1
    assert ours[0, 0].item() == back[0, 0].item() == 1
    for copied in (rl.from_torch(theirs, copy=True), rl.to_torch(ours, copy=True)):
        theirs[0, 1] = 0
        assert copied[0, 1].item() == 1 or name == "bool"


def test_views_are_views() -> None:
    theirs = torch.arange(12.0).view(3, 4)
    ours = rl.from_torch(theirs.T[::2])
    assert ours.tolist() == theirs.T[::2].tolist()
    theirs.mul_(2)
    assert ours.tolist() == theirs.T[::2].tolist()
    image = rl.from_numpy(np.ones((2, 4, 4, 3), "float32").transpose(0, 3, 1, 2))  # channels-last
    rl.to_torch(image)[0, 0, 0, 0] = 5.0
    assert image[0, 0, 0, 0].item() == 5
    flipped = rl.tensor([1.0, 2.0, 3.0]).flip(0)
    assert rl.to_torch(flipped).tolist() == [3, 2, 1]
    reverse = rl.from_numpy(np.arange(3.0)[::-1])
    with pytest.raises(ValueError, match=r"negative strides.*copy=True"):
        rl.to_torch(reverse)
    assert rl.to_torch(reverse, copy=True).tolist() == [2, 1, 0]


def test_tensors_leave_their_graph() -> None:
    theirs = torch.ones(2, requires_grad=True) * 2
    assert not rl.from_torch(theirs).requires_grad
    ours = rl.ones(2, requires_grad=True) * 2
    assert not rl.to_torch(ours).requires_grad
    parameter = rl.from_torch(torch.nn.Parameter(torch.ones(2)))
    assert type(parameter) is nn.Parameter
    assert parameter.requires_grad
    frozen = rl.to_torch(nn.Parameter(rl.ones(2), requires_grad=False))
    assert type(frozen) is torch.nn.Parameter
    assert not frozen.requires_grad


def test_tensors_that_cannot_be() -> None:
    half = torch.tensor([1.5, -2.0], dtype=torch.bfloat16)
    assert rl.from_torch(half, copy=True).dtype == rl.float32
    assert rl.from_torch(half, copy=True).tolist() == [1.5, -2.0]
    with pytest.raises(TypeError, match="from_torch: got bfloat16, expected one of float16"):
        rl.from_torch(half)
    with pytest.raises(TypeError, match="complex64"):
        rl.from_torch(torch.ones(2, dtype=torch.complex64), copy=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sparse = torch.eye(2).to_sparse()
        quantized = torch.quantize_per_tensor(torch.ones(2), 0.1, 0, torch.qint8)
    for tensor, text in ((sparse, "sparse_coo"), (quantized, "quantized")):
        with pytest.raises(ValueError, match=f"{text}.*to_dense"):
            rl.from_torch(tensor)
    with pytest.raises(NotImplementedError, match="a tensor on meta"):
        rl.from_torch(torch.empty(2, device="meta"))
    for function in (rl.from_torch, rl.to_torch):
        with pytest.raises(TypeError, match="got list"):
            function([1.0])
    with pytest.raises(TypeError, match="a module with an example"):
        rl.from_torch(torch.ones(2), example=torch.ones(2))
    with pytest.raises(TypeError, match="into= and a tensor"):
        rl.to_torch(rl.ones(2), into=torch.ones(2))


# ---- modules


def _tied() -> Any:
    embedding, linear = torch.nn.Embedding(5, 3), torch.nn.Linear(3, 5, bias=False)
    linear.weight = embedding.weight
    act = torch.nn.PReLU()
    return torch.nn.Sequential(embedding, act, linear, torch.nn.Linear(5, 5), act)


def test_what_is_tied_stays_tied() -> None:
    theirs = _tied()
    ours = rl.from_torch(theirs)
    assert ours[2].weight is ours[0].weight
    assert ours[1] is ours[4]
    back = rl.to_torch(ours)
    assert back[2].weight is back[0].weight
    assert back[1] is back[4]
    assert len(list(back.parameters())) == len(list(theirs.parameters())) == 4
    other = torch.nn.Linear(3, 5, bias=False)
    other.weight = torch.nn.Parameter(theirs[0].weight.data)  # another leaf of the same memory
    ours = rl.from_torch(torch.nn.ModuleList([theirs[0], other]))
    assert ours[1].weight is not ours[0].weight
    ours[0].weight.data.fill_(7.0)
    assert (ours[1].weight == 7).all()


def test_memory_of_modules() -> None:
    theirs = torch.nn.Sequential(torch.nn.Linear(3, 3), torch.nn.BatchNorm1d(3))
    owned, shared = rl.from_torch(theirs), rl.from_torch(theirs, copy=False)
    with torch.no_grad():
        theirs[0].weight.fill_(3.0)
    assert (shared[0].weight == 3).all()
    assert not (owned[0].weight == 3).any()
    owned(rl.randn(4, 3))
    assert theirs[1].running_mean.abs().max() == 0
    shared(rl.randn(4, 3))
    assert theirs[1].running_mean.abs().max() > 0
    assert rl.to_torch(shared, copy=False)[0].weight.data_ptr() == theirs[0].weight.data_ptr()
    assert rl.to_torch(shared)[0].weight.data_ptr() != theirs[0].weight.data_ptr()
    with pytest.raises(NotImplementedError, match=r"weight: got bfloat16"):
        rl.from_torch(torch.nn.Linear(2, 2).bfloat16(), copy=False)
    wide = rl.from_torch(torch.nn.Linear(2, 2).bfloat16())
    assert wide.weight.dtype == rl.float32


def test_random_numbers_go_on_as_if_nothing_was_made() -> None:
    theirs = torch.nn.TransformerEncoderLayer(8, 2)
    rl.manual_seed(0)
    expected = rl.rand(2).tolist()
    rl.manual_seed(0)
    ours = rl.from_torch(theirs)
    assert rl.rand(2).tolist() == expected
    torch.manual_seed(0)
    wanted = torch.rand(2)
    torch.manual_seed(0)
    rl.to_torch(ours)
    assert torch.equal(torch.rand(2), wanted)


def test_modes_and_changed_options() -> None:
    theirs = torch.nn.Sequential(torch.nn.BatchNorm1d(3), torch.nn.Dropout(0.5))
    theirs[0].eval()
    theirs[0].momentum = 0.25
    theirs[1].p = 0.125
    ours = rl.from_torch(theirs)
    assert (ours.training, ours[0].training, ours[1].training) == (True, False, True)
    assert (ours[0].momentum, ours[1].p) == (0.25, 0.125)
    _same_modules(rl.to_torch(ours), theirs)


def test_layers_that_were_changed() -> None:
    theirs = torch.nn.TransformerEncoder(
        torch.nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), 2, torch.nn.LayerNorm(8)
    )
    theirs.layers[1].linear1 = torch.nn.Linear(8, 4)
    theirs.layers[1].linear2 = torch.nn.Linear(4, 8)
    ours = rl.from_torch(theirs, example=torch.randn(3, 5, 8))
    _same_modules(ours, theirs)
    assert _bits(rl.to_torch(ours).state_dict()) == _bits(theirs.state_dict())


@pytest.mark.parametrize("bias", [False, True])
def test_lazy_layers(bias: bool) -> None:
    theirs = torch.nn.Sequential(
        torch.nn.LazyConv2d(4, 3, bias=bias), torch.nn.LazyBatchNorm2d(), torch.nn.LazyLinear(2)
    )
    ours = rl.from_torch(theirs)
    back = rl.to_torch(ours)
    assert type(ours[0]) is nn.LazyConv2d
    x = np.random.default_rng(0).standard_normal((2, 3, 8, 8)).astype("float32")
    shape = tuple(theirs(torch.tensor(x)).shape)
    assert ours(rl.from_numpy(x)).shape == shape == tuple(back(torch.tensor(x)).shape)
    for module in (ours, back):
        assert [tuple(v.shape) for v in module.state_dict().values()] == [
            tuple(v.shape) for v in theirs.state_dict().values()
        ]
    now = rl.from_torch(theirs)
    assert type(now[0]) is nn.Conv2d
    assert _bits(now.state_dict()) == _bits(theirs.state_dict())


def test_all_that_cannot_be_converted_is_listed() -> None:
    class Fourier(torch.nn.Module):  # type: ignore[misc]
        def forward(self, x: Any) -> Any:
            return torch.fft.rfft(x).abs() + torch.fft.rfft(x)

    hooked, old = torch.nn.Linear(2, 2), torch.nn.Linear(2, 2)
    hooked.register_forward_hook(lambda *args: None)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.nn.utils.weight_norm(old)
        scripted = torch.jit.script(torch.nn.ReLU())
    new = torch.nn.utils.parametrizations.weight_norm(torch.nn.Linear(2, 2))
    model = torch.nn.ModuleDict(
        {
            "fourier": torch.nn.Sequential(torch.nn.ReLU(), Fourier()),
            "hooked": hooked,
            "old": old,
            "new": new,
            "scripted": scripted,
            "wrapped": torch.nn.DataParallel(torch.nn.Linear(2, 2)),
            "waves": torch.nn.Linear(2, 2, dtype=torch.complex64),
        }
    )
    with pytest.raises(NotImplementedError) as error:
        rl.from_torch(model)
    lines = [line.strip() for line in str(error.value).splitlines()[1:]]
    expected = [
        "fourier.1 (Fourier): the function torch.fft.rfft is not in Rushlight (at ",
        "hooked (Linear): it has the hooks test_all_that_cannot_be_converted_is_listed",
        "old (Linear): it has weight_norm; call torch.nn.utils.remove_weight_norm(module) first",
        "new (ParametrizedLinear): its weight is parametrized; call torch.nn.utils.parametrize",
        "scripted (RecursiveScriptModule): it is compiled by torch.jit; give the original",
        "wrapped (DataParallel): it only wraps another; give its .module",
        "waves.weight: got complex64, expected one of float16",
        "waves.bias: got complex64",
    ]
    assert len(lines) == len(expected), lines
    for line, text in zip(lines, expected, strict=True):
        assert line.startswith(text), line


def test_an_example_finds_what_differs(monkeypatch: Any) -> None:
    theirs = torch.nn.Sequential(torch.nn.Linear(3, 3), torch.nn.Dropout(0.5)).train()
    x = torch.randn(4, 3)
    ours = rl.from_torch(theirs, example=x, tolerance=1e-6)
    assert theirs.training
    assert ours.training
    ours[0].bias.data.add_(0.5)
    error = rl.bridge.compare(theirs, ours, x)
    assert error == pytest.approx(0.5 / theirs.eval()(x).abs().max().item(), rel=1e-4)
    wide = nn.Linear(3, 3, dtype="float64")
    wide.forward = lambda x: x.double()
    assert rl.bridge.compare(theirs, wide, x) == float("inf")
    monkeypatch.setattr("rushlight.bridge.door.compare", lambda *args: 0.25)
    with pytest.raises(ValueError, match=r"differ by 2\.5e-01 of the largest.*tolerance=1e-04"):
        rl.from_torch(theirs, example=(x,))
    monkeypatch.setattr("rushlight.bridge.door.compare", lambda *args: float("nan"))
    with pytest.raises(ValueError, match="differ by nan"):
        rl.from_torch(theirs, example={"input": x})


# ---- to torch


class Own(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.more = nn.Linear(3, 2), nn.ModuleList([nn.ReLU(), nn.Module()])

    def forward(self, x: Any) -> Any:
        return self.first(x)


def test_modules_that_torch_has_not() -> None:
    hooked = nn.Linear(2, 2)
    hooked.register_forward_hook(lambda *args: None)
    with pytest.raises(NotImplementedError) as error:
        rl.to_torch(nn.Sequential(Own(), nn.ReLU(), hooked, Own()))
    text = str(error.value)
    for part in (
        "0 (Own): it is no class of rushlight.nn",
        "3 (Own)",
        "2 (Linear): it has hooks",
        "to_torch(module, into=torch_model)",
    ):
        assert part in text


def test_into_a_torch_module() -> None:
    class Theirs(torch.nn.Module):  # type: ignore[misc]
        def __init__(self, width: int = 2) -> None:
            super().__init__()
            self.first = torch.nn.Linear(3, width)

    ours, theirs = Own(), Theirs().double()
    assert rl.to_torch(ours, into=theirs) is theirs
    assert theirs.first.weight.dtype == torch.float64
    assert theirs.first.weight.tolist() == ours.first.weight.tolist()
    other = Theirs(4)
    other.more = torch.nn.Linear(1, 1, bias=False)
    before = _bits(other.state_dict())
    ours.extra = nn.Parameter(rl.ones(1))
    with pytest.raises(ValueError) as error:
        rl.to_torch(ours, into=other)
    assert str(error.value).splitlines()[1:] == [
        "    missing in the torch module: extra",
        "    missing here: more.weight",
        "    first.weight: (2, 3) here, (4, 3) there",
        "    first.bias: (2,) here, (4,) there",
    ]
    assert _bits(other.state_dict()) == before
    with pytest.raises(TypeError, match="got Own"):
        rl.to_torch(ours, into=Own())
    with pytest.raises(TypeError, match="copy=True and into="):
        rl.to_torch(ours, into=theirs, copy=True)


# ---- torch's own database of modules


def test_every_module_of_torchs_database() -> None:
    pytest.importorskip("expecttest")
    from torch.testing._internal.common_modules import module_db

    count = 0
    for info in module_db:
        inputs = info.module_inputs_func(
            info, device="cpu", dtype=torch.float64, requires_grad=False, training=False
        )
        for case in inputs[:2]:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                made = case.constructor_input
                theirs = info.module_cls(*made.args, **made.kwargs)
            distance = getattr(theirs, "distance_function", None)
            if "<lambda>" in getattr(distance, "__qualname__", ""):
                continue  # a function of the user
            ours = rl.from_torch(theirs)
            back = rl.to_torch(ours)
            _same_modules(ours, theirs)
            _same_modules(back, theirs)
            assert repr(back) == repr(theirs)
            if not any(torch.nn.parameter.is_lazy(p) for p in theirs.parameters()):
                assert _bits(back.state_dict()) == _bits(theirs.state_dict())
            count += 1
    assert count > 120


# ---- without torch


def test_without_torch(monkeypatch: Any) -> None:
    load = builtins.__import__

    def refuse(name: str, *args: Any, **options: Any) -> Any:
        if name == "torch":
            raise ModuleNotFoundError("No module named 'torch'", name="torch")
        return load(name, *args, **options)

    monkeypatch.delitem(sys.modules, "torch")
    monkeypatch.setattr(builtins, "__import__", refuse)
    for call in (
        lambda: rl.from_torch(nn.Linear(2, 2)),
        lambda: rl.to_torch(nn.Linear(2, 2)),
        lambda: rl.bridge.compare(None, nn.Linear(2, 2), None),
    ):
        with pytest.raises(rl.errors.MissingExtra, match="pip install torch") as error:
            call()
        assert error.value.name == "torch"
