"""Activation functions, from pureml-nn."""

from pureml_nn import gelu, log_softmax, relu, sigmoid, softmax, tanh

__all__ = ["gelu", "log_softmax", "relu", "sigmoid", "softmax", "tanh"]
