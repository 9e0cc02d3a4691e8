"""The student's layer behind one face, whatever it is written like.

The explicit API (`updateOutput`, ...) and modules in torch's style look the same from here: `make`
gives a `Student`, whose methods raise `StudentError` where the code behind them raises.
"""

from __future__ import annotations

import inspect
import io
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout, suppress
from itertools import permutations
from math import prod
from typing import Any

import numpy as np

from rushlight.arrays import Array
from rushlight.check.family import Field
from rushlight.check.kept import content, find, flatten, own_slope, slope
from rushlight.check.loading.stubs import StubUsed
from rushlight.check.signature import plain, suited
from rushlight.tensor import Tensor

__all__ = [
    "Student",
    "StudentError",
    "explicit",
    "guarded",
    "home_of",
    "make",
]


PARAMETERS = ("getParameters", "parameters", "params")
GRADIENTS = ("getGradParameters", "grads", "gradients")
ZEROING = ("zeroGradParameters", "zero_grad", "zeroGrad")
GRADIENT_NAMES = ("grad{}", "d{}", "{}grad", "delta{}", "{}gradient")  # without underscores
METHODS = ("updateOutput", "updateGradInput", "accGradParameters")
MISFITS = ("too many values to unpack", "invalid literal", "setting an array element with a seq")


class NoMethod(AttributeError):
    """The layer has no such method."""


class StudentError(Exception):
    """The student's code raised: `__cause__` is what, `method` where, `line` its last own line."""

    def __init__(self, method: str, cause: BaseException, home: str) -> None:
        super().__init__(f"{type(cause).__name__}: {cause}".strip().rstrip(":"))
        self.method = method
        self.missing = isinstance(cause, NoMethod)
        frames = traceback.extract_tb(cause.__traceback__)
        own = [frame for frame in frames if frame.filename == home]
        self.line = str(own[-1].lineno or "") if own else ""
        self.inside = own[0].name if own else method
        for frame in own:  # the method of the API that it happened in, below backward
            self.inside = frame.name if frame.name in METHODS else self.inside
        self.refusal = isinstance(cause, (TypeError, NotImplementedError, AssertionError))
        self.refusal |= str(cause).startswith(MISFITS)
        if frames and frames[-1].filename == home:  # raised on purpose
            self.refusal |= "raise " in f"{frames[-1].line} "

    @property
    def said(self) -> dict[str, str]:
        """What the texts may say of it."""
        said = {"error": str(self), "line": self.line, "method": self.inside}
        return {key: value for key, value in said.items() if value}


@contextmanager
def guarded(method: str, home: str) -> Iterator[None]:
    """Run the student's code: nothing is printed, and values speak, not warnings."""
    try:
        with redirect_stdout(io.StringIO()), np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except (MemoryError, StubUsed):  # these say nothing of the layer: its check ends here
        raise
    except Exception as error:
        raise StudentError(method, error, home) from error


def make(
    cls: Any, args: Sequence[Any], kwargs: Mapping[str, Any], fields: Sequence[Field]
) -> Student:
    """Construct the student's layer and put it behind the face that suits it."""
    home = home_of(cls)
    with guarded("__init__", home):
        layer = cls(*args, **kwargs)
    kind = Student if explicit(cls) else _tensor_kind(cls)
    return kind(layer, fields, home)


def home_of(cls: Any) -> str:
    """Return the file that a class or function stands in."""
    for value in vars(cls).values() if inspect.isclass(cls) else (cls,):
        code = getattr(inspect.unwrap(value) if callable(value) else value, "__code__", None)
        if code is not None:
            return str(code.co_filename)
    return ""


def explicit(cls: Any) -> bool:
    """Tell whether a class has the explicit API; else it is a module in torch's style."""
    return any(hasattr(cls, name) for name in ("updateOutput", "update_output", "backward"))


def _tensor_kind(cls: Any) -> type[Student]:
    if any(base.__module__.partition(".")[0] == "torch" for base in cls.__mro__):
        return TorchStudent
    return TensorStudent


