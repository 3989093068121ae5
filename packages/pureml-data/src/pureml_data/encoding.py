"""Encodings of class labels: as unit vectors, as sets, and of any labels as numbers."""

from __future__ import annotations

import operator
from collections.abc import Iterable
from typing import Any, Self

import numpy as np
from pureml_core import State, Tensor
from pureml_core.state import StateMismatch, check_kind, kind_of

from .checks import as_array
from .transforms.base import Transform, like


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
    classes = _classes("one_hot", dims, as_array("one_hot", label))
    encoded = np.zeros((*classes.shape, dims), dtype)
    np.put_along_axis(encoded, classes[..., None], 1, axis=-1)
    return like(label, encoded)


def multi_hot(dims: int, labels: Any, *, dtype: Any = np.float64) -> Any:
    """Sets of labels as vectors: 1 at the place of every label in the set, 0 elsewhere.

    Args:
        dims: the number of classes, at least 1.
        labels: class indices 0 ... dims - 1: one set (K,), sets of one size (B, K), or a sequence of B sets, lists or
            arrays of any lengths. A label that comes twice counts once.
        dtype: of the result.

    Returns:
        Shape (dims,) for one set, (B, dims) for several: an untracked Tensor for a Tensor, an array for anything else.

    Raises:
        ValueError: labels of other shapes, or as in `one_hot`.
        TypeError: as in `one_hot`.

    >>> multi_hot(4, [[0, 2], [3], []])
    array([[1., 0., 1., 0.],
           [0., 0., 0., 1.],
           [0., 0., 0., 0.]])
    """
    if isinstance(labels, np.ndarray) and labels.dtype == object:  # of sets, such as a column of pandas
        labels = list(labels)
    if isinstance(labels, Tensor | np.ndarray) or not isinstance(labels, Iterable):
        array = as_array("multi_hot", labels)
        if array.ndim not in (1, 2):
            raise ValueError(f"multi_hot: given labels of shape {array.shape}, needed (K,), (B, K), or B sets")
        rows = [array] if array.ndim == 1 else list(array)
        several = array.ndim == 2
    else:
        members = [as_array("multi_hot", list(m) if isinstance(m, set | frozenset) else m) for m in labels]
        several = any(m.ndim for m in members)
        if any(m.ndim != several for m in members):
            raise ValueError(
                f"multi_hot: given labels of {sorted({m.ndim for m in members})} axes side by side; needed numbers "
                "(one set) or one-dimensional sets"
            )
        rows = members if several else [np.array([m.item() for m in members])]
    flat = _classes("multi_hot", dims, np.concatenate(rows) if rows else np.array([]))
    encoded = np.zeros((len(rows), dims), dtype)
    encoded[np.repeat(np.arange(len(rows)), [len(row) for row in rows]), flat] = 1
    return like(labels, encoded if several else encoded[0])


