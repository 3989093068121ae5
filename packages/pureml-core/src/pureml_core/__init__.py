"""Automatic differentiation over NumPy, with every vector-Jacobian product in plain sight."""

from typing import TYPE_CHECKING

from .anomaly import AnomalyError, detect_anomaly
from .check import check_grad, check_vjp
from .checkpoint import checkpoint
from .derivatives import grad, gradients, hessian, hvp, jacobian, jvp, value_and_grad, vjp
from .dtype import default_dtype, set_default_dtype
from .global_randomness import GlobalRandomness
from .mode import Observer, enable_grad, is_grad_enabled, no_grad
from .op import kernel, op
from .ops import *  # noqa: F403
from .parallel import parallel, split_backward
from .parameter import Buffer, Parameter
from .random import draw_seed, generator, seed_everything, set_seed
from .registry import COMPOSED, NUMPY, OPS, composed
from .sparse import RowSparse
from .state import Composite, Saved, State, Stateful, named_tensors, parameters
from .tensor import Tensor


def __getattr__(name: str) -> str:
    """`__version__`, looked up when it is asked for: it takes a third of what importing this package takes."""
    if name == "__version__":
        from importlib.metadata import version

        return version("pureml-core")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


if not TYPE_CHECKING:  # type checkers cannot follow the sum of lists; without __all__ they see every name
    from .ops import __all__ as _operations

    __all__ = [
        "COMPOSED",
        "NUMPY",
        "OPS",
        "AnomalyError",
        "Buffer",
        "Composite",
        "GlobalRandomness",
        "Observer",
        "Parameter",
        "RowSparse",
        "Saved",
        "State",
        "Stateful",
        "Tensor",
        "check_grad",
        "check_vjp",
        "checkpoint",
        "composed",
        "default_dtype",
        "detect_anomaly",
        "draw_seed",
        "enable_grad",
        "generator",
        "grad",
        "gradients",
        "hessian",
        "hvp",
        "is_grad_enabled",
        "jacobian",
        "jvp",
        "kernel",
        "named_tensors",
        "no_grad",
        "op",
        "parallel",
        "parameters",
        "seed_everything",
        "set_default_dtype",
        "set_seed",
        "split_backward",
        "value_and_grad",
        "vjp",
        *_operations,
    ]
