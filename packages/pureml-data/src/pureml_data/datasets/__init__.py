"""Datasets that come with the package, and readers of their formats."""

from .idx import read_idx
from .mnist import MnistDataset
from .small import SmallDataset

__all__ = ["MnistDataset", "SmallDataset", "read_idx"]
