"""`pureml.machinery`: what a program written for the paper's library asks of a Tensor."""

import inspect

import numpy as np
import pureml_core as core
import pytest
from pureml import machinery
from pureml.machinery import Tensor, flatten, is_grad_enabled, ln, log2, no_grad, reshape, sqrt

MATRIX = np.array([[1.0, 5.0, 2.0], [4.0, 3.0, 6.0]])


def leaf(a=MATRIX):
    return Tensor(np.array(a), requires_grad=True)


SIGNATURES = {
    Tensor: "(data, requires_grad=False, *, dtype=None, copy=False, ensure_writable=True, coerce_float_if_grad=True)",
    Tensor.numpy: "(self, *, copy=True, readonly=False)",
    Tensor.all: "(self, axis=None, keepdims=False)",
    Tensor.any: "(self, axis=None, keepdims=False)",
    Tensor.argmax: "(self, axis=None, keepdims=False)",
    Tensor.reshape: "(self, *shape, order='C')",
    Tensor.flatten: "(self, *, keep_batch=True, sample_ndim=None)",
    Tensor.general_transpose: "(self, order)",
    Tensor.unsqueeze: "(self, dim)",
    Tensor.dot: "(self, other)",
    Tensor.requires_grad_: "(self, mode=True)",
    Tensor.backward: "(self, grad=None, *, keep_graph=False)",
    reshape: "(x, *shape)",
    log2: "(x, context=None)",
}


@pytest.mark.parametrize("f", SIGNATURES, ids=lambda f: f.__name__)
def test_signatures(f):
    signature = inspect.signature(f)
    plain = [p.replace(annotation=inspect.Parameter.empty) for p in signature.parameters.values()]
    assert str(signature.replace(parameters=plain, return_annotation=inspect.Signature.empty)) == SIGNATURES[f]


VALUES = {
    "eq": (lambda t: t.eq(Tensor(MATRIX)), MATRIX == MATRIX),
    "ne": (lambda t: t.ne(Tensor(3.0)), MATRIX != 3.0),
    "lt": (lambda t: t.lt(Tensor(3.0)), MATRIX < 3.0),
    "le": (lambda t: t.le(Tensor(3.0)), MATRIX <= 3.0),
    "gt": (lambda t: t.gt(Tensor(3.0)), MATRIX > 3.0),
    "ge": (lambda t: t.ge(Tensor(3.0)), MATRIX >= 3.0),
    "all": (lambda t: t.gt(Tensor(2.0)).all(1), (MATRIX > 2.0).all(1)),
    "any": (lambda t: t.gt(Tensor(4.5)).any(axis=0, keepdims=True), (MATRIX > 4.5).any(axis=0, keepdims=True)),
    "argmax": (lambda t: t.argmax(), np.argmax(MATRIX)),
    "argmax axis": (lambda t: t.argmax(-1, True), MATRIX.argmax(-1, keepdims=True)),
}


@pytest.mark.parametrize("name", VALUES)
def test_what_has_no_gradient(name):
    f, want = VALUES[name]
    y = f(leaf())
    assert isinstance(y, Tensor) and not y.requires_grad and y.dtype == np.asarray(want).dtype
    np.testing.assert_array_equal(y.data, want)


