"""Derivatives as functions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .backward import facing, sweep
from .op import tracked_as
from .tensor import Tensor


def gradients(
    outputs: Tensor | Sequence[Tensor],
    inputs: Tensor | Sequence[Tensor],
    grads: Any = None,
    *,
    keep_graph: bool = False,
    create_graph: bool = False,
) -> Any:
    """The gradients of the sum of `outputs` with respect to `inputs`, without touching anybody's `.grad`.

    Args:
        outputs: one tracked tensor or several.
        inputs: the tensors to differentiate by, leaves or computed ones.
        grads: the incoming gradient of each output, of its shape; ones when None.
        keep_graph: keep the graph for another sweep.
        create_graph: record the sweep itself, so that the gradients can be differentiated again.

    Returns:
        For one tensor as `inputs` a Tensor of its shape and dtype; for a sequence a list of them. Zeros where an
        input does not influence the outputs.

    Raises:
        RuntimeError: an output or input is not tracked, or the graph has been freed.
        ValueError: a gradient in `grads` has another shape than its output.

    >>> x = Tensor(2.0, requires_grad=True)
    >>> dy = gradients(x * x * x, x, create_graph=True)
    >>> float(dy), float(gradients(dy, x))
    (12.0, 12.0)
    """
    ys = [outputs] if isinstance(outputs, Tensor) else list(outputs)
    xs = [inputs] if isinstance(inputs, Tensor) else list(inputs)
    gs = [None] * len(ys) if grads is None else [grads] if isinstance(outputs, Tensor) else list(grads)
    for kind, tensors in (("output", ys), ("input", xs)):
        for i, t in enumerate(tensors):
            if not t._requires_grad:
                raise RuntimeError(f"gradients: {kind} {i} of shape {t.shape} is not tracked; it needs requires_grad")
    if len(gs) != len(ys):
        raise ValueError(f"gradients: {len(gs)} incoming gradients for {len(ys)} outputs")
    seeds = [_seed(y, g, create_graph) for y, g in zip(ys, gs, strict=True)]
    targets = [x._node or x for x in xs]
    found = sweep([y._node or y for y in ys], seeds, targets, keep_graph=keep_graph, create_graph=create_graph)
    given: set[Any] = set()
    results = []
    for x, target in zip(xs, targets, strict=True):
        dx = found.get(target)
        if dx is None:
            dx = np.zeros(x.shape, x.dtype)
        elif target in given and not isinstance(dx, Tensor):
            dx = dx.copy()  # the same tensor asked for twice
        given.add(target)
        dx = facing(dx)
        results.append(dx if isinstance(dx, Tensor) else tracked_as(dx, None, [0]))
    return results[0] if isinstance(inputs, Tensor) else results


def _seed(y: Tensor, g: Any, create_graph: bool) -> Any:
    if g is None:
        g = Tensor(np.ones(y.shape, y.dtype))
    elif not isinstance(g, Tensor):
        g = Tensor(np.array(g, dtype=y.dtype))
    if g.shape != y.shape:
        raise ValueError(f"gradients: given an incoming gradient of shape {g.shape}, needed the output's, {y.shape}")
    return facing(g.astype(y.dtype) if create_graph else g._data.astype(y.dtype))
