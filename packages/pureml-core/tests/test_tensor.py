"""Tensor as an array: what a user of NumPy types, and what must not pass in silence."""

import copy
import gc
import itertools
import pickle
import threading

import numpy as np
import pureml_core as pm
import pytest
from pureml_core import Buffer, Parameter, Tensor, gradients, no_grad, set_default_dtype

FLOATS = (np.float16, np.float32, np.float64)
OTHERS = (*FLOATS, np.int64, np.int8, np.bool_)


def tracked(*values):
    return Tensor(np.array(values or (1.0, 2.0, 3.0)), requires_grad=True)


def plain(*values):
    return Tensor(np.array(values or (1.0, 2.0, 3.0)))


# ---- NumPy's dtypes, on either side of every operator

BINARY = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
    "**": lambda a, b: a**b,
    "@": lambda a, b: a @ b,
    "<": lambda a, b: a < b,
    "==": lambda a, b: a == b,
}
SCALARS = (2.0, 2, True, np.float64(2), np.float32(2), np.int64(2), np.array(2.0))


def arrays_of(dtype):
    return np.ones((), dtype), np.full((3,), 2, dtype), np.ones((3, 3), dtype)


@pytest.mark.parametrize("symbol", BINARY)
def test_operators_promote_as_numpy_does(symbol):
    f = BINARY[symbol]
    partners = [*SCALARS, [1.0, 2.0, 3.0], *itertools.chain(*map(arrays_of, OTHERS))]
    for dtype, b in itertools.product(FLOATS, partners):
        for a in arrays_of(dtype):
            if symbol == "@" and 0 in (np.ndim(a), np.ndim(b)):
                continue
            if symbol == "-" and np.asarray(b).dtype == bool and a.dtype == bool:
                continue
            for left, right in ((a, b), (b, a)):
                want = np.asarray(f(*[np.asarray(v) if isinstance(v, np.generic) else v for v in (left, right)]))
                t = Tensor(a, requires_grad=True)
                y = f(t, right) if left is a else f(left, t)
                assert isinstance(y, Tensor) and y.dtype == want.dtype, (dtype, b)
                np.testing.assert_array_equal(y.data, want)
                if y.requires_grad:
                    y.backward()
                    assert t.grad.dtype == dtype and t.grad.shape == t.shape


OPERATORS = {  # on untracked tensors, in NumPy's terms
    "//": lambda x: x // 2,
    "r//": lambda x: 5 // x,
    "%": lambda x: x % 2,
    "divmod": lambda x: divmod(x, 2)[1],
    "&": lambda x: (x > 1) & (x < 3),
    "|": lambda x: (x > 2) | np.array([True, False, False]),
    "^": lambda x: np.array([True, False, True]) ^ (x > 2),
    "~": lambda x: ~(x > 1),
    "abs": abs,
    "neg": lambda x: -x,
    "pos": lambda x: +x,
    "where": lambda x: np.where(x > 1)[0],
    "median": np.median,
    "hypot": lambda x: np.hypot(x, x),
    "modf": lambda x: np.modf(x)[1],
    "vstack": lambda x: np.vstack([x, x]),
    "reduce": np.add.reduce,
    "norm": np.linalg.norm,
    "array_split": lambda x: np.array_split(x, 2)[1],
    "unique": lambda x: np.unique(x, return_counts=True)[1],
    "round": lambda x: np.round(x, 1),
    "argmax": np.argmax,
    "zeros_like": np.zeros_like,
}


@pytest.mark.parametrize("name", OPERATORS)
def test_numpy_on_an_untracked_tensor_gives_a_tensor(name):
    f = OPERATORS[name]
    y, want = f(plain()), f(plain().data)
    assert isinstance(y, Tensor) and not y.requires_grad
    np.testing.assert_array_equal(y.data, want)


# ---- nothing is cut from the graph silently

CUTS = {
    "np.asarray": np.asarray,
    "np.array of several": lambda x: np.array([x, x]),
    "np.array of numbers": lambda x: np.array([x.sum(), x.sum()]),
    "Tensor of several": lambda x: Tensor([x.sum(), x.sum()]),
    "a function without op": np.i0,
    "a ufunc without op": lambda x: np.nextafter(x, 1.0),
    "out=x": lambda x: np.exp(np.ones(3), out=x),
    "out=array": lambda x: np.exp(x, out=np.ones(3)),
    "at": lambda x: np.add.at(x, [0], 1.0),
    "at with": lambda x: np.add.at(np.ones(3), [0, 1, 2], x),
    "reduce": np.hypot.reduce,
    "array += x": lambda x: np.ones(3).__iadd__(x),
    "array[:] = x": lambda x: np.ones(3).__setitem__(slice(None), x),
    "copyto": lambda x: np.copyto(np.ones(3), x),
    "dlpack": np.from_dlpack,
    "apply_along_axis": lambda x: np.apply_along_axis(np.cumsum, 0, x),
    "vectorize": lambda x: np.vectorize(lambda v: v + 1)(x),
    "dtype=": lambda x: x.sum(dtype=np.float32),
    "where=": lambda x: np.sum(x, where=[True, False, True]),
}


