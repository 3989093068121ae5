"""Indexing beyond the table: any index at all, updates against NumPy's in-place ones, ties, zeros, repeated places."""

import numpy as np
import pureml_core as pm
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from pureml_core import Tensor, gradients
from pureml_core.ops.scatter import add_rows

few = settings(max_examples=60, deadline=None)


def normal(shape, seed=0):
    return np.asarray(np.random.default_rng(seed).standard_normal(shape))


def tracked(*values):
    return Tensor(np.array(values), requires_grad=True)


@st.composite
def mixed_indices(draw, shape):
    """Tuples of slices, integers, masks, integer arrays that broadcast, None and an ellipsis."""
    common = draw(hnp.array_shapes(min_dims=1, max_dims=2, min_side=0, max_side=3))
    parts, axis = [], 0
    while axis < len(shape):
        n = shape[axis]
        kinds = ["slice", "none"] + (["integer", "integers", "list", "column"] if n else [])
        kind = draw(st.sampled_from(kinds))
        if kind == "none":
            parts.append(None)
            if draw(st.booleans()):
                continue
            kind = "slice"
        places = st.integers(-n, n - 1)
        if kind == "slice":
            parts.append(draw(st.slices(n)))
        elif kind == "integer":
            parts.append(draw(st.sampled_from([int, np.int64, np.array]))(draw(places)))
        elif kind == "list":
            parts.append(draw(st.lists(places, min_size=1, max_size=1)))
        else:
            size = common if kind == "integers" else (*common[:-1], 1)
            parts.append(draw(hnp.arrays(np.intp, size, elements=places)))
        axis += 1
    if draw(st.booleans()):
        start = draw(st.integers(0, len(parts)))
        stop = draw(st.integers(start, len(parts)))
        parts[start:stop] = [Ellipsis]
    return tuple(parts)


@st.composite
def masks(draw, shape):
    """A mask over some axes in a row, alone or among slices."""
    start = draw(st.integers(0, len(shape)))
    stop = draw(st.integers(start, len(shape)))
    mask = draw(hnp.arrays(np.bool_, shape[start:stop]))
    return mask if start == 0 and draw(st.booleans()) else (*(slice(None),) * start, mask)


@st.composite
def arrays_and_indices(draw):
    shape = draw(hnp.array_shapes(min_dims=1, max_dims=4, min_side=0, max_side=4))
    if all(shape):
        index = draw(
            st.one_of(
                hnp.basic_indices(shape, allow_newaxis=True),
                hnp.integer_array_indices(shape),
                mixed_indices(shape),
                masks(shape),
            )
        )
    else:
        index = draw(st.one_of(mixed_indices(shape), masks(shape)))
    return normal(shape, draw(st.integers(0, 99))), index


@few
@given(arrays_and_indices(), st.sampled_from([np.asarray, Tensor]))
def test_any_index(drawn, kind):
    """Values as NumPy's, gradients as np.add.at into zeros, and the second derivative of a cube."""
    a, index = drawn
    x = Tensor(a, requires_grad=True)
    y = x[_with_arrays_as(kind, index)]
    np.testing.assert_array_equal(y.data, a[index])
    w = normal(y.shape, 1)
    (dx,) = gradients((y * y * y * w).sum(), [x], create_graph=True)
    np.testing.assert_allclose(dx.data, _added(a.shape, index, 3 * a[index] ** 2 * w), atol=1e-12)
    r = normal(a.shape, 2)
    (ddx,) = gradients((dx * r).sum(), [x])
    np.testing.assert_allclose(ddx.data, r * _added(a.shape, index, 6 * a[index] * w), atol=1e-12)


def _with_arrays_as(kind, index):
    if isinstance(index, tuple):
        return tuple(_with_arrays_as(kind, part) for part in index)
    return kind(index) if isinstance(index, np.ndarray) else index


def _added(shape, index, values):
    y = np.zeros(shape)
    np.add.at(y, index, values)
    return y


IN_PLACE = {
    "add": np.add,
    "subtract": np.subtract,
    "multiply": np.multiply,
    "divide": np.divide,
    "max": np.maximum,
    "min": np.minimum,
}


