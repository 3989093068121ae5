"""Activations: the functions between layers. They take Tensors or arrays of any shape and keep their dtype.

Those of `piecewise_linear` and `smooth` work elementwise, as sigmoid and tanh do; those of `along_axis` take the
entries along an axis together, as softmax and log_softmax do. These four are pureml_core's.
"""

from pureml_core import log_softmax, sigmoid, softmax, tanh

from .along_axis import glu, gumbel_softmax, softmin, swiglu
from .piecewise_linear import hardsigmoid, hardtanh, leaky_relu, prelu, relu, relu6
from .smooth import celu, elu, gelu, hardswish, mish, selu, silu, softplus, softsign

__all__ = [
    "celu",
    "elu",
    "gelu",
    "glu",
    "gumbel_softmax",
    "hardsigmoid",
    "hardswish",
    "hardtanh",
    "leaky_relu",
    "log_softmax",
    "mish",
    "prelu",
    "relu",
    "relu6",
    "selu",
    "sigmoid",
    "silu",
    "softmax",
    "softmin",
    "softplus",
    "softsign",
    "swiglu",
    "tanh",
]
