"""How well a model does on data that it was not trained on."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from pureml_core import Tensor, no_grad
from pureml_data import DataLoader
from pureml_nn.layer import named_layers
from pureml_nn.metrics import Metric


def accuracy(mdl: Callable[[Any], Any], test_set: Any, batch_size: int = 32) -> float:
    """The fraction of samples whose class the model predicts, 0.0 for an empty set.

    The model runs in evaluation mode and records nothing; afterwards, also after an exception, every layer is in
    the mode that it was in.

    Args:
        mdl: maps a batch of inputs to class indices (B,), or to scores (B, ..., K) of which the largest wins.
        test_set: a Dataset of pairs (input, label); the labels of a batch are class indices (B,) or (B, 1), or
            one-hot or soft (B, ..., K).
        batch_size: samples per call of the model.

    Raises:
        ValueError: one-column outputs (their argmax is always 0), indices that are no whole numbers, or predictions
            and labels of unequal shapes.

    >>> from pureml_data import TensorDataset
    >>> data = TensorDataset(np.eye(4), np.array([0, 1, 2, 0]))
    >>> accuracy(lambda X: X, data)
    0.75
    """
    right = total = 0
    for outputs, Y in _batches(mdl, test_set, batch_size):
        predicted, wanted = _predicted_classes(outputs), _label_classes(Y)
        if predicted.shape != wanted.shape:
            raise ValueError(
                f"accuracy: predictions of shape {predicted.shape} for labels of shape {wanted.shape}; "
                "needed is one class for each label"
            )
        right += int(np.count_nonzero(predicted == wanted))
        total += wanted.size
    return right / total if total else 0.0


def evaluate(mdl: Callable[[Any], Any], test_set: Any, *metrics: Metric, batch_size: int = 32) -> list[Any]:
    """The figures of several metrics over a data set, each sample seen once, in the order of the metrics.

    The model runs in evaluation mode and records nothing, as for `accuracy`. The metrics are reset at first, and hold
    what they counted afterwards.

    Args:
        mdl: maps a batch of inputs to what the metrics take as predictions.
        test_set: a Dataset of pairs (input, target).
        metrics: of `pureml.metrics`, or your own.
        batch_size: samples per call of the model.

    Raises:
        ValueError: a metric refuses targets or predictions, or there are none.

    >>> from pureml.metrics import Accuracy, F1
    >>> from pureml_data import TensorDataset
    >>> data = TensorDataset(np.eye(4), np.array([0, 1, 2, 0]))
    >>> evaluate(lambda X: X, data, Accuracy(), F1(4, average=None))
    [0.75, array([0.66666667, 1.        , 1.        , 0.        ])]
    """
    for metric in metrics:
        metric.reset()
    for outputs, Y in _batches(mdl, test_set, batch_size):
        for metric in metrics:
            metric.update(Y, outputs)
    return [metric.compute() for metric in metrics]


def _batches(mdl: Callable[[Any], Any], test_set: Any, batch_size: int) -> Iterator[tuple[Any, Any]]:
    """(outputs, targets) of each batch, in evaluation mode and without recording."""
    for X, Y in DataLoader(test_set, batch_size=batch_size):
        with _evaluating(mdl), no_grad():
            outputs = mdl(X)
        yield outputs, Y


@contextmanager
def _evaluating(mdl: Any) -> Iterator[None]:
    """Evaluation mode in every layer of the model, and then each layer's own mode again."""
    modes = [(layer, layer.training) for _, layer in named_layers(mdl)]
    try:
        for layer, _ in modes:
            if layer.training:  # by now an outer one may have switched it
                layer.eval()
        yield
    finally:
        for layer, training in modes:
            layer.training = training


def _predicted_classes(outputs: Any) -> np.ndarray:
    array = _array(outputs)
    if array.ndim > 1 and array.shape[-1] == 1:
        raise ValueError(
            f"accuracy: outputs of shape {array.shape} have one column, whose argmax is always 0; let the model "
            "return class indices in evaluation mode, such as (p > 0.5)[:, 0]"
        )
    return _classes(array, "outputs")


def _label_classes(labels: Any) -> np.ndarray:
    array = _array(labels)
    column = array.ndim == 2 and array.shape[1] == 1  # indices in a column, not one class in all
    return _classes(array[:, 0] if column else array, "labels")


def _classes(array: np.ndarray, what: str) -> np.ndarray:
    """Class indices: as they are in one dimension, else the position of the largest entry along the last axis."""
    if array.ndim != 1:
        if array.ndim == 0 or array.shape[-1] == 0:
            raise ValueError(f"accuracy: {what} of shape {array.shape}; needed are indices (B,) or scores (B, ..., K)")
        return np.asarray(np.argmax(array, axis=-1))
    if array.dtype.kind == "f" and not np.array_equal(array, np.round(array)):
        raise ValueError(f"accuracy: one-dimensional {what} must be class indices, given {array.dtype} fractions")
    return array


def _array(values: Any) -> np.ndarray:
    return values.numpy(copy=False) if isinstance(values, Tensor) else np.asarray(values)
