import numpy as np
import pureml_core as pm

from .case import Case, Error, case, draws

n, pos, c = draws(4)


def joining(f):
    """NumPy's function of a sequence as a function of arrays."""
    return lambda *xs, **settings: f(xs, **settings)


def reshaped(x, shape):
    """np.reshape, whose keyword is `newshape` until NumPy 2.1."""
    return np.reshape(x, shape)


def unstacked(x, axis=0):
    """np.unstack, which NumPy has since 2.1, in its own words."""
    return tuple(np.moveaxis(x, axis, 0)) if isinstance(x, np.ndarray) else pm.unstack(x, axis=axis)


def trimmed(x, trim="fb", axis=None):
    """np.trim_zeros of several axes, which NumPy has since 2.2."""
    return np.trim_zeros(x, trim) if np.ndim(x) == 1 else pm.trim_zeros(x, trim, axis=axis)


def where_it_was(x0):
    """An operation whose finite differences must leave zeros as they are."""
    return lambda op, x, **settings: op(x * (x0 != 0), **settings)


def blocks(block, x):
    """The blocks of x in other places, one of them twice."""
    return block([[x[:2], x[1:, :1]], [x[2:, :1], x[2:]]])


ZEROS = np.array([0.0, 0.0, 1.5, 0.0, -2.0, 0.0])
PADDED = np.pad(n(2, 3), ((1, 2), (0, 1)))

RESHAPED = [
    *[
        Case("reshape", (x,), {"shape": shape}, numpy=reshaped)
        for x, shape in [(n(2, 3, 4), (4, -1)), (n(), (1, 1)), (n(0, 3), (3, 0)), (c(2, 2), 4)]
    ],
    Case(
        "reshape", (n(2, 3),), {"shape": (6,)}, through=lambda reshape, x, shape: reshape(x, shape, "F"), numpy=reshaped
    ),
    case("flatten", n(2, 3, 4)),
    case("flatten", n(2, 3, 4), keep_batch=False),
    case("flatten", n(2, 3, 4), sample_ndim=2),
    case("flatten", n(2, 3, 4), sample_ndim=0),
    case("flatten", n(0, 3, 4), sample_ndim=2),
    case("ravel", n(2, 3)),
    Case("ravel", (n(2, 3, 2),), through=lambda ravel, x: ravel(x, "F")),
    case("ravel", n()),
    case("ravel", n(0, 2)),
    case("expand_dims", n(2, 3), axis=(0, -1)),
    case("expand_dims", n(), axis=0),
    case("squeeze", n(1, 3, 1)),
    case("squeeze", n(1, 3, 1), axis=0),
    case("squeeze", n(1, 1)),
    *[case(op, n(*s)) for op in ("atleast_1d", "atleast_2d", "atleast_3d") for s in [(), (3,), (2, 3), (2, 2, 2, 1)]],
    *[case(op, n(), n(3), n(0, 2)) for op in ("atleast_1d", "atleast_2d", "atleast_3d")],
]

MOVED = [
    case("transpose", n(2, 3, 4)),
    case("transpose", n(2, 3, 4), axes=(1, 2, 0)),
    case("transpose", n(3, 3, 3), axes=(-1, 0, -2)),
    case("transpose", n()),
    case("transpose", c(3, 3)),
    case("swapaxes", n(2, 3, 4), axis1=-1, axis2=0),
    case("moveaxis", n(2, 3, 4), source=0, destination=-1),
    case("moveaxis", n(2, 2, 2), source=(0, -1), destination=(1, 0)),
    *[case("rollaxis", n(2, 3, 4), axis=axis, start=start) for axis, start in [(0, 3), (2, 0), (-1, 1), (1, -1)]],
    *[case("flip", n(2, 3), axis=axis) for axis in (None, 0, -1, (0, 1))],
    case("flip", n()),
    case("flip", n(0, 2)),
    case("flipud", n(3)),
    case("flipud", n(3, 3)),
    case("fliplr", n(3, 3)),
    *[case("roll", n(3, 4), shift=shift, axis=axis) for shift, axis in [(1, None), (-2, 1), ((1, 2), (0, -1)), (5, 0)]],
    case("roll", n(), shift=2),
    case("roll", n(0, 2), shift=1, axis=0),
    *[case("rot90", n(2, 3, 3), k=k, axes=axes) for k, axes in [(1, (0, 1)), (2, (1, 2)), (3, (-1, 0)), (-1, (2, 1))]],
    case("copy", n(2, 3)),
    case("copy", n()),
    *[case(op, x) for op in ("ascontiguousarray", "asfortranarray") for x in (n(3, 2), n(), c(2, 2))],
]

BROADCAST = [
    case("broadcast_to", n(3, 1), shape=(2, 3, 4)),
    case("broadcast_to", n(), shape=3),
    case("broadcast_to", n(1, 2), shape=(0, 2)),
    case("broadcast_arrays", n(3, 1), n(1, 4), n()),
    case("broadcast_arrays", n(2, 2)),
    case("meshgrid", n(2), n(3)),
    case("meshgrid", n(3), n(3), n(2), indexing="ij"),
    case("meshgrid", n(2), n(3), sparse=True, copy=False),
    case("meshgrid", n(), n(0)),
    case("meshgrid", n(3)),
]

