"""Layers, from pureml-nn."""

from pureml_nn import Affine, Dropout, Layer, Linear, Sequential

__all__ = ["Affine", "Dropout", "Layer", "Linear", "Sequential"]