@pytest.mark.parametrize("name", CUTS)
def test_a_cut_is_refused_with_a_remedy_and_allowed_where_it_harms_nothing(name):
    with pytest.raises(TypeError, match=r"\.detach\(\)"):
        CUTS[name](tracked())
    with no_grad():
        CUTS[name](tracked())
    CUTS[name](plain())


def test_explicit_reads():
    x = tracked()
    assert f"{x.sum():.3f}" == "6.000" and float(x.sum()) == 6.0 and int(x[1]) == 2 and bool(x[0])
    assert complex(x[0]) == 1 and x.tolist() == [1.0, 2.0, 3.0] and x[2].item() == 3.0
    assert [10, 20][Tensor(1)] == 20 and 2.0 in x and (x == None).tolist() == [False] * 3  # noqa: E711
    assert np.shape(x) == (3,) and np.ndim(x) == 1 and np.size(x) == 3 and len(x) == 3
    a, b, c = x
    assert (a + b + c).requires_grad
    with pytest.raises(TypeError, match="0-d"):
        iter(x.sum())
    with pytest.raises(ValueError, match="ambiguous"):
        bool(x)


def test_repr_shows_what_the_values_do_not():
    assert repr(plain()) == "Tensor([1., 2., 3.])"
    assert repr(tracked() * 2) == "Tensor([2., 4., 6.], op=multiply)"
    assert repr(Parameter([1.0])) == "Parameter([1.], dtype=float32, requires_grad=True)"
    assert "shape=(2, 0)" in repr(Tensor(np.zeros((2, 0)))) and "shape=(5000,)" in repr(Tensor(np.zeros(5000)))


# ---- making, copying, changing


def test_the_constructor():
    own = np.ones(3)
    fixed = np.broadcast_to(1.0, (3,))
    assert np.shares_memory(Tensor(own).data, own) and not np.shares_memory(Tensor(own, copy=True).data, own)
    assert Tensor(fixed).data.flags.writeable and not Tensor(fixed, ensure_writable=False).data.flags.writeable
    assert Tensor([1, 2]).dtype == np.int64 and Tensor([1, 2], True).dtype == np.float64
    assert Tensor([1], True, dtype=np.int32).dtype == np.int32 and Tensor([True], True).dtype == np.float64
    assert Tensor([1], True, coerce_float_if_grad=False).dtype == np.int64
    assert not Tensor(tracked()).requires_grad and np.shares_memory((x := tracked()).data, Tensor(x).data)
    for data in (np.array([None]), "text"):
        with pytest.raises(TypeError, match="numbers"):
            Tensor(data, requires_grad=True)
    assert Buffer(own).dtype == np.float64 and not np.shares_memory(Buffer(own).data, own)
    assert not x.numpy(copy=False, readonly=True).flags.writeable and not np.shares_memory(x.numpy(), x.data)


@pytest.mark.parametrize("data", [1j, [1.0, 2j], np.array([1 + 1j]), Tensor([1j])])
def test_a_complex_parameter_keeps_its_imaginary_part(data):
    assert Parameter(data).dtype == np.complex64
    assert np.array_equal(Parameter(data).numpy(), np.asarray(data, np.complex64))
    assert Parameter(data, dtype=np.complex128).dtype == np.complex128
    set_default_dtype(np.float64)
    try:
        assert Parameter(data).dtype == np.complex128
    finally:
        set_default_dtype(np.float32)


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, lambda t: pickle.loads(pickle.dumps(t))])
def test_copies_are_leaves_of_their_own(duplicate):
    p = Parameter([1.0, 2.0])
    p.grad = np.ones(2)
    q = duplicate(p)
    assert type(q) is Parameter and q.requires_grad and q.tolist() == p.tolist() and q.grad.tolist() == [1.0, 1.0]
    assert not np.shares_memory(p.data, q.data) and not np.shares_memory(p.grad, q.grad)
    with pytest.raises(RuntimeError, match="detach"):
        duplicate(p * 2.0)


