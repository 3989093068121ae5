"""One table over all layers: `LAYERS` and `ERRORS`, one file a topic, and the checks that every row must pass."""

from . import activation, attention, basic, checks, convolution, graph, normalization, recurrent
from .case import LayerCase, LayerError

__all__ = ["ERRORS", "LAYERS", "LayerCase", "LayerError", "checks"]

FILES = (basic, convolution, normalization, recurrent, attention, graph, activation)

LAYERS: list[LayerCase] = [row for file in FILES for row in file.LAYERS]
ERRORS: list[LayerError] = [row for file in FILES for row in file.ERRORS]
