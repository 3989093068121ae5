"""What a metric is: what one batch adds, and what the sums say."""

from __future__ import annotations

import itertools
import math
from abc import ABC, abstractmethod
from fractions import Fraction
from typing import Any, Self

import numpy as np
from pureml_core import Tensor


class Metric(ABC):
    """A figure that adds up over batches: `update` with each, then `compute`.

    A metric of your own is two functions: `counted`, what one batch adds, a tuple of things with a `+`; and `result`,
    the figure from their sums.

    >>> class ShareOfOnes(Metric):
    ...     def counted(self, Y, Y_hat):
    ...         return int(Y_hat.sum()), Y_hat.size
    ...
    ...     def result(self, ones, count):
    ...         return ones / count
    >>> ShareOfOnes().update([0, 1], [1, 1]).update([0, 1], [0, 0]).compute()
    0.5
    """

    _sums: tuple[Any, ...] | None = None

    @abstractmethod
    def counted(self, Y: np.ndarray, Y_hat: np.ndarray) -> tuple[Any, ...]:
        """What a batch of targets and predictions adds."""

    @abstractmethod
    def result(self, *sums: Any) -> Any:
        """The figure, from the sums of what `counted` returned."""

    def update(self, Y: Any, Y_hat: Any) -> Self:
        """Add a batch of targets and predictions."""
        return self._add(self.counted(array(Y), array(Y_hat)))

    def merge(self, other: Metric) -> Self:
        """Add what another one has counted, in another process for instance.

        Raises:
            ValueError: it is of another kind, or has other settings.
        """
        if type(other) is not type(self) or self._settings() != other._settings():
            raise ValueError(
                f"merge: given {type(other).__name__} with {other._settings()}, needed {type(self).__name__} with "
                f"{self._settings()}"
            )
        return self if other._sums is None else self._add(other._sums)

    def compute(self) -> Any:
        """The figure for everything so far.

        Raises:
            ValueError: that is nothing.
        """
        if self._sums is None:
            raise ValueError(f"{type(self).__name__}: nothing to compute from; update it with a batch first")
        return self.result(*self._sums)

    def reset(self) -> Self:
        """Forget what was counted."""
        self._sums = None
        return self

    def _add(self, parts: tuple[Any, ...]) -> Self:
        self._sums = parts if self._sums is None else tuple(a + b for a, b in zip(self._sums, parts, strict=True))
        return self

    def _settings(self) -> dict[str, Any]:
        return {key: value for key, value in vars(self).items() if not key.startswith("_")}


def array(x: Any) -> np.ndarray:
    """The values of a Tensor, or of anything else, as an array."""
    return x.data if isinstance(x, Tensor) else np.asarray(x)


def exact_sum(x: np.ndarray) -> Fraction:
    """The sum of finite numbers without rounding, so that the order and the batches make no difference.

    `math.fsum` gives the exact sum rounded once; the sums of what it leaves over are exact parts of it, too.
    """
    values, parts = x.ravel().tolist(), list[float]()
    while part := math.fsum(itertools.chain(values, parts)):
        parts.append(-part)
    return -sum(map(Fraction, parts), Fraction(0))


def numbers(name: str, Y: np.ndarray, Y_hat: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Targets and predictions as finite float64 arrays of one shape."""
    if Y.shape != Y_hat.shape:
        raise ValueError(
            f"{name}: given targets of shape {Y.shape} and predictions of shape {Y_hat.shape}, needed equal shapes"
        )
    for what, x in (("targets", Y), ("predictions", Y_hat)):
        if x.dtype.kind not in "fiub" or not np.isfinite(x).all():
            raise ValueError(f"{name}: given {what} of dtype {x.dtype} with nan or infinities, needed finite numbers")
    return Y.astype(np.float64, order="C"), Y_hat.astype(np.float64, order="C")


def ratio(a: Any, b: Any, otherwise: float) -> np.ndarray:
    """a / b, elementwise, and `otherwise` where b is 0."""
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    return np.asarray(np.where(b == 0, otherwise, a / np.where(b == 0, 1, b)))
