"""The base of models, and functions that save and load them, from pureml-nn and pureml-io."""

from __future__ import annotations

from abc import ABC
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import pureml_io
from pureml_core import Buffer, Composite, Saved, State, Tensor, named_tensors, parameters
from pureml_nn import NN, Layer
from pureml_nn.layer_state import PARAMETERS, restore_parameters

__all__ = [
    "NN",
    "BaseModel",
    "get_mdl_named_buffers",
    "get_mdl_params",
    "load_params",
    "load_state",
    "save_full_state",
    "save_mdl_params",
]


class BaseModel(Composite, Saved, ABC):
    """A model of any kind: a subclass defines `fit` and `predict`, and `state` and `restore` if it is to be saved.

    `NN`, whose layers make up its state, counts as one: `isinstance(NN(), BaseModel)`.

    Raises:
        NotImplementedError: in a method that the subclass does not define, and in `save_state` and `load_state`
            without `state` and `restore`.
    """

    def fit(self, *data: Any, **settings: Any) -> Any:
        """Learn from data; the subclass says."""
        raise NotImplementedError(f"{type(self).__name__} has no fit()")

    def predict(self, *inputs: Any, **settings: Any) -> Any:
        """What the model says of inputs; the subclass says."""
        raise NotImplementedError(f"{type(self).__name__} has no predict()")

    def state(self) -> State:
        """A copy of all that was learned; the subclass says."""
        raise NotImplementedError(f"{type(self).__name__} has no state(), which save_state() writes")

    def restore(self, state: State, *, strict: bool = True) -> Any:
        """Take a state, all or nothing; the subclass says."""
        raise NotImplementedError(f"{type(self).__name__} has no restore(), which load_state() calls")


BaseModel.register(NN)


def get_mdl_params(mdl: Any) -> dict[str, Tensor]:
    """The trainable tensors of a model by dotted name, frozen ones included, each once."""
    return parameters(mdl)


def get_mdl_named_buffers(mdl: Any) -> dict[str, Buffer]:
    """What a model remembers without training it, such as running means, by dotted name."""
    return {name: item for name, item in named_tensors(mdl) if isinstance(item, Buffer)}


def save_mdl_params(params_or_mdl: Any, pth: str | PathLike[str], *, compression_level: int = 3) -> Path:
    """Write the parameters of a model, or a mapping of names to Tensors or arrays; returns the path.

    Raises:
        TypeError: an array that cannot be stored, such as one of objects.
    """
    given = params_or_mdl if isinstance(params_or_mdl, Mapping) else parameters(params_or_mdl)
    arrays = {name: np.array(p.data if isinstance(p, Tensor) else p) for name, p in given.items()}
    return pureml_io.save(State(PARAMETERS, arrays), pth, compression_level=compression_level)


def save_full_state(mdl: Layer, pth: str | PathLike[str], *, compression_level: int = 3) -> Path:
    """Write parameters, buffers, generators and literals of a model; returns the path."""
    return pureml_io.save(mdl.state(), pth, compression_level=compression_level)


def load_params(mdl: Any, pth: str | PathLike[str], *, strict: bool = True) -> list[str]:
    """Take the parameters in a file, all or nothing, and nothing else that it holds.

    Returns:
        What was skipped, one line each; empty under `strict`.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is damaged or, under `strict`, names or shapes differ.
    """
    return restore_parameters(mdl, pureml_io.load(pth), strict=strict)


def load_state(mdl: Layer, pth: str | PathLike[str], *, strict: bool = True, load_literals: bool = True) -> list[str]:
    """Take all that a file holds of a model, or its parameters if it holds no more; all or nothing.

    Returns:
        What was skipped, one line each; empty under `strict`.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is damaged, or of another model.
    """
    state = pureml_io.load(pth)
    if isinstance(mdl, NN):
        return mdl.restore(state, strict=strict, load_literals=load_literals)
    return mdl.restore(state, strict=strict)
