"""DataLoader: every sample once, in batches of its own memory, reproducibly."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pureml_core import Tensor, set_seed
from pureml_data import BatchDataset, DataLoader, Dataset, TensorDataset, combine_samples


class OneByOne:
    """A dataset that takes ints and nothing else."""

    def __init__(self, n):
        self.n = n

    def __len__(self):
        return self.n

    def __getitem__(self, i):
        assert type(i) is int
        return np.full(2, i), i


def two_fields(n):
    return TensorDataset(np.repeat(np.arange(n)[:, None], 2, axis=1), np.arange(n))


KINDS = {"whole batches": two_fields, "one by one": OneByOne}
kinds = pytest.mark.parametrize("kind", KINDS)


def epoch(loader):
    return [y.tolist() for _, y in loader]


@settings(deadline=None)
@given(
    kind=st.sampled_from(sorted(KINDS)),
    n=st.integers(0, 40),
    size=st.integers(1, 45),
    shuffle=st.booleans(),
    drop_last=st.booleans(),
    collect=st.booleans(),
    seed=st.integers(0, 2**64),
)
def test_an_epoch_is_every_sample_once(kind, n, size, shuffle, drop_last, collect, seed):
    combine = combine_samples if collect else None
    chosen = dict(shuffle=shuffle, drop_last=drop_last, combine_samples_fn=combine, seed=seed)
    loader = DataLoader(KINDS[kind](n), size, **chosen)
    batches = list(loader)
    assert len(batches) == len(loader)
    for x, y in batches:
        np.testing.assert_array_equal(np.asarray(x), np.asarray(y)[:, None].repeat(2, axis=1))
    seen = [i for _, y in batches for i in y.tolist()]
    assert len(set(seen)) == len(seen) == (n - n % size if drop_last else n)
    assert set(seen) <= set(range(n))
    assert shuffle or seen == sorted(seen)
    assert all(len(y) == size for _, y in batches[:-1])
    # the same settings, the same batches; and the other kind of dataset, the same too
    for other in KINDS.values():
        assert epoch(DataLoader(other(n), size, **chosen)) == [y.tolist() for _, y in batches]


@kinds
def test_epochs_differ_and_loaders_of_one_seed_agree_on_all_of_them(kind):
    a, b = (DataLoader(KINDS[kind](50), 8, shuffle=True, seed=7) for _ in range(2))
    epochs = [epoch(a) for _ in range(3)]
    assert epochs == [epoch(b) for _ in range(3)]
    assert epochs[0] != epochs[1] != epochs[2] != epochs[0]
    assert epoch(DataLoader(KINDS[kind](50), 8, shuffle=True, seed=8)) != epochs[0]


def test_a_seed_that_nobody_gave_comes_from_the_one_for_everything_and_can_be_read():
    set_seed(3)
    a, b = (DataLoader(two_fields(50), shuffle=True) for _ in range(2))
    set_seed(3)
    assert DataLoader(two_fields(50), shuffle=True).seed == a.seed != b.seed
    assert epoch(DataLoader(two_fields(50), shuffle=True, seed=a.seed)) == epoch(a) != epoch(b)
    assert DataLoader(two_fields(5), seed=11).seed == 11


def test_two_loops_over_one_loader_do_not_disturb_each_other():
    loader = DataLoader(two_fields(30), 4, shuffle=True)
    pairs = list(zip(loader, loader, strict=True))
    for side in zip(*pairs, strict=True):
        assert sorted(i for _, y in side for i in y.tolist()) == list(range(30))


@kinds
@pytest.mark.parametrize("shuffle", [False, True])
def test_combine_samples_fn_makes_every_batch(kind, shuffle):
    loader = DataLoader(KINDS[kind](10), 4, shuffle=shuffle, combine_samples_fn=lambda samples: ("mine", samples))
    batches = list(loader)
    assert [(name, len(samples)) for name, samples in batches] == [("mine", 4), ("mine", 4), ("mine", 2)]
    assert sorted(int(y) for _, samples in batches for _, y in samples) == list(range(10))


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("whole", [False, True])
def test_a_batch_owns_its_memory(shuffle, whole):
    x = np.zeros((10, 3))
    dataset = TensorDataset(x)
    if not whole:
        dataset = [dataset[i] for i in range(10)]
    for (batch,) in DataLoader(dataset, 4, shuffle=shuffle):
        assert batch.data.flags.writeable and not np.shares_memory(batch.data, x)
        batch.data[...] = 1
    assert not x.any()


def test_a_dataset_that_declares_index_arrays_is_asked_for_whole_batches():
    asked = []

    class Squares(BatchDataset):
        def __len__(self):
            return 5

        def __getitem__(self, index):
            asked.append(index)
            return Tensor(np.square(index))

    assert [x.tolist() for x in DataLoader(Squares(), 2)] == [[0, 1], [4, 9], [16]]
    assert [i.tolist() for i in asked] == [[0, 1], [2, 3], [4]]


def test_an_error_in_a_dataset_is_not_swallowed():
    class Broken(Dataset):
        def __len__(self):
            return 3

        def __getitem__(self, index):
            raise IndexError("broken file")

    with pytest.raises(IndexError, match="broken file"):
        list(DataLoader(Broken()))


@pytest.mark.parametrize(
    ("given", "error", "says"),
    [
        ({"dataset": iter([1])}, TypeError, "__len__ and __getitem__, given list_iterator"),
        ({"batch_size": 0}, ValueError, "at least 1, given 0"),
        ({"batch_size": -3}, ValueError, "given -3"),
        ({"batch_size": 2.0}, TypeError, "an integer, given 2.0"),
        ({"batch_size": True}, TypeError, "an integer, given True"),
        ({"batch_size": None}, TypeError, "an integer, given None"),
        ({"shuffle": "no"}, TypeError, "shuffle must be True or False, given 'no'"),
        ({"drop_last": 3}, TypeError, "drop_last"),
        ({"combine_samples_fn": 3}, TypeError, "callable"),
        ({"seed": 1.5}, TypeError, "1.5"),
        ({"seed": -1}, ValueError, "-1"),
    ],
)
def test_bad_settings_are_refused(given, error, says):
    with pytest.raises(error, match=says):
        DataLoader(**{"dataset": [1, 2], **given})


def test_numpy_numbers_will_do():
    loader = DataLoader(range(5), np.int64(2), shuffle=np.False_, drop_last=np.True_)
    assert [x.tolist() for x in loader] == [[0, 1], [2, 3]]


def test_combine_samples():
    t, label, name, nested = combine_samples(
        [(Tensor([1.0, 2.0], requires_grad=True), 0, "a", (1, 2.5)), (Tensor([3.0, 4.0]), 1, "b", (3, 4.5))]
    )
    assert type(t) is Tensor and not t.requires_grad and t.tolist() == [[1, 2], [3, 4]]
    assert type(label) is np.ndarray and label.dtype.kind == "i" and label.tolist() == [0, 1]
    assert name == ["a", "b"]
    assert nested[0].tolist() == [1, 3] and nested[1].tolist() == [2.5, 4.5]
    assert combine_samples([]) == []
    assert combine_samples([{"a": 1}, {"a": 2}]) == [{"a": 1}, {"a": 2}]
    assert combine_samples([np.float32(1), np.float32(2)]).dtype == np.float32
    assert combine_samples([Tensor(1), np.zeros(1)])[0].item() == 1  # a mixture stays a list


def test_samples_that_cannot_be_stacked_are_refused():
    with pytest.raises(ValueError, match=r"shapes \[\(2,\), \(3,\)\].*combine_samples_fn"):
        combine_samples([np.zeros(2), np.zeros(3)])
    with pytest.raises(ValueError, match=r"\[1, 2\] fields"):
        combine_samples([(1,), (1, 2)])
