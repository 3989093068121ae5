"""Datasets: what an index selects, and what is refused."""

import numpy as np
import pytest
from pureml_core import Tensor
from pureml_data import (
    BatchDataset,
    Dataset,
    LabelEncoder,
    Standardize,
    TensorDataset,
    Windows,
    multi_hot,
    one_hot,
    pad_sequences,
    write_zarr,
)

X = np.arange(12.0).reshape(6, 2)
Y = np.arange(6)


@pytest.mark.parametrize(
    "index",
    [
        0,
        -1,
        np.int64(3),
        np.array(3),
        slice(1, 4),
        slice(None, None, -2),
        slice(9, 12),
        [3, 1, 3],
        [],
        np.array([-1, 0]),
        np.array([4, 2], np.uint8),
        np.array([4, 2], np.uint64),
        X[:, 0] > 4,
        [True, False] * 3,
    ],
    ids=str,
)
def test_an_index_selects_in_every_array_what_it_selects_in_numpy(index):
    expected = np.asarray(index, dtype=None if index else np.intp) if isinstance(index, list) else index
    sample = TensorDataset(X, Tensor(Y))[index]
    assert type(sample) is tuple
    for t, a in zip(sample, (X, Y), strict=True):
        assert type(t) is Tensor and not t.requires_grad and t.dtype == a.dtype
        np.testing.assert_array_equal(t.data, a[expected])


LAYOUTS = {
    "rows apart": np.tile(X, 2)[:, ::2],
    "columns": np.asfortranarray(X),
    "backwards": X[::-1],
    "one row": np.broadcast_to(X[0], X.shape),
    "other byte order": X.astype(">f8"),
    "records": np.array([(1, 2.0), (3, 4.0), (5, 6.0)], "i4,f8"),
    "text": np.array(["a", "bc", "def"]),
    "no columns": X[:, :0],
}


@pytest.mark.parametrize("x", LAYOUTS.values(), ids=LAYOUTS)
def test_rows_are_gathered_from_every_layout(x):
    (batch,) = TensorDataset(x)[np.array([2, -1, 0, 2])]
    assert batch.dtype == x.dtype and not np.shares_memory(batch.data, x)
    np.testing.assert_array_equal(batch.data, x[[2, -1, 0, 2]])


def test_an_index_may_be_a_tensor():
    np.testing.assert_array_equal(TensorDataset(X)[Tensor(np.array([2, 0]))][0].data, X[[2, 0]])


@pytest.mark.parametrize(
    ("index", "error", "says"),
    [
        (6, IndexError, "out of bounds"),
        (-7, IndexError, "out of bounds"),
        ([0, 6], IndexError, "out of bounds"),
        ((0, 1), TypeError, "an int, a slice or an index array"),
        (1.0, TypeError, "given 1.0"),
        ("0", TypeError, "given '0'"),
        (np.array([0.0]), TypeError, "dtype float64"),
        (np.zeros((2, 2), int), IndexError, "shape \\(2, 2\\)"),
        (np.ones(5, bool), IndexError, "5 entries, needed one for each of the 6"),
    ],
)
def test_other_indices_are_refused(index, error, says):
    with pytest.raises(error, match=says):
        TensorDataset(X, Y)[index]


def test_one_field_is_a_tuple_too_and_tracked_tensors_are_left_behind():
    (sample,) = TensorDataset(Tensor(X, requires_grad=True))[1]
    assert not sample.requires_grad


def test_arrays_are_not_copied():
    x = X.copy()
    dataset = TensorDataset(x)
    x[2] = 9
    assert dataset[2][0].tolist() == [9, 9]
    assert np.shares_memory(dataset[1:3][0].data, x)
    assert not np.shares_memory(dataset[np.array([1, 2])][0].data, x)


def test_iteration_ends():
    assert [y.item() for _, y in TensorDataset(X, Y)] == Y.tolist()


@pytest.mark.parametrize(
    ("arrays", "says"),
    [((), "at least one"), ((X, np.float64(1)), "0-d"), ((X, Y[:5]), r"\[\(6, 2\), \(5,\)\].*equally long")],
)
def test_arrays_that_hold_no_samples_are_refused(arrays, says):
    with pytest.raises(ValueError, match=says):
        TensorDataset(*arrays)


MASKED = np.ma.masked_greater([[1], [9], [2]], 5)
TAKES_ARRAYS = {
    "TensorDataset": lambda x: TensorDataset(x),
    "write_zarr": lambda x: write_zarr("never", x),
    "Windows": lambda x: Windows(x, 2),
    "one_hot": lambda x: one_hot(10, x),
    "multi_hot": lambda x: multi_hot(10, x),
    "LabelEncoder": lambda x: LabelEncoder().fit(x[:, 0]),
    "a transform": lambda x: Standardize().fit(x),
    "pad_sequences": lambda x: pad_sequences([x[:, 0]]),
}


@pytest.mark.parametrize("name", TAKES_ARRAYS)
def test_masks_are_not_lost_in_silence(name):
    with pytest.raises(TypeError, match="given a masked array, whose mask would be lost"):
        TAKES_ARRAYS[name](MASKED)


def test_a_dataset_that_lacks_a_method_says_so():
    class Empty(Dataset):
        pass

    with pytest.raises(NotImplementedError, match="Empty needs __len__"):
        len(Empty())
    with pytest.raises(NotImplementedError, match="Empty needs __getitem__"):
        Empty()[0]


def test_what_counts_as_a_dataset():
    assert isinstance([1, 2], Dataset) and not isinstance([1, 2], BatchDataset)
    assert isinstance(TensorDataset(X), BatchDataset)
    assert not isinstance(iter([1]), Dataset)
