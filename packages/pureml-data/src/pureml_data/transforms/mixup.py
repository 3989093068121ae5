"""Mixup: samples and labels mixed within a batch."""

from __future__ import annotations

from typing import Any

import numpy as np
from pureml_core import generator

from .base import Transform, array_of, like, number


class Mixup(Transform):
    """Each sample of a batch mixed with another, and their labels in the same proportion (Zhang et al. 2018).

    x̃ = λ x_i + (1 − λ) x_j and ỹ = λ y_i + (1 − λ) y_j, with λ ~ Beta(α, α), one for the batch as in the authors'
    program, and j by a random permutation. It takes and gives a pair (x, y), as in
    `MappedDataset(train, Mixup(), batched=True)`.

    Args:
        alpha: α > 0; the larger, the more evenly are samples mixed. The paper takes 0.1 to 0.4 for ImageNet.
        seed: of its own random stream; None: drawn from the global one.

    Raises:
        TypeError: `alpha` is not a number; in a call, not a pair, or one that is not floating.
        ValueError: `alpha` is not above 0; in a call, x (B, ...) and y (B, ...) are not equally long.
    """

    def __init__(self, alpha: float = 0.2, *, seed: int | np.random.Generator | None = None) -> None:
        self.alpha = number("Mixup: alpha", alpha, 0)
        if self.alpha == 0:
            raise ValueError("Mixup: alpha must be above 0, given 0")
        self.rng = generator(seed)

    def __call__(self, batch: Any, /) -> Any:
        if not isinstance(batch, tuple) or len(batch) != 2:
            raise TypeError(f"Mixup: needs a pair (x, y), given {batch!r:.100}")
        x, y = map(array_of, batch)
        for name, array in [("x", x), ("y", y)]:
            if array.dtype.kind != "f":
                raise TypeError(f"Mixup: {name} must be floating, given {array.dtype}; one_hot encodes classes")
        if x.ndim == 0 or y.ndim == 0 or len(x) != len(y):
            raise ValueError(f"Mixup: given x {x.shape} and y {y.shape}, needed equally many samples")
        share = float(self.rng.beta(self.alpha, self.alpha))
        other = self.rng.permutation(len(x))
        return tuple([like(given, share * a + (1 - share) * a[other]) for given, a in zip(batch, (x, y), strict=True)])
