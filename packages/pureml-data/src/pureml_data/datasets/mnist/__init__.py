"""MNIST: 70,000 handwritten digits (LeCun, Cortes & Burges 1998), packaged as one zarr archive."""

from .dataset import MnistDataset

__all__ = ["MnistDataset"]
