"""The state of a training run, in which a checkpoint keeps everything.

Arrays lie under `model.L1.W`; the step, the metric, the user's literals, and each object's kind and literals, are among
the literals.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from pureml_core.state import State, StateMismatch, collect, decode, encode, restore_tensors

from .archive import validate
from .container import ArchiveError

KIND = "pureml_io.Checkpoint/1"


def snapshot(everything: Mapping[str, Any], step: int, metric: float | None, literals: dict[str, Any]) -> State:
    """One state of all objects, at a step of the run.

    Raises:
        TypeError: one of the user's literals cannot be stored.
    """
    arrays: dict[str, np.ndarray] = {}
    objects: dict[str, Any] = {}
    for name, obj in everything.items():
        part = state_of(obj)
        arrays |= {f"{name}.{key}": array for key, array in part.arrays.items()}
        objects[name] = {"kind": part.kind, "literals": part.literals}
    kept = {"step": step, "metric": encode(metric), "literals": _encoded(literals), "objects": objects}
    return State(KIND, arrays, kept)


def _encoded(literals: dict[str, Any]) -> Any:
    """Literals as JSON; an error names the one that is none."""
    for name, value in literals.items():
        try:
            encode(value)
        except TypeError as error:
            raise TypeError(f"Checkpoint.save: literals: {name!r}: {error}") from None
    return encode(literals)


def state_of(obj: Any) -> State:
    """The state of a Stateful object, or of a NumPy Generator."""
    if isinstance(obj, np.random.Generator):
        arrays, generators = collect({"generator": obj})
        return State("numpy.Generator/1", arrays, generators)
    state: State = obj.state()
    return state


def put_back(
    everything: Mapping[str, Any], parts: Mapping[str, State], before: Mapping[str, State], strict: bool
) -> list[str]:
    """Restore every object; if one refuses, all are put back as they were `before`. Returns what was skipped.

    Raises:
        StateMismatch: (a ValueError) under `strict`, objects are missing or unexpected, or one does not fit.
    """
    problems = [f"missing the object {name!r}" for name in everything if name not in parts]
    problems += [f"unexpected object {name!r}" for name in parts if name not in everything]
    if strict and problems:
        raise StateMismatch("Checkpoint", problems)
    with contextlib.ExitStack() as undo:  # the last one first: a schedule sets its optimizer's rate
        for name, obj in everything.items():
            if name in parts:
                undo.callback(_restore, obj, before[name], True)
                try:
                    problems += [f"{name}: {line}" for line in _restore(obj, parts[name], strict)]
                except StateMismatch as error:  # of two optimizers, which one?
                    raise StateMismatch(f"Checkpoint: {name!r}: {error.owner}", error.problems) from error
        undo.pop_all()
    return problems


def _restore(obj: Any, state: State, strict: bool) -> list[str]:
    if isinstance(obj, np.random.Generator):
        return restore_tensors({"generator": obj}, state.arrays, state.literals, strict=strict)
    done = obj.restore(state, strict=strict)
    return done if isinstance(done, list) else []  # a user's may return nothing, or itself


def parts_of(state: State, path: Path) -> tuple[dict[str, State], dict[str, Any]]:
    """The states of the objects in the state of a file, and the user's literals.

    Raises:
        ArchiveError: they are not what `snapshot` makes.
    """
    try:
        return _parts(state)
    except ArchiveError as error:
        raise ArchiveError(f"{path}: {error}") from error


def _parts(state: State) -> tuple[dict[str, State], dict[str, Any]]:
    if state.kind != KIND:
        raise ArchiveError(f"given a state of {state.kind!r}, needed {KIND!r}")
    objects, literals = state.literals.get("objects"), state.literals.get("literals")
    if not isinstance(objects, dict) or not isinstance(literals, dict):
        raise ArchiveError("its literals are not those of a checkpoint")
    arrays: dict[str, dict[str, np.ndarray]] = {name: {} for name in objects}
    for key, array in state.arrays.items():
        name, _, rest = key.partition(".")
        if name not in arrays:
            raise ArchiveError(f"its array {key!r} belongs to no object")
        arrays[name][rest] = array
    parts = {}
    for name, given in objects.items():
        if not isinstance(given, dict) or not isinstance(given.get("kind"), str):
            raise ArchiveError(f"its object {name!r} has no kind")
        if not isinstance(given.get("literals"), dict):
            raise ArchiveError(f"its object {name!r} has no literals")
        parts[name] = State(given["kind"], arrays[name], given["literals"])
    try:
        return parts, decode(literals)
    except (TypeError, ValueError) as error:
        raise ArchiveError(f"its literals: {error}") from error


def metric_of(saved: Any) -> float | None:
    """The metric in a State or in an archive's Contents."""
    try:
        value = decode(saved.literals.get("metric"))
    except (TypeError, ValueError):
        return None
    return float(value) if isinstance(value, int | float) else None


def read_metric(path: Path) -> float | None:
    """The metric in a file; None if it has none or is not whole."""
    try:
        return metric_of(validate(path, max_bytes=1 << 62))
    except ArchiveError:
        return None
