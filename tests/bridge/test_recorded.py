"""Modules of other classes: what is recorded of their forward computes what they compute."""

from __future__ import annotations

import copy
import pickle
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import rushlight as rl

torch = pytest.importorskip("torch")
F = torch.nn.functional

from tests.bridge import architectures  # noqa: E402
from tests.bridge.architectures import MODELS  # noqa: E402

from rushlight.bridge import compare  # noqa: E402


def _leaves(output: Any) -> list[Any]:
    return list(output.values()) if isinstance(output, dict) else [output]


def _ours(tensor: Any) -> Any:
    return rl.from_torch(tensor, copy=True)


@pytest.mark.parametrize("name", MODELS)
def test_architectures(name: str) -> None:
    make, x, other = MODELS[name]
    torch.manual_seed(0)
    theirs = make().double()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ours = rl.from_torch(theirs)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    assert [n for n, _ in ours.named_modules()] == [n for n, _ in theirs.named_modules()]
    assert repr(ours).splitlines()[0] == f"{name}("
    for given in (x, other):  # of another size, too: nothing is fixed to that of the first
        given = given.double() if given.is_floating_point() else given
        assert rl.bridge.compare(theirs, ours, given) < 1e-12
    drops = [m for m in ours.modules() if isinstance(m, rl.nn.Dropout)]
    for part in [*drops, *(m for m in theirs.modules() if isinstance(m, torch.nn.Dropout))]:
        part.p = 0.0
    if name in ("UNet", "Encoder", "Sentiment"):  # dropout that is not a layer of its own
        theirs.eval()
        ours.eval()
    x = x.double() if x.is_floating_point() else x
    expected, found = _leaves(theirs(x)), _leaves(ours(_ours(x)))
    random = np.random.default_rng(0)
    for a, b in zip(expected, found, strict=True):
        weights = random.standard_normal(tuple(a.shape))
        (a * torch.tensor(weights)).sum().backward(retain_graph=True)
        (b * rl.from_numpy(weights)).sum().backward(retain_graph=True)
    wanted = dict(theirs.named_parameters())
    largest = max(p.grad.abs().max() for p in wanted.values() if p.grad is not None)
    assert [n for n, _ in ours.named_parameters()] == list(wanted)
    for key, parameter in ours.named_parameters():
        if wanted[key].grad is None:
            assert parameter.grad is None, key
            continue
        difference = np.abs(parameter.grad.numpy() - wanted[key].grad.numpy()).max()
        assert difference <= 1e-10 * largest, key
    for (key, a), (_, b) in zip(ours.named_buffers(), theirs.named_buffers(), strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-12, err_msg=key)


def test_dropout_goes_by_the_mode() -> None:
    theirs = MODELS["UNet"][0]()
    ours = rl.from_torch(theirs.eval())
    x = _ours(MODELS["UNet"][1])
    assert rl.equal(ours(x), ours(x))
    ours.train()
    assert not rl.equal(ours(x), ours(x))


def test_what_is_recorded_is_a_module_like_others() -> None:
    theirs = MODELS["GPT"][0]()
    ours = rl.from_torch(theirs)
    assert ours.lm_head.weight is ours.wte.weight
    x = _ours(MODELS["GPT"][1])
    expected = ours.eval()(x)
    for twin in (copy.deepcopy(ours), pickle.loads(pickle.dumps(ours))):
        assert rl.equal(twin(x), expected)
        twin.scale.data.fill_(2.0)
        assert rl.equal(twin(x), 2 * expected)
    state = {**ours.state_dict(), "scale": rl.tensor(0.0)}
    ours.load_state_dict(state, assign=True)
    assert (ours(x) == 0).all()
    before = [v.clone() for v in theirs.state_dict().values()]
    assert all(torch.equal(a, b) for a, b in zip(before, theirs.state_dict().values(), strict=True))
    with pytest.raises(NotImplementedError, match=r"Block: got a call of a part.*of its own"):
        ours.h[0](x)


