"""Functions that ONNX has no operator for but that a few operators give exactly.

Near 0, where 1 + x or e^x - 1 would lose what x holds, they go by forms that do not.
"""

from __future__ import annotations

import math
from typing import Any

from rushlight.graph import Node
from rushlight.onnx.export.table import row
from rushlight.onnx.export.writer import Writer

__all__ = ["Formula"]


class Formula:
    """Writes arithmetic on names, all of the dtype of a node's output.

    Args:
        to, node: what is written; the node's arguments stand in `args`.

    Called with an operator and its operands, names or numbers, it returns the result's name.
    """

    def __init__(self, to: Writer, node: Node) -> None:
        self.to, self.dtype = to, node.outputs[0].dtype
        self.args = [to.read(value, self.dtype) for value in node.inputs]

    def number(self, value: Any) -> str:
        return self.to.constant(value, self.dtype)

    def __call__(self, op: str, *given: Any, **attributes: Any) -> str:
        names = [x if isinstance(x, str) else self.number(x) for x in given]
        return self.to.add(op, [*names], **attributes)

    def log1p(self, x: str) -> str:
        """With u = 1 + x rounded, ln(u) x / (u - 1); x where u is 1 and ln(u) where that is inf."""
        u = self("Add", x, 1.0)
        apart = self("Sub", u, 1.0)
        flat = self("Equal", apart, 0.0)
        quotient = self("Div", x, self("Where", flat, 1.0, apart))
        huge = self("IsInf", u)
        scaled = self("Mul", self("Log", u), self("Where", huge, 1.0, quotient))
        return self("Where", flat, x, scaled)

    def expm1(self, x: str) -> str:
        """2 t / (1 - t) with t = tanh(x / 2) near 0, e^x - 1 elsewhere"""
        t = self("Tanh", self("Mul", self("Clip", x, -1.0, 1.0), 0.5))
        near = self("Div", self("Mul", t, 2.0), self("Sub", 1.0, t))
        small = self("Less", self("Abs", x), 1.0)
        return self("Where", small, near, self("Sub", self("Exp", x), 1.0))

    def negative(self, x: str) -> str:
        """x < 0, or -0"""
        return self("Or", self("Less", x, 0.0), self("Less", self("Reciprocal", x), 0.0))

    def truncated(self, x: str) -> str:
        return self("Mul", self("Sign", x), self("Floor", self("Abs", x)))


@row("expm1")
def expm1(to: Writer, node: Node) -> str:
    f = Formula(to, node)
    return f.expm1(*f.args)


@row("log1p")
def log1p(to: Writer, node: Node) -> str:
    f = Formula(to, node)
    return f.log1p(*f.args)


@row("erfc")
def erfc(to: Writer, node: Node) -> str:
    """1 - erf(x): exact to the dtype's epsilon, not relative to a small value"""
    f = Formula(to, node)
    return f("Sub", 1.0, f("Erf", *f.args))


@row("exp2")
def exp2(to: Writer, node: Node) -> str:
    f = Formula(to, node)
    return f("Pow", 2.0, *f.args)


@row("trunc")
def trunc(to: Writer, node: Node) -> str:
    f = Formula(to, node)
    return f.truncated(*f.args) if f.dtype.kind == "f" else f("Identity", *f.args)


@row("hypot")
def hypot(to: Writer, node: Node) -> str:
    """The larger times sqrt(1 + (smaller / larger)^2), which does not overflow"""
    f = Formula(to, node)
    a, b = (f("Abs", x) for x in f.args)
    large, small = f("Max", a, b), f("Min", a, b)
    flat = f("Equal", large, 0.0)
    ratio = f("Div", small, f("Where", flat, 1.0, large))
    root = f("Sqrt", f("Add", f("Mul", ratio, ratio), 1.0))
    return f("Where", f("IsInf", large), large, f("Mul", large, root))


