"""Averages of weights over the steps of training: they often generalise better than the last weights do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar

import numpy as np
from pureml_core import Buffer, Saved, State, Tensor
from pureml_core.state import StateMismatch, collect, kind_of, restore_tensors

from .blocks import blocks
from .gradients import tensors
from .naming import Params
from .optimizer import Optimizer
from .saved_literals import read_literals
from .settings import Check, between, flag, whole


class WeightAverage(Saved):
    """A running average of weights; a subclass says what share the newest ones have in it.

    The first `update()` takes the weights as they are, as in PyTorch; every later one ā ← ā + share · (w − ā).

    Only parameters are averaged. Buffers (BatchNorm's running statistics) belong to the trained weights, and are wrong
    for their average: at the end of training `copy_to()` the model, or before it a `copy.deepcopy` of the model, and
    let that run over some batches in training mode before it is evaluated.

    Args:
        params: tensors in an iterable or by name, a model to walk, or the optimizer; one that is used in several
            places (tied) is averaged once.

    Raises:
        TypeError, ValueError: something is not a real floating tensor, is given twice, or there is nothing.

    Attributes:
        averages: Buffers by name, in the parameters' dtypes; the weights at construction until the first update.
        updates: how many there were.
    """

    settings: ClassVar[Mapping[str, Check]] = {}

    def __init__(self, params: Params | Optimizer) -> None:
        self._tensors = tensors(params, type(self).__name__)
        self._trained: dict[str, np.ndarray] | None = None  # while the averages are swapped in
        self.averages = {name: Buffer(t.data.copy()) for name, t in self._tensors.items()}
        self.updates = 0

    def share(self, n: int) -> float:
        """The share of the newest weights in the average, at an update after `n` others, n >= 1."""
        raise NotImplementedError(f"{type(self).__name__} has no share(); define one that returns a number in [0, 1]")

    def update(self) -> None:
        """Take the present weights into the average: after `optim.step()`.

        Raises:
            RuntimeError: the averages are swapped in.
            ValueError: a parameter has another shape than before.
        """
        self._check("update", self._tensors)
        share = self.share(self.updates) if self.updates else 1.0
        for name, t in self._tensors.items():
            average, w = self.averages[name].data, t.data
            if share == 1:
                average[...] = w
            else:
                _approach(average, w, share)
            self.averages[name].touch()
        self.updates += 1

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """A context in which the parameters hold their averages, by copying; the trained weights return at its end,
        whatever happens inside.

        A model that is saved inside holds the averages: save a checkpoint of the run outside.

        Raises:
            RuntimeError: they do already.
            ValueError: a parameter has another shape than before, or is read-only.
        """
        self._check("averaged", self._tensors, write=True)
        self._trained = {name: t.data.copy() for name, t in self._tensors.items()}
        try:
            _write(self._tensors, self._averaged())
            yield
        finally:
            trained, self._trained = self._trained, None
            _write(self._tensors, trained)

    def copy_to(self, params: Params | None = None) -> None:
        """Write the averages into the parameters, for good; or into those of another model with the same names.

        Raises:
            RuntimeError: the averages are swapped in.
            ValueError: names or shapes differ, or a parameter is read-only; nothing is written then.
        """
        named = self._tensors if params is None else tensors(params, f"{type(self).__name__}.copy_to")
        self._check("copy_to", named, write=True)
        _write(named, self._averaged())

    def __repr__(self) -> str:
        settings = "".join(f", {name}={getattr(self, name)!r}" for name in self.settings)
        return f"{type(self).__name__}({len(self.averages)} parameters, {self.updates} updates{settings})"

    # ---- state

    def state(self) -> State:
        """Copies of the averages, the number of updates, and the settings.

        Raises:
            RuntimeError: the averages are swapped in: a checkpoint would hold them in place of the trained weights.
        """
        self._check_trained("state")
        arrays, _ = collect(self.averages)
        return State(kind_of(self), arrays, {name: getattr(self, name) for name in self._known()})

    def restore(self, state: State, *, strict: bool = True) -> list[str]:
        """Take averages, number of updates and settings from a snapshot, all or nothing.

        Args:
            state: of the same class, over parameters of the same names and shapes.
            strict: with False, what does not fit is skipped.

        Returns:
            What was skipped, one line each.

        Raises:
            RuntimeError: the averages are swapped in.
            ValueError: another class's state; or, under `strict`, everything that does not fit.
        """
        self._check_trained("restore")
        new, problems = read_literals(self, state, self._known())
        if strict and problems:
            raise StateMismatch(type(self).__name__, problems)
        try:
            problems += restore_tensors(self.averages, state.arrays, {}, strict=strict)
        except StateMismatch as error:
            raise StateMismatch(type(self).__name__, error.problems) from None
        vars(self).update(new)
        return problems

    # ---- inside

    def _known(self) -> dict[str, Check]:
        return {"updates": whole(0), **self.settings}

    def _averaged(self) -> dict[str, np.ndarray]:
        return {name: average.data for name, average in self.averages.items()}

    def _check_trained(self, doing: str) -> None:
        if self._trained is not None:
            raise RuntimeError(
                f"{type(self).__name__}.{doing}: the parameters hold their averages; leave averaged() first"
            )

    def _check(self, doing: str, named: Mapping[str, Tensor], write: bool = False) -> None:
        self._check_trained(doing)
        problems = [f"missing {name!r}" for name in self.averages if name not in named]
        problems += [f"unexpected {name!r}" for name in named if name not in self.averages]
        for name, t in named.items():
            if name in self.averages and t.shape != (needed := self.averages[name].shape):
                problems.append(f"{name!r} has shape {t.shape}, needed {needed}")
            elif write and not t.data.flags.writeable:
                problems.append(f"{name!r} is read-only")
        if problems:
            raise ValueError(f"{type(self).__name__}.{doing}: the parameters do not fit: {'; '.join(problems)}")


class EMA(WeightAverage):
    """Exponential moving average of weights: ā ← d ā + (1 − d) w (Kingma & Ba 2015, section 7.2): call `update()`
    after every step.

    It remembers some 1 / (1 − d) updates. With `warmup`, d is min(decay, (1 + n) / (10 + n)) at the update after n
    others, as in TensorFlow, so that a short run does not remember its first steps for too long.

    Args:
        params: see `WeightAverage`.
        decay: d in [0, 1).
        warmup: raise the decay slowly.

    >>> from pureml_core import Parameter
    >>> w = Parameter([0.0])
    >>> ema = EMA({"w": w}, decay=0.5)
    >>> for value in (1.0, 2.0, 3.0):
    ...     w.data = np.full(1, value, np.float32)
    ...     ema.update()
    >>> with ema.averaged():
    ...     w.data
    array([2.25], dtype=float32)
    >>> w.data
    array([3.], dtype=float32)
    """

    settings: ClassVar = {"decay": between(0, 1), "warmup": flag}
    decay: float
    warmup: bool

    def __init__(self, params: Params | Optimizer, decay: float = 0.999, *, warmup: bool = False) -> None:
        self.decay = between(0, 1)("EMA: decay", decay)
        self.warmup = flag("EMA: warmup", warmup)
        super().__init__(params)

    def share(self, n: int) -> float:
        return 1 - (min(self.decay, (1 + n) / (10 + n)) if self.warmup else self.decay)


class SWA(WeightAverage):
    """Equal average of the weights at all updates (Izmailov et al. 2018): call `update()` once an epoch, in the last
    part of training, at a high constant or cyclical learning rate.

    >>> from pureml_core import Parameter
    >>> w = Parameter([0.0])
    >>> swa = SWA([w])
    >>> for value in (1.0, 2.0, 6.0):
    ...     w.data = np.full(1, value, np.float32)
    ...     swa.update()
    >>> swa.copy_to()
    >>> w.data
    array([3.], dtype=float32)
    """

    def share(self, n: int) -> float:
        return 1 / (n + 1)


def _approach(average: np.ndarray, w: np.ndarray, share: float) -> None:
    """average += share · (w − average), in place, block by block: differences stay in the processor's cache."""
    flat, new = average.reshape(-1), w.reshape(-1)  # an average is contiguous: its view
    for here in blocks(flat.size):
        flat[here] += share * (new[here] - flat[here])


def _write(named: Mapping[str, Tensor], arrays: Mapping[str, Any]) -> None:
    for name, t in named.items():
        t.data[...] = arrays[name]
        t.touch()
