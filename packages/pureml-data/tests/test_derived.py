"""Datasets made of others: every kind of index selects what it selects in an array of the samples."""

import copy

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pureml_core import Tensor
from pureml_data import (
    BatchDataset,
    ConcatDataset,
    DataLoader,
    LazyDataset,
    MappedDataset,
    Subset,
    TensorDataset,
    combine_samples,
)

N = 7
X, Y = np.arange(2.0 * N, dtype=np.float32).reshape(N, 2), np.arange(N)


class OneByOne:
    """A dataset that takes ints and nothing else."""

    def __len__(self):
        return N

    def __getitem__(self, i):
        assert type(i) is int
        if not 0 <= i < N:
            raise IndexError(i)
        return Tensor(X[i]), Tensor(Y[i])


class Ahead(TensorDataset):
    """A dataset that reads as far ahead as it may."""

    def read_in_order(self, indices):
        return iter([self[i] for i in list(indices)])


def double(sample):
    return Tensor(sample[0].data * 2), sample[1]


BASES = {"batches": lambda: TensorDataset(X, Y), "one by one": OneByOne, "ahead": lambda: Ahead(X, Y)}
PICKED = np.array([5, 0, 0, 3])
DERIVED = {  # name: (dataset of a base, what its fields are)
    "mapped": (lambda d: MappedDataset(d, double), (X * 2, Y)),
    "mapped in batches": (lambda d: MappedDataset(d, double, batched=True), (X * 2, Y)),
    "mapped field": (lambda d: MappedDataset(d, lambda y: Tensor(y.data + 1), field=1), (X, Y + 1)),
    "subset": (lambda d: Subset(d, PICKED), (X[PICKED], Y[PICKED])),
    "subset by a mask": (lambda d: Subset(d, Y % 2 == 0), (X[::2], Y[::2])),
    "subset from the end": (lambda d: Subset(d, [-1, 2]), (X[[-1, 2]], Y[[-1, 2]])),
    "subset of a subset": (lambda d: Subset(Subset(d, PICKED), [3, 0]), (X[[3, 5]], Y[[3, 5]])),
    "concatenated": (lambda d: ConcatDataset([d, Subset(d, []), d]), (np.tile(X, (2, 1)), np.tile(Y, 2))),
    "lazy": (lambda d: LazyDataset(lambda i: d[i], N - 1), (X[:-1], Y[:-1])),
    "lazy, kept": (lambda d: LazyDataset(lambda i: d[i], N, cache=True), (X, Y)),
    "all": (
        lambda d: Subset(MappedDataset(ConcatDataset([d, d]), double, batched=True), [9, 1]),
        (X[[2, 1]] * 2, Y[[2, 1]]),
    ),
}  # fmt: skip
every = pytest.mark.parametrize(("base", "name"), [(b, n) for b in BASES for n in DERIVED])


def same(got, fields, index):
    assert type(got) is tuple and len(got) == len(fields)
    for t, a in zip(got, fields, strict=True):
        assert type(t) is Tensor and t.dtype == a.dtype
        np.testing.assert_array_equal(t.data, a[index])


@every
def test_an_index_selects_what_it_selects_in_arrays(base, name):
    make, fields = DERIVED[name]
    dataset, n = make(BASES[base]()), len(fields[0])
    assert len(dataset) == n and isinstance(dataset, BatchDataset)
    for index in [0, n - 1, -1, -n, np.int64(1), slice(1, 4), slice(None, None, -2), [1, 0, 1], np.array([-1, 0]),
                  np.array([n - 1], np.uint8), np.arange(n) > 0]:  # fmt: skip
        same(dataset[index], fields, index)
    asked = [np.array([1, 0]), 1, np.array([0]), 0, np.array([1, 1, 0])]
    for got, index in zip(dataset.read_in_order(iter(asked)), asked, strict=True):
        same(got, fields, index)
    assert [int(y) for _, y in dataset] == fields[1].tolist()
    for wrong in [n, -n - 1, [0, n], [-n - 1]]:
        with pytest.raises(IndexError, match="out of bounds"):
            dataset[wrong]
    with pytest.raises(TypeError, match="an int, a slice or an index array"):
        dataset["0"]


