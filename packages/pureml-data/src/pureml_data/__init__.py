"""Datasets, batches and encodings on pureml-core, with MNIST inside."""

from importlib.metadata import version

from .chunks import ChunkSampler
from .dataset import BatchDataset, Dataset, TensorDataset
from .datasets import MnistDataset, SmallDataset, read_idx
from .derived import ConcatDataset, LazyDataset, MappedDataset, Subset
from .encoding import LabelEncoder, multi_hot, one_hot
from .loader import DataLoader, combine_samples
from .readers import from_arrays, from_pandas, read_csv, read_parquet
from .sampler import DistributedSampler, RandomSampler, Sampler, SequentialSampler, StratifiedSampler, WeightedSampler
from .series import Windows
from .splitting import k_folds, random_split, stratified_k_folds, stratified_split
from .streaming import ZarrDataset
from .text import BytePairTokenizer, CharTokenizer, pad_sequences
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
from .zarr_writing import write_zarr

__version__ = version("pureml-data")

__all__ = [
    "BatchDataset",
    "BytePairTokenizer",
    "CharTokenizer",
    "ChunkSampler",
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
    "SmallDataset",
    "Standardize",
    "StratifiedSampler",
    "Subset",
    "TensorDataset",
    "Transform",
    "WeightedSampler",
    "Windows",
    "ZarrDataset",
    "combine_samples",
    "from_arrays",
    "from_pandas",
    "k_folds",
    "multi_hot",
    "one_hot",
    "pad_sequences",
    "random_split",
    "read_csv",
    "read_idx",
    "read_parquet",
    "stratified_k_folds",
    "stratified_split",
    "write_zarr",
]
