"""Functions of tensors under torch's names, one module for each kind."""
# ruff: noqa: F403

from rushlight.functional.activation import *
from rushlight.functional.comparison import *
from rushlight.functional.composed import *
from rushlight.functional.conv import *
from rushlight.functional.creation import *
from rushlight.functional.dropout import *
from rushlight.functional.elementwise import *
from rushlight.functional.linear import *
from rushlight.functional.loss import *
from rushlight.functional.normalization import *
from rushlight.functional.padding import *
from rushlight.functional.picking import *
from rushlight.functional.pooling import *
from rushlight.functional.products import *
from rushlight.functional.reduction import *
from rushlight.functional.rnn import *
from rushlight.functional.shaping import *
from rushlight.functional.special import *
