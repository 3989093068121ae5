"""Layers, from pureml-nn."""

from pureml_nn import Affine, Dropout, Layer, Linear, Sequential
from pureml_nn.init import calculate_gain, kaiming_normal, xavier_glorot_normal

__all__ = [
    "Affine",
    "Dropout",
    "Layer",
    "Linear",
    "Sequential",
    "calculate_gain",
    "kaiming_normal",
    "xavier_glorot_normal",
]
