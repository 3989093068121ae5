"""one_hot: unit vectors for labels, errors for anything that is not a label."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from pureml_core import Tensor
from pureml_data import one_hot


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
