"""Threads over pieces: the same results as one after another."""

import threading
import time

import numpy as np
import pytest
from pureml_core import Tensor, is_grad_enabled, no_grad, parallel, split_backward
from pureml_core import parallel as parallel_function

core = __import__("sys").modules["pureml_core.parallel"]


@pytest.fixture(params=["threads", "serial"])
def how(request, monkeypatch):
    """With matrix products held to one thread (as far as parallel knows), and where that cannot be had."""
    monkeypatch.setattr(core, "_controllers", [None])
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "1" if request.param == "threads" else "2")
    return request.param


def test_results_in_order_and_in_the_context_of_the_caller(how):
    def f(x):
        time.sleep(0.02 * (2 - x))
        return x, is_grad_enabled(), threading.current_thread() is threading.main_thread()

    with no_grad():
        found = parallel(f, [0, 1, 2], 2)
    assert [x for x, _, _ in found] == [0, 1, 2]
    assert not any(enabled for _, enabled, _ in found)
    assert all(here is (how == "serial") for _, _, here in found)


def test_the_first_error_is_raised_after_all_have_ended(how):
    ended = []

    def f(x):
        if x == 1:
            raise KeyError("one")
        time.sleep(0.02)
        ended.append(x)
        return x

    with pytest.raises(KeyError, match="one"):
        parallel_function(f, [0, 1, 2], 3)
    assert set(ended) == ({0, 2} if how == "threads" else {0})
    assert parallel(lambda x: x, [], 2) == []


def test_inside_another_one_it_is_serial(how):
    def outer(x):
        return [*parallel(lambda y: threading.get_ident(), [1, 2], 2), threading.get_ident()]

    assert all(len(set(idents)) == 1 for idents in parallel(outer, [1, 2], 2))


@pytest.mark.parametrize("n", [1, 2, 5])
def test_a_split_batch_has_the_gradients_of_the_whole(how, n):
    rng = np.random.default_rng(0)
    W, b = Tensor(rng.standard_normal((3, 2)), True), Tensor(np.zeros(2), True)
    X, Y = rng.standard_normal((n, 3)), rng.standard_normal((n, 2))

    def loss_of(x, y):
        return ((np.tanh(x @ W) + b - y) ** 2).mean()

    whole = loss_of(X, Y)
    whole.backward()
    expected = W.grad.copy(), b.grad.copy()
    W.zero_grad()
    b.zero_grad()
    results = []
    for _ in range(3):
        value = split_backward(loss_of, (X, Tensor(Y)), workers=2)
        assert value == pytest.approx(float(whole))
        results.append((W.grad, b.grad))
        np.testing.assert_allclose(W.grad, expected[0], rtol=1e-12)
        np.testing.assert_allclose(b.grad, expected[1], rtol=1e-12)
        W.zero_grad()
        b.zero_grad()
    assert all(np.array_equal(r[0], results[0][0]) for r in results)


def test_bad_batches():
    w = Tensor([1.0], True)
    with pytest.raises(ValueError, match=r"lengths \[2, 3\]"):
        split_backward(lambda x, y: (x * w).mean(), (np.ones(2), np.ones(3)))
    with pytest.raises(ValueError, match="not 0"):
        split_backward(lambda x: (x * w).mean(), np.ones(0))
    with pytest.raises(ValueError, match="tracked scalar"):
        split_backward(lambda x: x * w, np.ones(4))
    with pytest.raises(TypeError, match="tracked batch"):
        split_backward(lambda x: x.mean(), Tensor([1.0, 2.0], True))
    assert w.grad is None


def test_threadpoolctl_where_it_is_installed(monkeypatch):
    pytest.importorskip("threadpoolctl")
    monkeypatch.setattr(core, "_controllers", [])
    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
    assert parallel(lambda x: threading.current_thread() is threading.main_thread(), [1, 2], 2) == [False, False]
