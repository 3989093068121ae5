"""Windows of a series: what each holds, and how many there are."""

import copy
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pureml_core import Tensor
from pureml_data import DataLoader, Windows


@given(
    length=st.integers(1, 6), horizon=st.integers(0, 4), stride=st.integers(1, 5), more=st.integers(0, 20),
    features=st.sampled_from([(), (2,), (2, 3)]), tensor=st.booleans(),
)  # fmt: skip
def test_every_window_and_what_follows(length, horizon, stride, more, features, tensor):
    T = length + horizon + more
    series = np.arange(T * int(np.prod(features)), dtype=np.float32).reshape(T, *features)
    windows = Windows(Tensor(series) if tensor else series, length, horizon, stride)
    starts = range(0, T - length - horizon + 1, stride)
    assert len(windows) == len(starts)
    whole = windows[np.arange(len(windows))]
    for i, s in enumerate(starts):
        sample = windows[i]
        assert len(sample) == (2 if horizon else 1)
        np.testing.assert_array_equal(sample[0].data, series[s : s + length])
        if horizon:
            np.testing.assert_array_equal(sample[1].data, series[s + length : s + length + horizon])
        for part, batch in zip(sample, whole, strict=True):
            np.testing.assert_array_equal(part.data, batch.data[i])
            assert part.dtype == batch.dtype == np.float32
            assert not np.shares_memory(part.data, series) and not np.shares_memory(batch.data, series)


def test_a_loader_owns_what_it_gives():
    series = np.arange(10.0)
    for x, y in DataLoader(Windows(series, 3, stride=2), 2):
        assert x.shape == (2, 3) and y.shape == (2, 1)
        x.data[...] = 0
    assert series.tolist() == list(range(10))


@pytest.mark.parametrize("horizon", [0, 2])
def test_a_copy_is_as_small_as_the_series(horizon):
    windows = Windows(np.arange(1000.0), 100, horizon, stride=3)
    windows.name = "mine"
    for other in (copy.deepcopy(windows), pickle.loads(pickle.dumps(windows))):
        assert other.name == "mine" and len(other) == len(windows)
        for a, b in zip(other[:], windows[:], strict=True):
            np.testing.assert_array_equal(a.data, b.data)
    assert len(pickle.dumps(windows)) < 2 * 8 * 1000


@pytest.mark.parametrize(
    ("arguments", "error", "says"),
    [
        ((np.zeros(3), 3), ValueError, r"shape \(3,\), needed at least length \+ horizon = 4"),
        ((1.0, 1), ValueError, r"shape \(\)"),
        ((np.zeros(3), 0), ValueError, "length must be at least 1"),
        ((np.zeros(3), 1, -1), ValueError, "horizon must be at least 0"),
        ((np.zeros(3), 1, 1, 0), ValueError, "stride must be at least 1"),
        ((np.zeros(3), 1.5), TypeError, "length must be an integer"),
    ],
)
def test_what_is_refused(arguments, error, says):
    with pytest.raises(error, match=says):
        Windows(*arguments)
