"""Automatic differentiation over NumPy, with every vector-Jacobian product in plain sight."""

from typing import TYPE_CHECKING

from .anomaly import AnomalyError as AnomalyError
from .anomaly import detect_anomaly as detect_anomaly
from .check import check_grad as check_grad
from .check import check_vjp as check_vjp
from .checkpoint import checkpoint as checkpoint
from .derivatives import grad as grad
from .derivatives import gradients as gradients
from .derivatives import hessian as hessian
from .derivatives import hvp as hvp
from .derivatives import jacobian as jacobian
from .derivatives import jvp as jvp
from .derivatives import value_and_grad as value_and_grad
from .derivatives import vjp as vjp
from .dtype import default_dtype as default_dtype
from .dtype import set_default_dtype as set_default_dtype
from .global_randomness import GlobalRandomness as GlobalRandomness
from .mode import Observer as Observer
from .mode import enable_grad as enable_grad
from .mode import is_grad_enabled as is_grad_enabled
from .mode import no_grad as no_grad
from .op import kernel as kernel
from .op import op as op
from .ops import *  # noqa: F403
from .parallel import parallel as parallel
from .parallel import split_backward as split_backward
from .parameter import Buffer as Buffer
from .parameter import Parameter as Parameter
from .random import draw_seed as draw_seed
from .random import generator as generator
from .random import seed_everything as seed_everything
from .random import set_seed as set_seed
from .registry import COMPOSED as COMPOSED
from .registry import NUMPY as NUMPY
from .registry import OPS as OPS
from .registry import composed as composed
from .sparse import RowSparse as RowSparse
from .state import Composite as Composite
from .state import Saved as Saved
from .state import State as State
from .state import Stateful as Stateful
from .state import named_tensors as named_tensors
from .state import parameters as parameters
from .tensor import Tensor as Tensor


def __getattr__(name: str) -> str:
    """`__version__`, looked up when it is asked for: it takes a third of what importing this package takes."""
    if name == "__version__":
        from importlib.metadata import version

        return version("pureml-core")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


# Type checkers cannot follow the sum of lists: without __all__, public is what a star brings, and `x as x`.
if not TYPE_CHECKING:
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
