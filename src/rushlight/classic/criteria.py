"""Criteria that both dialects share: classes over loss modules."""

from __future__ import annotations

from rushlight.classic import modules
from rushlight.classic.attributes import Option
from rushlight.classic.wrapping import LossLayer

__all__ = ["ClassNLLCriterion", "ClassNLLCriterionUnstable", "MSECriterion"]


class FloatLoss(LossLayer):
    """A criterion of floating inputs and targets; integers are converted."""

    _floating = True


class MSECriterion(FloatLoss):
    """sum((x - t)^2) / N, N the batch size; the gradient is 2 (x - t) / N.

    Shape:
        (N, *), (N, *) -> float

    Example:
        >>> import numpy as np
        >>> criterion, x, t = MSECriterion(), np.array([[1.0, 2.0]]), np.array([[0.0, 4.0]])
        >>> criterion.forward(x, t)
        5.0
        >>> criterion.backward(x, t)
        array([[ 2., -4.]])
    """

    def __init__(self) -> None:
        super().__init__(modules.SquaredError())


class ClassNLLCriterion(FloatLoss):
    """-sum(t * x) / N of log probabilities x and one-hot targets t; the gradient is -t / N.

    Shape:
        (N, C), (N, C) -> float

    Example:
        >>> import numpy as np
        >>> criterion, x, t = ClassNLLCriterion(), np.log([[0.25, 0.75]]), np.array([[0, 1]])
        >>> round(criterion.forward(x, t), 4)
        0.2877
        >>> criterion.backward(x, t)
        array([[-0., -1.]])
    """

    def __init__(self) -> None:
        super().__init__(modules.NLL())


class ClassNLLCriterionUnstable(FloatLoss):
    """-sum(t * ln(c)) / N of probabilities x and one-hot targets t, c = x clipped to
    [EPS, 1 - EPS]; the gradient is -t / c / N.

    Shape:
        (N, C), (N, C) -> float

    Attributes:
        EPS: 1e-15.

    Example:
        >>> import numpy as np
        >>> criterion = ClassNLLCriterionUnstable()
        >>> x, t = np.array([[0.25, 0.75]]), np.array([[0, 1]])
        >>> round(criterion.forward(x, t), 4)
        0.2877
        >>> criterion.backward(x, t).round(4)
        array([[-0.    , -1.3333]])
    """

    EPS = Option("eps", 1e-15)

    def __init__(self) -> None:
        super().__init__(modules.ClippedNLL(type(self).EPS))
