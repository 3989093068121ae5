"""Losses of yes or no, entry by entry."""

from __future__ import annotations

from typing import Any

import numpy as np
from pureml_core import Tensor, kernel, op, sigmoid

from .categorical import label_cross_entropy
from .common import (
    clipped,
    divisor_of,
    labels_needed,
    labels_of,
    paired,
    picked,
    prediction,
    reduced,
    smallest,
    smoothing,
    warn_of_probabilities,
)


def BCE(
    Y: Any,
    Y_hat: Any,
    *,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    pos_weight: Any = None,
    reduction: str = "mean",
) -> Tensor:
    """Binary cross-entropy: the mean of -Y ln p - (1 - Y) ln(1 - p) over all entries.

    Args:
        Y: targets in [0, 1], of any shape.
        Y_hat: predictions of the same shape: probabilities p, or logits z with p = sigmoid(z) for `from_logits`.
            Probabilities are clipped to [ε, 1 - ε], with ε = 1e-12 in float64 and 1.2e-7 in float32; their
            gradient is taken at the clipped value, so that a saturated prediction can still learn.
        label_smoothing: e in [0, 1] replaces Y by (1 - e) Y + e/2.
        pos_weight: w, a constant that broadcasts to the predictions' shape: -w Y ln p - (1 - Y) ln(1 - p).
        reduction: "mean", "sum", or "none" for one loss an entry.

    Raises:
        ValueError: the shapes differ, there are no entries for the mean, or a setting is out of range.
    """
    Y, Y_hat = paired("BCE", Y, Y_hat)
    e = smoothing("BCE", label_smoothing)
    if e:
        Y = Y * (1 - e) + e / 2
    w = _positive_weight(pos_weight, Y_hat)
    if from_logits:
        return binary_cross_entropy(Y_hat, Y, w, divisor=divisor_of("BCE", Y_hat.shape, reduction))  # type: ignore[no-any-return]
    tiny = smallest(Y_hat)
    return reduced("BCE", binary_log_loss(clipped(Y_hat, tiny, 1 - tiny), Y, w), reduction)


def Focal(
    Y: Any,
    Y_hat: Any,
    *,
    gamma: float = 2.0,
    alpha: Any = None,
    from_logits: bool = False,
    reduction: str = "mean",
) -> Tensor:
    """Focal loss -α (1 - p)^γ ln p, with p the probability of what is right: cross-entropy for what is not yet easy.

    Lin et al. 2017, "Focal loss for dense object detection", eq. 5.

    Args:
        Y: targets in [0, 1] of the predictions' shape, each entry a question of its own; or integer class labels (...)
            for predictions (..., K).
        Y_hat: probabilities, clipped as for `BCE`; for `from_logits` logits.
        gamma: γ >= 0; 0 is plain cross-entropy.
        alpha: weight of the positive entries, in [0, 1]; the negative ones have 1 - α. For labels one weight for
            each class. None weighs nothing.
        reduction: "mean" (over all samples, whatever their weights), "sum", or "none".

    Raises:
        ValueError: the shapes do not match, a label is not a class, there are no entries for the mean, or a setting
            is out of range.
    """
    gamma = float(gamma)
    if not 0 <= gamma < np.inf:
        raise ValueError(f"Focal: given gamma={gamma!r}, needed a number >= 0")
    Y_hat = prediction("Focal", Y_hat)
    Y = Y if isinstance(Y, Tensor) else Tensor(Y)
    if Y.dtype.kind in "iu" and Y_hat.ndim and Y.shape == Y_hat.shape[:-1]:
        if from_logits:
            warn_of_probabilities("Focal", Y_hat, "logits")
        return reduced("Focal", _focal_of_labels(Y, Y_hat, gamma, alpha, from_logits), reduction)
    Y, Y_hat = paired("Focal", Y, Y_hat, f", or {labels_needed(Y, Y_hat)}")
    if from_logits:
        L, p = binary_cross_entropy(Y_hat, Y, None), sigmoid(Y_hat)
    else:
        tiny = smallest(Y_hat)
        p = clipped(Y_hat, tiny, 1 - tiny)
        L = binary_log_loss(p, Y, None)
    L = L * _power(p * (1 - Y) + (1 - p) * Y, gamma)
    if alpha is not None:
        if not 0 <= alpha <= 1:
            raise ValueError(f"Focal: given alpha={alpha!r}, needed 0 to 1")
        L = L * (float(alpha) * Y + (1 - float(alpha)) * (1 - Y))
    return reduced("Focal", L, reduction)


