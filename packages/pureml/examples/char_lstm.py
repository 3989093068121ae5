"""An LSTM that learns to write Python's reference, character by character.

    python packages/pureml/examples/char_lstm.py [--epochs 10] [--sample 400] [--temperature 0.7] ...

It reads the text that ships with Python (see `text.py`) from beginning to end, in many places at once, and its state is
carried over from one piece to the next: what it remembers reaches further back than the pieces that gradients flow
through. The last tenth is held back to be examined on, and at the end it writes on from a beginning, one step of the
LSTM for each character. With the default settings, some 0.4 million parameters, it trains for about two minutes on two
processors.
"""

import argparse
import math
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
from pureml import Tensor, no_grad
from pureml.base import NN
from pureml.layers import LSTM, Affine, Embedding
from pureml.losses import CCE
from pureml.optimizers import Adam, StepLR
from pureml_core import set_seed
from text import Characters, drawn, python_reference


class Writer(NN):
    """Logits of what comes next at every place, and the state after the last: (B, T) -> (B, T, characters), state."""

    def __init__(self, characters: int, width: int, hidden: int, layers: int, dropout: float) -> None:
        self.embed = Embedding(characters, width)
        self.lstm = LSTM(width, hidden, layers, dropout=dropout)
        self.next = Affine(hidden, characters)

    def predict(self, X: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        Y, state = self.lstm(self.embed(X), state)
        return self.next(Y), state


def in_streams(numbers: np.ndarray, count: int, length: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """A text cut into `count` streams, piece after piece (count, length), and what comes next at each place."""
    each = (len(numbers) - 1) // count
    X, Y = (numbers[i : i + count * each].reshape(count, each) for i in (0, 1))
    for start in range(0, each, length):
        yield X[:, start : start + length], Y[:, start : start + length]


def train(model: Writer, numbers: np.ndarray, chosen: argparse.Namespace) -> Iterator[tuple[int, float, float]]:
    """Train, and give (epoch, its mean loss, milliseconds per step)."""
    optimizer = Adam(model.parameters, lr=chosen.lr)
    schedule = StepLR(optimizer, step_size=math.ceil(chosen.epochs / 4), gamma=0.5)
    for epoch in range(1, chosen.epochs + 1):
        schedule.step()
        losses, state, start = [], None, time.perf_counter()
        for X, Y in in_streams(numbers, chosen.batch_size, chosen.length):
            optimizer.zero_grad()
            logits, (h, c) = model(X, state)
            loss = CCE(Y, logits, from_logits=True)
            loss.backward()
            optimizer.step()
            losses.append(float(loss))
            state = h.detach(), c.detach()  # values go on to the next piece, gradients stay in this one
        yield epoch, float(np.mean(losses)), 1000 * (time.perf_counter() - start) / len(losses)


def examined(model: Writer, numbers: np.ndarray) -> float:
    """Mean loss on a text."""
    total, count, state = 0.0, 0, None
    with no_grad():
        for X, Y in in_streams(numbers, 16, 64):
            logits, state = model(X, state)
            total, count = total + float(CCE(Y, logits, from_logits=True)) * Y.size, count + Y.size
    return total / count


def written(model: Writer, characters: Characters, beginning: str, chosen: argparse.Namespace) -> str:
    """The beginning, and what the model writes after it."""
    rng = np.random.default_rng(chosen.seed)
    numbers = list(characters.numbers(beginning))
    with no_grad():
        logits, state = model(np.array([numbers]))
        for _ in range(chosen.sample):
            numbers.append(drawn(logits.numpy()[0, -1], chosen.temperature, rng))
            logits, state = model(np.array([numbers[-1:]]), state)
    return characters.text(np.array(numbers))


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--epochs", type=int, default=10, help="how often it reads the text")
    options.add_argument("--batch-size", type=int, default=32, help="places that it reads in at once")
    options.add_argument("--length", type=int, default=64, help="characters that gradients flow through")
    options.add_argument("--width", type=int, default=64, help="of a character's vector")
    options.add_argument("--hidden", type=int, default=256, help="of the LSTM's state")
    options.add_argument("--layers", type=int, default=1)
    options.add_argument("--dropout", type=float, default=0.0, help="between layers")
    options.add_argument("--lr", type=float, default=4e-3, help="the first rate; halved after each quarter")
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--limit", type=int, default=None, help="characters of the text to use; all if not given")
    options.add_argument("--sample", type=int, default=400, help="characters to write")
    options.add_argument("--beginning", default="The ", help="what to write on from")
    options.add_argument("--temperature", type=float, default=0.7, help="below 1 it dares less, above 1 more")
    chosen = options.parse_args()

    set_seed(chosen.seed)
    text = python_reference()[: chosen.limit]
    characters = Characters(text)
    numbers = characters.numbers(text)
    kept = len(numbers) * 9 // 10
    model = Writer(len(characters), chosen.width, chosen.hidden, chosen.layers, chosen.dropout)
    size = sum(p.size for p in model.parameters)
    print(f"{len(numbers):,} characters, {len(characters)} different ones; {size:,} parameters")
    for epoch, loss, milliseconds in train(model.train(), numbers[:kept], chosen):
        print(f"epoch {epoch}: loss {loss:.3f}, {milliseconds:.0f} ms per step", flush=True)
    model.eval()
    loss = examined(model, numbers[kept:])
    print(f"unseen text: loss {loss:.3f}, as if choosing among {math.exp(loss):.1f} characters at every place\n")
    print(written(model, characters, chosen.beginning, chosen))


if __name__ == "__main__":
    main()
