"""What the losses share: checked pairs of target and prediction, labels, reductions."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
from pureml_core import Tensor, op


def prediction(loss: str, Y_hat: Any) -> Tensor:
    """A prediction as a Tensor of floating numbers."""
    given = Y_hat if isinstance(Y_hat, Tensor) else Tensor(Y_hat)
    if given.dtype.kind != "f":
        raise TypeError(
            f"{loss}: given predictions of dtype {given.dtype}, needed floating ones; the target comes first"
        )
    return given


def paired(loss: str, Y: Any, Y_hat: Any, remedy: str = "; reshape one of them") -> tuple[Tensor, Tensor]:
    """Target and prediction as Tensors of one shape and the prediction's dtype."""
    Y_hat = prediction(loss, Y_hat)
    Y = Y if isinstance(Y, Tensor) else Tensor(Y)
    if Y.shape != Y_hat.shape:
        raise ValueError(
            f"{loss}: given targets of shape {Y.shape} and predictions of shape {Y_hat.shape}, needed equal shapes"
            + remedy
        )
    if Y.dtype.kind not in "fiub":
        raise TypeError(f"{loss}: given targets of dtype {Y.dtype}, needed real numbers")
    return Y if Y.dtype == Y_hat.dtype else Y.astype(Y_hat.dtype), Y_hat


def reduced(loss: str, L: Tensor, reduction: str, total: float | None = None) -> Tensor:
    """The mean or the sum of the losses of all samples, or these as they are.

    Args:
        total: what the sum is divided by for the mean; the number of samples when None.
    """
    divisor = divisor_of(loss, L.shape, reduction, total)
    if reduction == "mean":
        return L.mean() if total is None else L.sum() / divisor
    return L if divisor is None else L.sum()


def divisor_of(loss: str, shape: tuple[int, ...], reduction: str, total: float | None = None) -> float | None:
    """What the sum of the losses, an array of `shape`, is divided by: their number, `total`, 1, or None: no sum."""
    if reduction == "mean":
        n = math.prod(shape)
        if n == 0 or total == 0:
            what = "all labels are ignored or have weight 0" if n else f"losses of shape {shape}"
            raise ValueError(f"{loss}: {what}: there is no mean over no entries; reduction='sum' gives 0")
        return n if total is None else total
    if reduction in ("sum", "none"):
        return 1 if reduction == "sum" else None
    raise ValueError(f"{loss}: given reduction={reduction!r}, needed 'mean', 'sum' or 'none'")


def smoothing(loss: str, amount: float) -> float:
    """The label smoothing as a Python float: a NumPy scalar would make float32 targets float64."""
    if not 0 <= amount <= 1:
        raise ValueError(f"{loss}: given label_smoothing={amount!r}, needed 0 to 1")
    return float(amount)


def smallest(p: Tensor) -> float:
    """The smallest distance from 0 and 1 that a probability keeps: its logarithm must stay finite."""
    return max(1e-12, float(np.finfo(p.dtype).eps))


def labels_needed(Y: Any, Y_hat: Tensor) -> str:
    """What an error says of labels that do not fit the predictions."""
    needed = f"integer labels of shape {Y_hat.shape[:-1]}: the last axis holds the classes"
    if Y_hat.ndim > 2 and Y.shape == Y_hat.shape[:1] + Y_hat.shape[2:]:  # (B, ...) for (B, K, ...)
        needed += "; np.moveaxis(Y_hat, 1, -1) puts it there"
    return needed