def test_parts_of_containers_are_recorded_each() -> None:
    block = MODELS["ResNet"][0]().layer2
    ours = rl.from_torch(block)
    assert type(ours).__name__ == "Sequential"
    x = torch.randn(2, 4, 6, 6)
    assert rl.bridge.compare(block[0], ours[0], x) < 1e-5
    assert rl.bridge.compare(block, ours, x) < 1e-5


# ---- forwards in a line


class Line(torch.nn.Module):  # type: ignore[misc]
    """A module whose forward is a function of itself and x."""

    def __init__(self, function: Callable[..., Any], **members: Any) -> None:
        super().__init__()
        self.function = function
        for name, value in members.items():
            if isinstance(value, torch.Tensor) and not isinstance(value, torch.nn.Parameter):
                self.register_buffer(name, value)
            else:
                setattr(self, name, value)

    def forward(self, x: Any) -> Any:
        return self.function(self, x)


class Plain:
    """Holds a tensor that no module registers."""

    tensor = torch.linspace(0, 1, 6).view(2, 3)


def _both(x: Any) -> Any:
    y = x * 2
    y += 1
    return y * x


def _size_in_place(x: Any) -> Any:
    n = x.shape[1]
    m = n
    n += 2
    return x * n + m


FORWARDS: dict[str, Callable[[Any, Any], Any]] = {
    "operators": lambda m, x: (2 - x) ** 2 / (1 + x.abs()) - x // 0.5 + x % 0.3 + -x,
    "comparisons": lambda m, x: torch.where((x > 0) & ~(x >= 1) | (x != x), x, -x),
    "indices": lambda m, x: x[:, 1:][..., None] + x[0, -1] + x[:, [0, 2]].sum() + x[::2].sum(),
    "sizes": lambda m, x: x.view(x.size(0) * x.shape[1], -1).expand(-1, x.dim()) / x.numel(),
    "unpacking": lambda m, x: x.split(1, dim=1)[0] + x.max(dim=1, keepdim=True)[0],
    "names": lambda m, x: torch.max(x, dim=0).values + x.sort(0).indices,
    "made": lambda m, x: (
        x + torch.zeros(x.shape[1]) + torch.arange(3) + torch.ones_like(x) + x.new_zeros(1)
    ),
    "dtypes": lambda m, x: x.to(torch.float64).type_as(x).long().float() + (x > 0).to(x.dtype),
    "devices": lambda m, x: x.to(x.device) + torch.ones(1, device=x.device),
    "memory format": lambda m, x: x.contiguous(memory_format=torch.contiguous_format) * 1,
    "constants": lambda m, x: x + Plain.tensor,
    "outer tensor": lambda m, x: x @ m.outer.T,
    "functional": lambda m, x: F.layer_norm(F.softmax(F.gelu(x), -1), (3,)),
    "aliases": lambda m, x: torch.relu(x) + F.relu(x) + x.relu() + torch.nn.functional.silu(x),
    "einsum": lambda m, x: torch.einsum("ij,kj->ik", x, x),
    "assertion": lambda m, x: (torch._assert(x.shape[1] == 3, "three"), x * 2)[1],
    "tuple": lambda m, x: (x, [x + 1, {"a": x * 2}]),
    "parameter": lambda m, x: F.linear(x, m.weight, m.shift) * m.weight.shape[0],
    # writes
    "added in place": lambda m, x: _both(x),
    "method in place": lambda m, x: (x * 2).add_(1).clamp_(0, 2).mul_(x),
    "statement in place": lambda m, x: (lambda y: (y.add_(1), y * 2)[1])(x * 3),
    "function in place": lambda m, x: F.relu(x - 0.1, inplace=True) + torch.relu_(x * 2),
    "elu in place": lambda m, x: F.elu_(x - 0.5),
    "option by position": lambda m, x: F.leaky_relu(x - 0.5, 0.1, True),
    "layer in place": lambda m, x: (lambda y: (m.relu(y), y * 2)[1])(x - 0.2),
    "dtype in place": lambda m, x: (x * 2).add_(torch.ones(3, dtype=torch.float64)),
    "twice in place": lambda m, x: (lambda y: (y.add_(1), y.mul_(2), y - x)[2])(x * 3),
    "size in place": lambda m, x: _size_in_place(x),
}


