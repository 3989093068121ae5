"""one_hot, multi_hot, LabelEncoder: vectors and numbers for labels, errors for anything that is not a label."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from pureml_core import State, Tensor
from pureml_data import LabelEncoder, multi_hot, one_hot


@given(
    labels=hnp.arrays(np.uint8, hnp.array_shapes(min_dims=0, min_side=0)),
    dims=st.integers(1, 12),
    dtype=st.sampled_from([np.uint8, np.uint64, np.int64, np.float32]),
)
def test_the_only_one_stands_at_the_label(labels, dims, dtype):
    labels = (labels % dims).astype(dtype)
    encoded = one_hot(dims, labels)
    assert encoded.shape == (*labels.shape, dims) and encoded.dtype == np.float64
    np.testing.assert_array_equal(encoded, np.eye(dims)[labels.astype(int)])


@pytest.mark.parametrize("label", [2, [2, 0], [[True, False]], np.uint8(1), np.zeros((0, 3), int), []])
def test_arrays_in_arrays_out_tensors_in_tensors_out(label):
    plain, tensor = one_hot(3, label), one_hot(3, Tensor(np.asarray(label)))
    assert type(plain) is np.ndarray and type(tensor) is Tensor and not tensor.requires_grad
    np.testing.assert_array_equal(plain, tensor.data)


def test_dtype():
    assert one_hot(3, [1], dtype=np.float32).dtype == np.float32
    assert one_hot(3, Tensor([1]), dtype="u1").dtype == np.uint8


@pytest.mark.parametrize(
    ("dims", "label", "error", "says"),
    [
        (3, 3, ValueError, "from 0 to 2, given 3"),
        (3, [0, -1], ValueError, "given -1"),
        (3, np.array([250], np.uint8), ValueError, "given 250"),
        (3, 2**64 - 1, ValueError, "given 18446744073709551615"),
        (3, 1.5, ValueError, "given 1.5"),
        (3, [0.0, np.nan], ValueError, "given nan"),
        (3, np.inf, ValueError, "given inf"),
        (3, ["a"], TypeError, "numbers"),
        (3, [1j], TypeError, "complex"),
        (0, [], ValueError, "at least 1"),
        (2.0, [0], TypeError, "dims must be an integer"),
    ],
)
def test_what_is_not_a_label_is_refused(dims, label, error, says):
    with pytest.raises(error, match=says):
        one_hot(dims, label)
    if error is ValueError and np.ndim(label):
        with pytest.raises(error, match=says):
            one_hot(dims, Tensor(np.asarray(label)))


def sets(max_size=6):
    return st.lists(st.lists(st.integers(0, 5), max_size=max_size), max_size=6)


@given(rows=sets(), kind=st.sampled_from([list, tuple, np.array, set]))
def test_sets_of_any_lengths(rows, kind):
    encoded = multi_hot(6, [kind(row) for row in rows])
    assert encoded.dtype == np.float64
    assert encoded.shape == (len(rows), 6) or rows == []
    assert [set(np.flatnonzero(row).tolist()) for row in encoded if rows] == [set(row) for row in rows]
    assert set(np.unique(encoded).tolist()) <= {0.0, 1.0}


@pytest.mark.parametrize(
    ("labels", "shape"), [([], (4,)), ([3, 1, 3], (4,)), ((1.0,), (4,)), ([[0, 1], [2, 2]], (2, 4)), ([[]], (1, 4))]
)
def test_one_set_or_several(labels, shape):
    plain, array, tensor = (multi_hot(4, kind(labels)) for kind in (list, np.array, lambda x: Tensor(np.array(x))))
    assert plain.shape == array.shape == tensor.shape == shape
    assert type(plain) is type(array) is np.ndarray and type(tensor) is Tensor and not tensor.requires_grad
    np.testing.assert_array_equal(plain, array)
    np.testing.assert_array_equal(plain, tensor.data)
    assert multi_hot(4, labels, dtype=np.float32).dtype == np.float32


@pytest.mark.parametrize(
    ("labels", "error", "says"),
    [
        ([[0], [3]], ValueError, "multi_hot: labels must be integers from 0 to 2, given 3"),
        ([0, -1], ValueError, "given -1"),
        ([[1.5]], ValueError, "given 1.5"),
        ([[0], 1], ValueError, r"\[0, 1\] axes side by side"),
        ([[[0]], [[1]]], ValueError, r"\[2\] axes"),
        (np.zeros((2, 2, 2)), ValueError, r"shape \(2, 2, 2\)"),
        (np.array(1), ValueError, r"shape \(\)"),
        (1, ValueError, r"shape \(\)"),
        (None, ValueError, r"shape \(\)"),
        (["a"], TypeError, "numbers"),
    ],
)
def test_sets_that_are_refused(labels, error, says):
    with pytest.raises(error, match=says):
        multi_hot(3, labels)


@pytest.mark.parametrize(
    "labels",
    [
        ["b", "a", "ä", "b"],
        [3, -1, 3],
        [0.5, 0.25],
        [True, False],
        np.array([["x", "yy"], ["yy", "x"]]),
        np.array(["x", "y"], object),
        np.array(["x", "yy"], np.dtypes.StringDType()),
        Tensor(np.array([7, 5, 7])),
    ],
    ids=str,
)
def test_labels_become_numbers_and_labels_again(labels):
    encoder = LabelEncoder().fit(labels)
    numbers, values = encoder(labels), labels.data if isinstance(labels, Tensor) else np.array(labels)
    assert type(numbers) is (Tensor if isinstance(labels, Tensor) else np.ndarray) and numbers.dtype == np.int64
    assert numbers.shape == values.shape and len(encoder) == len(np.unique(values))
    assert encoder.inverse(numbers).tolist() == values.tolist()
    assert encoder.classes.tolist() == sorted(set(values.reshape(-1).tolist()))
    other = LabelEncoder()
    assert other.restore(encoder.state()) == []
    assert other.classes.dtype == encoder.classes.dtype and other.classes.tolist() == encoder.classes.tolist()
    other.restore(LabelEncoder().state())
    assert other.classes is None
    assert LabelEncoder().fit(labels)([]).shape == (0,)


def test_label_encoder_refuses():
    encoder = LabelEncoder().fit(["a", "b"])
    for labels, says in [(["a", "c", "d"], r"unknown labels \['c', 'd'\]; fit\(\) saw \['a', 'b'\]"), ([1], "int64")]:
        with pytest.raises(ValueError, match=says):
            encoder(labels)
    with pytest.raises(ValueError, match="from 0 to 1, given 2"):
        encoder.inverse([0, 2])
    for labels in ([], [np.nan]):
        with pytest.raises(ValueError, match="given"):
            encoder.fit(labels)
    for labels in ([None], ["a", 1], ["a", np.int64(1)], ["a", np.float64("nan")], [["a", 1]], ["a", b"b"], [1j]):
        with pytest.raises(TypeError, match="all text or all numbers"):
            encoder.fit(labels)
    for state in [
        State("pureml_data.Other/1"),
        State("pureml_data.LabelEncoder/1", {}, {"classes": ["b", "a"]}),
        State("pureml_data.LabelEncoder/1", {}, {"classes": []}),
        State("pureml_data.LabelEncoder/1", {}, {"other": ["a"]}),
        State("pureml_data.LabelEncoder/1", {"classes": np.zeros((2, 2))}),
    ]:
        with pytest.raises(ValueError, match="nothing was changed"):
            encoder.restore(state)
    assert encoder(["b"]).tolist() == [1]
    with pytest.raises(RuntimeError, match="not fitted"):
        LabelEncoder()(["a"])


def test_multi_hot_takes_a_column_of_sets():
    sets = np.empty(3, dtype=object)
    sets[:] = [[0, 2], [3], []]
    np.testing.assert_array_equal(multi_hot(4, sets), multi_hot(4, list(sets)))
