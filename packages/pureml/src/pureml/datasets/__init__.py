"""Packaged datasets, from pureml-data."""

from pureml_data import SmallDataset, read_idx

from .MNIST import MnistDataset

__all__ = ["MnistDataset", "SmallDataset", "read_idx"]
