"""The paper's classifier."""

import logging

import numpy as np
import pytest
from pureml import Tensor
from pureml.models.neural_networks import MNIST_BEATER
from pureml.training_utils import TensorDataset, one_hot


def digits(count: int) -> TensorDataset:
    """Images whose class is the row that is lit."""
    labels = np.arange(count) % 10
    images = np.zeros((count, 28, 28), np.float32)
    images[np.arange(count), labels] = 1.0
    return TensorDataset(images, one_hot(10, labels))


def test_logits_in_training_and_classes_in_evaluation() -> None:
    model = MNIST_BEATER()
    images = Tensor(np.zeros((3, 28, 28)))
    assert model.train()(images).shape == (3, 10) and model(images).dtype == np.float32
    assert model.eval()(images).shape == (3,) and model(images).dtype == np.int64
    assert model.L1.W.shape == (784, 256) and model.L2.b.shape == (10,)


def test_fit_learns_and_logs_the_loss_of_every_epoch(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="pureml"):
        model = MNIST_BEATER().fit(digits(200), batch_size=10, num_epochs=3)
    losses = [float(record.getMessage().rpartition(" ")[2]) for record in caplog.records]
    assert len(losses) == 3 and losses[0] > losses[1] > losses[2]
    assert model.training


def test_fit_refuses_bad_calls() -> None:
    with pytest.raises(RuntimeError, match=r"call train\(\)"):
        MNIST_BEATER().eval().fit(digits(10), 5, 1)
    with pytest.raises(ValueError, match="num_epochs=-1"):
        MNIST_BEATER().fit(digits(10), 5, -1)
