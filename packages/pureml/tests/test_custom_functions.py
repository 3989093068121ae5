"""TensorValuedFunction: operations written for the paper's library, differentiated by pureml-core."""

import numpy as np
import pureml
import pureml_core as core
import pytest
from pureml.machinery import GradientNotDefined, Tensor, TensorValuedFunction, _shape_safe_grad, _update_ctx, no_grad


def softplus(x, *, context=None, beta=1.0):
    _update_ctx(context, sigmoid=lambda: 1 / (1 + np.exp(-beta * x)), beta=beta)
    return np.log1p(np.exp(beta * x)) / beta


def softplus_grad(g, x, *, context):
    return (g * context["sigmoid"],)


def product(x, y):
    return x * y


@_shape_safe_grad
def product_grad(g, x, y):
    return g * y, g * x


X, Y = np.array([[0.5, -1.0, 2.0]] * 2), np.array([1.5, -0.5, 3.0])
FUNCTIONS = {
    "context": (lambda x: TensorValuedFunction(softplus, softplus_grad)(x), (X,)),
    "a setting": (lambda x: TensorValuedFunction(softplus, softplus_grad)(x, beta=2.0), (X,)),
    "broadcasting": (TensorValuedFunction(product, product_grad), (X, Y)),
    "broadcasting undone by the engine": (TensorValuedFunction(product, lambda g, x, y: (g * y, g * x)), (X, Y)),
    "the value from the context": (
        TensorValuedFunction(np.exp, lambda g, x, *, context: (g * context["out"],)),
        (X,),
    ),
    "used twice": (lambda x: TensorValuedFunction(product, product_grad)(x, x), (X,)),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_gradients(name):
    f, inputs = FUNCTIONS[name]
    core.check_vjp(f, *inputs)


def test_second_derivatives_come_from_the_same_text():
    f = TensorValuedFunction(lambda x: x * x * x, lambda g, x: (3 * g * x * x,))
    np.testing.assert_allclose(core.hessian(lambda x: f(x).sum())(Y), np.diag(6 * Y))


def test_no_gradient():
    stopped = TensorValuedFunction(product, lambda g, x, y: (None, g * x))
    x, y = Tensor(X, requires_grad=True), Tensor(X + 1, requires_grad=True)
    stopped(x, y).sum().backward()
    np.testing.assert_allclose(y.grad, X)
    assert x.grad is None
    f = TensorValuedFunction(product)
    with no_grad():
        assert not f(x, y).requires_grad
    with pytest.raises(GradientNotDefined, match="Gradient not defined for function 'product'"):
        f.grad_fn  # noqa: B018
    with pytest.raises(GradientNotDefined):
        f(x, y).sum().backward()


def test_a_given_context_is_merged():
    seen = []
    f = TensorValuedFunction(product, lambda g, x, y, *, context: (seen.append(context["scale"]), (g * y, g * x))[1])
    given = {"scale": 3}
    f(Tensor(X, requires_grad=True), Tensor(Y), context=given).sum().backward()
    assert seen == [3] and given == {"scale": 3}


WRONG = {
    "context": (TypeError, lambda f, x: f(x, x, context=[])),
    "an unknown setting": (TypeError, lambda f, x: f(x, x, what=1)),
    "a Tensor": (TypeError, lambda f, x: TensorValuedFunction(lambda a: Tensor(a))(x)),
    "no tuple": (RuntimeError, lambda f, x: TensorValuedFunction(product, lambda g, a, b: g)(x, x).sum().backward()),
    "too few": (RuntimeError, lambda f, x: TensorValuedFunction(product, lambda g, a, b: (g,))(x, x).sum().backward()),
}


@pytest.mark.parametrize("name", WRONG)
def test_errors(name):
    error, f = WRONG[name]
    with pytest.raises(error):
        f(TensorValuedFunction(product, product_grad), Tensor(X, requires_grad=True))


def test_update_ctx():
    ctx = {"a": 1}
    _update_ctx(ctx, a=2, b=lambda: 3)
    _update_ctx(None, a=2)
    assert ctx == {"a": 1, "b": 3}
    _update_ctx(ctx, overwrite=True, a=2)
    assert ctx["a"] == 2


def test_shape_safe_grad():
    safe = _shape_safe_grad(lambda g, x, y: (g, np.float64(2.0)))
    first, second = safe(np.ones((2, 4, 3)), np.zeros((4, 1)), np.zeros(3))
    np.testing.assert_array_equal(first, np.full((4, 1), 6.0))
    np.testing.assert_array_equal(second, np.full(3, 2.0))
    assert _shape_safe_grad(lambda g, x: None)(np.ones(2), np.ones(2)) == (None,)


def test_the_root_has_them():
    assert pureml.TensorValuedFunction is TensorValuedFunction and pureml.GradientNotDefined is GradientNotDefined
