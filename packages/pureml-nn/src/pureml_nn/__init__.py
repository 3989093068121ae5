"""Neural-network layers, activations and losses, each readable next to its formula."""

from importlib.metadata import version as _version

from .activations import gelu, log_softmax, relu, sigmoid, softmax, tanh
from .layer import NN, Layer, Sequential
from .layers import (
    Affine,
    BatchNorm1d,
    BatchNorm2d,
    Dropout,
    Embedding,
    GroupNorm,
    InstanceNorm,
    LayerNorm,
    LayerNorm1d,
    LearnedPositions,
    Linear,
    MultiHeadAttention,
    RMSNorm,
    RotaryPositions,
    SinusoidalPositions,
    TransformerDecoderLayer,
    TransformerEncoderLayer,
    scaled_dot_product_attention,
)
from .losses import BCE, CCE, MSE

__version__ = _version("pureml-nn")

__all__ = [
    "BCE",
    "CCE",
    "MSE",
    "NN",
    "Affine",
    "BatchNorm1d",
    "BatchNorm2d",
    "Dropout",
    "Embedding",
    "GroupNorm",
    "InstanceNorm",
    "Layer",
    "LayerNorm",
    "LayerNorm1d",
    "LearnedPositions",
    "Linear",
    "MultiHeadAttention",
    "RMSNorm",
    "RotaryPositions",
    "Sequential",
    "SinusoidalPositions",
    "TransformerDecoderLayer",
    "TransformerEncoderLayer",
    "gelu",
    "log_softmax",
    "relu",
    "scaled_dot_product_attention",
    "sigmoid",
    "softmax",
    "tanh",
]
