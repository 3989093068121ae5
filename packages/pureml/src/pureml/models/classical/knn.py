"""The k-nearest-neighbours classifier."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any, Self

import numpy as np
from pureml_core import State, Tensor, no_grad
from pureml_core.state import check_kind, decode, encode

from ...base import BaseModel
from ...general_math import euclidean_distance

__all__ = ["KNN"]

KIND = "pureml.KNN/1"
SLAB = 1 << 21  # differences of so many numbers are held at a time


class KNN(BaseModel):
    """The commonest label among the k training samples nearest to a query; of equally common ones the nearest.

    Args:
        k: how many neighbours vote, at least 1.
        d: the distance of two samples (n,), Tensors, as a number or 0-d Tensor. It is code and not saved.
        standardize_features: measure in units of each feature's standard deviation, from its mean; a feature that
            never changes counts for nothing.

    Attributes:
        X: the samples (m, n), standardised if asked for.
        Y: their labels (m,).
        means, stds: of each feature (n,), if standardised.

    Raises:
        ValueError: `k` is below 1.
        TypeError: `k` is not an integer, `d` no function, or `standardize_features` neither True nor False.

    >>> X, Y = np.array([[0.0, 0.0], [0.1, 0.0], [5.0, 5.0]]), ["near", "near", "far"]
    >>> model = KNN(1).fit(X, Y)
    >>> str(model.predict([4.0, 4.0])), model.predict([[0.0, 1.0], [9.0, 9.0]]).tolist()
    ('far', ['near', 'far'])
    """

    def __init__(
        self, k: int, d: Callable[[Any, Any], Any] = euclidean_distance, standardize_features: bool = True
    ) -> None:
        self.k = operator.index(k)
        if self.k < 1:
            raise ValueError(f"KNN: given k={k}, needed at least 1")
        if not callable(d):
            raise TypeError(f"KNN: given the distance {d!r}, needed a function of two samples")
        self.d = d
        if not isinstance(standardize_features, bool | np.bool_):
            raise TypeError(f"KNN: standardize_features must be True or False, given {standardize_features!r}")
        self.standardize_features = bool(standardize_features)
        self.X: np.ndarray | None = None

    def fit(self, X: Any, Y: Any) -> Self:
        """Keep the samples and their labels.

        Args:
            X: (m, n), m at least k.
            Y: (m,) or (m, 1): numbers or text.

        Raises:
            ValueError: other shapes, fewer samples than k, or values that are not finite.
        """
        X, Y = _samples(X), _array(Y)
        if Y.ndim == 2 and Y.shape[1] == 1:
            Y = Y[:, 0]
        if X.ndim != 2 or Y.shape != X.shape[:1]:
            raise ValueError(f"KNN.fit: given samples {X.shape} and labels {Y.shape}, needed (m, n) and (m,)")
        if Y.dtype.kind in "OT" and all(isinstance(label, str) for label in Y):
            Y = Y.astype(object).astype(str)  # which finds the length that they need
        if Y.dtype.kind not in "biufU":
            raise ValueError(f"KNN.fit: given labels of {Y.dtype}, needed numbers or text")
        if len(X) < self.k:
            raise ValueError(f"KNN.fit: given {len(X)} samples, needed at least k={self.k}")
        if self.standardize_features:
            self.means, self.stds = X.mean(0), np.where(np.ptp(X, axis=0) > 0, X.std(0), 0)
        self.X, self.Y = self._standardised(X), Y.copy()
        return self

    def predict(self, x: Any) -> Any:
        """The label of a query (n,), or the labels (m,) of a table of queries (m, n).

        Raises:
            RuntimeError: the model was not fitted.
            ValueError: a query has another number of features, or values that are not finite.
        """
        if self.X is None:
            raise RuntimeError("KNN.predict: the model has no samples; call fit first")
        queries = _samples(x)
        if queries.ndim not in (1, 2) or queries.shape[-1] != self.X.shape[1]:
            n = self.X.shape[1]
            raise ValueError(f"KNN.predict: given a query of shape {queries.shape}, needed ({n},) or (m, {n})")
        table = self._standardised(np.atleast_2d(queries))
        classes, codes = np.unique(self.Y, return_inverse=True)
        rows = max(1, SLAB // max(1, self.X.size))
        ranked = [self._nearest(table[i : i + rows]) for i in range(0, max(1, len(table)), rows)]
        nearest = codes[np.concatenate(ranked)]  # (m, k)
        votes = (nearest[:, :, None] == nearest[:, None, :]).sum(2)  # how many of the k agree with each of them
        winners = np.take_along_axis(nearest, votes.argmax(1)[:, None], 1)[:, 0]  # argmax: the nearest of the commonest
        labels = classes[winners]
        return labels[0] if queries.ndim == 1 else labels

    __call__ = predict

    def _standardised(self, X: np.ndarray) -> np.ndarray:
        if not self.standardize_features:
            return X.copy()
        varying = self.stds > 0
        return np.where(varying, (X - self.means) / np.where(varying, self.stds, 1), 0)

    def _nearest(self, queries: np.ndarray) -> np.ndarray:
        """The numbers of the k nearest samples of each query, (m, k)."""
        assert self.X is not None
        if self.d is euclidean_distance:
            distances = np.sqrt(((queries[:, None] - self.X) ** 2).sum(-1))  # (m, 1, n) - (N, n) -> (m, N)
        else:
            with no_grad():
                pairs = [[float(self.d(Tensor(x), Tensor(q))) for x in self.X] for q in queries]
            distances = np.array(pairs).reshape(len(queries), len(self.X))
        return np.argsort(distances, axis=1, kind="stable")[:, : self.k]

    def state(self) -> State:
        """Copies of the samples, their labels and the settings.

        Raises:
            RuntimeError: the model was not fitted.
        """
        if self.X is None:
            raise RuntimeError("KNN.state: the model has no samples; call fit first")
        classes, codes = np.unique(self.Y, return_inverse=True)
        arrays = {"X": self.X.copy(), "labels": codes.astype(np.int64)}
        if self.standardize_features:
            arrays |= {"means": self.means.copy(), "stds": self.stds.copy()}
        settings = {"k": self.k, "standardize_features": self.standardize_features}
        return State(KIND, arrays, {**settings, "classes": encode(classes.tolist()), "dtype": self.Y.dtype.str})

    def restore(self, state: State, *, strict: bool = True) -> list[str]:
        """Take samples, labels and settings, all or nothing; the distance stays the model's own.

        Returns:
            What was skipped: nothing.

        Raises:
            ValueError: the state is of something else, or does not fit together.
        """
        check_kind(self, state, KIND)
        try:
            other = KNN(state.literals["k"], self.d, state.literals["standardize_features"])
            dtype = np.dtype(state.literals["dtype"])
            if dtype.kind not in "biufU":
                raise ValueError(f"labels of {dtype}")
            classes = np.array(decode(state.literals["classes"]), dtype)
            X, codes = np.array(_samples(state.arrays["X"])), np.asarray(state.arrays["labels"])
            m, n = X.shape
            fits = codes.shape == (m,) and classes.ndim == 1 and other.k <= m
            if not fits or codes.min() < 0:
                raise ValueError(f"samples {X.shape}, labels {codes.shape}, k={other.k}")
            other.X, other.Y = X, classes[codes]
            if other.standardize_features:
                other.means, other.stds = (np.array(_samples(state.arrays[name])) for name in ("means", "stds"))
                if not other.means.shape == other.stds.shape == (n,) or (other.stds < 0).any():
                    raise ValueError(f"means {other.means.shape} and deviations {other.stds.shape} of {n} features")
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise ValueError(f"KNN: the state does not fit together and nothing was changed: {error!r}") from error
        vars(self).update(vars(other))
        return []


def _samples(given: Any) -> np.ndarray:
    """Finite floating numbers, of at least 32 bits: squares of half precision end at 65504."""
    array = _array(given)
    if array.dtype.kind not in "biuf":
        raise ValueError(f"KNN: given samples of {array.dtype}, needed numbers")
    array = array.astype(np.result_type(array, np.float32) if array.dtype.kind == "f" else np.float64, copy=False)
    if not np.isfinite(array).all():
        raise ValueError("KNN: given samples that are not finite, which have no distances")
    return array


def _array(given: Any) -> np.ndarray:
    return given.numpy(copy=False) if isinstance(given, Tensor) else np.asarray(given)