@few
@given(arrays_and_indices(), st.sampled_from(["set", *IN_PLACE]), st.booleans())
def test_updates_do_what_numpy_does_in_place(drawn, name, broadcast):
    a, index = drawn
    v = normal(a[index].shape[1:] if broadcast else a[index].shape, 3)
    expected = a.copy()
    if name == "set":
        expected[index] = v
    else:
        IN_PLACE[name].at(expected, index, np.broadcast_to(v, a[index].shape))  # NumPy's own stretching is wrong
    x = Tensor(a)
    y = getattr(pm.at(x)[index], name)(v)
    np.testing.assert_allclose(y.data, expected, rtol=1e-12)
    np.testing.assert_array_equal(x.data, a)
    assert not np.shares_memory(x.data, y.data)


def test_stretched_values_reach_every_place():
    assert pm.at(np.array([0.5]))[np.zeros((2, 2), int)].add([2.0, 3.0]).tolist() == [10.5]


@pytest.mark.parametrize(
    ("n", "rows", "size"),
    [
        (10, [1, 1, -9, 3], (4,)),
        (3000, np.random.default_rng(0).permutation(3000)[:700], (4,)),
        (3000, np.random.default_rng(0).integers(-3000, 3000, 700), (2, 2)),
        (5, np.random.default_rng(0).integers(0, 5, 700), (4,)),
        (9, np.random.default_rng(0).integers(0, 9, 40), (50, 70)),
        (50, np.random.default_rng(0).integers(0, 50, 2000), ()),
        (5, [], (300,)),
    ],
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
def test_add_rows_adds_repeated_rows_up(n, rows, size, dtype):
    rows = np.array(rows, int)
    values = normal((len(rows), *size)).astype(dtype)
    table = normal((n, *size), 1).astype(dtype)
    expected = table.copy()
    np.add.at(expected, rows, values)
    wide = np.zeros((n, *size, 2), dtype)[..., 0]
    wide[...] = table
    for t in (table, wide):
        add_rows(t, rows, values)
        np.testing.assert_allclose(t, expected, rtol=1e-5 if dtype == np.float32 else 1e-12, atol=1e-5)


@pytest.mark.parametrize("k", [1, 800])
def test_add_rows_refuses_a_row_outside(k):
    table = np.zeros((5, 4))
    with pytest.raises(IndexError, match="out of bounds"):
        add_rows(table, np.full(k, 5), np.ones((k, 4)))
    assert not table.any()


# ---- an index belongs to the caller, who may change it


@pytest.mark.parametrize(
    "pick",
    [
        lambda x, i: x[i],
        pm.getitem,
        pm.take,
        pm.take_along_axis,
        lambda x, i: pm.scatter_add(x, i, (3,)),
        lambda x, i: pm.index_add(0 * x, x, i),
        lambda x, i: pm.index_set(0 * x, x, i),
        lambda x, i: pm.index_max(0 * x, x, i),
    ],
)
@pytest.mark.parametrize("kind", [np.array, Tensor, list])
def test_an_index_may_be_changed_after_its_use(pick, kind):
    x, i = tracked(1.0, 2.0, 4.0), kind([2, 0, 1])
    y = pick(x, i)
    if kind is Tensor:
        i.data[...] = 0
    else:
        i[0] = i[1] = i[2] = 0
    y.backward()
    assert x.grad.tolist() == [1.0, 1.0, 1.0]


def test_an_update_keeps_the_index_it_was_given():
    i = np.array([0, 1])
    place = pm.at(tracked(1.0, 2.0, 3.0))[i]
    i[...] = 2
    assert place.set(0.0).tolist() == [0.0, 0.0, 3.0]


# ---- updates: which gradient goes where


def test_the_last_value_set_wins_and_has_the_gradient():
    x, v = tracked(1.0, 2.0, 3.0), tracked(4.0, 5.0, 6.0, 7.0)
    y = pm.at(x)[[0, 2, 0, 0]].set(v)
    assert y.tolist() == [7.0, 2.0, 5.0]
    y.backward(np.array([1.0, 10.0, 100.0]))
    assert x.grad.tolist() == [0.0, 10.0, 0.0]
    assert v.grad.tolist() == [0.0, 100.0, 0.0, 1.0]


def test_the_last_value_wins_whatever_the_memory_layout():
    i = np.asfortranarray(np.array([[0, 0, 1], [1, 0, 1]]))
    v = tracked(*range(6))
    y = pm.at(np.zeros(2))[i].set(np.reshape(v, (2, 3)))
    assert y.tolist() == [4.0, 5.0]
    y.backward()
    assert v.grad.tolist() == [0.0, 0.0, 0.0, 0.0, 1.0, 1.0]


def test_a_value_that_broadcasts_over_repeated_places_counts_once_each():
    v = tracked(2.0)
    pm.at(np.zeros(3))[[0, 0, 1]].set(v).backward()
    assert v.grad.tolist() == [2.0]  # two places are left with it
    v.zero_grad()
    pm.at(np.zeros(3))[[0, 0, 1]].add(v).backward()
    assert v.grad.tolist() == [3.0]


def test_ties_of_an_update_share_evenly():
    for name, sign in (("max", 1.0), ("min", -1.0)):
        x, v = Tensor([sign, 0.0, 2 * sign], True), Tensor([sign, sign, 0.0, 2 * sign], True)
        y = getattr(pm.at(x)[[0, 0, 1, 2]], name)(v)
        assert y.tolist() == [sign, 0.0, 2 * sign]
        y.backward(np.array([6.0, 6.0, 6.0]))
        assert x.grad.tolist() == [2.0, 3.0, 3.0]
        assert v.grad.tolist() == [2.0, 2.0, 3.0, 3.0]
    x, v = tracked(1.0, 2.0), tracked(1.0)
    pm.at(x)[0:1].max(v).backward()
    assert (x.grad.tolist(), v.grad.tolist()) == ([0.5, 1.0], [0.5])


def test_extremes_with_infinities_and_nan():
    x, v = tracked(-np.inf, -np.inf, np.nan, np.inf), tracked(-np.inf, 0.0, 1.0, np.inf)
    y = pm.at(x)[:].max(v)
    np.testing.assert_array_equal(y.data, [-np.inf, 0.0, np.nan, np.inf])
    y.backward()
    assert x.grad.tolist() == [0.5, 0.0, 0.0, 0.5]
    assert v.grad.tolist() == [0.5, 1.0, 0.0, 0.5]


def test_factors_of_zero_have_the_product_of_the_others():
    x, v = tracked(2.0, 3.0, 0.0), tracked(0.0, 5.0, 7.0, 11.0)
    y = pm.at(x)[[0, 0, 0, 2]].multiply(v)
    assert y.tolist() == [0.0, 3.0, 0.0]
    dx, dv = gradients(y.sum(), [x, v], create_graph=True)
    assert dx.tolist() == [0.0, 1.0, 11.0]
    assert dv.tolist() == [70.0, 0.0, 0.0, 0.0]
    (ddv,) = gradients(dv.sum(), [v])
    assert ddv.tolist() == [2.0 * (5 + 7), 14.0, 10.0, 0.0]


def test_division_and_subtraction_of_repeated_places():
    x, v = tracked(24.0, 1.0), tracked(2.0, 3.0)
    y = pm.at(x)[[0, 0]].divide(v)
    assert y.tolist() == [4.0, 1.0]
    y.backward()
    np.testing.assert_allclose(x.grad, [1 / 6, 1.0])
    np.testing.assert_allclose(v.grad, [-2.0, -4 / 3])
    v.zero_grad()
    y = pm.at(x)[[0, 0]].subtract(v)
    assert y.tolist() == [19.0, 1.0]
    y.backward()
    assert v.grad.tolist() == [-1.0, -1.0]


def test_an_update_has_the_dtype_of_x():
    x = Tensor(np.ones(3, np.float32), True)
    for name in ("set", *IN_PLACE):
        v = Tensor([2.0], True)
        y = getattr(pm.at(x)[[1]], name)(v)
        assert y.dtype == np.float32
        y.backward()
        assert v.grad.dtype == np.float64
        assert getattr(pm.at(x)[[1, 1]], name)(np.array([1, 2])).dtype == np.float32
    assert pm.at(np.array([200, 1]))[0].subtract(np.uint8(3)).tolist() == [197, 1]
    assert pm.at([1, 2])[0].set(5).tolist() == [5, 2]
    for name in ("set", *IN_PLACE):
        with pytest.raises(TypeError, match="astype"):
            getattr(pm.at([1, 2])[[0, 0]], name)(0.5)


# ---- functions of NumPy's, by NumPy's names


def test_arguments_by_numpys_names():
    x = Tensor(normal((2, 3)))
    condition, i = np.array([True, False]), np.array([[0], [1]])
    choices = [x, 2 * x]
    for ours, theirs in [
        (np.take(a=x, indices=[5, 0], axis=None, mode="clip"), np.take(x.data, [5, 0], mode="clip")),
        (np.take_along_axis(arr=x, indices=i, axis=1), np.take_along_axis(x.data, i, 1)),
        (np.compress(condition=condition, a=x, axis=0), np.compress(condition, x.data, 0)),
        (np.extract(condition=x > 0, arr=x), np.extract(x.data > 0, x.data)),
        (np.choose(a=i, choices=choices, mode="wrap"), np.choose(i, [c.data for c in choices])),
        (np.select(condlist=[x > 0], choicelist=[x], default=7.0), np.select([x.data > 0], [x.data], 7.0)),
    ]:
        assert isinstance(ours, Tensor)
        np.testing.assert_array_equal(ours.data, theirs)
    with pytest.raises(TypeError, match="out"):
        np.take(tracked(1.0, 2.0), 0, out=np.zeros(()))


def test_tensors_as_indices_and_conditions():
    x, i = tracked(1.0, 2.0, 3.0), Tensor([2, 0, 2])
    for y in (x[i], pm.getitem(x, i), np.take(x, i), np.take_along_axis(x, i, 0), x[(i,)], x[[Tensor(2), 0, 2]]):
        assert y.tolist() == [3.0, 1.0, 3.0]
    for y in (x[x > 1], np.compress(x > 1, x), np.extract(x > 1, x)):
        assert y.tolist() == [2.0, 3.0]
    with pytest.raises(IndexError, match=r"getitem: .*integer"):
        x[x]


def test_select_takes_the_first_that_holds():
    x, d = tracked(-1.0, 0.5, 3.0), tracked(9.0)
    y = np.select([x < 0, x < 1], [-x, x * x], d)
    assert y.tolist() == [1.0, 0.25, 9.0]
    y.backward()
    assert x.grad.tolist() == [-1.0, 1.0, 0.0]
    assert d.grad.tolist() == [1.0]
    single = np.ones(2, np.float32)
    for choices in ([single, 2.0], [3, single], [Tensor(single), 1]):
        conditions = [np.array([True, False]), np.array([True, True])]
        expected = np.select(conditions, [getattr(c, "data", c) for c in choices], 0.5)
        y = pm.select(conditions, choices, 0.5)
        assert y.dtype == expected.dtype == np.float32
        np.testing.assert_array_equal(y.data, expected)


def test_choose_between_shapes_that_broadcast():
    a, b = tracked(5.0), Tensor([[1.0], [2.0]], True)
    y = np.choose([[0, 1, 1], [1, 0, 0]], [a, b])
    assert y.tolist() == [[5.0, 1.0, 1.0], [2.0, 5.0, 5.0]]
    y.backward()
    assert a.grad.tolist() == [3.0]
    assert b.grad.tolist() == [[2.0], [1.0]]


def test_sorting_through_indices():
    x = Tensor([[3.0, 1.0, 2.0]], True)
    y = np.take_along_axis(x, np.argsort(x, axis=1), axis=1)
    assert y.tolist() == [[1.0, 2.0, 3.0]]
    y.backward(np.array([[1.0, 2.0, 3.0]]))
    assert x.grad.tolist() == [[3.0, 1.0, 2.0]]


def test_positions_of_tensors():
    flat, shape = Tensor([1, 5]), (2, 3)
    rows, columns = np.unravel_index(flat, shape)
    assert (rows.tolist(), columns.tolist()) == ([0, 1], [1, 2])
    assert np.ravel_multi_index((rows, columns), shape).tolist() == [1, 5]
    assert [i.shape for i in np.ix_(rows, columns)] == [(2, 1), (1, 2)]
    square = Tensor(np.ones((2, 2)), True)
    assert [i.tolist() for i in np.diag_indices_from(square)] == [[0, 1], [0, 1]]
    assert [i.tolist() for i in np.tril_indices_from(square, -1)] == [[1], [0]]
    assert [i.tolist() for i in np.nonzero(square)] == [[0, 0, 1, 1], [0, 1, 0, 1]]


def test_writing_into_a_tracked_tensor_is_refused():
    x = Tensor(np.ones((2, 2)), True)
    i = np.array([[0], [1]])
    for write in (
        lambda: np.put(x, [0], 1.0),
        lambda: np.place(x, [[True, False], [False, True]], [1.0]),
        lambda: np.putmask(x, [[True, False], [False, True]], 1.0),
        lambda: np.copyto(x, 0.0),
        lambda: np.fill_diagonal(x, 0.0),
        lambda: np.put_along_axis(x, i, 0.0, 1),
    ):
        with pytest.raises(TypeError, match="detach"):
            write()
    assert (x.data == 1).all()
    y = Tensor(np.zeros((2, 2)))
    np.put(y, [0], 1.0)
    assert y.tolist() == [[1.0, 0.0], [0.0, 0.0]]
