"""Text as numbers: tokenisers of characters and of byte pairs, and sequences padded to a batch."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from heapq import heapify, heappop, heappush
from itertools import pairwise
from typing import Any, Self

import numpy as np
from pureml_core import State, Tensor
from pureml_core.state import StateMismatch, check_kind, kind_of

from .checks import whole
from .filling import filling
from .transforms.base import Transform, array_of


class CharTokenizer(Transform):
    """A number for each different character of a text, in the order of code points.

    Calling it is `encode`, and `inverse` is `decode`, as in other transforms.

    Attributes:
        characters: those that it knows, as a str; `characters[number]` is the character.

    >>> tokenizer = CharTokenizer().fit("banana")
    >>> tokenizer.encode("nab"), tokenizer.decode([1, 0, 2])
    (array([2, 0, 1]), 'ban')
    """

    def __init__(self) -> None:
        self._points = np.zeros(0, np.uint32)  # rising

    @property
    def characters(self) -> str:
        return "".join(map(chr, self._points.tolist()))

    def fit(self, texts: str | Iterable[str]) -> Self:
        """Number the characters of a text, or of several, and return itself."""
        points = [_code_points(text) for text in _texts("CharTokenizer", texts)]
        self._points = np.unique(np.concatenate([np.zeros(0, np.uint32), *points]))
        return self

    def __len__(self) -> int:
        """The number of characters."""
        return len(self._points)

    def encode(self, text: str) -> np.ndarray:
        """One number for each character: int64, (len(text),).

        Raises:
            ValueError: a character is not known.
        """
        points = _code_points(_text("CharTokenizer", text))
        numbers = np.searchsorted(self._points, points)
        known = np.isin(points, self._points)
        if not known.all():
            unknown = "".join(map(chr, np.unique(points[~known])[:20].tolist()))
            raise ValueError(f"CharTokenizer: unknown characters {unknown!r}; fit() on texts that have them")
        return numbers.astype(np.int64)

    def decode(self, numbers: Any) -> str:
        """The text of numbers (T,).

        Raises:
            ValueError: one is not the number of a character.
        """
        return "".join(map(chr, self._points[_numbers("CharTokenizer", numbers, len(self))].tolist()))

    __call__ = encode
    inverse = decode

    def state(self) -> State:
        """The code points of the characters."""
        return State(kind_of(self), {"code_points": self._points.copy()})

    def restore(self, state: State, *, strict: bool = True) -> list[str]:
        """Take the characters of another tokeniser, all or nothing.

        Raises:
            ValueError: the state is another class's, or not different code points in order.
        """
        check_kind(self, state)
        points = np.asarray(state.arrays.get("code_points"))
        fits = points.dtype.kind in "iu" and points.ndim == 1 and (points < 0x110000).all() and (points >= 0).all()
        if not fits or (np.diff(points.astype(np.int64)) <= 0).any():
            raise StateMismatch("CharTokenizer", ["needed 'code_points', different ones in order"])
        self._points = points.astype(np.uint32)
        return []

    def __repr__(self) -> str:
        return f"CharTokenizer({len(self)} characters)"


class BytePairTokenizer(Transform):
    """Byte-pair encoding: the bytes of a text in UTF-8, with frequent neighbours merged (Sennrich, Haddow & Birch
    2016, algorithm 1; over bytes as in Radford et al. 2019).

    The numbers 0 to 255 are the bytes, so that any text can be encoded and comes back unchanged; 256 + i is the pair
    that was merged i-th. A pair never reaches over the edge of a word, which begins with the space before it.

    Calling it is `encode`, and `inverse` is `decode`, as in other transforms.

    Attributes:
        merges: the pairs of numbers, in the order of merging.

    >>> tokenizer = BytePairTokenizer().fit("low lower lowest", vocabulary=258)
    >>> tokenizer.merges, tokenizer.encode("slow").tolist(), tokenizer.decode([115, 257])
    ([(108, 111), (256, 119)], [115, 257], 'slow')
    """

    def __init__(self) -> None:
        self._take([])

    def fit(self, texts: str | Iterable[str], vocabulary: int) -> Self:
        """Learn merges from a text, or from several, and return itself.

        In every round the most frequent pair is merged, of equally frequent ones the one with the lowest numbers; it
        ends early when no pair comes twice.

        Args:
            vocabulary: how many different numbers there are to be at most, at least 256.

        Raises:
            TypeError, ValueError: `texts` are not text, or `vocabulary` is not such a number.
        """
        vocabulary = whole("BytePairTokenizer: vocabulary", vocabulary, 256)
        count = Counter(word for text in _texts("BytePairTokenizer", texts) for word in _words(text))
        words = [list(_bytes(word)) for word in count]
        times = list(count.values())
        pairs: Counter[tuple[int, int]] = Counter()
        where: defaultdict[tuple[int, int], set[int]] = defaultdict(set)  # the words that have, or had, a pair
        for i, word in enumerate(words):
            for pair in pairwise(word):
                pairs[pair] += times[i]
                where[pair].add(i)
        merges: list[tuple[int, int]] = []
        heap = [(-n, pair) for pair, n in pairs.items()]  # each pair once; since then its number can only have sunk
        heapify(heap)
        while heap and len(merges) < vocabulary - 256:
            n, best = heappop(heap)
            if -n != pairs[best]:
                heappush(heap, (-pairs[best], best))
                continue
            if -n < 2:
                break
            new, made = 256 + len(merges), set()
            for i in where.pop(best):
                for pair in pairwise(words[i]):
                    pairs[pair] -= times[i]
                words[i] = _merged(words[i], best, new)
                for pair in pairwise(words[i]):
                    pairs[pair] += times[i]
                    if new in pair:
                        where[pair].add(i)
                        made.add(pair)
            for pair in made:
                heappush(heap, (-pairs[pair], pair))
            merges.append(best)
        self._take(merges)
        return self

    def __len__(self) -> int:
        """The number of different numbers: 256 + merges."""
        return len(self._bytes)

    def encode(self, text: str) -> np.ndarray:
        """The numbers of a text: int64, (T,), T at most its bytes."""
        known: dict[str, list[int]] = {}  # a text has few different words
        numbers: list[int] = []
        for word in _words(_text("BytePairTokenizer", text)):
            if word not in known:
                known[word] = self._encoded(word)
            numbers += known[word]
        return np.array(numbers, np.int64)

    def decode(self, numbers: Any, errors: str = "surrogatepass") -> str:
        """The text of numbers (T,).

        Args:
            errors: "replace" puts U+FFFD for bytes that are no UTF-8, as a model may write them.

        Raises:
            ValueError: one is not in the vocabulary, or the bytes are no UTF-8.
        """
        found = _numbers("BytePairTokenizer", numbers, len(self))
        return b"".join([self._bytes[number] for number in found.tolist()]).decode("utf-8", errors)

    __call__ = encode
    inverse = decode

    def _encoded(self, word: str) -> list[int]:
        numbers = list(_bytes(word))
        while len(numbers) > 1:
            first = min(pairwise(numbers), key=lambda pair: self._rank.get(pair, len(self)))
            if first not in self._rank:
                break
            numbers = _merged(numbers, first, 256 + self._rank[first])
        return numbers

    def _take(self, merges: list[tuple[int, int]]) -> None:
        self.merges = merges
        self._rank = {pair: i for i, pair in enumerate(merges)}
        self._bytes = [bytes([i]) for i in range(256)]
        for a, b in merges:
            self._bytes.append(self._bytes[a] + self._bytes[b])

    def state(self) -> State:
        """The merges (M, 2)."""
        return State(kind_of(self), {"merges": np.array(self.merges, np.int64).reshape(-1, 2)})

    def restore(self, state: State, *, strict: bool = True) -> list[str]:
        """Take the merges of another tokeniser, all or nothing.

        Raises:
            ValueError: the state is another class's, or not different pairs of earlier numbers.
        """
        check_kind(self, state)
        merges = np.asarray(state.arrays.get("merges"))
        fits = merges.dtype.kind in "iu" and merges.ndim == 2 and merges.shape[1] == 2
        if not fits or ((merges < 0) | (merges >= 256 + np.arange(len(merges))[:, None])).any():
            raise StateMismatch("BytePairTokenizer", ["needed 'merges' (M, 2), pairs of earlier numbers"])
        pairs = [(int(a), int(b)) for a, b in merges]
        if len(set(pairs)) < len(pairs):
            raise StateMismatch("BytePairTokenizer", ["needed 'merges' that are different"])
        lengths = [1] * 256
        for a, b in pairs:
            lengths.append(lengths[a] + lengths[b])
            if lengths[-1] > _LONGEST:
                raise StateMismatch("BytePairTokenizer", [f"needed 'merges' of at most {_LONGEST} bytes, as words are"])
        self._take(pairs)
        return []

    def __repr__(self) -> str:
        return f"BytePairTokenizer({len(self.merges)} merges)"


def pad_sequences(
    sequences: Iterable[Any], *, length: int | None = None, value: float = 0, side: str = "right"
) -> tuple[Any, np.ndarray]:
    """Sequences of unequal length as one batch, and a mask that tells them from the padding.

    Args:
        sequences: B arrays or Tensors (T_i, ...), equal but for their lengths T_i.
        length: T of the batch; None: that of the longest.
        value: what the padding is made of.
        side: "right" for padding at the end, "left" for padding at the beginning.

    Returns:
        The batch (B, T, ...), a Tensor if all sequences are, and the mask (B, T): True where it has come from a
        sequence. Attention takes `mask[:, None, :]` as its mask or `~mask` as its key_padding_mask, a recurrent layer
        `mask.sum(axis=1)` as its lengths, for padding at the right.

    Raises:
        ValueError: a sequence is longer than `length`, or their shapes differ otherwise; `side` is another word, or
            there is padding and `value` does not fit into the sequences' dtype.

    >>> batch, mask = pad_sequences([[3, 1], [2], [5, 6, 7]])
    >>> batch
    array([[3, 1, 0],
           [2, 0, 0],
           [5, 6, 7]])
    >>> mask.sum(axis=1)
    array([2, 1, 3])
    """
    if side not in ("left", "right"):
        raise ValueError(f"pad_sequences: side must be 'left' or 'right', given {side!r}")
    given = list(sequences)
    arrays = [array_of(sequence) for sequence in given]
    filled = [a for a in arrays if a.shape != (0,)] or arrays  # an empty list has no dtype or shape of its own
    if any(a.ndim == 0 for a in arrays) or len({a.shape[1:] for a in filled}) > 1:
        raise ValueError(
            f"pad_sequences: given shapes {sorted({a.shape for a in arrays})}, needed (T, ...), equal but for T"
        )
    lengths = np.array([len(a) for a in arrays], np.intp)
    longest = int(lengths.max(initial=0))
    T = longest if length is None else whole("pad_sequences: length", length, 0)
    if longest > T:
        raise ValueError(f"pad_sequences: given a sequence of length {longest}, needed at most {T}; cut it first")
    mask = np.arange(T) < lengths[:, None]
    mask = mask if side == "right" else mask[:, ::-1]
    joined = np.concatenate(filled) if filled else np.zeros(0)
    batch = np.empty((*mask.shape, *joined.shape[1:]), joined.dtype)
    if not mask.all():
        batch[...] = filling("pad_sequences", value, batch.dtype)
    batch[mask] = joined
    return (Tensor(batch) if given and all(isinstance(s, Tensor) for s in given) else batch), np.ascontiguousarray(mask)


# Words with the space before them, runs of other signs, runs of white space; none longer than 64, so that the time to
# encode a text is proportional to its length.
_WORD = re.compile(r" ?\w{1,64}| ?[^\w\s]{1,64}|\s{1,64}")
_LONGEST = 1 + 64 * 4  # bytes of a word


def _words(text: str) -> list[str]:
    return _WORD.findall(text)


def _merged(numbers: list[int], pair: tuple[int, int], new: int) -> list[int]:
    """`new` for every occurrence of the pair, from the left."""
    merged: list[int] = []
    i = 0
    while i < len(numbers):
        if numbers[i] == pair[0] and i + 1 < len(numbers) and numbers[i + 1] == pair[1]:
            merged.append(new)
            i += 2
        else:
            merged.append(numbers[i])
            i += 1
    return merged


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _code_points(text: str) -> np.ndarray:
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.dtype("<u4")).astype(np.uint32)


def _texts(where: str, texts: str | Iterable[str]) -> Sequence[str]:
    if not isinstance(texts, Iterable) or isinstance(texts, bytes | bytearray):
        raise TypeError(f"{where}: needed a text or several, given {texts!r:.100}")
    return [texts] if isinstance(texts, str) else [_text(where, text) for text in texts]


def _text(where: str, text: str) -> str:
    if not isinstance(text, str):
        raise TypeError(f"{where}: needed text, given {text!r:.100}")
    return text


def _numbers(where: str, numbers: Any, count: int) -> np.ndarray:
    array = array_of(numbers)
    if array.ndim != 1 or (array.size and array.dtype.kind not in "iu"):
        raise ValueError(f"{where}: given numbers of shape {array.shape} and {array.dtype}, needed integers (T,)")
    if array.size and (array.min() < 0 or array.max() >= count):
        raise ValueError(f"{where}: given numbers from {array.min()} to {array.max()}, needed 0 ... {count - 1}")
    return array.astype(np.intp)
