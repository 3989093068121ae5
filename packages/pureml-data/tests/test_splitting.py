"""Splits: every sample in exactly one part, sizes as asked for, classes in their proportions."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pureml_core import Tensor, set_seed
from pureml_data import (
    ConcatDataset,
    Subset,
    TensorDataset,
    k_folds,
    one_hot,
    random_split,
    stratified_k_folds,
    stratified_split,
)

LABELS = st.lists(st.integers(0, 4), max_size=60).map(lambda x: np.array(x, np.int64))


def once(parts, n):
    indices = np.concatenate([part.indices for part in parts])
    assert sorted(indices.tolist()) == list(range(n))
    assert all((np.diff(part.indices) > 0).all() for part in parts)


@given(n=st.integers(0, 50), weights=st.lists(st.integers(0, 20), min_size=1, max_size=6), seed=st.integers(0, 2**70))
def test_fractions(n, weights, seed):
    total = sum(weights) or 1
    fractions = [w / total for w in weights] if sum(weights) else [1.0]
    parts = random_split(range(n), fractions, seed=seed)
    once(parts, n)
    for part, fraction in zip(parts, fractions, strict=True):
        assert abs(len(part) - n * fraction) < 1 + 1e-5
    again = random_split(range(n), fractions, seed=seed)
    assert [p.indices.tolist() for p in again] == [p.indices.tolist() for p in parts]


@given(labels=LABELS, cuts=st.lists(st.floats(0, 1), max_size=3), seed=st.integers(0, 2**32))
def test_stratified_parts(labels, cuts, seed):
    n = len(labels)
    edges = [0, *sorted(int(c * n) for c in cuts), n]
    sizes = np.diff(edges).tolist()
    parts = stratified_split(TensorDataset(labels), sizes, seed=seed)
    once(parts, n)
    assert [len(part) for part in parts] == sizes
    within = 1 if len(sizes) == 2 else max(len(sizes) / 2, 1)
    for c in np.unique(labels):
        for part, size in zip(parts, sizes, strict=True):
            got, due = np.sum(labels[part.indices] == c), np.sum(labels == c) * size / n
            assert abs(got - due) < within + 1e-9 if len(sizes) > 1 else got == due


@given(labels=LABELS.filter(lambda x: len(x) > 1), k=st.integers(2, 7), seed=st.integers(0, 2**32))
def test_folds(labels, k, seed):
    n, k = len(labels), min(k, len(labels))
    for stratified, folds in [
        (False, k_folds(range(n), k, seed=seed)),
        (True, stratified_k_folds(range(n), k, labels, seed=seed)),
    ]:
        assert len(folds) == k
        once([validation for _, validation in folds], n)
        for train, validation in folds:
            once([train, validation], n)
            assert len(validation) in (n // k, -(-n // k))
            for c in np.unique(labels) if stratified else []:
                due = np.sum(labels == c) / k
                assert np.sum(labels[validation.indices] == c) in (np.floor(due), np.ceil(due))


def test_a_split_is_random_and_its_seed_the_global_one_unless_given():
    set_seed(1)
    a, b = (random_split(range(40), [20, 20])[0].indices.tolist() for _ in range(2))
    set_seed(1)
    assert random_split(range(40), [20, 20])[0].indices.tolist() == a != b
    counts = np.zeros(6)
    for seed in range(300):
        counts[stratified_split(range(6), [2, 4], [0, 0, 0, 1, 1, 1], seed=seed)[0].indices] += 1
    assert (abs(counts - 100) < 30).all()  # each sample in the first part with probability 1/3: σ = 8


def test_where_labels_come_from():
    y = np.array([0, 1] * 6)
    data = TensorDataset(np.arange(12), y)
    rows = TensorDataset(np.arange(12), one_hot(2, y))
    for dataset, labels in [
        (data, None),
        (rows, None),
        (data, Tensor(y)),
        (data, np.array(["cat", "dog"])[y]),
        (list(range(12)), y.tolist()),
        (ConcatDataset([Subset(data, np.arange(6)), Subset(data, np.arange(6, 12))]), None),
    ]:
        a, b = stratified_split(dataset, [0.5, 0.5], labels, seed=3)
        assert np.sum(y[a.indices]) == np.sum(y[b.indices]) == 3
    with pytest.raises(TypeError, match=r"labels of a range are not known.*labels="):
        stratified_split(range(3), [1.0])


@pytest.mark.parametrize(
    ("sizes", "error", "says"),
    [
        ([], TypeError, "at least one"),
        (5, TypeError, "a sequence, one for each part; given 5"),
        ([5, 0.5], TypeError, "integers, or else floats"),
        (["a"], TypeError, "integers, or else floats"),
        ([True, False], TypeError, "integers, or else"),
        ([-1, 11], ValueError, "negative"),
        ([-0.5, 1.5], ValueError, "negative"),
        ([float("nan")], ValueError, "negative"),
        ([5, 6], ValueError, "add up to 11, for 10 samples"),
        ([0.5, 0.4], ValueError, "add up to 0.9, needed 1"),
    ],
)
def test_sizes_that_are_refused(sizes, error, says):
    for split in (random_split, lambda d, s: stratified_split(d, s, np.zeros(10))):
        with pytest.raises(error, match=says):
            split(range(10), sizes)


def test_other_mistakes():
    with pytest.raises(ValueError, match="k must be at least 2"):
        k_folds(range(3), 1)
    with pytest.raises(ValueError, match="k=4 for 3 samples"):
        stratified_k_folds(range(3), 4, [0, 1, 2])
    with pytest.raises(ValueError, match=r"labels of shape \(2,\) for 3 samples"):
        stratified_split(range(3), [3], [0, 1])
