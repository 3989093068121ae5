"""The autograd core: Tensor, the recording switch and the functions that the paper keeps beside them."""

from pureml_core import Tensor, enable_grad, flatten, is_grad_enabled, log2, no_grad, reshape, sqrt
from pureml_core import log as ln

__all__ = ["Tensor", "enable_grad", "flatten", "is_grad_enabled", "ln", "log2", "no_grad", "reshape", "sqrt"]
