"""Linear algebra where it is delicate: zeros, ties, singular and degenerate matrices, NumPy's other names."""

import numpy as np
import pureml_core as pm
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pureml_core import Tensor, check_vjp, gradients

rng = np.random.default_rng(5)


def grad(f, *xs):
    """The gradients of the sum of f at arrays xs."""
    tensors = [Tensor(x, requires_grad=True) for x in xs]
    found = gradients(f(*tensors).sum(), tensors)
    return found[0].numpy() if len(xs) == 1 else [dx.numpy() for dx in found]


# ---- norms


@pytest.mark.parametrize("ord", [0.5, 1, 1.5, 2, 3, np.inf, 0])
def test_the_norm_of_zeros_has_gradient_zero(ord):
    assert grad(lambda x: pm.vector_norm(x, ord=ord), np.zeros(3)).tolist() == [0, 0, 0]


@pytest.mark.parametrize("ord", ["fro", 1, np.inf])
def test_the_norm_of_a_zero_matrix_has_gradient_zero(ord):
    assert not grad(lambda x: pm.norm(x, ord=ord), np.zeros((2, 3))).any()
    assert not grad(lambda x: pm.norm(x, axis=0), np.zeros((2, 3))).any()


def test_one_zero_among_others():
    x = np.array([0.0, 3.0, -4.0])
    np.testing.assert_allclose(grad(pm.norm, x), [0, 0.6, -0.8])
    np.testing.assert_allclose(grad(lambda x: pm.norm(x, 1), x), [0, 1, -1])
    np.testing.assert_allclose(grad(lambda x: pm.norm(x, 1.5), x)[0], 0)


def test_equal_entries_share_the_gradient_of_their_maximum():
    assert grad(lambda x: pm.norm(x, np.inf), np.array([2.0, -2.0, 1.0])).tolist() == [0.5, -0.5, 0]
    assert grad(lambda x: pm.norm(x, -np.inf), np.array([2.0, -1.0, 1.0])).tolist() == [0, -0.5, 0.5]
    np.testing.assert_allclose(grad(lambda x: pm.norm(x, 2), np.eye(4)), np.eye(4) / 4, atol=1e-15)


def test_second_derivatives_at_a_zero_stay_finite():
    x = Tensor([0.0, 3.0, -4.0], requires_grad=True)
    (g,) = gradients(pm.norm(x), [x], create_graph=True)
    assert np.isfinite(gradients(g.sum(), [x])[0].numpy()).all()


def test_condition_number_of_a_singular_matrix():
    for p in (None, 1, "fro"):
        assert np.isinf(float(pm.cond(Tensor(np.diag([1.0, 0.0])), p)))


# ---- determinants


def test_determinant_of_singular_matrices():
    """The gradient is the matrix of cofactors, also where there is no inverse."""
    np.testing.assert_allclose(grad(pm.det, np.array([[1.0, 2.0], [2.0, 4.0]])), [[4, -2], [-2, 1]], atol=1e-14)
    np.testing.assert_allclose(grad(pm.det, np.diag([2.0, 0.0, 3.0])), np.diag([0.0, 6.0, 0.0]), atol=1e-14)
    assert not grad(pm.det, np.diag([2.0, 0.0, 0.0])).any()
    assert grad(pm.det, np.zeros((1, 1))).tolist() == [[1.0]]


@pytest.mark.parametrize(
    "a", [np.eye(3), np.diag([1.0, 1.0, 0.0]), np.diag([1.0, 0.0, 0.0]), np.zeros((3, 3))], ids=str
)
def test_derivatives_of_the_determinant_of_every_order(a):
    x, direction = Tensor(a, requires_grad=True), rng.standard_normal((3, 3))
    y = pm.det(x)
    for _ in range(3):
        y = (gradients(y, [x], create_graph=True)[0] * direction).sum()
    np.testing.assert_allclose(float(y), 6 * np.linalg.det(direction))  # the cubic term of det(a + t direction)


def test_nearly_singular_determinants():
    check_vjp(pm.det, np.diag([1.0, 1e-9, 2.0]), order=2)


def test_slogdet_of_a_singular_matrix_is_infinitely_steep():
    g = grad(lambda x: pm.slogdet(x)[1], np.array([[1.0, 2.0], [2.0, 4.0]]))
    assert g.tolist() == [[np.inf, -np.inf], [-np.inf, np.inf]]


