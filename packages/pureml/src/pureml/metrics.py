"""Metrics of targets and predictions, from pureml-nn; `evaluation.evaluate` runs them over a data set."""

from pureml_nn.metrics import *  # noqa: F403
from pureml_nn.metrics import __all__ as __all__
