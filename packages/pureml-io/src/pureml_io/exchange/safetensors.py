"""safetensors: a JSON header and raw little-endian arrays, the field's format for weights (Hugging Face, 2022)."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from ..atomic import replacing
from ..container import ArchiveError
from .tensors import arrays_of, numbers, reading, refuse_pickle

DTYPES = {
    "BOOL": "?",
    **{f"{kind}{8 * size}": f"<{kind.lower()}{size}" for kind in "IU" for size in (1, 2, 4, 8)},
    **{f"F{8 * size}": f"<f{size}" for size in (2, 4, 8)},
    "C64": "<c8",
}


def save_safetensors(obj: Any, path: str | PathLike[str], *, metadata: Mapping[str, str] | None = None) -> Path:
    """Write the arrays of a model, a State, or a mapping, under their names: whole, or not at all.

    Args:
        obj: see `arrays_of`. For a file that PyTorch's modules load, give `to_torch_state_dict(model)`.
        path: is taken as it is.
        metadata: texts by name, kept in the header.

    Returns:
        The path.

    Raises:
        TypeError: an array has a dtype that the format lacks, such as complex128.
        ValueError: an array is named "__metadata__", which is the format's own.
        ImportError: the extra `safetensors` is not installed.
    """
    _package()
    arrays = {name: np.ascontiguousarray(x).reshape(np.shape(x)) for name, x in arrays_of(obj).items()}
    for name, x in arrays.items():
        if np.dtype(x.dtype).newbyteorder("<") not in map(np.dtype, DTYPES.values()):
            raise TypeError(f"array {name!r} has dtype {x.dtype}; safetensors holds {', '.join(DTYPES)}")
    if "__metadata__" in arrays:
        raise ValueError("given an array named '__metadata__': this name is the format's own")
    arrays = {name: x.astype(x.dtype.newbyteorder("="), copy=False) for name, x in arrays.items()}
    data = importlib.import_module("safetensors.numpy").save(arrays, None if metadata is None else dict(metadata))
    with replacing(Path(path)) as file:
        file.write(data)
    return Path(path)


def load_safetensors(path: str | PathLike[str]) -> dict[str, np.ndarray]:
    """The arrays of a safetensors file by name; `restore_arrays` or `from_torch_state_dict` takes them into a model.

    NumPy has no bfloat16: such arrays become float32, which holds each of their values. float16 stays float16.

    Raises:
        FileNotFoundError: there is no such file.
        ArchiveError: (a ValueError) the file is damaged, or holds a dtype that NumPy cannot, such as float8.
        ImportError: the extra `safetensors` is not installed.
    """
    package = _package()
    data = Path(path).read_bytes()
    with reading(path, "a sound safetensors file"):
        try:
            found = package.deserialize(data)
        except package.SafetensorError as error:
            refuse_pickle(data[:2], path)  # not before: a sound header may have 128 bytes
            raise ValueError(error) from error
        return {name: _array(name, **spec) for name, spec in sorted(found, key=lambda pair: pair[0])}


def _array(name: str, *, dtype: str, shape: list[int], data: bytearray) -> np.ndarray:
    if dtype == "BF16":  # the upper half of a float32
        return (np.frombuffer(data, "<u2").astype(np.uint32) << 16).view(np.float32).reshape(shape)
    if dtype not in DTYPES:
        raise ArchiveError(
            f"array {name!r} has dtype {dtype}, which NumPy lacks; convert it to float16 or float32 where the "
            "file was written, as with tensor.float() of PyTorch"
        )
    return numbers(name, data, np.dtype(DTYPES[dtype]), tuple(shape))  # its own: a bytearray can be written to


def _package() -> Any:
    try:
        return importlib.import_module("safetensors")
    except ImportError as error:
        raise ImportError("safetensors files need a package: pip install pureml-io[safetensors]") from error
