"""Datasets, batches and encodings on pureml-core, with MNIST inside."""

from importlib.metadata import version

from .dataset import BatchDataset, Dataset, TensorDataset
from .datasets import MnistDataset
from .derived import ConcatDataset, LazyDataset, MappedDataset, Subset
from .encoding import one_hot
from .loader import DataLoader, combine_samples
from .sampler import DistributedSampler, RandomSampler, Sampler, SequentialSampler, StratifiedSampler, WeightedSampler
from .splitting import k_folds, random_split, stratified_k_folds, stratified_split

__version__ = version("pureml-data")

__all__ = [
    "BatchDataset",
    "ConcatDataset",
    "DataLoader",
    "Dataset",
    "DistributedSampler",
    "LazyDataset",
    "MappedDataset",
    "MnistDataset",
    "RandomSampler",
    "Sampler",
    "SequentialSampler",
    "StratifiedSampler",
    "Subset",
    "TensorDataset",
    "WeightedSampler",
    "combine_samples",
    "k_folds",
    "one_hot",
    "random_split",
    "stratified_k_folds",
    "stratified_split",
]
