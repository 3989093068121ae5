import numpy as np

from .case import Case, Error, case, draws

n, pos, c = draws(5)
rng = np.random.default_rng(8)

i = np.array

# ---- indices of (3, 4)

BASIC = [
    1,
    -1,
    np.int64(1),
    np.array(2),
    slice(None, None, -2),
    slice(2, 0, -1),
    (slice(1, None), 2),
    (Ellipsis, None, 0),
    (None, 1, None, slice(0, 0)),
    Ellipsis,
    (),
    None,
]

MASKS = [
    rng.random((3, 4)) < 0.5,
    np.array([True, False, True]),
    [False, True, True],
    (slice(None), np.array([True, False, True, True])),
    True,
    False,
    np.True_,
    (None, np.array(True), 1),
    np.zeros((3, 4), bool),
    (np.array([True, False, True]), np.array([False, True, True, False])),
]

INTEGERS = [
    i([0, 2, 0]),
    i([-1, 2, 0]),
    [[0, 1], [2, 2]],
    [],
    (i([0, 2, 0]), i([1, 1, 1])),
    (i([[0], [2]]), i([1, -1, 1])),
    ([0, 0], slice(1, 3)),
    (slice(None, None, -1), [1, 1, 3]),
    (np.int64(1), i([True, False, True, True])),
    (i([True, False, True]), [1, 1]),
    (Ellipsis, [0, 0, 1], None),
    (None, [2, 2], Ellipsis),
    np.zeros((0,), int),
    np.zeros((2, 0), int),
    range(2),
]

DEEP = [  # indices of (2, 3, 2, 4)
    ([1, 1], slice(None), [0, 0]),  # the integers' axis goes to the front
    (slice(None), [2, 0, 2], [1, 1, 1]),  # or stays in its place
    ([1, 0], slice(1, 3), slice(None), [[3], [3]]),
    (0, slice(None), i([1, 1, 0])),
    (i([[True, False, True], [False, False, True]]), [0, 1, 1]),
    (slice(None), i([[True, False], [True, True], [False, True]]), None, 2),
]

GETITEM = [
    *[case("getitem", n(3, 4), index=index) for index in (*BASIC, *MASKS, *INTEGERS)],
    *[case("getitem", n(2, 3, 2, 4), index=index) for index in DEEP],
    *[case("getitem", n(), index=index) for index in ((), Ellipsis, None, True, np.array(False), (None, True))],
    case("getitem", n(1, 1), index=([0, 0, 0], -1)),
    case("getitem", n(0, 3), index=(slice(None), [1, 1])),
    case("getitem", n(3, 3), index=(i([0, 1]), i([2, 1]))),
    case("getitem", c(3, 2), index=[0, 0, 2]),
]

SCATTER = [
    case("scatter_add", n(3, 2), index=i([0, 4, 0]), shape=(5, 2)),
    case("scatter_add", n(2, 2), index=slice(1, 3), shape=(5, 2)),
    case("scatter_add", n(2, 3), index=(slice(None), [1], [0, 0, -1]), shape=(2, 2, 3)),
    case("scatter_add", n(4), index=i([True, False, True, True, True]), shape=(5,)),
    case("scatter_add", n(2), index=([0, 0, 1], slice(None)), shape=(3, 2)),  # the values broadcast
    case("scatter_add", n(), index=[1, 1], shape=3),
    case("scatter_add", n(0), index=[], shape=(3,)),
    case("scatter_add", n(700, 2), index=np.arange(700) % 300, shape=(400, 2)),  # large enough for the fast ways
    case("scatter_add", n(600, 2), index=np.arange(600) % 5, shape=(5, 2)),
    case("scatter_add", n(2, 300, 2), index=(slice(None), np.arange(300) % 7), shape=(2, 7, 2)),
    case("scatter_add", c(3), index=[0, 0, 1], shape=(2,)),
]

