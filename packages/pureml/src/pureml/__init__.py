"""PureML: a transparent deep-learning framework in NumPy. All packages together, under the paper's module paths."""

from importlib import import_module as _import_module
from importlib.metadata import version as _version
from types import ModuleType as _ModuleType
from typing import TYPE_CHECKING as _TYPE_CHECKING

from .machinery import Tensor, is_grad_enabled, no_grad

if _TYPE_CHECKING:
    from . import (
        activations,
        base,
        datasets,
        evaluation,
        general_math,
        layers,
        losses,
        metrics,
        models,
        optimizers,
        training_utils,
    )

__version__ = _version("pureml")

__all__ = [
    "Tensor",
    "activations",
    "base",
    "datasets",
    "evaluation",
    "general_math",
    "is_grad_enabled",
    "layers",
    "losses",
    "metrics",
    "models",
    "no_grad",
    "optimizers",
    "training_utils",
]


def __getattr__(name: str) -> _ModuleType:
    """Import a submodule when it is first asked for, so that `import pureml` loads the autograd core and no more."""
    if name in __all__:
        return _import_module(f".{name}", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