DIFFERENTIABLE = {
    "+ - * /": (lambda t: (t + t) * t / (t - Tensor(9.0)), 2 * MATRIX**2 / (MATRIX - 9.0)),
    "**": (lambda t: t**t, MATRIX**MATRIX),
    "neg": (lambda t: -t, -MATRIX),
    "@": (lambda t: t @ t.T, MATRIX @ MATRIX.T),
    "T of 3 axes": (lambda t: t.reshape(1, 2, 3).T, MATRIX.reshape(1, 2, 3).swapaxes(1, 2)),
    "T of a vector": (lambda t: t.reshape(6).T, MATRIX.reshape(6)),
    "dot of vectors": (lambda t: t[0].dot(t[1]), MATRIX[0] @ MATRIX[1]),
    "dot of matrices": (lambda t: t.dot(t.T), MATRIX @ MATRIX.T),
    "index": (lambda t: t[[0, 0, 1], 1:], MATRIX[[0, 0, 1], 1:]),
    "mask": (lambda t: t[t.gt(Tensor(2.5))], MATRIX[MATRIX > 2.5]),
    "squeeze": (lambda t: t.reshape(1, 2, 1, 3).squeeze(), MATRIX),
    "squeeze dim": (lambda t: t.reshape(1, 2, 1, 3).squeeze(dim=2), MATRIX[None]),
    "squeeze a list": (lambda t: t.reshape(1, 2, 1, 3).squeeze([0, 2]), MATRIX),
    "squeeze NumPy's": (lambda t: t.reshape(1, 2, 1, 3).squeeze(np.int64(-2)), MATRIX[None]),
    "unsqueeze": (lambda t: t.unsqueeze(-3), MATRIX[None]),
    "unsqueeze NumPy's": (lambda t: t.unsqueeze(np.int64(2)), MATRIX[..., None]),
    "reshape": (lambda t: t.reshape(3, -1), MATRIX.reshape(3, 2)),
    "reshape a list": (lambda t: t.reshape([6]), MATRIX.reshape(6)),
    "flatten": (lambda t: t.reshape(1, 2, 3).flatten(), MATRIX.reshape(1, 6)),
    "flatten all": (lambda t: t.flatten(keep_batch=False), MATRIX.reshape(6)),
    "flatten samples": (lambda t: t.reshape(1, 2, 3).flatten(sample_ndim=1), MATRIX[None]),
    "flatten nothing": (lambda t: t.flatten(sample_ndim=0), MATRIX),
    "general_transpose": (lambda t: t.reshape(1, 2, 3).general_transpose((2, 0, 1)), MATRIX.T[:, None]),
    "sqrt": (sqrt, np.sqrt(MATRIX)),
    "ln": (ln, np.log(MATRIX)),
    "log2": (log2, np.log2(MATRIX)),
    "log2 with a context": (lambda t: log2(t, {}), np.log2(MATRIX)),
    "reshape as a function": (lambda t: reshape(t, 3, 2), MATRIX.reshape(3, 2)),
    "reshape with a tuple": (lambda t: reshape(t, (3, -1)), MATRIX.reshape(3, 2)),
    "flatten as a function": (lambda t: flatten(t, sample_ndim=2), MATRIX.reshape(6)),
}


@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_what_has_a_gradient(name):
    f, want = DIFFERENTIABLE[name]
    y = f(leaf())
    assert y.requires_grad
    np.testing.assert_allclose(y.data, want)
    core.check_vjp(f, MATRIX)


ERRORS = {
    "squeeze: not of size 1": (ValueError, lambda t: t.squeeze(0)),
    "squeeze: no such axis": (ValueError, lambda t: t.squeeze(2)),
    "squeeze: twice": (ValueError, lambda t: t.reshape(1, 6).squeeze((0, 0))),
    "squeeze: text": (TypeError, lambda t: t.squeeze("0")),
    "unsqueeze: None": (TypeError, lambda t: t.unsqueeze(None)),
    "unsqueeze: text": (TypeError, lambda t: t.unsqueeze("0")),
    "unsqueeze: no such axis": (ValueError, lambda t: t.unsqueeze(3)),
    "dot: sizes": (ValueError, lambda t: t.dot(t)),
    "flatten: sample_ndim": (ValueError, lambda t: t.flatten(sample_ndim=3)),
    "general_transpose: order": (ValueError, lambda t: t.general_transpose((0, 0))),
    "general_transpose: length": (ValueError, lambda t: t.general_transpose((0, 1, 2))),
    "reshape": (ValueError, lambda t: t.reshape(4, -1)),
    "object": (TypeError, lambda t: Tensor(np.array([None]), requires_grad=True)),
    "untracked backward": (RuntimeError, lambda t: t.detach().backward()),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors(name):
    kind, f = ERRORS[name]
    with pytest.raises(kind):
        f(leaf())


def test_leaving_the_graph():
    x = leaf()
    h = (x * x).retain_grad()
    loss = h.sum()
    loss.backward(keep_graph=True)
    np.testing.assert_allclose(x.grad, 2 * MATRIX)
    loss.zero_grad_graph()
    assert x.grad is None and h.grad is None
    d = loss.detach()
    assert not d.requires_grad and d.is_leaf and np.shares_memory(d.data, loss.data)
    loss.detach_graph()
    assert not loss.requires_grad and x.requires_grad
    assert x.detach_() is x and not x.requires_grad and x.grad is None
    assert x.requires_grad_(True) is x and x.requires_grad
    x.grad = np.ones((2, 3))
    x.zero_grad()
    assert x.grad is None


def test_arrays_in_and_out():
    x = leaf()
    assert not np.shares_memory(x.numpy(), x.data) and np.shares_memory(x.numpy(copy=False), x.data)
    assert not x.numpy(readonly=True).flags.writeable and x.data.flags.writeable
    assert Tensor([1, 2]).dtype == np.int64 and Tensor([1, 2], requires_grad=True).dtype == np.float64
    assert not Tensor(x).requires_grad and len({x, x, leaf()}) == 2
    with no_grad():
        assert not is_grad_enabled() and not (x * x).requires_grad
    assert is_grad_enabled() and set(machinery.__all__) <= set(dir(machinery))
