"""Samples of the layers that are neither convolution, pooling, normalization nor loss."""

from __future__ import annotations

from collections import OrderedDict

from tests.nn.modules import ModuleSample as S
from tests.ops.sample import normal

from rushlight import nn

X = (normal(4, 5),)
FLAT = (normal(5),)
IMAGES = (normal(2, 3, 4, 4),)

SAMPLES = [
    S(nn.Module, lambda torch: torch.nn.Module(), None),
    S(lambda: nn.Identity(3, a=4), lambda torch: torch.nn.Identity(3, a=4), X, FLAT),
    S(lambda: nn.Linear(5, 3), lambda torch: torch.nn.Linear(5, 3), X, FLAT),
    S(
        lambda: nn.Linear(5, 3, bias=False),
        lambda torch: torch.nn.Linear(5, 3, bias=False),
        (normal(2, 3, 5),),
    ),
    S(nn.Flatten, lambda torch: torch.nn.Flatten(), IMAGES),
    S(lambda: nn.Flatten(0, 2), lambda torch: torch.nn.Flatten(0, 2), IMAGES),
    S(
        lambda: nn.Unflatten(1, (2, 3)),
        lambda torch: torch.nn.Unflatten(1, (2, 3)),
        (normal(4, 6),),
    ),
    # ---- activations
    S(nn.ReLU, lambda torch: torch.nn.ReLU(), X, FLAT),
    S(
        lambda: nn.ReLU(inplace=True),
        lambda torch: torch.nn.ReLU(inplace=False),
        X,
        FLAT,
        shared_repr=False,
    ),
    S(lambda: nn.LeakyReLU(0.2), lambda torch: torch.nn.LeakyReLU(0.2), X, FLAT),
    S(lambda: nn.ELU(1.5), lambda torch: torch.nn.ELU(1.5), X, FLAT),
    S(nn.Softplus, lambda torch: torch.nn.Softplus(), X, FLAT),
    S(lambda: nn.Softplus(2, 1), lambda torch: torch.nn.Softplus(2, 1), X, FLAT),
    S(nn.GELU, lambda torch: torch.nn.GELU(), X, FLAT),
    S(lambda: nn.GELU("tanh"), lambda torch: torch.nn.GELU("tanh"), X, FLAT),
    S(nn.SiLU, lambda torch: torch.nn.SiLU(), X, FLAT),
    S(nn.Sigmoid, lambda torch: torch.nn.Sigmoid(), X, FLAT),
    S(nn.LogSigmoid, lambda torch: torch.nn.LogSigmoid(), X, FLAT),
    S(nn.Tanh, lambda torch: torch.nn.Tanh(), X, FLAT),
    S(lambda: nn.Softmax(dim=-1), lambda torch: torch.nn.Softmax(dim=-1), X, FLAT),
    S(lambda: nn.Softmax(1), lambda torch: torch.nn.Softmax(1), IMAGES),
    S(lambda: nn.LogSoftmax(dim=-1), lambda torch: torch.nn.LogSoftmax(dim=-1), X, FLAT),
    # ---- dropout
    S(nn.Dropout, lambda torch: torch.nn.Dropout(), X, FLAT, random=True),
    S(lambda: nn.Dropout(0.0), lambda torch: torch.nn.Dropout(0.0), X),
    S(lambda: nn.Dropout(1.0), lambda torch: torch.nn.Dropout(1.0), X),
    S(
        lambda: nn.Dropout1d(0.2),
        lambda torch: torch.nn.Dropout1d(0.2),
        (normal(2, 3, 4),),
        (normal(3, 4),),
        random=True,
    ),
    S(
        lambda: nn.Dropout2d(0.2, inplace=True),
        lambda torch: torch.nn.Dropout2d(0.2, inplace=True),
        IMAGES,
        random=True,
    ),
    S(
        lambda: nn.Dropout3d(0.2),
        lambda torch: torch.nn.Dropout3d(0.2),
        (normal(2, 3, 2, 2, 2),),
        (normal(3, 2, 2, 2),),
        random=True,
    ),
    # ---- containers
    S(
        lambda: nn.Sequential(
            nn.Linear(5, 4), nn.Tanh(), nn.Sequential(nn.Linear(4, 2), nn.Dropout(0.0))
        ),
        lambda torch: torch.nn.Sequential(
            torch.nn.Linear(5, 4),
            torch.nn.Tanh(),
            torch.nn.Sequential(torch.nn.Linear(4, 2), torch.nn.Dropout(0.0)),
        ),
        X,
        FLAT,
    ),
    S(
        lambda: nn.Sequential(OrderedDict([("first", nn.Linear(5, 2)), ("last", nn.ReLU())])),
        lambda torch: torch.nn.Sequential(
            OrderedDict([("first", torch.nn.Linear(5, 2)), ("last", torch.nn.ReLU())])
        ),
        X,
    ),
    S(nn.Sequential, lambda torch: torch.nn.Sequential(), X),
    S(
        lambda: nn.ModuleList([nn.Linear(2, 2), nn.Linear(2, 2), nn.Sequential(nn.ReLU())]),
        lambda torch: torch.nn.ModuleList(
            [torch.nn.Linear(2, 2), torch.nn.Linear(2, 2), torch.nn.Sequential(torch.nn.ReLU())]
        ),
        None,
    ),
    S(
        lambda: nn.ModuleDict({"b": nn.Linear(2, 2), "a": nn.ReLU()}),
        lambda torch: torch.nn.ModuleDict({"b": torch.nn.Linear(2, 2), "a": torch.nn.ReLU()}),
        None,
    ),
    S(
        lambda: nn.ParameterList([nn.Parameter(), nn.Parameter()]),
        lambda torch: torch.nn.ParameterList([torch.nn.Parameter(), torch.nn.Parameter()]),
        None,
        shared_repr=False,  # torch writes torch.float32
    ),
    S(
        lambda: nn.ParameterDict({"a": nn.Parameter()}),
        lambda torch: torch.nn.ParameterDict({"a": torch.nn.Parameter()}),
        None,
        shared_repr=False,
    ),
]