class LabelEncoder(Transform):
    """Class numbers 0, 1, ... for labels of any kind that sorts: text, numbers, booleans.

    Raises, when called: RuntimeError before `fit`; ValueError for a label that `fit` did not see.

    Attributes:
        classes: (K,) the labels in order; `classes[number]` is the label.

    >>> encoder = LabelEncoder().fit(["dog", "cat", "dog"])
    >>> encoder(["cat", "dog"]), encoder.inverse([1, 0]).tolist()
    (array([0, 1]), ['dog', 'cat'])
    """

    def __init__(self) -> None:
        self.classes: np.ndarray | None = None

    def fit(self, labels: Any) -> Self:
        """Number the different labels (any shape) in their order, and return itself.

        Raises:
            TypeError: labels that are neither text nor real numbers, or of several kinds.
            ValueError: there are none, or one is nan.
        """
        array = _labels(labels)
        if array.size == 0:
            raise ValueError("LabelEncoder: given no labels to fit on")
        if array.dtype.kind == "f" and np.isnan(array).any():
            raise ValueError("LabelEncoder: given labels that are nan")
        self.classes = np.unique(array)
        return self

    def __len__(self) -> int:
        """The number of classes."""
        return len(self._fitted())

    def __call__(self, labels: Any, /) -> Any:
        """The numbers of labels, int64, of the same shape."""
        classes, array = self._fitted(), _labels(labels)
        if array.size and (array.dtype.kind == "U") != (classes.dtype.kind == "U"):
            raise ValueError(f"LabelEncoder: given labels of {array.dtype}, fitted on {classes.dtype}")
        if not array.size:
            return like(labels, np.zeros(array.shape, np.int64))
        numbers = np.searchsorted(classes, array).clip(max=len(classes) - 1)
        if (unknown := classes[numbers] != array).any():
            raise ValueError(f"LabelEncoder: unknown labels {np.unique(array[unknown]).tolist()[:10]}; fit() saw "
                             f"{classes.tolist()[:10]}{' ...' if len(classes) > 10 else ''}")  # fmt: skip
        return like(labels, numbers.astype(np.int64))

    def inverse(self, numbers: Any) -> np.ndarray:
        """The labels of numbers of any shape, as an array."""
        classes = self._fitted()
        labels: np.ndarray = classes[_classes("LabelEncoder", len(classes), as_array("LabelEncoder", numbers))]
        return labels

    def _fitted(self) -> np.ndarray:
        if self.classes is None:
            raise RuntimeError("LabelEncoder: not fitted; call fit(labels)")
        return self.classes

    # ---- state

    def state(self) -> State:
        """The classes: text among the literals, numbers among the arrays."""
        if self.classes is None:
            return State(kind_of(self))
        if self.classes.dtype.kind == "U":
            return State(kind_of(self), {}, {"classes": self.classes.tolist()})
        return State(kind_of(self), {"classes": self.classes.copy()})

    def restore(self, state: State, *, strict: bool = True) -> list[str]:
        """Take the classes of another encoder, all or nothing.

        Raises:
            ValueError: the state is another class's, or its classes are not different labels in order.
        """
        check_kind(self, state)
        given = {**state.arrays, **state.literals}
        classes = None
        if given:
            try:
                classes = _labels(given["classes"])
                fits = given.keys() == {"classes"} and classes.ndim == 1 and np.array_equal(np.unique(classes), classes)
            except (KeyError, TypeError):
                fits = False
            if not fits or classes is None or not len(classes):
                raise StateMismatch("LabelEncoder", ["needed one list of different classes in order"])
        self.classes = None if classes is None else classes.copy()
        return []

    def __repr__(self) -> str:
        return f"LabelEncoder({'not fitted' if self.classes is None else f'{len(self)} classes'})"


def _classes(where: str, dims: int, labels: np.ndarray) -> np.ndarray:
    """Labels as integers of the width that indexes, all in 0 ... dims - 1."""
    try:
        dims = operator.index(dims)
    except TypeError:
        raise TypeError(f"{where}: dims must be an integer, given {dims!r}") from None
    if dims < 1:
        raise ValueError(f"{where}: dims must be at least 1, given {dims}")
    if labels.dtype.kind not in "biuf":
        raise TypeError(f"{where}: labels must be numbers, given dtype {labels.dtype}")
    wrong = ~((labels >= 0) & (labels < dims))  # so written, NaN is wrong too
    if labels.dtype.kind == "f":
        wrong |= labels != np.floor(labels)
    if wrong.any():
        raise ValueError(f"{where}: labels must be integers from 0 to {dims - 1}, given {labels[wrong].flat[0]}")
    return labels.astype(np.intp)


def _labels(labels: Any) -> np.ndarray:
    """Labels as an array of text or of real numbers."""
    array = as_array("LabelEncoder", labels)
    if array.dtype.kind == "U" and isinstance(labels, list | tuple):  # of text and numbers NumPy makes text
        array = np.array(labels, dtype=object)
    if array.dtype.kind in "OT" and all(isinstance(label, str) for label in array.flat):
        array = array.astype(object).astype(str)  # which finds the length that they need
    if array.dtype.kind not in "biufU":
        raise TypeError(f"LabelEncoder: labels must be all text or all numbers, given {labels!r:.100}")
    return array
