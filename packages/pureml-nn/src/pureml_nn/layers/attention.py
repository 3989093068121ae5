"""Attention: every position looks at the others and takes a weighted mean of what they offer (Vaswani et al. 2017)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from pureml_core import Tensor, generator, kernel, op, softmax

LIMIT = 40.0  # logits in ±40 have exponentials that no sum over a row, and no quotient, takes out of float32's range


def scaled_dot_product_attention(
    q: Any,
    k: Any,
    v: Any,
    *,
    mask: Any = None,
    causal: bool = False,
    dropout: float = 0.0,
    rng: Any = None,
    scale: float | None = None,
) -> Tensor:
    """Attention, softmax(q kᵀ · scale) v: (..., T, D), (..., S, D) and (..., S, E) give (..., T, E).

    Each of the T queries takes a mean of the S values, weighted by how well it agrees with their keys
    (Vaswani et al. 2017, eq. 1). Leading axes broadcast. A query that may attend to nothing gets 0.

    Args:
        q, k, v: queries, keys and values, Tensors or arrays.
        mask: broadcasts to (..., T, S). Booleans: True where the query may attend to the key. Floating numbers are
            added to the logits q kᵀ · scale, so that -inf forbids; they are differentiated like any other input.
        causal: query i may attend to the keys 0 to i only, on top of the mask.
        dropout: the probability with which each weight is zeroed, the others being scaled by 1 / (1 - dropout).
        rng: a seed or generator for dropout; None makes one.
        scale: of the logits; 1 / √D if not given.

    Raises:
        ValueError: the shapes do not fit, or dropout is outside [0, 1].
        TypeError: q, k or v is not floating, or the mask is neither boolean nor floating.

    >>> X = np.eye(3, dtype=np.float32)
    >>> scaled_dot_product_attention(X, X, X, causal=True).data[0]  # the first position sees only itself
    array([1., 0., 0.], dtype=float32)
    """
    q, k, v = _checked(q, k, v)
    shape = (*np.broadcast_shapes(q.shape[:-2], k.shape[:-2]), q.shape[-2], k.shape[-2])
    allowed = allowed_by(as_mask(mask, shape, q.dtype), causal, shape)
    kept = dropout_factors(shape, dropout, generator(rng), q.dtype) if dropout else None
    return attention(q, k, v, allowed, kept, logit_scale(q, scale))  # type: ignore[no-any-return]


def _logits(q: Any, k: Any, mask: Any, scale: float) -> Any:
    logits = np.matmul(q, np.swapaxes(k, -1, -2)) * scale
    return logits if mask is None or mask.dtype == bool else logits + mask


def attention_weights(q: Any, k: Any, mask: Any = None, scale: float = 1.0) -> Any:
    """softmax(q kᵀ · scale) over the keys, (..., T, S), with the masks of `scaled_dot_product_attention`."""
    logits = _logits(q, k, mask, scale)
    if mask is None:
        return softmax(logits)
    allowed = mask if mask.dtype == bool else mask > -math.inf
    return softmax(np.where(allowed, logits, -1e30)) * allowed  # no row without a sum


def _attention(q: Any, k: Any, v: Any, mask: Any = None, kept: Any = None, scale: float = 1.0) -> Any:
    w = attention_weights(q, k, mask, scale)
    return np.matmul(w if kept is None else w * kept, v)


@op(definition=_attention)
def attention(q: Any, k: Any, v: Any, mask: Any = None, kept: Any = None, /, scale: float = 1.0) -> Any:
    """w v with the weights w = softmax(q kᵀ · scale), masked: see `scaled_dot_product_attention`.

    Args:
        kept: what dropout multiplies the weights by, zeros and 1 / (1 - p).

    What is kept is p = e^logits, of which w = p / Σp; the sums divide the output, which is smaller. The gradient of a
    softmax needs Σⱼ wⱼ dL/dwⱼ, which is Σ g y (Dao et al. 2022, appendix B).
    """
    p = _exponentials(np.matmul(q, _transposed_copy(k, scale)), mask)
    r = _reciprocal_sums(p)
    y = _product(p if kept is None else p * kept, v)
    y *= r
    shared: list[Any] = []  # g and dL/dlogits: three gradients need it

    def logits(g: Any) -> Any:
        if not (shared and shared[0] is g):
            gr = g * r
            ds = np.matmul(gr, _transposed_copy(v))
            if kept is not None:
                ds *= kept
            ds -= np.einsum("...i,...i->...", gr, y)[..., None]
            ds *= p  # dL/ds = w (dL/dw - Σ w dL/dw)
            shared[:] = [g, ds]
        return shared[1]

    def vjp_q(g: Any) -> Any:
        dq = np.matmul(logits(g), k)  # dL/dq = dL/ds k · scale
        dq *= scale
        return dq

    return (
        y,
        vjp_q,
        lambda g: np.matmul(_transposed(logits(g)), q * scale),  # dL/dk = dL/dsᵀ q · scale
        lambda g: np.matmul(_transposed(p if kept is None else p * kept), g * r),  # dL/dv = wᵀ g
        logits,  # a mask that is added has the gradient of what it is added to
        None,
    )


def _exponentials(s: Any, mask: Any) -> Any:
    """e^s where the mask allows and 0 elsewhere, in the memory of s, up to a factor for each row."""
    added = mask is not None and mask.dtype != bool
    if added:
        s += mask
    if s.dtype.itemsize >= 4 and s.max(initial=0) <= LIMIT and s.min(initial=0) >= -LIMIT:  # not so if one is nan
        np.exp(s, out=s)
        if mask is not None and not added:
            s *= mask if mask.size * 4 > s.size else mask.astype(s.dtype)
        return s
    if mask is not None and not added:
        np.copyto(s, -np.inf, where=~mask)
    m = s.max(axis=-1, keepdims=True, initial=-np.inf)
    m[m == -np.inf] = 0  # nothing is allowed: e^(-∞ - 0) = 0
    s -= m
    return np.exp(s, out=s)


def _reciprocal_sums(p: Any) -> Any:
    """1 / Σp for every row, 0 where the sum is 0: (..., S) -> (..., 1)"""
    total = np.matmul(p, np.ones(p.shape[-1], p.dtype))[..., None]
    return np.divide(1, total, out=np.zeros_like(total), where=total != 0)


def _product(w: Any, v: Any) -> Any:
    """w v with the heads, the last leading axis, stored beside each other, so that joining them is a view."""
    lead = np.broadcast_shapes(w.shape[:-2], v.shape[:-2])
    if not lead:
        return np.matmul(w, v)
    memory = np.empty((*lead[:-1], w.shape[-2], lead[-1], v.shape[-1]), np.result_type(w, v))
    return np.matmul(w, v, out=np.swapaxes(memory, -2, -3))


def _transposed(x: Any) -> Any:
    return np.swapaxes(x, -1, -2)


def _transposed_copy(x: Any, scale: float = 1.0) -> Any:
    """xᵀ · scale in memory of its own, which many small products read faster: (..., n, m) -> (..., m, n)"""
    x = _transposed(x)
    return np.multiply(x, scale, out=np.empty(x.shape, x.dtype))


# ---- several heads


@op(linear=True)
def split_heads(x: Any, /, parts: int, heads: int) -> Any:
    """`parts` arrays with `heads` heads each, views of x: (..., T, parts·heads·D) -> parts × (..., heads, T, D)."""
    shape = np.shape(x)
    x = np.reshape(x, (*shape[:-1], parts, heads, shape[-1] // (parts * heads)))
    return tuple(np.swapaxes(x[..., i, :, :], -2, -3) for i in range(parts)), lambda *g: join_heads(*g)


@op(linear=True)
def join_heads(*xs: Any) -> Any:
    """What split_heads undoes: parts × (..., heads, T, D) -> (..., T, parts·heads·D)."""
    parts, heads = len(xs), np.shape(xs[0])[-3]
    return _joined_heads(xs), *[lambda g, i=i: split_heads(g, parts, heads)[i] for i in range(parts)]


@kernel
def _joined_heads(xs: Any) -> Any:
    *lead, heads, T, D = xs[0].shape
    shape = (*lead, T, len(xs) * heads * D)
    if len(xs) == 1:
        return np.reshape(np.swapaxes(xs[0], -2, -3), shape)  # a view of what `attention` returns
    y = np.empty(shape, xs[0].dtype)
    places = y.reshape(*lead, T, len(xs), heads, D)
    for i, x in enumerate(xs):
        places[..., i, :, :] = np.swapaxes(x, -2, -3)
    return y


# ---- masks and checks


def _checked(q: Any, k: Any, v: Any) -> list[Any]:
    tensors = [x if isinstance(x, Tensor) else Tensor(x) for x in (q, k, v)]
    shapes = ", ".join(f"{name} {x.shape}" for name, x in zip("qkv", tensors, strict=True))
    for x in tensors:
        if x.dtype.kind != "f":
            raise TypeError(f"scaled_dot_product_attention: given dtype {x.dtype}, needed floating q, k and v")
    q, k, v = tensors
    if min(x.ndim for x in tensors) < 2 or q.shape[-1] != k.shape[-1] or k.shape[-2] != v.shape[-2]:
        raise ValueError(
            f"scaled_dot_product_attention: given {shapes}, needed (..., T, D), (..., S, D) and (..., S, E): queries "
            "and keys of one width, as many keys as values"
        )
    try:
        np.broadcast_shapes(*(x.shape[:-2] for x in tensors))
    except ValueError:
        raise ValueError(f"scaled_dot_product_attention: given {shapes}, needed leading axes that broadcast") from None
    return tensors


def as_mask(mask: Any, shape: tuple[int, ...], dtype: Any, name: str = "scaled_dot_product_attention") -> Any:
    """A mask as a Tensor, boolean or floating, that broadcasts to the shape of the logits."""
    if mask is None:
        return None
    mask = mask if isinstance(mask, Tensor) else Tensor(mask)
    if mask.dtype != bool and mask.dtype.kind != "f":
        raise TypeError(
            f"{name}: given a mask of dtype {mask.dtype}, needed booleans, True where a query may attend, or floating "
            "numbers to add; use mask.astype(bool)"
        )
    try:
        fits = np.broadcast_shapes(mask.shape, shape) == shape
    except ValueError:
        fits = False
    if not fits:
        raise ValueError(f"{name}: given a mask of shape {mask.shape}, needed one that broadcasts to {shape}")
    return mask if mask.dtype == bool else mask.astype(dtype)


def allowed_by(mask: Any, causal: bool, shape: tuple[int, ...]) -> Any:
    return both_masks(mask, np.tri(*shape[-2:], dtype=bool)) if causal else mask


def both_masks(mask: Any, allowed: Any) -> Any:
    """A mask and further booleans, both of which must allow."""
    if mask is None:
        return allowed
    return mask.data & allowed if mask.dtype == bool else np.where(allowed, mask, -math.inf)


def dropout_factors(shape: tuple[int, ...], p: float, rng: np.random.Generator, dtype: Any) -> Any:
    """What dropout multiplies by: zeros and 1 / (1 - p)."""
    p = probability("scaled_dot_product_attention", p)
    scale = 0.0 if p == 1 else 1 / (1 - p)
    return (rng.random(shape, dtype=np.float32) >= p) * dtype.type(scale)


def logit_scale(q: Any, scale: float | None) -> float:
    return 1 / math.sqrt(max(q.shape[-1], 1)) if scale is None else float(scale)


def probability(layer: str, p: Any) -> float:
    """Dropout's probability as a Python float.

    Raises:
        ValueError: it is outside [0, 1].
    """
    if not isinstance(p, int | float | np.number) or not 0 <= p <= 1:
        raise ValueError(f"{layer}: given dropout={p!r}, needed a probability from 0 to 1")
    return float(p)