JOINED = [
    Case("concatenate", (n(2, 3), n(4, 3), n(0, 3)), numpy=joining(np.concatenate)),
    Case("concatenate", (n(3, 2), n(3, 4)), {"axis": -1}, numpy=joining(np.concatenate)),
    Case("concatenate", (n(2, 3), n(2)), {"axis": None}, numpy=joining(np.concatenate)),
    Case("concatenate", (n(2, 3), c(1, 3)), numpy=joining(np.concatenate)),
    Case("concatenate", (n(3),), numpy=joining(np.concatenate)),
    *[
        Case("stack", (n(2, 3), n(2, 3), c(2, 3)), {"axis": axis}, numpy=joining(np.stack))
        for axis in (0, 1, 2, -1, -2)
    ],
    Case("stack", (n(), n()), numpy=joining(np.stack)),
    Case("stack", (n(0, 2), n(0, 2)), {"axis": 1}, numpy=joining(np.stack)),
    Case("vstack", (n(3), n(2, 3)), numpy=joining(np.vstack)),
    Case("vstack", (n(), n(1)), numpy=joining(np.vstack)),
    Case("hstack", (n(3), n(2), n()), numpy=joining(np.hstack)),
    Case("hstack", (n(2, 3), n(2, 1)), numpy=joining(np.hstack)),
    Case("dstack", (n(3), n(1, 3), n(1, 3, 2)), numpy=joining(np.dstack)),
    Case("column_stack", (n(3), n(3, 2), n(3)), numpy=joining(np.column_stack)),
    Case("block", (n(3, 3),), through=blocks),
    Case("block", (n(3),), through=lambda block, x: block([x, x[:1], x[0]])),
    Case("block", (n(2, 2, 2),), through=lambda block, x: block([[[x]], [[x[0]]]])),
    case("append", n(2, 3), n(2)),
    case("append", n(2, 3), n(1, 3), axis=0),
    case("append", n(2, 3), n(2, 1), axis=-1),
    *[
        Case("insert", (n(3, 4), obj, values), {"axis": axis})
        for obj, values, axis in [
            (1, n(), None),
            (1, n(4), 0),
            (-1, n(3), 1),
            ([1, 3], n(3, 2), 1),
            ([3, 1, 1], n(3, 1), 1),
            ([0, 2], n(), 0),
            (slice(0, 4, 2), n(3, 2), -1),
            (np.array([2]), n(3, 2), 1),
            ([], n(0), None),
        ]
    ],
    Case("insert", (n(3), 1, n(3))),
    Case("insert", (c(3), 1, n(2))),
]

CUT = [
    case("split", n(6, 2), indices_or_sections=3),
    case("split", n(2, 6), indices_or_sections=[1, 4], axis=1),
    case("split", n(2, 6), indices_or_sections=[0, 2, 9], axis=-1),
    case("split", n(5), indices_or_sections=[-2]),
    case("array_split", n(7, 2), indices_or_sections=3),
    case("array_split", n(2, 3), indices_or_sections=4, axis=-1),
    case("vsplit", n(4, 2), indices_or_sections=2),
    case("hsplit", n(2, 4), indices_or_sections=[1]),
    case("hsplit", n(4), indices_or_sections=2),
    case("dsplit", n(2, 1, 4), indices_or_sections=[1, 2]),
    *[Case("unstack", (x,), {"axis": axis}, numpy=unstacked) for x, axis in [(n(2, 3), 0), (n(3, 3), -1), (n(2), 0)]],
    *[
        case("delete", n(3, 4), obj=obj, axis=axis)
        for obj, axis in [(1, 0), (-1, 1), ([0, 2, 0], -1), (slice(1, None, 2), 1), (5, None), ([], 0)]
    ],
    case("delete", c(4), obj=np.array([True, False, False, True])),
    *[Case("trim_zeros", (ZEROS,), {"trim": trim}, through=where_it_was(ZEROS)) for trim in ("fb", "f", "B")],
    Case("trim_zeros", (np.zeros(3),), through=where_it_was(np.zeros(3))),
    *[
        Case("trim_zeros", (PADDED,), {"axis": axis}, numpy=trimmed, through=where_it_was(PADDED))
        for axis in (None, 0, (1,), (-1, 0))
    ],
]

