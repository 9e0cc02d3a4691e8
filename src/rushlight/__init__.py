"""Rushlight: deep learning on NumPy and SciPy, with PyTorch's semantics.

The names of this module are torch's. The subpackages (`nn`, `optim`, `data`, `train`, ...) are
imported when they are first used.
"""

from __future__ import annotations

from importlib import import_module as _import_module
from math import e as e
from math import inf as inf
from math import nan as nan
from math import pi as pi
from typing import TYPE_CHECKING
from typing import Any as _Any

# isort: off
from rushlight._version import __version__ as __version__
from rushlight.arrays import bool_ as _bool
from rushlight.arrays import get_default_dtype as get_default_dtype
from rushlight.arrays import float16 as float16
from rushlight.arrays import float32 as float32
from rushlight.arrays import float64 as float64
from rushlight.arrays import int8 as int8
from rushlight.arrays import int16 as int16
from rushlight.arrays import int32 as int32
from rushlight.arrays import int64 as int64
from rushlight.arrays import set_default_dtype as set_default_dtype
from rushlight.arrays import uint8 as uint8
from rushlight.determinism import (
    are_deterministic_algorithms_enabled as are_deterministic_algorithms_enabled,
)
from rushlight.determinism import use_deterministic_algorithms as use_deterministic_algorithms
from rushlight.random import Generator as Generator
from rushlight.random import get_rng_state as get_rng_state
from rushlight.random import manual_seed as manual_seed
from rushlight.random import set_rng_state as set_rng_state
from rushlight.tensor import Tensor as Tensor
from rushlight.tensor import device as device
from rushlight.functional.activation import celu as celu
from rushlight.functional.activation import celu_ as celu_
from rushlight.functional.activation import hardshrink as hardshrink
from rushlight.functional.activation import log_softmax as log_softmax
from rushlight.functional.activation import prelu as prelu
from rushlight.functional.activation import relu_ as relu_
from rushlight.functional.activation import rrelu as rrelu
from rushlight.functional.activation import rrelu_ as rrelu_
from rushlight.functional.activation import selu as selu
from rushlight.functional.activation import selu_ as selu_
from rushlight.functional.activation import softmax as softmax
from rushlight.functional.activation import threshold as threshold
from rushlight.functional.activation import threshold_ as threshold_
from rushlight.functional.arranging import adjoint as adjoint
from rushlight.functional.arranging import atleast_3d as atleast_3d
from rushlight.functional.arranging import block_diag as block_diag
from rushlight.functional.arranging import cartesian_prod as cartesian_prod
from rushlight.functional.arranging import column_stack as column_stack
from rushlight.functional.arranging import combinations as combinations
from rushlight.functional.arranging import diagflat as diagflat
from rushlight.functional.arranging import dsplit as dsplit
from rushlight.functional.arranging import hsplit as hsplit
from rushlight.functional.arranging import kron as kron
from rushlight.functional.arranging import msort as msort
from rushlight.functional.arranging import rot90 as rot90
from rushlight.functional.arranging import row_stack as row_stack
from rushlight.functional.arranging import split_with_sizes as split_with_sizes
from rushlight.functional.arranging import tensor_split as tensor_split
from rushlight.functional.arranging import unravel_index as unravel_index
from rushlight.functional.arranging import vsplit as vsplit
from rushlight.functional.asking import detach as detach
from rushlight.functional.asking import is_complex as is_complex
from rushlight.functional.asking import is_floating_point as is_floating_point
from rushlight.functional.asking import is_nonzero as is_nonzero
from rushlight.functional.asking import is_signed as is_signed
from rushlight.functional.comparison import allclose as allclose
from rushlight.functional.comparison import bitwise_and as bitwise_and
from rushlight.functional.comparison import bitwise_not as bitwise_not
from rushlight.functional.comparison import bitwise_or as bitwise_or
from rushlight.functional.comparison import bitwise_xor as bitwise_xor
from rushlight.functional.comparison import eq as eq
from rushlight.functional.comparison import equal as equal
from rushlight.functional.comparison import ge as ge
from rushlight.functional.comparison import gt as gt
from rushlight.functional.comparison import isclose as isclose
from rushlight.functional.comparison import isfinite as isfinite
from rushlight.functional.comparison import isin as isin
from rushlight.functional.comparison import isinf as isinf
from rushlight.functional.comparison import isnan as isnan
from rushlight.functional.comparison import le as le
from rushlight.functional.comparison import logical_and as logical_and
from rushlight.functional.comparison import logical_not as logical_not
from rushlight.functional.comparison import logical_or as logical_or
from rushlight.functional.comparison import logical_xor as logical_xor
from rushlight.functional.comparison import lt as lt
from rushlight.functional.comparison import ne as ne
from rushlight.functional.composed import absolute as absolute
from rushlight.functional.composed import addcdiv as addcdiv
from rushlight.functional.composed import addcmul as addcmul
from rushlight.functional.composed import clamp_max as clamp_max
from rushlight.functional.composed import clamp_min as clamp_min
from rushlight.functional.composed import clip as clip
from rushlight.functional.composed import divide as divide
from rushlight.functional.composed import frac as frac
from rushlight.functional.composed import logit as logit
from rushlight.functional.composed import multiply as multiply
from rushlight.functional.composed import nan_to_num as nan_to_num
from rushlight.functional.composed import negative as negative
from rushlight.functional.composed import subtract as subtract
from rushlight.functional.composed import true_divide as true_divide
from rushlight.functional.conv import conv1d as conv1d
from rushlight.functional.conv import conv2d as conv2d
from rushlight.functional.conv import conv3d as conv3d
from rushlight.functional.conv import conv_tbc as conv_tbc
from rushlight.functional.conv import conv_transpose1d as conv_transpose1d
from rushlight.functional.conv import conv_transpose2d as conv_transpose2d
from rushlight.functional.conv import conv_transpose3d as conv_transpose3d
from rushlight.functional.creation import arange as arange
from rushlight.functional.creation import as_tensor as as_tensor
from rushlight.functional.creation import bernoulli as bernoulli
from rushlight.functional.creation import empty as empty
from rushlight.functional.creation import empty_like as empty_like
from rushlight.functional.creation import eye as eye
from rushlight.functional.creation import from_numpy as from_numpy
from rushlight.functional.creation import full as full
from rushlight.functional.creation import full_like as full_like
from rushlight.functional.creation import is_tensor as is_tensor
from rushlight.functional.creation import linspace as linspace
from rushlight.functional.creation import logspace as logspace
from rushlight.functional.creation import multinomial as multinomial
from rushlight.functional.creation import normal as normal
from rushlight.functional.creation import numel as numel
from rushlight.functional.creation import ones as ones
from rushlight.functional.creation import ones_like as ones_like
from rushlight.functional.creation import rand as rand
from rushlight.functional.creation import rand_like as rand_like
from rushlight.functional.creation import randint as randint
from rushlight.functional.creation import randn as randn
from rushlight.functional.creation import randn_like as randn_like
from rushlight.functional.creation import randperm as randperm
from rushlight.functional.creation import scalar_tensor as scalar_tensor
from rushlight.functional.creation import tensor as tensor
from rushlight.functional.creation import zeros as zeros
from rushlight.functional.creation import zeros_like as zeros_like
from rushlight.functional.cumulative import cummax as cummax
from rushlight.functional.cumulative import cummin as cummin
from rushlight.functional.cumulative import cumprod as cumprod
from rushlight.functional.cumulative import cumulative_trapezoid as cumulative_trapezoid
from rushlight.functional.cumulative import gradient as gradient
from rushlight.functional.cumulative import logcumsumexp as logcumsumexp
from rushlight.functional.cumulative import trapezoid as trapezoid
from rushlight.functional.cumulative import trapz as trapz
from rushlight.functional.distance import cdist as cdist
from rushlight.functional.distance import cosine_similarity as cosine_similarity
from rushlight.functional.distance import pairwise_distance as pairwise_distance
from rushlight.functional.distance import pdist as pdist
from rushlight.functional.dropout import alpha_dropout as alpha_dropout
from rushlight.functional.dropout import dropout as dropout
from rushlight.functional.dropout import feature_alpha_dropout as feature_alpha_dropout
from rushlight.functional.elementwise import abs as abs
from rushlight.functional.elementwise import acos as acos
from rushlight.functional.elementwise import acosh as acosh
from rushlight.functional.elementwise import add as add
from rushlight.functional.elementwise import asin as asin
from rushlight.functional.elementwise import asinh as asinh
from rushlight.functional.elementwise import atan as atan
from rushlight.functional.elementwise import atan2 as atan2
from rushlight.functional.elementwise import atanh as atanh
from rushlight.functional.elementwise import ceil as ceil
from rushlight.functional.elementwise import clamp as clamp
from rushlight.functional.elementwise import cos as cos
from rushlight.functional.elementwise import cosh as cosh
from rushlight.functional.elementwise import div as div
from rushlight.functional.elementwise import erf as erf
from rushlight.functional.elementwise import erfc as erfc
from rushlight.functional.elementwise import exp as exp
from rushlight.functional.elementwise import exp2 as exp2
from rushlight.functional.elementwise import expm1 as expm1
from rushlight.functional.elementwise import floor as floor
from rushlight.functional.elementwise import floor_divide as floor_divide
from rushlight.functional.elementwise import fmod as fmod
from rushlight.functional.elementwise import hypot as hypot
from rushlight.functional.elementwise import lerp as lerp
from rushlight.functional.elementwise import log as log
from rushlight.functional.elementwise import log10 as log10
from rushlight.functional.elementwise import log1p as log1p
from rushlight.functional.elementwise import log2 as log2
from rushlight.functional.elementwise import logaddexp as logaddexp
from rushlight.functional.elementwise import masked_fill as masked_fill
from rushlight.functional.elementwise import maximum as maximum
from rushlight.functional.elementwise import minimum as minimum
from rushlight.functional.elementwise import mul as mul
from rushlight.functional.elementwise import neg as neg
from rushlight.functional.elementwise import pow as pow
from rushlight.functional.elementwise import reciprocal as reciprocal
from rushlight.functional.elementwise import relu as relu
from rushlight.functional.elementwise import remainder as remainder
from rushlight.functional.elementwise import round as round
from rushlight.functional.elementwise import rsqrt as rsqrt
from rushlight.functional.elementwise import sigmoid as sigmoid
from rushlight.functional.elementwise import sign as sign
from rushlight.functional.elementwise import sin as sin
from rushlight.functional.elementwise import sinh as sinh
from rushlight.functional.elementwise import sqrt as sqrt
from rushlight.functional.elementwise import square as square
from rushlight.functional.elementwise import sub as sub
from rushlight.functional.elementwise import tan as tan
from rushlight.functional.elementwise import tanh as tanh
from rushlight.functional.elementwise import trunc as trunc
from rushlight.functional.elementwise import where as where
from rushlight.functional.elementwise import xlogy as xlogy
from rushlight.functional.exchange import from_dlpack as from_dlpack
from rushlight.functional.embedding import embedding as embedding
from rushlight.functional.embedding import embedding_bag as embedding_bag
from rushlight.functional.likelihood_loss import ctc_loss as ctc_loss
from rushlight.functional.likelihood_loss import kl_div as kl_div
from rushlight.functional.likelihood_loss import poisson_nll_loss as poisson_nll_loss
from rushlight.functional.linear import bilinear as bilinear
from rushlight.functional.linalg import cholesky_inverse as cholesky_inverse
from rushlight.functional.linalg import cholesky_solve as cholesky_solve
from rushlight.functional.linalg import cross as cross
from rushlight.functional.linalg import det as det
from rushlight.functional.linalg import inverse as inverse
from rushlight.functional.linalg import logdet as logdet
from rushlight.functional.linalg import matrix_exp as matrix_exp
from rushlight.functional.linalg import matrix_power as matrix_power
from rushlight.functional.linalg import pinverse as pinverse
from rushlight.functional.linalg import slogdet as slogdet
from rushlight.functional.loss import (
    binary_cross_entropy_with_logits as binary_cross_entropy_with_logits,
)
from rushlight.functional.margin_loss import cosine_embedding_loss as cosine_embedding_loss
from rushlight.functional.margin_loss import hinge_embedding_loss as hinge_embedding_loss
from rushlight.functional.margin_loss import margin_ranking_loss as margin_ranking_loss
from rushlight.functional.margin_loss import triplet_margin_loss as triplet_margin_loss
from rushlight.functional.normalization import batch_norm as batch_norm
from rushlight.functional.normalization import group_norm as group_norm
from rushlight.functional.normalization import instance_norm as instance_norm
from rushlight.functional.normalization import layer_norm as layer_norm
from rushlight.functional.normalization import rms_norm as rms_norm
from rushlight.functional.picking import argwhere as argwhere
from rushlight.functional.picking import diag as diag
from rushlight.functional.picking import diag_embed as diag_embed
from rushlight.functional.picking import diagonal as diagonal
from rushlight.functional.picking import gather as gather
from rushlight.functional.picking import index_add as index_add
from rushlight.functional.picking import index_fill as index_fill
from rushlight.functional.picking import index_select as index_select
from rushlight.functional.picking import masked_select as masked_select
from rushlight.functional.picking import nonzero as nonzero
from rushlight.functional.picking import repeat_interleave as repeat_interleave
from rushlight.functional.picking import scatter as scatter
from rushlight.functional.picking import scatter_add as scatter_add
from rushlight.functional.picking import take as take
from rushlight.functional.picking import take_along_dim as take_along_dim
from rushlight.functional.picking import trace as trace
from rushlight.functional.picking import tril as tril
from rushlight.functional.picking import tril_indices as tril_indices
from rushlight.functional.picking import triu as triu
from rushlight.functional.picking import triu_indices as triu_indices
from rushlight.functional.pooling import adaptive_avg_pool1d as adaptive_avg_pool1d
from rushlight.functional.pooling import adaptive_max_pool1d as adaptive_max_pool1d
from rushlight.functional.pooling import avg_pool1d as avg_pool1d
from rushlight.functional.pooling import max_pool1d as max_pool1d
from rushlight.functional.pooling import max_pool2d as max_pool2d
from rushlight.functional.pooling import max_pool3d as max_pool3d
from rushlight.functional.pooling_places import max_pool1d_with_indices as max_pool1d_with_indices
from rushlight.functional.products import addbmm as addbmm
from rushlight.functional.products import addmm as addmm
from rushlight.functional.products import addmv as addmv
from rushlight.functional.products import addr as addr
from rushlight.functional.products import baddbmm as baddbmm
from rushlight.functional.products import bmm as bmm
from rushlight.functional.products import dot as dot
from rushlight.functional.products import einsum as einsum
from rushlight.functional.products import inner as inner
from rushlight.functional.products import matmul as matmul
from rushlight.functional.products import mm as mm
from rushlight.functional.products import mv as mv
from rushlight.functional.products import outer as outer
from rushlight.functional.products import tensordot as tensordot
from rushlight.functional.products import vdot as vdot
from rushlight.functional.reduction import all as all
from rushlight.functional.reduction import amax as amax
from rushlight.functional.reduction import amin as amin
from rushlight.functional.reduction import aminmax as aminmax
from rushlight.functional.reduction import any as any
from rushlight.functional.reduction import argmax as argmax
from rushlight.functional.reduction import argmin as argmin
from rushlight.functional.reduction import argsort as argsort
from rushlight.functional.reduction import bincount as bincount
from rushlight.functional.reduction import count_nonzero as count_nonzero
from rushlight.functional.reduction import cumsum as cumsum
from rushlight.functional.reduction import diff as diff
from rushlight.functional.reduction import dist as dist
from rushlight.functional.reduction import kthvalue as kthvalue
from rushlight.functional.reduction import logsumexp as logsumexp
from rushlight.functional.reduction import max as max
from rushlight.functional.reduction import mean as mean
from rushlight.functional.reduction import median as median
from rushlight.functional.reduction import min as min
from rushlight.functional.reduction import nanmean as nanmean
from rushlight.functional.reduction import nansum as nansum
from rushlight.functional.reduction import norm as norm
from rushlight.functional.reduction import prod as prod
from rushlight.functional.reduction import quantile as quantile
from rushlight.functional.reduction import sort as sort
from rushlight.functional.reduction import std as std
from rushlight.functional.reduction import std_mean as std_mean
from rushlight.functional.reduction import sum as sum
from rushlight.functional.reduction import topk as topk
from rushlight.functional.reduction import unique as unique
from rushlight.functional.reduction import var as var
from rushlight.functional.reduction import var_mean as var_mean
from rushlight.functional.scattering import diagonal_scatter as diagonal_scatter
from rushlight.functional.scattering import index_copy as index_copy
from rushlight.functional.scattering import index_put as index_put
from rushlight.functional.scattering import index_reduce as index_reduce
from rushlight.functional.scattering import masked_scatter as masked_scatter
from rushlight.functional.scattering import put as put
from rushlight.functional.scattering import scatter_reduce as scatter_reduce
from rushlight.functional.scattering import select_scatter as select_scatter
from rushlight.functional.scattering import slice_scatter as slice_scatter
from rushlight.functional.second_names import arccos as arccos
from rushlight.functional.second_names import arccosh as arccosh
from rushlight.functional.second_names import arcsin as arcsin
from rushlight.functional.second_names import arcsinh as arcsinh
from rushlight.functional.second_names import arctan as arctan
from rushlight.functional.second_names import arctan2 as arctan2
from rushlight.functional.second_names import arctanh as arctanh
from rushlight.functional.second_names import bitwise_left_shift as bitwise_left_shift
from rushlight.functional.second_names import bitwise_right_shift as bitwise_right_shift
from rushlight.functional.second_names import copysign as copysign
from rushlight.functional.second_names import deg2rad as deg2rad
from rushlight.functional.second_names import fix as fix
from rushlight.functional.second_names import float_power as float_power
from rushlight.functional.second_names import fmax as fmax
from rushlight.functional.second_names import fmin as fmin
from rushlight.functional.second_names import frexp as frexp
from rushlight.functional.second_names import gcd as gcd
from rushlight.functional.second_names import ger as ger
from rushlight.functional.second_names import greater as greater
from rushlight.functional.second_names import greater_equal as greater_equal
from rushlight.functional.second_names import heaviside as heaviside
from rushlight.functional.second_names import isneginf as isneginf
from rushlight.functional.second_names import isposinf as isposinf
from rushlight.functional.second_names import isreal as isreal
from rushlight.functional.second_names import lcm as lcm
from rushlight.functional.second_names import ldexp as ldexp
from rushlight.functional.second_names import less as less
from rushlight.functional.second_names import less_equal as less_equal
from rushlight.functional.second_names import nextafter as nextafter
from rushlight.functional.second_names import not_equal as not_equal
from rushlight.functional.second_names import positive as positive
from rushlight.functional.second_names import rad2deg as rad2deg
from rushlight.functional.second_names import sgn as sgn
from rushlight.functional.second_names import signbit as signbit
from rushlight.functional.rnn import gru as gru
from rushlight.functional.rnn import gru_cell as gru_cell
from rushlight.functional.rnn import lstm as lstm
from rushlight.functional.rnn import lstm_cell as lstm_cell
from rushlight.functional.rnn import rnn_relu as rnn_relu
from rushlight.functional.rnn import rnn_relu_cell as rnn_relu_cell
from rushlight.functional.rnn import rnn_tanh as rnn_tanh
from rushlight.functional.rnn import rnn_tanh_cell as rnn_tanh_cell
from rushlight.functional.shaping import atleast_1d as atleast_1d
from rushlight.functional.shaping import atleast_2d as atleast_2d
from rushlight.functional.shaping import broadcast_shapes as broadcast_shapes
from rushlight.functional.shaping import broadcast_tensors as broadcast_tensors
from rushlight.functional.shaping import broadcast_to as broadcast_to
from rushlight.functional.shaping import cat as cat
from rushlight.functional.shaping import chunk as chunk
from rushlight.functional.shaping import clone as clone
from rushlight.functional.shaping import concat as concat
from rushlight.functional.shaping import concatenate as concatenate
from rushlight.functional.shaping import dstack as dstack
from rushlight.functional.shaping import flatten as flatten
from rushlight.functional.shaping import flip as flip
from rushlight.functional.shaping import fliplr as fliplr
from rushlight.functional.shaping import flipud as flipud
from rushlight.functional.shaping import hstack as hstack
from rushlight.functional.shaping import meshgrid as meshgrid
from rushlight.functional.shaping import moveaxis as moveaxis
from rushlight.functional.shaping import movedim as movedim
from rushlight.functional.shaping import narrow as narrow
from rushlight.functional.shaping import permute as permute
from rushlight.functional.shaping import ravel as ravel
from rushlight.functional.shaping import reshape as reshape
from rushlight.functional.shaping import roll as roll
from rushlight.functional.shaping import select as select
from rushlight.functional.shaping import split as split
from rushlight.functional.shaping import squeeze as squeeze
from rushlight.functional.shaping import stack as stack
from rushlight.functional.shaping import swapaxes as swapaxes
from rushlight.functional.shaping import swapdims as swapdims
from rushlight.functional.shaping import t as t
from rushlight.functional.shaping import tile as tile
from rushlight.functional.shaping import transpose as transpose
from rushlight.functional.shaping import unbind as unbind
from rushlight.functional.shaping import unflatten as unflatten
from rushlight.functional.shaping import unsqueeze as unsqueeze
from rushlight.functional.shaping import vstack as vstack
from rushlight.functional.shuffle import channel_shuffle as channel_shuffle
from rushlight.functional.shuffle import native_channel_shuffle as native_channel_shuffle
from rushlight.functional.shuffle import pixel_shuffle as pixel_shuffle
from rushlight.functional.shuffle import pixel_unshuffle as pixel_unshuffle
from rushlight.functional.special import digamma as digamma
from rushlight.functional.special import erfinv as erfinv
from rushlight.functional.special import i0 as i0
from rushlight.functional.special import igamma as igamma
from rushlight.functional.special import igammac as igammac
from rushlight.functional.special import lgamma as lgamma
from rushlight.functional.special import logaddexp2 as logaddexp2
from rushlight.functional.special import mvlgamma as mvlgamma
from rushlight.functional.special import polygamma as polygamma
from rushlight.functional.special import sinc as sinc
from rushlight.functional.statistics import binomial as binomial
from rushlight.functional.statistics import bucketize as bucketize
from rushlight.functional.statistics import corrcoef as corrcoef
from rushlight.functional.statistics import cov as cov
from rushlight.functional.statistics import histc as histc
from rushlight.functional.statistics import histogram as histogram
from rushlight.functional.statistics import mode as mode
from rushlight.functional.statistics import nanmedian as nanmedian
from rushlight.functional.statistics import nanquantile as nanquantile
from rushlight.functional.statistics import poisson as poisson
from rushlight.functional.statistics import renorm as renorm
from rushlight.functional.statistics import searchsorted as searchsorted
from rushlight.functional.statistics import unique_consecutive as unique_consecutive
from rushlight.memory import configure as _configure_malloc
from rushlight import autograd as autograd
from rushlight.autograd import enable_grad as enable_grad
from rushlight.autograd import inference_mode as inference_mode
from rushlight.autograd import is_grad_enabled as is_grad_enabled
from rushlight.autograd import no_grad as no_grad
from rushlight.autograd import set_grad_enabled as set_grad_enabled
# isort: on

