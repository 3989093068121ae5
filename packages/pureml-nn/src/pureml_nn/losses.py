"""Losses: (target, prediction) -> a scalar tensor, the mean over all predictions.

Targets come first. They are cast to the prediction's dtype and must have its shape: nothing broadcasts here.
Gradients flow into both, where they are tracked.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from pureml_core import Tensor, log_softmax, op, sigmoid


def MSE(Y: Any, Y_hat: Any) -> Tensor:
    """Mean squared error: the mean of (Ŷ - Y)² over all entries.

    Args:
        Y: targets, of any shape.
        Y_hat: predictions, of the same shape.

    Raises:
        ValueError: the shapes differ, or there are no entries.
    """
    Y, Y_hat = _paired("MSE", Y, Y_hat)
    return np.square(Y_hat - Y).mean()  # type: ignore[no-any-return]


def BCE(Y: Any, Y_hat: Any, *, from_logits: bool = False, label_smoothing: float = 0.0) -> Tensor:
    """Binary cross-entropy: the mean of -Y ln p - (1 - Y) ln(1 - p) over all entries.

    Args:
        Y: targets in [0, 1], of any shape.
        Y_hat: predictions of the same shape: probabilities p, or logits z with p = sigmoid(z) for `from_logits`.
            Probabilities are clipped to [ε, 1 - ε], with ε = 1e-12 in float64 and 1.2e-7 in float32; their
            gradient is taken at the clipped value, so that a saturated prediction can still learn.
        label_smoothing: e in [0, 1] replaces Y by (1 - e) Y + e/2.

    Raises:
        ValueError: the shapes differ, there are no entries, or `label_smoothing` is outside [0, 1].
    """
    Y, Y_hat = _paired("BCE", Y, Y_hat)
    Y = _smoothed("BCE", Y, label_smoothing, 2)
    if from_logits:
        return binary_cross_entropy(Y_hat, Y).mean()  # type: ignore[no-any-return]
    tiny = _tiny(Y_hat)
    p = clipped(Y_hat, tiny, 1 - tiny)
    return -(Y * np.log(p) + (1 - Y) * np.log1p(-p)).mean()  # type: ignore[no-any-return]


def CCE(Y: Any, Y_hat: Any, *, from_logits: bool = False, label_smoothing: float = 0.0) -> Tensor:
    """Categorical cross-entropy: -Σ Y ln p over the last axis, the K classes, and the mean over all other axes.

    Args:
        Y: targets: one-hot rows or distributions of the predictions' shape (..., K), or integer class labels
            0 to K - 1 of shape (...).
        Y_hat: predictions (..., K): probabilities p, or logits z with p = softmax(z) for `from_logits`.
            Probabilities are clipped to [ε, 1], with ε = 1e-12 in float64 and 1.2e-7 in float32; their gradient is
            taken at the clipped value.
        label_smoothing: e in [0, 1] replaces Y by (1 - e) Y + e/K.

    Raises:
        ValueError: the shapes do not match, there are no entries, a label is not a class, or `label_smoothing` is
            outside [0, 1].
    """
    Y_hat = _prediction("CCE", Y_hat)
    if Y_hat.ndim == 0:
        raise ValueError("CCE: given predictions without an axis; the last axis holds the classes: (..., K)")
    Y = Y if isinstance(Y, Tensor) else Tensor(Y)
    if Y.dtype.kind in "iu" and Y.shape == Y_hat.shape[:-1]:
        Y = _one_hot(Y.data, Y_hat)
    Y, Y_hat = _paired("CCE", Y, Y_hat)
    Y = _smoothed("CCE", Y, label_smoothing, Y_hat.shape[-1])
    if from_logits:
        return cross_entropy(Y_hat, Y)  # type: ignore[no-any-return]
    p = clipped(Y_hat, _tiny(Y_hat), 1.0)
    return -(Y * np.log(p)).sum(axis=-1).mean()  # type: ignore[no-any-return]


@op
def binary_cross_entropy(z: Any, Y: Any, /) -> Any:
    """-Y ln p - (1 - Y) ln(1 - p) with p = sigmoid(z), elementwise, written so that nothing overflows."""
    return (
        np.maximum(z, 0.0) - z * Y + np.log1p(np.exp(-np.abs(z))),
        lambda g: g * (sigmoid(z) - Y),  # type: ignore[no-untyped-call]  # dL/dz = g (p - Y)
        lambda g: -g * z,  # dL/dY = -g z
    )


def _cross_entropy(z: Any, Y: Any) -> Any:
    log_p = _finite_where_unused(log_softmax(z), Y)  # type: ignore[no-untyped-call]
    return -(Y * log_p).sum(axis=-1).mean()


@op(definition=_cross_entropy)
def cross_entropy(z: Any, Y: Any, /) -> Any:
    """-Σ Y ln softmax(z) over the last axis, the mean over the others. Rows of Y need not sum to 1."""
    z = z - np.max(z, axis=-1, keepdims=True)
    e = np.exp(z)
    total = np.sum(e, axis=-1, keepdims=True)
    log_p = _finite_where_unused(z - np.log(total), Y)
    n = log_p.size // log_p.shape[-1]

    def vjp_z(g: Any) -> Any:  # dL/dz = (p ΣY - Y) g / n
        dz = e * (np.sum(Y, axis=-1, keepdims=True) / total)
        dz -= Y
        dz *= g / n
        return dz

    return -np.sum(Y * log_p) / n, vjp_z, lambda g: log_p * (-g / n)


def _finite_where_unused(log_p: Any, Y: Any) -> Any:
    """ln p with 0 for the impossible classes, ln 0 = -∞, that no target asks for: 0 · ln 0 = 0."""
    unused = np.logical_and(np.isinf(log_p), Y == 0)
    return np.where(unused, 0.0, log_p) if np.any(unused) else log_p


@op(linear=True)
def clipped(x: Any, /, low: float, high: float) -> Any:
    """x kept inside [low, high]. The gradient passes through unchanged, also from outside."""
    return np.clip(x, low, high), lambda g: g


def _tiny(p: Tensor) -> float:
    """The smallest distance from 0 and 1 that a probability keeps: its logarithm must stay finite."""
    return max(1e-12, float(np.finfo(p.dtype).eps))


def _prediction(loss: str, Y_hat: Any) -> Tensor:
    prediction = Y_hat if isinstance(Y_hat, Tensor) else Tensor(Y_hat)
    if prediction.dtype.kind != "f":
        raise TypeError(
            f"{loss}: given predictions of dtype {prediction.dtype}, needed floating ones; the target comes first"
        )
    return prediction


def _paired(loss: str, Y: Any, Y_hat: Any) -> tuple[Tensor, Tensor]:
    """Target and prediction as Tensors of one shape and the prediction's dtype."""
    Y_hat = _prediction(loss, Y_hat)
    Y = Y if isinstance(Y, Tensor) else Tensor(Y)
    if Y.shape != Y_hat.shape:
        raise ValueError(
            f"{loss}: given targets of shape {Y.shape} and predictions of shape {Y_hat.shape}, needed equal shapes"
            + (f", or integer labels of shape {Y_hat.shape[:-1]}" if loss == "CCE" else "; reshape one of them")
        )
    if Y_hat.size == 0:
        raise ValueError(f"{loss}: given predictions of shape {Y_hat.shape}: there is no mean over no entries")
    if Y.dtype.kind not in "fiub":
        raise TypeError(f"{loss}: given targets of dtype {Y.dtype}, needed real numbers")
    return Y.astype(Y_hat.dtype), Y_hat


def _smoothed(loss: str, Y: Tensor, amount: float, classes: int) -> Tensor:
    if not 0 <= amount <= 1:
        raise ValueError(f"{loss}: given label_smoothing={amount!r}, needed 0 to 1")
    amount = float(amount)  # a NumPy scalar would make float32 targets float64
    return Y if amount == 0 else Y * (1 - amount) + amount / classes


def _one_hot(labels: np.ndarray, Y_hat: Tensor) -> Tensor:
    classes = Y_hat.shape[-1]
    if labels.size and (labels.min() < 0 or labels.max() >= classes):
        raise ValueError(
            f"CCE: given labels from {labels.min()} to {labels.max()}, needed 0 to {classes - 1}: the predictions have "
            f"{classes} classes"
        )
    rows = np.zeros((labels.size, classes), Y_hat.dtype)
    rows[np.arange(labels.size), labels.ravel()] = 1
    return Tensor(rows.reshape(Y_hat.shape))
