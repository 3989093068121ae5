"""The paper's classifier of handwritten digits."""

import logging
import operator
from typing import Any, Self

from pureml_core import Tensor
from pureml_data import DataLoader
from pureml_nn import CCE, NN, Affine, relu
from pureml_optim import SGD

_logger = logging.getLogger(__name__)


class MNIST_BEATER(NN):
    """Two affine layers with a ReLU between them: 784 pixels -> 256 -> 10 classes.

    Input: images of shape (B, 28, 28), or one of shape (28, 28). Output: in training mode the logits (B, 10), in
    evaluation mode the class indices (B,), int64.

    >>> import numpy as np
    >>> model = MNIST_BEATER()
    >>> model(np.zeros((3, 28, 28))).shape, model.eval()(np.zeros((3, 28, 28))).shape
    ((3, 10), (3,))
    """

    def __init__(self) -> None:
        self.L1 = Affine(28 * 28, 256)
        self.L2 = Affine(256, 10)

    def predict(self, x: Tensor) -> Tensor:
        x = x.flatten(sample_ndim=2)  # (B, 28, 28) -> (B, 784)
        x = self.L2(relu(self.L1(x)))
        return x if self.training else x.argmax(axis=-1)

    def fit(self, dataset: Any, batch_size: int, num_epochs: int) -> Self:
        """Train with SGD at a rate of 0.01 on shuffled batches, and log the mean loss of every epoch at INFO.

        Args:
            dataset: pairs of an image and its target, as the training part of `MnistDataset`.
            batch_size: images per step, at least 1.
            num_epochs: passes over the dataset, at least 0.

        Raises:
            RuntimeError: the model is in evaluation mode.
            ValueError: `batch_size` or `num_epochs` is out of range.
        """
        if not self.training:
            raise RuntimeError("MNIST_BEATER.fit: the model is in evaluation mode; call train() first")
        if operator.index(num_epochs) < 0:
            raise ValueError(f"MNIST_BEATER.fit: given num_epochs={num_epochs}, needed 0 or more")
        batches = DataLoader(dataset, batch_size=batch_size, shuffle=True)
        optimizer = SGD(self.parameters, lr=0.01)
        for epoch in range(num_epochs):
            total = count = 0.0
            for X, Y in batches:
                optimizer.zero_grad()
                loss = CCE(Y, self(X), from_logits=True)
                loss.backward()
                optimizer.step()
                total += float(loss) * len(X)
                count += len(X)
            _logger.info("epoch %d of %d: loss %.4f", epoch + 1, num_epochs, total / max(count, 1))
        return self
