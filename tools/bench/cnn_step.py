"""A training step of a small convolutional network on images of MNIST's size, beside PyTorch eager.

    python tools/bench/cnn_step.py [--torch-python PATH] [--rounds 7] [--steps 40]

The same for all: 3x3 convolution 1 -> 32, ReLU, 3x3 convolution 32 -> 64, ReLU, 2x2 maximum pooling, dense 9216 -> 128,
ReLU, dense 128 -> 10, cross-entropy from logits, batches of 64, Adam, float32, two threads, the same weights and data.
Milliseconds per step. "ours split" computes the two halves of every batch on a thread each (`split_backward`), which
needs threadpoolctl: `pip install pureml-core[fast]`.
"""

import statistics
import sys
import time
from collections.abc import Callable, Iterator

import numpy as np
from peers import Figures, compare, parser, run_worker

BATCH, CLASSES, WARM_UP = 64, 10, 10
SHAPES = [(32, 1, 3, 3), (32,), (64, 32, 3, 3), (64,), (128, 9216), (128,), (10, 128), (10,)]  # PyTorch's

Batch = tuple[np.ndarray, np.ndarray]


def batches(count: int) -> Iterator[Batch]:
    """Images with a bar in the place that their label says, in noise."""
    rng = np.random.default_rng(0)
    for _ in range(count):
        labels = rng.integers(0, CLASSES, BATCH)
        images = rng.uniform(0, 0.5, (BATCH, 1, 28, 28)).astype(np.float32)
        for image, label in zip(images, labels, strict=True):
            image[0, 4 + 2 * label : 6 + 2 * label, 4:24] += 0.5
        yield images, labels


def weights() -> list[np.ndarray]:
    rng = np.random.default_rng(1)
    bounds = [np.prod(shape[1:], dtype=int) ** -0.5 for shape in SHAPES[::2] for _ in range(2)]
    return [rng.uniform(-r, r, shape).astype(np.float32) for r, shape in zip(bounds, SHAPES, strict=True)]


def timed(step: Callable[[np.ndarray, np.ndarray], float], steps: int) -> Figures:
    """Medians after some steps to warm up; the loss must be that of all and fall."""
    losses, seconds = [], []
    for images, labels in batches(steps + WARM_UP):
        start = time.perf_counter()
        losses.append(step(images, labels))
        seconds.append(time.perf_counter() - start)
    if not losses[-1] < losses[0] / 2:
        sys.exit(f"the loss went from {losses[0]:.3f} to {losses[-1]:.3f}: this did not train")
    return {
        "step": 1000 * statistics.median(seconds[WARM_UP:]),
        "fastest step": 1000 * min(seconds[WARM_UP:]),
        "loss of the first step": losses[0],
        "loss of the third step": losses[2],
    }


def ours(steps: str, split: bool = False) -> Figures:
    from pureml_core import Tensor, split_backward
    from pureml_nn import CCE, Affine, Conv2D, Flatten, MaxPool2D, Sequential, relu
    from pureml_optim import Adam

    w1, b1, w2, b2, w3, b3, w4, b4 = weights()
    model = Sequential(
        Conv2D(1, 32, 3, W=w1, b=b1), relu, Conv2D(32, 64, 3, W=w2, b=b2), relu, MaxPool2D(2), Flatten(),
        Affine(9216, 128, W=np.ascontiguousarray(w3.T), b=b3), relu,
        Affine(128, 10, W=np.ascontiguousarray(w4.T), b=b4),
    )  # fmt: skip
    optimizer = Adam(model.parameters, lr=1e-3)

    def loss_of(images: np.ndarray, labels: np.ndarray) -> Tensor:
        return CCE(labels, model(images), from_logits=True)

    def step(images: np.ndarray, labels: np.ndarray) -> float:
        optimizer.zero_grad()
        if split:
            loss = split_backward(loss_of, (images, labels))
        else:
            whole = loss_of(images, labels)
            whole.backward()
            loss = float(whole)
        optimizer.step()
        return loss

    return timed(step, int(steps))


def ours_split(steps: str) -> Figures:
    return ours(steps, split=True)


def torch(steps: str) -> Figures:
    import torch
    from torch import nn

    torch.set_num_threads(2)
    model = nn.Sequential(
        nn.Conv2d(1, 32, 3), nn.ReLU(), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
        nn.Linear(9216, 128), nn.ReLU(), nn.Linear(128, 10),
    )  # fmt: skip
    with torch.no_grad():
        for p, value in zip(model.parameters(), weights(), strict=True):
            p.copy_(torch.from_numpy(value))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    loss_of = nn.CrossEntropyLoss()

    def step(images: np.ndarray, labels: np.ndarray) -> float:
        optimizer.zero_grad()
        loss = loss_of(model(torch.from_numpy(images)), torch.from_numpy(labels))
        loss.backward()
        optimizer.step()
        return loss.item()

    return timed(step, int(steps))


if __name__ == "__main__":
    if not run_worker({"ours": ours, "ours split": ours_split, "torch": torch}):
        options = parser(__doc__, rounds=7)
        options.add_argument("--steps", type=int, default=40, help="steps timed in every process")
        chosen = options.parse_args()
        names = ["ours", "torch", "ours split"]
        compare(__file__, names, chosen, "milliseconds", (str(chosen.steps),))
