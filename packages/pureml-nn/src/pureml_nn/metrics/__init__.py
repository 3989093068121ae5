"""Metrics: (target, prediction) -> a number, as functions of whole arrays and as objects that add up over batches.

Arrays or Tensors go in, Python floats and arrays come out; nothing is tracked. Each function has a class beside it:

>>> from pureml_nn import metrics
>>> metrics.accuracy([0, 1, 2, 1], [0, 2, 2, 1])
0.75
>>> m = metrics.Accuracy()
>>> for Y, Y_hat in [([0, 1], [0, 2]), ([2, 1], [2, 1])]:
...     _ = m.update(Y, Y_hat)
>>> m.compute()
0.75

However the samples are cut into batches, and whatever is merged with what, the result is that of the whole arrays, to
the last bit: counts are integers and sums are taken without rounding. Where a definition leaves a choice (divisions by
zero, ties, absent classes) it is that of scikit-learn.
"""

from .averages import R2, MeanAbsoluteError, Perplexity, RootMeanSquaredError, mae, perplexity, r2, rmse
from .base import Metric
from .classification import (
    F1,
    Accuracy,
    ConfusionMatrix,
    Precision,
    Recall,
    TopKAccuracy,
    accuracy,
    confusion_matrix,
    f1,
    precision,
    recall,
    top_k_accuracy,
)
from .ranking import ROCAUC, AveragePrecision, average_precision, roc_auc

__all__ = [
    "F1",
    "R2",
    "ROCAUC",
    "Accuracy",
    "AveragePrecision",
    "ConfusionMatrix",
    "MeanAbsoluteError",
    "Metric",
    "Perplexity",
    "Precision",
    "Recall",
    "RootMeanSquaredError",
    "TopKAccuracy",
    "accuracy",
    "average_precision",
    "confusion_matrix",
    "f1",
    "mae",
    "perplexity",
    "precision",
    "r2",
    "recall",
    "rmse",
    "roc_auc",
    "top_k_accuracy",
]
