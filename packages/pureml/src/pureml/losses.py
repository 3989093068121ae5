"""Losses, the target first, from pureml-nn."""

from pureml_nn import BCE, CCE, MSE

__all__ = ["BCE", "CCE", "MSE"]
