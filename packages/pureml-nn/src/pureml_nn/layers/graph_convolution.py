"""Layers on graphs, which differ in how they weigh the messages of a node's neighbours.

GraphConv weighs them by the nodes' degrees, SAGEConv equally, GATConv by attention.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from pureml_core import Parameter, Tensor, draw_seed, generator, scatter_add

from .. import init
from ..activations import leaky_relu
from .affine import affine
from .edges import Edges, own, segment_softmax
from .message_passing import MessagePassing, node_features


class GraphConv(MessagePassing):
    """Graph convolution: Y = D^-½ (A + I) D^-½ X W + b (Kipf & Welling 2017, eq. 2).

    A is the adjacency matrix, A[target, source] the weight of the edge, the sum of them where edges repeat; I adds a
    loop of weight 1 to every node. D is diagonal, with the sums of the rows of A + I: the weights that lead into each
    node. Nothing passes to or from a node where that is 0.

    Args:
        fan_in, fan_out: numbers of features of a node, in X and in Y.
        self_loops: whether I is added. Leave it out for edges that hold the loops already.
        method: how W is drawn; see `init`. b starts at zero.
        W, b: initial values of shape (fan_in, fan_out) and (fan_out,). Arrays are copied and keep their dtype; a
            Parameter is used as it is.
        bias: whether there is a b; without one `b` is None.
        seed: of the draw; None draws one.

    Raises:
        ValueError: a size is not positive, `method` is unknown, a shape does not fit, or b is given although `bias`
            is False. When called: the weights that lead into a node add up to a negative number.
        TypeError: when called with X, edges or weights of another kind.
        IndexError: when called with edges between nodes that X does not have.
    """

    def __init__(
        self,
        fan_in: int,
        fan_out: int,
        *,
        self_loops: bool = True,
        method: str = "xavier-glorot-normal",
        W: Any = None,
        b: Any = None,
        bias: bool = True,
        seed: int | None = None,
    ) -> None:
        self.fan_in, self.fan_out = init.positive_sizes("GraphConv", fan_in=fan_in, fan_out=fan_out)
        self.self_loops = bool(self_loops)
        self.method = method
        self.seed = draw_seed(seed)
        rng = generator(self.seed)
        self.W = _matrix("GraphConv", "W", W, (self.fan_in, self.fan_out), method, rng)
        self.b = _bias("GraphConv", b, self.fan_out, bias, self.W)

    def forward(self, X: Any, edges: Any, edge_weight: Any = None) -> Any:
        """(N, fan_in), (2, E), optional weights (E,) -> (N, fan_out)"""
        X = _features(self, X)
        n, dtype = len(X), self.W.dtype
        edges = Edges.of("GraphConv", edges, n)
        w = _weights("GraphConv", edge_weight, len(edges.source), dtype)
        if self.self_loops:
            every = np.arange(n)
            edges = Edges(*(own(np.concatenate([part, every])) for part in edges))
            w = np.concatenate([w, np.ones(n, dtype)])
        Y = self.propagate(affine(X, self.W), edges, normalised(w, edges, n))
        return Y if self.b is None else Y + self.b

    def message(self, source: Any, target: Any, *features: Any) -> Any:
        """w h for an edge of normalised weight w whose source has features h."""
        (w,) = features
        return source * w[:, None]


def normalised(w: Any, edges: Edges, n: int) -> Any:
    """Weights of edges over the square roots of their nodes' degrees: (E,) -> (E,), the entries of D^-½ A D^-½.

    Raises:
        ValueError: a node's degree, the sum of the weights that lead into it, is negative.
    """
    source, target = edges
    d = scatter_add(w, target, (n,))
    if (d.data < 0).any():
        node = int(np.argmax(d.data < 0))
        raise ValueError(
            f"GraphConv: given edge weights that add up to {d.data[node]:.3g} at node {node}; needed sums of 0 or more "
            "for their square roots: weights should not be negative"
        )
    used = d.data > 0
    r = np.where(used, 1 / np.sqrt(np.where(used, d, 1.0)), 0.0)
    return r[source] * w * r[target]


class SAGEConv(MessagePassing):
    """GraphSAGE: yᵢ = xᵢ R + mean(xⱼ over the edges j → i) W + b (Hamilton et al. 2017, algorithm 1, lines 4 and 5).

    The paper's matrix for the node beside its neighbours' mean is R above W. A node without incoming edges has the
    mean 0.

    Args:
        fan_in, fan_out: numbers of features of a node, in X and in Y.
        aggregation: "mean", "sum" or "max" of the neighbours' features.
        root: whether the node's own features count; without it `R` is None.
        method: how W and R are drawn; see `init`. b starts at zero.
        bias: whether there is a b; without one `b` is None.
        seed: of the draws; None draws one.

    Raises:
        ValueError: a size is not positive, `method` or `aggregation` is unknown. When called: a shape does not fit.
        TypeError: when called with X or edges of another kind.
        IndexError: when called with edges between nodes that X does not have.
    """

    def __init__(
        self,
        fan_in: int,
        fan_out: int,
        *,
        aggregation: str = "mean",
        root: bool = True,
        method: str = "xavier-glorot-normal",
        bias: bool = True,
        seed: int | None = None,
    ) -> None:
        super().__init__(aggregation)
        self.fan_in, self.fan_out = init.positive_sizes("SAGEConv", fan_in=fan_in, fan_out=fan_out)
        self.method = method
        self.seed = draw_seed(seed)
        rng = generator(self.seed)
        shape = (self.fan_in, self.fan_out)
        self.W = _matrix("SAGEConv", "W", None, shape, method, rng)
        self.R = _matrix("SAGEConv", "R", None, shape, method, rng) if root else None
        self.b = _bias("SAGEConv", None, self.fan_out, bias, self.W)

    def forward(self, X: Any, edges: Any) -> Any:
        """(N, fan_in), (2, E) -> (N, fan_out)"""
        return self.propagate(_features(self, X), edges)

    def update(self, X: Any, M: Any) -> Any:
        """X R + M W + b"""
        Y = affine(M, self.W, self.b)
        return Y if self.R is None else Y + affine(X, self.R)


class GATConv(MessagePassing):
    """Graph attention: yᵢ = Σⱼ αᵢⱼ hⱼ + b, H = X W, over the edges j → i, for each of several heads.

    αᵢⱼ is the softmax, over the edges into node i, of leaky_relu(hᵢ·t + hⱼ·s) (Velickovic et al. 2018, eq. 3 to 6; its
    vector a is t above s). A node without incoming edges gets b.

    Args:
        fan_in: the number of features of a node in X.
        fan_out: the number of features that each head gives.
        heads: how many of them.
        concat: True puts the heads side by side, Y is (N, heads · fan_out); False takes their mean, (N, fan_out).
        negative_slope: of leaky_relu.
        self_loops: whether every node that has no loop gets one, to attend to itself too, as in the paper.
        method: how W, s and t are drawn; see `init`. b starts at zero.
        bias: whether there is a b; without one `b` is None.
        seed: of the draws; None draws one.

    Raises:
        ValueError: a size is not positive, `method` is unknown, or `negative_slope` is not finite. When called: a
            shape does not fit.
        TypeError: when called with X or edges of another kind.
        IndexError: when called with edges between nodes that X does not have.
    """

    def __init__(
        self,
        fan_in: int,
        fan_out: int,
        *,
        heads: int = 1,
        concat: bool = True,
        negative_slope: float = 0.2,
        self_loops: bool = True,
        method: str = "xavier-glorot-normal",
        bias: bool = True,
        seed: int | None = None,
    ) -> None:
        self.fan_in, self.fan_out, self.heads = init.positive_sizes(
            "GATConv", fan_in=fan_in, fan_out=fan_out, heads=heads
        )
        if not isinstance(negative_slope, int | float | np.number) or not math.isfinite(negative_slope):
            raise ValueError(f"GATConv: given negative_slope={negative_slope!r}, needed a finite number")
        self.concat = bool(concat)
        self.negative_slope = float(negative_slope)
        self.self_loops = bool(self_loops)
        self.method = method
        self.seed = draw_seed(seed)
        rng = generator(self.seed)
        self.W = _matrix("GATConv", "W", None, (self.fan_in, self.heads * self.fan_out), method, rng)
        self.s = _matrix("GATConv", "s", None, (self.heads, self.fan_out), method, rng, self.fan_out, 1)
        self.t = _matrix("GATConv", "t", None, (self.heads, self.fan_out), method, rng, self.fan_out, 1)
        self.b = _bias("GATConv", None, self.heads * self.fan_out if concat else self.fan_out, bias, self.W)

    def forward(self, X: Any, edges: Any) -> Any:
        """(N, fan_in), (2, E) -> (N, heads · fan_out), or (N, fan_out) without `concat`"""
        X = _features(self, X)
        n = len(X)
        edges = Edges.of("GATConv", edges, n)
        if self.self_loops:
            edges = _with_loops(edges, n)
        H = affine(X, self.W).reshape(n, self.heads, self.fan_out)
        logits = (H * self.s).sum(axis=-1)[edges.source] + (H * self.t).sum(axis=-1)[edges.target]  # (E, heads)
        a = segment_softmax(leaky_relu(logits, self.negative_slope), edges.target, n)
        Y = self.propagate(H, edges, a)  # (N, heads, fan_out)
        Y = Y.reshape(n, self.heads * self.fan_out) if self.concat else Y.mean(axis=1)
        return Y if self.b is None else Y + self.b

    def message(self, source: Any, target: Any, *features: Any) -> Any:
        """α h for an edge with the attention α, (E, heads), whose source has h, (E, heads, fan_out)."""
        (a,) = features
        return source * a[:, :, None]


def _with_loops(edges: Edges, n: int) -> Edges:
    """With a loop at each node that has none."""
    source, target = edges
    missing = np.setdiff1d(np.arange(n), source[source == target])
    return Edges(own(np.concatenate([source, missing])), own(np.concatenate([target, missing])))


def _features(layer: Any, X: Any) -> Tensor:
    """X (N, fan_in) in the layer's precision."""
    X = node_features(layer, X)
    if X.ndim != 2 or X.shape[1] != layer.fan_in:
        raise ValueError(
            f"{type(layer).__name__}: given X of shape {X.shape}, needed (N, {layer.fan_in}): a row for each node, "
            "fan_in is its last axis"
        )
    dtype: Any = layer.W.dtype
    return X if X.dtype == dtype else X.astype(dtype)  # type: ignore[no-any-return]


