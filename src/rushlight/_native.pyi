"""The compiled extension (`native/module.cpp`)."""

from typing import Any

def level() -> str: ...
def choose_level(name: str, /) -> bool: ...
def set_threads(n: int, /) -> None: ...
def threads() -> int: ...

class Facts:
    def __init__(self) -> None: ...
    def attributes(self, name: str, owners: list[Any], values: list[Any], /) -> None: ...
    def entry(self, owner: dict[Any, Any], key: Any, value: Any, /) -> None: ...
    def lacks(self, owner: dict[Any, Any], key: Any, /) -> None: ...
    def lookup(self, kind: type, name: str, value: Any, /) -> None: ...
    def items(self, owner: list[Any], values: list[Any], /) -> None: ...
    def contents(
        self, owner: dict[Any, Any], content: dict[Any, Any], but: tuple[str, ...] = ..., /
    ) -> None: ...
    def keys(self, owner: dict[Any, Any], keys: list[Any], /) -> None: ...
    def length(self, owner: list[Any], size: int, /) -> None: ...
    def alike(self, array: Any, /) -> None: ...
    def hold(self) -> bool: ...

class Holders:
    def __init__(self, objects: list[Any], /) -> None: ...
    def note(self) -> None: ...
    def same(self) -> bool: ...

class Entry:
    def __init__(
        self, args: tuple[Any, ...], buffers: list[Any], facts: list[Facts], written: list[int], /
    ) -> None: ...
    def lead_to(self, routine: Any, result: Any, /) -> None: ...
    def opens(self, args: tuple[Any, ...], /) -> bool: ...
    def array_of(self, args: tuple[Any, ...], /) -> Any: ...

FEW_CHANNELS: int
FEW_REACH: int

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
        pool: Any = ...,
        /,
    ) -> None: ...
    @property
    def pools(self) -> bool: ...
    def forward(self, x: Any, w: Any, b: Any, y: Any, relu: bool, /) -> None: ...
    def forward_normed(
        self,
        x: Any,
        w: Any,
        b: Any,
        mean: Any,
        var: Any,
        norm_w: Any,
        norm_b: Any,
        eps: float,
        y: Any,
        relu: bool,
        /,
    ) -> None: ...
    def weight(self, x: Any, g: Any, dw: Any, /) -> None: ...

class ConvPhases:
    def __init__(self, convs: list[Conv], starts: list[int], /) -> None: ...
    def forward(self, x: Any, w: Any, b: Any, y: Any, relu: bool, /) -> None: ...

def linear_forward(x: Any, w: Any, b: Any, y: Any, relu: bool, /) -> None: ...
def linear_onward(
    x: Any,
    w: Any,
    b: Any,
    mean: Any,
    var: Any,
    norm_w: Any,
    norm_b: Any,
    eps: float,
    y: Any,
    relu: bool,
    /,
) -> None: ...
def linear_input_grad(g: Any, w: Any, dx: Any, /) -> None: ...
def linear_weight_grad(x: Any, g: Any, dw: Any, /) -> None: ...
def product(a: Any, b: Any, c: Any, /) -> None: ...

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
def batch_moments(x: Any, mean: Any, square: Any, /) -> None: ...
def batch_norm_through(g: Any, x: Any, p: Any, dx: Any, /) -> None: ...
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
def attention(
    q: Any,
    k: Any,
    v: Any,
    bias: Any,
    factor: Any,
    scale: float,
    blind: bool,
    p: Any,
    y: Any,
    /,
) -> None: ...
def attention_grad(
    g: Any,
    q: Any,
    k: Any,
    v: Any,
    p: Any,
    factor: Any,
    scale: float,
    dq: Any,
    dk: Any,
    dv: Any,
    /,
) -> None: ...
def relu(x: Any, y: Any, /) -> None: ...
def relu_grad(g: Any, y: Any, dx: Any, /) -> None: ...
def sigmoid(x: Any, y: Any, /) -> None: ...
def erf(x: Any, y: Any, /) -> None: ...
def turn(x: Any, y: Any, n: int, rows: int, columns: int, /) -> None: ...
def softmax(x: Any, y: Any, c: int, /) -> None: ...
def softmax_grad(g: Any, y: Any, dx: Any, c: int, /) -> None: ...
def log_softmax(x: Any, y: Any, c: int, /) -> None: ...
def log_softmax_grad(g: Any, y: Any, dx: Any, c: int, /) -> None: ...
def cross_entropy(x: Any, places: Any, loss: Any, e: Any, total: Any, /) -> None: ...
def cross_entropy_grad(
    e: Any, total: Any, places: Any, scales: Any, scale: float, dx: Any, /
) -> None: ...

