"""Statistics of a step: what they say of gradients, weights and updates."""

import math

import numpy as np
import pytest
from pureml_core import Parameter, RowSparse
from pureml_optim import SGD, Accumulation, Adam, Statistics, watch


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_each_number(dtype):
    w = Parameter([[3.0, 0.0], [0.0, -4.0]], dtype)
    w.grad = [[0.0, 2.0], [-4.0, 0.5]]
    optim = SGD({"w": w}, lr=0.5, beta=0.0)
    with watch(optim) as stats:
        optim.step()
    row = stats["w"]
    assert row.shape == (2, 2)
    assert row.grad_norm == pytest.approx(math.sqrt(4 + 16 + 0.25))
    assert row.grad_mean == pytest.approx(-1.5 / 4)
    assert row.grad_max == 4
    assert row.zeros == 0.25
    assert row.weight_norm == 5
    assert row.update_norm == pytest.approx(row.grad_norm / 2, rel=2e-3)
    assert row.update_ratio == row.update_norm / 5
    assert stats.grad_norm == row.grad_norm
    assert all(type(x) is float for x in (row.grad_mean, row.grad_max, row.zeros, row.update_norm, row.update_ratio))


def test_rows_by_name_and_those_without_a_gradient():
    params = {name: Parameter(np.ones(2)) for name in ("a", "b", "c")}
    params["a"].grad, params["c"].grad = [3.0, 0.0], [0.0, 4.0]
    optim = Adam(params, lr=0.1)
    with watch(optim) as stats:
        assert len(stats) == 0
        optim.step()
    assert list(stats) == ["a", "c"]
    assert stats.without_gradient == ["b"]
    assert stats.grad_norm == 5
    lines = str(stats).splitlines()
    assert [line.split()[0] for line in lines] == ["shape", "a", "c", "without"]
    assert lines[0].split()[1:] == ["|g|", "mean", "g", "max", "|g|", "zeros", "|w|", "|dw|/|w|"]
    assert len({len(line) for line in lines[:3]}) == 1
    assert repr(stats) == str(stats)


def test_watching_changes_nothing():
    def run(watched):
        w = Parameter(np.arange(6.0).reshape(2, 3))
        optim = Adam([w], lr=0.1)
        for _ in range(3):
            (w * w).sum().backward()
            if watched:
                with watch([w]):
                    optim.step()
            else:
                optim.step()
            optim.zero_grad()
        return w.data

    np.testing.assert_array_equal(run(True), run(False))


def test_row_sparse_gradients_count_with_the_whole_table():
    def row(sparse):
        w = Parameter(np.ones((6, 2)), np.float64)
        g = RowSparse(np.array([4, 1, 4]), np.array([[3.0, -9.0], [0.0, 8.0], [3.0, 1.0]]), (6, 2))
        w.grad = g if sparse else g.dense()
        optim = SGD([w], lr=0.1, beta=0.0)
        with watch(optim) as stats:
            assert (w.sparse_grad is not None) == sparse
            optim.step()
        return stats["0"]

    assert row(True) == row(False)
    assert row(True).zeros == 0.75


def test_the_gradient_may_be_forgotten_inside():
    w = Parameter([1.0])
    accumulation = Accumulation(SGD([w], lr=0.1), every=1)
    (w * 2).sum().backward()
    with watch(accumulation.optim) as stats:
        accumulation.step()
    assert w.grad is None
    assert stats["0"].grad_norm == 2
    assert stats["0"].update_norm > 0


@pytest.mark.parametrize(
    ("weight", "grad", "ratio"), [(0.0, 1.0, math.inf), (0.0, 0.0, 0.0), (2.0, 0.0, 0.0), (2.0, 1.0, 0.05)]
)
def test_ratios(weight, grad, ratio):
    w = Parameter(weight)
    w.grad = grad
    optim = SGD([w], lr=0.1, beta=0.0)
    with watch(optim) as stats:
        optim.step()
    assert stats["0"].update_ratio == pytest.approx(ratio)
    assert "1" in str(stats).splitlines()[1].split()  # the shape of a single number


@pytest.mark.parametrize("wrong", [math.nan, math.inf, 1e38])
def test_numbers_that_are_not_finite_are_shown(wrong):
    w = Parameter(np.ones(3))
    w.grad = [wrong, -wrong, wrong]
    optim = SGD([w], lr=1.0, beta=0.0)
    with watch(optim) as stats:
        optim.step()
    assert stats["0"].grad_max == pytest.approx(wrong, nan_ok=True)
    assert math.isfinite(stats["0"].grad_norm) == math.isfinite(wrong)
    assert str(stats)


def test_empty_parameters_and_failing_steps():
    w = Parameter(np.zeros((0, 3)))
    w.grad = np.zeros((0, 3))
    with watch([w]) as stats:
        pass
    assert (stats["0"].grad_norm, stats["0"].grad_max, stats["0"].grad_mean, stats["0"].update_ratio) == (0, 0, 0, 0)
    with pytest.raises(ZeroDivisionError), watch([w]) as stats:
        raise ZeroDivisionError
    assert len(stats) == 0
    assert isinstance(stats, Statistics)


def test_what_is_refused():
    with pytest.raises(TypeError, match="watch: given int"), watch(3):
        pass
