"""Scaling: features brought to one range by what was learned from the training data."""

from __future__ import annotations

from typing import Any, ClassVar, Self

import numpy as np
from pureml_core import State, default_dtype
from pureml_core.state import StateMismatch, check_kind, decode, encode, kind_of

from ..checks import whole
from ..dataset import BatchDataset
from .base import Transform, array_of, like, number, pair


class Scaler(Transform):
    """y = (x − shift) · scale + offset, fitted on data that need not be in memory at once.

    A subclass names its `statistics`, arrays that `learned` computes from a batch and `merged` joins, and from which
    `affine` makes shift, scale and offset.

    Args:
        axis: the axes that a statistic is taken over, 0 (the samples) among them; None: all. With 0, every feature of
            samples (N, ...) has its own; with (0, 2, 3), every channel of images (N, C, H, W).

    Raises:
        TypeError, ValueError: `axis` is not as above.

    Attributes:
        count: how many numbers each statistic is taken over so far; 0 until it is fitted.
    """

    statistics: ClassVar[tuple[str, ...]] = ()

    def __init__(self, axis: int | tuple[int, ...] | None = 0) -> None:
        where, axes = f"{type(self).__name__}: axis", None
        if axis is not None:
            axes = tuple(whole(where, a, 0) for a in (axis if isinstance(axis, tuple | list) else (axis,)))
            if 0 not in axes or len(set(axes)) < len(axes):
                raise ValueError(f"{where} must be None or different integers, with 0, the samples, among them; given "
                                 f"{axis!r}")  # fmt: skip
        self.axis = axes
        self.count = 0
        self._learned: dict[str, np.ndarray] = {}

    def fit(self, x: Any) -> Self:
        """Learn from `x` (N, ...) alone, and return itself.

        Raises:
            TypeError: entries are not real numbers.
            ValueError: there are none, too few axes, or some are not finite.
        """
        self.count, self._learned = self._statistics(x)
        return self

    def partial_fit(self, x: Any) -> Self:
        """Learn from a further batch `x` (B, ...): after all of them as if from all at once, to rounding.

        Raises:
            TypeError, ValueError: as in `fit`, or the shape does not fit to earlier batches; nothing is changed.
        """
        n, new = self._statistics(x)
        if self.count:
            if (given := _shape(new)) != (needed := _shape(self._learned)):
                raise ValueError(f"{type(self).__name__}: given statistics of shape {given}, earlier ones had {needed}")
            new = self.merged(self.count, self._learned, n, new)
        self.count, self._learned = self.count + n, new
        return self

    def __call__(self, x: Any, /) -> Any:
        """`x`, a sample or a batch, scaled. Floating input keeps its dtype, integers take the default dtype.

        Raises:
            RuntimeError: it is not fitted.
            ValueError: the shape does not fit to what it was fitted on.
        """
        array, (shift, scale, offset) = self._checked(x)
        y = (array - shift) * scale
        return like(x, (y + offset if offset.any() else y).astype(self._dtype(x), copy=False))

    def inverse(self, y: Any) -> Any:
        """The x of which `y` is the scaled value; raises as scaling does."""
        array, (shift, scale, offset) = self._checked(y)
        return like(y, ((array - offset) / scale + shift).astype(self._dtype(y), copy=False))

    def learned(self, x: np.ndarray, axes: tuple[int, ...]) -> dict[str, np.ndarray]:
        """The statistics of one batch over `axes`, which are kept with length 1."""
        raise NotImplementedError(f"{type(self).__name__} needs learned(self, x, axes)")

    def merged(self, n: int, a: dict[str, np.ndarray], m: int, b: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """The statistics of n and m numbers together."""
        raise NotImplementedError(f"{type(self).__name__} needs merged(self, n, a, m, b)")

    def affine(self) -> tuple[Any, Any, Any]:
        """Shift, scale and offset; a constant feature gets the scale 1."""
        raise NotImplementedError(f"{type(self).__name__} needs affine(self)")

    def _statistics(self, x: Any) -> tuple[int, dict[str, np.ndarray]]:
        where = type(self).__name__
        if isinstance(x, BatchDataset):  # of whose samples NumPy would make one array, labels included
            raise TypeError(f"{where}: given a {type(x).__name__}, needed an array, such as a field of dataset[:]")
        array = array_of(x)
        if array.dtype.kind not in "biuf":
            raise TypeError(f"{where}: needs real numbers, given dtype {array.dtype}")
        axes = tuple(range(array.ndim)) if self.axis is None else self.axis
        if array.ndim == 0 or max(axes) >= array.ndim or array.size == 0:
            raise ValueError(f"{where}: given shape {array.shape} to fit on, needed samples with the axes {axes}")
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise ValueError(f"{where}: given {np.count_nonzero(~np.isfinite(array))} entries that are nan or infinite")
        kept = self.learned(array, axes)
        shape = () if self.axis is None else next(iter(kept.values())).shape[1:]  # fits a sample as well as a batch
        found = {name: a.astype(np.float64).reshape(shape) for name, a in kept.items()}
        return array.size // max(next(iter(found.values())).size, 1), found

    def _checked(self, x: Any) -> tuple[np.ndarray, list[np.ndarray]]:
        if not self.count:
            raise RuntimeError(f"{type(self).__name__}: not fitted; call fit(x), or partial_fit(x) for every batch")
        array = array_of(x)
        if array.dtype.kind not in "biuf":
            raise TypeError(f"{type(self).__name__}: needs real numbers, given dtype {array.dtype}")
        shape = _shape(self._learned)
        inside = array.shape[max(array.ndim - len(shape), 0) :]
        if len(inside) < len(shape) or any(
            s != a and i not in (self.axis or ()) for i, (s, a) in enumerate(zip(shape, inside, strict=True), 1)
        ):
            raise ValueError(f"{type(self).__name__}: given shape {array.shape}, fitted for samples that fit {shape}")
        work = np.result_type(array, np.float32) if array.dtype.kind == "f" else np.dtype(np.float64)
        return array.astype(work, copy=False), [np.asarray(a, work) for a in self.affine()]

    def _dtype(self, x: Any) -> np.dtype[Any]:
        dtype = array_of(x).dtype
        return dtype if dtype.kind == "f" else default_dtype()

    # ---- state

    def settings(self) -> dict[str, Any]:
        """What a state must agree with."""
        return {"axis": self.axis}

    def state(self) -> State:
        """Copies of what was learned, and the settings."""
        literals = {name: encode(value) for name, value in self.settings().items()}
        return State(kind_of(self), {k: a.copy() for k, a in self._learned.items()}, {**literals, "count": self.count})

    def restore(self, state: State, *, strict: bool = True) -> list[str]:
        """Take what another scaler learned, all or nothing; with `strict=False` skip what does not fit.

        Raises:
            ValueError: the state is another class's, or under `strict` does not fit.
        """
        check_kind(self, state)
        problems = []
        for name, own in self.settings().items():
            if (given := decode(state.literals.get(name))) != own:
                problems.append(f"{name} is {given!r}, here {own!r}")
        count, arrays = state.literals.get("count"), {k: np.asarray(a) for k, a in state.arrays.items()}
        names = set(self.statistics) if count else set()
        if not isinstance(count, int) or count < 0:
            problems.append(f"count is {count!r}, needed a whole number")
        elif arrays.keys() != names:
            problems.append(f"given the arrays {sorted(arrays)}, needed {sorted(names)}")
        elif len({a.shape for a in arrays.values()}) > 1 or any(
            a.dtype.kind != "f" or not np.isfinite(a).all() for a in arrays.values()
        ):
            problems.append("its arrays must be finite floating numbers of one shape")
        if problems and strict:
            raise StateMismatch(type(self).__name__, problems)
        if not problems:
            self.count, self._learned = int(count or 0), {k: a.astype(np.float64) for k, a in arrays.items()}
        return problems

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in self.settings().items())})"


