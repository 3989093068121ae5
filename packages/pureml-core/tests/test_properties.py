"""Any shapes, axes and permutations: values as NumPy's, first and second derivatives as finite differences'."""

import functools

import numpy as np
import pureml_core as pm
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, mutually_broadcastable_shapes
from pureml_core import check_vjp

few = settings(max_examples=15, deadline=None)
seeds = st.integers(0, 2**16)
shapes = array_shapes(min_dims=1, max_dims=4, min_side=1, max_side=3)


def positive(seed, shape):
    return np.random.default_rng(seed).uniform(0.5, 2.0, shape)


def check(name, *inputs, **options):
    f = functools.partial(getattr(pm, name), **options)
    f.__name__ = f"{name}({options})"
    ours, theirs = f(*inputs), getattr(np, name)(*inputs, **options)
    assert ours.shape == np.shape(theirs)
    np.testing.assert_allclose(ours.data, theirs, rtol=1e-12, atol=1e-13)
    check_vjp(f, *inputs, order=2)


@pytest.mark.parametrize(
    "name",
    ["add", "subtract", "multiply", "divide", "power", "maximum", "fmin", "arctan2", "hypot", "logaddexp", "remainder"],
)
@few
@given(pair=mutually_broadcastable_shapes(num_shapes=2, min_dims=0, max_dims=4, max_side=3), seed=seeds)
def test_operands_broadcast(name, pair, seed):
    a, b = (positive(seed + i, shape) for i, shape in enumerate(pair.input_shapes))
    check(name, a, b)


@pytest.mark.parametrize("name", ["sum", "mean", "prod", "max", "min", "var", "std", "nansum", "median", "ptp"])
@few
@given(data=st.data(), shape=shapes, seed=seeds, keepdims=st.booleans())
def test_reductions_over_any_axes(name, data, shape, seed, keepdims):
    axes = st.lists(st.integers(0, len(shape) - 1), min_size=1, unique=True).map(tuple)
    signed = st.tuples(axes, st.booleans()).map(lambda t: tuple(a - len(shape) if t[1] else a for a in t[0]))
    axis = data.draw(st.none() | signed | st.integers(-len(shape), len(shape) - 1))
    if name == "std":  # not differentiable where all values are equal
        shape = tuple(k + 1 for k in shape)
    check(name, positive(seed, shape), axis=axis, keepdims=keepdims)


@pytest.mark.parametrize("name", ["cumsum", "cumprod", "sort", "flip", "diff"])
@few
@given(data=st.data(), shape=shapes, seed=seeds)
def test_along_any_axis(name, data, shape, seed):
    check(name, positive(seed, shape), axis=data.draw(st.integers(-len(shape), len(shape) - 1)))


@few
@given(data=st.data(), shape=shapes, seed=seeds)
def test_axes_in_any_order(data, shape, seed):
    order = data.draw(st.permutations(range(len(shape))))
    axes = tuple(a - len(shape) if data.draw(st.booleans()) else a for a in order)
    x = positive(seed, shape)
    check("transpose", x, axes=axes)
    source, destination = data.draw(st.permutations(range(len(shape)))), data.draw(st.permutations(range(len(shape))))
    check("moveaxis", x, source=source, destination=destination)
    check("roll", x, shift=data.draw(st.integers(-4, 4)), axis=axes[0])


@few
@given(
    batch=mutually_broadcastable_shapes(num_shapes=2, min_dims=0, max_dims=2, max_side=3),
    n=st.integers(0, 3),
    sizes=st.tuples(st.none() | st.integers(0, 3), st.none() | st.integers(0, 3)),
    seed=seeds,
)
def test_products_of_any_rank(batch, n, sizes, seed):
    rows, columns = sizes  # None: a vector
    a = positive(seed, (n,) if rows is None else (*batch.input_shapes[0], rows, n))
    b = positive(seed + 1, (n,) if columns is None else (*batch.input_shapes[1], n, columns))
    check("matmul", a, b)
