"""Activation functions, from pureml-nn."""

from pureml_nn import log_softmax, relu, sigmoid, softmax, tanh

__all__ = ["log_softmax", "relu", "sigmoid", "softmax", "tanh"]
