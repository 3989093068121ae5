"""How well scores put the right before the wrong: ROC AUC and average precision."""

from __future__ import annotations

import math
import warnings
from typing import Any, Literal

import numpy as np

from .base import Metric

Average = Literal["macro", "weighted", "micro"] | None


class _Ranking(Metric):
    """A figure of each question "this class or not", from all scores: they are kept until `reset`."""

    name = ""

    def __init__(self, average: Average = "macro") -> None:
        if average not in ("macro", "weighted", "micro", None):
            raise ValueError(f"{self.name}: given average={average!r}, needed 'macro', 'weighted', 'micro' or None")
        self.average = average

    def figure(self, positive: np.ndarray, scores: np.ndarray) -> float:
        raise NotImplementedError

    def counted(self, Y: np.ndarray, Y_hat: np.ndarray) -> tuple[list[np.ndarray], list[np.ndarray]]:
        if Y_hat.dtype.kind not in "fiub" or np.isnan(Y_hat).any():
            raise ValueError(f"{self.name}: given scores of dtype {Y_hat.dtype} with nan, needed numbers")
        if Y_hat.ndim not in (1, 2) or (Y.shape != Y_hat.shape and Y.shape != Y_hat.shape[:-1]) or Y.ndim == 0:
            raise ValueError(
                f"{self.name}: given targets of shape {Y.shape} and scores of shape {Y_hat.shape}, needed (N,) and "
                "(N,) for one question, class indices (N,) and (N, K) for classes, or (N, K) and (N, K) for K questions"
            )
        classes = Y_hat.shape[-1] if Y.shape != Y_hat.shape else 2
        if Y.size and not np.isin(Y, np.arange(classes)).all():
            raise ValueError(f"{self.name}: given targets from {Y.min()} to {Y.max()}, needed 0 to {classes - 1}")
        if Y.shape != Y_hat.shape:
            Y = Y[:, None] == np.arange(classes)
        return [Y.astype(bool)], [Y_hat.copy()]

    def result(self, targets: list[np.ndarray], scores: list[np.ndarray]) -> Any:
        if len({x.shape[1:] for x in targets}) > 1:
            raise ValueError(f"{self.name}: batches with rows of shapes {sorted({x.shape[1:] for x in targets})}")
        Y, Y_hat = np.concatenate(targets), np.concatenate(scores)
        if Y.shape[0] == 0:
            raise ValueError(f"{self.name}: no samples to put in order")
        if Y.ndim == 1 or self.average == "micro":
            return self.figure(Y.ravel(), Y_hat.ravel())
        each = np.array([self.figure(Y[:, k], Y_hat[:, k]) for k in range(Y.shape[1])])
        if self.average is None:
            return each
        return float(np.average(each, weights=Y.sum(axis=0) if self.average == "weighted" else None))


class ROCAUC(_Ranking):
    """The probability that a positive sample has a higher score than a negative one, equal scores counting half."""

    name = "roc_auc"

    def figure(self, positive: np.ndarray, scores: np.ndarray) -> float:
        positives = int(np.count_nonzero(positive))
        negatives = positive.size - positives
        if not positives or not negatives:
            warnings.warn("roc_auc: a class is absent or the only one: it is undefined, nan", RuntimeWarning, 5)
            return math.nan
        _, at, count = np.unique(scores, return_inverse=True, return_counts=True)
        twice_rank = 2 * np.cumsum(count) - count + 1  # equal scores share the middle of their ranks
        twice_wins = int(twice_rank[at.reshape(-1)][positive].sum()) - positives * (positives + 1)
        return twice_wins / (2 * positives * negatives)


def roc_auc(Y: Any, Y_hat: Any, *, average: Average = "macro") -> Any:
    """Area under the ROC curve: the probability that a positive sample has a higher score than a negative one.

    Equal scores count half (Hanley & McNeil 1982): that is the area with straight lines between the thresholds.

    Args:
        Y: 0 and 1 (N,); class indices (N,) for scores (N, K), each class against the rest; or 0 and 1 (N, K).
        Y_hat: scores, (N,) or (N, K).
        average: over the K: "macro", "weighted" by positive samples, "micro" for all N K as one question, or None
            for an array (K,).

    Raises:
        ValueError: the shapes do not match, there are no samples, a target is no class, or a score is nan.

    Warns:
        RuntimeWarning: there are no positive or no negative samples: the result is nan.
    """
    return ROCAUC(average).update(Y, Y_hat).compute()


class AveragePrecision(_Ranking):
    """The mean of the precisions at the thresholds, weighed by the recall that each adds."""

    name = "average_precision"

    def figure(self, positive: np.ndarray, scores: np.ndarray) -> float:
        positives = int(np.count_nonzero(positive))
        if not positives:
            warnings.warn("average_precision: no positive samples: it is taken for 0", RuntimeWarning, 5)
            return 0.0
        _, at, count = np.unique(-scores.astype(np.float64), return_inverse=True, return_counts=True)
        hits = np.bincount(at.reshape(-1), positive, minlength=len(count))
        precisions = np.cumsum(hits) / np.cumsum(count)
        return math.fsum((hits * precisions).tolist()) / positives


def average_precision(Y: Any, Y_hat: Any, *, average: Average = "macro") -> Any:
    """Average precision: Σ (Rₙ - Rₙ₋₁) Pₙ over the thresholds n, from the highest score down; equal scores are one.

    Arguments and errors are those of `roc_auc`.

    Warns:
        RuntimeWarning: there are no positive samples: the result is 0.
    """
    return AveragePrecision(average).update(Y, Y_hat).compute()
