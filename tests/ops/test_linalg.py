"""Samples of matmul, linear and einsum."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.ops.sample import Error, Sample, normal

from rushlight.errors import DtypeError, ShapeError


def product(a: tuple[int, ...], b: tuple[int, ...]) -> Sample:
    return Sample((normal(*a), normal(*b, seed=1)), {}, lambda torch, a, b: a @ b)


def affine(x: tuple[int, ...], features: int, bias: bool = True, relu: bool = False) -> Sample:
    args = (
        normal(*x),
        normal(features, x[-1], seed=1),
        normal(features, seed=2) if bias else None,
    )
    if relu:
        return Sample(
            args,
            {"relu": True},
            lambda torch, *args: torch.nn.functional.linear(*args).relu(),
            smooth=False,
        )
    return Sample(args, {}, lambda torch, *args: torch.nn.functional.linear(*args))


SIZES = dict(zip("abcdefg", (2, 3, 4, 5, 2, 3, 2), strict=True))


def summed(equation: str) -> Sample:
    left, output = equation.split("->")
    inputs = tuple(left.split(","))
    args = tuple(normal(*[SIZES[c] for c in s], seed=i) for i, s in enumerate(inputs))
    return Sample(
        args,
        {"inputs": inputs, "output": output},
        lambda torch, *xs: torch.einsum(equation, *xs),
    )


SAMPLES: dict[str, list[Sample]] = {
    "matmul": [
        product((3, 4), (4, 2)),
        product((4,), (4,)),
        product((4,), (4, 2)),
        product((3, 4), (4,)),
        product((2, 3, 4), (2, 4, 5)),
        product((2, 3, 4), (4, 5)),
        product((3, 4), (2, 4, 5)),
        product((2, 1, 3, 4), (5, 4, 2)),
        product((4,), (2, 4, 5)),
        product((2, 3, 4), (4,)),
        product((4,), (3, 2, 4, 5)),
        product((1, 3, 4), (6, 4, 2)),
        product((0, 4), (4, 2)),
        product((3, 0), (0, 2)),
        Sample(
            (np.arange(6).reshape(2, 3), np.arange(3)), {}, lambda torch, a, b: torch.matmul(a, b)
        ),
    ],
    "linear": [
        affine((5, 3), 4),
        affine((5, 3), 4, bias=False),
        affine((3,), 4),
        affine((3,), 4, bias=False),
        affine((2, 5, 3), 4),
        affine((2, 2, 2, 3), 1),
        affine((0, 3), 4),
        affine((2, 0, 3), 4),
        affine((5, 3), 4, relu=True),
        affine((3,), 4, bias=False, relu=True),
        affine((2, 5, 3), 4, relu=True),
    ],
    "einsum": [
        summed(equation)
        for equation in (
            "ab,bc->ac",
            "ab,bc->ca",
            "ab->ba",
            "ab->a",
            "ab->",
            "a,b->ab",
            "a,a->",
            "abc,acd->abd",
            "ab,ac,ad->bcd",
            "ab,b->a",
            "abc,bd->ad",
            "abc,c,b->a",
            "ab,cd->",
            "ae,ae->ae",
            "abc->cab",
        )
    ],
}

ERRORS: dict[str, list[Error]] = {
    "matmul": [
        Error((np.ones((2, 3)), np.ones((2, 3))), {}, ShapeError, r"\(2, 3\) and \(2, 3\)"),
        Error((np.ones(()), np.ones(3)), {}, ShapeError, "matmul: got shapes"),
        Error((np.ones((2, 2), "float32"), np.ones((2, 2))), {}, DtypeError, "one dtype"),
    ],
    "linear": [
        Error(
            (np.ones((2, 3)), np.ones((4, 5)), None), {}, ShapeError, r"expected input \(\*, 5\)"
        ),
        Error((np.ones(()), np.ones((4, 5)), None), {}, ShapeError, "linear: got input"),
        Error((np.ones((2, 5), "float32"), np.ones((4, 5)), None), {}, DtypeError, "one dtype"),
    ],
    "einsum": [
        Error(
            (np.ones((2, 2), "float32"), np.ones((2, 2))),
            {"inputs": ("ab", "bc"), "output": "ac"},
            DtypeError,
            "einsum: got dtypes",
        ),
    ],
}


def test_large_products_equal_numpy() -> None:
    from rushlight.ops.linalg import matmul

    a, b = normal(2, 40, 30), normal(30, 20)
    found: Any = matmul(a, b)
    assert found == pytest.approx(np.einsum("bij,jk->bik", a, b))
