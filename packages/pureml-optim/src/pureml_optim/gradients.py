"""Gradients as arrays: what clipping, accumulation, noise and statistics read and write."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
from pureml_core import Tensor

from .blocks import blocks
from .naming import Params, by_name
from .optimizer import Optimizer

UNTHREADED = 8192  # OpenBLAS starts threads for products of vectors over 10,000, which takes longer than the product


def tensors(params: Params | Optimizer, where: str) -> dict[str, Tensor]:
    """Tensors by name, of whatever an Optimizer takes but a list of groups, or of an Optimizer itself.

    Raises:
        TypeError: something is not a tensor.
        ValueError: there are none, one is given twice, or its dtype is not a real floating one.
    """
    if isinstance(params, Optimizer):
        return {name: t for group in params.groups for name, t in group.params.items()}
    named = by_name(params, 0, where)
    if not named:
        raise ValueError(f"{where}: given no parameters; give tensors, or a model that has some (a generator can be "
                         "read only once)")  # fmt: skip
    seen: set[int] = set()
    for name, t in named.items():
        if id(t) in seen:
            raise ValueError(f"{where}: parameter {name!r}, of shape {t.shape}, is given twice; give it once")
        if t.dtype.kind != "f":
            raise ValueError(f"{where}: parameter {name!r} has dtype {t.dtype}, needed a real floating one")
        seen.add(id(t))
    return named


def gradient(t: Tensor) -> np.ndarray | None:
    """The array that holds a tensor's gradient, to be changed in place; None without one.

    Of a row-sparse gradient that is the values of the touched rows, (k, ...), each row once; the others are zero.
    """
    sparse = t.sparse_grad
    return t.grad if sparse is None else sparse.values


def gradients(params: Params | Optimizer, where: str) -> dict[str, np.ndarray]:
    """The arrays that hold the gradients, by name, of the parameters that have one."""
    return {name: g for name, t in tensors(params, where).items() if (g := gradient(t)) is not None}


def norm(a: np.ndarray, norm_type: float = 2.0) -> float:
    """The 2-norm √Σa², or the largest |a| for `norm_type` inf: of all entries.

    Squares are added up in float64, block by block: a float32 norm is right to the last digit, and does not overflow.
    Where squares of float64 would, the entries are first divided by the largest.
    """
    if norm_type == math.inf:
        return max(float(a.max(initial=0)), -float(a.min(initial=0)))
    flat, total = a.ravel(order="K"), 0.0
    with np.errstate(over="ignore"):
        for here in blocks(flat.size, UNTHREADED):
            block = flat[here].astype(np.float64, copy=False)
            total += float(np.dot(block, block))
    if total == math.inf and math.isfinite(largest := norm(a, math.inf)):
        return largest * norm(a / largest)
    return math.sqrt(total)


def joint(norms: Iterable[float], norm_type: float = 2.0) -> float:
    """The norm of several arrays laid end to end, from those of each; 0 of none."""
    return float(np.max([*norms], initial=0)) if norm_type == math.inf else math.hypot(*norms)
