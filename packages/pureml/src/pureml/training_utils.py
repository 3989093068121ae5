"""Datasets, batches and encodings, from pureml-data."""

from pureml_data import DataLoader, Dataset, TensorDataset, combine_samples, one_hot

__all__ = ["DataLoader", "Dataset", "TensorDataset", "combine_samples", "one_hot"]
