"""Attention as a layer: of several heads, each with its own view of queries, keys and values (Vaswani et al. 2017)."""

from __future__ import annotations

from typing import Any

import numpy as np
from pureml_core import Tensor, draw_seed, generator

from .. import init
from ..layer import Layer
from .affine import Affine, affine
from .attention import (
    allowed_by,
    as_mask,
    attention,
    attention_weights,
    both_masks,
    dropout_factors,
    join_heads,
    logit_scale,
    probability,
    split_heads,
)
from .positions import RotaryPositions


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
        allowed = allowed_by(self._mask(mask, key_padding_mask, shape), causal, shape)
        kept = dropout_factors(shape, self.dropout, self.rng, q.dtype) if self.dropout and self.training else None
        scale = logit_scale(q, None)
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
            mask = as_mask(mask, shape, self.query.W.dtype, name)
        if padding is None:
            return mask
        padding = padding.data if isinstance(padding, Tensor) else np.asarray(padding)
        if padding.dtype != bool or padding.shape != (*lead, shape[-1]):
            raise ValueError(
                f"{name}: given a key_padding_mask of shape {padding.shape} and dtype {padding.dtype}, needed booleans "
                f"of shape {(*lead, shape[-1])}: one for every key, True for padding"
            )
        return both_masks(mask, ~padding[..., None, None, :])

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
