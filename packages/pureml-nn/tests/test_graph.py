"""Graph layers against the textbook's dense matrices, and what a user relies on of a graph."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pureml_core import Tensor, check_vjp
from pureml_nn import GATConv, GraphConv, MessagePassing, SAGEConv, segment_softmax


def draw(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def adjacency(edges, n, weight=None):
    """A[target, source]: the sum of the weights."""
    A = np.zeros((n, n))
    np.add.at(A, (edges[1], edges[0]), 1.0 if weight is None else weight)
    return A


def dense_gcn(layer, X, A):
    A = A + np.eye(len(A)) if layer.self_loops else A
    d = A.sum(axis=1)
    r = np.divide(1, np.sqrt(d), out=np.zeros_like(d), where=d > 0)
    return (r[:, None] * A * r) @ X @ layer.W.data + layer.b.data


def dense_sage(layer, X, A):
    count = A.sum(axis=1, keepdims=True)
    return X @ layer.R.data + A / np.maximum(count, 1) @ X @ layer.W.data + layer.b.data


def dense_gat(layer, X, A):
    A = A + np.diag(np.diagonal(A) == 0) if layer.self_loops else A
    H = (X @ layer.W.data).reshape(len(X), layer.heads, layer.fan_out)
    heads = []
    for k in range(layer.heads):
        e = (H[:, k] @ layer.t.data[k])[:, None] + (H[:, k] @ layer.s.data[k])
        w = A * np.exp(np.where(e > 0, e, layer.negative_slope * e))
        total = w.sum(axis=1, keepdims=True)
        heads.append(w / np.where(total > 0, total, 1) @ H[:, k])
    Y = np.concatenate(heads, axis=1) if layer.concat else np.mean(heads, axis=0)
    return Y + layer.b.data


def wide(layer, seed=9):
    """In float64, with a bias that counts."""
    layer.astype(np.float64)
    layer.b.data = draw(*layer.b.shape, seed=seed)
    return layer


DENSE = {
    "GraphConv": (lambda: GraphConv(3, 2, seed=1), dense_gcn),
    "GraphConv without loops": (lambda: GraphConv(3, 2, self_loops=False, seed=1), dense_gcn),
    "SAGEConv": (lambda: SAGEConv(3, 2, seed=1), dense_sage),
    "GATConv": (lambda: GATConv(3, 2, heads=3, seed=1), dense_gat),
    "GATConv mean without loops": (lambda: GATConv(3, 2, heads=2, concat=False, self_loops=False, seed=1), dense_gat),
}


@st.composite
def graphs(draw):
    n = draw(st.integers(1, 6))
    pairs = draw(st.lists(st.tuples(st.integers(0, n - 1), st.integers(0, n - 1)), max_size=12))
    return n, np.array(pairs, int).reshape(-1, 2).T


@pytest.mark.parametrize(("make", "dense"), DENSE.values(), ids=DENSE)
@given(graph=graphs())
@settings(max_examples=30, deadline=None)
def test_any_graph_gives_what_its_dense_matrices_give(make, dense, graph):
    n, edges = graph
    layer, X = wide(make()), draw(n, 3)
    assert np.allclose(layer(X, edges).data, dense(layer, X, adjacency(edges, n)), rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("make", [make for make, _ in DENSE.values()], ids=DENSE)
@given(graph=graphs(), seed=st.integers(0, 99))
@settings(max_examples=15, deadline=None)
def test_names_of_nodes_and_order_of_edges_make_no_difference(make, graph, seed):
    n, edges = graph
    rng = np.random.default_rng(seed)
    layer, X = wide(make()), draw(n, 3)
    new = rng.permutation(n)  # node i becomes new[i]
    Z = np.empty_like(X)
    Z[new] = X
    renamed = new[edges][:, rng.permutation(edges.shape[1])]
    assert np.allclose(layer(Z, renamed).data[new], layer(X, edges).data, rtol=1e-12, atol=1e-13)


# ---- MessagePassing


def test_aggregations_by_hand():
    X = np.array([[1.0, -2.0], [5.0, -6.0], [9.0, 0.0]])
    edges = [[0, 1, 1], [2, 2, 0]]
    assert MessagePassing()(X, edges).data.tolist() == [[5, -6], [0, 0], [6, -8]]
    assert MessagePassing("mean")(X, edges).data.tolist() == [[5, -6], [0, 0], [3, -4]]
    assert MessagePassing("max")(X, edges).data.tolist() == [[5, -6], [0, 0], [5, -2]]


def test_equal_messages_share_the_gradient_of_their_maximum():
    X = Tensor([[1.0], [1.0], [0.0]], requires_grad=True)
    MessagePassing("max")(X, [[0, 1, 2], [2, 2, 2]]).sum().backward()
    assert X.grad.tolist() == [[0.5], [0.5], [0.0]]


def test_features_of_edges_reach_the_messages():
    class Weighted(MessagePassing):
        def forward(self, X, edges, w):
            return self.propagate(X, edges, w)

        def message(self, source, target, w):
            return w * (source - target)

        def update(self, X, M):
            return X + M

    X, w, edges = draw(3, 2), draw(4, 1, seed=1), np.array([[0, 1, 2, 2], [1, 0, 0, 1]])
    L = adjacency(edges, 3, w[:, 0])
    assert np.allclose(Weighted()(X, edges, w).data, X + L @ X - L.sum(axis=1, keepdims=True) * X)
    check_vjp(lambda X, w: Weighted()(X, edges, w), X, w)


@pytest.mark.parametrize("kind", [list, np.uint8, np.int32, np.uint64, Tensor])
def test_edges_of_any_integers(kind):
    edges = [[0, 1, 2], [1, 2, 0]]
    given_edges = edges if kind is list else Tensor(np.array(edges)) if kind is Tensor else np.array(edges, kind)
    layer, X = GraphConv(2, 2, seed=0), draw(3, 2)
    assert np.array_equal(layer(X, given_edges).data, layer(X, np.array(edges)).data)
    assert np.array_equal(layer(X, [[], []]).data, layer(X, np.zeros((2, 0), int)).data)


def test_changing_edges_after_the_call_changes_no_gradient():
    X = Tensor(draw(3, 2), requires_grad=True)
    edges = np.array([[0, 1, 2], [1, 2, 0]])
    grads = []
    for change in (False, True):
        Y = GATConv(2, 2, seed=0)(X, edges)
        if change:
            edges[...] = 0
        X.grad = None
        (Y * Y).sum().backward()
        grads.append(X.grad)
    assert np.array_equal(*grads)


def test_whole_numbers_as_features_count_in_the_layers_precision():
    edges = [[0, 1], [1, 0]]
    for layer in (GraphConv(2, 2), SAGEConv(2, 2), GATConv(2, 2), MessagePassing()):
        assert layer(np.eye(2, dtype=int), edges).dtype == np.float32


# ---- GraphConv


def test_the_symmetric_normalisation_by_hand():
    """A path of three nodes with loops: degrees 2, 3, 2."""
    layer = GraphConv(1, 1, W=[[1.0]])
    Y = layer(np.array([[1.0], [0.0], [0.0]]), [[0, 1, 1, 2], [1, 0, 2, 1]])
    assert np.allclose(Y.data[:, 0], [1 / 2, 1 / np.sqrt(6), 0])


def test_weights_are_entries_of_the_adjacency_matrix_and_learn():
    edges, w = np.array([[0, 1, 2, 0], [1, 2, 0, 1]]), np.array([0.5, 2.0, 1.5, 1.0])
    layer, X = wide(GraphConv(3, 2, seed=1)), draw(3, 3)
    assert np.allclose(layer(X, edges, w).data, dense_gcn(layer, X, adjacency(edges, 3, w)), rtol=1e-12)
    assert np.array_equal(layer(X, edges, edge_weight=w).data, layer(X, edges, w).data)
    assert np.allclose(layer(X, edges, np.ones(4)).data, layer(X, edges).data, rtol=1e-14)
    check_vjp(lambda X, w: layer(X, edges, w), X, w, order=2)


def test_a_weight_of_zero_has_a_finite_gradient():
    w = Tensor(np.zeros(2), requires_grad=True)
    Y = GraphConv(2, 2, self_loops=False, seed=0)(np.ones((2, 2)), [[0, 1], [1, 0]], w)
    Y.sum().backward()
    assert Y.data.tolist() == [[0, 0], [0, 0]] and np.isfinite(w.grad).all()


def test_an_edge_beside_a_loop_counts_as_the_formula_says():
    """Loops among the edges come on top of I; with self_loops=False they are the only ones."""
    layer = wide(GraphConv(3, 2, seed=1))
    X, loops = draw(3, 3), np.array([[0, 1, 2], [0, 1, 2]])
    bare = wide(GraphConv(3, 2, W=layer.W, self_loops=False))
    assert np.allclose(bare(X, loops).data, layer(X, np.zeros((2, 0), int)).data, rtol=1e-14)
    assert np.allclose(layer(X, loops).data, dense_gcn(layer, X, 1.0 * np.eye(3)), rtol=1e-12)


# ---- GATConv


def test_attention_of_a_node_adds_up_to_one():
    """Equal features pass as they are, whatever the weights of attention; an isolated node gets the bias."""
    layer = wide(GATConv(2, 3, self_loops=False, seed=0))
    x = draw(2)
    Y = layer(np.stack([x, x, x]), [[0, 1, 2, 0], [1, 0, 1, 1]]).data
    assert np.allclose(Y[:2], x @ layer.W.data + layer.b.data) and np.array_equal(Y[2], layer.b.data)


def test_loops_are_added_where_there_is_none():
    X, edges = draw(3, 2), np.array([[0, 1, 1], [1, 1, 2]])
    layer, bare = (GATConv(2, 3, self_loops=loops, seed=0) for loops in (True, False))
    full = np.concatenate([edges, [[0, 2], [0, 2]]], axis=1)
    assert np.allclose(layer(X, edges).data, bare(X, full).data)


# ---- segment_softmax


def test_segments_are_distributions():
    x = np.array([1.0, 1000.0, 2.0, 1000.0, -1000.0])
    y = segment_softmax(x, np.array([0, 2, 0, 2, 2]), 4).data
    assert np.allclose(y, [1 / (1 + np.e), 0.5, np.e / (1 + np.e), 0.5, 0])


def test_segments_may_change_after_the_call():
    x, segments = Tensor(draw(3), requires_grad=True), np.array([0, 0, 1])
    y = segment_softmax(x, segments, 2)
    segments[...] = 0
    y.backward(np.array([1.0, 0.0, 5.0]))
    p = y.data[0]
    assert np.allclose(x.grad, [p * (1 - p), -p * (1 - p), 0])