@every
@pytest.mark.parametrize("combine", [None, combine_samples])
def test_a_loader_reads_them(base, name, combine):
    make, fields = DERIVED[name]
    loader = DataLoader(make(BASES[base]()), 2, combine_samples_fn=combine)
    got = [sample for x, y in loader for sample in zip(x, y, strict=True)]
    same(combine_samples(got), fields, slice(None))


@given(
    lengths=st.lists(st.integers(0, 5), min_size=1, max_size=5),
    picks=st.lists(st.floats(0, 1, exclude_max=True), max_size=12),
)
def test_concatenated_parts_of_any_length(lengths, picks):
    whole = np.arange(sum(lengths))
    parts = np.split(whole, np.cumsum(lengths)[:-1])
    dataset = ConcatDataset([TensorDataset(part, part[:, None]) for part in parts])
    index = np.array([int(p * len(whole)) for p in picks if len(whole)], np.intp)
    same(dataset[index], (whole, whole[:, None]), index)
    assert [int(dataset[i][0]) for i in range(len(whole))] == whole.tolist()


def test_concatenated_parts_are_read_once_and_may_look_ahead():
    calls = []

    class Part(TensorDataset):
        def read_in_order(self, indices):
            indices = iter(indices)
            looked = [next(indices), next(indices)]  # two of its own, wherever they stand in the order
            calls.append([np.asarray(i).tolist() for i in looked])
            yield from super().read_in_order([*looked, *indices])

    dataset = ConcatDataset([Part(np.arange(6)), Part(np.arange(6, 12))])
    asked = [np.array([0, 1]), np.array([7, 2]), np.array([3]), 8, np.array([9, 4, 10])]
    got = [x.data.tolist() for (x,) in dataset.read_in_order(asked)]
    assert got == [np.asarray(i).tolist() for i in asked]
    assert calls == [[[0, 1], [2]], [[1], 2]]


def test_batches_of_any_structure_are_joined():
    class Mixed(BatchDataset):
        def __init__(self, start):
            self.rows = [{"x": np.full(2, i), "name": [str(i)]} for i in range(start, start + 3)]

        def __len__(self):
            return 3

        def __getitem__(self, index):
            rows = [self.rows[i] for i in np.atleast_1d(index)]
            return {"x": np.stack([r["x"] for r in rows]), "name": [r["name"][0] for r in rows]}

    got = ConcatDataset([Mixed(0), Mixed(10)])[[4, 0, 5]]
    assert got["x"].tolist() == [[11, 11], [0, 0], [12, 12]] and got["name"] == ["11", "0", "12"]
    assert MappedDataset(Mixed(0), lambda batch: batch, batched=True)[1]["name"] == "1"
    with pytest.raises(TypeError, match="join batches of Tensor, ndarray"):
        ConcatDataset([TensorDataset(Y), LazyDataset(lambda i: (i,), 3)])[[0, N]]
    with pytest.raises(ValueError, match="join batches of 1, 2 fields"):
        ConcatDataset([TensorDataset(Y), TensorDataset(Y, Y)])[[0, N]]
    keyed = MappedDataset(TensorDataset(Y), lambda batch: {"y": batch[0], "z": batch[0]}, batched=True)
    lacking = MappedDataset(TensorDataset(Y), lambda batch: {"y": batch[0]}, batched=True)
    for parts in ([keyed, lacking], [lacking, keyed]):
        with pytest.raises(ValueError, match=r"batches of the keys \['y'.*\], \['y'"):
            ConcatDataset(parts)[[0, N]]
    with pytest.raises(TypeError, match="tell the samples of a batch apart: given a str"):
        MappedDataset(TensorDataset(Y), str, batched=True)[0]


def test_samples_of_unequal_shapes_may_become_equal():
    ragged = LazyDataset(lambda i: np.arange(i + 3), 4)
    assert MappedDataset(ragged, lambda x: x[:2])[[3, 0]].tolist() == [[0, 1], [0, 1]]
    assert [len(b) for b in DataLoader(Subset(ragged, [0, 1, 3]), 2, combine_samples_fn=list)] == [2, 1]
    with pytest.raises(ValueError, match="only equal shapes can be stacked"):
        ragged[:2]


