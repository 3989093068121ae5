"""Activations: the functions between layers. They take Tensors or arrays of any shape and keep shape and dtype."""

from typing import Any

import numpy as np
from pureml_core import log_softmax, op, sigmoid, softmax, tanh

__all__ = ["log_softmax", "relu", "sigmoid", "softmax", "tanh"]


@op
def relu(x: Any, /) -> Any:
    """Rectifier, elementwise: y = max(x, 0). The gradient at 0 is 0."""
    y = np.maximum(x, 0)
    return y, lambda g: g * (y > 0)  # dL/dx = g where x > 0
