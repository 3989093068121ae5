"""Convolution as matrix products with columns, a few images at a time.

Every window of an image is a column of a matrix cols(X): (C·kH·kW, windows). With it, convolution and both of its
gradients are one product each:

    Y = W cols(X)        dW = G cols(X)ᵀ        cols(dX) = Wᵀ G, every column added back to the window it belongs to

The columns are kH·kW times as large as the images. They are made for as many images (or rows of one) as keep them in
the processor's cache, used there, and made again by the gradient: nothing is kept.

With stride 1, all windows' entries for one place in the kernel are one run of an image's memory, row after row:

    X (H, 4):  0 1 2 3 | 4 5 6 7 | ...      kernel (·, 2):  first entries 0 1 2 3 4 5 6 ..., second 1 2 3 4 5 6 7 ...

so that columns are copied in long runs rather than row by row. The price: between the windows of one row and those of
the next there are some that reach around the edge (3 and 4 above). Their outputs are dropped, their gradients are 0.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from .geometry import Ints, Pair

ENTRIES = 2**19  # of the columns of inputs and outputs made at a time


class Plan(NamedTuple):
    """How images lie in memory with zeros around them, every channel one flat `slab`, and where windows look."""

    kernel: Ints
    stride: Ints
    dilation: Ints
    groups: int
    image: Ints  # (H, W)
    out: Ints  # windows along height and width
    row: int  # from one row of a slab to the next
    size: int  # of a slab
    first: int  # where in it the image begins

    @classmethod
    def of(
        cls,
        image: Ints,
        kernel: Ints,
        stride: Ints,
        padding: tuple[Pair, ...],
        dilation: Ints,
        groups: int,
        out: Ints,
    ) -> Plan:
        (top, bottom), (left, right) = padding
        row = left + image[1] + right
        size = (top + image[0] + bottom) * row
        return cls(kernel, stride, dilation, groups, image, out, row, size, top * row + left)

    @property
    def runs(self) -> bool:
        return self.stride == (1, 1)

    @property
    def reach(self) -> int:
        """From the first entry of a window to its last, in a slab."""
        return sum(d * (k - 1) * step for d, k, step in zip(self.dilation, self.kernel, (self.row, 1), strict=True))

    @property
    def step(self) -> int:
        """From one row of windows to the next, in the columns."""
        return self.row if self.runs else self.out[1]

    def length(self, rows: int) -> int:
        """Of `rows` rows of windows in the columns: nothing is left over after the last."""
        return (rows - 1) * self.step + self.out[1]

    def pieces(self, batch: int, inputs: int, outputs: int) -> Iterator[tuple[slice, list[slice]]]:
        """Images, and the rows of their windows, whose columns are made together, for so many channels."""
        of_row = max(1, (inputs * math.prod(self.kernel) + outputs) * self.step)
        rows = max(1, min(self.out[0], ENTRIES // of_row))
        images = max(1, ENTRIES // (of_row * self.out[0]))
        heights = [slice(i, min(i + rows, self.out[0])) for i in range(0, self.out[0], rows)]
        for start in range(0, batch, images):
            yield slice(start, min(start + images, batch)), heights


class Memory:
    """Arrays that are used for one piece after the other: fresh memory costs more than what is copied into it."""

    def __init__(self, dtype: Any) -> None:
        self.dtype = dtype
        self.kept: dict[Any, Any] = {}

    def __call__(self, what: Any, shape: Ints) -> Any:
        """The array of that shape; zeros at first, later as it was left."""
        if (what, shape) not in self.kept:
            self.kept[what, shape] = np.zeros(shape, self.dtype)
        return self.kept[what, shape]


def convolved(x: Any, w: Any, b: Any, plan: Plan) -> Any:
    """Y = W cols(X) + b: (B, C, H, W) with (O, C/groups, kH, kW) gives (B, O, H', W')."""
    O, G = w.shape[0], plan.groups
    memory = Memory(np.result_type(x, w))
    x = np.ascontiguousarray(x)
    W = w.reshape(G, O // G, w[0].size)
    y = np.empty((len(x), O, *plan.out), memory.dtype)
    for images, heights in plan.pieces(len(x), x.shape[1], O):
        windows = _windows(_slabs(x[images], plan, memory), plan)
        for rows in heights:
            columns = _columns(windows, rows, plan, memory)
            product = np.matmul(W, columns, out=memory("product", (G, O // G, columns.shape[2])))
            part = y[images, :, rows].swapaxes(0, 1)
            product = _places(product, part.shape, plan)
            if b is None:
                part[...] = product
            else:
                np.add(product, b[:, None, None, None], out=part)
    return y


def weight_gradient(x: Any, g: Any, shape: Ints, plan: Plan) -> Any:
    """dW = G cols(X)ᵀ, summed over the batch: (B, C, H, W) with (B, O, H', W') gives `shape`, (O, C/groups, kH, kW)."""
    O, G = shape[0], plan.groups
    memory = Memory(np.result_type(x, g))
    x = np.ascontiguousarray(x)
    dwT = np.zeros((G, math.prod(shape[1:]), O // G), memory.dtype)  # cols(X) Gᵀ: BLAS is faster at that
    for images, heights in plan.pieces(len(x), x.shape[1], O):
        windows = _windows(_slabs(x[images], plan, memory), plan)
        for rows in heights:
            columns = _columns(windows, rows, plan, memory)
            dwT += np.matmul(columns, _runs(g[images, :, rows], plan, memory).swapaxes(1, 2))
    return dwT.swapaxes(1, 2).reshape(shape)


def input_gradient(g: Any, w: Any, channels: int, plan: Plan) -> Any:
    """dX from the columns Wᵀ G: (B, O, H', W') with (O, C/groups, kH, kW) gives (B, C, H, W)."""
    O, G = w.shape[0], plan.groups
    memory = Memory(np.result_type(g, w))
    WT = w.reshape(G, O // G, w[0].size).swapaxes(1, 2)
    dx = np.empty((len(g), channels, *plan.image), memory.dtype)
    for images, heights in plan.pieces(len(g), channels, O):
        part = dx[images]
        slabs = memory("slabs", (*part.shape[:2], plan.size))
        slabs[...] = 0
        for rows in heights:
            runs = _runs(g[images, :, rows], plan, memory)
            (_add_runs if plan.runs else _add_places)(WT, runs, slabs, rows, plan, memory)
        part[...] = _images(slabs, plan)
    return dx


def _add_runs(WT: Any, runs: Any, slabs: Any, rows: slice, plan: Plan, memory: Memory) -> None:
    """Add the columns Wᵀ G to slabs: dX[p] = Σ column (i, j) [p - i d W - j d], one sum over a shifted view.

    After every run of columns come zeros, so that entries before the first and after the last of a run are 0.
    """
    (n, C, _), (G, K, _), (kH, kW), (dh, dw) = slabs.shape, WT.shape, plan.kernel, plan.dilation
    length = plan.length(rows.stop - rows.start)
    size = length + plan.reach
    columns = memory(("columns", n, length), (plan.reach + G * K * n * size,))
    out = _view(columns, plan.reach, (n, G, K, length), (size, K * n * size, n * size, 1))
    np.matmul(WT, np.moveaxis(runs.reshape(G, -1, n, length), 2, 0), out=out)
    shifts = (kH * kW * n * size, kW * n * size - dh * plan.row, n * size - dw, size, 1)
    shifted = _view(columns, plan.reach, (C, kH, kW, n, size), shifts)
    start = rows.start * plan.row
    slabs[..., start : start + size] += np.add.reduce(shifted, axis=(1, 2)).swapaxes(0, 1)


def _add_places(WT: Any, runs: Any, slabs: Any, rows: slice, plan: Plan, memory: Memory) -> None:
    """The same for strides: every place in the kernel by itself."""
    columns = np.matmul(WT, runs, out=memory("columns", (*WT.shape[:2], runs.shape[2])))
    places = _windows(slabs, plan)[..., rows, :]
    columns = columns.reshape(places.shape)
    for i, j in np.ndindex(*plan.kernel):
        places[:, i, j] += columns[:, i, j]


def _slabs(x: Any, plan: Plan, memory: Memory) -> Any:
    """(n, C, H, W), contiguous -> (n, C, size) with zeros around every image."""
    if plan.size == math.prod(plan.image):
        return x.reshape(*x.shape[:2], plan.size)
    slabs = memory("slabs", (*x.shape[:2], plan.size))
    _images(slabs, plan)[...] = x
    return slabs


def _images(slabs: Any, plan: Plan) -> Any:
    """The images in slabs, a view: (n, C, size) -> (n, C, H, W)"""
    n, C, size = slabs.shape
    return _view(slabs, plan.first, (n, C, *plan.image), (C * size, size, plan.row, 1))


def _windows(slabs: Any, plan: Plan) -> Any:
    """All windows, a view: (n, C, size) -> (C, kH, kW, n, windows), or (C, kH, kW, n, H', W') for strides."""
    n, C, size = slabs.shape
    (down, right), (dh, dw) = plan.stride, plan.dilation
    lengths, steps = ((plan.length(plan.out[0]),), (1,)) if plan.runs else (plan.out, (down * plan.row, right))
    return _view(slabs, 0, (C, *plan.kernel, n, *lengths), (size, dh * plan.row, dw, C * size, *steps))


def _of_rows(rows: slice, plan: Plan) -> Any:
    """The index of some rows of windows in all of them."""
    if not plan.runs:
        return (..., rows, slice(None))
    start = rows.start * plan.step
    return (..., slice(start, start + plan.length(rows.stop - rows.start)))


def _columns(windows: Any, rows: slice, plan: Plan, memory: Memory) -> Any:
    """(groups, C/groups·kH·kW, columns)"""
    windows = windows[_of_rows(rows, plan)]
    columns = memory("columns", windows.shape)
    columns[...] = windows
    return columns.reshape(plan.groups, math.prod(windows.shape[:3]) // plan.groups, math.prod(windows.shape[3:]))


def _runs(g: Any, plan: Plan, memory: Memory) -> Any:
    """(n, O, rows, W') -> (groups, O/groups, columns), with 0 for the windows around the edge."""
    n, O, rows, _ = g.shape
    runs = memory("runs", (plan.groups, O // plan.groups, n * plan.length(rows)))
    _places(runs, (O, n, *g.shape[2:]), plan)[...] = g.swapaxes(0, 1)
    return runs


def _places(runs: Any, shape: Ints, plan: Plan) -> Any:
    """The windows within the image, a view: (groups, O/groups, columns) -> `shape`, (O, n, rows, W')."""
    length = plan.length(shape[2])
    return _view(runs, 0, shape, (shape[1] * length, length, plan.step, 1))


def _view(x: Any, offset: int, shape: Ints, steps: Ints) -> Any:
    """Entries of a contiguous array by how far they lie apart in it; NumPy checks that they are inside."""
    return np.ndarray(shape, x.dtype, x, offset * x.itemsize, [step * x.itemsize for step in steps])
