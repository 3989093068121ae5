"""The base of models, from pureml-nn."""

from pureml_nn import NN

__all__ = ["NN"]
