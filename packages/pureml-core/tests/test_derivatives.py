"""Derivatives as functions: of any argument, in any container, to any order."""

import numpy as np
import pureml_core as pm
import pytest
from pureml_core import Tensor, grad, gradients, hessian, hvp, jacobian, jvp, no_grad, value_and_grad, vjp

X = np.array([0.5, -1.0, 2.0])


def f(x, y=2.0, *, scale=1.0):
    return (np.sin(x) * y * scale).sum()


def test_by_position_name_and_several():
    np.testing.assert_allclose(grad(f)(X), 2 * np.cos(X))
    np.testing.assert_allclose(grad(f, "x")(X), 2 * np.cos(X))
    np.testing.assert_allclose(grad(f, -1)(X, 3.0), np.sin(X).sum())
    np.testing.assert_allclose(grad(f, "scale")(X, scale=2.0), 2 * np.sin(X).sum())
    dx, dy = grad(f, (0, "y"))(X, y=3.0)
    np.testing.assert_allclose(dx, 3 * np.cos(X))
    np.testing.assert_allclose(dy, np.sin(X).sum())
    with pytest.raises(ValueError, match="position 3"):
        grad(f, 3)(X)
    with pytest.raises(ValueError, match="no argument named 'z'"):
        grad(f, "z")(X)


def test_containers_come_back():
    def loss(p):
        return (p["layers"][0] * p["layers"][1] ** 2).sum() + p["b"]

    p = {"layers": [X, (X + 1)], "b": 1}
    g = grad(loss)(p)
    assert list(g) == ["layers", "b"] and isinstance(g["layers"], list)
    np.testing.assert_allclose(g["layers"][0], (X + 1) ** 2)
    np.testing.assert_allclose(g["layers"][1], 2 * X * (X + 1))
    assert g["b"] == 1.0
    with pytest.raises(TypeError, match=r"argument 0\['name'\]: given str"):
        grad(loss)({**p, "name": "w"})


def test_arrays_for_arrays_and_tensors_for_tensors():
    assert isinstance(grad(f)(X), np.ndarray) and isinstance(grad(f)(Tensor(X)), Tensor)
    assert not grad(f)(Tensor(X)).requires_grad
    value, _ = value_and_grad(f)(X)
    assert isinstance(value, float)
    x = Tensor(X, requires_grad=True)
    assert grad(f)(x).requires_grad and x.grad is None
    with no_grad():
        assert not grad(f)(x).requires_grad


def test_any_order_without_being_asked():
    g = np.tanh
    expected = [1 - np.tanh(0.3) ** 2]
    derivative = grad(g)
    assert derivative(0.3) == pytest.approx(expected[0])
    step = 1e-4
    for _ in range(3):
        lower, derivative = derivative, grad(derivative)
        assert derivative(0.3) == pytest.approx((lower(0.3 + step) - lower(0.3 - step)) / (2 * step), rel=1e-5)


def test_nested_over_another_variable():
    assert grad(lambda x: x * grad(lambda y: x * y**2)(3.0))(2.0) == pytest.approx(24.0)  # d/dx 6x²
    assert grad(lambda x: jvp(lambda y: y**3 * x, x, 1.0)[1])(2.0) == pytest.approx(9 * 2.0**2)  # d/dx 3x³
    w = Tensor(2.0, requires_grad=True)
    penalty = grad(lambda x: w * x**2)(3.0)
    penalty.backward()
    assert w.grad == 6.0


@pytest.mark.parametrize(
    "inside",
    [
        lambda x: grad(lambda y: x * y**2)(3.0),
        lambda x: value_and_grad(lambda y: x * y**2)(3.0)[0],
        lambda x: vjp(lambda y: x * y**2, 3.0)[1](1.0)[0],
        lambda x: jvp(lambda y: x * y**2, 3.0, 1.0)[1],
        lambda x: jacobian(lambda y: x * y**2)(3.0),
        lambda x: hvp(lambda y: x * y**2, 3.0, 1.0),
    ],
)
def test_the_leaves_of_a_derivative_inside_are_no_surrounding_computation(inside):
    assert type(grad(inside)(2.0)) is np.float64
    w = Tensor(2.0, requires_grad=True)  # and a tracked tensor still is one, two levels down as well
    assert grad(lambda x: w * inside(x))(2.0).requires_grad
    assert grad(lambda x: x * inside(w))(2.0).requires_grad
    made_by_operation = (w * 1).detach().requires_grad_()
    assert grad(lambda x: made_by_operation * inside(x))(2.0).requires_grad


def test_a_function_that_does_not_depend():
    assert grad(lambda x: Tensor(1.0))(X).tolist() == [0.0] * 3
    with pytest.warns(UserWarning, match=r"grad: the function returned float 1\.0, which does not depend"):
        assert grad(lambda x: 1.0)(X).tolist() == [0.0] * 3
    assert jvp(lambda x: Tensor(1.0), X, X)[1] == 0.0
    assert jacobian(lambda x: Tensor([1.0, 2.0]))(X).tolist() == [[0.0] * 3] * 2
    assert hessian(lambda x: x.sum())(X).tolist() == [[0.0] * 3] * 3


def test_a_gradient_needs_one_real_number():
    with pytest.raises(ValueError, match=r"float64 of shape \(3,\).*jacobian"):
        grad(np.sin)(X)
    with pytest.raises(ValueError, match="complex128"):
        grad(lambda x: x * 1j)(1.0)