TAKE = [
    case("take", n(3, 4), indices=[0, 5, 5, -1]),
    case("take", n(3, 4), indices=7),
    case("take", n(3, 4), indices=i([[0, 2], [2, -1]]), axis=0),
    case("take", n(3, 4), indices=[1, 1], axis=-1),
    case("take", n(3, 4), indices=2, axis=1),
    case("take", n(3, 3), indices=[4, -4, 0], axis=1, mode="wrap"),
    case("take", n(3, 3), indices=[4, -4, 0], axis=0, mode="clip"),
    case("take", n(2, 3, 2), indices=[[2], [0]], axis=1),
    case("take", n(), indices=[0, 0]),
    case("take", n(0, 2), indices=np.zeros(0, int), axis=0),
    case("take", n(2), indices=np.zeros((0, 3), int), mode="wrap"),
    case("take", c(3), indices=[2, 2]),
]

ALONG = [
    case("take_along_axis", n(3, 4), indices=i([[0, 3, 3], [1, 1, 1], [-1, 0, 2]]), axis=1),
    case("take_along_axis", n(3, 4), indices=i([[0, 2, 2, 1]]), axis=0),
    case("take_along_axis", n(3, 4), indices=i([[2]]), axis=-1),  # broadcasts against the other axes
    case("take_along_axis", n(1, 4), indices=i([[0, 1], [1, 1]]), axis=1),
    case("take_along_axis", n(3, 3), indices=np.argsort(n(3, 3), axis=0), axis=0),
    case("take_along_axis", n(2, 3), indices=i([5, 0, 5]), axis=None),
    case("take_along_axis", n(2, 2, 2), indices=np.zeros((2, 1, 2), int), axis=1),
    case("take_along_axis", n(0, 2), indices=np.zeros((0, 1), int), axis=1),
    case("put_along_axis", n(3, 4), indices=i([[0], [3], [3]]), values=2.0, axis=1),
    Case(
        "put_along_axis",
        (n(3, 4), i([[0, 0], [3, 1], [3, 2]]), n(3, 1)),
        {"axis": 1},
        through=lambda op, x, indices, values, axis: op(x, indices, values, axis),
    ),
    Case(
        "put_along_axis",
        (n(3, 2), i([5, 0, 5]), n(3)),
        {"axis": None},
        through=lambda op, x, indices, values, axis: op(x, indices, values, axis),
    ),
]

a, b = n(3, 4), n(3, 4)

CHOICES = [
    case("compress", i([True, False, True]), n(3, 4), axis=0),
    case("compress", [0, 1, 1], n(3, 4), axis=-1),
    case("compress", [True, False, False, True], n(2, 3)),
    case("compress", i([False]), n(3)),
    case("compress", i([True, True, False]), n(3, 3), axis=1),
    case("extract", a > 0, n(3, 4)),
    case("extract", [1, 0, 0], n(3)),
    case("extract", np.zeros((2, 2), bool), n(2, 2)),
    case("select", [a > 0.5, b > 0], n(2, 3, 4)),
    case("select", [a > 0.5, b > 0], n(2, 3, 4), default=3.0),
    Case("select", ([a > 0.5, b > 0], n(2, 3, 4), n(3, 4))),
    Case("select", ([a > 0, a[0] > 0], n(2, 4), n(3, 1))),  # all of them broadcast
    Case("select", ([np.array(True)], n(1), n(2))),
    Case("select", ([a[:0] > 0], n(1, 1, 4), n(1))),
    case("choose", i([0, 2, 1, 0]), n(3, 4)),
    case("choose", i([[0], [1]]), n(2, 3)),
    case("choose", i(1), n(3, 2)),
    case("choose", i([0, 0]), n(1, 2)),
    case("choose", i([-1, 5, 1]), n(3, 3), mode="wrap"),
    case("choose", i([-1, 5, 1]), n(3, 3), mode="clip"),
    case("choose", np.zeros(0, int), n(2, 1)),
]

