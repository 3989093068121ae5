"""Losses of distances and margins."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from pureml_core import Tensor, norm

from ..activations import relu
from .common import class_weights, labels_of, paired, picked, prediction, reduced


def CosineSimilarity(Y: Any, Y_hat: Any, *, eps: float = 1e-8, reduction: str = "mean") -> Tensor:
    """1 - cos(Y, Ŷ) of the vectors along the last axis, the mean over all other axes: 0 to 2.

    Args:
        Y: targets (..., n).
        Y_hat: predictions of the same shape.
        eps: the least length that counts, so that a vector of zeros has cosine 0 and a finite gradient.
        reduction: "mean", "sum", or "none" for one loss (...) a vector.

    Raises:
        ValueError: the shapes differ or have no axis, or there are no entries for the mean.
    """
    Y, Y_hat = paired("CosineSimilarity", Y, Y_hat)
    if Y.ndim == 0:
        raise ValueError("CosineSimilarity: given single numbers, needed vectors along the last axis: (..., n)")
    least = float(eps) ** 2
    lengths = np.sqrt(np.maximum(np.square(Y).sum(-1), least)) * np.sqrt(np.maximum(np.square(Y_hat).sum(-1), least))
    return reduced("CosineSimilarity", 1 - (Y * Y_hat).sum(-1) / lengths, reduction)


def Hinge(Y: Any, Y_hat: Any, *, margin: float = 1.0, reduction: str = "mean") -> Tensor:
    """Hinge loss: the mean of max(0, margin - Y Ŷ) over all entries, the loss of a support-vector machine.

    Args:
        Y: targets, -1 or 1, of any shape (soft ones in between weigh the answer).
        Y_hat: scores, of the same shape.
        reduction: "mean", "sum", or "none" for one loss an entry.

    Raises:
        ValueError: the shapes differ, a target is 0, or there are no entries for the mean.
    """
    Y, Y_hat = paired("Hinge", Y, Y_hat)
    if (Y.data == 0).any():
        raise ValueError("Hinge: given the target 0, needed -1 and 1; 2 * Y - 1 makes them of 0 and 1")
    return reduced("Hinge", relu(float(margin) - Y * Y_hat), reduction)


def MultiMargin(
    Y: Any, Y_hat: Any, *, p: int = 1, margin: float = 1.0, weight: Any = None, reduction: str = "mean"
) -> Tensor:
    """Hinge loss of classes: Σ max(0, margin - ŷ[label] + ŷ[k])^p / K over the other classes k, the mean over samples.

    Crammer & Singer 2001, with the sum in place of the maximum (Weston & Watkins 1999).

    Args:
        Y: integer class labels (...), 0 to K - 1.
        Y_hat: scores (..., K).
        p: 1 or 2.
        weight: one number for each class; the mean divides by the number of samples all the same.
        reduction: "mean", "sum", or "none" for one loss (...) a sample.

    Raises:
        ValueError: Y are no labels of the predictions' classes, p is another, or there are no entries for the mean.
    """
    if p not in (1, 2):
        raise ValueError(f"MultiMargin: given p={p!r}, needed 1 or 2")
    Y_hat = prediction("MultiMargin", Y_hat)
    labels, _ = labels_of("MultiMargin", Y, Y_hat)
    classes = Y_hat.shape[-1]
    others = (labels[..., None] != np.arange(classes)).astype(Y_hat.dtype)
    short = relu(Y_hat - picked(Y_hat, labels)[..., None] + float(margin)) * others
    rows = (short if p == 1 else np.square(short)).sum(axis=-1) / classes
    w = class_weights("MultiMargin", weight, Y_hat)
    return reduced("MultiMargin", rows if w is None else rows * w[labels], reduction)


def Triplet(
    anchor: Any,
    positive: Any,
    negative: Any,
    *,
    margin: float = 1.0,
    p: float = 2.0,
    eps: float = 1e-6,
    swap: bool = False,
    reduction: str = "mean",
) -> Tensor:
    """Triplet loss: the mean of max(0, d(anchor, positive) - d(anchor, negative) + margin).

    The anchor shall be nearer to the positive than to the negative; d(a, b) = ‖a - b + eps‖ₚ along the last axis
    (Schroff et al. 2015, "FaceNet", eq. 3, with lengths in place of squares).

    Args:
        anchor, positive, negative: (..., n), of one shape and dtype (that of the anchor).
        p: of the norm, >= 1.
        swap: use the negative's distance to the positive where that is smaller (Balntas et al. 2016).
        reduction: "mean", "sum", or "none" for one loss (...) a triplet.

    Raises:
        ValueError: the shapes differ or have no axis, a setting is out of range, or there are no entries for the mean.
    """
    if not 1 <= p < math.inf:
        raise ValueError(f"Triplet: given p={p!r}, needed a number >= 1")
    positive, anchor = paired("Triplet", positive, anchor)
    negative, anchor = paired("Triplet", negative, anchor)
    if anchor.ndim == 0:
        raise ValueError("Triplet: given single numbers, needed vectors along the last axis: (..., n)")

    def d(a: Any, b: Any) -> Any:
        return norm(a - b + float(eps), float(p), axis=-1)

    far = d(anchor, negative)
    if swap:
        far = np.minimum(far, d(positive, negative))
    return reduced("Triplet", relu(d(anchor, positive) - far + float(margin)), reduction)
