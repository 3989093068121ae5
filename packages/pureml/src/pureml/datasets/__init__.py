"""Packaged datasets, from pureml-data."""

from .MNIST import MnistDataset

__all__ = ["MnistDataset"]
