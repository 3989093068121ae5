"""A Tensor in place of an array: the same expression, the same values, dtypes and errors as NumPy's."""

import copy
import itertools
import math
import pickle
import warnings

import numpy as np
import pureml_core as pm
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pureml_core import Buffer, Parameter, Tensor, no_grad

SHAPES = ((), (1,), (3,), (2, 3), (3, 3), (0, 3), (2, 1, 3))
DTYPES = (np.float64, np.float32, np.int64, np.bool_, np.complex128)


def arrays(dtype):
    """Small values of every sign, distinct where the dtype has enough of them."""
    for shape in SHAPES:
        n = math.prod(shape)
        values = np.random.default_rng(n).permutation(n) * 0.7 - 1.3
        yield (values + (1j * values[::-1] if dtype is np.complex128 else 0)).reshape(shape).astype(dtype)


METHODS = {
    "shape": lambda x: x.shape,
    "dtype": lambda x: x.dtype,
    "ndim, size": lambda x: (x.ndim, x.size),
    "nbytes, itemsize": lambda x: (x.nbytes, x.itemsize),
    "strides": lambda x: x.strides,
    "flags": lambda x: x.flags.c_contiguous,
    "real": lambda x: x.real,
    "imag": lambda x: x.imag,
    "mT": lambda x: x.mT,
    "flat": lambda x: list(x.flat),
    "flat[i]": lambda x: x.flat[1:3],
    "sum": lambda x: x.sum(),
    "sum axis": lambda x: x.sum(-1),
    "sum axes": lambda x: x.sum(axis=(0, -1), keepdims=True),
    "sum settings": lambda x: x.sum(axis=0, out=None, dtype=None),
    "mean": lambda x: x.mean(axis=0) if x.shape[:1] != (0,) else None,
    "var": lambda x: x.var(-1),
    "var ddof": lambda x: x.var(axis=-1, ddof=1, keepdims=True) if x.shape[-1:] != (1,) else None,
    "std": lambda x: x.std(axis=-1),
    "prod": lambda x: x.prod(axis=0),
    "max": lambda x: x.max(),
    "max axis": lambda x: x.max(axis=-1, keepdims=True),
    "min": lambda x: x.min(axis=0),
    "all": lambda x: x.all(0),
    "any": lambda x: x.any(axis=-1, keepdims=True),
    "argmax": lambda x: x.argmax(),
    "argmin": lambda x: x.argmin(axis=-1, keepdims=True),
    "argsort": lambda x: x.argsort(-1, kind="stable"),
    "argsort all": lambda x: x.argsort(axis=None, stable=True),
    "cumsum": lambda x: x.cumsum(),
    "cumsum axis": lambda x: x.cumsum(axis=-1),
    "cumprod": lambda x: x.cumprod(axis=0),
    "clip": lambda x: x.clip(0, 1),
    "clip min": lambda x: x.clip(min=0),
    "clip max": lambda x: x.clip(max=0),
    "round": lambda x: x.round(),
    "round decimals": lambda x: x.round(decimals=1),
    "take": lambda x: x.take([0, 2, 0], axis=-1),
    "take wrapped": lambda x: x.take([[7, -1]], mode="wrap"),
    "repeat": lambda x: x.repeat(2),
    "repeat axis": lambda x: x.repeat(2, axis=-1),
    "compress": lambda x: x.compress([True, False, True], axis=-1),
    "searchsorted": lambda x: x.reshape(-1).searchsorted(0.5, side="right"),
    "choose": lambda x: (x > 0).choose([x, x * 2]),
    "nonzero": lambda x: x.nonzero(),
    "reshape": lambda x: x.reshape(1, -1) if x.size else None,
    "reshape tuple": lambda x: x.reshape((x.size, 1)),
    "reshape order": lambda x: x.reshape(-1, order="F") if x.size else None,
    "ravel": lambda x: x.ravel(),
    "ravel order": lambda x: x.ravel("F"),
    "transpose": lambda x: x.transpose(),
    "transpose axes": lambda x: x.transpose(1, 0),
    "transpose tuple": lambda x: x.transpose((-1, 0)),
    "transpose one": lambda x: x.transpose(0),
    "swapaxes": lambda x: x.swapaxes(0, -1),
    "squeeze": lambda x: x.squeeze(),
    "squeeze axis": lambda x: x.squeeze(axis=0),
    "diagonal": lambda x: x.diagonal(offset=1),
    "trace": lambda x: x.trace(axis1=-1, axis2=0),
    "dot": lambda x: x.dot(x),
    "dot number": lambda x: x.dot(np.float64(2)),
    "dot vector": lambda x: x.dot(np.arange(3)),
    "dot ranks": lambda x: x.dot(np.ones((2, 3, 2))),
    "astype": lambda x: x.astype(np.complex64),
    "astype name": lambda x: x.astype("float64", copy=True) if x.dtype != complex else None,
    "copy": lambda x: x.copy(),
    "conj": lambda x: x.conj(),
    "conjugate": lambda x: x.conjugate(),
    "item": lambda x: x.item(),
    "item index": lambda x: x.item(-1),
    "tolist": lambda x: x.tolist(),
    "tobytes": lambda x: x.tobytes(),
}

