"""A convolutional network on MNIST: 99 % of the test digits right.

    python packages/pureml/examples/mnist_cnn.py [--epochs 6] [--images 60000] [--workers 2] [--seed 0]

Two convolutions, pooling, two dense layers (LeCun, Bottou, Bengio & Haffner 1998, with ReLU, dropout and Adam). The
batch is split over two threads where `threadpoolctl` is installed (`pip install threadpoolctl`).
"""

import argparse
import time

import numpy as np
from pureml import Tensor, no_grad
from pureml.activations import relu
from pureml.base import NN
from pureml.datasets import MnistDataset
from pureml.layers import Affine, Conv2D, Dropout, MaxPool2D
from pureml.losses import CCE
from pureml.optimizers import Adam, StepLR
from pureml_core import set_seed, split_backward

BATCH = 64


class ConvNet(NN):
    """(B, 28, 28) -> logits (B, 10)."""

    def __init__(self) -> None:
        self.conv1, self.conv2 = Conv2D(1, 16, 3), Conv2D(16, 32, 3)
        self.pool = MaxPool2D(2)
        self.dropout = Dropout(0.3)
        self.hidden, self.out = Affine(32 * 5 * 5, 128, "kaiming-normal"), Affine(128, 10)

    def predict(self, x: Tensor) -> Tensor:
        x = self.pool(relu(self.conv1(x.unsqueeze(1))))  # (B, 16, 13, 13)
        x = self.pool(relu(self.conv2(x)))  # (B, 32, 5, 5)
        return self.out(self.dropout(relu(self.hidden(x.flatten()))))


def accuracy(model: ConvNet, images: np.ndarray, labels: np.ndarray) -> float:
    model.eval()
    with no_grad():
        found = [model(images[i : i + 500]).argmax(axis=1).numpy() for i in range(0, len(images), 500)]
    model.train()
    return float((np.concatenate(found) == labels).mean())


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, value, what in (
        ("epochs", 6, "passes over the training images"),
        ("images", 60000, "training images to use"),
        ("workers", 2, "threads over a batch"),
        ("seed", 0, "of weights, dropout and order"),
    ):
        options.add_argument(f"--{name}", type=int, default=value, help=what)
    chosen = options.parse_args()

    set_seed(chosen.seed)
    rng = np.random.default_rng(chosen.seed)
    with MnistDataset("train", in_memory=True) as train, MnistDataset("test", in_memory=True) as test:
        images, one_hot = (field.numpy() for field in train[: chosen.images])
        test_images, test_labels = (field.numpy() for field in test[:])
    labels = one_hot.argmax(axis=1)

    model = ConvNet()
    optimizer = Adam(model.parameters, lr=2e-3)
    schedule = StepLR(optimizer, step_size=max(1, len(images) // BATCH), gamma=0.6)  # after every epoch
    start = time.perf_counter()
    for epoch in range(1, chosen.epochs + 1):
        order, total = rng.permutation(len(images)), 0.0
        for i in range(0, len(order) - BATCH + 1, BATCH):
            rows = order[i : i + BATCH]
            optimizer.zero_grad()
            schedule.step()
            total += split_backward(
                lambda x, y: CCE(y, model(x), from_logits=True), (images[rows], labels[rows]), workers=chosen.workers
            )
            optimizer.step()
        loss = total / max(1, len(order) // BATCH)
        print(f"epoch {epoch}: loss {loss:.4f}, {time.perf_counter() - start:.0f} s", flush=True)
    print(f"test accuracy: {100 * accuracy(model, test_images, test_labels):.2f} %")


if __name__ == "__main__":
    main()
