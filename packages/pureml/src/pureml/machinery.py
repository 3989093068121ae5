"""The autograd core: Tensor, the recording switch and the functions that the paper keeps beside them."""

from typing import Any

import pureml_core
from pureml_core import Tensor, enable_grad, flatten, is_grad_enabled, no_grad, sqrt
from pureml_core import log as ln

__all__ = ["Tensor", "enable_grad", "flatten", "is_grad_enabled", "ln", "log2", "no_grad", "reshape", "sqrt"]

core: Any = pureml_core  # the types of operations are not written down


def log2(x: Any, context: Any = None) -> Tensor:
    """Binary logarithm, elementwise. `context` is there for programs that pass one; it does nothing."""
    return core.log2(x)  # type: ignore[no-any-return]


def reshape(x: Any, *shape: Any) -> Tensor:
    """The same values in another shape, given as integers or one sequence; -1 stands for what is left."""
    return core.reshape(x, shape[0] if len(shape) == 1 else shape)  # type: ignore[no-any-return]