REFUSED = {
    "x[i] of a leaf": (RuntimeError, r"t = t\.at\[0\]\.set\(v\).*no_grad", lambda x: x.__setitem__(0, 1.0)),
    "x[i] of a computed": (RuntimeError, "where", lambda x: (x * 2).__setitem__(0, 1.0)),
    "tracked into untracked": (RuntimeError, "where", lambda x: plain().__setitem__(0, x[0])),
    "data of a computed": (RuntimeError, "detach", lambda x: setattr(x * 2, "data", np.ones(3))),
    "grad of another shape": (ValueError, "needed", lambda x: setattr(x, "grad", np.ones(2))),
    "untracking a computed": (RuntimeError, "detach", lambda x: (x * 2).requires_grad_(False)),
    "tracking text": (TypeError, "numbers", lambda x: Tensor(["a"]).requires_grad_()),
    "fill": (RuntimeError, "full_like", lambda x: x.fill(0.0)),
    "dot": (ValueError, r"\(3,\) @ \(2, 3\)", lambda x: x.dot(np.ones((2, 3)))),
    "axis": (ValueError, r"sum: given \(3,\)", lambda x: x.sum(axis=3)),
    "index": (IndexError, "getitem: given", lambda x: x[7]),
    "keyword": (TypeError, "dtype", lambda x: np.sum(x, dtype=np.float32)),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refusals_change_nothing_and_leave_no_cycle(name):
    error, message, f = REFUSED[name]
    x = tracked()
    gc.collect()
    with pytest.raises(error, match=message):
        f(x)
    assert x.tolist() == [1.0, 2.0, 3.0] and x.grad is None and x.requires_grad
    gc.collect()

    def again():
        try:
            f(x)
        except error:
            return

    again()
    assert gc.collect() == 0


CHANGES = {
    "copyto": lambda x: np.copyto(x, 0.0),
    "put": lambda x: np.put(x, 0, 0.0),
    "at": lambda x: np.add.at(x, 0, 1.0),
    "out": lambda x: np.exp(x, out=x),
    "function out": lambda x: np.cumsum(np.ones(3), out=x),
    "a part of a split": lambda x: np.split(x, 3)[1].__setitem__(0, 0.0),
    "a view by a function without op": lambda x: np.array_split(x.detach(), 2)[0].__setitem__(0, 0.0),
    "fill": lambda x: x.fill(0.0),
    "//=": lambda x: x.__ifloordiv__(2.0),
    "a row": lambda x: next(iter(x.reshape(1, 3))).__imul__(2.0),
}


@pytest.mark.parametrize("name", CHANGES)
def test_changes_are_counted(name):
    x = tracked()
    y = np.exp(x).sum()
    with no_grad():
        CHANGES[name](x)
    with pytest.raises(RuntimeError, match="changed in place"):
        y.backward()


def test_an_index_is_remembered_as_it_was():
    for index in (np.array([0, 1]), Tensor([0, 1])):
        x = tracked()
        y = x[index].sum()
        index += 1
        y.backward()
        assert x.grad.tolist() == [1.0, 1.0, 0.0]


def test_the_gradient_follows_the_dtype():
    x = Tensor(np.ones(2, np.float32), requires_grad=True)
    x.backward()
    x.data = np.ones(2)
    assert x.grad.dtype == np.float64
    assert not x.astype(np.int64).requires_grad


# ---- gradients


def test_gradients_of_parts_and_of_several_outputs():
    a = Tensor(np.array([[2.0, 1.0], [1.0, 3.0]]), requires_grad=True)
    w, V = pm.eigh(a * 1.0)
    gw, gV = gradients((w * w).sum() + V.sum(), [w, V])
    np.testing.assert_allclose(gw.data, 2 * w.data)
    assert gV.tolist() == [[1.0, 1.0], [1.0, 1.0]]
    y = a * 2.0
    gy, ga = gradients([y, y, a], [y, a])
    assert gy.tolist() == [[2.0, 2.0]] * 2 and ga.tolist() == [[5.0, 5.0]] * 2


def test_differentiable_gradients_share_nothing_that_can_be_written():
    a, b, seed = tracked(), tracked(), plain()
    ga, gb = gradients(a + b, [a, b], seed, create_graph=True)
    assert not any(np.shares_memory(p.data, q.data) for p, q in itertools.combinations((ga, gb, seed), 2))


def test_retained_gradients_add_up_over_sweeps():
    y = (tracked() * 2.0).retain_grad()
    z = y.sum()
    z.backward(keep_graph=True)
    z.backward()
    assert y.grad.tolist() == [2.0] * 3


def test_graphs_are_cleared_and_cut():
    x = tracked()
    h = (x * x).retain_grad()
    y = h.sum()
    y.backward(keep_graph=True)
    y.zero_grad_graph()
    assert x.grad is None and h.grad is None
    y.backward()
    with pytest.raises(RuntimeError, match="keep_graph"):
        y.zero_grad_graph()
    y = (x * x).sum()
    y.detach_graph()
    assert y.is_leaf and not y.requires_grad and x.requires_grad


def test_threads_share_a_parameter():
    p = Parameter(np.zeros(1000))

    def work():
        for _ in range(50):
            (p * 2.0 + p).sum().backward()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert (p.grad == 600.0).all()


def test_masked_arrays_are_refused():
    masked = np.ma.array([1.0, 2.0], mask=[False, True])
    x = Tensor([1.0, 2.0], requires_grad=True)
    for call in (lambda: Tensor(masked), lambda: x * masked, lambda: masked * x, lambda: np.ma.exp(x)):
        with pytest.raises(TypeError):
            call()


def test_the_padding_row_of_a_table_goes_along_with_its_copies():
    table = Tensor(np.ones((3, 2)), requires_grad=True)
    table.padding_idx = 1
    for copied in (copy.deepcopy(table), pickle.loads(pickle.dumps(table))):
        assert copied.padding_idx == 1