PARTNERS = (2, 0.5, np.float32(1.5), np.arange(3), np.array([[True], [False]]), [1, 2, 3])

OPERATORS = {
    "+": lambda x, y: x + y,
    "-": lambda x, y: x - y,
    "*": lambda x, y: x * y,
    "/": lambda x, y: x / (y + np.asarray(3)),
    "//": lambda x, y: x // (y + np.asarray(3)),
    "%": lambda x, y: x % (y + np.asarray(3)),
    "divmod": lambda x, y: divmod(x, y + np.asarray(3)),
    "**": lambda x, y: (x * x) ** abs(y + np.asarray(3)),
    "@": lambda x, y: x @ y,
    "<<": lambda x, y: abs(x) << y,
    ">>": lambda x, y: x >> y,
    "&": lambda x, y: x & y,
    "|": lambda x, y: x | y,
    "^": lambda x, y: x ^ y,
    "==": lambda x, y: x == y,
    "!=": lambda x, y: x != y,
    "<": lambda x, y: x < y,
    "<=": lambda x, y: x <= y,
    ">": lambda x, y: x > y,
    ">=": lambda x, y: x >= y,
    "r+": lambda x, y: y + x,
    "r-": lambda x, y: y - x,
    "r*": lambda x, y: y * x,
    "r/": lambda x, y: y / (abs(x) + 1),
    "r//": lambda x, y: y // (abs(x) + 1),
    "r%": lambda x, y: y % (abs(x) + 1),
    "rdivmod": lambda x, y: divmod(y, abs(x) + 1),
    "r**": lambda x, y: y ** abs(x) if x.ndim else None,  # NumPy 2.0 promotes powers of 0-d arrays its own way
    "r@": lambda x, y: y @ x,
    "r<<": lambda x, y: y << abs(x),
    "r>>": lambda x, y: y >> abs(x),
    "r&": lambda x, y: y & x,
    "r|": lambda x, y: y | x,
    "r^": lambda x, y: y ^ x,
    "r<": lambda x, y: y < x,
}

UNARY = {
    "-": lambda x: -x,
    "+": lambda x: +x,
    "~": lambda x: ~x,
    "abs": abs,
    "float": float,
    "int": int,
    "complex": complex,
    "bool": bool,
    "index": lambda x: [10, 20, 30][x],
    "floor": lambda x: math.floor(x[()]),
    "ceil": lambda x: math.ceil(x[()]),
    "trunc": lambda x: math.trunc(x[()]) if x.ndim == 0 else None,
    "len": len,
    "iter": list,
    "reversed": lambda x: list(reversed(x)),
    "unpack": lambda x: [*x],
    "contains": lambda x: (x.reshape(-1)[-1:] in x, 77 in x),
    "str": str,
    "f-string": lambda x: f"{x}" if x.dtype != np.float32 else None,
    "formatted number": lambda x: f"{x[()]:8.3f}" if x.ndim == 0 and x.dtype != bool else None,
    "x[i]": lambda x: x[0],
    "x[..., i]": lambda x: x[..., -1],
    "x[None]": lambda x: x[None, ..., None],
    "x[::-1]": lambda x: x[::-1],
    "x[()]": lambda x: x[()],
    "x[mask]": lambda x: x[x > 0] if x.dtype != complex else None,
    "x[list]": lambda x: x[[0, -1, 0]],
    "x[i, slice]": lambda x: x[0, 1:],
}

