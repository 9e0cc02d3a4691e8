"""Which layer a name means: its own, torch's, in any spelling."""

from __future__ import annotations

from difflib import get_close_matches

from rushlight.errors import explain

__all__ = ["ALIASES", "DIALECTS", "NAMES", "canonical", "find"]

DIALECTS = ("practical_dl", "torch_like")

NAMES = (
    *("Linear", "Conv2d", "MaxPool2d", "AvgPool2d", "GlobalMaxPool2d", "GlobalAvgPool2d"),
    *("Flatten", "BatchNormalization", "ChannelwiseScaling", "Dropout", "SoftMax", "LogSoftMax"),
    *("ReLU", "LeakyReLU", "ELU", "SoftPlus", "Gelu", "Sigmoid", "Tanh", "Sequential"),
    *("MSECriterion", "ClassNLLCriterion", "ClassNLLCriterionUnstable"),
    *("sgd_momentum", "adam_optimizer"),
)

ALIASES = {
    "dense": "Linear",
    "conv": "Conv2d",
    "convolution": "Conv2d",
    "maxpool": "MaxPool2d",
    "maxpooling2d": "MaxPool2d",
    "avgpool": "AvgPool2d",
    "avgpooling2d": "AvgPool2d",
    "globalmaxpool": "GlobalMaxPool2d",
    "globalmaxpooling2d": "GlobalMaxPool2d",
    "adaptivemaxpool2d": "GlobalMaxPool2d",
    "globalavgpool": "GlobalAvgPool2d",
    "globalavgpooling2d": "GlobalAvgPool2d",
    "adaptiveavgpool2d": "GlobalAvgPool2d",
    "batchnorm": "BatchNormalization",
    "batchnorm1d": "BatchNormalization",
    "batchnorm2d": "BatchNormalization",
    "scaling": "ChannelwiseScaling",
    "container": "Sequential",
    "mse": "MSECriterion",
    "mseloss": "MSECriterion",
    "nll": "ClassNLLCriterion",
    "nllloss": "ClassNLLCriterion",
    "classnll": "ClassNLLCriterion",
    "sgd": "sgd_momentum",
    "momentum": "sgd_momentum",
    "adam": "adam_optimizer",
}


def _plain(name: str) -> str:
    """Return the last part of a dotted name, in lower case and without underscores."""
    return name.strip().rpartition(".")[2].replace("_", "").lower()


_BY_SPELLING = {_plain(name): name for name in NAMES} | ALIASES


def canonical(name: str) -> str | None:
    """Return the name of the layer that `name` means, or None.

    Args:
        name: such as "Conv2d", "LogSoftmax", "torch.nn.BatchNorm2d", "adam"; case does not matter.

    Example:
        >>> canonical("LogSoftmax"), canonical("torch.nn.MSELoss"), canonical("Attention")
        ('LogSoftMax', 'MSECriterion', None)
    """
    return _BY_SPELLING.get(_plain(name))


def find(name: str) -> str:
    """Return the name of the layer that `name` means.

    Raises:
        ValueError: there is none; names that look alike are offered, and the whole list.
    """
    found = canonical(name)
    if found is None:
        close = get_close_matches(_plain(name), _BY_SPELLING, n=5, cutoff=0.55)
        meant = ", ".join(dict.fromkeys(_BY_SPELLING[c] for c in close))
        known = f"one of {', '.join(NAMES)}"
        fix = f"did you mean {meant}?" if meant else "torch's names are understood, too"
        raise ValueError(explain("explain", got=f"the name {name!r}", expected=known, fix=fix))
    return found