@row("logaddexp")
def logaddexp(to: Writer, node: Node) -> str:
    f = Formula(to, node)
    top, low = f("Max", *f.args), f("Min", *f.args)
    same = f("Equal", *f.args)  # inf - inf would be nan
    gap = f("Where", same, 0.0, f("Sub", low, top))
    return f("Add", top, f.log1p(f("Exp", gap)))


@row("atan2")
def atan2(to: Writer, node: Node) -> str:
    """atan(y / x), half a turn further where x < 0; zeros have signs, infinities are as ones"""
    f = Formula(to, node)
    y, x = f.args
    far = f("And", f("IsInf", y), f("IsInf", x))
    flat = f("Equal", x, 0.0)
    wide = f("Where", flat, 1.0, f("Where", far, f("Sign", x), x))
    angle = f("Atan", f("Div", f("Where", far, f("Sign", y), y), wide))
    turn = f("Where", f.negative(y), -math.pi, math.pi)
    angle = f("Where", f("Less", x, 0.0), f("Add", angle, turn), angle)
    none = f("And", f("Equal", y, 0.0), f.negative(x))
    upright = f("Where", none, turn, f("Mul", f("Sign", y), math.pi / 2))
    return f("Where", flat, upright, angle)


@row("xlogy", "xlog1py")
def xlogy(to: Writer, node: Node) -> str:
    """a ln b, or a ln(1 + b); 0 where a is, but nan where b is"""
    f = Formula(to, node)
    a, b = f.args
    zero = f("And", f("Equal", a, 0.0), f("Not", f("IsNaN", b)))
    log = f("Log", b) if node.op == "xlogy" else f.log1p(b)
    return f("Where", zero, 0.0, f("Mul", a, log))


@row("entr")
def entr(to: Writer, node: Node) -> str:
    """-x ln x, 0 at 0 and -inf below"""
    f = Formula(to, node)
    (x,) = f.args
    inside = f("Greater", x, 0.0)
    value = f("Neg", f("Mul", x, f("Log", f("Where", inside, x, 1.0))))
    value = f("Where", f("Less", x, 0.0), -math.inf, value)
    return f("Where", f("Equal", x, 0.0), 0.0, f("Where", f("IsNaN", x), x, value))


@row("sinc")
def sinc(to: Writer, node: Node) -> str:
    f = Formula(to, node)
    flat = f("Equal", f.args[0], 0.0)
    t = f("Mul", f("Where", flat, 1.0, f.args[0]), math.pi)
    return f("Where", flat, 1.0, f("Div", f("Sin", t), t))


# ---- division


@row("trunc_divide")
def trunc_divide(to: Writer, node: Node) -> str:
    f = Formula(to, node)
    quotient = f("Div", *f.args)  # of integers truncated
    return f.truncated(quotient) if f.dtype.kind == "f" else quotient


@row("fmod")
def fmod(to: Writer, node: Node) -> str:
    f = Formula(to, node)
    return f("Mod", *f.args, fmod=1)


@row("remainder")
def remainder(to: Writer, node: Node) -> str:
    """fmod, with the divisor added where the signs differ"""
    f = Formula(to, node)
    if f.dtype.kind != "f":
        return f("Mod", *f.args)
    rest, apart = _parted(f)
    return f("Where", apart, f("Add", rest, f.args[1]), rest)


def _parted(f: Formula) -> tuple[str, str]:
    """Return what fmod leaves, and where its sign is not that of the divisor."""
    a, b = f.args
    rest = f("Mod", a, b, fmod=1)
    return rest, f("Less", f("Mul", f("Sign", rest), f("Sign", b)), 0.0)


@row("floor_divide")
def floor_divide(to: Writer, node: Node) -> str:
    """The quotient rounded down, of floats by what fmod leaves, so that it is the exact one's."""
    f = Formula(to, node)
    a, b = f.args
    if f.dtype.kind != "f":
        return f("Div", f("Sub", a, f("Mod", a, b)), b)
    rest, apart = _parted(f)
    whole = f("Round", f("Div", f("Sub", a, rest), b))
    whole = f("Where", apart, f("Sub", whole, 1.0), whole)
    return f("Where", f("Equal", b, 0.0), f("Div", a, b), whole)