UPDATES = [
    case(name, n(3, 4), v, index=index)
    for name in ("index_set", "index_add", "index_multiply", "index_max", "index_min")
    for v, index in (
        (n(4), 1),
        (n(3, 4), ()),
        (n(), (0, -1)),
        (n(2, 1), slice(None, None, 2)),
        (n(2), (Ellipsis, [0, 2])),
        (n(3, 2), (slice(None), [1, 3])),
        (n(3, 4), [0, 0, 2]),
        (n(3, 4), [0, 0, 0]),
        (n(2, 1, 4), [[1, 1], [2, 1]]),
        (n(), [2, 2]),
        (n(3), ([0, 2, 0], [1, 1, 1])),
        (n(), a > 0),
        (n(int((a > 0).sum())), a > 0),
        (n(0, 4), []),
        (n(2, 3), ([0, 0], slice(1, 4))),
        (2.0, 1),
    )
]

CASES = [*GETITEM, *SCATTER, *TAKE, *ALONG, *CHOICES, *UPDATES]

ERRORS = [
    Error("getitem", (n(2, 3),), {"index": 5}, IndexError, r"getitem: given \(2, 3\)"),
    Error("getitem", (n(2, 3),), {"index": i([0.0])}, IndexError, r"getitem: .*integer"),
    Error("getitem", (n(2, 3),), {"index": i([True, False, True])}, IndexError, r"getitem: .*boolean"),
    Error("getitem", (n(2),), {"index": (0, 0)}, IndexError, r"getitem: given \(2,\): too many indices"),
    Error("scatter_add", (n(2),), {"index": [0, 3], "shape": (3,)}, IndexError, "scatter_add: .*out of bounds"),
    Error("scatter_add", (n(3),), {"index": slice(2), "shape": (3,)}, ValueError, "scatter_add: .*broadcast"),
    Error("take", (n(3),), {"indices": [3]}, IndexError, "take: .*out of bounds"),
    Error("take", (n(3),), {"indices": [0], "axis": 1}, np.exceptions.AxisError, "take: .*axis 1"),
    Error("take_along_axis", (n(3, 2),), {"indices": i([0])}, ValueError, r"take_along_axis: given .*\(1,\).*\(3, 2\)"),
    Error("take_along_axis", (n(3),), {"indices": i([0.0])}, IndexError, "take_along_axis: .*float64, needed integers"),
    Error("put_along_axis", (n(3), i([[0]]), 1.0), {"axis": 0}, ValueError, "put_along_axis: given"),
    Error("compress", (i([[True]]), n(3)), {}, ValueError, r"compress: given .*\(1, 1\).*extract"),
    Error("compress", (i([False, True]), n(1)), {}, IndexError, "take: .*out of bounds"),
    Error("select", ([a > 0], n(2, 3, 4)), {}, ValueError, "select: given 1 conditions and 2 choices"),
    Error("select", ([], []), {}, ValueError, "select: given 0"),
    Error("select", ([a], n(1, 3, 4)), {}, TypeError, "select: .*float64, needed bool"),
    Error("choose", (i([0, 2]), n(2, 2)), {}, ValueError, "choose: given integers outside of 2 choices"),
    Error("index_set", (i([1, 2]), 0.5), {"index": 0}, TypeError, "index_set: .*float64 .*int(32|64).*astype"),
    Error("index_add", (n(2), c(1)), {"index": 0}, TypeError, "index_add: .*complex128 .*float64"),
    Error("index_set", (n(3, 2), n(3)), {"index": 0}, ValueError, "index_set: .*broadcast"),
    Error("index_set", (n(3, 2), n(1, 2)), {"index": 0}, ValueError, r"index_set: .*\(1, 2\) to \(2,\)"),
    Error("scatter_add", (n(1, 2),), {"index": 0, "shape": (3, 2)}, ValueError, r"scatter_add: .*\(1, 2\) to \(2,\)"),
    Error("index_max", (n(3), 1.0), {"index": [0, 5]}, IndexError, "index_max: .*out of bounds"),
]
