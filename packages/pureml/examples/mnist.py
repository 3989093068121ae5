"""The paper's training on MNIST, with what one wants to see on the way.

    hatch run mnist --epochs 5 --batch-size 128 --seed 1 --out runs

Shows the loss and the rate of every epoch and the accuracy on the test images; leaves the trained model and, where
matplotlib is installed, a picture of digits that it gets wrong in the folder given by --out.
"""

import argparse
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from pureml import Tensor, no_grad
from pureml.datasets import MnistDataset
from pureml.evaluation import accuracy
from pureml.losses import CCE
from pureml.models.neural_networks import MNIST_BEATER
from pureml.optimizers import Adam
from pureml.training_utils import DataLoader
from pureml_core import draw_seed, set_seed


def whole_number(lowest: int):
    """A parser of whole numbers that are not below `lowest`."""

    def parse(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"given {text!r}, needed a whole number") from None
        if number < lowest:
            raise argparse.ArgumentTypeError(f"given {number}, needed {lowest} or more")
        return number

    return parse


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Train the paper's classifier on MNIST.")
    parser.add_argument("--epochs", type=whole_number(1), default=5, help="passes over the training images")
    parser.add_argument("--batch-size", type=whole_number(1), default=128, help="images per step")
    parser.add_argument("--seed", type=whole_number(0), help="of weights and shuffling; drawn and shown if not given")
    parser.add_argument("--out", type=Path, default=Path("runs"), help="folder for the model and the picture")
    chosen = parser.parse_args()
    try:
        chosen.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        parser.error(f"argument --out: cannot make the folder {chosen.out}: {error.strerror}")
    return chosen


def with_progress(batches: DataLoader, label: str) -> Iterable[tuple[Tensor, Tensor]]:
    """The batches, behind a progress bar if there is a terminal to draw on and tqdm to draw it."""
    if not sys.stderr.isatty():
        return batches
    try:
        from tqdm import tqdm
    except ImportError:
        return batches
    return tqdm(batches, desc=label, unit="batch", leave=False)


def train(model: MNIST_BEATER, data: MnistDataset, epochs: int, batch_size: int) -> Iterator[tuple[float, float]]:
    """Train, and give (mean loss, seconds) after every epoch."""
    optimizer = Adam(model.parameters, lr=1e-3, weight_decay=1e-2)
    batches = DataLoader(data, batch_size=batch_size, shuffle=True)
    for epoch in range(epochs):
        start, total = time.perf_counter(), 0.0
        for X, Y in with_progress(batches, f"epoch {epoch + 1}/{epochs}"):
            optimizer.zero_grad()
            loss = CCE(Y, model(X), from_logits=True)
            loss.backward()
            optimizer.step()
            total += float(loss) * len(X)
        yield total / len(data), time.perf_counter() - start


def draw_mistakes(model: MNIST_BEATER, data: MnistDataset, path: Path, rows: int = 3, columns: int = 6) -> str:
    """Save a picture of the first digits that the model takes for others; what became of it, in a line."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        return "no picture of wrong digits: matplotlib is missing (pip install matplotlib)"
    images, labels = (field.numpy(copy=False) for field in data[:])
    with no_grad():
        predicted = model(images).numpy(copy=False)
    wrong = (predicted != labels).nonzero()[0][: rows * columns]
    if len(wrong) == 0:
        return "no picture of wrong digits: there are none"
    figure = Figure(figsize=(1.4 * columns, 1.7 * rows), layout="constrained")
    for axes, i in zip(figure.subplots(rows, columns).flat, wrong, strict=False):
        axes.imshow(images[i], cmap="gray_r")
        axes.set_title(f"{labels[i]}, taken for {predicted[i]}", fontsize=8)
    for axes in figure.axes:
        axes.set_axis_off()
    figure.savefig(path, dpi=150)
    return f"wrong digits: {path}"


def main() -> None:
    chosen = arguments()
    seed = draw_seed(chosen.seed)
    set_seed(seed)
    print(f"seed {seed}")
    with MnistDataset("train", in_memory=True) as train_set, MnistDataset("test", in_memory=True) as test_set:
        model = MNIST_BEATER().train()
        epochs = train(model, train_set, chosen.epochs, chosen.batch_size)
        for epoch, (loss, seconds) in enumerate(epochs, start=1):
            rate = len(train_set) / seconds
            print(f"epoch {epoch}/{chosen.epochs}: loss {loss:.4f}, {rate:,.0f} samples/s, {seconds:.2f} s", flush=True)
        model.eval()
        print(f"test accuracy: {100 * accuracy(model, test_set, batch_size=1024):.2f} %")
        print(f"model: {model.save_state(chosen.out / 'mnist')}")
        print(draw_mistakes(model, test_set, chosen.out / "mnist-wrong.png"))


if __name__ == "__main__":
    main()
