"""accuracy: which class is meant, and every layer's mode as before."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from pureml import Tensor, is_grad_enabled
from pureml.base import NN, BaseModel
from pureml.evaluation import accuracy
from pureml.layers import Affine, Dropout, Layer
from pureml.training_utils import TensorDataset

SCORES = np.array([[0.1, 0.9], [0.8, 0.2], [0.3, 0.7], [0.6, 0.4]])  # classes 1, 0, 1, 0
LABELS = np.array([1, 0, 0, 0])


def same(X: Tensor) -> Tensor:
    return X


def indices(X: Tensor) -> Tensor:
    return X.argmax(axis=-1)


@pytest.mark.parametrize("batch_size", [1, 3, 4, 100])
@pytest.mark.parametrize("model", [same, indices])
@pytest.mark.parametrize(
    "labels",
    [LABELS, LABELS.astype(np.uint8), LABELS.astype(float), LABELS[:, None], np.eye(2)[LABELS]],
    ids=["indices", "uint8", "float", "column", "one-hot"],
)
def test_classes(model: Callable[[Any], Any], labels: np.ndarray, batch_size: int) -> None:
    found = accuracy(model, TensorDataset(SCORES, labels), batch_size=batch_size)
    assert type(found) is float and found == 0.75


def test_the_last_batch_counts_by_its_size() -> None:
    assert accuracy(same, TensorDataset(np.eye(5), np.array([0, 1, 2, 3, 0])), batch_size=4) == 0.8


def test_a_sequence_counts_every_position() -> None:
    scores = np.zeros((2, 3, 4))
    scores[..., 1] = 1.0
    wanted = np.eye(4)[[[1, 1, 0], [1, 2, 3]]]
    assert accuracy(same, TensorDataset(scores, wanted)) == 0.5


def test_an_empty_set_is_zero() -> None:
    assert accuracy(same, TensorDataset(np.zeros((0, 2)), np.zeros(0, int))) == 0.0


@pytest.mark.parametrize(
    ("model", "labels", "message"),
    [
        (lambda X: X[:, :1], LABELS, r"outputs of shape \(4, 1\) have one column"),
        (lambda X: X[:3], LABELS, r"shape \(3,\) for labels of shape \(4,\)"),
        (lambda X: X[:, 0], LABELS, "outputs must be class indices, given float64 fractions"),
        (lambda X: X.sum(), LABELS, r"outputs of shape \(\)"),
        (same, SCORES[:, 0], "labels must be class indices"),
        (same, np.stack([LABELS, LABELS], axis=1)[:, None, :].repeat(3, axis=1), r"labels of shape \(4, 3\)"),
    ],
)
def test_what_is_no_classification_is_an_error(model: Callable[[Any], Any], labels: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        accuracy(model, TensorDataset(SCORES, labels))


class Watched(NN):
    """A model with layers in attributes, lists and a layer of its own, that notes the mode it ran in."""

    def __init__(self, fail: bool = False) -> None:
        self.first = Affine(2, 2)
        self.drops: list[Layer] = [Dropout(0.5), Dropout(0.5)]
        self.fail = fail
        self._seen: list[tuple[bool, ...]] = []

    def predict(self, X: Tensor) -> Tensor:
        self._seen.append((self.training, self.first.training, *(d.training for d in self.drops), is_grad_enabled()))
        if self.fail:
            raise KeyError("on purpose")
        return X


class Wrapped(BaseModel):
    """No layer itself, but made of some."""

    def __init__(self) -> None:
        self.drop = Dropout(0.5)
        self._seen: list[bool] = []

    def predict(self, X: Tensor) -> Tensor:
        self._seen.append(self.drop.training)
        return X

    __call__ = predict


def test_layers_of_what_is_no_layer_are_in_evaluation_mode_too() -> None:
    model = Wrapped()
    assert accuracy(model, TensorDataset(SCORES, LABELS), batch_size=2) == 0.75
    assert model._seen == [False, False] and model.drop.training


@pytest.mark.parametrize("fail", [False, True])
def test_every_mode_is_as_before(fail: bool) -> None:
    model = Watched(fail).train()
    model.drops[1].eval()  # a frozen part
    data = TensorDataset(SCORES, LABELS)
    if fail:
        with pytest.raises(KeyError, match="on purpose"):
            accuracy(model, data)
    else:
        assert accuracy(model, data) == 0.75
    assert model._seen == [(False,) * 5]
    assert (model.training, model.first.training, *(d.training for d in model.drops)) == (True, True, True, False)
    assert is_grad_enabled()
