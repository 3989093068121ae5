"""Scaling: learned from the training data at once or in batches, undone, saved; constants and precision."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from pureml_core import State, Tensor
from pureml_data import Compose, LabelEncoder, MinMax, RandomCrop, Standardize, Subset, TensorDataset

RNG = np.random.default_rng(0)
IMAGES = RNG.normal(3, 2, (6, 3, 4, 5)).astype(np.float32)
SCALERS = [Standardize, MinMax]
every = pytest.mark.parametrize("make", SCALERS)


@every
@pytest.mark.parametrize(("axis", "axes"), [(0, (0,)), ((0, 2, 3), (0, 2, 3)), (None, (0, 1, 2, 3)), ((3, 0), (0, 3))])
def test_what_is_fitted_has_the_range_that_was_asked_for(make, axis, axes):
    scale = make(axis=axis).fit(IMAGES)
    y = scale(IMAGES)
    assert y.dtype == np.float32 and y.shape == IMAGES.shape
    if make is Standardize:
        np.testing.assert_allclose(y.mean(axes), 0, atol=1e-6)
        np.testing.assert_allclose(y.std(axes), 1, rtol=1e-5)
        np.testing.assert_allclose(np.squeeze(scale.mean), IMAGES.mean(axes), rtol=1e-5)
        np.testing.assert_allclose(np.squeeze(scale.std), IMAGES.std(axes), rtol=1e-5)
    else:
        assert (y.min(axes) == 0).all() and np.allclose(y.max(axes), 1)
    np.testing.assert_allclose(scale.inverse(y), IMAGES, rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(scale(IMAGES[2]), y[2])  # a sample like a batch
    tensor = scale(Tensor(IMAGES))
    assert type(tensor) is Tensor and tensor.dtype == np.float32
    np.testing.assert_array_equal(tensor.data, y)


@given(
    x=hnp.arrays(np.float64, (12, 2), elements=st.floats(-1e3, 1e3)),
    cuts=st.lists(st.integers(1, 11), max_size=4, unique=True).map(sorted),
    make=st.sampled_from(SCALERS),
)
def test_batches_teach_what_the_whole_teaches(x, cuts, make):
    whole, parts = make().fit(x), make()
    for batch in np.split(x, cuts):
        parts.partial_fit(batch)
    assert parts.count == whole.count == 12
    np.testing.assert_allclose(parts(x), whole(x), atol=1e-6)
    if make is Standardize:
        np.testing.assert_allclose(parts.mean, x.mean(0), atol=1e-9)
        np.testing.assert_allclose(parts.std, x.std(0), atol=1e-6)
    np.testing.assert_allclose(parts.inverse(parts(x)), x, atol=1e-6)


def test_a_large_mean_costs_no_precision():
    x = 1e8 + RNG.normal(size=(1000, 1))
    scale = Standardize()
    for batch in np.split(x, 10):
        scale.partial_fit(batch)
    np.testing.assert_allclose(scale.std, x.std(0), rtol=1e-6)


@every
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64])
def test_constant_features(make, dtype):
    x = np.array([[0.1, 7], [0.1, 7], [0.1, 7]]).astype(dtype)
    scale = make().fit(x).partial_fit(x)
    assert (scale(x) == 0).all()
    np.testing.assert_array_equal(scale.inverse(scale(x)), x.astype(scale(x).dtype))
    assert (MinMax((-1, 1)).fit(x)(x) == -1).all()


def test_ranges_and_dtypes():
    x = np.array([[1, 10], [3, 20]])
    assert MinMax((-1, 1)).fit(x)(x).tolist() == [[-1, -1], [1, 1]]
    assert MinMax((-1, 1)).fit(x).inverse([[0.0, 1.0]]).tolist() == [[2, 20]]
    assert MinMax().fit(x)(x).dtype == np.float32
    assert Standardize().fit(x)(x.astype(np.float16)).dtype == np.float16
    assert Standardize().fit([1.0, 3.0])(3.0).tolist() == 1


@every
def test_refit_forgets_and_partial_fit_is_all_or_nothing(make):
    scale = make().fit(IMAGES).fit(IMAGES[:2])
    assert scale.count == 2
    before = scale(IMAGES)
    for wrong, error, says in [
        (IMAGES[..., :2], ValueError, r"shape \(3, 4, 2\), earlier ones had \(3, 4, 5\)"),
        (IMAGES * np.nan, ValueError, "360 entries that are nan or infinite"),
        (IMAGES[:0], ValueError, r"shape \(0, 3, 4, 5\)"),
        (3.0, ValueError, r"shape \(\)"),
        (["a"], TypeError, "real numbers"),
    ]:
        with pytest.raises(error, match=says):
            scale.partial_fit(wrong)
    np.testing.assert_array_equal(scale(IMAGES), before)
    with pytest.raises(ValueError, match=r"given shape \(6, 3, 4, 4\), fitted for samples that fit \(3, 4, 5\)"):
        scale(IMAGES[..., :4])
    for call in (make(), make().inverse):
        with pytest.raises(RuntimeError, match="not fitted"):
            call(IMAGES)
    with pytest.raises(TypeError, match=r"\.detach\(\)"):
        scale(Tensor(IMAGES, requires_grad=True))
    for axis, error, says in [
        (1, ValueError, "axis must be None or different integers"),
        ((0, 0), ValueError, "axis must be None or different integers"),
        ((), ValueError, "axis must be None or different integers"),
        ((0, -1), ValueError, "axis must be at least 0"),
        (0.0, TypeError, "axis must be an integer, given 0.0"),
        ("0", TypeError, "axis must be an integer, given '0'"),
    ]:
        with pytest.raises(error, match=says):
            make(axis=axis)
    np.testing.assert_array_equal(make(axis=np.int64(0)).fit(IMAGES)(IMAGES), make().fit(IMAGES)(IMAGES))
    one = make().fit(IMAGES[..., :1])  # one feature is not any number of them
    with pytest.raises(ValueError, match=r"given shape \(6, 3, 4, 5\), fitted for samples that fit \(3, 4, 1\)"):
        one(IMAGES)


def test_minmax_settings():
    with pytest.raises(ValueError, match="must rise"):
        MinMax((1, 1))
    for wrong in [(1, 2, 3), 5]:
        with pytest.raises(ValueError, match="range must be a pair"):
            MinMax(wrong)
    with pytest.raises(TypeError, match="must be a number, given 'a'"):
        MinMax(("a", 1))
    with pytest.raises(RuntimeError, match="not fitted"):
        _ = Standardize().mean


@every
def test_state(make):
    scale, other = make(axis=(0, 2, 3)).fit(IMAGES), make(axis=(0, 2, 3))
    state = scale.state()
    scale.partial_fit(IMAGES * 3)
    assert other.restore(state) == []
    np.testing.assert_array_equal(other(IMAGES), make(axis=(0, 2, 3)).fit(IMAGES)(IMAGES))
    other.partial_fit(IMAGES * 3)
    np.testing.assert_array_equal(other(IMAGES), scale(IMAGES))
    y = other(IMAGES)
    broken = dict(state.arrays) | {"low": np.zeros(2)}
    for wrong, says in [
        (make(axis=0).state(), r"axis is \(0,\), here \(0, 2, 3\)"),
        (State(state.kind, broken, state.literals), "of one shape"),
        (State(state.kind, {}, state.literals), "given the arrays"),
        (State(state.kind, state.arrays, {**state.literals, "count": "3"}), "count is '3'"),
        (State("pureml_data.Other/1"), "given a state of 'pureml_data.Other/1'"),
    ]:
        with pytest.raises(ValueError, match=says):
            other.restore(wrong)
        if wrong.kind == state.kind:
            assert other.restore(wrong, strict=False)
        np.testing.assert_array_equal(other(IMAGES), y)
    other.restore(make(axis=(0, 2, 3)).state())
    assert other.count == 0


@every
def test_a_dataset_is_no_array(make):
    data = TensorDataset(np.arange(4.0), np.array([0, 1, 0, 1]))  # NumPy would make one table of both
    for dataset in (data, Subset(data, [0, 1])):
        with pytest.raises(TypeError, match=rf"given a {type(dataset).__name__}, needed an array, such as a field"):
            make().fit(dataset)
    make().fit(data[:][0])


def test_compose():
    steps = Compose(Standardize().fit([[0.0], [2.0]]), MinMax((0, 10)).fit([[-1.0], [1.0]]))
    assert steps([[2.0], [0.0]]).tolist() == [[10], [0]]
    assert steps.inverse([[10.0], [5.0]]).tolist() == [[2], [1]]
    assert Compose()(3) == 3
    with pytest.raises(TypeError, match=r"steps have none: 1 \(<ufunc 'sqrt'>\)"):
        Compose(steps, np.sqrt).inverse([[1.0]])
    with pytest.raises(TypeError, match="step 1 must be callable, given 3"):
        Compose(abs, 3)


def test_a_compose_is_restored_as_a_whole_or_not_at_all():
    def make():
        return Compose(np.abs, RandomCrop(2, padding=1, seed=5), Compose(MinMax()))

    used, x = make(), np.arange(4.0).reshape(2, 2)
    used.steps[2].steps[0].fit(x)
    used(x), used(x)
    state = used.state()
    fresh = make()
    assert fresh.restore(state) == []
    np.testing.assert_array_equal(fresh(x), used(x))
    before = fresh.state()
    for wrong, says in [
        (State(state.kind, {**state.arrays, "2.0.low": np.zeros(7)}, state.literals), "of one shape"),
        (Compose(np.abs, RandomCrop(2, seed=1)).state(), "given states of the steps 1, needed 1, 2"),
        (Compose(np.abs, RandomCrop(2, seed=1), Compose(Standardize())).state(), "needed 'pureml_data.MinMax/1'"),
        (State(state.kind), "not the literals of a Compose"),
        (LabelEncoder().state(), "given a state of 'pureml_data.LabelEncoder/1'"),
    ]:
        with pytest.raises(ValueError, match=says):
            fresh.restore(wrong)
        assert fresh.state().literals == before.literals
        np.testing.assert_equal(fresh.state().arrays, before.arrays)
