"""Encodings of class labels."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
from pureml_core import Tensor


def one_hot(dims: int, label: Any, *, dtype: Any = np.float64) -> Any:
    """Labels as unit vectors: 1 at the label's place on a new last axis, 0 elsewhere.

    Args:
        dims: the number of classes, at least 1.
        label: class indices 0 ... dims - 1 of any shape S; whole floating-point numbers will do.
        dtype: of the result.

    Returns:
        Shape S + (dims,): an untracked Tensor for a Tensor, an array for anything else.

    Raises:
        ValueError: a label lies outside 0 ... dims - 1 or is not a whole number, or `dims` is below 1.
        TypeError: labels that are not numbers, or `dims` is not an integer.

    >>> one_hot(3, [2, 0])
    array([[0., 0., 1.],
           [1., 0., 0.]])
    """
    try:
        dims = operator.index(dims)
    except TypeError:
        raise TypeError(f"one_hot: dims must be an integer, given {dims!r}") from None
    if dims < 1:
        raise ValueError(f"one_hot: dims must be at least 1, given {dims}")
    labels = label.data if isinstance(label, Tensor) else np.asarray(label)
    if labels.dtype.kind not in "biuf":
        raise TypeError(f"one_hot: labels must be numbers, given dtype {labels.dtype}")
    wrong = ~((labels >= 0) & (labels < dims))  # so written, NaN is wrong too
    if labels.dtype.kind == "f":
        wrong |= labels != np.floor(labels)
    if wrong.any():
        raise ValueError(f"one_hot: labels must be integers from 0 to {dims - 1}, given {labels[wrong].flat[0]}")
    encoded = np.zeros((*labels.shape, dims), dtype)
    np.put_along_axis(encoded, labels.astype(np.intp)[..., None], 1, axis=-1)
    return Tensor(encoded) if isinstance(label, Tensor) else encoded
