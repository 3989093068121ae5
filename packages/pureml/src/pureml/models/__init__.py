"""Example models."""

from . import neural_networks

__all__ = ["neural_networks"]
