"""States in one zarr archive: never half-written, never trusted unread."""

from importlib.metadata import version as _version

from .archive import load, save, validate
from .archive_reading import Contents, MissingArrayError, archive_path
from .checkpoint import Checkpoint, Restored
from .comparison import Difference, diff
from .container import ArchiveError
from .exchange import (
    ExportError,
    arrays_of,
    from_torch_state_dict,
    load_npz,
    load_safetensors,
    load_ym_pure_ml,
    restore_arrays,
    restore_ym_pure_ml,
    save_npz,
    save_onnx,
    save_safetensors,
    to_torch_state_dict,
)
from .inspection import Inspection, inspect
from .storage import ArrayStorage

__version__ = _version("pureml-io")

__all__ = [
    "ArchiveError",
    "ArrayStorage",
    "Checkpoint",
    "Contents",
    "Difference",
    "ExportError",
    "Inspection",
    "MissingArrayError",
    "Restored",
    "archive_path",
    "arrays_of",
    "diff",
    "from_torch_state_dict",
    "inspect",
    "load",
    "load_npz",
    "load_safetensors",
    "load_ym_pure_ml",
    "restore_arrays",
    "restore_ym_pure_ml",
    "save",
    "save_npz",
    "save_onnx",
    "save_safetensors",
    "to_torch_state_dict",
    "validate",
]
