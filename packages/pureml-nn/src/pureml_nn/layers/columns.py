"""Convolution as matrix products with columns, a few images at a time.

Every window of an image is a column of a matrix: (C·kH·kW, windows). With them, convolution and both of its gradients
are one product each:

    Y = W cols(X)        dW = G cols(X)ᵀ        dX = Wᵀ G, every column added back to the window that it came from

The columns are kH·kW times as large as the images. They are made for as many images (or rows of one) as keep them in
the processor's cache, used there, and made again by the gradient: nothing is kept.

With stride 1 all windows of an image that share an entry of the kernel, row after row, are one run of its memory:

    X (H, W) flat:   0 1 2 3 | 4 5 6 7 | ...      kernel (·, 2), its first entry:  0 1 2 3 4 5 6 ...
                                                                its second entry:  1 2 3 4 5 6 7 ...

so that columns are copied, and added back, in long runs rather than row by row. The price: between one row and the
next there are windows that reach around the right edge (3 and 4 above). Their outputs are dropped, their gradients 0.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from .geometry import Ints, Pair

ENTRIES = 2**18  # of the columns made at a time


class Plan(NamedTuple):
    """How the windows of a convolution lie in its images."""

    image: Ints  # (H, W)
    kernel: Ints
    stride: Ints
    dilation: Ints
    padding: tuple[Pair, ...]  # of zeros: (top, bottom), (left, right)
    out: Ints  # windows along height and width
    groups: int

    @property
    def padded(self) -> Ints:
        (top, bottom), (left, right) = self.padding
        return top + self.image[0] + bottom, left + self.image[1] + right

    @property
    def runs(self) -> bool:
        return self.stride == (1, 1)

    @property
    def row(self) -> int:
        """From one row of windows to the next, in the columns."""
        return self.padded[1] if self.runs else self.out[1]

    def length(self, rows: int) -> int:
        """Of `rows` rows of windows; after the last one nothing is left over."""
        return max(0, (rows - 1) * self.row + self.out[1])

    def pieces(self, batch: int, channels: int) -> Iterator[tuple[slice, list[slice]]]:
        """Images, and the rows of their windows, whose columns are made together."""
        of_row = max(1, channels * math.prod(self.kernel) * self.row)
        rows = max(1, min(self.out[0], ENTRIES // of_row))
        images = max(1, ENTRIES // (of_row * self.out[0])) if rows == self.out[0] else 1
        heights = [slice(i, min(i + rows, self.out[0])) for i in range(0, self.out[0], rows)]
        for start in range(0, batch, images):
            yield slice(start, min(start + images, batch)), heights


def convolved(x: Any, w: Any, b: Any, plan: Plan) -> Any:
    """Y = W cols(X) + b: (B, C, H, W) with (O, C/groups, kH, kW) gives (B, O, H', W')."""
    O, G, dtype = w.shape[0], plan.groups, np.result_type(x, w)
    y = np.empty((len(x), O, *plan.out), dtype)
    x = np.ascontiguousarray(x)
    W = w.reshape(G, O // G, w[0].size)
    pad = _padder(x, plan)
    for images, heights in plan.pieces(*x.shape[:2]):
        windows = _windows(pad(x[images]), plan)
        for rows in heights:
            product = np.matmul(W, _columns(windows, rows, plan, dtype))
            part = y[images, :, rows].swapaxes(0, 1)
            product = _places(product.reshape(O, -1), part.shape, plan)
            if b is None:
                part[...] = product
            else:
                np.add(product, b[:, None, None, None], out=part)
    return y


def weight_gradient(x: Any, g: Any, w_shape: tuple[int, ...], plan: Plan) -> Any:
    """dW = G cols(X)ᵀ, summed over the batch: (B, C, H, W) with (B, O, H', W') gives (O, C/groups, kH, kW)."""
    O, G, dtype = w_shape[0], plan.groups, np.result_type(x, g)
    dw = np.zeros((G, O // G, math.prod(w_shape[1:])), dtype)
    x = np.ascontiguousarray(x)
    pad = _padder(x, plan)
    for images, heights in plan.pieces(*x.shape[:2]):
        windows = _windows(pad(x[images]), plan)
        for rows in heights:
            columns = _columns(windows, rows, plan, dtype)
            dw += np.matmul(_runs(g[images, :, rows], plan, dtype), columns.swapaxes(1, 2))
    return dw.reshape(w_shape)


def input_gradient(g: Any, w: Any, channels: int, plan: Plan) -> Any:
    """dX = Wᵀ G, added back: (B, O, H', W') with (O, C/groups, kH, kW) gives (B, C, H, W)."""
    O, G, dtype = w.shape[0], plan.groups, np.result_type(g, w)
    dx = np.zeros((len(g), channels, *plan.image), dtype)
    WT = w.reshape(G, O // G, w[0].size).swapaxes(1, 2)
    (top, _), (left, _) = plan.padding
    inside = (..., slice(top, top + plan.image[0]), slice(left, left + plan.image[1]))
    whole = plan.padded == plan.image
    for images, heights in plan.pieces(len(g), channels):
        part = dx[images]
        to = part if whole else np.zeros((*part.shape[:2], *plan.padded), dtype)
        windows = _windows(to, plan)
        for rows in heights:
            columns = np.matmul(WT, _runs(g[images, :, rows], plan, dtype))
            places = windows[_of_rows(rows, plan)]
            columns = columns.reshape(places.shape)
            for i, j in np.ndindex(*plan.kernel):
                places[:, i, j] += columns[:, i, j]
        if not whole:
            part[...] = to[inside]
    return dx


def _padder(x: Any, plan: Plan) -> Any:
    """The function that puts zeros around a few images, always in the same place."""
    if plan.padded == plan.image:
        return lambda part: part
    (top, _), (left, _) = plan.padding
    kept: list[Any] = []

    def pad(part: Any) -> Any:
        if not kept:  # the first part is the largest
            kept.append(np.zeros((*part.shape[:2], *plan.padded), part.dtype))
        to = kept[0][: len(part)]
        to[..., top : top + plan.image[0], left : left + plan.image[1]] = part
        return to

    return pad


def _windows(x: Any, plan: Plan) -> Any:
    """A view (C, kH, kW, n, windows) of n contiguous padded images, in runs; or (C, kH, kW, n, H', W') for strides."""
    n, C, H, W = x.shape
    right = x.itemsize  # not x.strides: they mean nothing along axes of size 1
    down = W * right
    size: Ints = plan.out
    between: Ints = (down * plan.stride[0], right * plan.stride[1])
    if plan.runs:
        size, between = (plan.length(plan.out[0]),), (right,)
    strides = (H * down, down * plan.dilation[0], right * plan.dilation[1], C * H * down, *between)
    return np.ndarray((C, *plan.kernel, n, *size), x.dtype, x, 0, strides)


def _of_rows(rows: slice, plan: Plan) -> Any:
    """The index of rows of windows in what `_windows` gives."""
    if not plan.runs:
        return (..., rows, slice(None))
    start = rows.start * plan.row
    return (..., slice(start, start + plan.length(rows.stop - rows.start)))


def _columns(windows: Any, rows: slice, plan: Plan, dtype: Any) -> Any:
    """(groups, C/groups·kH·kW, columns)"""
    windows = windows[_of_rows(rows, plan)]
    columns = np.empty(windows.shape, dtype)
    columns[...] = windows
    return columns.reshape(plan.groups, math.prod(windows.shape[:3]) // plan.groups, math.prod(windows.shape[3:]))


def _runs(g: Any, plan: Plan, dtype: Any) -> Any:
    """(n, O, rows, W') -> (groups, O/groups, columns), with 0 for the windows around the edge."""
    n, O, rows, _ = g.shape
    flat = (np.zeros if plan.row > plan.out[1] else np.empty)((O, n * plan.length(rows)), dtype)
    _places(flat, (O, n, *g.shape[2:]), plan)[...] = g.swapaxes(0, 1)
    return flat.reshape(plan.groups, O // plan.groups, flat.shape[1])


def _places(flat: Any, shape: tuple[int, ...], plan: Plan) -> Any:
    """The windows within an image among contiguous columns (O, columns), as a view (O, n, rows, W')."""
    size, run = flat.itemsize, plan.length(shape[2])
    return np.ndarray(shape, flat.dtype, flat, 0, (shape[1] * run * size, run * size, plan.row * size, size))