@pytest.mark.parametrize("name", FORWARDS)
def test_forwards(name: str) -> None:
    function = FORWARDS[name]
    members = {"shift": torch.ones(3), "weight": torch.nn.Parameter(torch.randn(3, 3))}
    theirs = Line(function, relu=torch.nn.ReLU(inplace=True), outer=torch.eye(3), **members)
    ours = rl.from_torch(theirs)
    x = torch.randn(2, 3, generator=torch.Generator().manual_seed(0))
    kept = x.clone()
    mine = ours(_ours(x))
    expected = theirs(x.clone())
    if name == "tuple":
        assert type(mine) is tuple
        assert type(mine[1]) is list
        mine, expected = mine[1][1]["a"], expected[1][1]["a"]
    np.testing.assert_allclose(
        mine.detach().numpy(), expected.detach().numpy(), rtol=1e-6, atol=1e-6
    )
    assert str(expected.dtype).endswith(mine.dtype.name)
    assert torch.equal(x, kept)


def _unpacked(m: Any, x: Any) -> Any:
    m.kept = x * 2
    return m.kept


def _assigned(m: Any, x: Any) -> Any:
    x[0] = 1
    return x


def _counted(m: Any, x: Any) -> Any:
    m.calls += 1
    return x * m.calls


REFUSED: dict[str, tuple[Callable[[Any, Any], Any], str]] = {
    "branch": (
        lambda m, x: x if x.sum() > 0 else -x,
        r"control flow \(at .*test_recorded\.py, line \d+\).*if, for or int",
    ),
    "loop": (lambda m, x: sum(x[i] for i in range(x.size(0))), "recording its forward"),
    "assignment": (_assigned, r"recording its forward.*no x\[i\] = y"),
    "written by an index": (
        lambda m, x: (torch.zeros(3).__setitem__(x.argmax(-1), 1), x)[1],
        "__setitem__",
    ),
    "counter": (_counted, r"forward changes self\.calls"),
    "function": (
        lambda m, x: torch.fft.fft(x),
        r"torch\.fft\.fft is not in Rushlight \(at .*test_recorded\.py, line \d+\)",
    ),
    "method": (lambda m, x: x.stft(2) + x.angle(), r"Tensor\.stft .*\n.*Tensor\.angle"),
    "attribute": (lambda m, x: x.real.grad_dtype, r"Tensor\.real"),
    "state": (_unpacked, r"keeps what it computes in self\.kept"),
    "buffer in place": (lambda m, x: m.count.add_(1) + x, "writes to count.* part of the state"),
    "view before": (lambda m, x: (lambda y, v: (v.add_(1), y)[1])(*_view(x)), "view is read later"),
    "view after": (lambda m, x: (lambda y, v: (y.add_(1), v)[1])(*_view(x)), "view is read later"),
    "layer that views": (
        lambda m, x: (lambda y: (m.flat(y).add_(1), y)[1])(x * 2),
        "view is read later",
    ),
    "dropout that views": (
        lambda m, x: (lambda y: (F.dropout(y, 0.5, False).add_(1), y)[1])(x * 2),
        "view is read later",
    ),
    "pieces of unknown number": (lambda m, x: sum(x.unbind(0)), "cannot be iterated"),
    "fill": (lambda m, x: (x * 2).zero_(), r"Tensor\.zero_"),
    "special method": (lambda m, x: x.__setitem__(0, 1), "__setitem__"),
    "argument": (lambda m, x: torch.add(x, x, out=x), r"out=\.\.\."),
    "unknown option": (
        lambda m, x: x.sum(0, names=True),
        r"Tensor\.sum with these arguments.*names",
    ),
    "complex": (lambda m, x: x.to(torch.complex64), "complex64"),
}


