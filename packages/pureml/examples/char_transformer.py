"""A transformer that learns to write Python's reference, character by character.

    python packages/pureml/examples/char_transformer.py [--steps 1500] [--sample 400] [--temperature 0.7] ...

It reads the text that ships with Python (see `text.py`), holds the last tenth back to be examined on, and at the end
writes on from a beginning. With the default settings, some 0.8 million parameters, it trains for a few minutes on two
processors; `pip install threadpoolctl` lets both work on halves of each batch.
"""

import argparse
import math
import time
from collections.abc import Iterator

import numpy as np
from pureml import Tensor, no_grad
from pureml.base import NN
from pureml.layers import Affine, Embedding, LayerNorm, LearnedPositions, TransformerEncoderLayer
from pureml.losses import CCE
from pureml.optimizers import Adam, StepLR
from pureml_core import set_seed, split_backward
from text import Characters, drawn, in_order, python_reference, windows


class Writer(NN):
    """Logits of what comes next at every place: numbers (B, T) -> (B, T, characters)."""

    def __init__(self, characters: int, width: int, heads: int, layers: int, context: int) -> None:
        self.embed = Embedding(characters, width)
        self.place = LearnedPositions(context, width)
        self.layers = [
            TransformerEncoderLayer(width, heads, dropout=0.0, activation="gelu_tanh", norm_first=True)
            for _ in range(layers)
        ]
        self.norm = LayerNorm(width)
        self.next = Affine(width, characters)

    def predict(self, X: Tensor) -> Tensor:
        Y = self.place(self.embed(X))
        for layer in self.layers:
            Y = layer(Y, causal=True)  # no place sees what it is to predict
        return self.next(self.norm(Y))


def loss_of(model: Writer, X: np.ndarray, Y: np.ndarray) -> Tensor:
    return CCE(Y, model(X), from_logits=True)


def train(model: Writer, numbers: np.ndarray, chosen: argparse.Namespace) -> Iterator[tuple[int, float, float]]:
    """Train, and give (steps so far, mean loss since the last report, milliseconds per step)."""
    rng = np.random.default_rng(chosen.seed)
    optimizer = Adam(model.parameters, lr=chosen.lr)
    schedule = StepLR(optimizer, step_size=math.ceil(chosen.steps / 4), gamma=0.5)
    every = math.ceil(chosen.steps / 10)
    losses, start = [], time.perf_counter()
    for step in range(1, chosen.steps + 1):
        batch = windows(numbers, chosen.context, chosen.batch_size, rng)
        optimizer.zero_grad()
        losses.append(split_backward(lambda X, Y: loss_of(model, X, Y), batch, workers=chosen.workers))
        schedule.step()
        optimizer.step()
        if step % every == 0 or step == chosen.steps:
            yield step, float(np.mean(losses)), 1000 * (time.perf_counter() - start) / len(losses)
            losses, start = [], time.perf_counter()


def examined(model: Writer, numbers: np.ndarray, context: int) -> float:
    """Mean loss on a text."""
    with no_grad():
        losses = [(float(loss_of(model, X, Y)), len(X)) for X, Y in in_order(numbers, context, 64)]
    return sum(loss * n for loss, n in losses) / sum(n for _, n in losses)


def written(model: Writer, characters: Characters, beginning: str, chosen: argparse.Namespace) -> str:
    """The beginning, and what the model writes after it."""
    rng = np.random.default_rng(chosen.seed)
    numbers = list(characters.numbers(beginning))
    with no_grad():
        for _ in range(chosen.sample):
            logits = model(np.array([numbers[-chosen.context :]])).numpy()[0, -1]
            numbers.append(drawn(logits, chosen.temperature, rng))
    return characters.text(np.array(numbers))


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--steps", type=int, default=1500, help="of the optimizer")
    options.add_argument("--batch-size", type=int, default=32, help="pieces of text per step")
    options.add_argument("--context", type=int, default=64, help="characters that it sees")
    options.add_argument("--width", type=int, default=128, help="of the vectors")
    options.add_argument("--heads", type=int, default=4)
    options.add_argument("--layers", type=int, default=4)
    options.add_argument("--lr", type=float, default=2e-3, help="the first rate; halved after each quarter")
    options.add_argument("--workers", type=int, default=2, help="threads")
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--sample", type=int, default=400, help="characters to write")
    options.add_argument("--beginning", default="The ", help="what to write on from")
    options.add_argument("--temperature", type=float, default=0.7, help="below 1 it dares less, above 1 more")
    chosen = options.parse_args()

    set_seed(chosen.seed)
    text = python_reference()
    characters = Characters(text)
    numbers = characters.numbers(text)
    kept = len(numbers) * 9 // 10
    model = Writer(len(characters), chosen.width, chosen.heads, chosen.layers, chosen.context)
    size = sum(p.size for p in model.parameters)
    print(f"{len(numbers):,} characters, {len(characters)} different ones; {size:,} parameters")
    for step, loss, milliseconds in train(model.train(), numbers[:kept], chosen):
        print(f"step {step}: loss {loss:.3f}, {milliseconds:.0f} ms per step", flush=True)
    model.eval()
    loss = examined(model, numbers[kept:], chosen.context)
    print(f"unseen text: loss {loss:.3f}, as if choosing among {math.exp(loss):.1f} characters at every place\n")
    print(written(model, characters, chosen.beginning, chosen))


if __name__ == "__main__":
    main()
