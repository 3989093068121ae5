"""Layers: `__init__` and `forward`, no more."""

from .affine import Affine, Linear
from .attention import MultiHeadAttention, scaled_dot_product_attention
from .dropout import Dropout
from .embedding import Embedding
from .normalization import BatchNorm1d, BatchNorm2d, GroupNorm, InstanceNorm, LayerNorm, LayerNorm1d, RMSNorm
from .positions import LearnedPositions, RotaryPositions, SinusoidalPositions
from .transformer import TransformerDecoderLayer, TransformerEncoderLayer

__all__ = [
    "Affine",
    "BatchNorm1d",
    "BatchNorm2d",
    "Dropout",
    "Embedding",
    "GroupNorm",
    "InstanceNorm",
    "LayerNorm",
    "LayerNorm1d",
    "LearnedPositions",
    "Linear",
    "MultiHeadAttention",
    "RMSNorm",
    "RotaryPositions",
    "SinusoidalPositions",
    "TransformerDecoderLayer",
    "TransformerEncoderLayer",
    "scaled_dot_product_attention",
]