def _view(x: Any) -> Any:
    y = x * 2
    return y, y[0]


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_recorded(name: str) -> None:
    function, text = REFUSED[name]
    theirs = Line(
        function, count=torch.zeros(1), calls=1, flat=torch.nn.Sequential(torch.nn.Flatten(0))
    )
    before = set(vars(theirs))
    with pytest.raises(NotImplementedError, match=f"(?s)from_torch: what.*{text}"):
        rl.from_torch(torch.nn.Sequential(theirs, torch.nn.ReLU()))
    assert set(vars(theirs)) == before
    assert theirs.count.item() == 0


def test_an_object_may_have_a_forward_of_its_own() -> None:
    theirs = torch.nn.Linear(3, 3)
    theirs.forward = lambda x: F.linear(x, theirs.weight) * 2
    model = torch.nn.Sequential(theirs)
    ours = rl.from_torch(model)
    assert type(ours[0]).__name__ == "Recorded"
    assert rl.bridge.compare(model, ours, torch.randn(2, 3)) < 1e-6
    back = rl.nn.Linear(3, 3)
    back.forward = lambda x: x
    with pytest.raises(NotImplementedError, match="Linear"):
        rl.to_torch(back)


def test_random_numbers_are_drawn_at_each_call() -> None:
    ours = rl.from_torch(Line(lambda m, x: x + torch.randn(2, 3) + torch.rand_like(x)))
    x = rl.zeros(2, 3)
    assert not rl.equal(ours(x), ours(x))
    rl.manual_seed(0)
    first = ours(x)
    rl.manual_seed(0)
    assert rl.equal(ours(x), first)


def test_a_constant_is_recorded_once() -> None:
    ours = rl.from_torch(Line(lambda m, x: x + Plain.tensor))
    assert list(ours.state_dict()) == []
    assert copy.deepcopy(ours)(rl.zeros(2, 3)).tolist() == Plain.tensor.tolist()


# ---- arguments of forward


class Options(torch.nn.Module):  # type: ignore[misc]
    def forward(self, x: Any, mask: Any = None, scale: float = 2.0, *, flip: bool = False) -> Any:
        x = x if mask is None else x.masked_fill(mask, 0.0)
        return (x.flip(0) if flip else x) * scale


def test_options_keep_their_defaults() -> None:
    theirs = Options()
    ours = rl.from_torch(theirs)
    x = rl.ones(2, 2)
    assert (ours(x) == 2).all()
    assert (ours(x=x) == 2).all()
    text = r"Options: got 2 arguments.*expected x \(recorded with mask=None, scale=2.0, flip=False"
    with pytest.raises(TypeError, match=text):
        ours(x, x > 2)
    for options in ({"scale": 3.0}, {"y": 1}):
        with pytest.raises(TypeError, match="give from_torch an example"):
            ours(x, **options)
    with pytest.raises(TypeError, match="0 arguments by position"):
        ours()


def test_an_example_says_which_arguments_are_given() -> None:
    theirs = Options()
    x = torch.arange(6.0).view(2, 3)
    mask = torch.tensor([True, False, True])
    ours = rl.from_torch(theirs, example={"x": x, "mask": mask, "flip": True})
    again = rl.from_torch(theirs, example=(x, mask, 5.0))
    for module, options in ((ours, {"flip": True}), (again, {"scale": 5.0})):
        found = module(_ours(x + 1), _ours(~mask))
        assert module(_ours(x + 1), mask=_ours(~mask), **options).tolist() == found.tolist()
        assert found.tolist() == theirs(x + 1, ~mask, **options).tolist()
    with pytest.raises(NotImplementedError, match="example does not fit forward"):
        rl.from_torch(theirs, example=(x, mask, 1.0, 2, 3))