UFUNCS = {
    "add.reduce": lambda x: np.add.reduce(x),
    "add.reduce axes": lambda x: np.add.reduce(x, axis=None, keepdims=True),
    "multiply.reduce": lambda x: np.multiply.reduce(x, -1),
    "maximum.reduce": lambda x: np.maximum.reduce(x, axis=-1),
    "minimum.reduce": lambda x: np.minimum.reduce(x, axis=-1, out=None),
    "logical_and.reduce": lambda x: np.logical_and.reduce(x),
    "add.accumulate": lambda x: np.add.accumulate(x) if x.ndim else None,
    "multiply.accumulate": lambda x: np.multiply.accumulate(x, axis=-1) if x.ndim else None,
    "multiply.outer": lambda x: np.multiply.outer(x, [1.0, 2.0]),
    "subtract.outer": lambda x: np.subtract.outer(np.arange(2.0), x),
    "hypot.reduce": lambda x: np.hypot.reduce(x),
    "add settings": lambda x: np.add(x, 1, out=None, where=True, dtype=None, casting="same_kind"),
}


def values(y):
    """The plain values of nested results, and the dtypes of arrays."""
    if isinstance(y, Tensor):
        y = y.numpy()
    if isinstance(y, tuple | list):
        return [values(part) for part in y]
    return (y.dtype, y.shape) if isinstance(y, np.ndarray | np.generic) else type(y), np.asarray(y).tolist()


def outcome(f, *args):
    """What f gives, or the kind of error that it raises."""
    try:
        with warnings.catch_warnings(action="ignore"), np.errstate(all="ignore"):
            return values(f(*args))
    except (TypeError, ValueError, IndexError, AttributeError, ArithmeticError) as error:
        kinds = (AttributeError, np.exceptions.AxisError, IndexError, ValueError, TypeError)
        return next((kind for kind in kinds if isinstance(error, kind)), type(error))


def same(a, b):
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, tuple) and isinstance(b, tuple):
        return a[0] == b[0] and (a[1] == b[1] or np.allclose(a[1], b[1], rtol=1e-6, equal_nan=True))
    return a is b


def assert_same(f, x, *rest):
    want = outcome(f, x, *rest)
    for tracked in (False, True):
        t = Tensor(x, requires_grad=tracked, coerce_float_if_grad=False)
        with no_grad() if tracked and f in UFUNCS.values() else pm.enable_grad():
            got = outcome(f, t, *rest)
        assert same(want, got), (x, rest, tracked, want, got)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", METHODS)
def test_methods(name, dtype):
    for x in arrays(dtype):
        assert_same(METHODS[name], x)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", [*UNARY, *UFUNCS])
def test_one_operand(name, dtype):
    for x in arrays(dtype):
        assert_same((UNARY | UFUNCS)[name], x)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", OPERATORS)
def test_two_operands(name, dtype):
    for x, y in itertools.product(arrays(dtype), PARTNERS):
        if isinstance(y, list) and name not in ("+", "-", "*", "==", "<", "r-"):
            continue
        assert_same(OPERATORS[name], x, y)


