"""Clipping: gradients made smaller where they are too large, in place, between `backward()` and `step()`."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from .gradients import gradients, joint, norm
from .naming import Params
from .optimizer import Optimizer
from .settings import between

EPS = 1e-6  # in the scale max_norm / (norm + EPS), as in PyTorch


def clip_by_value(params: Params | Optimizer, limit: float) -> None:
    """Every entry of every gradient cut to [-limit, limit], in place. This changes the gradient's direction.

    Args:
        params: tensors in an iterable or by name, a model to walk, or the optimizer. Those without a gradient are
            skipped; row-sparse gradients stay sparse.
        limit: >= 0.

    Raises:
        TypeError, ValueError: `params` or `limit` is none of these; nothing is changed.

    >>> from pureml_core import Parameter
    >>> w = Parameter([0.0, 0.0, 0.0])
    >>> w.grad = [-3.0, 0.5, 2.0]
    >>> clip_by_value([w], 1)
    >>> w.grad.tolist()
    [-1.0, 0.5, 1.0]
    """
    limit = between(0)("clip_by_value: limit", limit)
    for g in gradients(params, "clip_by_value").values():
        with np.errstate(over="ignore"):  # a limit beyond the range of float32 is none
            np.clip(g, -limit, limit, out=g)


def clip_by_norm(params: Params | Optimizer, max_norm: float, *, error_if_nonfinite: bool = False) -> None:
    """Every gradient scaled down, in place, so that its own 2-norm is at most `max_norm`.

    A gradient that is not finite has no direction that could be kept: it stays as it is.

    Args:
        params: as in `clip_by_value`.
        max_norm: >= 0.
        error_if_nonfinite: raise instead, and change nothing.

    Raises:
        ValueError: a norm is not finite, with `error_if_nonfinite`.

    >>> from pureml_core import Parameter
    >>> a, b = Parameter([0.0, 0.0]), Parameter([0.0])
    >>> a.grad, b.grad = [3.0, 4.0], [0.5]
    >>> clip_by_norm([a, b], 1)
    >>> a.grad.round(3).tolist(), b.grad.tolist()
    ([0.6000000238418579, 0.800000011920929], [0.5])
    """
    max_norm = between(0)("clip_by_norm: max_norm", max_norm)
    found = gradients(params, "clip_by_norm")
    norms = {name: norm(g) for name, g in found.items()}
    if error_if_nonfinite:
        _check_finite("clip_by_norm", norms)
    for name, g in found.items():
        _shrink(g, max_norm, norms[name])


def clip_by_global_norm(
    params: Params | Optimizer, max_norm: float, *, norm_type: float = 2.0, error_if_nonfinite: bool = False
) -> float:
    """All gradients scaled down together, in place, so that their joint norm is at most `max_norm`.

    The direction of the step is kept: g ← g · min(1, max_norm / (‖g‖ + 10⁻⁶)), with ‖g‖ over all parameters (Pascanu,
    Mikolov & Bengio 2013, algorithm 1). Where ‖g‖ is nan or infinite there is no direction that could be kept: all
    gradients stay as they are, and the caller sees it in what is returned.

    Args:
        params: as in `clip_by_value`; the optimizer is the quickest, as a model is walked at every call.
        max_norm: >= 0.
        norm_type: 2, or inf for the largest absolute value.
        error_if_nonfinite: raise instead, and change nothing.

    Returns:
        ‖g‖ before clipping; 0 if nothing has a gradient.

    Raises:
        ValueError: ‖g‖ is not finite, with `error_if_nonfinite`; it names the parameters.

    >>> from pureml_core import Parameter
    >>> a, b = Parameter([0.0, 0.0]), Parameter([0.0])
    >>> a.grad, b.grad = [3.0, 0.0], [4.0]
    >>> clip_by_global_norm([a, b], 1.0)
    5.0
    >>> round(clip_by_global_norm([a, b], 1.0), 5)
    1.0
    """
    max_norm = between(0)("clip_by_global_norm: max_norm", max_norm)
    found = gradients(params, "clip_by_global_norm")
    norms = _norms(found, "clip_by_global_norm", norm_type)
    total = joint(norms.values(), norm_type)
    if error_if_nonfinite:
        _check_finite("clip_by_global_norm", norms)
    for g in found.values():
        _shrink(g, max_norm, total)
    return total


def global_norm(params: Params | Optimizer, *, norm_type: float = 2.0) -> float:
    """The joint norm of all gradients, which stay as they are; 0 if nothing has a gradient.

    Args:
        params, norm_type: as in `clip_by_global_norm`.

    >>> from pureml_core import Parameter
    >>> w = Parameter([0.0, 0.0])
    >>> w.grad = [3.0, -4.0]
    >>> global_norm([w]), global_norm([w], norm_type=float("inf"))
    (5.0, 4.0)
    """
    return joint(_norms(gradients(params, "global_norm"), "global_norm", norm_type).values(), norm_type)


def _norms(found: Mapping[str, np.ndarray], where: str, norm_type: float) -> dict[str, float]:
    if norm_type not in (2, math.inf):
        raise ValueError(f"{where}: norm_type: given {norm_type!r}, needed 2 or inf")
    return {name: norm(g, norm_type) for name, g in found.items()}


def _shrink(g: np.ndarray, max_norm: float, of: float) -> None:
    scale = max_norm / (of + EPS)
    if math.isfinite(of) and scale < 1:
        g *= scale


def _check_finite(where: str, norms: Mapping[str, float]) -> None:
    if wrong := [f"{name!r} ({n})" for name, n in norms.items() if not math.isfinite(n)]:
        raise ValueError(f"{where}: gradients whose norm is not finite: {', '.join(wrong)}; nothing was changed; "
                         "detect_anomaly() finds the operation they come from")  # fmt: skip
