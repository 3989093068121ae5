"""Row-sparse gradients: a table costs what its touched rows cost."""

import copy
import pickle
import tracemalloc

import numpy as np
import pytest
from pureml_core import RowSparse, Tensor, gradients


def dense_of(index, g, shape):
    y = np.zeros(shape, g.dtype)
    np.add.at(y, index, g)
    return y


@pytest.mark.parametrize("index", [[0, 2, 0], [-1, 3], [[0, 1], [1, 1]], np.zeros((0,), int)], ids=str)
@pytest.mark.parametrize("shape", [(4, 3), (4,), (4, 2, 3)])
def test_equals_the_dense_gradient(index, shape):
    x = Tensor(np.random.default_rng(0).standard_normal(shape), requires_grad=True)
    picked = x[index]
    g = np.random.default_rng(1).standard_normal(picked.shape)
    picked.backward(g)
    assert isinstance(x.sparse_grad, RowSparse)
    assert x.sparse_grad.shape == shape and (np.diff(x.sparse_grad.rows) > 0).all()
    np.testing.assert_allclose(x.sparse_grad.dense(), dense_of(index, g, shape))
    np.testing.assert_allclose(x.grad, dense_of(index, g, shape))
    assert x.sparse_grad is None and x.grad is x.grad  # dense now, once and for all


@pytest.mark.parametrize(
    "pick",
    [
        lambda x: x[[0, 2, -1], :],
        lambda x: x[[0, 2, -1], ...],
        lambda x: x[([0, 2, -1],)],
        lambda x: np.take(x, [0, 2, -1], axis=0),
        lambda x: x.take([0, 2, -1], axis=-2),
        lambda x: np.take(x, [0, 6, -1], axis=0, mode="wrap"),
        lambda x: np.take(x, [-1, 2, 9], axis=0, mode="clip"),
    ],
)
def test_however_rows_are_picked(pick):
    x = Tensor(np.ones((4, 2)), requires_grad=True)
    y = pick(x)
    y.backward(np.arange(6.0).reshape(3, 2))
    assert isinstance(x.sparse_grad, RowSparse)
    picked = pick(Tensor(np.arange(8).reshape(4, 2))).numpy()[:, 0] // 2
    np.testing.assert_array_equal(x.grad, dense_of(picked, np.arange(6.0).reshape(3, 2), (4, 2)))


def test_take_of_a_vector_or_of_flattened_rows():
    for shape in ((4,), (2, 2)):
        x = Tensor(np.ones(shape), requires_grad=True)
        np.take(x, [3, 3, 0]).sum().backward()
        assert x.grad.reshape(-1).tolist() == [1.0, 0.0, 0.0, 2.0]


def test_many_rows():
    rng = np.random.default_rng(0)
    index, g = rng.integers(0, 500, 3000), rng.standard_normal((3000, 8))
    x = Tensor(np.zeros((500, 8)), requires_grad=True)
    x[index].backward(g)
    np.testing.assert_allclose(x.sparse_grad.dense(), dense_of(index, g, (500, 8)), atol=1e-12)


def test_adds_up_over_uses_and_sweeps():
    x = Tensor(np.ones((5, 2)), requires_grad=True)
    (x[[1, 3]].sum() + 2 * x[[3]].sum()).backward()
    x[[0]].sum().backward()
    assert x.sparse_grad.rows.tolist() == [0, 1, 3]
    assert x.sparse_grad.values.tolist() == [[1.0, 1.0], [1.0, 1.0], [3.0, 3.0]]
    x.sum().backward()
    assert x.sparse_grad is None
    assert x.grad[:, 0].tolist() == [2.0, 2.0, 1.0, 4.0, 1.0]
    x[[2]].sum().backward()
    assert x.grad[:, 0].tolist() == [2.0, 2.0, 2.0, 4.0, 1.0]
    x.zero_grad()
    (x.sum() + x[[2]].sum()).backward()
    assert x.grad[:, 0].tolist() == [1.0, 1.0, 2.0, 1.0, 1.0]


def test_inside_a_graph_it_becomes_dense():
    x = Tensor(np.arange(6.0).reshape(3, 2), requires_grad=True)
    ((x * 2)[np.array([0, 0, 2])] ** 2).sum().backward()
    np.testing.assert_allclose(x.grad, [[0, 16], [0, 0], [32, 40]])


def test_differentiable_again():
    x = Tensor(np.arange(6.0).reshape(3, 2), requires_grad=True)
    dx = gradients((x[[1, 1]] ** 3).sum(), x, create_graph=True)
    np.testing.assert_allclose(gradients(dx.sum(), x).data, [[0, 0], [24, 36], [0, 0]])
    assert isinstance(gradients(x[[1]].sum(), x).data, np.ndarray)


def test_nothing_shares_memory():
    x, g = Tensor(np.ones((4, 2)), requires_grad=True), np.ones((1, 2))
    x[[2]].backward(g)
    x.sparse_grad.values[...] = 7
    assert g.tolist() == [[1.0, 1.0]]


def test_costs_what_the_rows_cost():
    table = Tensor(np.zeros((200_000, 64), np.float32), requires_grad=True)  # 51 MB
    rows = np.random.default_rng(0).integers(0, len(table), 1000)
    tracemalloc.start()
    (table[rows] * 2.0).sum().backward()
    assert table.sparse_grad.nbytes < 300_000
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 3_000_000


def test_single_precision_setting_copy_and_pickle():
    x = Tensor(np.zeros((4, 2), np.float32), requires_grad=True)
    x[[1]].sum().backward()
    assert x.sparse_grad.dtype == np.float32 and x.sparse_grad.ndim == 2
    for y in (copy.deepcopy(x), pickle.loads(pickle.dumps(x))):
        assert y.sparse_grad.rows.tolist() == [1] and y.grad[1].tolist() == [1.0, 1.0]
    x.grad = 0.5 * x.sparse_grad
    assert x.sparse_grad.values.tolist() == [[0.5, 0.5]]
    with pytest.raises(ValueError, match=r"shape \(9, 2\), needed \(4, 2\)"):
        x.grad = RowSparse(np.array([0]), np.ones((1, 2)), (9, 2))
    with pytest.raises(TypeError, match="dense"):
        x.sparse_grad * np.ones(2)
    z = Tensor(np.array([[1j], [2.0]]), requires_grad=True)
    np.real(z[[0]] * 1j).sum().backward()
    assert z.grad.tolist() == [[-1j], [0]]


def test_narrow_indices():
    w = Tensor(np.zeros((3000, 200), np.float32), requires_grad=True)
    w[np.full(4000, 2900, np.int16)].sum().backward()
    assert w.grad[2900].tolist() == [4000.0] * 200 and w.grad.sum() == 800_000
    w.zero_grad()
    w[np.array([-1], np.int8)].sum().backward()
    assert w.sparse_grad.rows.tolist() == [2999]
