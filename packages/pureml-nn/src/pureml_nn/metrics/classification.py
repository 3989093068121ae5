"""Right and wrong classes: accuracy, the confusion matrix, precision, recall and F1."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from .base import Metric, array, ratio

Average = Literal["binary", "micro", "macro", "weighted"] | None


class Accuracy(Metric):
    """The fraction of samples whose class is predicted."""

    def counted(self, Y: np.ndarray, Y_hat: np.ndarray) -> tuple[int, int]:
        Y, Y_hat = classes_of("accuracy", Y, Y_hat)
        return int(np.count_nonzero(Y_hat == Y)), Y.size

    def result(self, right: int, count: int) -> float:
        _some("accuracy", count)
        return right / count


def accuracy(Y: Any, Y_hat: Any) -> float:
    """The fraction of samples whose class is predicted.

    Args:
        Y: class indices (...), or rows (..., K) of which the largest entry is the class.
        Y_hat: class indices (...), or floating scores (..., K) of which the largest wins (the first of equal ones).

    Raises:
        ValueError: the shapes do not match, there are no samples, scores have one column only (their argmax is always
            0), or class indices are negative or no whole numbers.
    """
    return Accuracy().update(Y, Y_hat).compute()  # type: ignore[no-any-return]


class TopKAccuracy(Metric):
    """The fraction of samples whose class is among the k with the highest scores."""

    def __init__(self, k: int = 5) -> None:
        if k < 1:
            raise ValueError(f"top_k_accuracy: given k={k!r}, needed at least 1")
        self.k = int(k)

    def counted(self, Y: np.ndarray, Y_hat: np.ndarray) -> tuple[int, int]:
        if Y_hat.ndim == 0 or Y.shape != Y_hat.shape[:-1]:
            raise ValueError(
                f"top_k_accuracy: given targets of shape {Y.shape} and predictions of shape {Y_hat.shape}, needed "
                "class indices (...) and scores (..., K)"
            )
        Y = _indices("top_k_accuracy", "targets", Y)[..., None]
        classes = Y_hat.shape[-1]
        if Y.size and Y.max() >= classes:
            raise ValueError(f"top_k_accuracy: given the class {Y.max()}, while the scores have {classes}")
        own = np.take_along_axis(Y_hat, Y, axis=-1)
        before = (Y_hat > own) | ((Y_hat == own) & (np.arange(classes) > Y))
        return int(np.count_nonzero(before.sum(axis=-1) < self.k)), Y.size

    def result(self, right: int, count: int) -> float:
        _some("top_k_accuracy", count)
        return right / count


def top_k_accuracy(Y: Any, Y_hat: Any, k: int = 5) -> float:
    """The fraction of samples whose class is among the k with the highest scores; of equal scores the later go first.

    Args:
        Y: class indices (...).
        Y_hat: scores (..., K).

    Raises:
        ValueError: the shapes do not match, there are no samples, an index is no class, or k < 1.
    """
    return TopKAccuracy(k).update(Y, Y_hat).compute()  # type: ignore[no-any-return]


class Counts:
    """A confusion matrix that grows with the classes it meets: [i, j] samples of class i were taken for j."""

    def __init__(self, matrix: np.ndarray) -> None:
        self.matrix = matrix

    def __add__(self, other: Counts) -> Counts:
        n = max(len(self.matrix), len(other.matrix))
        return Counts(self.grown(n) + other.grown(n))

    def grown(self, n: int) -> np.ndarray:
        return np.pad(self.matrix, (0, n - len(self.matrix)))


class _Confusing(Metric):
    """A metric that is a function of the confusion matrix."""

    name = "confusion_matrix"

    def __init__(self, classes: int | None = None) -> None:
        if classes is not None and classes < 1:
            raise ValueError(f"{self.name}: given classes={classes!r}, needed at least 1")
        self.classes = classes

    def counted(self, Y: np.ndarray, Y_hat: np.ndarray) -> tuple[Counts]:
        Y, Y_hat = classes_of(self.name, Y, Y_hat)
        largest = int(max(Y.max(initial=-1), Y_hat.max(initial=-1)))
        n = largest + 1 if self.classes is None else self.classes
        if largest >= n:
            raise ValueError(f"{self.name}: given the class {largest}, needed 0 to {n - 1} for classes={n}")
        return (Counts(np.bincount(Y * n + Y_hat, minlength=n * n).reshape(n, n)),)


class ConfusionMatrix(_Confusing):
    """How many samples of class i were taken for class j: [i, j]."""

    def __init__(self, classes: int | None = None, *, normalize: Literal["true", "pred", "all"] | None = None) -> None:
        super().__init__(classes)
        if normalize not in (None, "true", "pred", "all"):
            raise ValueError(f"confusion_matrix: given normalize={normalize!r}, needed 'true', 'pred', 'all' or None")
        self.normalize = normalize

    def result(self, counts: Counts) -> np.ndarray:
        C = counts.matrix.copy()
        if self.normalize is None:
            return C
        axis = {"true": 1, "pred": 0, "all": None}[self.normalize]
        return ratio(C, C.sum(axis=axis, keepdims=True), 0.0)


def confusion_matrix(
    Y: Any,
    Y_hat: Any,
    classes: int | None = None,
    *,
    normalize: Literal["true", "pred", "all"] | None = None,
) -> np.ndarray:
    """How many samples of class i were taken for class j: an integer matrix (K, K).

    Args:
        Y, Y_hat: as for `accuracy`.
        classes: K; the largest class that occurs, plus 1, when None.
        normalize: divide each row by its sum ("true"), each column ("pred"), or all ("all"); 0 where that is 0.

    Raises:
        ValueError: as for `accuracy`, or a class is not below `classes`.
    """
    return ConfusionMatrix(classes, normalize=normalize).update(Y, Y_hat).compute()  # type: ignore[no-any-return]


class _Averaged(_Confusing):
    """A figure of each class, from its true positives, its predictions and its samples; and their averages."""

    def __init__(self, classes: int | None = None, *, average: Average = "binary", zero_division: float = 0.0) -> None:
        super().__init__(classes)
        if average not in ("binary", "micro", "macro", "weighted", None):
            raise ValueError(
                f"{self.name}: given average={average!r}, needed 'binary', 'micro', 'macro', 'weighted' or None"
            )
        if not 0 <= zero_division <= 1:
            raise ValueError(f"{self.name}: given zero_division={zero_division!r}, needed 0 to 1")
        self.average = average
        self.zero_division = float(zero_division)

    def figure(self, hits: Any, predicted: Any, actual: Any) -> np.ndarray:
        raise NotImplementedError

    def result(self, counts: Counts) -> Any:
        C = counts.matrix
        hits, predicted, actual = C.diagonal(), C.sum(axis=0), C.sum(axis=1)
        _some(self.name, int(actual.sum()))
        if self.average == "micro":
            return float(self.figure(hits.sum(), predicted.sum(), actual.sum()))
        each = self.figure(hits, predicted, actual)
        if self.average == "binary":
            if len(C) > 2:
                raise ValueError(
                    f"{self.name}: given {len(C)} classes for average='binary', which is the figure of class 1 of two; "
                    "choose 'micro', 'macro', 'weighted', or None for every class"
                )
            return float(each[1]) if len(C) == 2 else self.zero_division
        if self.average == "weighted":
            return float(np.average(each, weights=actual))
        if self.average == "macro":
            return float(np.mean(each if self.classes is not None else each[(predicted + actual) > 0]))
        return each


class Precision(_Averaged):
    """Of what was taken for a class, the fraction that is of it: TP / (TP + FP)."""

    name = "precision"

    def figure(self, hits: Any, predicted: Any, actual: Any) -> np.ndarray:
        return ratio(hits, predicted, self.zero_division)


class Recall(_Averaged):
    """Of what is of a class, the fraction that was taken for it: TP / (TP + FN)."""

    name = "recall"

    def figure(self, hits: Any, predicted: Any, actual: Any) -> np.ndarray:
        return ratio(hits, actual, self.zero_division)


class F1(_Averaged):
    """The harmonic mean of precision and recall: 2 TP / (2 TP + FP + FN)."""

    name = "f1"

    def figure(self, hits: Any, predicted: Any, actual: Any) -> np.ndarray:
        return ratio(2 * hits, predicted + actual, self.zero_division)


def precision(
    Y: Any, Y_hat: Any, classes: int | None = None, *, average: Average = "binary", zero_division: float = 0.0
) -> Any:
    """Of what was taken for a class, the fraction that is of it: TP / (TP + FP).

    Args:
        Y, Y_hat: as for `accuracy`.
        classes: K; the largest class that occurs, plus 1, when None.
        average: "binary": the figure of class 1 of two. "micro": of the sums over all classes. "macro": the mean over
            all `classes`, or without those over the classes that occur. "weighted": the mean by numbers of samples.
            None: an array (K,).
        zero_division: the figure of a class where it is 0 / 0.

    Raises:
        ValueError: as for `accuracy`, or more than two classes for "binary".
    """
    return Precision(classes, average=average, zero_division=zero_division).update(Y, Y_hat).compute()


def recall(
    Y: Any, Y_hat: Any, classes: int | None = None, *, average: Average = "binary", zero_division: float = 0.0
) -> Any:
    """Of what is of a class, the fraction that was taken for it: TP / (TP + FN). See `precision`."""
    return Recall(classes, average=average, zero_division=zero_division).update(Y, Y_hat).compute()


def f1(
    Y: Any, Y_hat: Any, classes: int | None = None, *, average: Average = "binary", zero_division: float = 0.0
) -> Any:
    """The harmonic mean of precision and recall: 2 TP / (2 TP + FP + FN). See `precision`."""
    return F1(classes, average=average, zero_division=zero_division).update(Y, Y_hat).compute()


def classes_of(name: str, Y: np.ndarray, Y_hat: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Targets and predictions as class indices in one dimension."""
    if Y_hat.dtype.kind == "f" and Y_hat.ndim and (Y.shape == Y_hat.shape[:-1] or Y.ndim > 1):
        if Y_hat.shape[-1] < 2:
            raise ValueError(
                f"{name}: predictions of shape {Y_hat.shape} have one column, whose argmax is always 0; give class "
                "indices, such as (p > 0.5)[..., 0]"
            )
        if Y.shape == Y_hat.shape:
            if (Y < 0).any() or (np.abs(Y.sum(axis=-1, dtype=np.float64) - 1) > 1e-3).any():
                raise ValueError(f"{name}: given targets of the scores' shape {Y.shape}, needed rows that add up to 1")
            Y = np.argmax(Y, axis=-1)
        Y_hat = np.argmax(Y_hat, axis=-1)
    if Y.shape != Y_hat.shape:
        raise ValueError(
            f"{name}: given targets of shape {Y.shape} and predictions of shape {Y_hat.shape}, needed one class for "
            "each target: indices (...), or scores (..., K)"
        )
    return _indices(name, "targets", Y).ravel(), _indices(name, "predictions", Y_hat).ravel()


def _indices(name: str, what: str, x: Any) -> np.ndarray:
    x = array(x)
    whole = x.dtype.kind in "iub" or (x.dtype.kind == "f" and np.array_equal(x, np.round(x)))
    if not whole or (x.size and x.min() < 0):
        hint = "; (p > 0.5) makes them of probabilities" if x.dtype.kind == "f" and what == "predictions" else ""
        raise ValueError(f"{name}: given {what} of dtype {x.dtype}, needed class indices 0, 1, 2, ...{hint}")
    return np.asarray(x, dtype=np.intp)


def _some(name: str, count: int) -> None:
    if not count:
        raise ValueError(f"{name}: no samples, so there is no fraction of them")
