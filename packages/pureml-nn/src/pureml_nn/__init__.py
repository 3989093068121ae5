"""Neural-network layers, activations and losses, each readable next to its formula."""

from importlib.metadata import version as _version

from .activations import log_softmax, relu, sigmoid, softmax, tanh
from .layer import NN, Layer, Sequential
from .layers import Affine, Dropout, Linear
from .losses import BCE, CCE, MSE

__version__ = _version("pureml-nn")

__all__ = [
    "BCE",
    "CCE",
    "MSE",
    "NN",
    "Affine",
    "Dropout",
    "Layer",
    "Linear",
    "Sequential",
    "log_softmax",
    "relu",
    "sigmoid",
    "softmax",
    "tanh",
]