def _weights(layer: str, w: Any, n: int, dtype: Any) -> Any:
    """Weights of n edges, (n,); ones if none are given."""
    if w is None:
        return np.ones(n, dtype)
    w = w if isinstance(w, Tensor) else Tensor(w)
    if w.dtype.kind not in "fiub":
        raise TypeError(f"{layer}: given edge_weight of dtype {w.dtype}, needed real numbers")
    if w.shape != (n,):
        raise ValueError(f"{layer}: given edge_weight of shape {w.shape}, needed ({n},): one for each edge")
    return w if w.dtype == dtype else w.astype(dtype)


def _matrix(
    layer: str,
    name: str,
    value: Any,
    shape: tuple[int, int],
    method: str,
    rng: np.random.Generator,
    fan_in: int | None = None,
    fan_out: int | None = None,
) -> Tensor:
    if value is not None and np.shape(value) != shape:
        raise ValueError(f"{layer}: given {name} of shape {np.shape(value)}, needed {shape}")
    return Parameter.given(value, shape, lambda: init.draw(method, shape, fan_in or shape[0], fan_out or shape[1], rng))


def _bias(layer: str, value: Any, size: int, bias: bool, W: Tensor) -> Tensor | None:
    if not bias:
        if value is not None:
            raise ValueError(f"{layer}: given b together with bias=False; leave one of them out")
        return None
    if value is not None and np.shape(value) != (size,):
        raise ValueError(f"{layer}: given b of shape {np.shape(value)}, needed ({size},)")
    zeros = Parameter(np.zeros(size), W.dtype)
    return Parameter.given(zeros if value is None else value, (size,), lambda: zeros)
