"""How two archives differ, as text and as JSON values."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from pureml_core.state import State

from .archive import load
from .container import ArchiveError
from .exchange import load_ym_pure_ml
from .inspection import existing, is_ours
from .tables import cut, shown, table


@dataclass(frozen=True)
class Change:
    """An array or literal that two archives have differently.

    Attributes:
        name: of the array, or of the literal, which is quoted by JSON's rules.
        a, b: dtype and shape, or the literal's value; None where it is absent.
        differing: how many entries differ, if the shapes agree.
        max_abs: the largest absolute difference; nan if a number stands against nan.
    """

    name: str
    a: Any
    b: Any
    differing: int | None = None
    max_abs: float | None = None


@dataclass(frozen=True)
class Difference:
    """What `diff` found: false if the archives hold the same; `str` makes a table of it, `to_json` JSON values."""

    paths: tuple[str, str]
    kinds: tuple[str, str]
    arrays: tuple[Change, ...]
    literals: tuple[Change, ...]
    same: int  # arrays

    def __bool__(self) -> bool:
        return bool(self.arrays or self.literals or self.kinds[0] != self.kinds[1])

    def to_json(self) -> dict[str, Any]:
        found = asdict(self)
        for change in found["arrays"]:
            if change["max_abs"] is not None and not math.isfinite(change["max_abs"]):
                change["max_abs"] = str(change["max_abs"])
        return {**found, "differ": bool(self)}

    def __str__(self) -> str:
        lines = [f"a  {shown(self.paths[0])}", f"b  {shown(self.paths[1])}"]
        if self.kinds[0] != self.kinds[1]:
            lines.append(f"kind: {shown(self.kinds[0])} | {shown(self.kinds[1])}")
        lines.append(f"{self.same} arrays are the same, {len(self.arrays)} are not")
        rows = [
            [c.name, c.a or "absent", c.b or "absent",
             "" if c.differing is None else f"{c.differing:,}", "" if c.max_abs is None else f"{c.max_abs:.3g}"]
            for c in self.arrays
        ]  # fmt: skip
        if rows:
            lines += ["", *table(["array", "a", "b", "differing", "max |a - b|"], rows, right={3, 4})]
        if self.literals:
            told = [[c.name, *("absent" if x is None else cut(x, 50) for x in (c.a, c.b))] for c in self.literals]
            lines += ["", *table(["literal", "a", "b"], told)]
        return "\n".join(lines)


def diff(a: str | PathLike[str], b: str | PathLike[str], *, max_bytes: int | None = None) -> Difference:
    """How two archives differ: names, shapes, dtypes, values and literals. nan is the same as nan.

    Each is a state archive or one of ym-pure-ml; errors and `max_bytes` are those of `load`.
    """
    paths = existing(a), existing(b)
    first, second = (_loaded(p, max_bytes) for p in paths)
    arrays = [
        _change(name, first.arrays.get(name), second.arrays.get(name)) for name in {**first.arrays, **second.arrays}
    ]
    changed = tuple(change for change in arrays if change is not None)
    return Difference(
        paths=(str(paths[0]), str(paths[1])),
        kinds=(first.kind, second.kind),
        arrays=changed,
        literals=tuple(_changed_literals(first, second)),
        same=len(arrays) - len(changed),
    )


def _loaded(path: Path, max_bytes: int | None) -> State:
    if not is_ours(path):
        try:
            return load_ym_pure_ml(path, max_bytes=max_bytes)
        except ArchiveError as error:
            raise ArchiveError(f"{error}; state archives and those of ym-pure-ml can be compared") from error
    with open(path, "rb") as file:
        return load(file, max_bytes=max_bytes)


def _change(name: str, a: np.ndarray | None, b: np.ndarray | None) -> Change | None:
    there, here = (None if x is None else f"{x.dtype} {x.shape}" for x in (a, b))
    if a is None or b is None or a.shape != b.shape or "S" in (a.dtype.kind, b.dtype.kind):
        same = a is not None and b is not None and a.dtype == b.dtype and np.array_equal(a, b)
        return None if same else Change(name, there, here)
    dtype = np.result_type(a, b)
    x, y = a.astype(dtype, copy=False), b.astype(dtype, copy=False)
    differ = a != b  # exact also where int64 stands against uint64
    if dtype.kind in "fc":
        differ &= ~(np.isnan(x) & np.isnan(y))
    x, y = x[differ], y[differ]
    if not len(x):
        return None if there == here else Change(name, there, here, 0, 0.0)
    if dtype.kind in "biu":  # modulo 2⁶⁴ the difference is right even where it overflows
        apart: Any = np.maximum(x, y).astype(np.uint64) - np.minimum(x, y).astype(np.uint64)
    else:
        with np.errstate(over="ignore", invalid="ignore"):
            apart = abs(x.astype(np.result_type(dtype, np.float64)) - y)
    return Change(name, there, here, len(x), float(apart.max()))


def _changed_literals(a: State, b: State) -> Iterable[Change]:
    first, second = (dict(_leaves((), state.literals)) for state in (a, b))
    for keys in {**first, **second}:
        if first.get(keys) != second.get(keys):
            yield Change(".".join(keys), first.get(keys), second.get(keys))


def _leaves(keys: tuple[str, ...], tree: Any) -> Iterable[tuple[tuple[str, ...], str]]:
    """What stands in nested objects, by their keys, as JSON text: 1, 1.0 and true are three things."""
    if isinstance(tree, dict) and tree:
        for key, value in tree.items():
            yield from _leaves((*keys, key), value)
    elif keys:
        yield keys, json.dumps(tree, sort_keys=True)