def _focal_of_labels(Y: Tensor, Y_hat: Tensor, gamma: float, alpha: Any, from_logits: bool) -> Any:
    labels, _ = labels_of("Focal", Y, Y_hat)
    if from_logits:
        L = label_cross_entropy(Y_hat, labels, None)
    else:
        L = -np.log(clipped(picked(Y_hat, labels), smallest(Y_hat), 1.0))
    L = L * _power(-np.expm1(-L), gamma)  # p = e^-L
    if alpha is not None:
        w = np.asarray(alpha, Y_hat.dtype)
        if w.shape != Y_hat.shape[-1:]:
            raise ValueError(
                f"Focal: given alpha of shape {w.shape}, needed a weight for each class: {Y_hat.shape[-1:]}"
            )
        L = L * w[labels]
    return L


def _power(x: Any, gamma: float) -> Any:
    """x^γ for x = 1 - p >= 0, whose slope at 0 shall not be infinite: it meets ln p = 0 there."""
    return x**gamma if gamma >= 1 else clipped(x, smallest(x), 1.0) ** gamma if gamma else 1.0


def _positive_weight(pos_weight: Any, Y_hat: Tensor) -> Any:
    if pos_weight is None:
        return None
    w = np.asarray(pos_weight, Y_hat.dtype)
    axes = zip(w.shape[::-1], Y_hat.shape[::-1], strict=False)
    if w.ndim > Y_hat.ndim or any(n not in (1, m) for n, m in axes) or not (w >= 0).all():
        raise ValueError(
            f"BCE: given pos_weight of shape {w.shape}, needed numbers >= 0 that broadcast to the predictions' "
            f"{Y_hat.shape}"
        )
    return w


@op
def binary_cross_entropy(z: Any, Y: Any, w: Any = None, /, divisor: float | None = None) -> Any:
    """-w Y ln p - (1 - Y) ln(1 - p) with p = sigmoid(z), elementwise, or with `divisor` the sum / divisor.

    Written so that nothing overflows, and infinite logits give 0 or ∞.
    """

    def vjp_z(g: Any) -> Any:  # dL/dz = g ((1 - Y) p - w Y (1 - p)), which is g (p - Y) without w
        p = sigmoid(z)
        g = g if divisor is None else g / divisor
        return g * (p - Y) if w is None else g * (p * (1 + (w - 1) * Y) - w * Y)

    def vjp_Y(g: Any) -> Any:  # dL/dY = g (ln(1 - p) - w ln p), which is -g z without w
        g = g if divisor is None else g / divisor
        return -g * z if w is None else g * (w * np.logaddexp(0.0, -z) - np.logaddexp(0.0, z))

    return _binary_cross_entropy(z, Y, w, divisor), vjp_z, vjp_Y, None


@kernel
def _binary_cross_entropy(z: Any, Y: Any, w: Any, divisor: float | None) -> Any:
    L = _each(z, Y, w)
    return L if divisor is None else np.sum(L) / divisor


def _each(z: Any, Y: Any, w: Any) -> Any:
    infinite = np.isinf(z)
    if infinite.any():
        L = _each(np.where(infinite, 0.0, z), Y, w)
        wrong = np.where(z > 0, 1 - Y, Y if w is None else w * Y)  # what is lost times ∞, where 0 · ∞ = 0
        return np.where(infinite, np.where(wrong == 0, 0.0, np.inf).astype(L.dtype), L)
    L = np.asarray(np.abs(z))
    np.negative(L, out=L)
    np.exp(L, out=L)
    np.log1p(L, out=L)  # ln(1 + e^-|z|)
    if w is None:
        L += np.maximum(z, 0)  # ln(1 + e^z) - z Y
        L -= z * Y
    else:
        L *= 1 + (w - 1) * Y  # (1 - Y) ln(1 + e^z) + w Y ln(1 + e^-z)
        L += (1 - Y) * np.maximum(z, 0) - w * Y * np.minimum(z, 0)
    return L


@op
def binary_log_loss(p: Any, Y: Any, w: Any = None, /) -> Any:
    """-w Y ln p - (1 - Y) ln(1 - p), elementwise, for p inside (0, 1)."""
    yes = Y if w is None else w * Y
    return (
        -(yes * np.log(p) + (1 - Y) * np.log1p(-p)),
        lambda g: g * ((1 - Y) / (1 - p) - yes / p),  # dL/dp = g ((1 - Y)/(1 - p) - w Y/p)
        lambda g: g * (np.log1p(-p) - (np.log(p) if w is None else w * np.log(p))),  # dL/dY = g (ln(1 - p) - w ln p)
        None,
    )