class Live:
    def __init__(self) -> None: ...

class Advance:
    def __init__(
        self, group: dict[str, Any], rate: Live, step: Live, counter: Any, params: list[Any], /
    ) -> None: ...
    def __call__(self) -> None: ...

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

class Maps:
    def __init__(
        self, outer: int, inner: int, axes: list[tuple[int, Any, Any, Any]], /
    ) -> None: ...
    def apply(self, x: Any, y: Any, fill: float, /) -> None: ...

def raw_words(source: Any, words: Any, /) -> None: ...

class Draw:
    def __init__(self, generator: Any, otherwise: Any, words: Any, /) -> None: ...
    def __call__(self) -> None: ...

def dropout_factor(words: Any, threshold: int, scale: float, factor: Any, /) -> None: ...
def follow(
    running_mean: Any, running_var: Any, mean: Any, var: Any, momentum: float, factor: float, /
) -> bool: ...
def lstm_step(
    product: Any, before: Any, c: Any, gates: Any, cell: Any, tanhs: Any, y: Any, /
) -> None: ...
def lstm_step_grad(dy: Any, dc: Any, d: Any, gates: Any, tanhs: Any, c: Any, /) -> None: ...
def gru_step(
    product: Any, before: Any, bias: Any, state: Any, gates: Any, fresh: Any, hidden: Any, y: Any, /
) -> None: ...
def gru_step_grad(dy: Any, d: Any, gates: Any, fresh: Any, hidden: Any, state: Any, /) -> None: ...

class Sequences:
    def __init__(self, sizes: tuple[int, ...], reverse: bool, /) -> None: ...
    def lstm(
        self, before: Any, h0: Any, c0: Any, w: Any, gates: Any, cells: Any, tanhs: Any, y: Any,
        h_last: Any, c_last: Any, /,
    ) -> None: ...  # fmt: skip
    def lstm_grad(
        self, g: Any, dh: Any, dc: Any, w: Any, gates: Any, cells: Any, tanhs: Any, c0: Any,
        d: Any, /,
    ) -> None: ...  # fmt: skip
    def gru(
        self, before: Any, h0: Any, w: Any, bias: Any, gates: Any, fresh: Any, hidden: Any, y: Any,
        h_last: Any, /,
    ) -> None: ...  # fmt: skip
    def gru_grad(
        self, g: Any, dh: Any, w: Any, gates: Any, fresh: Any, hidden: Any, y: Any, h0: Any,
        by_before: Any, by_product: Any, /,
    ) -> None: ...  # fmt: skip

class Prepared:
    def __call__(self) -> None: ...

class Routine:
    def __init__(self, calls: tuple[Any, ...], /) -> None: ...
    @property
    def compiled(self) -> bool: ...
    def __call__(self) -> None: ...

def copy(source: Any, to: Any, /) -> None: ...
def prepare(function: Any, args: tuple[Any, ...], /) -> Prepared | None: ...
def prepare_copy(source: Any, to: Any, /) -> Prepared | None: ...
def prepare_elementwise(ufunc: Any, which: int, arrays: tuple[Any, ...], /) -> Prepared | None: ...
def prepare_product(matmul: Any, which: int, arrays: tuple[Any, ...], /) -> Prepared | None: ...
