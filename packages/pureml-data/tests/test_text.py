"""Tokenisers: every text comes back, merges are those of the algorithm; padding: a mask finds every sequence again."""

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pureml_core import State, Tensor
from pureml_data import BytePairTokenizer, CharTokenizer, pad_sequences
from pureml_data.text import _words

ANY = st.text(st.characters(codec=None, exclude_categories=()), max_size=40)  # lone surrogates too
ENGLISH = "the cat sat on the mat; the cat ate the rat. " * 3
KEPT = BytePairTokenizer().fit(ENGLISH + "größer größte 水水水", vocabulary=300)


@given(text=ANY, others=st.lists(ANY, max_size=3))
def test_any_text_comes_back(text, others):
    characters = CharTokenizer().fit([text, *others])
    assert characters.characters == "".join(sorted(set("".join([text, *others]))))
    learned = BytePairTokenizer().fit([text * 2, *others], vocabulary=270)
    for tokenizer in (characters, KEPT, learned):
        numbers = tokenizer.encode(text)
        assert numbers.dtype == np.int64 and numbers.ndim == 1
        assert not len(numbers) or 0 <= numbers.min() <= numbers.max() < len(tokenizer)
        assert tokenizer.decode(numbers) == tokenizer.inverse(tokenizer(text)) == text
        assert tokenizer.decode(Tensor(numbers)) == tokenizer.decode(numbers.tolist()) == text
    assert len(characters.encode(text)) == len(text)
    assert "".join(_words(text)) == text


def plainly(text, rounds):
    """The algorithm as it is written: count all pairs anew in every round."""
    words = [list(word.encode("utf-8", "surrogatepass")) for word in _words(text)]
    merges = []
    for i in range(rounds):
        pairs = Counter(pair for word in words for pair in pairwise(word))
        if not pairs or max(pairs.values()) < 2:
            break
        best = min(pairs, key=lambda pair: (-pairs[pair], pair))
        merges.append(best)
        for k, word in enumerate(words):
            new = []
            while word:
                if tuple(word[:2]) == best:
                    new.append(256 + i)
                    word = word[2:]
                else:
                    new.append(word[0])
                    word = word[1:]
            words[k] = new
    return merges, [number for word in words for number in word]


@given(text=st.text("aaabc ", max_size=200), rounds=st.integers(0, 12))
def test_merges_are_those_of_the_algorithm(text, rounds):
    tokenizer = BytePairTokenizer().fit(text, vocabulary=256 + rounds)
    merges, numbers = plainly(text, rounds)
    assert tokenizer.merges == merges and len(tokenizer) == 256 + len(merges)
    assert tokenizer.encode(text).tolist() == numbers


def test_what_is_frequent_becomes_short():
    assert KEPT.encode("the the cat").size == 3
    assert KEPT.encode(ENGLISH).size < len(ENGLISH) / 3
    a_long_word = "ab" * 5000
    assert KEPT.decode(KEPT.encode(a_long_word)) == a_long_word


@pytest.mark.parametrize(
    ("used", "make"), [(CharTokenizer().fit("añ水\ud800"), CharTokenizer), (KEPT, BytePairTokenizer)]
)
def test_state(used, make):
    fresh = make()
    assert fresh.restore(used.state()) == []
    text = "aña" if make is CharTokenizer else ENGLISH
    np.testing.assert_array_equal(fresh.encode(text), used.encode(text))
    assert len(fresh) == len(used)
    kind, (name,) = used.state().kind, used.state().arrays
    good = used.state().arrays[name]
    for wrong in [
        State("pureml_data.Other/1", {name: good}),
        State(kind),
        State(kind, {name: good[::-1]}),
        State(kind, {name: np.concatenate([good, good])}),
        State(kind, {name: good.astype(float)}),
        State(kind, {name: good.astype(np.int64) - 10**7}),
        State(kind, {name: good.astype(np.int64) + 10**7}),
    ]:
        with pytest.raises(ValueError, match="nothing was changed"):
            fresh.restore(wrong)
    if make is BytePairTokenizer:  # each merge doubles the last one: 2^40 bytes
        doubled = np.array([(97, 97), *[(256 + i, 256 + i) for i in range(39)]])
        with pytest.raises(ValueError, match="at most 257 bytes"):
            fresh.restore(State(kind, {name: doubled}))
        longest = make().fit(("\U00020000" * 64 + "; ") * 3 + ("\ud800" * 64 + " ") * 3, 900)
        make().restore(longest.state())
    np.testing.assert_array_equal(fresh.encode(text), used.encode(text))
    fresh.restore(make().state())
    assert len(fresh) == (0 if make is CharTokenizer else 256)


