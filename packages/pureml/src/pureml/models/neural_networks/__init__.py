"""Example neural networks."""

from .mnist_beater import MNIST_BEATER

__all__ = ["MNIST_BEATER"]
