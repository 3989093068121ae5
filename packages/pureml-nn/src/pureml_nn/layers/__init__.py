"""Layers: `__init__` and `forward`, no more."""

from .affine import Affine, Linear
from .dropout import Dropout

__all__ = ["Affine", "Dropout", "Linear"]
