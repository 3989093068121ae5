"""Windows over arrays, and resampling."""

import itertools
import math
import operator

import numpy as np

from ..op import kernel, op
from ..registry import NUMPY, composed

__all__ = ["fold", "interpolate", "unfold"]


# ---- windows


@op(linear=True)
def unfold(x, /, size, stride=1, dilation=1, axes=None):
    """All windows of `size` entries: (..., n₁, n₂) -> (..., m₁, m₂, k₁, k₂), a read-only view that copies nothing.

    y[..., i₁, i₂, j₁, j₂] = x[..., i₁ stride₁ + j₁ dilation₁, i₂ stride₂ + j₂ dilation₂]. The places of the windows
    stand where the windowed axes stood, m = ⌊(n - dilation (k - 1) - 1) / stride⌋ + 1 of them; the entries of each
    window are new axes at the end.

    Args:
        size: (k₁, k₂, ...), or an integer for one axis (for each of `axes` if they are given).
        stride: from one window to the next, an integer or one for each axis.
        dilation: from one entry of a window to the next, likewise.
        axes: that windows run along; by default the last ones, as many as `size` has.

    Raises:
        ValueError: a window that does not fit into its axis; sizes, strides or dilations below 1.
    """
    shape = np.shape(x)
    grid = _grid("unfold", shape, size, stride, dilation, axes)
    return _windows(x, grid), lambda g: fold(g, shape, size, stride, dilation, axes)


@op(linear=True)
def fold(y, /, shape, size, stride=1, dilation=1, axes=None):
    """The adjoint of `unfold`: windows added up in an array of `shape`; (..., m₁, m₂, k₁, k₂) -> (..., n₁, n₂).

    x[..., p₁, p₂] is the sum of all entries of y that `unfold` would take from there, and 0 where it takes none.

    Args:
        shape: of the result, all axes.
        size, stride, dilation, axes: as for `unfold`.

    Raises:
        ValueError: y does not have the shape that `unfold` would give.
    """
    shape = tuple(shape)
    grid = _grid("fold", shape, size, stride, dilation, axes)
    needed = _shape_of_windows(shape, grid)
    if np.shape(y) != needed:
        raise ValueError(f"fold: given {np.shape(y)}, needed {needed}: the windows over an array of shape {shape}")
    return _fold(y, shape, grid), lambda g: unfold(g, size, stride, dilation, axes)


def _windows(x, grid, writeable=False):
    strides = list(x.strides)
    for axis, _, _, stride, _ in grid:
        strides[axis] *= stride
    inner = [x.strides[axis] * dilation for axis, _, _, _, dilation in grid]
    return np.lib.stride_tricks.as_strided(x, _shape_of_windows(x.shape, grid), (*strides, *inner), writeable=writeable)


@kernel
def _fold(y, shape, grid):
    x = np.zeros(shape, y.dtype)
    if all(stride > dilation * (k - 1) for _, _, k, stride, dilation in grid):  # no two windows share an entry
        _windows(x, grid, writeable=True)[...] = y
        return x

    # (..., m₁, k₁, m₂, k₂): what remains after one of each pair is picked is in the order of x
    pairs = [[axis] for axis in range(x.ndim)]
    for i, (axis, *_) in enumerate(grid):
        pairs[axis].append(x.ndim + i)
    y = np.transpose(y, [axis for pair in pairs for axis in pair])

    # Along each axis by entries of windows, or by windows, whichever are fewer: (where in x, where in y) of each.
    everything = slice(None)
    choices = [[(everything, (everything,))] for _ in shape]
    for axis, m, k, stride, dilation in grid:
        if k <= m:
            places = [slice(j * dilation, j * dilation + (m - 1) * stride + 1, stride) for j in range(k)]
            choices[axis] = [(place, (everything, j)) for j, place in enumerate(places)]
        else:
            places = [slice(i * stride, i * stride + (k - 1) * dilation + 1, dilation) for i in range(m)]
            choices[axis] = [(place, (i, everything)) for i, place in enumerate(places)]
    for choice in itertools.product(*choices):
        x[tuple(place for place, _ in choice)] += y[tuple(i for _, pair in choice for i in pair)]
    return x