def test_mistakes_are_errors():
    with pytest.raises(ValueError, match="forget to return"):
        grad(lambda x: None)(1.0)
    with pytest.raises(TypeError, match="returns 'a', needed numbers"):
        grad(lambda x: "a")(1.0)
    with pytest.raises(ValueError, match="names an argument twice"):
        grad(np.multiply, (0, -2))(2.0, 3.0)
    with pytest.raises(TypeError, match="output 0 is"):
        pm.gradients(1.0, Tensor(1.0, True))

    def cut(x):
        out = np.zeros(3)
        for i in range(3):
            out[i] = x[i] ** 2
        return out.sum()

    with pytest.warns(UserWarning, match="written into an ndarray"):
        grad(cut)(X)


def test_a_gradient_that_was_not_recorded_says_how_to_record_it():
    x = Tensor(2.0, requires_grad=True)
    with pytest.raises(RuntimeError, match=r"output 0 .* create_graph=True where it was taken"):
        gradients(gradients(x**3, x), x)


def test_what_vjp_returns_is_the_callers():
    x = X.copy()
    y, back = vjp(np.exp, x)
    y *= 0
    x[:] = 100
    np.testing.assert_allclose(back(np.ones(3))[0], np.exp(X))


def test_none_is_a_place_without_numbers():
    g = grad(lambda p: p["w"] ** 2)({"w": 3.0, "b": None})
    assert g == {"w": 6.0, "b": None}


def test_vjp_pulls_back_repeatedly():
    y, back = vjp(lambda a, b: {"p": a * b, "s": (a + b).sum()}, X, X + 1)
    np.testing.assert_allclose(y["p"], X * (X + 1))
    for k in (1.0, 2.0):
        da, db = back({"p": np.full(3, k), "s": 1.0})
        np.testing.assert_allclose(da, k * (X + 1) + 1)
        np.testing.assert_allclose(db, k * X + 1)
    with pytest.raises(ValueError, match=r"\['p'\]"):
        back(np.ones(3))
    with pytest.raises(ValueError, match=r"g\['p'\] has shape \(2,\), needed \(3,\)"):
        back({"p": np.ones(2), "s": 1.0})
    assert vjp(f, X, argnums="x")[1](1.0).shape == (3,)


def test_jvp_is_the_directional_derivative():
    t = np.array([1.0, -2.0, 0.5])
    y, dy = jvp(lambda a, b: (np.sin(a) * b, a.sum()), (X, 2.0), (t, 1.0))
    np.testing.assert_allclose(y[0], 2 * np.sin(X))
    np.testing.assert_allclose(dy[0], 2 * np.cos(X) * t + np.sin(X))
    np.testing.assert_allclose(dy[1], t.sum())
    with pytest.raises(ValueError, match="shape"):
        jvp(np.sin, X, np.ones(2))


def test_jacobian_and_hessian():
    a = np.random.default_rng(0).standard_normal((2, 3))
    np.testing.assert_allclose(jacobian(lambda x: a @ x)(X), a)
    assert jacobian(lambda x: np.outer(x, x))(X).shape == (3, 3, 3)
    h = hessian(lambda x: np.exp(x[0] * x[1]) + x[2] ** 3)(X)
    e = np.exp(-0.5)
    np.testing.assert_allclose(h[:2, :2], [[e, 0.5 * e], [0.5 * e, 0.25 * e]])
    assert h[2, 2] == pytest.approx(12.0) and (h == h.T).all()
    blocks = hessian(lambda p: (p["a"] * p["b"]).sum())({"a": X, "b": X})
    np.testing.assert_allclose(blocks["a"]["b"], np.eye(3))
    v = np.array([1.0, 2.0, 3.0])
    g = lambda x: (np.sin(x) * x[::-1]).sum()  # noqa: E731
    np.testing.assert_allclose(hvp(g, X, v), hessian(g)(X) @ v, rtol=1e-12)
    both = hvp(lambda a, b: (a * a * b).sum(), (X, X), (v, 0 * v))
    np.testing.assert_allclose(both[0], 2 * X * v)
    np.testing.assert_allclose(both[1], 2 * X * v)


def test_complex():
    z = np.array([1 + 2j, -0.5j])
    np.testing.assert_allclose(grad(lambda z: np.real(z * np.conj(z)).sum())(z), 2 * z)
    np.testing.assert_allclose(jacobian(lambda z: z**2)(z), np.diag(2 * z))
    np.testing.assert_allclose(jacobian(lambda x: x * (1 + 2j))(X), np.eye(3) * (1 + 2j))
    np.testing.assert_allclose(jvp(lambda z: z**2, z, 1j * z)[1], 2j * z**2)
    x = Tensor(z, requires_grad=True)
    np.real(x * np.conj(x)).sum().backward()
    np.testing.assert_allclose(x.grad, 2 * z)
    with pytest.raises(TypeError, match="complex argument and a real value"):
        jacobian(np.real)(z)


def test_integers_are_numbers_too():
    assert grad(lambda x: x**2)(3) == 6.0
    assert grad(lambda x: (x**2).sum())(np.array([1, 2])).tolist() == [2.0, 4.0]


def test_float32_stays():
    g = grad(lambda x: (pm.exp(x) * 2).sum())(X.astype(np.float32))
    assert g.dtype == np.float32
