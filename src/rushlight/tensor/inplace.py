"""In-place writes: for data outside the graph, or under `no_grad`.

A write bumps the version that backward checks. On a tensor in a graph, `a += b` makes a new tensor
and the methods with an underscore refuse, naming the alternative.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NoReturn, Self

import numpy as np

from rushlight.errors import DtypeError, ShapeError, explain
from rushlight.functional.picking import index_parts
from rushlight.random import Generator, source_of
from rushlight.tape import TensorBase, state, wrote

if TYPE_CHECKING:
    from rushlight.tensor.tensor import Tensor

__all__ = ["InPlace"]


_RANK = {"b": 0, "i": 1, "u": 1, "f": 2}  # a result may be written to what ranks as high


def _value(other: Any) -> Any:
    return other._array if isinstance(other, TensorBase) else other


def _misfit(where: str, array: Any, *values: Any) -> Exception:
    """Return the error of a write that NumPy refused."""
    if not array.flags.writeable:
        return RuntimeError(
            explain(where, got="a tensor made by expand()", expected="one cell for each element",
                    fix="clone() it before writing")
        )  # fmt: skip
    shapes = " and ".join(str(np.shape(value)) for value in values)
    return ShapeError(
        explain(where, got=f"values {shapes}", expected=f"to broadcast to {array.shape}")
    )


def _whole_numbers(dtype: np.dtype[Any]) -> tuple[int, int]:
    """Return the range of integers that a dtype holds exactly."""
    if dtype.kind == "f":
        most = int(2 ** (np.finfo(dtype).nmant + 1))
        return -most, most
    if dtype.kind == "b":
        return 0, 1
    return int(np.iinfo(dtype).min), int(np.iinfo(dtype).max)


def _too_large(where: str, array: Any, value: Any) -> DtypeError:
    limits = np.iinfo(array.dtype)
    return DtypeError(explain(where, got=value, expected=f"{limits.min} to {limits.max}"))


def _in_place(name: str) -> Any:
    """Make the method `name_`, which replaces the elements by what `name` returns."""

    def method(self: InPlace, *args: Any, **kwargs: Any) -> InPlace:
        return self._replace(name, args, kwargs)

    method.__name__ = method.__qualname__ = f"{name}_"
    method.__doc__ = f"Do `{name}` in place."
    return method


class InPlace(TensorBase):
    """The methods that write."""

    def _tracked(self, *others: Any) -> bool:
        return state.recording and any(
            isinstance(x, TensorBase) and x._requires_grad for x in (self, *others)
        )

    def _refuse(self, what: str, instead: str) -> NoReturn:
        kind = "a leaf that requires grad" if self._node is None else "a tensor in a graph"
        raise RuntimeError(
            f"{what} on {kind}: writing in place would change what backward needs; "
            f"use {instead}, or write under no_grad()"
        )

    def _write(self, name: str, f: Any, *others: Any) -> Self:
        if self._tracked(*others):
            self._refuse(f"{name}_", f"the version without underscore, x = x.{name}(...)")
        array = self._array
        values = [_value(other) for other in others]
        try:
            with np.errstate(all="ignore"):
                f(array, *values, out=array)
        except (TypeError, OverflowError):  # not in this dtype: as torch, in the promoted one
            return self._replace(name, others, {})
        except ValueError:
            raise _misfit(f"{name}_", array, *values) from None
        wrote(name, self, *others, how="update")
        return self

    # ---- arithmetic

    def _augment(self, name: str, f: Any, other: Any) -> Any:
        if not self._tracked(other):
            return self._write(name, f, other)
        if self._requires_grad and self._node is None:
            self._refuse(f"an in-place {name}", "x = x + y to make a new tensor")
        return getattr(self, name)(other)  # rebinds the name to a new tensor in the graph

    def __iadd__(self, other: Any) -> Self:
        return self._augment("add", np.add, other)

    def __isub__(self, other: Any) -> Self:
        return self._augment("sub", np.subtract, other)

    def __imul__(self, other: Any) -> Self:
        return self._augment("mul", np.multiply, other)

    def __itruediv__(self, other: Any) -> Self:
        return self._augment("div", np.true_divide, other)

    def __ipow__(self, other: Any) -> Self:
        if self._tracked(other):
            return self._augment("pow", None, other)
        return self._replace("pow", (other,), {})

    def add_(self, other: Any, *, alpha: float = 1) -> Self:
        """Add alpha * other in place."""
        return self._write("add", np.add, other if alpha == 1 else other * alpha)

    def sub_(self, other: Any, *, alpha: float = 1) -> Self:
        """Subtract alpha * other in place."""
        return self._write("sub", np.subtract, other if alpha == 1 else other * alpha)

    def mul_(self, other: Any) -> Self:
        """Multiply in place."""
        return self._write("mul", np.multiply, other)

    def div_(self, other: Any, *, rounding_mode: str | None = None) -> Self:
        """Divide in place; `rounding_mode` as of `div`."""
        if rounding_mode is not None:
            return self._replace("div", (other,), {"rounding_mode": rounding_mode})
        return self._write("div", np.true_divide, other)

    def neg_(self) -> Self:
        """Negate in place."""
        return self._write("neg", np.negative)

    def exp_(self) -> Self:
        """Exponentiate in place."""
        return self._write("exp", np.exp)

    def sqrt_(self) -> Self:
        """Take the square root in place."""
        return self._write("sqrt", np.sqrt)

    def addcmul_(self, tensor1: Tensor, tensor2: Tensor, *, value: float = 1) -> Self:
        """Add value * tensor1 * tensor2 in place."""
        return self.add_(tensor1 * tensor2 * value)

    def addcdiv_(self, tensor1: Tensor, tensor2: Tensor, *, value: float = 1) -> Self:
        """Add value * tensor1 / tensor2 in place."""
        return self.add_(tensor1 / tensor2 * value)

    def lerp_(self, end: Tensor, weight: float) -> Self:
        """Move by `weight` of the way to `end` in place."""
        return self.add_((end - self) * weight)

    # ---- by the method of the same name

    abs_ = _in_place("abs")
    absolute_ = _in_place("absolute")
    acos_ = _in_place("acos")
    acosh_ = _in_place("acosh")
    addbmm_ = _in_place("addbmm")
    addmm_ = _in_place("addmm")
    addmv_ = _in_place("addmv")
    addr_ = _in_place("addr")
    arccos_ = _in_place("arccos")
    arccosh_ = _in_place("arccosh")
    arcsin_ = _in_place("arcsin")
    arcsinh_ = _in_place("arcsinh")
    arctan2_ = _in_place("arctan2")
    arctan_ = _in_place("arctan")
    arctanh_ = _in_place("arctanh")
    asin_ = _in_place("asin")
    asinh_ = _in_place("asinh")
    atan2_ = _in_place("atan2")
    atan_ = _in_place("atan")
    atanh_ = _in_place("atanh")
    baddbmm_ = _in_place("baddbmm")
    bitwise_and_ = _in_place("bitwise_and")
    bitwise_left_shift_ = _in_place("bitwise_left_shift")
    bitwise_not_ = _in_place("bitwise_not")
    bitwise_or_ = _in_place("bitwise_or")
    bitwise_right_shift_ = _in_place("bitwise_right_shift")
    bitwise_xor_ = _in_place("bitwise_xor")
    ceil_ = _in_place("ceil")
    clamp_ = _in_place("clamp")
    clamp_max_ = _in_place("clamp_max")
    clamp_min_ = _in_place("clamp_min")
    clip_ = _in_place("clip")
    copysign_ = _in_place("copysign")
    cos_ = _in_place("cos")
    cosh_ = _in_place("cosh")
    cumprod_ = _in_place("cumprod")
    cumsum_ = _in_place("cumsum")
    deg2rad_ = _in_place("deg2rad")
    digamma_ = _in_place("digamma")
    divide_ = _in_place("divide")
    eq_ = _in_place("eq")
    erf_ = _in_place("erf")
    erfc_ = _in_place("erfc")
    erfinv_ = _in_place("erfinv")
    exp2_ = _in_place("exp2")
    expm1_ = _in_place("expm1")
    fix_ = _in_place("fix")
    float_power_ = _in_place("float_power")
    floor_ = _in_place("floor")
    floor_divide_ = _in_place("floor_divide")
    fmod_ = _in_place("fmod")
    frac_ = _in_place("frac")
    gcd_ = _in_place("gcd")
    ge_ = _in_place("ge")
    greater_ = _in_place("greater")
    greater_equal_ = _in_place("greater_equal")
    gt_ = _in_place("gt")
    heaviside_ = _in_place("heaviside")
    hypot_ = _in_place("hypot")
    i0_ = _in_place("i0")
    igamma_ = _in_place("igamma")
    igammac_ = _in_place("igammac")
    index_add_ = _in_place("index_add")
    index_copy_ = _in_place("index_copy")
    index_fill_ = _in_place("index_fill")
    index_put_ = _in_place("index_put")
    index_reduce_ = _in_place("index_reduce")
    lcm_ = _in_place("lcm")
    ldexp_ = _in_place("ldexp")
    le_ = _in_place("le")
    less_ = _in_place("less")
    less_equal_ = _in_place("less_equal")
    lgamma_ = _in_place("lgamma")
    log_ = _in_place("log")
    log10_ = _in_place("log10")
    log1p_ = _in_place("log1p")
    log2_ = _in_place("log2")
    logical_and_ = _in_place("logical_and")
    logical_not_ = _in_place("logical_not")
    logical_or_ = _in_place("logical_or")
    logical_xor_ = _in_place("logical_xor")
    logit_ = _in_place("logit")
    lt_ = _in_place("lt")
    masked_fill_ = _in_place("masked_fill")
    masked_scatter_ = _in_place("masked_scatter")
    multiply_ = _in_place("multiply")
    mvlgamma_ = _in_place("mvlgamma")
    nan_to_num_ = _in_place("nan_to_num")
    ne_ = _in_place("ne")
    negative_ = _in_place("negative")
    nextafter_ = _in_place("nextafter")
    not_equal_ = _in_place("not_equal")
    polygamma_ = _in_place("polygamma")
    pow_ = _in_place("pow")
    put_ = _in_place("put")
    rad2deg_ = _in_place("rad2deg")
    reciprocal_ = _in_place("reciprocal")
    relu_ = _in_place("relu")
    remainder_ = _in_place("remainder")
    renorm_ = _in_place("renorm")
    round_ = _in_place("round")
    rsqrt_ = _in_place("rsqrt")
    scatter_ = _in_place("scatter")
    scatter_add_ = _in_place("scatter_add")
    scatter_reduce_ = _in_place("scatter_reduce")
    sgn_ = _in_place("sgn")
    sigmoid_ = _in_place("sigmoid")
    sign_ = _in_place("sign")
    sin_ = _in_place("sin")
    sinc_ = _in_place("sinc")
    sinh_ = _in_place("sinh")
    square_ = _in_place("square")
    subtract_ = _in_place("subtract")
    tan_ = _in_place("tan")
    tanh_ = _in_place("tanh")
    tril_ = _in_place("tril")
    triu_ = _in_place("triu")
    true_divide_ = _in_place("true_divide")
    trunc_ = _in_place("trunc")
    xlogy_ = _in_place("xlogy")

    # ---- filling

    def _fill(self, name: str, values: Any) -> Self:
        if self._tracked(values):
            self._refuse(f"{name}_", f"{name}_ on .data")
        try:
            with np.errstate(all="ignore"):
                self._array[...] = _value(values)
        except OverflowError:
            raise _too_large(f"{name}_", self._array, values) from None
        except ValueError:
            raise _misfit(f"{name}_", self._array, _value(values)) from None
        wrote(name, self, values, how="fill")
        return self

    def _replace(
        self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any], f: Any = None
    ) -> Self:
        """Put what the method `name` (or the function f of that name) returns in place."""
        if self._tracked(*args, *kwargs.values()):
            instead = f"x = x.{name}(...)" if f is None else f"x = {name}(x, ...)"
            self._refuse(f"{name}_", f"the version without underscore, {instead}")
        found = (getattr(type(self), name) if f is None else f)(self, *args, **kwargs)._array
        if _RANK[found.dtype.kind] > _RANK[self._array.dtype.kind]:
            got, fix = f"a result of {found.dtype.name}", f"use x = x.{name}(...)"
            raise DtypeError(explain(f"{name}_", got=got, expected=self._array.dtype, fix=fix))
        if found.shape != self._array.shape:
            raise _misfit(f"{name}_", self._array, found)
        return self._fill(name, found)

    def fill_(self, value: Any) -> Self:
        """Fill with one value."""
        if np.ndim(_value(value)):
            got = f"values {np.shape(_value(value))}"
            raise ShapeError(explain("fill_", got=got, expected="one value", fix="use copy_()"))
        return self._fill("fill", value)

    def zero_(self) -> Self:
        """Fill with 0."""
        return self._fill("zero", 0)

    def copy_(self, src: Any, non_blocking: bool = False) -> Self:
        """Copy (broadcast, convert) the elements of another tensor."""
        return self._fill("copy", src)

    def apply_(self, callable: Callable[[Any], Any]) -> Self:
        """Replace each element by what a Python function returns for it; slow."""
        values = [callable(v) for v in self._array.ravel().tolist()]
        return self._fill(
            "apply", np.reshape(np.asarray(values, self._array.dtype), self._array.shape)
        )

    def fill_diagonal_(self, fill_value: float, wrap: bool = False) -> Self:
        """Fill the main diagonal with one value; `wrap` starts anew below a tall matrix's."""
        shape = self._array.shape
        if len(shape) < 2 or (len(shape) > 2 and len(set(shape)) > 1):
            expected = "a matrix, or more dims of one size"
            raise ShapeError(explain("fill_diagonal_", got=shape, expected=expected))
        filled = self._array.copy()
        np.fill_diagonal(filled, fill_value, wrap)
        return self._fill("fill_diagonal", filled)

    def uniform_(
        self, a: float = 0.0, b: float = 1.0, *, generator: Generator | None = None
    ) -> Self:
        """Fill from the uniform distribution on [a, b)."""
        if not a <= b:
            raise RuntimeError(explain("uniform_", got=f"[{a}, {b})", expected="a <= b"))
        return self._fill("uniform", source_of(generator).uniform(self._array.shape, a, b))

    def normal_(
        self, mean: float = 0.0, std: float = 1.0, *, generator: Generator | None = None
    ) -> Self:
        """Fill from the normal distribution."""
        if std < 0:
            raise RuntimeError(explain("normal_", got=f"std={std}", expected="std >= 0"))
        return self._fill("normal", source_of(generator).normal(self._array.shape, mean, std))

    def bernoulli_(self, p: Any = 0.5, *, generator: Generator | None = None) -> Self:
        """Fill with 1 at probability p (a number or a tensor), else 0."""
        source = source_of(generator)
        if isinstance(p, TensorBase):
            if not ((p._array >= 0) & (p._array <= 1)).all():
                got = f"p from {p._array.min()} to {p._array.max()}"
                raise RuntimeError(explain("bernoulli_", got=got, expected="0 <= p <= 1"))
            draw = source.random(self._array.shape, np.dtype(np.float64))
            return self._fill("bernoulli", draw < p._array)
        if not 0 <= p <= 1:
            raise RuntimeError(explain("bernoulli_", got=f"p={p}", expected="0 <= p <= 1"))
        return self._fill("bernoulli", source.bernoulli(self._array.shape, p))

    def _continuous(self, name: str, value: float, what: str, values: Any) -> Self:
        """Fill a floating tensor with what `values(shape)` draws, a parameter being above 0."""
        if self._array.dtype.kind != "f":
            got = self._array.dtype.name
            raise DtypeError(explain(f"{name}_", got=got, expected="a floating dtype"))
        if not value > 0:
            raise RuntimeError(explain(f"{name}_", got=f"{what}={value}", expected=f"{what} > 0"))
        return self._fill(name, values(self._array.shape))

    def exponential_(self, lambd: float = 1, *, generator: Generator | None = None) -> Self:
        """Fill from the exponential distribution of rate `lambd`, 0 left out."""
        least = np.finfo(self._array.dtype).tiny if self._array.dtype.kind == "f" else 0
        source = source_of(generator)
        return self._continuous(
            "exponential",
            lambd,
            "lambd",
            lambda shape: np.maximum(source.exponential(shape, lambd), least),
        )

    def cauchy_(
        self, median: float = 0, sigma: float = 1, *, generator: Generator | None = None
    ) -> Self:
        """Fill from the Cauchy distribution of that median and half-width."""
        source = source_of(generator)
        return self._continuous(
            "cauchy", sigma, "sigma", lambda shape: source.cauchy(shape, median, sigma)
        )

    def log_normal_(
        self, mean: float = 1, std: float = 2, *, generator: Generator | None = None
    ) -> Self:
        """Fill with e to the power of normal variables of that mean and standard deviation."""
        source = source_of(generator)
        return self._continuous(
            "log_normal", std, "std", lambda shape: np.exp(source.normal(shape, mean, std))
        )

    def geometric_(self, p: float, *, generator: Generator | None = None) -> Self:
        """Fill with how many trials it takes to succeed once at probability p."""
        if not 0 < p < 1:
            raise RuntimeError(explain("geometric_", got=f"p={p}", expected="0 < p < 1"))
        return self._fill("geometric", source_of(generator).geometric(self._array.shape, p))

    def random_(self, *bounds: int, generator: Generator | None = None) -> Self:
        """Fill with integers: `random_(to)` from {0, ..., to - 1}, `random_(from, to)` from
        {from, ..., to - 1}, without bounds from all that the dtype holds exactly, from 0 on.
        """
        if len(bounds) > 2:
            raise TypeError(explain("random_", got=f"{len(bounds)} bounds", expected="2 or fewer"))
        least, most = _whole_numbers(self._array.dtype)
        low, high = (0, *bounds)[-2:] if bounds else (0, min(most + 1, 2**63 - 1))
        if not least <= low < high <= most + 1:
            got, expected = f"{low} to {high}", f"from < to, within {least} to {most + 1}"
            raise RuntimeError(explain("random_", got=got, expected=expected))
        return self._fill("random", source_of(generator).integers(low, high, self._array.shape))

    # ---- another shape of the same memory

    def _reshape(self, name: str, *args: Any) -> Self:
        """Become what the method `name`, which returns a view, returns."""
        if self._tracked():
            self._refuse(f"{name}_", f"the version without underscore, x = x.{name}(...)")
        self._array = getattr(self, name)(*args)._array
        wrote(name, self, how="view")
        return self

    def squeeze_(self, dim: int | tuple[int, ...] | None = None) -> Self:
        """Drop dims of size 1 (or `dim`, if its size is 1) in place."""
        return self._reshape("squeeze", *(() if dim is None else (dim,)))

    def unsqueeze_(self, dim: int) -> Self:
        """Insert a dim of size 1 in place."""
        return self._reshape("unsqueeze", dim)

    def t_(self) -> Self:
        """Swap the dims of a matrix in place."""
        return self._reshape("t")

    def transpose_(self, dim0: int, dim1: int) -> Self:
        """Swap two dims in place."""
        return self._reshape("transpose", dim0, dim1)

    swapaxes_ = swapdims_ = transpose_

    def __setitem__(self, index: Any, value: Any) -> None:
        if self._tracked(value):
            self._refuse(
                "x[index] = value", "rushlight.where(mask, value, x) or rushlight.cat([...])"
            )
        basic, advanced = index_parts(index)
        if advanced is None:
            target, place = self._array, basic
        else:
            target, place = (self._array if basic is None else self._array[basic]), advanced
        try:
            with np.errstate(all="ignore"):
                target[place] = _value(value)
        except OverflowError:
            raise _too_large("x[index] = value", target, value) from None
        except ValueError:
            raise _misfit("x[index] = value", target[place], _value(value)) from None
        wrote("setitem", self, value, how="setitem", basic=basic, advanced=advanced)
