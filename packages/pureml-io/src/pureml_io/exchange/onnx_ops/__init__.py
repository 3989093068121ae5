"""What ONNX calls our operations: one converter each, from a call that was seen to the names of its values.

An operation that is not here is unfolded into its definition; one that has none cannot be exported.
"""

from . import elementwise, layers, recurrent, shapes
from .registry import CONVERTERS

__all__ = ["CONVERTERS", "elementwise", "layers", "recurrent", "shapes"]