class Standardize(Scaler):
    """Zero mean and unit deviation: y = (x − mean) / std, with the deviation of the population; constants become 0.

    Batches are joined as in Chan, Golub & LeVeque 1979: with δ = mean_b − mean_a,
    mean = mean_a + δ m / (n + m) and M2 = M2_a + M2_b + δ² n m / (n + m), where std = √(M2 / count).

    Args, Raises, Attributes: as in `Scaler`; `mean` and `std` in float64, without the axis of samples.

    >>> scale = Standardize().fit([[0.0, 5.0], [4.0, 5.0]])
    >>> scale([[4.0, 5.0]]).tolist(), scale.inverse([[-1.0, 0.0]]).tolist()
    ([[1.0, 0.0]], [[0.0, 5.0]])
    """

    statistics = ("mean", "m2", "low", "high")

    @property
    def mean(self) -> np.ndarray:
        self._fitted()
        constant = self._learned["low"] == self._learned["high"]
        return np.where(constant, self._learned["low"], self._learned["mean"])  # without rounding

    @property
    def std(self) -> np.ndarray:
        self._fitted()
        constant = self._learned["low"] == self._learned["high"]
        return np.where(constant, 0.0, np.sqrt(self._learned["m2"] / self.count))

    def learned(self, x: np.ndarray, axes: tuple[int, ...]) -> dict[str, np.ndarray]:
        mean = x.mean(axes, dtype=np.float64, keepdims=True)
        m2 = np.square(x - mean).sum(axes, keepdims=True)
        return {"mean": mean, "m2": m2, "low": x.min(axes, keepdims=True), "high": x.max(axes, keepdims=True)}

    def merged(self, n: int, a: dict[str, np.ndarray], m: int, b: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        delta = b["mean"] - a["mean"]
        return {
            "mean": a["mean"] + delta * (m / (n + m)),
            "m2": a["m2"] + b["m2"] + delta**2 * (n * m / (n + m)),
            "low": np.minimum(a["low"], b["low"]),
            "high": np.maximum(a["high"], b["high"]),
        }

    def affine(self) -> tuple[Any, Any, Any]:
        std = self.std
        return self.mean, 1 / np.where(std > 0, std, 1), 0.0

    def _fitted(self) -> None:
        if not self.count:
            raise RuntimeError("Standardize: not fitted; call fit(x), or partial_fit(x) for every batch")


class MinMax(Scaler):
    """The range of the training data brought to `range`: y = a + (x − min) · (b − a) / (max − min).

    Other data may leave the range; a constant feature becomes a.

    Args:
        range: (a, b), a < b.
        axis: as in `Scaler`.

    Raises, Attributes: as in `Scaler`.

    >>> MinMax().fit([[0.0], [4.0]])([[1.0]]).tolist()
    [[0.25]]
    """

    statistics = ("low", "high")

    def __init__(self, range: tuple[float, float] = (0.0, 1.0), *, axis: int | tuple[int, ...] | None = 0) -> None:
        super().__init__(axis)
        a, b = pair("MinMax: range", range)
        self.range = number("MinMax: range[0]", a), number("MinMax: range[1]", b)
        if not self.range[0] < self.range[1]:
            raise ValueError(f"MinMax: range must rise, given {range}")

    def learned(self, x: np.ndarray, axes: tuple[int, ...]) -> dict[str, np.ndarray]:
        return {"low": x.min(axes, keepdims=True), "high": x.max(axes, keepdims=True)}

    def merged(self, n: int, a: dict[str, np.ndarray], m: int, b: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        return {"low": np.minimum(a["low"], b["low"]), "high": np.maximum(a["high"], b["high"])}

    def affine(self) -> tuple[Any, Any, Any]:
        (a, b), low = self.range, self._learned["low"]
        width = self._learned["high"] - low
        return low, (b - a) / np.where(width > 0, width, b - a), a

    def settings(self) -> dict[str, Any]:
        return {"range": self.range, **super().settings()}


def _shape(statistics: dict[str, np.ndarray]) -> tuple[int, ...]:
    return next(iter(statistics.values())).shape