IN_PLACE = {
    "+=": lambda x, y: x.__iadd__(y),
    "-=": lambda x, y: x.__isub__(y),
    "*=": lambda x, y: x.__imul__(y),
    "/=": lambda x, y: x.__itruediv__(y),
    "//=": lambda x, y: x.__ifloordiv__(y),
    "%=": lambda x, y: x.__imod__(y),
    "**=": lambda x, y: x.__ipow__(y),
    "@=": lambda x, y: x.__imatmul__(y),
    "<<=": lambda x, y: x.__ilshift__(y),
    ">>=": lambda x, y: x.__irshift__(y),
    "&=": lambda x, y: x.__iand__(y),
    "|=": lambda x, y: x.__ior__(y),
    "^=": lambda x, y: x.__ixor__(y),
    "x[i] =": lambda x, y: x.__setitem__(0, y),
    "x[...] =": lambda x, y: x.__setitem__(..., y),
    "fill": lambda x, y: x.fill(y[0, 0]),
}


@pytest.mark.parametrize("dtype", [np.float64, np.int64])
@pytest.mark.parametrize("name", IN_PLACE)
def test_in_place(name, dtype):
    f = IN_PLACE[name]
    for other in (np.full((3, 3), 2), np.full((3, 3), 2.0)):
        x = np.arange(9).reshape(3, 3).astype(dtype)
        t = Tensor(x.copy())
        own = t.data
        want = outcome(f, x, other)
        for y in (other, Tensor(other)):
            t.data[...] = np.arange(9).reshape(3, 3)
            assert same(outcome(f, t, y), want)
            np.testing.assert_array_equal(own, x)
        p = Tensor(np.ones((3, 3)), requires_grad=True)
        with pytest.raises((RuntimeError, TypeError)):
            f(p, Tensor(other))
        assert (p.data == 1.0).all()


def test_assignment_says_what_to_write_instead():
    x = Tensor(np.ones(3), requires_grad=True)
    for t, v in ((x, 2.0), (x * 2.0, 2.0), (Tensor(np.ones(3)), x[0])):
        with pytest.raises(RuntimeError, match=r"t = t\.at\[1\]\.set\(v\)"):
            t[1] = v
    y = x.at[1].set(x[0] * 5.0)
    y.sum().backward()
    assert y.tolist() == [1.0, 5.0, 1.0] and x.grad.tolist() == [6.0, 0.0, 1.0]
    h = x * 2.0
    h //= 1.5
    assert h.tolist() == [1.0] * 3 and h.requires_grad and x.tolist() == [1.0] * 3


# ---- gradients flow through everything that gives a tensor

DIFFERENTIABLE = (
    *("sum", "mean", "var", "std", "prod", "max", "min", "cumsum", "cumprod", "clip", "take", "take wrapped", "repeat"),
    *("compress", "reshape tuple", "ravel order", "transpose axes", "swapaxes", "squeeze", "diagonal", "trace", "dot"),
    *("copy", "conj", "real", "mT", "flat[i]", "round"),
)


@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_gradients_of_methods(name):
    x = np.random.default_rng(0).permutation(9).reshape(3, 3) * 0.3 - 1.05
    pm.check_vjp(METHODS[name], x, order=2)
    y = METHODS[name](Tensor(x, requires_grad=True))
    assert y.requires_grad


LED = (
    "add.reduce axes",
    "multiply.reduce",
    "maximum.reduce",
    "add.accumulate",
    "multiply.accumulate",
    "subtract.outer",
)


@pytest.mark.parametrize("name", LED)
def test_gradients_of_methods_of_ufuncs(name):
    pm.check_vjp(UFUNCS[name], np.random.default_rng(0).permutation(6).reshape(2, 3) + 1.0, order=2)


# ---- a function without an operation says what to write

