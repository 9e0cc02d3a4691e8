"""The compiled extension (`native/module.cpp`)."""

from typing import Any

def level() -> str: ...
def choose_level(name: str, /) -> bool: ...
def set_threads(n: int, /) -> None: ...
def threads() -> int: ...

FEW_CHANNELS: int

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
        x_channel: int,
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

def column_sum(x: Any, total: Any, /) -> None: ...
def batch_norm_train(
    x: Any, w: Any, b: Any, eps: float, y: Any, mean: Any, var: Any, kept: Any, relu: bool, /
) -> None: ...
def batch_norm_grad(
    g: Any, x: Any, kept: Any, w: Any, y: Any, dx: Any, dw: Any, db: Any, /
) -> None: ...
def batch_norm_eval(
    x: Any, mean: Any, var: Any, w: Any, b: Any, eps: float, y: Any, rstd: Any, relu: bool, /
) -> None: ...
def batch_norm_eval_grad(
    g: Any, x: Any, mean: Any, rstd: Any, w: Any, dx: Any, dw: Any, db: Any, /
) -> None: ...
def group_norm(
    x: Any,
    c: int,
    last: bool,
    w: Any,
    b: Any,
    eps: float,
    y: Any,
    mean: Any,
    var: Any,
    rstd: Any,
    /,
) -> None: ...
def group_norm_grad(
    g: Any,
    x: Any,
    c: int,
    last: bool,
    mean: Any,
    rstd: Any,
    w: Any,
    dx: Any,
    dw: Any,
    db: Any,
    /,
) -> None: ...
def layer_norm(x: Any, w: Any, b: Any, eps: float, centred: bool, y: Any, kept: Any, /) -> None: ...
def layer_norm_grad(
    g: Any, x: Any, kept: Any, w: Any, centred: bool, dx: Any, dw: Any, db: Any, /
) -> None: ...
def relu(x: Any, y: Any, /) -> None: ...
def relu_grad(g: Any, y: Any, dx: Any, /) -> None: ...
def sigmoid(x: Any, y: Any, /) -> None: ...
def softmax(x: Any, y: Any, c: int, /) -> None: ...
def softmax_grad(g: Any, y: Any, dx: Any, c: int, /) -> None: ...
def log_softmax(x: Any, y: Any, c: int, /) -> None: ...
def log_softmax_grad(g: Any, y: Any, dx: Any, c: int, /) -> None: ...
def cross_entropy(x: Any, places: Any, loss: Any, e: Any, total: Any, /) -> None: ...
def cross_entropy_grad(
    e: Any, total: Any, places: Any, scales: Any, scale: float, dx: Any, /
) -> None: ...
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
def dropout_factor(words: Any, threshold: int, scale: float, factor: Any, /) -> None: ...
def follow(
    running_mean: Any, running_var: Any, mean: Any, var: Any, momentum: float, factor: float, /
) -> bool: ...
def lstm_step(
    product: Any, before: Any, c: Any, gates: Any, negative: Any, cell: Any, tanhs: Any, y: Any, /
) -> None: ...
def lstm_step_grad(
    dy: Any, dc: Any, d: Any, gates: Any, negative: Any, tanhs: Any, c: Any, /
) -> None: ...
def gru_step(
    product: Any, before: Any, bias: Any, state: Any, gates: Any, fresh: Any, hidden: Any, y: Any, /
) -> None: ...
def gru_step_grad(dy: Any, d: Any, gates: Any, fresh: Any, hidden: Any, state: Any, /) -> None: ...

class Prepared:
    def __call__(self) -> None: ...

class Routine:
    def __init__(self, calls: tuple[Any, ...], /) -> None: ...
    def __call__(self) -> None: ...

def prepare(function: Any, args: tuple[Any, ...], /) -> Prepared | None: ...
def prepare_copy(source: Any, to: Any, /) -> Prepared | None: ...
def prepare_elementwise(ufunc: Any, which: int, arrays: tuple[Any, ...], /) -> Prepared | None: ...
def prepare_product(matmul: Any, which: int, arrays: tuple[Any, ...], /) -> Prepared | None: ...
