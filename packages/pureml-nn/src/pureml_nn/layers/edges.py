"""The edges of a graph, checked, and what is computed over all edges that lead into the same node.

`edges` (2, E): edge e leads from node edges[0, e], its source, to node edges[1, e], its target. An undirected edge is
two of them, one in each direction; edges may repeat, and then count repeatedly.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from pureml_core import Tensor, index_max, kernel, op, scatter_add


class Edges(NamedTuple):
    """Checked edges: two read-only arrays (E,) of nodes that exist."""

    source: np.ndarray
    target: np.ndarray

    @classmethod
    def of(cls, layer: str, edges: Any, n: int) -> Edges:
        """Edges between n nodes, checked in the name of a layer.

        Raises:
            TypeError: `edges` holds something other than integers.
            ValueError: its shape is not (2, E).
            IndexError: it names a node that does not exist.
        """
        if isinstance(edges, Edges):
            return edges
        try:
            edges = edges.data if isinstance(edges, Tensor) else np.asarray(edges)
        except ValueError:
            raise ValueError(
                f"{layer}: given edges whose rows differ in length, needed (2, E): as many sources as targets"
            ) from None
        if edges.ndim != 2 or len(edges) != 2:
            raise ValueError(
                f"{layer}: given edges of shape {edges.shape}, needed (2, E): a row of sources and one of targets"
                + _remedy(edges.shape, n)
            )
        if edges.dtype.kind not in "iu" and edges.size:  # an empty list is floating to NumPy
            raise TypeError(
                f"{layer}: given edges of dtype {edges.dtype}, needed integers, the rows of X; use edges.astype(int)"
            )
        if edges.size and not (edges.min() >= 0 and edges.max() < n):
            wrong = np.unique(edges[(edges < 0) | (edges >= n)])[:5].tolist()
            raise IndexError(
                f"{layer}: given edges with node {', '.join(map(str, wrong))}, needed 0 to {n - 1}: X has {n} rows, "
                "one for each node"
            )
        return cls(own(edges[0].astype(np.intp)), own(edges[1].astype(np.intp)))


def _remedy(shape: tuple[int, ...], n: int) -> str:
    if shape == (n, n):
        return "; if it is an adjacency matrix, np.stack(np.nonzero(edges)) are its edges from row to column"
    return "; give edges.T" if len(shape) == 2 and shape[1] == 2 else ""


def own(index: np.ndarray) -> np.ndarray:
    """An index that nobody can change later."""
    if index.base is not None or index.flags.writeable:
        index = index.copy()
        index.flags.writeable = False
    return index


@op
def segment_softmax(x: Any, /, segments: Any, n: int) -> Any:
    """Softmax over the rows of each segment: yₑ = e^xₑ / Σ e^xₖ over all k with segments[k] = segments[e].

    Args:
        x: (E, ...), rows in any order.
        segments: (E,) integers from 0 to n - 1, the segment of each row. A segment may have no row.
        n: the number of segments.
    """
    segments = own(np.asarray(segments))
    y = _segment_softmax(x, segments, n)

    def vjp(g: Any) -> Any:  # dL/dxₑ = yₑ (gₑ - Σ gₖ yₖ), the sum over e's segment
        return y * (g - scatter_add(g * y, segments, (n, *np.shape(y)[1:]))[segments])

    return y, vjp


@kernel
def _segment_softmax(x: Any, segments: Any, n: int) -> Any:
    shape = (n, *x.shape[1:])
    largest = np.full(shape, -np.inf, x.dtype)
    np.maximum.at(largest, segments, x)  # shifted by it, nothing overflows
    y = np.exp(x - largest[segments])
    y /= scatter_add(y, segments, shape).data[segments]
    return y


def aggregate(aggregation: str, messages: Any, target: np.ndarray, n: int) -> Any:
    """The "sum", "mean" or "max" of the messages of each target: (E, ...) -> (n, ...), zeros where there is none."""
    shape = (n, *messages.shape[1:])
    if aggregation == "sum":
        return scatter_add(messages, target, shape)
    count = np.bincount(target, minlength=n).reshape(n, *(1 for _ in shape[1:]))
    if aggregation == "mean":
        total: Any = scatter_add(messages, target, shape)
        return total / np.maximum(count, 1).astype(messages.dtype)
    largest: Any = index_max(np.full(shape, -np.inf, messages.dtype), messages, target)  # type: ignore[operator]
    return np.where(count > 0, largest, 0.0)