REMEDIES = {
    "np.asarray": (r"np\.stack", lambda x: np.array([x, x])),
    "np.linspace": (r"np\.linspace\(0\.0, 1\.0, n\)", lambda x: np.linspace(0.0, x[0], 3)),
    "np.polyfit": (r"np\.linalg\.lstsq", lambda x: np.polyfit(x, x, 1)),
    "np.apply_along_axis": (r"np\.stack", lambda x: np.apply_along_axis(np.sum, 0, x)),
    "np.add.at": (r"t\.at\[i\]\.add\(v\)", lambda x: np.add.at(x, [0], 1.0)),
    "np.hypot.reduce": ("loop over", np.hypot.reduce),
    r"np.exp(out=)": (r"y = np\.exp\(\.\.\.\)", lambda x: np.exp(x, out=np.ones(3))),
    r"np.add(where=)": (r"np\.where\(mask", lambda x: np.add(x, 1.0, where=x.detach() > 0)),
    r"np.sum(dtype=)": (r"t\.astype\(dtype\)", lambda x: x.sum(dtype=np.float32)),
    r"np.max(initial=)": ("initial value", lambda x: x.max(initial=0.0)),
    "np.fill_diagonal": (r"np\.eye", lambda x: np.fill_diagonal(x[None] * x[:, None], 0.0)),
    "np.sinus": ("np.sin has a derivative", lambda x: NEARLY.__array_function__(x)),
}


class NEARLY:
    """A NumPy function of the future, which nobody has made an operation of."""

    @staticmethod
    def __array_function__(x):
        def sinus(x):
            return np.sin(x)

        sinus.__module__ = "numpy"
        return x.__array_function__(sinus, (Tensor,), (x,), {})


@pytest.mark.parametrize("name", REMEDIES)
def test_a_function_without_an_operation_says_what_to_write(name):
    message, f = REMEDIES[name]
    with pytest.raises(TypeError) as raised:
        f(Tensor(np.arange(3.0), requires_grad=True))
    assert str(raised.value).startswith(f"{name} would cut Tensor of shape")
    raised.match(message)
    raised.match(r"\.detach\(\)")


def test_every_remedy_is_for_something_without_an_operation():
    from pureml_core.remedies import FUNCTIONS

    for name in FUNCTIONS:
        f = np
        for part in name.removeprefix("np.").split("."):
            f = getattr(f, part, None)
        assert name.startswith("__") or f is not None, name
        assert f not in pm.NUMPY, name


WRITTEN_OUT = {  # remedies, on numbers
    "linspace": (np.linspace(2.0, 5.0, 4), lambda a, b: a + (b - a) * np.linspace(0.0, 1.0, 4)),
    "logspace": (np.logspace(2.0, 5.0, 4), lambda a, b: 10.0 ** (a + (b - a) * np.linspace(0.0, 1.0, 4))),
    "geomspace": (np.geomspace(2.0, 5.0, 4), lambda a, b: a * (b / a) ** np.linspace(0.0, 1.0, 4)),
    "vander": (np.vander([2.0, 5.0], 3), lambda a, b: np.stack([a, b])[:, None] ** np.arange(3)[::-1]),
    "polyadd": (np.polyadd([2.0], [5.0, 1.0]), lambda a, b: np.pad(a[None], (1, 0)) + np.stack([b, 1.0])),
    "polyder": (np.polyder([2.0, 5.0, 1.0]), lambda a, b: np.stack([a, b, 1.0])[:-1] * np.arange(2, 0, -1)),
    "polyint": (np.polyint([2.0, 5.0])[:-1], lambda a, b: np.stack([a, b]) / np.arange(2, 0, -1)),
    "polyfit": (
        np.polyfit([2.0, 5.0, 1.0], [1.0, 2.0, 4.0], 1),
        lambda a, b: np.linalg.lstsq(np.stack([a, b, 1.0])[:, None] ** np.arange(1, -1, -1), np.array([1.0, 2.0, 4.0]))[
            0
        ],
    ),
}


@pytest.mark.parametrize("name", WRITTEN_OUT)
def test_remedies_hold_what_they_promise(name):
    want, f = WRITTEN_OUT[name]
    y = f(Tensor(2.0, requires_grad=True), Tensor(5.0, requires_grad=True))
    assert y.requires_grad
    np.testing.assert_allclose(y.data, want)


