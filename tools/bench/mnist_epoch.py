"""An epoch of the paper's training on MNIST, loading included, beside PyTorch with and without its DataLoader.

    python tools/bench/mnist_epoch.py [--torch-python PATH] [--rounds 5] [--epochs 4]

The same for all: 784-256-10 with a ReLU, cross-entropy from logits, batches of 128, Adam with its default settings,
shuffling, data in memory, two threads. PyTorch gets the images as float32 and labels as integers in advance; ours come
from `MnistDataset(in_memory=True)` as the program gets them. Seconds per epoch, the first epoch of a process left out.
"""

import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from peers import Figures, compare, parser, run_worker

BATCH = 128


def timed(epoch: Callable[[], float], epochs: int) -> Figures:
    """Median seconds of `epochs` epochs after one to warm up; each returns its mean loss, which must have fallen."""
    seconds = []
    for _ in range(epochs + 1):
        start = time.perf_counter()
        loss = epoch()
        seconds.append(time.perf_counter() - start)
    if loss > 0.5:
        sys.exit(f"the last epoch's mean loss is {loss:.2f}: this did not train")
    return {"seconds per epoch": statistics.median(seconds[1:])}


def ours(folder: str, epochs: str) -> Figures:
    from pureml.datasets import MnistDataset
    from pureml.losses import CCE
    from pureml.models.neural_networks import MNIST_BEATER
    from pureml.optimizers import Adam
    from pureml.training_utils import DataLoader

    batches = DataLoader(MnistDataset("train", in_memory=True), batch_size=BATCH, shuffle=True)
    model = MNIST_BEATER().train()
    optimizer = Adam(model.parameters, lr=1e-3)

    def epoch() -> float:
        total = 0.0
        for X, Y in batches:
            optimizer.zero_grad()
            loss = CCE(Y, model(X), from_logits=True)
            loss.backward()
            optimizer.step()
            total += float(loss)
        return total / len(batches)

    return timed(epoch, int(epochs))


def torch_epochs(folder: str, epochs: str, batches_of: Callable[[Any, Any], Callable[[], Iterable[Any]]]) -> Figures:
    import numpy as np
    import torch
    from torch import nn

    torch.set_num_threads(2)
    images = torch.from_numpy(np.load(Path(folder, "images.npy")))
    labels = torch.from_numpy(np.load(Path(folder, "labels.npy")))
    batches = batches_of(images, labels)
    model = nn.Sequential(nn.Flatten(), nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 10))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    loss_of = nn.CrossEntropyLoss()

    def epoch() -> float:
        total, count = 0.0, 0
        for X, Y in batches():
            optimizer.zero_grad()
            loss = loss_of(model(X), Y)
            loss.backward()
            optimizer.step()
            total, count = total + loss.item(), count + 1
        return total / count

    return timed(epoch, int(epochs))


def torch_loader(folder: str, epochs: str) -> Figures:
    def batches_of(images: Any, labels: Any) -> Callable[[], Iterable[Any]]:
        from torch.utils.data import DataLoader, TensorDataset

        loader = DataLoader(TensorDataset(images, labels), batch_size=BATCH, shuffle=True)
        return lambda: loader

    return torch_epochs(folder, epochs, batches_of)


def torch_sliced(folder: str, epochs: str) -> Figures:
    def batches_of(images: Any, labels: Any) -> Callable[[], Iterable[Any]]:
        import torch

        def batches() -> Iterable[Any]:
            order = torch.randperm(len(images))
            for start in range(0, len(images), BATCH):
                rows = order[start : start + BATCH]
                yield images[rows], labels[rows]

        return batches

    return torch_epochs(folder, epochs, batches_of)


def main() -> None:
    options = parser(__doc__, rounds=5)
    options.add_argument("--epochs", type=int, default=4, help="epochs timed in every process")
    chosen = options.parse_args()
    import numpy as np
    from pureml.datasets import MnistDataset

    with tempfile.TemporaryDirectory() as folder:
        with MnistDataset("train", in_memory=True) as data:
            images, targets = data[:]
            np.save(Path(folder, "images.npy"), images.numpy(copy=False))
            np.save(Path(folder, "labels.npy"), targets.numpy(copy=False).argmax(axis=1))
        names = ["ours", "torch DataLoader", "torch sliced"]
        compare(__file__, names, chosen, "MNIST epoch", (folder, str(chosen.epochs)))


if __name__ == "__main__":
    if not run_worker({"ours": ours, "torch DataLoader": torch_loader, "torch sliced": torch_sliced}):
        main()
