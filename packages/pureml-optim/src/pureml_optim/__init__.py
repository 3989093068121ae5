"""Optimizers and learning-rate schedules that read like their papers."""

from importlib.metadata import version as _version

from .optimizer import Optimizer
from .rules.adam import Adam, AdamW
from .rules.sgd import SGD
from .schedulers import LRScheduler, StepLR
from .settings import between, flag, one_of, whole

__version__ = _version("pureml-optim")

__all__ = [
    "SGD",
    "Adam",
    "AdamW",
    "LRScheduler",
    "Optimizer",
    "StepLR",
    "between",
    "flag",
    "one_of",
    "whole",
]
