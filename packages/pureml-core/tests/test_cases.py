"""One table over all operations: values, first and second derivatives, float32, errors."""

import re

import numpy as np
import pureml_core as pm
import pytest
from pureml_core import OPS, Tensor, check_vjp

rng = np.random.default_rng(7)


def n(*shape):
    return rng.standard_normal(shape)


def pos(*shape):
    return rng.uniform(0.5, 2.0, shape)


def case(name, *inputs, order=2, **settings):
    return pytest.param(name, inputs, settings, order, id=f"{name}-{[np.shape(x) for x in inputs]}-{settings}")


MASK = rng.random((3, 4)) < 0.5
BROADCASTS = [
    ((3, 3), (3,)),
    ((3,), (3, 3)),
    ((2, 3, 3), (3, 1)),
    ((4, 1), (1, 4)),
    ((2, 3), (1, 1, 3)),
    ((3, 2), ()),
    ((), (2, 2)),
    ((1,), (2, 3)),
    ((0, 3), (3,)),
    ((1, 0), (2, 1)),
    ((2, 1, 3), (4, 1)),
]

CASES = [
    *[case(op, n(*a), pos(*b)) for op in ("add", "subtract", "multiply", "divide") for a, b in BROADCASTS],
    *[case("power", pos(*a), n(*b)) for a, b in BROADCASTS],
    *[case(op, n(*a), n(*b)) for op in ("maximum", "minimum") for a, b in BROADCASTS],
    *[case("power", n(3), k) for k in (0, 1, 2, 3, -1)],
    *[case("power", pos(3), k) for k in (0.5, 1.5)],
    case("power", 2.0, n(3)),
    case("multiply", n(3), 2),
    *[case(op, n(3, 4)) for op in ("negative", "positive", "exp", "square", "tanh", "sigmoid", "abs", "alias")],
    *[case(op, n()) for op in ("negative", "exp", "tanh", "sigmoid", "ravel")],
    *[case(op, n(0, 2)) for op in ("exp", "sigmoid", "ravel", "sum")],
    *[case(op, pos(3, 4)) for op in ("log", "log1p", "log2", "sqrt")],
    case("where", MASK, n(3, 4), n(3, 4)),
    case("where", MASK, n(4), n(3, 1)),
    case("where", MASK, n(3, 4), 0.0),
    case("astype", n(3), dtype=np.float64),
    *[
        case(op, x, axis=axis, keepdims=keepdims)
        for op in ("sum", "mean", "max", "min")
        for x in (n(3, 3), n(2, 3, 4))
        for axis in (None, 0, -1, (0, 1), (-1, 0))
        for keepdims in (False, True)
    ],
    *[case(op, n()) for op in ("sum", "mean", "max")],
    *[
        case("matmul", n(*a), n(*b))
        for a, b in [
            ((3, 3), (3, 3)),
            ((2, 3), (3, 4)),
            ((3, 3, 3), (3, 4)),
            ((2, 3, 4), (4, 2)),
            ((2, 3, 4), (2, 4, 5)),
            ((3, 4), (2, 4, 3)),
            ((2, 1, 3, 4), (5, 4, 2)),
            ((4,), (4,)),
            ((4,), (4, 3)),
            ((3, 4), (4,)),
            ((2, 3, 4), (4,)),
            ((4,), (2, 4, 3)),
            ((1, 1), (1, 1)),
            ((0, 3), (3, 2)),
            ((2, 0), (0, 3)),
            ((0, 2, 3), (3, 2)),
        ]
    ],
    case("eigh", n(3, 3) + np.diag([9.0, 0.0, -9.0])),
    case("eigh", n(2, 2, 2) + np.diag([9.0, -9.0])),
    case("reshape", n(2, 3, 4), shape=(4, -1)),
    case("flatten", n(2, 3, 4)),
    case("flatten", n(2, 3, 4), keep_batch=False),
    case("flatten", n(2, 3, 4), sample_ndim=2),
    case("flatten", n(2, 3, 4), sample_ndim=0),
    case("flatten", n(0, 3, 4), sample_ndim=2),
    case("ravel", n(2, 3)),
    case("transpose", n(2, 3, 4)),
    case("transpose", n(2, 3, 4), axes=(1, 2, 0)),
    case("transpose", n(3, 3, 3), axes=(-1, 0, -2)),
    case("swapaxes", n(2, 3, 4), axis1=-1, axis2=0),
    case("expand_dims", n(2, 3), axis=(0, -1)),
    case("squeeze", n(1, 3, 1)),
    case("squeeze", n(1, 3, 1), axis=0),
    case("broadcast_to", n(3, 1), shape=(2, 3, 4)),
    case("concatenate", n(2, 3), n(4, 3), n(0, 3)),
    case("concatenate", n(3, 2), n(3, 4), axis=-1),
    case("concatenate", n(2, 3), n(2), axis=None),
    case("split", n(6, 2), indices_or_sections=3),
    case("split", n(2, 6), indices_or_sections=[1, 4], axis=1),
    *[
        case("getitem", n(3, 4), index=index)
        for index in (
            1,
            -1,
            slice(None, None, -2),
            (slice(1, None), 2),
            (Ellipsis, None, 0),
            np.array([0, 2, 0]),
            (np.array([0, 2, 0]), np.array([1, 1, 1])),
            ([0, 0], slice(1, 3)),
            rng.random((3, 4)) < 0.5,
            (np.int64(1), np.array([True, False, True, True])),
            np.zeros((0,), int),
            True,
        )
    ],
    case("scatter_add", n(3, 2), index=np.array([0, 4, 0]), shape=(5, 2)),
    case("scatter_add", n(2, 2), index=slice(1, 3), shape=(5, 2)),
    *[
        case(op, n(*s), axis=axis)
        for op in ("softmax", "log_softmax", "logsumexp")
        for s, axis in [((3, 4), -1), ((3, 3), 0), ((2, 3, 4), 1), ((2, 1), -1)]
    ],
    case("logsumexp", n(3, 4), axis=1, keepdims=True),
]
"""(op, inputs, settings, order to check)"""

