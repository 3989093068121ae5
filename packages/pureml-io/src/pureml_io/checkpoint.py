"""Checkpoints: all that a training run must remember, in one file a step, so that it goes on as if never stopped.

One State holds the states of all objects: arrays under `model.L1.W`, the rest among its literals. It is an archive like
any other, `step-0000001200.pureml.zip`, whole or not there.
"""

from __future__ import annotations

import contextlib
import math
import operator
import re
import warnings
import weakref
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
from pureml_core import GlobalRandomness
from pureml_core.state import State, Stateful

from .archive import load, save
from .archive_reading import RATIO, SUFFIX, UNASKED
from .atomic import remove_leftovers
from .checkpoint_state import metric_of, parts_of, put_back, read_metric, snapshot, state_of
from .container import ArchiveError
from .layout import checked_level

GLOBAL = "global_randomness"  # the name of what every checkpoint holds besides the user's objects
NAME = re.compile(rf"step-([0-9]{{10}}|[1-9][0-9]{{10,}}){re.escape(SUFFIX)}")


@dataclass(frozen=True)
class Restored:
    """What `Checkpoint.restore` found.

    Attributes:
        step: the step of the file.
        literals: what the user gave to `save`.
        metric: likewise, or None.
        path: of the file.
        skipped: one line for each newer file that is not whole, and why; without `strict`, also what did not fit.
    """

    step: int
    literals: dict[str, Any]
    metric: float | None
    path: Path
    skipped: list[str] = field(default_factory=list)


