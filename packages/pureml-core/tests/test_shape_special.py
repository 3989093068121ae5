"""Moving, joining, cutting and padding: explicit numbers, NumPy's ways to call, and properties over shapes."""

import re

import numpy as np
import pureml_core as pm
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pureml_core import Tensor

few = settings(max_examples=40, deadline=None)
shapes = st.lists(st.integers(1, 4), min_size=1, max_size=3).map(tuple)


def tensor(*shape):
    return Tensor(np.arange(1.0, 1 + np.prod(shape)).reshape(shape), requires_grad=True)


def test_numpy_and_the_library_take_the_same_calls():
    a, b = tensor(2, 3), tensor(2, 3)
    calls = [
        (lambda xp, x, y: xp.concatenate((x, y), 1)),
        (lambda xp, x, y: xp.concatenate([x, y], axis=None)),
        (lambda xp, x, y: xp.concat([x, y])),
        (lambda xp, x, y: xp.stack((x, y), -1)),
        (lambda xp, x, y: xp.vstack((x, y))),
        (lambda xp, x, y: xp.hstack([x, y])),
        (lambda xp, x, y: xp.dstack((x, y))),
        (lambda xp, x, y: xp.column_stack((x, y))),
        (lambda xp, x, y: xp.block([[x, y], [y, x]])),
        (lambda xp, x, y: xp.block([x, np.array([[7.0], [8.0]])])),
        (lambda xp, x, y: xp.permute_dims(x, (1, 0))),
        (lambda xp, x, y: xp.reshape(x, (3, 2), "F")),
        (lambda xp, x, y: xp.ravel(x, order="F")),
        (lambda xp, x, y: xp.rot90(x)),
        (lambda xp, x, y: xp.insert(x, 1, 5.0, axis=1)),
        (lambda xp, x, y: xp.insert(x, slice(1, None), y[:, 1:], axis=1)),
        (lambda xp, x, y: xp.insert(x, [], [])),
        (lambda xp, x, y: xp.delete(x, [0, -1], 1)),
        (lambda xp, x, y: xp.append(x, y[0])),
        (lambda xp, x, y: xp.resize(x, (3, 3))),
        (lambda xp, x, y: xp.pad(x, ((1, 2), (0, 1)), "edge")),
        (lambda xp, x, y: xp.pad(x, 1, constant_values=(1, 2))),
        (lambda xp, x, y: xp.tile(x, 2) + xp.repeat(y, 2, 1)),
    ]
    for call in calls:
        expected = call(np, a.data, b.data)
        for found in (call(np, a, b), call(pm, a, b)):
            assert found.requires_grad
            np.testing.assert_array_equal(found.data, expected)
    np.testing.assert_array_equal(pm.concatenate(a, b, axis=1).data, np.concatenate((a.data, b.data), 1))
    np.testing.assert_array_equal(np.concatenate(tensor(2, 3)).data, np.arange(1.0, 7.0))


def test_a_keyword_that_is_not_supported_is_refused():
    a = tensor(3)
    for call in [
        lambda: np.concatenate((a, a), dtype=np.float32),
        lambda: np.stack((a, a), casting="no"),
        lambda: np.pad(a, 1, "reflect", reflect_type="odd"),
    ]:
        with pytest.raises(TypeError):
            call()


def test_an_array_joined_with_itself_counts_twice():
    x = tensor(2)
    (np.concatenate((x, x)) * np.array([1.0, 2.0, 3.0, 4.0])).sum().backward()
    assert x.grad.tolist() == [4.0, 6.0]


def test_each_input_keeps_its_dtype():
    single, double = Tensor(np.ones(2, np.float32), True), tensor(2)
    y = np.stack((single, double, np.array([1, 2])))
    assert y.dtype == np.float64
    y.backward()
    assert (single.grad.dtype, double.grad.dtype) == (np.float32, np.float64)
    plus = np.concatenate((double, np.array([1j])))
    (plus * (2 + 3j)).backward()
    np.testing.assert_array_equal(double.grad, [1 + 2.0, 1 + 2.0])


def test_parts_that_nobody_uses_have_a_gradient_of_zero():
    x = tensor(6)
    first, _, last = np.split(x, 3)
    (first.sum() + 2 * last.sum()).backward()
    assert x.grad.tolist() == [1, 1, 0, 0, 2, 2]
    x = tensor(2, 2)
    (3 * pm.unstack(x, axis=1)[1]).backward()
    assert x.grad.tolist() == [[0, 3], [0, 3]]


def test_blocks_are_lists_of_one_depth():
    with pytest.raises(ValueError, match="different depths"):
        pm.block([[tensor(1), tensor(1)], tensor(2)])
    with pytest.raises(ValueError, match="an empty list"):
        pm.block([[], [tensor(1)]])
    with pytest.raises(TypeError, match="tuple"):
        pm.block([(tensor(1), tensor(1))])


