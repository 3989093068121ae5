"""Optimizers and learning-rate schedules that read like their papers."""

from importlib.metadata import version as _version

from .accumulation import Accumulation
from .averaging import EMA, SWA, WeightAverage
from .clipping import clip_by_global_norm, clip_by_norm, clip_by_value, global_norm
from .noise import GradientNoise
from .optimizer import Optimizer
from .rules.adadelta import AdaDelta
from .rules.adafactor import Adafactor
from .rules.adagrad import AdaGrad
from .rules.adam import Adam, AdamW
from .rules.adamax import Adamax
from .rules.lamb import LAMB
from .rules.lbfgs import LBFGS
from .rules.lion import Lion
from .rules.muon import Muon
from .rules.nadam import NAdam
from .rules.radam import RAdam
from .rules.rmsprop import RMSProp
from .rules.sgd import SGD
from .schedulers import (
    ConstantLR,
    CosineAnnealingLR,
    CosineAnnealingWarmRestarts,
    ExponentialLR,
    LambdaLR,
    LinearLR,
    LRScheduler,
    MultiStepLR,
    NoamLR,
    OneCycleLR,
    PolynomialLR,
    ReduceLROnPlateau,
    SequentialLR,
    StepLR,
    WarmupLR,
)
from .settings import between, flag, one_of, whole
from .statistics import Statistics, watch

__version__ = _version("pureml-optim")

__all__ = [
    "EMA",
    "LAMB",
    "LBFGS",
    "SGD",
    "SWA",
    "Accumulation",
    "AdaDelta",
    "AdaGrad",
    "Adafactor",
    "Adam",
    "AdamW",
    "Adamax",
    "ConstantLR",
    "CosineAnnealingLR",
    "CosineAnnealingWarmRestarts",
    "ExponentialLR",
    "GradientNoise",
    "LRScheduler",
    "LambdaLR",
    "LinearLR",
    "Lion",
    "MultiStepLR",
    "Muon",
    "NAdam",
    "NoamLR",
    "OneCycleLR",
    "Optimizer",
    "PolynomialLR",
    "RAdam",
    "RMSProp",
    "ReduceLROnPlateau",
    "SequentialLR",
    "Statistics",
    "StepLR",
    "WarmupLR",
    "WeightAverage",
    "between",
    "clip_by_global_norm",
    "clip_by_norm",
    "clip_by_value",
    "flag",
    "global_norm",
    "one_of",
    "watch",
    "whole",
]
