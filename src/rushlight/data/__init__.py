"""Data: data sets, samplers, the DataLoader, MNIST, Tecator and transforms."""

from rushlight.data import augment, spectra, transforms
from rushlight.data.collate import default_collate, default_convert
from rushlight.data.dataset import (
    ChainDataset,
    ConcatDataset,
    Dataset,
    IterableDataset,
    Subset,
    TensorDataset,
    random_split,
)
from rushlight.data.loader import DataLoader
from rushlight.data.mnist import MNIST, SampleDataWarning
from rushlight.data.sampler import (
    BatchSampler,
    RandomSampler,
    Sampler,
    SequentialSampler,
    SubsetRandomSampler,
    WeightedRandomSampler,
)
from rushlight.data.tecator import Tecator

__all__ = [
    "MNIST",
    "BatchSampler",
    "ChainDataset",
    "ConcatDataset",
    "DataLoader",
    "Dataset",
    "IterableDataset",
    "RandomSampler",
    "SampleDataWarning",
    "Sampler",
    "SequentialSampler",
    "Subset",
    "SubsetRandomSampler",
    "Tecator",
    "TensorDataset",
    "WeightedRandomSampler",
    "augment",
    "default_collate",
    "default_convert",
    "random_split",
    "spectra",
    "transforms",
]