def test_the_gradient_of_repetition_is_the_number_of_copies():
    x = tensor(3)
    np.repeat(x, [0, 2, 5]).backward()
    assert x.grad.tolist() == [0, 2, 5]
    x = tensor(2, 2)
    np.resize(x, (2, 3)).backward()
    assert x.grad.tolist() == [[2, 2], [1, 1]]
    x = tensor(1, 2)
    np.tile(x, (3, 2)).backward()
    assert x.grad.tolist() == [[6, 6]]
    assert np.tile(x, (2, 0)).shape == (2, 0)


def test_inserted_and_deleted_entries():
    x, v = tensor(3), tensor(2)
    (np.insert(x, [2, 0], v) * np.arange(5.0)).backward()  # v₁ x₀ x₁ v₀ x₂
    assert (x.grad.tolist(), v.grad.tolist()) == ([1, 2, 4], [3, 0])
    x, v = tensor(2, 2), tensor()
    np.insert(x, [0, 1], v, axis=1).backward()
    assert (x.grad.tolist(), float(v.grad)) == ([[1, 1], [1, 1]], 4)
    x = tensor(4)
    np.delete(x, [1, 1, -1]).backward()
    assert x.grad.tolist() == [1, 0, 1, 0]


def test_padded_entries_give_their_gradients_back():
    def gradient(mode, width=(2, 1)):
        x = tensor(3)
        (np.pad(x, width, mode) * np.array([1.0, 10.0, 100.0, 1000.0, 1e4, 1e5])).backward()
        return x.grad.tolist()

    assert gradient("constant") == [100, 1000, 10000]
    assert gradient("edge") == [111, 1000, 110000]
    assert gradient("reflect") == [100, 101010, 10001]  # 3 2 | 1 2 3 | 2
    assert gradient("symmetric") == [110, 1001, 110000]  # 2 1 | 1 2 3 | 3
    assert gradient("wrap") == [100100, 1001, 10010]  # 2 3 | 1 2 3 | 1
    assert np.pad(Tensor([1.0]), 2, "reflect").tolist() == [1.0] * 5


def test_padding_by_axis():
    x = tensor(2, 2)
    y = pm.pad(x, {-1: (1, 2), 0: 1})
    np.testing.assert_array_equal(y.data, np.pad(x.data, ((1, 1), (1, 2))))
    y.backward()
    assert x.grad.tolist() == [[1, 1], [1, 1]]


@few
@given(
    st.lists(st.tuples(st.integers(1, 4), st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=2),
    st.sampled_from(["edge", "reflect", "symmetric", "wrap"]),
    st.integers(0, 99),
)
def test_padding_and_its_adjoint(axes, mode, seed):
    rng = np.random.default_rng(seed)
    width = [(before, after) for _, before, after in axes]
    x = Tensor(rng.standard_normal([n for n, _, _ in axes]), requires_grad=True)
    y = np.pad(x, width, mode)
    g = rng.standard_normal(y.shape)
    y.backward(g)
    expected = np.zeros(x.size)
    np.add.at(expected, np.pad(np.arange(x.size).reshape(x.shape), width, mode), g)
    np.testing.assert_allclose(x.grad.ravel(), expected, atol=1e-12)


@few
@given(shapes, st.data())
def test_what_only_moves_values_moves_gradients_back(shape, data):
    axis = data.draw(st.integers(-len(shape), len(shape) - 1))
    other = data.draw(st.integers(-len(shape), len(shape) - 1))
    order = data.draw(st.permutations(range(len(shape))))
    shift = data.draw(st.integers(-5, 5))
    moves = [
        lambda x: np.transpose(x, order),
        lambda x: np.moveaxis(x, axis, other),
        lambda x: np.swapaxes(x, axis, other),
        lambda x: np.flip(x, axis),
        lambda x: np.roll(x, shift, axis),
        lambda x: np.reshape(x, shape[::-1], order="F"),
        lambda x: np.concatenate(np.array_split(x, 3, axis)[::-1], axis),
        lambda x: np.stack(pm.unstack(pm.asfortranarray(x), axis=axis), other),
    ]
    for move in moves:
        x = Tensor(np.random.default_rng(0).standard_normal(shape), requires_grad=True)
        y = move(x)
        np.testing.assert_array_equal(y.data, move(x.data))
        y.backward(y)  # the transposed of a permutation is its inverse
        np.testing.assert_array_equal(x.grad, x.data)


@few
@given(shapes, shapes)
def test_repetition_is_the_adjoint_of_adding_up(shape, reps):
    x = Tensor(np.random.default_rng(0).standard_normal(shape), requires_grad=True)
    y = np.tile(x, reps)
    y.backward(y)
    np.testing.assert_allclose(x.grad, x.data * np.prod(reps))
    x.zero_grad()
    counts = np.arange(shape[-1])
    y = np.repeat(x, counts, -1)
    y.backward(y)
    np.testing.assert_allclose(x.grad, x.data * counts)


def test_order_must_not_depend_on_memory():
    for call in (lambda: np.reshape(tensor(2, 2), 4, order="A"), lambda: np.ravel(tensor(2, 2), "K")):
        with pytest.raises(ValueError, match=re.escape('give "C" or "F"')):
            call()


def test_flattening_no_axes_gives_the_tensor_itself():
    x = Tensor(np.ones((2, 3)), requires_grad=True)
    assert x.flatten(sample_ndim=0) is x
