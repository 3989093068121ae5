"""The MNIST digits as a dataset, from pureml-data."""

from pureml_data import MnistDataset

__all__ = ["MnistDataset"]
