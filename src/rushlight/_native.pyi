"""The compiled extension (`native/module.cpp`)."""

from typing import Any

def level() -> str: ...
def choose_level(name: str, /) -> bool: ...
def set_threads(n: int, /) -> None: ...
def threads() -> int: ...

class Conv:
    def __init__(
        self,
        n: int,
        groups: int,
        channels: int,
        features: int,
        in_: Any,
        out: Any,
        x_strides: Any,
        y_strides: Any,
        step: Any,
        offsets: Any,
        weights: Any,
        weight: Any,
        /,
    ) -> None: ...
    def forward(self, x: Any, w: Any, b: Any, y: Any, relu: bool, /) -> None: ...
    def weight(self, x: Any, g: Any, dw: Any, /) -> None: ...

class Pool:
    def __init__(
        self,
        samples: int,
        channels: int,
        size: Any,
        step: Any,
        first: Any,
        count: Any,
        divisor: Any,
        whole: bool,
        /,
    ) -> None: ...
    def max_forward(self, x: Any, y: Any, /) -> None: ...
    def max_indices(self, x: Any, index: Any, /) -> None: ...
    def max_grad(self, g: Any, x: Any, dx: Any, /) -> None: ...
    def avg_forward(self, x: Any, y: Any, /) -> None: ...
    def avg_grad(self, g: Any, dx: Any, /) -> None: ...

def adam_step(
    parameter: Any,
    gradient: Any,
    mean: Any,
    square: Any,
    largest: Any,
    step: float,
    lr: float,
    beta1: float,
    beta2: float,
    eps: float,
    decay: float,
    decoupled: bool,
    maximize: bool,
    /,
) -> bool: ...
def sgd_step(
    parameter: Any,
    gradient: Any,
    buffer: Any,
    lr: float,
    momentum: float,
    dampening: float,
    decay: float,
    nesterov: bool,
    maximize: bool,
    first: bool,
    /,
) -> bool: ...
