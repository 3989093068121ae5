"""Windows over signals and images: how many there are, and what they see."""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np
from pureml_core import composed, unfold

Ints = tuple[int, ...]
Pair = tuple[int, int]


def sizes(name: str, what: str, value: Any, count: int, least: int = 1) -> Ints:
    """One integer for each of `count` axes, from an integer for all of them or from as many (NumPy's are welcome).

    Raises:
        TypeError: it is neither.
        ValueError: one is below `least`.
    """
    given = tuple(value) if isinstance(value, tuple | list) else (value,) * count
    try:
        found = tuple(operator.index(size) for size in given if not isinstance(size, bool))
    except TypeError:
        found = ()
    if len(found) != len(given) or len(found) != count:
        needed = "an integer" if count == 1 else f"an integer or {count} of them"
        raise TypeError(f"{name}: given {what}={value!r}, needed {needed}")
    if min(found) < least:
        raise ValueError(f"{name}: given {what}={value!r}, needed {least} or more")
    return found


def paddings(name: str, padding: Any, count: int) -> Ints | str:
    """The padding of a layer: one integer for each axis, or "same".

    Raises:
        ValueError: it is another word, or negative.
    """
    if isinstance(padding, str):
        if padding not in ("same", "valid"):
            raise ValueError(f"{name}: given padding={padding!r}, needed integers, 'same' or 'valid'")
        return padding if padding == "same" else (0,) * count
    return sizes(name, "padding", padding, count, least=0)


