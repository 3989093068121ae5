"""Datasets, batches and encodings, from pureml-data; `pureml.data` has all of it."""

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
    multi_hot,
    one_hot,
    random_split,
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
    "multi_hot",
    "one_hot",
    "random_split",
]