def test_slogdet_does_not_overflow():
    np.testing.assert_allclose(grad(lambda x: pm.slogdet(x)[1], 1e-3 * np.eye(200)), 1e3 * np.eye(200))
    assert not grad(lambda x: pm.slogdet(x)[0], np.eye(3)).any()


# ---- decompositions


def test_equal_eigenvalues_have_gradients():
    np.testing.assert_allclose(grad(lambda x: pm.eigh(x)[0] ** 2, np.eye(3)), 2 * np.eye(3))
    np.testing.assert_allclose(grad(lambda x: pm.svd(x)[1] ** 2, np.eye(3)), 2 * np.eye(3))
    np.testing.assert_allclose(grad(lambda x: pm.eigvals(x), 2 * np.eye(3)), np.eye(3))
    np.testing.assert_allclose(grad(pm.svdvals, np.zeros((2, 2))).shape, (2, 2))


def test_their_vectors_have_none():
    weight = rng.standard_normal((3, 3))
    assert np.isnan(grad(lambda x: pm.eigh(x)[1] * weight, np.eye(3))).any()
    assert np.isnan(grad(lambda x: pm.svd(x)[0] * weight, np.eye(3))).any()


def test_vectors_that_nobody_uses_may_have_equal_values():
    """The first principal component of data of low rank: the other eigenvalues are all 0."""
    v = np.array([[3.0, 0.0, 4.0, 0.0]]) / 5
    a = 2 * v.T @ v
    target = rng.standard_normal((4, 4))

    def f(a):
        top = pm.eigh((a + a.T) / 2)[1][:, -1:]
        return (top @ top.T) * target

    def g(a):
        u, _, vh = pm.svd(a)
        return (u[:, :1] @ vh[:1]) * target

    check_vjp(f, a)
    check_vjp(g, a)


def test_what_full_matrices_add_has_no_gradient():
    a = Tensor(rng.standard_normal((4, 2)), requires_grad=True)
    u, _, _ = np.linalg.svd(a)
    assert u.shape == (4, 4)
    (u[:, :2] * 2).sum().backward(keep_graph=True)
    with pytest.raises(ValueError, match="full_matrices=False"):
        u.sum().backward()


def test_pinv_settings():
    a = rng.standard_normal((3, 4))
    for setting in ({}, {"rtol": 1e-3}, {"rtol": None}, {"rcond": 1e-3}):
        np.testing.assert_allclose(np.linalg.pinv(Tensor(a), **setting).data, np.linalg.pinv(a, **setting))
    check_vjp(lambda x: pm.pinv(x, rtol=1e-3), a, order=2)


def test_pinv_and_lstsq_keep_the_rank():
    """At a matrix of rank 1, along matrices of rank 1."""
    b = rng.standard_normal(3)

    def f(u, v):
        return pm.pinv(pm.outer(u, v), rcond=1e-10)

    def g(u, v):
        return pm.lstsq(pm.outer(u, v), b, rcond=1e-10)[0]

    check_vjp(f, rng.standard_normal(3), rng.standard_normal(2), order=2)
    check_vjp(g, rng.standard_normal(3), rng.standard_normal(2), order=2)
    x, residuals, rank, _ = np.linalg.lstsq(Tensor(np.outer([1.0, 2.0, 3.0], [1.0, 1.0])), b, rcond=1e-10)
    assert int(rank) == 1 and residuals.shape == (0,) and x.shape == (2,)


def test_the_zeroth_power_is_constant():
    x = Tensor(rng.standard_normal((2, 2)), requires_grad=True)
    y = np.linalg.matrix_power(x, 0)
    assert y.tolist() == [[1, 0], [0, 1]]
    y.backward()
    assert x.grad.tolist() == [[0, 0], [0, 0]]


def test_rank_is_untracked():
    x = Tensor(np.diag([1.0, 0.0]), requires_grad=True)
    assert int(np.linalg.matrix_rank(x)) == int(pm.matrix_rank(x)) == 1


# ---- NumPy's names


def test_numpy_names_the_parts_of_results():
    x = Tensor(rng.standard_normal((3, 3)), requires_grad=True)
    _, V = np.linalg.eigh(x)
    assert np.linalg.eigh(x, UPLO="U").eigenvalues.requires_grad
    np.testing.assert_array_equal(np.linalg.eigh(x).eigenvectors.data, V.data)
    np.testing.assert_allclose(np.linalg.svd(x).S.data, np.linalg.svdvals(x).data)
    assert np.linalg.svd(x, compute_uv=False).shape == (3,)
    assert np.linalg.qr(x).R.shape == np.linalg.qr(x, mode="r").shape
    assert np.linalg.slogdet(x).logabsdet.requires_grad
    assert np.linalg.eig(x).eigenvalues.shape == (3,)
    assert type(pm.eigh(x)) is tuple


