"""Images changed at random, whole batches at a time.

An image is (H, W) or, with channels, (C, H, W); a batch has further axes in front. Every image of a batch draws for
itself, the channels of one image share what was drawn. The dtype is kept.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from pureml_core import generator

from ..checks import whole
from ..filling import filling
from .base import Transform, array_of, like, number, pair

Seed = int | np.random.Generator | None


class ImageTransform(Transform):
    """A random function of images: a subclass defines `apply` for a batch (B, C, H, W).

    Args:
        channels: whether images are (C, H, W) or (H, W). None: by the shape, (H, W), (C, H, W) or (B, C, H, W); three
            axes with more than 4 "channels" are then an error, as they are more likely a batch of grey images.
        seed: of its own random stream; None: drawn from the global one.

    Raises:
        TypeError, ValueError: a setting is of another type or out of range; in a call, the images are.
    """

    floating: ClassVar[bool] = False  # whether it computes new values, for which integers are too coarse

    def __init__(self, *, channels: bool | None = None, seed: Seed = None) -> None:
        if channels is not None and not isinstance(channels, bool | np.bool_):
            raise TypeError(f"{type(self).__name__}: channels must be True, False or None, given {channels!r}")
        self.channels = None if channels is None else bool(channels)
        self.rng = generator(seed)

    def apply(self, x: np.ndarray) -> np.ndarray:
        """New images (B, C, H', W') for images (B, C, H, W), of the same dtype."""
        raise NotImplementedError(f"{type(self).__name__} needs apply(self, x)")

    def __call__(self, images: Any, /) -> Any:
        """New images; `images` stay as they are."""
        x = array_of(images)
        if self.floating and x.dtype.kind != "f":
            raise TypeError(f"{type(self).__name__}: needs floating images, given {x.dtype}; x.astype(np.float32) / 255"
                            " brings bytes to [0, 1]")  # fmt: skip
        lead = x.shape[: x.ndim - (3 if self._has_channels(x.shape) else 2)]
        inside = x.shape[len(lead) :]
        y = self.apply(x.reshape(int(np.prod(lead)), *(inside if len(inside) == 3 else (1, *inside))))
        return like(images, y.reshape(*lead, *inside[:-2], *y.shape[-2:]))

    def _has_channels(self, shape: tuple[int, ...]) -> bool:
        where = type(self).__name__
        if self.channels is not None:
            if len(shape) < 2 + self.channels:
                needed = "(..., C, H, W)" if self.channels else "(..., H, W)"
                raise ValueError(f"{where}: given shape {shape}, needed {needed} with channels={self.channels}")
        elif not 2 <= len(shape) <= 4:
            raise ValueError(f"{where}: given shape {shape}, needed (H, W), (C, H, W) or (B, C, H, W), or channels=")
        elif len(shape) == 3 and shape[0] > 4:
            raise ValueError(
                f"{where}: given shape {shape}: {shape[0]} channels of one image, or {shape[0]} grey images? say "
                "channels=True or channels=False"
            )
        return len(shape) > 2 if self.channels is None else self.channels


class RandomCrop(ImageTransform):
    """A window of each image, at a random place.

    Args:
        size: (h, w) of the window, or one number for both; at most (H, W) with the padding.
        padding: rows above and below, and columns left and right, that are added first: a number or (rows, columns).
        fill: their value.
        channels, seed: as in `ImageTransform`.

    >>> RandomCrop(2, padding=1, seed=0)(np.array([[1.0, 2.0], [3.0, 4.0]])).tolist()
    [[3.0, 4.0], [0.0, 0.0]]
    """

    def __init__(
        self,
        size: int | tuple[int, int],
        padding: int | tuple[int, int] = 0,
        *,
        fill: float = 0.0,
        channels: bool | None = None,
        seed: Seed = None,
    ) -> None:
        super().__init__(channels=channels, seed=seed)
        self.size = _pair("RandomCrop: size", size, 1)
        self.padding = _pair("RandomCrop: padding", padding, 0)
        self.fill = number("RandomCrop: fill", fill)

    def apply(self, x: np.ndarray) -> np.ndarray:
        return _random_windows(type(self).__name__, x, self.padding, self.size, self.fill, self.rng)


class RandomShift(ImageTransform):
    """Each image moved by whole pixels, a random number of rows and of columns; what moves out is lost.

    Args:
        shift: the most that it moves up or down, and left or right: a number or (rows, columns).
        fill: the value of what moves in.
        channels, seed: as in `ImageTransform`.
    """

    def __init__(
        self, shift: int | tuple[int, int], *, fill: float = 0.0, channels: bool | None = None, seed: Seed = None
    ) -> None:
        super().__init__(channels=channels, seed=seed)
        self.shift = _pair("RandomShift: shift", shift, 0)
        self.fill = number("RandomShift: fill", fill)

    def apply(self, x: np.ndarray) -> np.ndarray:
        return _random_windows(type(self).__name__, x, self.shift, (x.shape[-2], x.shape[-1]), self.fill, self.rng)


class RandomHorizontalFlip(ImageTransform):
    """Each image turned left to right, with probability p in [0, 1]."""

    axis: ClassVar[int] = -1

    def __init__(self, p: float = 0.5, *, channels: bool | None = None, seed: Seed = None) -> None:
        super().__init__(channels=channels, seed=seed)
        self.p = number(f"{type(self).__name__}: p", p, 0, 1)

    def apply(self, x: np.ndarray) -> np.ndarray:
        chosen = self.rng.random(len(x)) < self.p
        y = x.copy()
        y[chosen] = np.flip(x[chosen], self.axis)
        return y


class RandomVerticalFlip(RandomHorizontalFlip):
    """Each image turned upside down, with probability p in [0, 1]."""

    axis = -2


class RandomRotation(ImageTransform):
    """Each floating image turned about its centre by a random angle, with bilinear interpolation, at its old size.

    Args:
        degrees: d for an angle between −d and d, or (low, high); positive ones turn anticlockwise.
        fill: the value around the image.
        channels, seed: as in `ImageTransform`.
    """

    floating = True

    def __init__(
        self,
        degrees: float | tuple[float, float],
        *,
        fill: float = 0.0,
        channels: bool | None = None,
        seed: Seed = None,
    ) -> None:
        super().__init__(channels=channels, seed=seed)
        name = "RandomRotation: degrees"
        low, high = pair(name, degrees) if isinstance(degrees, tuple | list) else (-number(name, degrees), degrees)
        self.degrees = number(name, low), number(name, high)
        if self.degrees[0] > self.degrees[1]:
            raise ValueError(f"RandomRotation: degrees must be (low, high) or a number >= 0, given {degrees!r}")
        self.fill = number("RandomRotation: fill", fill)

    def apply(self, x: np.ndarray) -> np.ndarray:
        angle = np.deg2rad(self.rng.uniform(*self.degrees, size=len(x)))[:, None, None]
        h, w = x.shape[-2:]
        down, right = np.arange(h)[:, None] - (h - 1) / 2, np.arange(w) - (w - 1) / 2  # from the centre
        cos, sin = np.cos(angle), np.sin(angle)
        rows = right * sin + down * cos + (h - 1) / 2  # where each new pixel comes from, (B, H, W)
        columns = right * cos - down * sin + (w - 1) / 2
        return bilinear(x, rows, columns, filling("RandomRotation: fill", self.fill, x.dtype))


class GaussianNoise(ImageTransform):
    """Floating images plus noise of standard deviation `std`, drawn for every number.

    Args:
        std: >= 0.
        clip: (low, high), a range that the result is cut to; None: it may leave [0, 1].
        channels, seed: as in `ImageTransform`.
    """

    floating = True

    def __init__(
        self,
        std: float,
        *,
        clip: tuple[float, float] | None = None,
        channels: bool | None = None,
        seed: Seed = None,
    ) -> None:
        super().__init__(channels=channels, seed=seed)
        self.std = number("GaussianNoise: std", std, 0)
        self.clip = None
        if clip is not None:
            low, high = (number("GaussianNoise: clip", limit) for limit in pair("GaussianNoise: clip", clip))
            if low > high:
                raise ValueError(f"GaussianNoise: clip must be (low, high), given {clip!r}")
            self.clip = low, high

    def apply(self, x: np.ndarray) -> np.ndarray:
        drawn: Any = np.float64 if x.dtype.itemsize >= 8 else np.float32  # what NumPy draws
        y: np.ndarray = self.rng.standard_normal(x.shape, drawn)
        y *= self.std
        y += x
        if self.clip is not None:
            np.clip(y, *self.clip, out=y)
        return y.astype(x.dtype, copy=False)


class Cutout(ImageTransform):
    """A rectangle of each image blotted out, around a random pixel, with its part outside the image cut off
    (DeVries & Taylor 2017).

    Args:
        size: (h, w) of the rectangle, or one number for both.
        p: the probability that an image gets one, in [0, 1].
        fill: its value.
        channels, seed: as in `ImageTransform`.
    """

    def __init__(
        self,
        size: int | tuple[int, int],
        *,
        p: float = 1.0,
        fill: float = 0.0,
        channels: bool | None = None,
        seed: Seed = None,
    ) -> None:
        super().__init__(channels=channels, seed=seed)
        self.size = _pair("Cutout: size", size, 1)
        self.p = number("Cutout: p", p, 0, 1)
        self.fill = number("Cutout: fill", fill)

    def apply(self, x: np.ndarray) -> np.ndarray:
        chosen = self.rng.random(len(x)) < self.p
        inside = []  # (B, H) and (B, W)
        for length, size in zip(x.shape[-2:], self.size, strict=True):
            start = self.rng.integers(max(length, 1), size=(len(x), 1)) - size // 2
            inside.append((start <= np.arange(length)) & (np.arange(length) < start + size))
        cut = inside[0][:, None, :, None] & inside[1][:, None, None, :] & chosen[:, None, None, None]
        return np.where(cut, filling("Cutout: fill", self.fill, x.dtype), x)


class Normalize(Transform):
    """Images less a mean, over a deviation: y = (x − mean) / std, with a value for each channel or one for all.

    Args:
        mean: a number, or (C,).
        std: likewise; none of them 0.

    Raises:
        TypeError, ValueError: they are not; in a call, images that are not floating, or not (..., C, H, W) for C
            values.

    >>> Normalize([0.0, 0.5], 0.5)(np.ones((2, 1, 1), np.float32)).tolist()
    [[[2.0]], [[1.0]]]
    """

    def __init__(self, mean: Any, std: Any) -> None:
        given = {"mean": array_of(mean), "std": array_of(std)}
        for name, value in given.items():
            if value.size and value.dtype.kind not in "iuf":
                raise TypeError(f"Normalize: {name} must be numbers, given {value.dtype}")
        self.mean, self.std = (value.astype(np.float64) for value in given.values())
        for name, value in [("mean", self.mean), ("std", self.std)]:
            wrong = value.ndim > 1 or value.size == 0 or not np.isfinite(value).all()
            if wrong or (name == "std" and (value <= 0).any()):
                raise ValueError(f"Normalize: {name} must be a finite number{' above 0' if name == 'std' else ''} or "
                                 f"one for each channel, given {value}")  # fmt: skip

    def __call__(self, images: Any, /) -> Any:
        x, mean, std = self._checked(images)
        return like(images, (x - mean) / std)

    def inverse(self, images: Any) -> Any:
        """The images before."""
        y, mean, std = self._checked(images)
        return like(images, y * std + mean)

    def _checked(self, images: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        x = array_of(images)
        if x.dtype.kind != "f":
            raise TypeError(f"Normalize: needs floating images, given {x.dtype}; x.astype(np.float32) / 255"
                            " brings bytes to [0, 1]")  # fmt: skip
        for value in (self.mean, self.std):
            if value.ndim and (x.ndim < 3 or x.shape[-3] != len(value)):
                raise ValueError(f"Normalize: given shape {x.shape} for {len(value)} channels, needed (..., C, H, W)")
        mean, std = (v.astype(x.dtype)[..., None, None] if v.ndim else v.astype(x.dtype) for v in (self.mean, self.std))
        return x, mean, std

    def __repr__(self) -> str:
        return f"Normalize({self.mean.tolist()}, {self.std.tolist()})"


def bilinear(x: np.ndarray, rows: np.ndarray, columns: np.ndarray, fill: float) -> np.ndarray:
    """Values of images (B, C, H, W) between pixels, at rows and columns (B, H', W'); around them all is `fill`."""
    b, c, h, w = x.shape
    padded = np.full((b, c, h + 2, w + 2), fill, x.dtype)
    padded[:, :, 1:-1, 1:-1] = x
    rows, columns = np.clip(rows, -1, h), np.clip(columns, -1, w)  # beyond is fill, whatever the distance
    above, left = np.minimum(np.floor(rows), h - 1), np.minimum(np.floor(columns), w - 1)
    down, right = (rows - above).astype(x.dtype)[:, None], (columns - left).astype(x.dtype)[:, None]
    image = np.arange(b * c).reshape(b, c, 1, 1) * ((h + 2) * (w + 2))
    place = image + ((above + 1) * (w + 2) + left + 1).astype(np.intp)[:, None]  # of the upper left neighbour

    def row(start: int) -> np.ndarray:
        pixels = padded.reshape(-1)[start:]
        y: np.ndarray = pixels.take(place) * (1 - right) + pixels[1:].take(place) * right
        return y

    y: np.ndarray = row(0) * (1 - down) + row(w + 2) * down
    return y


def _random_windows(
    where: str,
    x: np.ndarray,
    padding: tuple[int, int],
    size: tuple[int, int],
    fill: float,
    rng: np.random.Generator,
) -> np.ndarray:
    """A window of each image (B, C, H, W), once it has been padded, at a random place."""
    b, c, h, w = x.shape
    (above, left), (height, width) = padding, size
    if height > h + 2 * above or width > w + 2 * left:
        raise ValueError(
            f"{where}: given images of {h} × {w} with a padding of {padding}, needed at least {height} × {width}"
        )
    padded = np.full((b, c, h + 2 * above, w + 2 * left), filling(f"{where}: fill", fill, x.dtype))
    padded[:, :, above : above + h, left : left + w] = x
    rows = rng.integers(h + 2 * above - height + 1, size=b)
    columns = rng.integers(w + 2 * left - width + 1, size=b)
    windows = np.lib.stride_tricks.sliding_window_view(padded, size, axis=(2, 3))
    return windows[np.arange(b), :, rows, columns]


def _pair(name: str, value: Any, low: int) -> tuple[int, int]:
    first, second = pair(name, value) if isinstance(value, tuple | list) else (value, value)
    return whole(name, first, low), whole(name, second, low)
