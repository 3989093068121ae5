"""Datasets, batches and encodings on pureml-core, with MNIST inside."""

from importlib.metadata import version

from .dataset import BatchDataset, Dataset, TensorDataset
from .datasets import MnistDataset
from .encoding import one_hot
from .loader import DataLoader, combine_samples
from .sampler import DistributedSampler, RandomSampler, Sampler, SequentialSampler, StratifiedSampler, WeightedSampler

__version__ = version("pureml-data")

__all__ = [
    "BatchDataset",
    "DataLoader",
    "Dataset",
    "DistributedSampler",
    "MnistDataset",
    "RandomSampler",
    "Sampler",
    "SequentialSampler",
    "StratifiedSampler",
    "TensorDataset",
    "WeightedSampler",
    "combine_samples",
    "one_hot",
]
