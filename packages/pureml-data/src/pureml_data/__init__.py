"""Datasets, batches and encodings on pureml-core, with MNIST inside."""

from importlib.metadata import version

from .dataset import BatchDataset, Dataset, TensorDataset
from .datasets import MnistDataset
from .encoding import one_hot
from .loader import DataLoader, combine_samples

__version__ = version("pureml-data")

__all__ = ["BatchDataset", "DataLoader", "Dataset", "MnistDataset", "TensorDataset", "combine_samples", "one_hot"]