def test_any_number_of_arguments() -> None:
    class Several(torch.nn.Module):  # type: ignore[misc]
        def forward(self, *tensors: Any) -> Any:
            return sum(tensors)

    for example in (None, (torch.ones(2), torch.ones(2))):
        with pytest.raises(NotImplementedError, match=r"(?s)forward takes any"):
            rl.from_torch(Several(), example=example)


def test_modes_that_differ() -> None:
    def forward(m: Any, x: Any) -> Any:
        if m.training:
            return x * 3 if x.sum() > 0 else x
        return x * 2

    ours = rl.from_torch(Line(forward).eval())
    assert ours(rl.ones(2)).tolist() == [2, 2]
    ours.train()
    with pytest.raises(NotImplementedError, match=r"Line in training mode.*use the other mode"):
        ours(rl.ones(2))
    theirs = Line(lambda m, x: F.dropout(m.part(x), 0.5, m.training))
    theirs.part = Line(lambda m, x: F.dropout(x, 0.5, m.training)).eval()
    with pytest.raises(NotImplementedError, match="parts are in both modes"):
        rl.from_torch(theirs)
    frozen = Line(lambda m, x: m.part(x))
    frozen.part = torch.nn.Dropout(0.5).eval()
    assert not rl.from_torch(frozen).part.training


def test_no_grad_in_a_forward() -> None:
    class Frozen(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.base, self.head = torch.nn.Linear(4, 3), torch.nn.Linear(3, 2)

        def forward(self, x: Any) -> Any:
            with torch.no_grad():
                features = torch.tanh(self.base(x))
            return self.head(features)

    with torch.no_grad():  # the caller's own is not the forward's
        ours = rl.from_torch(Frozen())
    ours(rl.ones(2, 4)).sum().backward()
    assert ours.base.weight.grad is None
    assert ours.head.weight.grad is not None


@pytest.mark.parametrize("by_module", [True, False])
def test_packed_sequences(by_module: bool) -> None:
    theirs = architectures.Packed(by_module)
    x, lengths = torch.randn(3, 5, 4), torch.tensor([2, 5, 3])
    ours = rl.from_torch(theirs, example=(x, lengths))
    expected, mine = theirs(x, lengths), ours(_ours(x), _ours(lengths))
    torch.testing.assert_close(rl.to_torch(mine.detach()), expected.detach())
    expected.square().sum().backward()
    mine.square().sum().backward()
    for one, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(rl.to_torch(one.grad), other.grad)


def test_assertions_are_recorded() -> None:
    ours = rl.from_torch(architectures.Asserting())
    assert ours(rl.ones(2, 4)).tolist() == [[2.0, 2.0, 2.0, 2.0]] * 2
    with pytest.raises(AssertionError, match=r"assertion failed \(.*architectures\.py, line"):
        ours(rl.ones(2, 5))
    with pytest.raises(AssertionError, match="assertion failed"):
        ours(rl.ones(9, 4))
    with pytest.raises(NotImplementedError, match="control flow"):
        rl.from_torch(architectures.Asserting(either=True))


def test_options_that_nobody_gave_and_second_names() -> None:
    theirs = Line(
        lambda m, x: [
            F.normalize(x, dim=1),
            F.cross_entropy(x, x.softmax(1)),
            torch.cat([x, x], axis=1),
            x.mean(axis=0),
            x.sum(axis=1, keepdims=True),
            sum(part * 2 for part in x.chunk(2, dim=-1)),
            sum(part * 2 for part in x.split([2, 2], -1)),
        ]
    )
    x = torch.randn(3, 4)
    assert compare(theirs, rl.from_torch(theirs), x) < 1e-6


def test_a_refusal_names_the_arguments_that_an_example_could_give() -> None:
    class Masked(torch.nn.Module):  # type: ignore[misc]
        def forward(self, x: Any, mask: Any = None) -> Any:
            return x * mask[:, None]

    with pytest.raises(NotImplementedError, match="an example with a tensor for mask, or"):
        rl.from_torch(Masked())
    rl.from_torch(Masked(), example=(torch.ones(2, 3), torch.ones(2)))
