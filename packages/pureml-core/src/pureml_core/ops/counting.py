"""Counting with weights."""

import numpy as np

from ..op import op

__all__ = ["bincount"]


@op(numpy=np.bincount, bind=lambda x, weights=None, minlength=0: ((x, weights), {"minlength": minlength}))
def bincount(x, weights=None, /, minlength=0):
    """How often 0, 1, 2, ... occur in a vector of whole numbers, or the sums of their weights: yₖ = Σ wᵢ [xᵢ = k].

    Gradients flow into the weights. Sums are in double precision, as in NumPy.
    """
    return np.bincount(x, weights, minlength), None, lambda g: g[x]  # wᵢ is part of the sum at xᵢ
