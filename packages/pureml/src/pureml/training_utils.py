"""Datasets, batches and encodings, from pureml-data."""

from pureml_data import (
    DataLoader,
    Dataset,
    DistributedSampler,
    RandomSampler,
    Sampler,
    SequentialSampler,
    StratifiedSampler,
    TensorDataset,
    WeightedSampler,
    combine_samples,
    one_hot,
)

__all__ = [
    "DataLoader",
    "Dataset",
    "DistributedSampler",
    "RandomSampler",
    "Sampler",
    "SequentialSampler",
    "StratifiedSampler",
    "TensorDataset",
    "WeightedSampler",
    "combine_samples",
    "one_hot",
]
