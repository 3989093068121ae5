"""Embedding: rows of a table, the padding row, dense and row-sparse gradients."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pureml_core import Parameter, RowSparse, Tensor, gradients
from pureml_nn import Embedding

RNG = np.random.default_rng(0)
W = RNG.standard_normal((5, 3))
BOTH = pytest.mark.parametrize("sparse", [False, True])


@pytest.mark.parametrize(
    "X",
    [2, [2, 0], [[1, 4], [0, 0]], np.array([3, 3], np.uint8), Tensor([[1], [2]]), (1, 2), [], np.zeros((0, 2), int)],
)
def test_indices_of_any_form(X):
    Y = Embedding(5, 3, W=W)(X)
    index = np.asarray(X.data if isinstance(X, Tensor) else X).astype(int)
    assert Y.dtype == np.float64 and np.array_equal(Y.data, W[index])


def test_fractions_are_cut():
    assert np.array_equal(Embedding(5, 3, W=W)(np.array([1.9, 0.0, -0.5])).data, W[[1, 0, 0]])


@BOTH
def test_repeated_rows_add_up(sparse):
    layer = Embedding(5, 3, W=W, sparse=sparse)
    g = RNG.standard_normal((2, 3, 3))
    X = np.array([[1, 0, 1], [1, 4, 0]])
    layer(X).backward(g)
    expected = np.zeros((5, 3))
    np.add.at(expected, X, g)
    np.testing.assert_allclose(layer.W.grad, expected, rtol=1e-14)


@BOTH
def test_padding_never_receives_a_gradient(sparse):
    layer = Embedding(5, 3, pad_idx=1, sparse=sparse, seed=0)
    X = np.array([[1, 0], [1, 2]])
    assert layer.padding_idx == 1 and not layer.W.data[1].any() and layer.W.data[[0, 2, 3, 4]].all()
    Y = layer(X)
    Y.backward(np.ones((2, 2, 3)), keep_graph=True)
    Y.backward(np.ones((2, 2, 3)))
    layer(X).sum().backward()
    assert layer.W.grad[:, 0].tolist() == [3, 0, 3, 0, 0]
    only = Embedding(5, 3, pad_idx=1, sparse=sparse)
    only([1, 1]).sum().backward()
    assert not only.W.grad.any()


def test_padding_has_no_second_derivative_either():
    W = Tensor(RNG.standard_normal((4, 3)), requires_grad=True)
    layer = Embedding(4, 3, W=W, pad_idx=2)
    (g,) = gradients((layer([2, 0, 2]) ** 3).sum(), [W], create_graph=True)
    (h,) = gradients(g.sum(), [W])
    np.testing.assert_allclose(h.data[0], 6 * W.data[0])
    assert not h.data[1:].any() and not g.data[1:].any()


def test_a_given_table_keeps_its_padding_row():
    assert np.array_equal(Embedding(5, 3, pad_idx=1, W=W).W.data, W)
    assert np.array_equal(Embedding(5, 3, pad_idx=1, W=W)([1]).data, W[[1]])


def test_the_table_tells_optimizers_of_its_padding_row():
    assert Embedding(5, 3, pad_idx=1, W=W).W.padding_idx == 1
    assert Embedding(5, 3, pad_idx=1, W=Tensor(W, requires_grad=True)).astype(np.float64).W.padding_idx == 1
    assert not hasattr(Embedding(5, 3).W, "padding_idx")


def test_dense_and_sparse_gradients():
    dense, sparse = Embedding(1000, 3, seed=0), Embedding(1000, 3, seed=0, sparse=True)
    for layer in (dense, sparse):
        layer([7, 7, 3]).sum().backward()
    assert isinstance(sparse.W.sparse_grad, RowSparse) and dense.W.sparse_grad is None
    assert set(sparse.W.sparse_grad.rows.tolist()) == {3, 7}
    assert np.array_equal(dense.W.grad, sparse.W.grad)


def test_later_changes_of_the_indices_do_not_matter():
    for sparse in (False, True):
        layer, X = Embedding(5, 3, sparse=sparse), np.array([1, 2])
        Y = layer(X)
        X[...] = 4
        Y.sum().backward()
        assert layer.W.grad[:, 0].tolist() == [0, 1, 1, 0, 0]


def test_initial_values():
    layer = Embedding(2000, 100, seed=0)
    assert layer.W.dtype == np.float32 and abs(layer.W.data.std() - np.sqrt(2 / 2100)) < 2e-4
    assert np.array_equal(layer.W.data, Embedding(2000, 100, seed=0).W.data)
    he = Embedding(2000, 100, method="kaiming-normal", seed=0)
    assert abs(he.W.data.std() - np.sqrt(2 / 100)) < 1e-3  # fan_in is the width of a row


def test_tables_are_shared():
    table = Parameter(W)
    one, two = Embedding(5, 3, W=table), Embedding(5, 3, W=table)
    (one([1]) + two([1])).sum().backward()
    assert one.W is two.W and table.grad[1].tolist() == [2, 2, 2]


def test_floating_indices_are_refused_where_single_precision_skips_rows():
    layer = Embedding(2**24 + 1, 1, method=lambda fan_in, fan_out, rng, shape=None: np.zeros(shape))
    with pytest.raises(TypeError, match="needed integers"):
        layer(np.array([1.0]))
    assert layer([2**24]).shape == (1, 1)


@pytest.mark.parametrize("X", [[-1], [5], [10**12], np.array([2**63], np.uint64)])
def test_rows_that_are_not_there(X):
    with pytest.raises(IndexError, match=r"Embedding: given index -?\d+, needed 0 to 4"):
        Embedding(5, 3)(X)


def test_pad_idx_may_be_of_numpy():
    layer = Embedding(5, 3, pad_idx=np.int64(2))
    assert type(layer.padding_idx) is int
    with pytest.raises(ValueError, match="padding_idx"):
        Embedding(5, 3).restore(layer.state())


@hypothesis_settings(max_examples=30, deadline=None)
@given(st.lists(st.lists(st.integers(0, 4), min_size=2, max_size=2), max_size=5), st.booleans(), st.booleans())
def test_any_indices(X, padded, sparse):
    layer = Embedding(5, 3, W=W, pad_idx=0 if padded else None, sparse=sparse)
    X = np.reshape(X, (len(X), 2)).astype(int)
    layer(X).sum().backward()
    counts = np.bincount(X.ravel(), minlength=5)
    if padded:
        counts[0] = 0
    np.testing.assert_allclose(layer.W.grad, np.repeat(counts[:, None], 3, 1))
