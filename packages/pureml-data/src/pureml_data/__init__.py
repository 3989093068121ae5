"""Datasets, batches and encodings on pureml-core, with MNIST inside."""

from importlib.metadata import version

from .dataset import BatchDataset, Dataset, TensorDataset
from .datasets import MnistDataset
from .derived import ConcatDataset, LazyDataset, MappedDataset, Subset
from .encoding import LabelEncoder, multi_hot, one_hot
from .loader import DataLoader, combine_samples
from .sampler import DistributedSampler, RandomSampler, Sampler, SequentialSampler, StratifiedSampler, WeightedSampler
from .splitting import k_folds, random_split, stratified_k_folds, stratified_split
from .transforms import (
    Compose,
    Cutout,
    GaussianNoise,
    ImageTransform,
    MinMax,
    Mixup,
    Normalize,
    RandomCrop,
    RandomHorizontalFlip,
    RandomRotation,
    RandomShift,
    RandomVerticalFlip,
    Scaler,
    Standardize,
    Transform,
)

__version__ = version("pureml-data")

__all__ = [
    "BatchDataset",
    "Compose",
    "ConcatDataset",
    "Cutout",
    "DataLoader",
    "Dataset",
    "DistributedSampler",
    "GaussianNoise",
    "ImageTransform",
    "LabelEncoder",
    "LazyDataset",
    "MappedDataset",
    "MinMax",
    "Mixup",
    "MnistDataset",
    "Normalize",
    "RandomCrop",
    "RandomHorizontalFlip",
    "RandomRotation",
    "RandomSampler",
    "RandomShift",
    "RandomVerticalFlip",
    "Sampler",
    "Scaler",
    "SequentialSampler",
    "Standardize",
    "StratifiedSampler",
    "Subset",
    "TensorDataset",
    "Transform",
    "WeightedSampler",
    "combine_samples",
    "k_folds",
    "multi_hot",
    "one_hot",
    "random_split",
    "stratified_k_folds",
    "stratified_split",
]