def labels_of(loss: str, Y: Any, Y_hat: Tensor, ignore_index: int | None = None) -> tuple[Any, Any]:
    """Integer labels of the predictions' classes as (labels, ignored).

    Ignored labels are 0, and `ignored` says which they are, or is None if there are none.
    """
    given = Y.data if isinstance(Y, Tensor) else np.asarray(Y)
    classes = Y_hat.shape[-1] if Y_hat.ndim else 0
    if given.dtype.kind not in "iu" or given.shape != Y_hat.shape[:-1] or not classes:
        raise ValueError(
            f"{loss}: given targets of dtype {given.dtype} and shape {given.shape} for predictions of shape "
            f"{Y_hat.shape}, needed {labels_needed(given, Y_hat)}"
        )
    ignored = None
    if ignore_index is not None:
        ignored = given == ignore_index
        if ignored.any():
            given = np.where(ignored, 0, given)
        else:
            ignored = None
    labels = given.astype(np.intp, copy=False)
    if labels.size and labels.view(np.uintp).max() >= classes:  # negative ones are huge there
        raise ValueError(
            f"{loss}: given labels from {given.min()} to {given.max()}, needed 0 to {classes - 1}: the predictions "
            f"have {classes} classes"
        )
    return labels, ignored


def class_weights(loss: str, weight: Any, Y_hat: Tensor) -> Any:
    """One constant weight for each class, in the prediction's dtype, or None."""
    if weight is None:
        return None
    w = np.asarray(weight, Y_hat.dtype)
    if w.shape != Y_hat.shape[-1:] or not (w >= 0).all():
        raise ValueError(
            f"{loss}: given class weights of shape {w.shape} from {w.min(initial=np.inf)}, needed {Y_hat.shape[-1:]}: "
            "a number >= 0 for each class"
        )
    return w


def scale_of(labels: Any, ignored: Any, weight: Any, dtype: Any) -> Any:
    """The weight of each sample, that of its class and 0 for the ignored; None if all count once."""
    scale = None if weight is None else weight[labels]
    if ignored is not None:
        counted = np.logical_not(ignored).astype(dtype)
        scale = counted if scale is None else scale * counted
    return scale


def scaled(L: Any, scale: Any) -> Any:
    """L times the weight of each sample. Weight 0 gives 0, also for an infinite loss."""
    return L if scale is None else np.where(scale == 0, 0.0, L) * scale


def warn_of_probabilities(loss: str, Y_hat: Tensor, needed: str) -> None:
    """Warn, at the line that called the loss, if the first rows are distributions. Looks at a few numbers only."""
    z = Y_hat.data
    if z.shape[-1] < 2 or z.size == 0:
        return
    first = z[(0,) * (z.ndim - 1)]
    if min(first[:8].tolist()) < 0:
        return
    rows = z.reshape(-1, z.shape[-1])[:8]
    if (rows >= 0).all() and (np.abs(rows.sum(axis=-1) - 1) <= max(1e-5, 8 * float(np.finfo(z.dtype).eps))).all():
        warnings.warn(
            f"{loss}: the predictions look like probabilities (rows >= 0 that add up to 1), needed {needed}; softmax "
            "would be applied a second time. Leave the softmax out, or from_logits=True",
            UserWarning,
            stacklevel=3,
        )


@op(linear=True)
def clipped(x: Any, /, low: float, high: float) -> Any:
    """x kept inside [low, high]. The gradient passes through unchanged, also from outside."""
    return np.clip(x, low, high), lambda g: g


@op(linear=True)
def picked(x: Any, labels: Any, /) -> Any:
    """The entry of x that each label names: (..., K) with labels (...) gives (...)."""
    classes = x.shape[-1]
    y = x.reshape(-1, classes)[np.arange(labels.size), labels.reshape(-1)].reshape(labels.shape)
    return y, lambda g: placed(g, labels, classes=classes), None  # dL/dx is 0 but for the entries that were named


@op(linear=True)
def placed(y: Any, labels: Any, /, classes: int) -> Any:
    """y at the position that each label names, among zeros: (...) with labels (...) gives (..., classes)."""
    x = np.zeros((labels.size, classes), y.dtype)
    x[np.arange(labels.size), labels.reshape(-1)] = y.reshape(-1)
    return x.reshape((*labels.shape, classes)), lambda g: picked(g, labels), None
