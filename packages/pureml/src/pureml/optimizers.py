"""Optimizers and learning-rate schedules, from pureml-optim."""

from pureml_optim import (
    EMA,
    SGD,
    SWA,
    Accumulation,
    Adam,
    AdamW,
    GradientNoise,
    LRScheduler,
    Optimizer,
    Statistics,
    StepLR,
    WeightAverage,
    clip_by_global_norm,
    clip_by_norm,
    clip_by_value,
    global_norm,
    watch,
)

Optim = Optimizer  # the name in the paper's library

__all__ = [
    "EMA",
    "SGD",
    "SWA",
    "Accumulation",
    "Adam",
    "AdamW",
    "GradientNoise",
    "LRScheduler",
    "Optim",
    "Optimizer",
    "Statistics",
    "StepLR",
    "WeightAverage",
    "clip_by_global_norm",
    "clip_by_norm",
    "clip_by_value",
    "global_norm",
    "watch",
]
