"""Message passing: every node computes from the messages that its incoming edges carry (Gilmer et al. 2017).

A graph of N nodes is a matrix X (N, C), a row of features for each node, and `edges` (2, E), which lead from the
nodes edges[0], their sources, to the nodes edges[1], their targets.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from pureml_core import Tensor

from ..layer import Layer
from .edges import Edges, aggregate


class MessagePassing(Layer):
    """Y = update(X, M), where row i of M is the sum, mean or maximum of the messages on the edges into node i.

    Every edge carries a message, `message(source, target)`, made of the features of the two nodes that it joins
    (Gilmer et al. 2017, eq. 1 and 2). This class sends the source's features as they are; a subclass defines
    `message`, `update` or both, and may have parameters:

    >>> class Differences(MessagePassing):
    ...     def message(self, source, target):
    ...         return source - target
    >>> X = np.array([[1.0], [5.0], [9.0]])
    >>> Differences("mean")(X, [[0, 1, 2], [1, 0, 0]]).data.tolist()
    [[6.0], [-4.0], [0.0]]

    Args:
        aggregation: "sum", "mean" or "max" of the messages. Where no edge leads, each of them gives zeros.

    Raises:
        ValueError: `aggregation` is something else. When called: X or edges has another shape.
        TypeError: when called with X or edges of another kind.
        IndexError: when called with edges between nodes that X does not have.
    """

    AGGREGATIONS: ClassVar[tuple[str, ...]] = ("sum", "mean", "max")
    aggregation: str = "sum"

    def __init__(self, aggregation: str = "sum") -> None:
        if aggregation not in self.AGGREGATIONS:
            raise ValueError(
                f"{type(self).__name__}: given aggregation={aggregation!r}; there are {', '.join(self.AGGREGATIONS)}"
            )
        self.aggregation = aggregation

    def forward(self, X: Any, edges: Any) -> Any:
        """(N, C), (2, E) -> (N, C')"""
        return self.propagate(X, edges)

    def propagate(self, X: Any, edges: Any, *features: Any) -> Any:
        """Messages along the edges, gathered where they lead: (N, ...), (2, E) -> (N, ...).

        Args:
            features: of the edges, arrays or Tensors (E, ...), which `message` is given too.
        """
        X = node_features(self, X)
        source, target = edges = Edges.of(type(self).__name__, edges, len(X))
        return self.update(X, self.aggregate(self.message(X[source], X[target], *features), edges, len(X)))

    def message(self, source: Any, target: Any, *features: Any) -> Any:
        """What each edge carries, (E, ...), from the features of its two nodes, (E, C) each."""
        return source

    def aggregate(self, messages: Any, edges: Edges, n: int) -> Any:
        """The sum, mean or maximum of the messages on the edges into each node: (E, ...) -> (n, ...)"""
        return aggregate(self.aggregation, messages, edges.target, n)

    def update(self, X: Any, M: Any) -> Any:
        """The node's output from its own features (N, C) and its aggregated messages (N, ...)."""
        return M


def node_features(layer: Layer, X: Any) -> Tensor:
    name = type(layer).__name__
    if not isinstance(X, Tensor):
        raise TypeError(f"{name}: given X of type {type(X).__name__}, needed a Tensor or an array")
    if X.dtype.kind not in "fiub":
        raise TypeError(f"{name}: given X of dtype {X.dtype}, needed real numbers")
    if X.ndim < 2:
        raise ValueError(f"{name}: given X of shape {X.shape}, needed (N, C), a row of features for each node")
    return X if X.dtype.kind == "f" else X.astype(np.float32)
