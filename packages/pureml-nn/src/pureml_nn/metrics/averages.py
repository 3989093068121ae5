"""Means over samples: of errors, and of log-likelihoods."""

from __future__ import annotations

import math
import warnings
from fractions import Fraction
from typing import Any, Literal

import numpy as np

from .base import Metric, exact_sum, numbers


class MeanAbsoluteError(Metric):
    """The mean of |Ŷ - Y| over all entries."""

    def counted(self, Y: np.ndarray, Y_hat: np.ndarray) -> tuple[Fraction, int]:
        Y, Y_hat = numbers("mae", Y, Y_hat)
        return exact_sum(np.abs(Y_hat - Y)), Y.size

    def result(self, total: Fraction, count: int) -> float:
        return float(_mean("mae", total, count))


def mae(Y: Any, Y_hat: Any) -> float:
    """Mean absolute error: the mean of |Ŷ - Y| over all entries, of any shape.

    Raises:
        ValueError: the shapes differ, there are no entries, or some are not finite.
    """
    return MeanAbsoluteError().update(Y, Y_hat).compute()  # type: ignore[no-any-return]


class RootMeanSquaredError(Metric):
    """The root of the mean of (Ŷ - Y)² over all entries."""

    def counted(self, Y: np.ndarray, Y_hat: np.ndarray) -> tuple[Fraction, int]:
        Y, Y_hat = numbers("rmse", Y, Y_hat)
        return exact_sum(np.square(Y_hat - Y)), Y.size

    def result(self, total: Fraction, count: int) -> float:
        return math.sqrt(_mean("rmse", total, count))


def rmse(Y: Any, Y_hat: Any) -> float:
    """Root mean squared error: √ of the mean of (Ŷ - Y)² over all entries, of any shape (and of all columns together).

    Raises:
        ValueError: as for `mae`.
    """
    return RootMeanSquaredError().update(Y, Y_hat).compute()  # type: ignore[no-any-return]


class R2(Metric):
    """The fraction of the targets' variance that is explained: 1 - Σ (Y - Ŷ)² / Σ (Y - mean)²."""

    def __init__(self, average: Literal["uniform", "variance"] | None = "uniform") -> None:
        if average not in ("uniform", "variance", None):
            raise ValueError(f"r2: given average={average!r}, needed 'uniform', 'variance' or None")
        self.average = average

    def counted(self, Y: np.ndarray, Y_hat: np.ndarray) -> tuple[int, _Sums]:
        Y, Y_hat = numbers("r2", Y, Y_hat)
        if Y.ndim == 0:
            raise ValueError("r2: given single numbers, needed samples along the first axis")
        outputs = Y.shape[1:]
        Y, Y_hat = (x.reshape(len(x), math.prod(outputs)) for x in (Y, Y_hat))
        residuals = np.square(Y - Y_hat)
        columns = [
            (exact_sum(y), exact_sum(np.concatenate(_square(y))), exact_sum(r))
            for y, r in zip(Y.T, residuals.T, strict=True)
        ]
        return len(Y), _Sums(outputs, columns)

    def result(self, count: int, sums: _Sums) -> Any:
        if count < 2:
            warnings.warn("r2: undefined for less than two samples, nan", RuntimeWarning, stacklevel=3)
            return math.nan
        left = [r for _, _, r in sums.columns]
        spread = [yy - y * y / count for y, yy, _ in sums.columns]
        each = [float(1 - r / s) if s else float(r == 0) for r, s in zip(left, spread, strict=True)]
        if self.average is None:
            return np.array(each).reshape(sums.shape)
        if self.average == "variance" and any(spread):
            return float(np.average(each, weights=[float(s) for s in spread]))
        return math.fsum(each) / len(each)


def r2(Y: Any, Y_hat: Any, *, average: Literal["uniform", "variance"] | None = "uniform") -> Any:
    """Coefficient of determination: 1 - Σ (Y - Ŷ)² / Σ (Y - mean of Y)², of each output.

    1 is perfect, 0 what the mean itself would get. Where the targets are constant it is 1 if they are met, else 0.

    Args:
        Y: targets (N, ...), samples along the first axis.
        Y_hat: predictions of the same shape.
        average: over the outputs: "uniform", "variance" (weighed by those of the targets), or None for an array (...).

    Raises:
        ValueError: as for `mae`.

    Warns:
        RuntimeWarning: there are less than two samples: the result is nan.
    """
    return R2(average).update(Y, Y_hat).compute()