def margins(
    padding: Ints | str,
    lengths: Ints,
    kernel: Ints,
    stride: Ints,
    dilation: Ints,
) -> tuple[Pair, ...]:
    """(before, after) for each axis. "same" gives ⌈n / stride⌉ windows, and one more entry after than before if odd."""
    if not isinstance(padding, str):
        return tuple((p, p) for p in padding)
    found = []
    for n, k, s, d in zip(lengths, kernel, stride, dilation, strict=True):
        total = max(0, (math.ceil(n / s) - 1) * s + d * (k - 1) + 1 - n)
        found.append((total // 2, total - total // 2))
    return tuple(found)


def counts(
    name: str,
    lengths: Ints,
    padding: tuple[Pair, ...],
    kernel: Ints,
    stride: Ints,
    dilation: Ints,
) -> Ints:
    """How many windows each axis holds: ⌊(n + padding - d (k - 1) - 1) / stride⌋ + 1.

    Raises:
        ValueError: no window fits.
    """
    found = []
    for n, (before, after), k, s, d in zip(lengths, padding, kernel, stride, dilation, strict=True):
        room = n + before + after - d * (k - 1) - 1
        if room < 0:
            raise ValueError(
                f"{name}: a window of {k} with dilation {d} spans {d * (k - 1) + 1}, more than the {n} entries with "
                f"padding {before} and {after}; lengths are {lengths}"
            )
        found.append(room // s + 1)
    return tuple(found)


def output_len_1d(L_in: int, kernel_size: Any, *, stride: Any = 1, padding: Any = 0, dilation: Any = 1) -> int:
    """How many windows fit into a signal: ⌊(L + 2 p - d (k - 1) - 1) / s⌋ + 1.

    Args:
        L_in: the length.
        kernel_size, stride, padding, dilation: integers; the padding also "same" or "valid".

    Raises:
        ValueError: none fits, or a number is out of range.
        TypeError: a number is no integer.

    >>> output_len_1d(10, 3, stride=2, padding=1)
    5
    """
    return _outputs("output_len_1d", {"L_in": L_in}, kernel_size, stride, padding, dilation)[0]


def output_shape_2d(
    H_in: int, W_in: int, kernel_size: Any, *, stride: Any = 1, padding: Any = 0, dilation: Any = 1
) -> Pair:
    """How many windows fit into an image along its height and its width, as `output_len_1d` says for each.

    Args:
        H_in, W_in: the size.
        kernel_size, stride, padding, dilation: integers or pairs; the padding also "same" or "valid".

    Raises:
        ValueError: none fits, or a number is out of range.
        TypeError: neither an integer nor a pair.

    >>> output_shape_2d(28, 28, (3, 5), padding=(1, 0))
    (28, 24)
    """
    H, W = _outputs("output_shape_2d", {"H_in": H_in, "W_in": W_in}, kernel_size, stride, padding, dilation)
    return H, W


def _outputs(name: str, lengths: dict[str, Any], kernel_size: Any, stride: Any, padding: Any, dilation: Any) -> Ints:
    n = tuple(sizes(name, what, length, 1)[0] for what, length in lengths.items())
    kernel, step = sizes(name, "kernel_size", kernel_size, len(n)), sizes(name, "stride", stride, len(n))
    spread = sizes(name, "dilation", dilation, len(n))
    around = margins(paddings(name, padding, len(n)), n, kernel, step, spread)
    return counts(name, n, around, kernel, step, spread)


@composed()
def unfold1d(
    X: Any, /, kernel_size: Any, stride: Any = 1, padding: Any = 0, dilation: Any = 1, pad_with: float = 0.0
) -> Any:
    """The windows over signals as columns: (B, C, L) -> (B, C·k, L'), channels first, then places in the window.

    A convolution is a matrix product with them: W (O, C·k) @ columns (B, C·k, L').

    Args:
        kernel_size, stride, padding, dilation: integers; the padding also "same" or "valid".
        pad_with: the value of padded entries.

    Raises:
        ValueError: X is not (B, C, L), no window fits, or a number is out of range.
        TypeError: a number is no integer.
    """
    return _unfolded("unfold1d", X, kernel_size, stride, padding, dilation, pad_with, axes=1)


@composed()
def unfold2d(
    X: Any, /, kernel_size: Any, stride: Any = 1, padding: Any = 0, dilation: Any = 1, pad_with: float = 0.0
) -> Any:
    """The windows over images as columns: (B, C, H, W) -> (B, C·kH·kW, H'·W'), channels first, then places.

    A convolution is a matrix product with them: W (O, C·kH·kW) @ columns (B, C·kH·kW, H'·W').

    Args:
        kernel_size, stride, padding, dilation: integers or pairs; the padding also "same" or "valid".
        pad_with: the value of padded entries.

    Raises:
        ValueError: X is not (B, C, H, W), no window fits, or a number is out of range.
        TypeError: neither an integer nor a pair.
    """
    return _unfolded("unfold2d", X, kernel_size, stride, padding, dilation, pad_with, axes=2)


def _unfolded(
    name: str, X: Any, kernel_size: Any, stride: Any, padding: Any, dilation: Any, pad_with: float, axes: int
) -> Any:
    shape = np.shape(X)
    if len(shape) != axes + 2:
        raise ValueError(f"{name}: given X of shape {shape}, needed {('(B, C, L)', '(B, C, H, W)')[axes - 1]}")
    kernel, step = sizes(name, "kernel_size", kernel_size, axes), sizes(name, "stride", stride, axes)
    spread = sizes(name, "dilation", dilation, axes)
    around = margins(paddings(name, padding, axes), shape[2:], kernel, step, spread)
    out = counts(name, shape[2:], around, kernel, step, spread)
    X = unfold(padded(X, around, pad_with), kernel, step, spread)  # (B, C, *out, *kernel)
    X = np.transpose(X, (0, 1, *range(2 + axes, 2 + 2 * axes), *range(2, 2 + axes)))
    return np.reshape(X, (shape[0], shape[1] * math.prod(kernel), math.prod(out)))


def padded(X: Any, around: tuple[Pair, ...], value: float) -> Any:
    """X with entries of `value` around its last axes, (before, after) for each."""
    if not any(before or after for before, after in around):
        return X
    return np.pad(X, ((0, 0),) * (np.ndim(X) - len(around)) + around, constant_values=value)
