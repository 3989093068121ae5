"""Datasets that come with the package."""

from .mnist import MnistDataset

__all__ = ["MnistDataset"]