class Student:
    """A layer with the explicit API.

    Args:
        layer: the student's object.
        fields: the arrays that the family keeps.
        home: the file of the student's code.
    """

    def __init__(self, layer: Any, fields: Sequence[Field], home: str) -> None:
        self.layer, self.fields, self.home = layer, fields, home
        self.shapes: dict[str, tuple[int, ...]] = {}  # the reference's, for arrays kept otherwise
        self.axes: dict[str, tuple[int, ...]] = {}  # the order in which they are kept

    # --- calls

    def call(self, names: Sequence[str], *args: Any) -> Any:
        """Call the first method of these names that the layer has."""
        for name in names:
            method = getattr(self.layer, name, None)
            if callable(method):
                with guarded(name, self.home):
                    return method(*args)
        missing = NoMethod(f"{type(self.layer).__name__} has no method {names[0]}")
        raise StudentError(names[0], missing, self.home)

    def forward(self, x: Array) -> Any:
        """Return the output for an input."""
        return self.call(("forward", "updateOutput", "__call__"), x)

    def backward(self, x: Array, g: Array) -> Any:
        """Return the gradient of the input, having added to the parameters' gradients."""
        if hasattr(self.layer, "backward"):
            return self._back("backward", x, g)
        result = self._back("updateGradInput", x, g)
        if hasattr(self.layer, "accGradParameters"):
            self._back("accGradParameters", x, g)
        return result

    def _back(self, name: str, x: Array, g: Array) -> Any:
        method = getattr(self.layer, name, None)
        return self.call((name,), *((x, g) if method is None else suited(method, x, g)))

    @property
    def usual(self) -> bool:
        """Whether backward takes (input, gradOutput), so that the whole API is claimed."""
        method = getattr(self.layer, "backward", None)
        return method is None or len(suited(method, 0, 0)) == 2

    def zero(self) -> None:
        """Zero the parameters' gradients; without a method for it, as an optimizer would."""
        if self.usual or any(callable(getattr(self.layer, name, None)) for name in ZEROING):
            self.call(ZEROING)
            return
        for known in self.fields:
            own = self.gradient(known) if known.gradient else None
            if own is not None:
                _write(own, 0.0)

    def train(self, training: bool) -> None:
        """Set the mode; a layer without such methods has it set as an attribute."""
        names = ("train",) if training else ("evaluate", "eval")
        if any(callable(getattr(self.layer, name, None)) for name in names):
            self.call(names)
        else:
            with suppress(AttributeError):  # __slots__ without it: the layer knows no modes
                self.layer.training = training

    # --- arrays

    def parameter(self, known: Field) -> Any:
        """Return the student's own array of a parameter or statistic, or None."""
        found = find(self.layer, (known.name, *known.others))
        if found is None and known.gradient:
            found = self._by_place(known, self.listed(PARAMETERS, content))
        return found

    def gradient(self, known: Field) -> Any:
        """Return the student's own array of a gradient, or None if there is none yet."""
        names = (known.name, *known.others)
        made = [form.format(name) for form in GRADIENT_NAMES for name in names]
        found = find(self.layer, (known.gradient, *known.gradients, *made))
        if found is None:
            found = find(self.layer, names, gradient=True)
        if found is None:
            found = self._by_place(known, self.listed())
        return self._by_place(known, self.listed(PARAMETERS, slope)) if found is None else found

    def _by_place(self, known: Field, arrays: Sequence[Any]) -> Any:
        parameters = [f.name for f in self.fields if f.gradient]
        if self.shapes:  # without those that this layer was made without
            parameters = [name for name in parameters if name in self.shapes]
        if known.name not in parameters or len(arrays) != len(parameters):
            return None
        return arrays[parameters.index(known.name)]

    def listed(
        self, names: Sequence[str] = GRADIENTS, part: Callable[[Any], Any] = own_slope
    ) -> list[Any]:
        """Return the arrays of getGradParameters (or of another method or list) as a flat list.

        Args:
            names: the first of these that gives any.
            part: what is taken of each entry: `own_slope`, `content` or `slope`.
        """
        for name in names:
            value = getattr(self.layer, name, None)
            with suppress(StudentError):
                entries = flatten(self.call((name,)) if callable(value) else value)
                arrays = [array for array in map(part, entries) if array is not None]
                if arrays:
                    return arrays
        return []

    def value(self, known: Field, gradient: bool = False) -> Any:
        """Return a view of the student's array in the reference's shape, or None."""
        own = self.gradient(known) if gradient else self.parameter(known)
        if own is None or (gradient and np.shape(own) != np.shape(self.parameter(known))):
            return own  # a gradient has to have the shape of its parameter
        return self.fit(known, np.asarray(own))

    def fit(self, known: Field, array: Array) -> Array:
        """Bring an array that is kept transposed or with further axes of 1 to the usual shape."""
        shape: tuple[int, ...] = self.shapes.get(known.name, np.shape(array))
        axes = self.axes.get(known.name)
        if axes is not None and prod(array.shape) == prod(shape):
            return array.reshape([shape[a] for a in axes]).transpose(np.argsort(axes))
        if array.shape == shape:
            return array
        if tuple(s for s in array.shape if s != 1) == tuple(s for s in shape if s != 1):
            return array.reshape(shape)
        for order in permutations(range(len(shape))):  # (kh, kw, in, out), (out, in*kh*kw), ...
            long = tuple(shape[a] for a in order)
            if _merges(long, array.shape):
                self.axes[known.name] = order
                return array.reshape(long).transpose(np.argsort(order))
        return array

    def set(self, known: Field, value: Array) -> None:
        """Write values into the student's own array."""
        own, view = self.parameter(known), self.value(known)
        if isinstance(own, list):
            _write(own, value)
        elif view.flags.writeable:
            view[...] = value
        else:  # an array that cannot be written is replaced
            setattr(self.layer, known.name, np.array(value))

    def has(self, name: str) -> bool:
        """Tell whether the layer has an attribute."""
        return hasattr(self.layer, name)


