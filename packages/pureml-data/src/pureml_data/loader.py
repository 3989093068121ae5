"""DataLoader: a dataset in batches, epoch after epoch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import numpy as np
from pureml_core import Saved, State, Tensor, draw_seed
from pureml_core.state import StateMismatch, check_kind, decode, encode

from .checks import flag, whole
from .dataset import BatchDataset, Dataset, checked_dataset
from .reading import Reader
from .sampler import RandomSampler, Sampler, SequentialSampler


class DataLoader(Saved):
    """The samples of a dataset in batches; each `for` loop over it is one epoch.

    Every epoch visits every sample once, in the dataset's order or, with `shuffle`, in a new random one; a `sampler`
    may decide otherwise. A batch owns its memory: writing into it never reaches the dataset. (What a
    `combine_samples_fn` hands on of the samples it is given is the dataset's, and so are samples that are not stacked.)

    Batches are read when they are asked for, or ahead of time: by a thread with `prefetch`, which helps where reading
    waits for a disk or works in NumPy and decoders; by processes with `workers`, which pays where Python code takes
    longer than the copying of its results between processes. All ways give the same batches in the same order. Memory
    is bounded: `prefetch` batches, or for each worker `prefetch` and one more. An exception is raised where its batch
    would have come, and nothing is left running when a loop is left early.

    Random transforms: generators in attributes of the dataset and of `combine_samples_fn`, and in datasets and
    transforms inside, are seeded anew for every batch from `seed`, the epoch and the batch's number. Worker
    processes seed Python's `random` and NumPy's global functions likewise. Nothing else may draw from these generators
    while a thread reads ahead, a second loop over the same dataset included: workers have copies of their own.

    The state holds the place inside an epoch. Taken in a loop, or after one that was left early, it makes the next
    loop of the restored loader go on with the first batch that was not delivered; a new loop of the same loader is a
    new epoch.

    Args:
        dataset: anything with a length and samples by number. A `BatchDataset` is asked for whole batches, any other
            for one sample after another, which `combine_samples` then stacks.
        batch_size: samples in a batch, at least 1. The last batch has what is left.
        shuffle: a new order for every epoch.
        drop_last: leave out a last batch that is smaller than the others.
        combine_samples_fn: makes a batch from a list of samples; when given, it makes every batch.
        seed: two loaders with one seed shuffle alike. Drawn from the global stream when None; kept as `.seed`.
        sampler: gives the order of each epoch, from a seed of its own.
        prefetch: batches to be read ahead in a background thread; with `workers`, in each of them.
        workers: processes that read; they are started for each epoch.
        start_method: how they start: "fork" (Linux, macOS), "spawn" or "forkserver"; None is Python's choice. A
            forked worker begins at once with all that this process holds, lambdas and open files included (a file's
            position is then common to all: a dataset should open it when it first reads), and is unsafe where
            other Python threads run. Otherwise the dataset is pickled, once an epoch, a worker takes as long as
            importing does, and a program must begin under `if __name__ == "__main__":`.

    Raises:
        TypeError: `dataset` lacks `__len__` or `__getitem__`, a number is not an integer, a flag not a bool,
            `combine_samples_fn` not callable, `sampler` not a Sampler.
        ValueError: `batch_size` is below 1, another number negative, `shuffle` given together with `sampler`, or
            `start_method` unknown.
        IndexError: in a loop, the sampler's order leaves the dataset; a TypeError if it is not integers along one axis,
            a ValueError if the sampler's `length` is another.
        RuntimeError: in a loop, a worker process died; or a loop that reads ahead is continued in a forked process.

    >>> from pureml_data import TensorDataset
    >>> [x.tolist() for (x,) in DataLoader(TensorDataset(np.arange(5)), batch_size=2)]
    [[0, 1], [2, 3], [4]]
    """

    def __init__(
        self,
        dataset: Dataset,
        batch_size: int = 32,
        *,
        shuffle: bool = False,
        drop_last: bool = False,
        combine_samples_fn: Callable[[list[Any]], Any] | None = None,
        seed: int | None = None,
        sampler: Sampler | None = None,
        prefetch: int = 0,
        workers: int = 0,
        start_method: str | None = None,
    ) -> None:
        if combine_samples_fn is not None and not callable(combine_samples_fn):
            raise TypeError(f"DataLoader: combine_samples_fn must be callable or None, given {combine_samples_fn!r}")
        if sampler is not None and not isinstance(sampler, Sampler):
            raise TypeError(f"DataLoader: sampler must be a Sampler or None, given {sampler!r}")
        self.dataset = checked_dataset("DataLoader", dataset)
        self.batch_size = whole("DataLoader: batch_size", batch_size, 1)
        self.shuffle = flag("DataLoader: shuffle", shuffle)
        self.drop_last = flag("DataLoader: drop_last", drop_last)
        self.combine_samples_fn = combine_samples_fn
        self.prefetch = whole("DataLoader: prefetch", prefetch, 0)
        self.workers = whole("DataLoader: workers", workers, 0)
        self.start_method = start_method
        if self.workers or start_method is not None:
            from .workers import context

            context(start_method)
        if self.shuffle and sampler is not None:
            raise ValueError("DataLoader: given shuffle=True and a sampler; the sampler alone gives the order")
        self.seed = draw_seed(seed)
        if sampler is None:
            sampler = RandomSampler(seed=self.seed) if self.shuffle else SequentialSampler()
        self.sampler = sampler
        self._epoch = 0  # the number of the next new epoch
        self._place: _Place | None = None  # in the epoch that began last, unless that has ended
        self._resumes = False  # whether the next loop goes on from there

    def __len__(self) -> int:
        """The number of batches in an epoch, also while a resumed one has fewer to go."""
        return self._batches(self.sampler.length(len(self.dataset)))

    def __iter__(self) -> Iterator[Any]:
        n = len(self.dataset)
        place = self._place
        if place is None or not self._resumes:
            place = _Place(self.sampler.state(), self._settings(n), self._epoch)
        order = self._order(n)
        self._place, self._resumes, self._epoch = place, False, place.epoch + 1
        for batch in self._read(order, range(place.delivered, self._batches(len(order))), place.epoch):
            place.delivered += 1
            yield batch
            del batch  # the consumer's alone while the next one is read
        if self._place is place:
            self._place = None

    def _order(self, n: int) -> np.ndarray:
        length = self.sampler.length(n)  # of this epoch: asking for the order moves a sampler on
        order = np.array(self.sampler.order(n))  # a copy: a sampler may shuffle the same array for every epoch
        name = type(self.sampler).__name__
        if order.ndim != 1 or (len(order) and order.dtype.kind not in "iu"):
            given = f"shape {order.shape} and dtype {order.dtype}"
            raise TypeError(f"DataLoader: {name}.order gave {given}, needed one axis of integers")
        if len(order) and (order.min() < 0 or order.max() >= n):
            raise IndexError(f"DataLoader: {name} gave {order.min()} ... {order.max()} for {n} samples")
        if len(order) != length:
            raise ValueError(
                f"DataLoader: {name} gave {len(order)} entries for {n} samples, but its length({n}) is {length}; "
                "define length(self, n) so that it says how many order(n) gives"
            )
        return order

    def _read(self, order: np.ndarray, numbers: range, epoch: int) -> Iterator[Any]:
        """The batches of those numbers, read in this thread, in another, or in processes."""
        combine = self.combine_samples_fn or (None if isinstance(self.dataset, BatchDataset) else combine_samples)
        seed = (self.seed, epoch)
        read = Reader(self.dataset, order, self.batch_size, combine, seed, own_process=self.workers > 0)
        if self.workers:
            from .workers import in_processes

            return in_processes(read, numbers, self.workers, prefetch=self.prefetch, start_method=self.start_method)
        if self.prefetch:
            from .prefetch import ahead

            return ahead(read(numbers), self.prefetch)
        return read(numbers)

    def _batches(self, samples: int) -> int:
        full, rest = divmod(samples, self.batch_size)
        return full + (rest > 0 and not self.drop_last)

    def state(self) -> State:
        """Where the loader stands: the random streams as its last epoch began, and how many batches were delivered."""
        sampler = self.sampler.state() if self._place is None else self._place.sampler
        literals = {
            **(self._settings(len(self.dataset)) if self._place is None else self._place.settings),
            "seed": encode(self.seed),
            "epoch": self._epoch if self._place is None else self._place.epoch,
            "delivered": None if self._place is None else self._place.delivered,
            "sampler": {"kind": sampler.kind, "literals": sampler.literals},
        }
        arrays = {f"sampler.{name}": array.copy() for name, array in sampler.arrays.items()}
        return State(_KIND, arrays, deepcopy(literals))

    def restore(self, state: State, *, strict: bool = True) -> list[str]:
        """Stand where another loader over the same samples stood, all or nothing; loops under way are not affected.

        Args:
            state: of a loader with the same number of samples, `batch_size`, `drop_last` and kind of sampler.
            strict: with False, what does not fit is skipped; the epoch then begins anew.

        Returns:
            What was skipped, one line each; empty under `strict`.

        Raises:
            ValueError: under `strict`, listing everything that does not fit; always for a state of something else.
        """
        check_kind(self, state, _KIND)
        given, own = state.literals, self._settings(len(self.dataset))
        problems = [
            f"{key} is {given.get(key)!r}, here {value!r}" for key, value in own.items() if given.get(key) != value
        ]
        try:
            seed, epoch = (whole(key, decode(given.get(key)), 0) for key in ("seed", "epoch"))
            delivered = None if given["delivered"] is None else whole("delivered", given["delivered"], 0)
            kind, literals = given["sampler"]["kind"], given["sampler"]["literals"]
            sampler = State(kind, {name.removeprefix("sampler."): a for name, a in state.arrays.items()}, literals)
        except (KeyError, TypeError, ValueError) as error:
            raise StateMismatch("DataLoader", [*problems, f"not a loader's literals ({error})"]) from error
        if strict and problems:
            raise StateMismatch("DataLoader", problems)
        before = self.sampler.state()
        try:
            problems += self.sampler.restore(sampler, strict=strict)
            if delivered is not None and delivered > len(self):  # a sampler's state may say how long its epoch is
                problems.append(f"delivered is {delivered}, an epoch has {len(self)} batches")
                if strict:
                    raise StateMismatch("DataLoader", problems)
        except StateMismatch as mismatch:
            if strict:
                self.sampler.restore(before)
                raise
            problems += mismatch.problems
        self.seed, self._epoch = seed, epoch
        self._resumes = delivered is not None and not problems
        self._place = None
        if delivered is not None and not problems:
            self._place = _Place(self.sampler.state(), own, epoch, delivered)
        return problems

    def _settings(self, samples: int) -> dict[str, Any]:
        """What gives a place in an epoch its meaning."""
        return {"samples": samples, "batch_size": self.batch_size, "drop_last": self.drop_last}


_KIND = "pureml_data.DataLoader/1"


@dataclass
class _Place:
    """A place in an epoch: what to begin it from, its number, and how many batches of it were delivered."""

    sampler: State
    settings: dict[str, Any]  # as it began: a dataset may grow meanwhile
    epoch: int
    delivered: int = 0


def combine_samples(samples: Sequence[Any]) -> Any:
    """A batch from samples: their fields stacked along a new first axis.

    Tuples give a tuple of stacked fields; Tensors an untracked Tensor; arrays and numbers an array; anything else
    stays a list, and no samples give []. What is stacked is a copy; a list holds the samples' own objects.

    Raises:
        ValueError: tuples of unequal length, or Tensors or arrays of unequal shape.

    >>> combine_samples([(np.array([1, 2]), 0, "a"), (np.array([3, 4]), 1, "b")])
    (array([[1, 2],
           [3, 4]]), array([0, 1]), ['a', 'b'])
    """
    if not samples:
        return []
    if _all(samples, tuple):
        if len(lengths := {len(sample) for sample in samples}) > 1:
            raise ValueError(f"combine_samples: given samples of {sorted(lengths)} fields; all need the same number")
        return tuple([combine_samples(field) for field in zip(*samples, strict=True)])
    if _all(samples, Tensor):
        return Tensor(_stacked([sample.data for sample in samples]))
    if _all(samples, np.ndarray):
        return _stacked(samples)
    if _all(samples, bool | int | float | complex | np.number | np.bool_):
        return np.array(samples)
    return list(samples)


def _all(samples: Sequence[Any], kind: Any) -> bool:
    return all(isinstance(sample, kind) for sample in samples)


def _stacked(arrays: Sequence[np.ndarray]) -> np.ndarray:
    if len(shapes := {a.shape for a in arrays}) > 1:
        raise ValueError(
            f"combine_samples: given samples of shapes {sorted(shapes)}; only equal shapes can be stacked, "
            "give combine_samples_fn to pad or collect them"
        )
    return np.stack(arrays)
