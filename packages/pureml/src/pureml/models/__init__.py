"""Example models."""

from . import classical, neural_networks

__all__ = ["classical", "neural_networks"]