if TYPE_CHECKING:
    from rushlight import bridge as bridge
    from rushlight import check as check
    from rushlight import classic as classic
    from rushlight import data as data
    from rushlight import distributed as distributed
    from rushlight import func as func
    from rushlight import io as io
    from rushlight import models as models
    from rushlight import nn as nn
    from rushlight import onnx as onnx
    from rushlight import optim as optim
    from rushlight import serve as serve
    from rushlight import sklearn as sklearn
    from rushlight import train as train
    from rushlight import utils as utils
    from rushlight.bridge import from_torch as from_torch
    from rushlight.bridge import to_torch as to_torch
    from rushlight.io import load as load
    from rushlight.io import save as save
    from rushlight.plans import compile as compile
    from rushlight.threads import get_num_threads as get_num_threads
    from rushlight.threads import set_num_threads as set_num_threads

_configure_malloc()  # RUSHLIGHT_MALLOC=default leaves malloc as it is

newaxis = None
bool = _bool
half, float, double = float16, float32, float64
short, int, long = int16, int32, int64

_LAZY = frozenset(
    {
        "bridge",
        "check",
        "classic",
        "cuda",
        "data",
        "distributed",
        "func",
        "io",
        "linalg",
        "models",
        "nn",
        "onnx",
        "optim",
        "serve",
        "sklearn",
        "special",
        "train",
        "utils",
    }
)
_LAZY_NAMES = {
    "compile": "plans",
    "from_torch": "bridge",
    "get_num_threads": "threads",
    "load": "io",
    "save": "io",
    "set_num_threads": "threads",
    "to_torch": "bridge",
}


def __getattr__(name: str) -> _Any:
    if name in _LAZY:
        return _import_module(f"rushlight.{name}")
    if name in _LAZY_NAMES:
        return getattr(_import_module(f"rushlight.{_LAZY_NAMES[name]}"), name)
    raise AttributeError(f"module 'rushlight' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY, *_LAZY_NAMES})
