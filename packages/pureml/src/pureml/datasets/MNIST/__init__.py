"""The MNIST digits."""

from .dataset import MnistDataset

__all__ = ["MnistDataset"]
