"""Losses of distributions over classes, which are the last axis of the predictions."""

from __future__ import annotations

from typing import Any

import numpy as np
from pureml_core import Tensor, log_softmax, op

from .common import (
    class_weights,
    clipped,
    divisor_of,
    labels_needed,
    labels_of,
    paired,
    picked,
    prediction,
    reduced,
    scale_of,
    scaled,
    smallest,
    smoothing,
    warn_of_probabilities,
)


def CCE(
    Y: Any,
    Y_hat: Any,
    *,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    weight: Any = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Categorical cross-entropy: -Σ Y ln p over the last axis, the K classes, and the mean over all other axes.

    Args:
        Y: targets: one-hot rows or distributions of the predictions' shape (..., K), or integer class labels
            0 to K - 1 of shape (...).
        Y_hat: predictions (..., K): probabilities p, or logits z with p = softmax(z) for `from_logits`. Logits may be
            -∞ (masked). Probabilities are clipped to [ε, 1], with ε = 1e-12 in float64 and 1.2e-7 in float32; their
            gradient is taken at the clipped value.
        label_smoothing: e in [0, 1] replaces Y by (1 - e) Y + e/K.
        weight: one number w >= 0 for each class: -Σ w Y ln p. For labels the mean is weighted, it divides by the sum
            of the labels' weights; for rows it divides by their number.
        ignore_index: samples with this label count nowhere, neither in the sum nor in what the mean divides by.
        reduction: "mean", "sum", or "none" for one loss (...) a sample.

    Raises:
        ValueError: the shapes do not match, a label is not a class, there are no entries for the mean, a setting is
            out of range, or `ignore_index` comes with targets that are no labels.

    Warns:
        UserWarning: `from_logits`, and the predictions look like the output of a softmax.

    >>> z = [[2.0, 0.0, -1.0], [0.0, 3.0, 0.0]]
    >>> round(float(CCE([0, 1], z, from_logits=True)), 4)
    0.1324
    """
    Y_hat = prediction("CCE", Y_hat)
    if Y_hat.ndim == 0:
        raise ValueError("CCE: given predictions without an axis; the last axis holds the classes: (..., K)")
    Y = Y if isinstance(Y, Tensor) else Tensor(Y)
    e = smoothing("CCE", label_smoothing)
    weight = class_weights("CCE", weight, Y_hat)
    if from_logits:
        warn_of_probabilities("CCE", Y_hat, "logits")
    if Y.dtype.kind in "iu" and Y.shape == Y_hat.shape[:-1]:
        labels, ignored = labels_of("CCE", Y, Y_hat, ignore_index)
        scale = scale_of(labels, ignored, weight, Y_hat.dtype)
        total = None if scale is None else float(scale.sum())
        if e:
            Y = _smoothed_rows(labels, ignored, weight, e, Y_hat)
        elif from_logits:
            divisor = divisor_of("CCE", labels.shape, reduction, total)
            return label_cross_entropy(Y_hat, labels, scale, divisor=divisor)  # type: ignore[no-any-return]
        else:
            rows = scaled(-np.log(clipped(picked(Y_hat, labels), smallest(Y_hat), 1.0)), scale)
            return reduced("CCE", rows, reduction, total)
        return _of_rows("CCE", Y, Y_hat, from_logits, reduction, total)
    Y, Y_hat = paired("CCE", Y, Y_hat, f", or {labels_needed(Y, Y_hat)}")
    if ignore_index is not None:
        raise ValueError("CCE: given ignore_index with rows as targets, needed integer labels; or weigh the rows")
    if Y_hat.shape[-1] == 0:
        raise ValueError(f"CCE: predictions of shape {Y_hat.shape} hold no class: there is no mean over no entries")
    if e:
        Y = Y * (1 - e) + e / Y_hat.shape[-1]
    return _of_rows("CCE", Y if weight is None else Y * weight, Y_hat, from_logits, reduction)


def NLL(Y: Any, Y_hat: Any, *, weight: Any = None, ignore_index: int | None = None, reduction: str = "mean") -> Tensor:
    """Negative log-likelihood: the mean of -ln p at the label, where the predictions are ln p already.

    `NLL(Y, log_softmax(z))` is `CCE(Y, z, from_logits=True)`.

    Args:
        Y: integer class labels (...), 0 to K - 1.
        Y_hat: logarithms of probabilities (..., K).
        weight, ignore_index, reduction: as for `CCE`.

    Raises:
        ValueError: Y are no labels of the predictions' classes, or there are no entries for the mean.

    Warns:
        UserWarning: the predictions look like probabilities.
    """
    Y_hat = prediction("NLL", Y_hat)
    labels, ignored = labels_of("NLL", Y, Y_hat, ignore_index)
    warn_of_probabilities("NLL", Y_hat, "their logarithms")
    scale = scale_of(labels, ignored, class_weights("NLL", weight, Y_hat), Y_hat.dtype)
    rows = scaled(-picked(Y_hat, labels), scale)
    return reduced("NLL", rows, reduction, None if scale is None else float(scale.sum()))


def KLDivergence(Y: Any, Y_hat: Any, *, from_logits: bool = False, reduction: str = "mean") -> Tensor:
    """Kullback-Leibler divergence Σ Y ln(Y / p) over the last axis, the mean over all other axes.

    What `CCE` adds to the entropy of Y: 0 where the prediction is the target (Kullback & Leibler 1951).

    Args:
        Y: distributions (..., K).
        Y_hat: predictions (..., K): probabilities, clipped as for `CCE`, or for `from_logits` logits, of which
            logarithms of probabilities are a case.
        reduction: "mean", "sum", or "none" for one divergence (...) a sample.

    Raises:
        ValueError: the shapes differ, or there are no entries for the mean.

    Warns:
        UserWarning: `from_logits`, and the predictions look like the output of a softmax.
    """
    Y, Y_hat = paired("KLDivergence", Y, Y_hat)
    if Y_hat.ndim == 0 or Y_hat.shape[-1] == 0:
        raise ValueError(f"KLDivergence: given predictions of shape {Y_hat.shape}, needed (..., K) with K classes")
    if from_logits:
        warn_of_probabilities("KLDivergence", Y_hat, "logits or logarithms of probabilities")
    cross = _of_rows("KLDivergence", Y, Y_hat, from_logits, reduction)
    return cross + reduced("KLDivergence", x_ln_x(Y).sum(axis=-1), reduction)


def _of_rows(
    loss: str, Y: Tensor, Y_hat: Tensor, from_logits: bool, reduction: str, total: float | None = None
) -> Tensor:
    """-Σ Y ln p of every row, reduced."""
    if from_logits:
        divisor = divisor_of(loss, Y_hat.shape[:-1], reduction, total)
        return cross_entropy(Y_hat, Y, divisor=divisor)  # type: ignore[no-any-return]
    rows = -(Y * np.log(clipped(Y_hat, smallest(Y_hat), 1.0))).sum(axis=-1)
    return reduced(loss, rows, reduction, total)


def _smoothed_rows(labels: Any, ignored: Any, weight: Any, e: float, Y_hat: Tensor) -> Tensor:
    """The targets w ((1 - e) one_hot + e/K), 0 for ignored samples."""
    classes = Y_hat.shape[-1]
    Y = np.full((labels.size, classes), e / classes, Y_hat.dtype)
    Y[np.arange(labels.size), labels.reshape(-1)] += 1 - e
    if weight is not None:
        Y *= weight
    if ignored is not None:
        Y[ignored.reshape(-1)] = 0
    return Tensor(Y.reshape(Y_hat.shape))


def _cross_entropy(z: Any, Y: Any, divisor: float | None = None) -> Any:
    ln_p = log_softmax(z)
    rows = -(Y * np.where(_unused(ln_p, Y), 0.0, ln_p)).sum(axis=-1)
    return rows if divisor is None else rows.sum() / divisor


@op(definition=_cross_entropy)
def cross_entropy(z: Any, Y: Any, /, divisor: float | None = None) -> Any:
    """-Σ Y ln softmax(z) over the last axis: (..., K) with (..., K) gives (...), or with `divisor` their sum / divisor.

    Rows of Y need not sum to 1.
    """
    shape = z.shape
    z, Y = (np.reshape(x, (-1, shape[-1])) for x in (z, Y))
    z, e, total = _softmax_parts(z)
    sums = row_sums(Y)
    if z.size and not z.min() > -np.inf:  # masked
        z = np.where(_unused(z, Y), 0.0, z)
    L = sums * np.log(total) - np.einsum("nk,nk->n", Y, z)

    def vjp_z(g: Any) -> Any:  # dL/dz = g (p ΣY - Y)
        g = _of_each(g, divisor)
        dz = e * (g * sums / total)[:, None]
        dz -= Y * (g if g.ndim == 0 else g[:, None])
        return dz.reshape(shape)

    def vjp_Y(g: Any) -> Any:  # dL/dY = -g ln p
        g = _of_each(g, divisor)
        return ((np.log(total)[:, None] - z) * (g if g.ndim == 0 else g[:, None])).reshape(shape)

    return _summed(L, divisor, shape[:-1]), vjp_z, vjp_Y


def _label_cross_entropy(z: Any, labels: Any, scale: Any = None, divisor: float | None = None) -> Any:
    rows = scaled(-picked(log_softmax(z), labels), scale)
    return rows if divisor is None else rows.sum() / divisor


@op(definition=_label_cross_entropy)
def label_cross_entropy(z: Any, labels: Any, scale: Any = None, /, divisor: float | None = None) -> Any:
    """-ln softmax(z) at the label, times `scale`: (..., K) with labels (...) gives (...), or their sum / divisor."""
    shape, classes = z.shape, z.shape[-1]
    z = np.ascontiguousarray(z).reshape(-1, classes)
    at = labels.reshape(-1) + np.arange(0, z.size, classes)  # the labels' entries in the flat array
    scale = None if scale is None else scale.reshape(-1)
    if z.size and z.dtype.itemsize > 2 and z.min() > -NEAR and z.max() < NEAR:
        e = np.exp(z)
        total = row_sums(e)
        L = np.log(total / e.take(at))
    else:
        z, e, total = _softmax_parts(z)
        L = np.log(total) - z.take(at)

    def vjp(g: Any) -> Any:  # dL/dz = g (p - one_hot)
        g = _of_each(g, divisor)
        g = g if scale is None else g * scale
        dz = e * (g / total)[:, None]
        dz.reshape(-1)[at] -= g
        if scale is not None:
            dz[scale == 0] = 0  # also where all logits are masked
        return dz.reshape(shape)

    return _summed(scaled(L, scale), divisor, labels.shape), vjp, None, None


NEAR = 30  # logits between -30 and 30 need no shift by their maximum: sums and ratios of e^z fit into float32


def _softmax_parts(z: Any) -> tuple[Any, Any, Any]:
    """z - m with the maximum m of each row, e to it, and the rows' sums of that: (N, K), (N, K) and (N,)."""
    short = z.size and z.shape[-1] <= 32  # NumPy reduces short rows several times slower
    m = np.max(np.ascontiguousarray(z.T), axis=0) if short else np.max(z, axis=-1)
    with np.errstate(invalid="ignore"):  # ∞ - ∞
        z = z - m[:, None]
    e = np.exp(z)
    return z, e, row_sums(e)


def row_sums(x: Any) -> Any:
    """Sums over the last axis; NumPy's own adds short rows several times slower."""
    return np.einsum("...k->...", x) if x.shape[-1] <= 1024 else np.sum(x, axis=-1)


def _summed(L: Any, divisor: float | None, shape: tuple[int, ...]) -> Any:
    return L.reshape(shape) if divisor is None else np.add.reduce(L) / divisor


def _of_each(g: Any, divisor: float | None) -> Any:
    """The gradient of the loss of each sample (N,), or one number for all where they were added up."""
    return g.reshape(-1) if divisor is None else g / divisor


def _unused(ln_p: Any, Y: Any) -> Any:
    """The impossible classes, ln 0 = -∞, that no target asks for: 0 · ln 0 = 0."""
    return np.logical_and(np.isinf(ln_p), Y == 0)


@op
def x_ln_x(x: Any, /) -> Any:
    """x ln x, elementwise, 0 at 0. The gradient there is -∞."""
    positive = x > 0
    return (
        x * np.log(np.where(positive, x, 1.0)),
        lambda g: g * (np.log(np.where(positive, x, 0.0)) + 1),  # dL/dx = g (ln x + 1)
    )