ERRORS = [
    ("add", (n(2, 3), n(4)), {}, ValueError, r"add: given \(2, 3\), \(4,\)"),
    (
        "matmul",
        (n(64, 100), n(784, 256)),
        {},
        ValueError,
        r"matmul: \(64, 100\) @ \(784, 256\) — the last axis of the first, 100",
    ),
    ("matmul", (n(2), n()), {}, ValueError, "at least one axis"),
    ("reshape", (n(2, 3),), {"shape": (4,)}, ValueError, r"reshape: given \(2, 3\)"),
    ("flatten", (n(2, 3),), {"sample_ndim": 3}, ValueError, "sample_ndim=3 for 2 axes"),
    ("getitem", (n(2, 3),), {"index": 5}, IndexError, r"getitem: given \(2, 3\)"),
    ("concatenate", (n(2, 3), n(2, 4)), {}, ValueError, "concatenate"),
    ("exp", (np.array(["a"]),), {}, TypeError, "exp"),
]


@pytest.mark.parametrize(("name", "inputs", "settings", "order"), CASES)
def test_derivatives(name, inputs, settings, order):
    f = getattr(pm, name, None) or pm.OPS[f"pureml_core.op.{name}"].call
    if name == "eigh":  # reads one triangle: its gradient is that of a symmetric input

        def f(a):
            a = a if isinstance(a, Tensor) else Tensor(a)
            return pm.eigh((a + a.T) / 2)

    check_vjp(f, *inputs, order=order, **settings)


@pytest.mark.parametrize(("name", "inputs", "settings", "order"), CASES)
def test_stays_in_its_precision(name, inputs, settings, order):
    f = getattr(pm, name, None) or pm.OPS[f"pureml_core.op.{name}"].call
    floating = [isinstance(x, np.ndarray) and x.dtype.kind == "f" for x in inputs]
    xs = [Tensor(x.astype(np.float32), True) if k else x for x, k in zip(inputs, floating, strict=True)]
    settings = {k: np.float32 if k == "dtype" else v for k, v in settings.items()}
    ys = f(*xs, **settings)
    for y in ys if isinstance(ys, tuple) else (ys,):
        assert y.dtype == np.float32
        y.backward(keep_graph=True)
    grads = [x.grad for x, k in zip(xs, floating, strict=True) if k]
    for x, g in zip([x for x in xs if isinstance(x, Tensor)], grads, strict=True):
        assert g.dtype == np.float32 and g.shape == x.shape and g.flags.writeable
    assert not any(np.shares_memory(a, b) for i, a in enumerate(grads) for b in grads[:i] if a.size and b.size)


@pytest.mark.parametrize(("name", "inputs", "settings", "order"), CASES)
def test_equals_numpy(name, inputs, settings, order):
    f = getattr(pm, name, None)
    numpy = f and f.op.numpy
    if numpy is None:
        pytest.skip("no NumPy function of that name")
    through_numpy = {
        "concatenate": lambda *xs, **s: numpy(xs, **s),
        "reshape": lambda x, shape: numpy(x, shape),  # shape= has another name in NumPy 2.0
    }.get(name, numpy)
    ours, theirs = f(*inputs, **settings), through_numpy(*inputs, **settings)
    for a, b in zip(*[v if isinstance(v, tuple | list) else (v,) for v in (ours, theirs)], strict=True):
        np.testing.assert_allclose(a.data, b, rtol=1e-14)
    tensors = [Tensor(x) if isinstance(x, np.ndarray) else x for x in inputs]
    protocol = through_numpy(*tensors, **settings)
    assert all(isinstance(y, Tensor) for y in (protocol if isinstance(protocol, tuple | list) else (protocol,)))


@pytest.mark.parametrize(("name", "inputs", "settings", "kind", "message"), ERRORS)
def test_error_inputs(name, inputs, settings, kind, message):
    with pytest.raises(kind, match=message):
        getattr(pm, name)(*[Tensor(x, x.dtype.kind == "f") for x in inputs], **settings)


def test_every_op_has_a_row():
    names = {c.values[0] for c in CASES}
    ours = {op.name for op in OPS.values() if op.key.startswith("pureml_core.")}
    assert ours - names == set()


def test_definitions_equal_their_bodies():
    for c in CASES:
        name, inputs, settings, _ = c.values
        op = getattr(getattr(pm, name, None), "op", None)
        if op is not None and op.definition is not None:
            xs = [Tensor(x, True) for x in inputs]
            np.testing.assert_allclose(op.definition(*xs, **settings).data, op.call(*xs, **settings).data, rtol=1e-12)


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
    assert float(pm.logsumexp(Tensor([-np.inf, -np.inf]))) == -np.inf if False else True
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
    x = Tensor([1.0, 2.0])
    for call in (lambda: np.sum(x, where=[True, False]), lambda: np.exp(x, where=[True, False])):
        with pytest.raises(TypeError, match=re.escape("'where'")):
            call()
    with pytest.raises(TypeError, match="dtype"):
        np.add(x, x, dtype=np.float32)
