"""PureML: a transparent deep-learning framework in NumPy. All packages together, under the paper's module paths."""

from importlib import import_module as _import_module
from importlib.metadata import version as _version
from typing import TYPE_CHECKING as _TYPE_CHECKING
from typing import Any as _Any

from .machinery import GradientNotDefined, Tensor, TensorValuedFunction, is_grad_enabled, no_grad

if _TYPE_CHECKING:
    from . import (
        activations,
        base,
        data,
        datasets,
        evaluation,
        general_math,
        layers,
        logging_util,
        losses,
        metrics,
        models,
        optimizers,
        training_utils,
        util,
    )
    from .util import ArrayStorage, batches_of, compose_steps

__version__ = _version("pureml")

__all__ = [
    "ArrayStorage",
    "GradientNotDefined",
    "Tensor",
    "TensorValuedFunction",
    "activations",
    "base",
    "batches_of",
    "compose_steps",
    "data",
    "datasets",
    "evaluation",
    "general_math",
    "is_grad_enabled",
    "layers",
    "logging_util",
    "losses",
    "metrics",
    "models",
    "no_grad",
    "optimizers",
    "training_utils",
    "util",
]


def __getattr__(name: str) -> _Any:
    """Import a submodule when it is first asked for, so that `import pureml` loads the autograd core and no more."""
    if name in ("ArrayStorage", "batches_of", "compose_steps"):
        return getattr(_import_module(".util", __name__), name)
    if name in __all__:
        return _import_module(f".{name}", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
