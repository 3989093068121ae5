"""Transforms: functions of arrays, one sample or a whole batch, that know their random stream or what they learned."""

from .base import Transform
from .compose import Compose
from .images import (
    Cutout,
    GaussianNoise,
    ImageTransform,
    Normalize,
    RandomCrop,
    RandomHorizontalFlip,
    RandomRotation,
    RandomShift,
    RandomVerticalFlip,
)
from .mixup import Mixup
from .scaling import MinMax, Scaler, Standardize

__all__ = [
    "Compose",
    "Cutout",
    "GaussianNoise",
    "ImageTransform",
    "MinMax",
    "Mixup",
    "Normalize",
    "RandomCrop",
    "RandomHorizontalFlip",
    "RandomRotation",
    "RandomShift",
    "RandomVerticalFlip",
    "Scaler",
    "Standardize",
    "Transform",
]