@pytest.mark.parametrize("name", ["sort", "partition", "resize", "put", "ptp", "view", "byteswap", "base", "setflags"])
def test_names_that_are_not_offered_say_what_to_write(name):
    t = Tensor(np.ones(3))
    assert not hasattr(t, name) and not hasattr(Tensor, name)
    with pytest.raises(AttributeError, match=rf"'Tensor' object has no attribute '{name}': .*\b(t|astype)\b"):
        getattr(t, name)


# ---- leaving NumPy


def test_dlpack_and_the_other_ways_to_the_memory():
    t = Tensor(np.arange(3.0))
    array = np.from_dlpack(t)
    assert np.shares_memory(array, t.data) and t.__dlpack_device__()[0] == 1
    tracked = t.requires_grad_()
    for read in (np.from_dlpack, np.asarray, np.array, lambda t: np.array([t, t]), lambda t: np.ones(3).dot(t) @ [t]):
        with pytest.raises(TypeError):
            read(tracked)
    assert np.shares_memory(np.from_dlpack(tracked.detach()), t.data)
    with pytest.raises(TypeError):
        memoryview(tracked)
    for name in ("__array_interface__", "__array_struct__", "__buffer__"):
        assert not hasattr(tracked, name)


def test_text():
    x = Tensor([1.23456, np.nan, -np.inf])
    assert f"{x:.2f}" == "[1.23 nan -inf]" and f"{x[0]:8.3f}" == "   1.235" and f"{x}" == str(x) == str(x.data)
    assert repr(x) == "Tensor([1.23456,     nan,    -inf])"
    assert repr(Tensor(np.float32(2))) == "Tensor(2., dtype=float32)"
    assert repr(Tensor([1 + 2j])) == "Tensor([1.+2.j])" and repr(Tensor([True])) == "Tensor([ True])"
    assert repr(Buffer([1], dtype=np.int8)) == "Buffer([1], dtype=int8)"
    assert repr(Tensor(1.0, requires_grad=True)) == "Tensor(1., requires_grad=True)"
    large = Tensor(np.zeros((100, 100)), requires_grad=True)
    assert "..." in repr(large) and repr(large + 1).endswith("shape=(100, 100), op=add)")
    assert repr(Tensor([[1, 2], [3, 4]])) == "Tensor([[1, 2],\n        [3, 4]])"
    w, _ = pm.eigh(Tensor(np.eye(2), requires_grad=True))
    assert repr(w) == "Tensor([1., 1.], op=eigh)"
    with pytest.raises(ValueError, match="format"):
        f"{x:nonsense}"


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda t: pickle.loads(pickle.dumps(t))])
@pytest.mark.parametrize("make", [Tensor, Parameter, Buffer, lambda a: Parameter(a, requires_grad=False)])
def test_leaves_of_every_kind_are_copied(make, duplicate):
    t = make(np.arange(3.0))
    u = duplicate(t)
    assert type(u) is type(t) and repr(u) == repr(t) and u.requires_grad == t.requires_grad
    assert not np.shares_memory(t.data, u.data)


shapes = st.lists(st.integers(0, 4), min_size=1, max_size=4).map(tuple)


@settings(max_examples=60, deadline=None)
@given(shapes, st.data())
def test_any_axes(shape, data):
    x = np.arange(math.prod(shape), dtype=np.float64).reshape(shape) % 7
    axes = data.draw(st.permutations(range(-len(shape), 0)))
    some = tuple(axes[: data.draw(st.integers(0, len(shape)))])
    t = Tensor(x)
    np.testing.assert_array_equal(t.transpose(*axes).data, x.transpose(*axes))
    np.testing.assert_array_equal(t.sum(axis=some, keepdims=True).data, x.sum(axis=some, keepdims=True))
    np.testing.assert_array_equal(t.cumsum(axis=axes[0]).data, x.cumsum(axis=axes[0]))
    np.testing.assert_array_equal(t.unsqueeze(axes[0]).squeeze([axes[0]]).data, x)
    np.testing.assert_array_equal(t.swapaxes(axes[0], axes[-1]).data, x.swapaxes(axes[0], axes[-1]))