def _grid(name, shape, size, stride, dilation, axes):
    """(axis, number of windows m, size k, stride, dilation) of each windowed axis."""
    axes, size = _along(name, "size", size, axes, shape)
    strides = _one_each(name, "stride", stride, len(size))
    dilations = _one_each(name, "dilation", dilation, len(size))
    if min((*size, *strides, *dilations), default=1) < 1:
        raise ValueError(f"{name}: size={size}, stride={strides}, dilation={dilations}; each must be at least 1")
    grid = []
    for axis, k, s, d in zip(axes, size, strides, dilations, strict=True):
        span = d * (k - 1) + 1
        if span > shape[axis]:
            raise ValueError(
                f"{name}: a window of {k} entries with dilation {d} spans {span}, more than the {shape[axis]} of axis "
                f"{axis} of {shape}; pad it first"
            )
        grid.append((axis, (shape[axis] - span) // s + 1, k, s, d))
    return grid


def _shape_of_windows(shape, grid):
    outer = list(shape)
    for axis, m, *_ in grid:
        outer[axis] = m
    return (*outer, *(k for _, _, k, _, _ in grid))


def _along(name, what, x, axes, shape):
    """(axes, one number for each): by default the last axes, as many as there are numbers."""
    ndim = len(shape)
    if axes is None:
        values = _numbers(x)
        if len(values) > ndim:
            raise ValueError(f"{name}: {what}={values} for {len(values)} axes, given {ndim}: {shape}")
        return range(ndim - len(values), ndim), values
    axes = _numbers(axes)
    if any(not -ndim <= axis < ndim for axis in axes) or len({axis % ndim for axis in axes}) != len(axes):
        raise ValueError(f"{name}: axes={axes} of {shape}; give different ones from {-ndim} to {ndim - 1}")
    return [axis % ndim for axis in axes], _one_each(name, what, x, len(axes))


def _one_each(name, what, x, count):
    values = _numbers(x)
    if len(values) not in (1, count):
        raise ValueError(f"{name}: {len(values)} values for {what}, needed 1 or {count}, one for each axis")
    return values * (count if len(values) == 1 else 1)


def _numbers(x):
    return tuple(np.atleast_1d(x).tolist())


def _sliding_window_view(x, window_shape, axis=None):
    """NumPy's call: stride and dilation 1; without `axis`, a size for each axis."""
    if axis is None and np.size(window_shape) != np.ndim(x):
        raise ValueError(f"sliding_window_view: sizes {window_shape} for {np.ndim(x)} axes; give one each, or axis=")
    return unfold(x, window_shape, axes=axis)


NUMPY[np.lib.stride_tricks.sliding_window_view] = _sliding_window_view


# ---- resampling


@composed()
def interpolate(x, /, size=None, scale=None, mode="nearest", align_corners=False, axes=None):
    """x resampled to another size along its last axes: (..., n₁, n₂) -> (..., m₁, m₂).

    Entries are cells of width 1: the centre of cell i of the result lies at (i + 1/2) n/m - 1/2 of x, held at the
    outermost centres; with `align_corners` at i (n - 1)/(m - 1), so that the corners keep their values.

    Values are PyTorch's, but for "nearest" over two axes with a fractional `scale` at which m is n or 2n: there that
    takes the entries i or ⌊i/2⌋, as if the scale were 1 or 2.

    Args:
        size: (m₁, m₂, ...), or an integer for one axis (for each of `axes` if they are given); or instead
        scale: the factors: m = ⌊n · scale⌋, and 1/scale in place of n/m.
        mode: "nearest", entry ⌊i n/m⌋, or "linear": between the two neighbours along each axis (bilinear, trilinear);
            an axis that keeps its length keeps its values.
        align_corners: of "linear" only.
        axes: to resample; by default the last ones, as many as `size` or `scale` has.

    Raises:
        ValueError: both or neither of `size` and `scale`; another mode; an axis without entries; a result without.
    """
    if (size is None) == (scale is None):
        raise ValueError(f"interpolate: size={size}, scale={scale}; give one of the two")
    if mode not in ("nearest", "linear") or (align_corners and mode == "nearest"):
        raise ValueError(
            f'interpolate: mode={mode!r}, align_corners={align_corners}; give "nearest", or "linear" with or without'
        )
    shape = np.shape(x)
    what, given = ("size", size) if scale is None else ("scale", scale)
    for axis, value in zip(*_along("interpolate", what, given, axes, shape), strict=True):
        n, m = shape[axis], operator.index(value) if scale is None else math.floor(shape[axis] * value)
        if n < 1 or m < 1:
            raise ValueError(f"interpolate: {n} entries along axis {axis} of {shape} to {m}; both must be at least 1")
        factor = None if scale is None else value
        taps = _nearest(n, m, factor) if mode == "nearest" else _linear(n, m, factor, align_corners)
        x = weighted_take(x, taps, axis)
    return x


def _nearest(n, m, scale):
    """One tap."""
    i = np.arange(m)
    return [(i * n // m if scale is None else np.minimum((i / scale).astype(int), n - 1), None)]


def _linear(n, m, scale, align_corners):
    """Two taps, the neighbours on both sides."""
    i = np.arange(m)
    if align_corners or n == m:
        place = i * ((n - 1) / max(m - 1, 1))
    else:
        place = np.maximum((i + 0.5) * (n / m if scale is None else 1 / scale) - 0.5, 0)
    left = np.minimum(place.astype(int), n - 1)
    weight = np.minimum(place - left, 1)
    return [(left, 1 - weight), (np.minimum(left + 1, n - 1), weight)]


@op(linear=True)
def weighted_take(x, /, taps, axis):
    """yᵢ = Σₜ wₜᵢ x[indexₜᵢ] along one axis: a sparse matrix times x, given as taps (index, w); None for ones."""
    n = np.shape(x)[axis]
    return _weighted_take(x, taps, axis), lambda g: weighted_take(g, _transposed(taps, n), axis)


@kernel
def _weighted_take(x, taps, axis):
    y = None
    precision = np.finfo(x.dtype).dtype if x.dtype.kind in "fc" else np.float64
    for index, weights in taps:
        part = np.take(x, index, axis)
        if weights is not None:
            weights = weights.astype(precision).reshape((-1,) + (1,) * (x.ndim - axis - 1))
            part = np.multiply(part, weights, out=part if part.dtype.kind in "fc" else None)
        y = part if y is None else np.add(y, part, out=y)
    return y


def _transposed(taps, n):
    """The taps of the transposed matrix: for each of the n columns all its entries, filled up with zeros."""
    rows = np.concatenate([np.arange(len(index)) for index, _ in taps])
    columns = np.concatenate([index for index, _ in taps])
    weights = np.concatenate([np.ones(len(index)) if w is None else w for index, w in taps])
    rows, columns, weights = rows[weights != 0], columns[weights != 0], weights[weights != 0]
    order = np.argsort(columns, kind="stable")
    rows, columns, weights = rows[order], columns[order], weights[order]
    count = np.bincount(columns, minlength=n)
    rank = np.arange(len(columns)) - np.repeat(np.cumsum(count) - count, count)  # of an entry within its column
    index = np.zeros((max(count.max(), 1), n), int)
    w = np.zeros(index.shape)
    index[rank, columns], w[rank, columns] = rows, weights
    return list(zip(index, w, strict=True))
