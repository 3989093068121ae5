"""Named arrays: what formats of weights hold, and how they get out of objects and into them."""

from __future__ import annotations

import contextlib
import errno
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from os import PathLike
from typing import Any, Literal

import numpy as np
from pureml_core import Tensor
from pureml_core.state import Composite, State, StateMismatch, named_tensors, restore_tensors

from ..container import ArchiveError

# What the readers of zip, npy and JSON raise for files that are damaged or made up.
UNSOUND = (
    ValueError, TypeError, LookupError, RuntimeError, EOFError, OSError, SyntaxError, tokenize.TokenError,
    struct.error, zlib.error, zipfile.BadZipFile,
)  # fmt: skip


def arrays_of(obj: Any) -> dict[str, np.ndarray]:
    """The arrays of a model, a State, or a mapping of arrays or Tensors, by name.

    Of a model these are copies of its parameters and buffers. Its settings and the states of its generators are not
    among them: a state archive keeps those too.

    Raises:
        TypeError: there are no arrays in it, or something beside them.
        ValueError: two keys of a mapping are the same name.
    """
    if isinstance(obj, State):
        return dict(obj.arrays)
    if isinstance(obj, Mapping):
        if all(isinstance(x, Tensor | np.ndarray | np.generic) for x in obj.values()):
            if masked := [name for name, x in obj.items() if isinstance(x, np.ma.MaskedArray)]:
                raise TypeError(f"array {masked[0]!r} is masked, and its mask would be lost; give its filled(...)")
            arrays = {str(name): x.data if isinstance(x, Tensor) else np.asarray(x) for name, x in obj.items()}
            if len(arrays) < len(obj):
                raise ValueError(f"given the keys {list(obj)!r:.200}, of which some are the same as texts")
            return arrays
        for name, x in obj.items():  # what a walk for tensors would pass by
            if not isinstance(x, Tensor | Composite | Mapping | list | tuple):
                raise TypeError(
                    f"given a mapping in which {name!r} is a {type(x).__name__}, needed arrays or Tensors alone"
                )
    if not (tensors := tensors_of(obj)):
        raise TypeError(
            f"given a {type(obj).__name__} in which there are no tensors; needed a model, a State, or a mapping of "
            "arrays; of an optimizer give .state()"
        )
    return {name: t.data.copy() for name, t in tensors.items()}


def restore_arrays(obj: Any, arrays: Mapping[str, Any], *, strict: bool = True) -> list[str]:
    """Write arrays into the parameters and buffers of an object that have their names: all of them, or none.

    Arrays are cast to the dtype that is there, within a kind: float16 to float32, not float to int.

    Args:
        strict: names and shapes must agree; otherwise what does not fit is skipped.

    Returns:
        What was skipped, one line each; empty under `strict`.

    Raises:
        ValueError: under `strict`, listing everything missing, unexpected and misshapen.
    """
    return write(type(obj).__name__, tensors_of(obj), arrays, [], strict=strict)


def tensors_of(obj: Any) -> dict[str, Tensor]:
    """The parameters and buffers of an object by dotted name."""
    return {name: t for name, t in named_tensors(obj) if isinstance(t, Tensor)}


def write(
    owner: str, tensors: Mapping[str, Tensor], arrays: Mapping[str, Any], problems: list[str], *, strict: bool
) -> list[str]:
    """`restore_tensors` after problems that were found already: under `strict` one error lists them all."""
    tensors = dict(tensors)
    if strict and problems:
        raise StateMismatch(owner, [*problems, *_misfits(tensors, arrays)])
    try:
        return problems + restore_tensors(tensors, arrays, {}, strict=strict)
    except StateMismatch as mismatch:
        raise StateMismatch(owner, mismatch.problems) from None


def _misfits(tensors: Mapping[str, Tensor], arrays: Mapping[str, Any]) -> list[str]:
    shadows = {name: Tensor(t.data.copy(), requires_grad=t.dtype.kind in "fc") for name, t in tensors.items()}
    return restore_tensors(shadows, arrays, {}, strict=False)


def refuse_pickle(start: bytes, path: str | PathLike[str]) -> None:
    """Raise if a file that begins so was written by `torch.save`.

    Raises:
        ArchiveError: it was.
    """
    pickle = start[:1] == b"\x80"
    if pickle or (start[:2] == b"PK" and str(path).endswith((".pt", ".pth", ".bin", ".ckpt"))):
        raise ArchiveError(
            "it is a pickle, as torch.save writes it: reading one can run code that somebody put into it, so this "
            "is not done here. Where torch is installed and the file is trusted, make a safetensors file of it: "
            "`state = torch.load(file, weights_only=True)`, then "
            "`safetensors.torch.save_file({k: v.contiguous() for k, v in state.items()}, 'model.safetensors')`"
        )


@contextlib.contextmanager
def reading(path: str | PathLike[str], kind: str) -> Iterator[None]:
    """Whatever is found wrong with a file is one ArchiveError, which names it; a failing disk stays an OSError."""
    try:
        yield
    except ArchiveError as error:
        raise type(error)(f"{path}: {error}") from error
    except UNSOUND as error:
        if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL):  # which zipfile makes of bad offsets
            raise
        raise ArchiveError(f"{path}: not {kind}: {error or type(error).__name__}") from error


def numbers(
    name: str, data: Any, dtype: np.dtype[Any], shape: tuple[int, ...], order: Literal["C", "F"] = "C"
) -> np.ndarray:
    """The array whose entries are those bytes, which it keeps if they are in the machine's own order.

    Raises:
        ArchiveError: a boolean is neither 0 nor 1.
    """
    array = np.frombuffer(data, dtype).reshape(shape, order=order)
    if dtype.kind == "b" and array.view(np.uint8).max(initial=0) > 1:
        raise ArchiveError(f"array {name!r} holds booleans that are neither true nor false")
    return array.astype(dtype.newbyteorder("="), copy=False)
