"""Dropout."""

from __future__ import annotations

from typing import Any

import numpy as np
from pureml_core import Tensor, draw_seed, generator, op

from ..layer import Layer


@op
def dropped(x: Any, mask: Any, /) -> Any:
    """x times a mask of zeros and 1 / (1 - p), which may be stretched."""
    return x * mask, lambda g: g * mask, None  # dL/dx = g mask


class Dropout(Layer):
    """Zeroes each entry with probability p while training and scales the others by 1 / (1 - p).

    In evaluation the input passes unchanged (Srivastava et al. 2014, "inverted" so that nothing is left to scale).

    Args:
        p: probability of a zero, 0 to 1.
        seed: of the masks; None draws one. The state of the generator is saved with the model.
        training: the mode at first.

    Raises:
        ValueError: p is outside [0, 1].
    """

    def __init__(self, p: float = 0.5, *, seed: int | None = None, training: bool = True) -> None:
        if not isinstance(p, int | float | np.number) or not 0 <= p <= 1:
            raise ValueError(f"{type(self).__name__}: given p={p!r}, needed a probability from 0 to 1")
        self.p = float(p)
        self.seed = draw_seed(seed)
        self.rng = generator(self.seed)
        self._training = bool(training)

    def forward(self, X: Tensor) -> Tensor:
        """(...) -> (...)"""
        name = type(self).__name__
        if not isinstance(X, Tensor):
            raise TypeError(f"{name}: given X of type {type(X).__name__}, needed a Tensor or an array")
        if X.dtype.kind != "f":
            raise TypeError(f"{name}: given X of dtype {X.dtype}, needed a floating one; use X.astype(np.float32)")
        shape = self._mask_shape(X.shape)
        if not self.training or self.p == 0:
            return X
        mask = self.rng.random(shape, dtype=np.float32) >= self.p
        scale = 0.0 if self.p == 1 else 1 / (1 - self.p)
        return dropped(X, mask * X.dtype.type(scale))  # type: ignore[no-any-return]

    def _mask_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return shape


class Dropout1d(Dropout):
    """Dropout of whole channels of signals (B, C, L): one draw for each, so that neighbours go together.

    Neighbours are much alike: one that stays would make up for the other (Tompson et al. 2015). Arguments as for
    `Dropout`.

    Raises:
        ValueError: p is outside [0, 1], or X is not (B, C, L).
    """

    def _mask_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        if len(shape) != 3:
            raise ValueError(f"Dropout1d: given X of shape {shape}, needed (B, C, L)")
        return (*shape[:2], 1)


class Dropout2d(Dropout):
    """Dropout of whole channels of images (B, C, H, W): one draw for each, so that neighbours go together.

    Neighbours are much alike: one that stays would make up for the other (Tompson et al. 2015). Arguments as for
    `Dropout`.

    Raises:
        ValueError: p is outside [0, 1], or X is not (B, C, H, W).
    """

    def _mask_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        if len(shape) != 4:
            raise ValueError(f"Dropout2d: given X of shape {shape}, needed (B, C, H, W)")
        return (*shape[:2], 1, 1)