def test_no_samples_in_the_middle_of_an_epoch():
    mapped = MappedDataset(TensorDataset(Y), lambda s: s)
    none = np.array([], int)
    got = list(mapped.read_in_order([none, np.array([1]), none, none, 2, none]))
    assert got[0] == got[2] == got[3] == got[5] == [] and got[1][0].tolist() == [1] and int(got[4][0]) == 2


@pytest.mark.parametrize("size", [1, 3])
def test_a_sample_that_stops_is_not_left_out_in_silence(size):
    def f(sample):
        return next(iter([])) if sample == 4 else sample

    class Ending(TensorDataset):
        def read_in_order(self, indices):
            for index, _ in zip(indices, range(4), strict=False):
                yield self[index]

    for mapped, says in [
        (MappedDataset(range(N), f), "StopIteration"),
        (MappedDataset(Ending(Y), lambda sample: sample), "ended before batch"),
    ]:
        got = []
        with pytest.raises(RuntimeError, match=says):
            got.extend(DataLoader(mapped, size))
        assert len(got) == 4 // size  # whole batches, and no others
    with pytest.raises(RuntimeError, match="StopIteration"):
        MappedDataset(range(N), f)[4]


def test_parts_that_change_afterwards():
    grown, picked = [1, 2, 3], np.array([2, 0])
    both, part = ConcatDataset([grown, [10, 11]]), Subset(TensorDataset(Y), picked)
    grown.append(4)
    picked[:] = 6
    assert [both[i] for i in range(5)] == both[:].tolist() == [1, 2, 3, 10, 11]
    assert part[:][0].tolist() == [2, 0]


def test_whole_batches_are_read_as_such_and_mapped_once():
    asked, mapped = [], []

    class Counting(TensorDataset):
        def __getitem__(self, index):
            asked.append(index)
            return super().__getitem__(index)

    data = Subset(MappedDataset(Counting(X), lambda b: mapped.append(len(b[0])) or b, batched=True), [4, 3, 2, 1])
    assert [len(x) for (x,) in DataLoader(data, 3)] == [3, 1]
    assert [a.tolist() for a in asked] == [[4, 3, 2], [1]] and mapped == [3, 1]


def test_lazy_samples_are_made_once_when_kept():
    made = []
    for cache, expected in [(True, [1]), (False, [1, 1])]:
        made.clear()
        lazy = LazyDataset(lambda i: made.append(i) or i, 3, cache=cache)
        assert lazy[1] == lazy[1] == 1 and made == expected
        assert copy.copy(lazy)[1] == 1 and made == [*expected, 1]  # as a worker process copies it


@pytest.mark.parametrize(
    ("make", "error", "says"),
    [
        (lambda: MappedDataset(3, abs), TypeError, "__len__ and __getitem__, given int"),
        (lambda: MappedDataset([1], 3), TypeError, "f must be callable"),
        (lambda: MappedDataset([1], abs, batched=1), TypeError, "batched must be True or False"),
        (lambda: MappedDataset([1], abs, field="x"), TypeError, "field must be an integer"),
        (lambda: MappedDataset([1], abs, field=0)[0], TypeError, "samples that are tuples, given 1"),
        (lambda: MappedDataset([(1,)], abs, field=1)[0], IndexError, "field=1 of samples with 1 fields"),
        (lambda: Subset([1], [1]), IndexError, "index 1 is out of bounds for 1 samples"),
        (lambda: Subset([1], [0.5]), TypeError, "float64"),
        (lambda: Subset([1], 0), TypeError, r"needs indices \(n,\), given 0"),
        (lambda: Subset([1], slice(3.0)), TypeError, "slice"),
        (lambda: ConcatDataset([]), ValueError, "at least one"),
        (lambda: Subset(TensorDataset, [0]), TypeError, "the class TensorDataset, needed a dataset made of it"),
        (lambda: ConcatDataset([[1], iter([1])]), TypeError, "given list_iterator"),
        (lambda: LazyDataset(3, 3), TypeError, "f must be callable"),
        (lambda: LazyDataset(abs, -1), ValueError, "length must be at least 0"),
        (lambda: LazyDataset(abs, 2.0), TypeError, "length must be an integer"),
    ],
)
def test_what_is_refused(make, error, says):
    with pytest.raises(error, match=says):
        make()