class _Sums:
    """Σ y, Σ y² and Σ (y - ŷ)² of each output."""

    def __init__(self, shape: tuple[int, ...], columns: list[tuple[Fraction, Fraction, Fraction]]) -> None:
        self.shape, self.columns = shape, columns

    def __add__(self, other: _Sums) -> _Sums:
        if self.shape != other.shape:
            raise ValueError(f"r2: given outputs of shape {other.shape} after batches with {self.shape}")
        pairs = zip(self.columns, other.columns, strict=True)
        return _Sums(self.shape, [(a[0] + b[0], a[1] + b[1], a[2] + b[2]) for a, b in pairs])


def _square(y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """y² as the rounded square and what it lacks, exactly (Dekker 1971): Σ y² - (Σ y)²/n must not cancel to noise."""
    high = y * 134217729.0  # 2²⁷ + 1 splits 53 bits in two halves
    high = high - (high - y)
    low = y - high
    p = y * y
    return p, ((high * high - p) + 2 * high * low) + low * low


class Perplexity(Metric):
    """e to the mean of -ln p at the labels: how many equally likely classes would be as hard to tell apart."""

    def __init__(self, *, from_logits: bool = False, ignore_index: int | None = None) -> None:
        self.from_logits = bool(from_logits)
        self.ignore_index = ignore_index

    def counted(self, Y: np.ndarray, Y_hat: np.ndarray) -> tuple[Fraction, int, int]:
        if Y.dtype.kind not in "iu" or Y_hat.ndim == 0 or Y.shape != Y_hat.shape[:-1]:
            raise ValueError(
                f"perplexity: given targets of dtype {Y.dtype} and shape {Y.shape} and predictions of shape "
                f"{Y_hat.shape}, needed integer labels (...) and (..., K)"
            )
        classes = Y_hat.shape[-1]
        rows, labels = Y_hat.reshape(-1, classes).astype(np.float64, order="C"), Y.ravel()
        if self.ignore_index is not None:
            rows, labels = rows[labels != self.ignore_index], labels[labels != self.ignore_index]
        if labels.size and not (labels.min() >= 0 and labels.max() < classes):
            raise ValueError(
                f"perplexity: given labels from {labels.min()} to {labels.max()}, needed 0 to {classes - 1}"
            )
        own = rows[np.arange(len(labels)), labels]
        with np.errstate(divide="ignore", invalid="ignore"):  # ln 0, and what is refused below
            if self.from_logits:
                top = rows.max(axis=-1, initial=-np.inf)
                ln_p = own - top - np.log(np.exp(rows - top[:, None]).sum(axis=-1))
            else:
                ln_p = np.log(own)
        if np.isnan(ln_p).any():
            raise ValueError("perplexity: given predictions that are no distribution: nan, negative, or all masked")
        finite = np.isfinite(ln_p)
        return exact_sum(-ln_p[finite]), int(np.count_nonzero(~finite)), labels.size

    def result(self, total: Fraction, impossible: int, count: int) -> float:
        mean = _mean("perplexity", total, count)
        return math.inf if impossible else math.exp(mean)


def perplexity(Y: Any, Y_hat: Any, *, from_logits: bool = False, ignore_index: int | None = None) -> float:
    """e to the mean of -ln p at the labels, e^CCE: 1 for certainty, K for guessing among K classes.

    Args:
        Y: integer labels (...).
        Y_hat: probabilities (..., K), or for `from_logits` logits or logarithms of probabilities.
        ignore_index: samples with this label do not count.

    Raises:
        ValueError: the shapes do not match, a label is no class, nothing counts, or a prediction is nan or negative.
    """
    return Perplexity(from_logits=from_logits, ignore_index=ignore_index).update(Y, Y_hat).compute()  # type: ignore[no-any-return]


def _mean(name: str, total: Fraction, count: int) -> Fraction:
    if not count:
        raise ValueError(f"{name}: there is no mean over no entries")
    return total / count