class Checkpoint:
    """Saves a training run step by step into a folder, and restores the newest whole one.

        checkpoint = Checkpoint("runs/a", {"model": model, "optim": optim, "loader": loader}, every=100)
        done = checkpoint.restore()
        step = done.step if done else 0
        ...
            step += 1
            checkpoint.save(step)

    Besides the objects a file holds the global sources of random numbers: the seed sequence of `pureml_core.set_seed`,
    Python's `random` and NumPy's `np.random`.

    Args:
        folder: made at the first save; for one run alone.
        objects: by name, whatever is Stateful (models, optimizers, schedulers, loaders), and NumPy Generators.
        keep: how many files stay, the newest ones; None: all.
        every: `save` does nothing at steps that are no multiple of it.
        best: "min" or "max": the file of the best metric stays too.
        background: write in a thread. `save` takes its snapshot, waits for the file before, and returns; what goes
            wrong is raised by the next call after it, at the latest by `close()`; without any, it is a RuntimeWarning
            when the program ends.
        compression_level: 0 to 9, as in `save`.

    Raises:
        TypeError: an object is not Stateful, or something else is of the wrong type.
        ValueError: a name has a dot, or a number is out of range.
    """

    def __init__(
        self,
        folder: str | PathLike[str],
        objects: Mapping[str, Any],
        *,
        keep: int | None = 3,
        every: int = 1,
        best: Literal["min", "max"] | None = None,
        background: bool = False,
        compression_level: int = 3,
    ) -> None:
        if not isinstance(objects, Mapping):
            raise TypeError(f"Checkpoint: given objects as {type(objects).__name__}, needed a dict of them by name")
        for name, obj in objects.items():
            if not isinstance(name, str) or not name or "." in name or name == GLOBAL:
                raise ValueError(f"Checkpoint: given the name {name!r}, needed a string without dots, not {GLOBAL!r}")
            if isinstance(obj, type) or not isinstance(obj, np.random.Generator | Stateful):
                raise TypeError(f"Checkpoint: {name!r} is {type(obj).__name__}, needed a Generator, or state() and "
                                "restore(); plain values belong into save(step, literals=...)")  # fmt: skip
        if best not in (None, "min", "max"):
            raise ValueError(f"Checkpoint: best: given {best!r}, needed 'min', 'max' or None")
        self.folder = Path(folder)
        self.objects = dict(objects)
        self.keep = None if keep is None else _whole("keep", keep, 1)
        self.every = _whole("every", every, 1)
        self.best = best
        self.background = background
        self.compression_level = checked_level("Checkpoint", compression_level)
        self._metrics: dict[int, tuple[Any, float | None]] = {}  # of files that have been read: which they were, metric
        self._abandoned: set[int] = set()  # later than the step that was restored: the next save removes them
        self._saved: int | None = None  # the last step that this object saved
        self._pool: ThreadPoolExecutor | None = None
        self._pending: Future[Path] | None = None
        self._untold: list[Future[Path]] = []  # the pending one, whose error nobody has been told
        weakref.finalize(self, _tell, self._untold)

    # ---- saving

    def save(
        self,
        step: int,
        *,
        metric: float | None = None,
        literals: Mapping[str, Any] | None = None,
        force: bool = False,
    ) -> Path | None:
        """Write a file for this step, then remove what is not to be kept.

        Args:
            step: how far the run is, >= 0, more at every call.
            metric: for `best`; nan is never the best.
            literals: values of the user's own (see `pureml_core.state.encode`), which `restore` gives back.
            force: save although `step` is no multiple of `every`.

        Returns:
            The path; None where nothing is saved.

        Raises:
            ValueError: the folder holds this or a later step of a run that this one has not gone on from.
            TypeError: something cannot be stored, or is not of its type.
            OSError: the file cannot be written; earlier ones stay.
        """
        step = _whole("step", step, 0)
        if self.best is not None and metric is None and (force or step % self.every == 0):
            raise ValueError(f"Checkpoint.save: best={self.best!r} needs a metric; give save(step, metric=...)")
        if self._pending is not None and self._pending.done():
            self.wait()  # also where nothing is saved: what went wrong is not kept for the next multiple
        if step % self.every and not force:
            return None
        self.wait()
        known = self._abandoned | ({step} if step == self._saved else set())
        if later := [s for s in self.steps if s >= step and s not in known]:
            raise ValueError(
                f"Checkpoint.save: given step {step}, but {self.folder} holds step {later[-1]}; "
                "restore() goes on from there, and a new run needs a folder of its own"
            )
        if not isinstance(literals, Mapping | None):
            raise TypeError(f"Checkpoint.save: given literals {literals!r}, needed a dict of values by name")
        state = snapshot(self._everything(), step, _number(metric), dict(literals or {}))
        path = self.folder / f"step-{step:010d}{SUFFIX}"
        self.folder.mkdir(parents=True, exist_ok=True)
        if not self.background:
            return self._write(state, path, step)
        self._pool = self._pool or ThreadPoolExecutor(1, thread_name_prefix="checkpoint")
        self._pending = self._pool.submit(self._write, state, path, step)
        self._untold.append(self._pending)
        return path

    def wait(self) -> None:
        """Until a file that is being written is there; raises what went wrong with it."""
        pending, self._pending = self._pending, None
        self._untold.clear()
        if pending is not None:
            pending.result()

    def close(self) -> None:
        """Wait, and end the thread."""
        try:
            self.wait()
        finally:
            if self._pool is not None:
                self._pool.shutdown()
                self._pool = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    # ---- restoring

    @property
    def steps(self) -> list[int]:
        """The steps of the files in the folder, ascending, whole or not."""
        try:
            names = [entry.name for entry in self.folder.iterdir()]
        except FileNotFoundError:
            return []
        return sorted(int(match[1]) for name in names if (match := NAME.fullmatch(name)))

    def restore(self, step: int | Literal["best"] | None = None, *, strict: bool = True) -> Restored | None:
        """Put all objects, and the global sources of random numbers, into the state of a file: all or nothing.

        A run that goes on from an earlier step than the last makes the later files worthless: its first `save` removes
        them.

        Args:
            step: the newest that is whole when None; a step; or "best", the one with the best metric.
            strict: with False, what does not fit an object is skipped, and told in the result.

        Returns:
            What was found; None if the folder holds no file yet.

        Raises:
            FileNotFoundError: there is no file of that step.
            ArchiveError: (a ValueError) there are files, but none is whole, or the one asked for is not.
            ValueError: under `strict`, the state does not fit the objects; or "best" without `best`.
            TypeError: the step is something else.
        """
        self.wait()
        found = self.steps
        if step is None:
            candidates = found[::-1]
        elif step == "best":
            candidates = [self._best()]
        elif (step := _whole("step", step, 0)) in found:
            candidates = [step]
        else:
            raise FileNotFoundError(f"Checkpoint.restore: {self.folder} has no step {step}; it has {found or 'none'}")
        before = {name: state_of(obj) for name, obj in self._everything().items()} if candidates else {}
        held = sum(array.nbytes for state in before.values() for array in state.arrays.values())
        skipped: list[str] = []
        for at in candidates:
            path = self._path(at)
            try:  # what the objects hold already is no bomb, however small it was packed
                state = load(path, max_bytes=max(UNASKED + held, RATIO * path.stat().st_size))
                parts, literals = parts_of(state, path)
            except ArchiveError as error:
                skipped.append(str(error))
                continue
            except FileNotFoundError:  # another process has removed it since
                skipped.append(f"{path}: gone")
                continue
            skipped += put_back(self._everything(), parts, before, strict)
            self._abandoned = {s for s in found if s > at}
            self._saved = at
            return Restored(at, literals, metric_of(state), path, skipped)
        if step is None and self.steps != found:
            return self.restore(strict=strict)
        if skipped:
            raise ArchiveError(f"{self.folder}: none of its files is whole: {'; '.join(skipped)}")
        return None

    # ---- inside

    def _everything(self) -> dict[str, Any]:
        return {**self.objects, GLOBAL: GlobalRandomness()}

    def _write(self, state: State, path: Path, step: int) -> Path:
        for old in self._abandoned:  # first of all: a run that is killed now must not go on from one of these
            self._path(old).unlink(missing_ok=True)
        self._abandoned.clear()
        remove_leftovers(self.folder, ".step-")
        save(state, path, compression_level=self.compression_level)
        self._saved = step
        for old in self._superfluous():
            self._path(old).unlink(missing_ok=True)
        return path

    def _superfluous(self) -> set[int]:
        """Steps whose files go: all but the newest and the best."""
        steps = self.steps
        kept = set(steps if self.keep is None else steps[-self.keep :])
        if self.best is not None and kept < set(steps):
            kept |= set(self._by_metric()[-1:])
        return set(steps) - kept

    def _best(self) -> int:
        """The step of the best metric."""
        if self.best is None:
            raise ValueError('Checkpoint.restore: "best" of what? Give Checkpoint(..., best="min") or "max"')
        if not (found := self._by_metric()):
            raise FileNotFoundError(f"Checkpoint.restore: no file in {self.folder} has a metric")
        return found[-1]

    def _by_metric(self) -> list[int]:
        """The steps of the files that have a metric, the best last, of equal ones the newest."""
        known, self._metrics = self._metrics, {}
        for step in self.steps:
            path = self._path(step)
            with contextlib.suppress(FileNotFoundError):  # another process removes and writes files, too
                at = path.stat()
                file = at.st_ino, at.st_size, at.st_mtime_ns
                old, metric = known.get(step, (None, None))
                self._metrics[step] = file, metric if file == old else read_metric(path)
        sign = -1 if self.best == "min" else 1
        order = [(sign * m, step) for step, (_, m) in self._metrics.items() if m is not None and not math.isnan(m)]
        return [step for _, step in sorted(order)]

    def _path(self, step: int) -> Path:
        return self.folder / f"step-{step:010d}{SUFFIX}"


def _tell(untold: list[Future[Path]]) -> None:
    """Warn of an error that no call has raised."""
    for pending in untold:
        if (error := pending.exception()) is not None:
            warnings.warn(
                f"Checkpoint: a file was not written: {type(error).__name__}: {error}; close() would have raised it",
                RuntimeWarning,
                stacklevel=2,
            )


def _number(metric: Any) -> float | None:
    try:
        if isinstance(metric, str | bytes):
            raise TypeError("it is text")
        return None if metric is None else float(metric)
    except (TypeError, ValueError, OverflowError) as error:
        raise TypeError(f"Checkpoint.save: given the metric {metric!r}, needed a number: {error}") from error


def _whole(name: str, given: Any, low: int) -> int:
    try:
        value = operator.index(given)
    except TypeError:
        raise TypeError(f"Checkpoint: {name}: given {given!r}, needed an integer >= {low}") from None
    if value < low:
        raise ValueError(f"Checkpoint: {name}: given {given!r}, needed an integer >= {low}")
    return value
