"""The page docs/second-order.md: which ops gradgradcheck leaves out, on which samples, and why.

`python -m tests.ops.second_order` writes it.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

PAGE = Path(__file__).parents[2] / "docs" / "second-order.md"

HEAD = """# Second derivatives

Made by `python -m tests.ops.second_order`; a test fails when it is not current. Do not edit.

Ops can be differentiated twice (`create_graph=True`), unless the table says "not implemented": the
backward of each is made of ops, or states the same formula in ops beside the fast one.
`gradgradcheck` holds that against differences of the first gradient on every sample of every op but
those below. There the gradient by the cotangent still is exact, and tested: a first gradient is
linear in it.
"""

KINKS = (
    "piecewise linear: the second derivative is 0 wherever there is one, and 0 is what comes out; "
    "differences across a kink say something else"
)
STEPS = "piecewise constant: all derivatives are 0 wherever there are any, and 0 is what comes out"
PICKS = KINKS + " (the sample picks the values; its places are ints)"
RELU = "the samples with `relu` on the way, which has a kink; without it the op is smooth"
NORMS = "the samples with p of 1 or inf, or at 0: norms that have kinks there"
EXTREMES = "the samples with an extreme or a maximum behind it: a kink where another cell wins"
ZEROS = "the samples with zeros: the formula of its second derivative divides by a factor"
GIVEN = "its values are an option, so there are no differences; held through `grid_sample`"
MATRICES = (
    "of symmetric matrices, or up to signs: differences of single entries leave that set; "
    "gradgradcheck holds them behind ops that make such matrices"
)
SELF = "not implemented, as in torch: its first gradient is one op without a gradient"

REASONS: dict[str, tuple[str, ...]] = {
    KINKS: (
        *("abs", "amax", "amin", "clamp", "hardshrink", "hardtanh", "max", "maximum", "median"),
        *("min", "minimum", "relu", "softshrink", "threshold"),
    ),
    STEPS: ("ceil", "floor", "round", "sign", "trunc"),
    PICKS: ("max_dim", "min_dim", "sort"),
    RELU: (
        *("batch_norm_eval", "batch_norm_train", "conv", "conv_transpose", "linear", "max_pool"),
        "rnn",
    ),
    NORMS: ("cdist", "norm_p"),
    EXTREMES: ("scatter_reduce",),
    ZEROS: ("cumprod",),
    GIVEN: ("piece",),
    MATRICES: ("cholesky", "eigh", "qr", "svd"),
    SELF: ("ctc_loss",),
}


class Exempt(NamedTuple):
    """What gradgradcheck leaves out of one op."""

    name: str
    samples: int  # that have a gradient, or were meant to have one
    left_out: int

    @property
    def reason(self) -> str | None:
        """Why, or None where nobody has said so."""
        return next((why for why, names in REASONS.items() if self.name in names), None)


def exempt() -> list[Exempt]:
    """Return the ops with samples that are not differentiated twice."""
    from tests.ops.test_contract import OPS, SAMPLES, differentiable, has_gradient, prepared

    found = []
    for name, op in OPS.items():
        samples = [s for s in SAMPLES.get(name, ()) if differentiable(op, s)]
        if not samples:  # of those that would have a gradient by their dtypes
            samples = [
                s
                for s in SAMPLES.get(name, ())
                if has_gradient(op.forward(*prepared(op, s.args), **s.options)[0], s.args)
            ]
        left_out = sum(not (s.smooth and s.gradient and op.smooth) for s in samples)
        if left_out:
            found.append(Exempt(name, len(samples), left_out))
    return sorted(found)


def page(found: list[Exempt]) -> str:
    """Return the page."""
    lines = []
    for why in REASONS:
        ops = [
            f"`{e.name}`" + ("" if e.left_out == e.samples else f" ({e.left_out} of {e.samples})")
            for e in found
            if e.reason == why
        ]
        if ops:
            lines.append(f"| {', '.join(ops)} | {why} |")
    table = ["| op (samples, where not all) | why |", "|---|---|", *lines, ""]
    return "\n".join([HEAD, *table])


if __name__ == "__main__":
    import numpy as np

    with np.errstate(all="ignore"):
        PAGE.write_text(page(exempt()), encoding="utf-8")
