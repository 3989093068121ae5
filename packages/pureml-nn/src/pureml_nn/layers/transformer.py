"""The layers that a transformer is a stack of (Vaswani et al. 2017)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from pureml_core import draw_seed, generator

from .. import init
from ..activations import gelu, relu
from ..layer import Layer, Sequential
from .affine import Affine
from .attention import probability
from .dropout import Dropout
from .multi_head_attention import MultiHeadAttention
from .normalization import LayerNorm

ACTIVATIONS: dict[str, Callable[[Any], Any]] = {
    "relu": relu,
    "gelu": gelu,
    "gelu_tanh": partial(gelu, approximate="tanh"),
}


class _Block(Layer):
    """What encoder and decoder layers share: sublayers, each with a residual connection, dropout and a LayerNorm."""

    attentions: tuple[str, ...] = ()

    def __init__(
        self,
        dim: int,
        heads: int,
        hidden: int | None = None,
        *,
        dropout: float = 0.1,
        activation: str | Callable[[Any], Any] = "relu",
        norm_first: bool = False,
        eps: float = 1e-5,
        bias: bool = True,
        rotary: bool = False,
        seed: int | None = None,
    ) -> None:
        name = type(self).__name__
        self.dim, self.heads = init.positive_sizes(name, dim=dim, heads=heads)
        (self.hidden,) = init.positive_sizes(name, hidden=4 * self.dim if hidden is None else hidden)
        self.dropout = probability(name, dropout)
        self.activation = activation
        self.norm_first = bool(norm_first)
        self.seed = draw_seed(seed)
        rng = generator(self.seed)

        def new() -> int:
            return int(rng.integers(2**63))

        for i, kind in enumerate(self.attentions):
            attention = MultiHeadAttention(
                self.dim, self.heads, bias=bias, dropout=dropout, rotary=rotary and i == 0, seed=new()
            )
            setattr(self, kind, attention)
        self.feed_forward = Sequential(
            Affine(self.dim, self.hidden, bias=bias, seed=new()),
            _activation(name, activation),
            Dropout(self.dropout, seed=new()),
            Affine(self.hidden, self.dim, bias=bias, seed=new()),
        )
        sublayers = len(self.attentions) + 1
        self.norms = [LayerNorm(self.dim, eps=eps, bias=bias) for _ in range(sublayers)]
        self.dropouts = [Dropout(self.dropout, seed=new()) for _ in range(sublayers)]

    def _around(self, i: int, sublayer: Callable[[Any], Any], X: Any) -> Any:
        """The i-th sublayer with what stands around it."""
        norm, dropout = self.norms[i], self.dropouts[i]
        if self.norm_first:
            return X + dropout(sublayer(norm(X)))
        return norm(X + dropout(sublayer(X)))


class TransformerEncoderLayer(_Block):
    """X ← norm(X + attention(X)), then X ← norm(X + W₂ f(W₁ X + b₁) + b₂) (Vaswani et al. 2017, section 3.1).

    With `norm_first` the sum stays outside of the norm: X ← X + attention(norm(X)), and so on (Xiong et al. 2020).

    Args:
        dim: last axis of input and output.
        heads: of the attention, a divisor of `dim`.
        hidden: width inside of the feed-forward network; 4 · dim if not given.
        dropout: probability, of the attention's weights, inside of the feed-forward network, and of what each of the
            two adds.
        activation: f: "relu", "gelu", "gelu_tanh" (the approximation, which is faster), or a function.
        norm_first: normalise what goes into attention and feed-forward network instead of the sums.
        eps: of the norms.
        bias: whether products and norms have one.
        rotary: turn queries and keys by their positions (see `RotaryPositions`).
        seed: of everything that is drawn; None draws one.

    Raises:
        ValueError: a size is not positive, `heads` does not divide `dim`, dropout is outside [0, 1], or there is no
            such activation.
    """

    attentions = ("attention",)
    attention: MultiHeadAttention

    def forward(self, X: Any, *, mask: Any = None, causal: bool = False, key_padding_mask: Any = None) -> Any:
        """(..., T, dim) -> (..., T, dim), with the masks of `MultiHeadAttention`."""

        def attend(X: Any) -> Any:
            return self.attention(X, mask=mask, causal=causal, key_padding_mask=key_padding_mask)

        X = self._around(0, attend, X)
        return self._around(1, self.feed_forward, X)


class TransformerDecoderLayer(_Block):
    """An encoder layer that, between its two parts, also attends to a memory (Vaswani et al. 2017, section 3.1).

    Args: as for `TransformerEncoderLayer`; `rotary` concerns the attention to itself.
    """

    attentions = ("attention", "cross_attention")
    attention: MultiHeadAttention
    cross_attention: MultiHeadAttention

    def forward(
        self,
        X: Any,
        memory: Any,
        *,
        mask: Any = None,
        causal: bool = False,
        key_padding_mask: Any = None,
        memory_mask: Any = None,
        memory_key_padding_mask: Any = None,
    ) -> Any:
        """(..., T, dim) and a memory (..., S, dim) -> (..., T, dim), with the masks of `MultiHeadAttention`.

        Args:
            mask, causal, key_padding_mask: of the attention to itself. While training to predict what comes next,
                give causal=True.
            memory_mask, memory_key_padding_mask: of the attention to the memory.
        """

        def attend(X: Any) -> Any:
            return self.attention(X, mask=mask, causal=causal, key_padding_mask=key_padding_mask)

        def look_up(X: Any) -> Any:
            return self.cross_attention(X, memory, mask=memory_mask, key_padding_mask=memory_key_padding_mask)

        X = self._around(0, attend, X)
        X = self._around(1, look_up, X)
        return self._around(2, self.feed_forward, X)


def _activation(name: str, activation: Any) -> Callable[[Any], Any]:
    if callable(activation):
        return activation  # type: ignore[no-any-return]
    if activation not in ACTIVATIONS:
        raise ValueError(f"{name}: given activation={activation!r}, needed {', '.join(ACTIVATIONS)}, or a function")
    return ACTIVATIONS[activation]
