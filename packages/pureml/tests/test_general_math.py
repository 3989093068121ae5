"""`pureml.general_math`: the paper's defaults over core's operations."""

import numpy as np
import pureml_core as core
import pytest
from pureml import general_math as gm
from pureml.machinery import Tensor

X = np.array([[1.0, 5.0, 3.0], [4.0, 2.5, 6.0]])

CASES = {
    "mean": (gm.mean, X.mean()),
    "mean axis": (lambda x: gm.mean(x, axis=-1), X.mean(-1)),
    "sum": (gm.sum, X.sum(-1)),
    "sum all": (lambda x: gm.sum(x, axis=None), X.sum()),
    "variance": (gm.variance, X.var(-1)),
    "variance all": (lambda x: gm.variance(x, axis=None), X.var()),
    "std": (gm.std, X.std(-1)),
    "std axis": (lambda x: gm.std(x, axis=0), X.std(0)),
    "deviation": (gm.deviation, X - X.mean(-1, keepdims=True)),
    "deviation all": (lambda x: gm.deviation(x, axis=None), X - X.mean()),
    "ewma": (lambda x: gm.ewma(x, 2 * x, beta=0.9), 1.1 * X),
    "euclidean_distance": (
        lambda x: gm.euclidean_distance(x, x[::-1] + np.float32(1)),
        np.linalg.norm(X - X[::-1] - 1),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_values_and_gradients(name):
    f, want = CASES[name]
    y = f(Tensor(X, requires_grad=True))
    assert y.requires_grad and y.shape == np.shape(want)
    np.testing.assert_allclose(y.data, want, rtol=1e-14)
    core.check_vjp(f, X)
    assert f(Tensor(X.astype(np.float32))).dtype == np.float32


def test_moving_averages_of_arrays_stay_arrays():
    assert type(gm.ewma(np.ones(2), np.zeros(2), beta=0.75)) is np.ndarray


def test_no_distance_and_no_spread_have_gradient_0():
    x, y = Tensor(X, requires_grad=True), Tensor(X, requires_grad=True)
    gm.euclidean_distance(x, y).backward()
    assert not x.grad.any() and not y.grad.any()
    x = Tensor(np.ones((2, 3)), requires_grad=True)
    s = gm.std(x)
    s.backward()
    assert s.tolist() == [0.0, 0.0] and not x.grad.any()


def test_arguments_after_the_data_are_named():
    for f in (gm.mean, gm.sum, gm.variance, gm.std, gm.deviation):
        with pytest.raises(TypeError):
            f(Tensor(X), 0)
    with pytest.raises(TypeError):
        gm.ewma(X, X, 0.9)