REPEATED = [
    *[case("tile", n(2, 3), reps=reps) for reps in (2, (2, 1), (1, 3), (2, 1, 2), (2, 0), ())],
    case("tile", n(3, 3), reps=(2, 2)),
    case("tile", n(), reps=(2, 2)),
    case("tile", n(2), reps=np.array([2, 2])),
    case("tile", n(0, 2), reps=2),
    *[
        case("repeat", n(3, 4), repeats=repeats, axis=axis)
        for repeats, axis in [(2, None), (3, 0), (2, -1), ([1, 0, 2], 0), ([2, 0, 1, 3], -1), ([2], 1), (0, 0)]
    ],
    case("repeat", c(3), repeats=(0, 2, 1)),
    case("repeat", n(), repeats=3),
    case("repeat", n(0, 2), repeats=2, axis=0),
    *[case("resize", n(2, 3), new_shape=shape) for shape in ((2, 2), (3, 5), 4, (0, 2), ())],
    case("resize", n(0, 2), new_shape=(2, 1)),
]

MODES = ("constant", "edge", "reflect", "symmetric", "wrap")

EXTENDED = [
    *[
        case("pad", n(3, 4), pad_width=width, mode=mode)
        for mode in MODES
        for width in (1, (2, 1), ((0, 2), (3, 0)), ((1,), (2,)), ((7, 5), (0, 9)))
    ],
    *[case("pad", n(1, 2), pad_width=3, mode=mode) for mode in MODES],
    *[case("pad", c(2, 2), pad_width=((1, 0), (0, 3)), mode=mode) for mode in MODES],
    *[case("pad", n(3), pad_width=0, mode=mode) for mode in MODES],
    *[case("pad", n(0, 2), pad_width=((0, 0), (1, 1)), mode=mode) for mode in MODES],
    case("pad", n(0, 2), pad_width=((1, 0), (1, 1))),
    case("pad", n(3, 4), pad_width=1, constant_values=2.5),
    case("pad", n(3, 4), pad_width=(1, 2), constant_values=((1.0, 2.0), (3.0, 4.0))),
    *[case("unpad", n(7, 3), width=[[3, 2], [0, 1]], mode=mode) for mode in MODES[1:]],
]

CASES = [*RESHAPED, *MOVED, *BROADCAST, *JOINED, *CUT, *REPEATED, *EXTENDED]

ERRORS = [
    Error("reshape", (n(2, 3),), {"shape": (4,)}, ValueError, r"reshape: given \(2, 3\)"),
    Error("reshape", (n(2, 3),), {"shape": (6,), "order": "A"}, ValueError, "order='A'; give"),
    Error("ravel", (n(2, 3),), {"order": "K"}, ValueError, "order='K'; give"),
    Error("flatten", (n(2, 3),), {"sample_ndim": 3}, ValueError, "sample_ndim=3 for 2 axes"),
    Error("concatenate", (n(2, 3), n(2, 4)), {}, ValueError, "concatenate"),
    Error("concatenate", (), {}, ValueError, "concatenate.*at least one"),
    Error("concatenate", (n(2), n(2)), {"axis": 1}, ValueError, "concatenate"),
    Error("stack", (n(2, 3), n(2)), {}, ValueError, "stack.*same shape"),
    Error("transpose", (n(2, 3),), {"axes": (0, 0)}, ValueError, "transpose"),
    Error("moveaxis", (n(2, 3),), {"source": 2, "destination": 0}, ValueError, "moveaxis"),
    Error("rollaxis", (n(2, 3),), {"axis": 2}, ValueError, "rollaxis: axis=2"),
    Error("squeeze", (n(2, 3),), {"axis": 0}, ValueError, "squeeze"),
    Error("fliplr", (n(2),), {}, ValueError, r"fliplr: given \(2,\)"),
    Error("broadcast_to", (n(2, 3),), {"shape": (2, 4)}, ValueError, "broadcast_to"),
    Error("meshgrid", (n(2), n(3)), {"indexing": "yx"}, ValueError, "indexing='yx'"),
    Error("split", (n(5),), {"indices_or_sections": 2}, ValueError, "split.*equal division"),
    Error("split", (n(5),), {"indices_or_sections": [3, 1]}, ValueError, "overlap on an axis of 5"),
    Error("dsplit", (n(5),), {"indices_or_sections": 1}, ValueError, "at least 3 axes"),
    Error("repeat", (n(3),), {"repeats": [1, 2]}, ValueError, "repeat"),
    Error("delete", (n(3),), {"obj": 3}, IndexError, "delete"),
    Error("insert", (n(3), 4, n()), {}, IndexError, "insert"),
    Error("resize", (n(3),), {"new_shape": (-1,)}, ValueError, "resize"),
    Error("trim_zeros", (n(3),), {"trim": "x"}, ValueError, "trim='x'"),
    Error("pad", (n(3),), {"pad_width": 1, "mode": "median"}, ValueError, "give one of constant, edge, reflect"),
    Error("pad", (n(3),), {"pad_width": -1}, ValueError, "negative"),
    Error("pad", (n(3),), {"pad_width": 1.5}, TypeError, "integral"),
    Error("pad", (n(0),), {"pad_width": 1, "mode": "edge"}, ValueError, "empty axis"),
    Error("pad", (n(3),), {"pad_width": 1, "mode": "edge", "constant_values": 1.0}, ValueError, "constant_values"),
]
