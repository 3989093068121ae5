"""One table over all operations (see `core_cases`): derivatives, precision, layouts, NumPy's values, errors."""

import re

import numpy as np
import pureml_core as pm
import pytest
from core_cases import CASES, ERRORS, checks
from pureml_core import Tensor

rows = pytest.mark.parametrize("case", CASES, ids=str)


@rows
def test_derivatives(case):
    checks.check_derivatives(case)


@rows
def test_stays_in_its_precision(case):
    checks.check_precision(case)


@rows
def test_equals_numpy(case):
    checks.check_numpy(case)


@rows
def test_any_memory_layout(case):
    checks.check_layouts(case)


@rows
def test_definition_equals_its_body(case):
    checks.check_definition(case)


@pytest.mark.parametrize("error", ERRORS, ids=str)
def test_error_inputs(error):
    checks.check_error(error)


def test_every_op_has_a_row():
    assert checks.names_without_a_row(CASES) == set()


def test_ties_share_evenly():
    x = Tensor([[1.0, 1.0, 0.0], [2.0, -1.0, 2.0]], requires_grad=True)
    x.max(axis=1).sum().backward()
    assert x.grad.tolist() == [[0.5, 0.5, 0.0], [0.5, 0.0, 0.5]]
    a, b = Tensor([1.0, 2.0], requires_grad=True), Tensor([1.0, 0.0], requires_grad=True)
    np.maximum(a, b).backward()
    assert (a.grad.tolist(), b.grad.tolist()) == ([0.5, 1.0], [0.5, 0.0])


def test_special_values():
    assert pm.sigmoid(Tensor([-1e3, 0.0, 1e3])).tolist() == [0.0, 0.5, 1.0]
    assert float(pm.sigmoid(Tensor(-40.0))) == pytest.approx(np.exp(-40), rel=1e-12)
    assert np.tanh(Tensor([-1e3, 1e3])).tolist() == [-1.0, 1.0]
    masked = Tensor([0.0, -np.inf, 0.0], requires_grad=True)
    assert pm.softmax(masked).tolist() == [0.5, 0.0, 0.5]
    pm.logsumexp(masked).backward()
    assert masked.grad.tolist() == [0.5, 0.0, 0.5]
    base, exponent = Tensor([0.0, 2.0], requires_grad=True), Tensor([2.0, 3.0], requires_grad=True)
    (base**exponent).backward()
    assert exponent.grad.tolist() == [0.0, 8 * np.log(2)]
    assert base.grad.tolist() == [0.0, 12.0]
    negative = Tensor([-2.0, 0.0], requires_grad=True)
    (negative**2).backward()
    assert negative.grad.tolist() == [-4.0, 0.0]
    zero = Tensor([0.0], requires_grad=True)
    (zero**0).backward()
    assert zero.grad.tolist() == [0.0]


def test_numpy_keywords_an_op_lacks_are_named():
    x = Tensor([1.0, 2.0], requires_grad=True)
    for call in (lambda: np.sum(x, where=[True, False]), lambda: np.exp(x, where=[True, False])):
        with pytest.raises(TypeError, match=re.escape("(where=)")):
            call()
    with pytest.raises(TypeError, match="dtype"):
        np.add(x, x, dtype=np.float32)
