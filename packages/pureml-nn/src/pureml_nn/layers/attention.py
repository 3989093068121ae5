"""Attention: every position looks at the others and takes a weighted mean of what they offer (Vaswani et al. 2017)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from pureml_core import Tensor, draw_seed, generator, kernel, op, softmax

from .. import init
from ..layer import Layer
from .affine import Affine, affine
from .positions import RotaryPositions

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
    allowed = _allowed(_as_mask(mask, shape, q.dtype), causal, shape)
    kept = _kept(shape, dropout, generator(rng), q.dtype) if dropout else None
    return attention(q, k, v, allowed, kept, _scale(q, scale))  # type: ignore[no-any-return]


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


class MultiHeadAttention(Layer):
    """Y = [head₁ … headₕ] Wo + bo with headᵢ = attention(Q Wqᵢ + bqᵢ, K Wkᵢ + bkᵢ, V Wvᵢ + bvᵢ).

    Vaswani et al. 2017, section 3.2.2. Called with one input it is self-attention, `attention(X)`; with two it is
    cross-attention: `attention(X, memory)` takes keys and values from the second.

    Args:
        dim: last axis of the queries and of the result.
        heads: how many; each is dim / heads wide.
        kdim, vdim: last axes of keys and values; `dim` if not given.
        bias: whether the four products have one each, zero at first.
        dropout: the probability with which each weight is zeroed while training.
        rotary: turn queries and keys by their positions (see `RotaryPositions`).
        seed: of the weights and of dropout; None draws one.

    Raises:
        ValueError: a size is not positive, `heads` does not divide `dim`, or dropout is outside [0, 1].
    """

    def __init__(
        self,
        dim: int,
        heads: int,
        *,
        kdim: int | None = None,
        vdim: int | None = None,
        bias: bool = True,
        dropout: float = 0.0,
        rotary: bool = False,
        seed: int | None = None,
    ) -> None:
        name = type(self).__name__
        self.dim, self.heads = init.positive_sizes(name, dim=dim, heads=heads)
        self.kdim, self.vdim = init.positive_sizes(
            name, kdim=self.dim if kdim is None else kdim, vdim=self.dim if vdim is None else vdim
        )
        if self.dim % self.heads:
            raise ValueError(f"{name}: given dim={self.dim} and heads={self.heads}, needed heads that divide dim")
        self.dropout = probability(name, dropout)
        self.rotary = RotaryPositions(self.dim // self.heads) if rotary else None
        self.seed = draw_seed(seed)
        self.rng = generator(self.seed)
        seeds = self.rng.integers(2**63, size=4)
        self.query = Affine(self.dim, self.dim, bias=bias, seed=seeds[0])
        self.key = Affine(self.kdim, self.dim, bias=bias, seed=seeds[1])
        self.value = Affine(self.vdim, self.dim, bias=bias, seed=seeds[2])
        self.out = Affine(self.dim, self.dim, bias=bias, seed=seeds[3])

    def forward(
        self,
        Q: Any,
        K: Any = None,
        V: Any = None,
        *,
        mask: Any = None,
        causal: bool = False,
        key_padding_mask: Any = None,
        need_weights: bool = False,
    ) -> Any:
        """(..., T, dim), (..., S, kdim) and (..., S, vdim) give (..., T, dim).

        Args:
            Q, K, V: V is K if not given, and K is Q.
            mask: booleans, True where a query may attend to a key (nn.MultiheadAttention of PyTorch means the
                opposite), or floating numbers to add to the logits; (T, S), or with the leading axes of Q for a mask
                of each sequence, (..., T, S), or of each head too, (..., heads, T, S).
            causal: position i attends to the positions 0 to i only.
            key_padding_mask: (..., S), True for the keys that are padding: nothing attends to them.
            need_weights: return also the weights of every head, (..., heads, T, S), before dropout.

        A query that may attend to nothing gets the bias of `out`.
        """
        K = Q if K is None else K
        V = K if V is None else V
        self._check(Q, K, V)
        q, k, v = self._projected(Q, K, V)
        if self.rotary is not None:
            q, k = self.rotary(q), self.rotary(k)
        shape = (*q.shape[:-1], k.shape[-2])
        allowed = _allowed(self._mask(mask, key_padding_mask, shape), causal, shape)
        kept = _kept(shape, self.dropout, self.rng, q.dtype) if self.dropout and self.training else None
        scale = _scale(q, None)
        Y = self.out(join_heads(attention(q, k, v, allowed, kept, scale)))
        return (Y, attention_weights(q, k, allowed, scale)) if need_weights else Y

    def _projected(self, Q: Any, K: Any, V: Any) -> Any:
        """Queries, keys and values of every head; those of the same input are views of one product."""
        if Q is K is V:
            groups = [(Q, [self.query, self.key, self.value])]
        elif K is V:
            groups = [(Q, [self.query]), (K, [self.key, self.value])]
        else:
            groups = [(Q, [self.query]), (K, [self.key]), (V, [self.value])]
        found: list[Any] = []
        for X, layers in groups:
            W, b = _joined([layer.W for layer in layers]), _joined([layer.b for layer in layers])
            found += split_heads(affine(X, W, b), len(layers), self.heads)
        return found

    def _mask(self, mask: Any, padding: Any, shape: tuple[int, ...]) -> Any:
        """Mask and padding as one mask for the logits (..., heads, T, S), or None."""
        name, lead = type(self).__name__, shape[:-3]
        if mask is not None:
            mask = mask if isinstance(mask, Tensor) else Tensor(mask)
            if mask.ndim not in (0, 1, 2, len(shape) - 1, len(shape)):  # it would be taken for a mask of heads
                raise ValueError(
                    f"{name}: given a mask of shape {mask.shape}, needed {shape}, or without heads, or {shape[-2:]}"
                )
            if lead and mask.ndim == len(shape) - 1:
                mask = np.expand_dims(mask, -3)
            mask = _as_mask(mask, shape, self.query.W.dtype, name)
        if padding is None:
            return mask
        padding = padding.data if isinstance(padding, Tensor) else np.asarray(padding)
        if padding.dtype != bool or padding.shape != (*lead, shape[-1]):
            raise ValueError(
                f"{name}: given a key_padding_mask of shape {padding.shape} and dtype {padding.dtype}, needed booleans "
                f"of shape {(*lead, shape[-1])}: one for every key, True for padding"
            )
        return _both(mask, ~padding[..., None, None, :])

    def _check(self, Q: Any, K: Any, V: Any) -> None:
        name = type(self).__name__
        for what, X, width in (("Q", Q, self.dim), ("K", K, self.kdim), ("V", V, self.vdim)):
            if not isinstance(X, Tensor) or X.dtype.kind != "f":
                kind = f"dtype {X.dtype}" if isinstance(X, Tensor) else f"type {type(X).__name__}"
                raise TypeError(f"{name}: given {what} of {kind}, needed a floating Tensor or array")
            if X.ndim < 2 or X.shape[-1] != width:
                raise ValueError(f"{name}: given {what} of shape {X.shape}, needed (..., positions, {width})")
        if K.shape[:-1] != V.shape[:-1] or Q.shape[:-2] != K.shape[:-2]:
            raise ValueError(
                f"{name}: given Q {Q.shape}, K {K.shape} and V {V.shape}, needed the same leading axes in all, and as "
                "many keys as values"
            )


def _joined(parts: list[Any]) -> Any:
    """Weights, or biases, beside each other; None if there are none."""
    return parts[0] if len(parts) == 1 or parts[0] is None else np.concatenate(parts, axis=-1)


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


def _as_mask(mask: Any, shape: tuple[int, ...], dtype: Any, name: str = "scaled_dot_product_attention") -> Any:
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


def _allowed(mask: Any, causal: bool, shape: tuple[int, ...]) -> Any:
    return _both(mask, np.tri(*shape[-2:], dtype=bool)) if causal else mask


def _both(mask: Any, allowed: Any) -> Any:
    """A mask and further booleans, both of which must allow."""
    if mask is None:
        return allowed
    return mask.data & allowed if mask.dtype == bool else np.where(allowed, mask, -math.inf)


def _kept(shape: tuple[int, ...], p: float, rng: np.random.Generator, dtype: Any) -> Any:
    """What dropout multiplies by: zeros and 1 / (1 - p)."""
    p = probability("scaled_dot_product_attention", p)
    scale = 0.0 if p == 1 else 1 / (1 - p)
    return (rng.random(shape, dtype=np.float32) >= p) * dtype.type(scale)


def _scale(q: Any, scale: float | None) -> float:
    return 1 / math.sqrt(max(q.shape[-1], 1)) if scale is None else float(scale)


def probability(layer: str, p: Any) -> float:
    """Dropout's probability as a Python float.

    Raises:
        ValueError: it is outside [0, 1].
    """
    if not isinstance(p, int | float | np.number) or not 0 <= p <= 1:
        raise ValueError(f"{layer}: given dropout={p!r}, needed a probability from 0 to 1")
    return float(p)
