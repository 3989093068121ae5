"""Windows of a series, each with what comes next."""

from __future__ import annotations

from typing import Any

import numpy as np

from .checks import as_array, whole
from .dataset import TensorDataset


class Windows(TensorDataset):
    """Pieces of a series and what follows each of them: (x, y), or (x,) for horizon 0.

    Sample i begins at s = i · stride: x = series[s : s + length], y = series[s + length : s + length + horizon]. The
    last one ends within the series; what fills no sample is left out. The series is not copied, what is read of it is:
    windows overlap.

    For a language model, which foretells the next token at each of T places, take `Windows(tokens, T + 1, horizon=0,
    stride=T)`: of a batch x of it, x[:, :-1] goes in and x[:, 1:] is the target.

    Args:
        series: (T, ...), an array or Tensor: one number, or features of one shape, at each time.
        length: times in a window, at least 1.
        horizon: times that are to be foretold, at least 0.
        stride: times from one window's beginning to the next one's, at least 1.

    Raises:
        TypeError: a number is not an integer.
        ValueError: a number is too small, or the series is shorter than `length + horizon`.

    >>> windows = Windows(np.arange(6), length=3, horizon=1, stride=2)
    >>> len(windows), windows[1]
    (2, (Tensor([2, 3, 4]), Tensor([5])))
    """

    def __init__(self, series: Any, length: int, horizon: int = 1, stride: int = 1) -> None:
        array = as_array("Windows", series)
        self.length = whole("Windows: length", length, 1)
        self.horizon = whole("Windows: horizon", horizon, 0)
        self.stride = whole("Windows: stride", stride, 1)
        span = self.length + self.horizon
        if array.ndim == 0 or len(array) < span:
            raise ValueError(
                f"Windows: given a series of shape {array.shape}, needed at least length + horizon = {span} times"
            )
        self._series = array
        super().__init__(*self._pieces())

    def _pieces(self) -> tuple[np.ndarray, ...]:
        span = self.length + self.horizon
        pieces = np.lib.stride_tricks.sliding_window_view(self._series, span, axis=0)[:: self.stride]
        pieces = np.moveaxis(pieces, -1, 1)  # (N, span, ...)
        x, y = pieces[:, : self.length], pieces[:, self.length :]
        return (x, y) if self.horizon else (x,)

    def __getstate__(self) -> dict[str, Any]:
        """The series without its windows, which overlap: copies, also those for worker processes, are as small."""
        return {name: value for name, value in vars(self).items() if name != "arrays"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self.arrays = self._pieces()