class TensorStudent(Student):
    """A module in torch's style over Rushlight's tensors: autograd makes its gradients."""

    def __init__(self, layer: Any, fields: Sequence[Field], home: str) -> None:
        super().__init__(layer, fields, home)
        self.x: Any = None
        self.y: Any = None

    def tensor(self, x: Array) -> Any:
        return Tensor(np.array(x)) if x.dtype.kind != "f" else _leaf(x)

    def forward(self, x: Array) -> Any:
        with guarded("forward", self.home):
            self._match(x)
            self.x = self.tensor(x)
            self.y = self.layer(self.x)
            return None if self.y is None else np.array(self.y.detach().numpy())

    def _match(self, x: Array) -> None:
        if x.dtype.kind != "f":
            return
        wide = x.dtype == np.float64  # a module does not promote: its parameters follow the input
        self.layer.double() if wide else self.layer.float()
        for name, value in vars(self.layer).items():  # plain tensors do not move with the module
            if hasattr(value, "requires_grad") and value.is_floating_point():
                setattr(self.layer, name, value.double() if wide else value.float())

    def backward(self, x: Array, g: Array) -> Any:
        with guarded("backward", self.home):
            self.x.grad = None
            self.y.backward(self.tensor(g).detach(), retain_graph=True)
            return None if self.x.grad is None else np.array(self.x.grad.numpy())

    @property
    def usual(self) -> bool:
        """Whether the explicit API is claimed."""
        return False

    def zero(self) -> None:
        with guarded("zero_grad", self.home):
            self.layer.zero_grad(set_to_none=False)

    def _tensor(self, names: Sequence[str]) -> Any:
        wanted = {plain(name) for name in names}
        own = {k: v for k, v in vars(self.layer).items() if hasattr(v, "requires_grad")}
        registered = {**dict(self.layer.named_parameters()), **dict(self.layer.named_buffers())}
        for name, tensor in {**own, **registered}.items():
            if plain(name) in wanted:
                return tensor.detach().numpy()
        return None

    def parameter(self, known: Field) -> Any:
        return self._tensor((known.name, *known.others))

    def gradient(self, known: Field) -> Any:
        wanted = {plain(name) for name in (known.name, *known.others)}
        for name, tensor in self.layer.named_parameters():
            if plain(name) in wanted:
                return None if tensor.grad is None else tensor.grad.numpy()
        return None

    def listed(
        self, names: Sequence[str] = GRADIENTS, part: Callable[[Any], Any] = own_slope
    ) -> list[Any]:
        grads = [p.grad for p in self.layer.parameters()]
        return [g.numpy() for g in grads if g is not None]

    def train(self, training: bool) -> None:
        with guarded("train", self.home):
            self.layer.train(training)


class TorchStudent(TensorStudent):
    """A module over PyTorch itself, where the student's file imports it."""

    def tensor(self, x: Array) -> Any:
        import torch

        return torch.from_numpy(np.array(x)).requires_grad_(x.dtype.kind == "f")


def _leaf(x: Array) -> Tensor:
    return Tensor(np.array(x)).requires_grad_()


def _write(own: Any, value: Any) -> None:
    """Write into an array, or into the rows of a list."""
    if isinstance(own, list):
        for row, part in zip(own, np.broadcast_to(value, np.shape(own)), strict=True):
            row[...] = part
    else:
        own[...] = value


def _merges(long: Sequence[int], short: Sequence[int]) -> bool:
    """Tell whether neighbouring sizes, multiplied, make the shorter shape."""
    if not short or prod(long) != prod(short):
        return False
    products = {prod(long[:i]) for i in range(len(long) + 1)}
    return len(short) <= len(long) and all(
        prod(short[:i]) in products for i in range(len(short) + 1)
    )
