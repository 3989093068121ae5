"""Schedulers: the learning rate as a function of the step."""

from .annealing import CosineAnnealingLR, CosineAnnealingWarmRestarts, LinearLR, PolynomialLR
from .base import LRScheduler
from .composed import SequentialLR, WarmupLR
from .formulas import LambdaLR, NoamLR
from .one_cycle import OneCycleLR
from .plateau import ReduceLROnPlateau
from .steps import ConstantLR, ExponentialLR, MultiStepLR, StepLR

__all__ = [
    "ConstantLR",
    "CosineAnnealingLR",
    "CosineAnnealingWarmRestarts",
    "ExponentialLR",
    "LRScheduler",
    "LambdaLR",
    "LinearLR",
    "MultiStepLR",
    "NoamLR",
    "OneCycleLR",
    "PolynomialLR",
    "ReduceLROnPlateau",
    "SequentialLR",
    "StepLR",
    "WarmupLR",
]
