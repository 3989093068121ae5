"""Characters of a text as numbers: what the examples that learn to write have in common.

The text is the one that ships with Python: the chapters of its reference that `help()` shows, half a million characters
(`pydoc_data.topics`).
"""

from collections.abc import Iterator
from pydoc_data.topics import topics

import numpy as np


def python_reference() -> str:
    """All chapters, one after another, in the order of their names."""
    return "\n\n".join(topics[name].strip() for name in sorted(topics))


class Characters:
    """The different characters of a text, and their numbers: 0 for the most frequent one, and so on."""

    def __init__(self, text: str) -> None:
        characters, counts = np.unique(_code_points(text), return_counts=True)
        self.by_number = characters[np.argsort(-counts, kind="stable")]

    def __len__(self) -> int:
        return len(self.by_number)

    def numbers(self, text: str) -> np.ndarray:
        """One number for each character; those that are not known are left out."""
        order = np.argsort(self.by_number)
        points = _code_points(text)
        places = np.searchsorted(self.by_number, points, sorter=order).clip(max=len(self) - 1)
        found = order[places]
        return found[self.by_number[found] == points]

    def text(self, numbers: np.ndarray) -> str:
        return "".join(map(chr, self.by_number[numbers]))


def _code_points(text: str) -> np.ndarray:
    return np.frombuffer(text.encode("utf-32-le"), np.uint32)


def windows(numbers: np.ndarray, length: int, count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """`count` random pieces (count, length), and what comes next at each of their places."""
    starts = rng.integers(len(numbers) - length, size=count)
    pieces = numbers[starts[:, None] + np.arange(length + 1)]
    return pieces[:, :-1], pieces[:, 1:]


def in_order(numbers: np.ndarray, length: int, count: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The whole text as pieces, `count` at a time, and what comes next; the end that fills no piece is left out."""
    rows = (len(numbers) - 1) // length
    X, Y = (numbers[i : i + rows * length].reshape(rows, length) for i in (0, 1))
    for start in range(0, rows, count):
        yield X[start : start + count], Y[start : start + count]


def drawn(logits: np.ndarray, temperature: float, rng: np.random.Generator) -> int:
    """A number, with the probabilities softmax(logits / temperature); the most probable one for temperature 0."""
    if temperature == 0:
        return int(logits.argmax())
    return int((logits / temperature + rng.gumbel(size=logits.shape)).argmax())  # Gumbel 1954
