"""Optimizers and learning-rate schedules, from pureml-optim."""

from pureml_optim import SGD, Adam, AdamW, LRScheduler, Optimizer, StepLR

Optim = Optimizer  # the name in the paper's library

__all__ = ["SGD", "Adam", "AdamW", "LRScheduler", "Optim", "Optimizer", "StepLR"]