def test_array_api_names_have_their_own_defaults():
    x = rng.standard_normal((2, 3, 3))
    for f in (np.linalg.diagonal, np.linalg.trace, np.diagonal, np.trace):
        np.testing.assert_array_equal(f(Tensor(x)).data, f(x))
        np.testing.assert_array_equal(f(Tensor(x), offset=1).data, f(x, offset=1))
    with pytest.raises(ValueError, match="needed vectors"):
        np.linalg.outer(Tensor(x), Tensor(x))


def test_einsum_path_takes_tensors():
    a, b = Tensor(np.ones((2, 3)), requires_grad=True), Tensor(np.ones((3, 2)))
    assert np.einsum_path("ij,jk->ik", a, b)[0] == ["einsum_path", (0, 1)]


def test_one_matrix_for_many_is_multiplied_at_once():
    a, b = rng.standard_normal((2, 4, 3, 5)), rng.standard_normal((5, 2))
    da, db = grad(lambda a, b: pm.square(a @ b), a, b)
    np.testing.assert_allclose(db, np.einsum("abij,abik->jk", a, 2 * a @ b))
    np.testing.assert_allclose(da, 2 * a @ b @ b.T)


def test_multi_dot_takes_a_list_and_the_cheapest_order():
    xs = [rng.standard_normal(s) for s in [(10, 100), (100, 5), (5, 50)]]
    np.testing.assert_allclose(np.linalg.multi_dot([Tensor(x) for x in xs]).data, np.linalg.multi_dot(xs))
    np.testing.assert_allclose(pm.multi_dot(xs).data, pm.multi_dot(*xs).data)


# ---- whatever the shapes

quick = settings(max_examples=25, deadline=None)


@st.composite
def summations(draw):
    """Subscripts and shapes: two or three operands, indices repeated within, between, or nowhere."""
    sizes = draw(st.fixed_dictionaries({i: st.integers(1, 3) for i in "ijkl"}))
    terms = draw(st.lists(st.text("ijkl", min_size=0, max_size=3), min_size=1, max_size=3))
    present = sorted(set("".join(terms)))
    output = draw(st.permutations(present))[: draw(st.integers(0, len(present)))]
    arrow = "->" + "".join(output) if draw(st.booleans()) else ""
    return ",".join(terms) + arrow, [tuple(sizes[i] for i in term) for term in terms]


@quick
@given(summations())
def test_any_einsum(case):
    subscripts, shapes = case
    xs = [np.asarray(rng.standard_normal(s)) for s in shapes]
    np.testing.assert_allclose(pm.einsum(subscripts, *xs).data, np.einsum(subscripts, *xs), atol=1e-14)
    check_vjp(lambda *xs: pm.einsum(subscripts, *xs), *xs, order=2)


@quick
@given(st.data())
def test_any_tensordot(data):
    sizes = data.draw(st.lists(st.integers(1, 3), min_size=1, max_size=4))
    n = data.draw(st.integers(0, len(sizes)))
    of_a = data.draw(st.permutations(range(len(sizes))))[:n]
    of_b = data.draw(st.permutations(range(n)))
    shape_b = [0] * n
    for i, j in zip(of_a, of_b, strict=True):
        shape_b[j] = sizes[i]
    a, b = rng.standard_normal(sizes), np.asarray(rng.standard_normal([*shape_b, 2]))
    check_vjp(lambda a, b: pm.tensordot(a, b, (of_a, [j - b.ndim for j in of_b])), a, b, order=2)


@quick
@given(st.lists(st.integers(1, 3), max_size=2), st.lists(st.integers(1, 3), max_size=2), st.integers(1, 3))
def test_any_broadcast_matmul_and_solve(lead_a, lead_b, n):
    try:
        np.broadcast_shapes(tuple(lead_a), tuple(lead_b))
    except ValueError:
        return
    a = rng.standard_normal((*lead_a, n, n)) + 4 * np.eye(n)
    b = rng.standard_normal((*lead_b, n, 2))
    check_vjp(pm.matmul, a, b, order=2)
    check_vjp(pm.solve, a, b, order=2)