def test_what_is_not_text_or_not_a_token():
    tokenizer = CharTokenizer().fit(["ab", "cd"])
    with pytest.raises(ValueError, match="unknown characters 'xyz'"):
        tokenizer.encode("axzy")
    for each in (tokenizer, KEPT):
        for numbers, says in [
            ([0, 10**6], "from 0 to 1000000"),
            ([-1], "from -1"),
            ([[0]], r"shape \(1, 1\)"),
            ([0.5], "float64"),
        ]:
            with pytest.raises(ValueError, match=says):
                each.decode(numbers)
        for text in (3, b"ab", [b"ab"], None):
            for call, settings in ((each.fit, [300] if each is KEPT else []), (each.encode, [])):
                with pytest.raises(TypeError, match=f"{type(each).__name__}: needed (text, given|a text or several)"):
                    call(text, *settings)
        with pytest.raises(TypeError, match="given b'ab'"):  # not the number 97, which nobody gave
            each.fit(b"ab", *([300] if each is KEPT else []))
    assert CharTokenizer().encode("").size == 0 and CharTokenizer().decode([]) == ""
    with pytest.raises(ValueError, match="vocabulary must be at least 256"):
        BytePairTokenizer().fit("a", vocabulary=255)
    with pytest.raises(UnicodeDecodeError):
        KEPT.decode([0xC3])
    assert KEPT.decode([0xC3, 65], errors="replace") == "\ufffdA"


@given(
    lengths=st.lists(st.integers(0, 5), max_size=6), inside=st.sampled_from([(), (2,), (0,)]), extra=st.integers(0, 3),
    side=st.sampled_from(["left", "right"]), dtype=st.sampled_from([np.float32, np.int64, np.uint8]),
)  # fmt: skip
def test_padding(lengths, inside, extra, side, dtype):
    sequences = [(np.random.default_rng(i).random((n, *inside)) * 9).astype(dtype) for i, n in enumerate(lengths)]
    T = max(lengths, default=0) + extra
    batch, mask = pad_sequences(sequences, length=T if extra else None, value=7, side=side)
    assert mask.shape == (len(lengths), T) and mask.dtype == bool
    if lengths:
        assert batch.dtype == dtype and batch.shape == (len(lengths), T, *inside)
    for sequence, row, m in zip(sequences, batch, mask, strict=True):
        np.testing.assert_array_equal(row[m], sequence)
        assert (row[~m] == 7).all()
        assert (np.diff(m.astype(int)) * (1 if side == "left" else -1) >= 0).all()


def test_padding_of_lists_and_tensors():
    batch, mask = pad_sequences([[1, 2], [], (3,)])
    assert batch.tolist() == [[1, 2], [0, 0], [3, 0]] and batch.dtype == np.int64
    assert mask.tolist() == [[True, True], [False, False], [True, False]]
    batch, _ = pad_sequences([Tensor(np.ones(2, np.float32)), Tensor(np.ones(1, np.float32))])
    assert type(batch) is Tensor and batch.dtype == np.float32
    for sequences, settings, says in [
        ([[1, 2, 3]], {"length": 2}, "length 3, needed at most 2"),
        ([np.ones((1, 2)), np.ones((1, 3))], {}, r"\[\(1, 2\), \(1, 3\)\], needed \(T, \.\.\.\)"),
        ([1, 2], {}, "needed"),
        ([[1]], {"side": "middle"}, "'middle'"),
        ([np.ones((2, 2)), np.ones((0, 3))], {}, r"\[\(0, 3\), \(2, 2\)\], needed"),
        ([[1, 2], [1]], {"value": 0.5}, "value 0.5 for int64"),
        ([[1, 2], [1]], {"value": np.nan}, "value nan for int64"),
        ([[1.5, 2], [1]], {"value": None}, "value None for float64"),
        ([[1, 2], [1]], {"value": "x"}, "value 'x' for int64"),
        ([np.ones(2, np.uint8), np.ones(1, np.uint8)], {"value": 256}, "value 256 for uint8"),
        ([np.ones(2, np.uint8), np.ones(1, np.uint8)], {"value": np.int64(-1)}, "value -1 for uint8"),
        ([np.ones(2, np.int32), np.ones(1, np.int32)], {"value": 1e30}, r"value 1e\+30 for int32"),
        ([np.ones(2, np.float16), np.ones(1, np.float16)], {"value": 1e6}, "value 1000000.0 for float16"),
    ]:
        with pytest.raises(ValueError, match=says):
            pad_sequences(sequences, **settings)
