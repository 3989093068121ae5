"""Losses of numbers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from pureml_core import Tensor, op

from .common import clipped, paired, reduced


def MSE(Y: Any, Y_hat: Any, *, reduction: str = "mean") -> Tensor:
    """Mean squared error: the mean of (Ŷ - Y)² over all entries.

    Args:
        Y: targets, of any shape.
        Y_hat: predictions, of the same shape.
        reduction: "mean", "sum", or "none" for one loss an entry.

    Raises:
        ValueError: the shapes differ, or there are no entries for the mean.
    """
    Y, Y_hat = paired("MSE", Y, Y_hat)
    if reduction == "mean" and Y.size:
        return mean_squared_error(Y, Y_hat)  # type: ignore[no-any-return]
    return reduced("MSE", np.square(Y_hat - Y), reduction)


def MAE(Y: Any, Y_hat: Any, *, reduction: str = "mean") -> Tensor:
    """Mean absolute error: the mean of |Ŷ - Y| over all entries, whose gradient where they are equal is 0.

    Arguments and errors are those of `MSE`.
    """
    Y, Y_hat = paired("MAE", Y, Y_hat)
    return reduced("MAE", np.abs(Y_hat - Y), reduction)


def Huber(Y: Any, Y_hat: Any, *, delta: float = 1.0, reduction: str = "mean") -> Tensor:
    """Huber loss: the mean of d²/2 where |d| <= δ and δ (|d| - δ/2) beyond, with d = Ŷ - Y (Huber 1964).

    Args:
        Y, Y_hat, reduction: as for `MSE`.
        delta: δ > 0, where the square passes into the straight line.

    Raises:
        ValueError: the shapes differ, there are no entries for the mean, or `delta` is not positive.
    """
    delta = _positive("Huber", "delta", delta)
    Y, Y_hat = paired("Huber", Y, Y_hat)
    return reduced("Huber", huber(Y_hat - Y, delta), reduction)


def SmoothL1(Y: Any, Y_hat: Any, *, beta: float = 1.0, reduction: str = "mean") -> Tensor:
    """Smooth absolute error: `Huber` with δ = β, divided by β (Girshick 2015, "Fast R-CNN", eq. 3); `MAE` for β = 0."""
    beta = beta if beta == 0 else _positive("SmoothL1", "beta", beta)
    Y, Y_hat = paired("SmoothL1", Y, Y_hat)
    L = huber(Y_hat - Y, beta) / beta if beta else np.abs(Y_hat - Y)
    return reduced("SmoothL1", L, reduction)


def Poisson(
    Y: Any, Y_hat: Any, *, log_input: bool = True, full: bool = False, eps: float = 1e-8, reduction: str = "mean"
) -> Tensor:
    """Negative log-likelihood of counts Y under Poisson distributions: the mean of λ - Y ln λ, without ln Y!.

    Args:
        Y: counts, of any shape.
        Y_hat: ln λ, of the same shape; or λ itself with `log_input=False`.
        full: add ln Y! for Y > 1, by Stirling's formula Y ln Y - Y + ln(2πY)/2.
        eps: added to λ inside the logarithm, for `log_input=False`.
        reduction: "mean", "sum", or "none" for one loss an entry.

    Raises:
        ValueError: the shapes differ, or there are no entries for the mean.
    """
    Y, Y_hat = paired("Poisson", Y, Y_hat)
    L = np.exp(Y_hat) - Y * Y_hat if log_input else Y_hat - Y * np.log(Y_hat + float(eps))
    if full:
        many = Y.data > 1
        n = np.where(many, Y, 1.0)
        L = L + np.where(many, n * np.log(n) - n + np.log(n * (2 * math.pi)) * 0.5, 0.0)
    return reduced("Poisson", L, reduction)


def GaussianNLL(
    Y: Any, Y_hat: Any, variance: Any, *, full: bool = False, eps: float = 1e-6, reduction: str = "mean"
) -> Tensor:
    """Negative log-likelihood under normal distributions: the mean of ½ (ln σ² + (Ŷ - Y)² / σ²).

    Nix & Weigend 1994, "Estimating the mean and variance of the target probability distribution".

    Args:
        Y: targets, of any shape.
        Y_hat: predicted means, of the same shape.
        variance: predicted σ² >= 0: of the same shape, of size 1 in the last axis, or one number.
        full: add the constant ½ ln 2π.
        eps: the least variance that counts; the gradient is taken there for smaller ones.
        reduction: "mean", "sum", or "none" for one loss an entry.

    Raises:
        ValueError: the shapes do not match, a variance is negative, or there are no entries for the mean.
    """
    eps = _positive("GaussianNLL", "eps", eps)
    Y, Y_hat = paired("GaussianNLL", Y, Y_hat)
    v = variance if isinstance(variance, Tensor) else Tensor(variance)
    if v.shape not in (Y_hat.shape, (*Y_hat.shape[:-1], 1), ()):
        raise ValueError(
            f"GaussianNLL: given variances of shape {v.shape} for predictions of shape {Y_hat.shape}, needed that "
            "shape, or size 1 in the last axis, or one number"
        )
    if (v.data < 0).any():
        raise ValueError(f"GaussianNLL: given a variance of {v.data.min()}, needed numbers >= 0")
    v = clipped(v.astype(Y_hat.dtype), eps, math.inf)
    L = (np.log(v) + np.square(Y_hat - Y) / v) * 0.5
    return reduced("GaussianNLL", L + 0.5 * math.log(2 * math.pi) if full else L, reduction)


@op
def mean_squared_error(Y: Any, Y_hat: Any, /) -> Any:
    """The mean of (Ŷ - Y)² over all entries."""
    d = Y_hat - Y
    n = math.prod(np.shape(d))
    return np.mean(np.square(d)), lambda g: d * (g * (-2 / n)), lambda g: d * (g * (2 / n))


@op
def huber(d: Any, /, delta: float) -> Any:
    """½ d² where |d| <= δ and δ (|d| - ½ δ) beyond, elementwise."""
    c = np.clip(d, -delta, delta)
    return c * (d - 0.5 * c), lambda g: g * c  # dL/dd = g d inside, ±g δ beyond


def _positive(loss: str, name: str, value: float) -> float:
    if not 0 < value < math.inf:
        raise ValueError(f"{loss}: given {name}={value!r}, needed a positive number")
    return float(value)
