import numpy as np

from .case import Case, Error, case, draws

n, pos, c = draws(23)


def values(topk, x, **settings):
    return topk(x, **settings)[0]


CASES = [
    *[
        case(op, x, axis=axis, **settings)
        for op, settings in (("sort", {}), ("sort", {"stable": True}), ("partition", {"kth": (0, 1, 2)}))
        for x in (n(3, 3), n(4, 3, 5))
        for axis in (None, 0, -1)
    ],
    case("sort", n(5), kind="mergesort"),
    case("sort", c(2, 4)),
    case("sort", n(0, 2)),
    case("sort", n(3, 1)),
    case("sort", n(), axis=None),
    Case("partition", (n(9),), {"kth": 4}, numpy=np.partition, through=lambda f, x, kth: f(x, kth)[kth]),
    *[
        case("topk", n(3, 5), k=k, axis=axis, largest=largest)
        for k in (0, 1, 3)
        for axis in (0, -1)
        for largest in (True, False)
    ],
    case("topk", n(2, 3, 4), k=2, axis=1),
    *[case(op, n(2, 3), indices=np.array([[2, 0, 1], [0, 2, 1]]), axis=-1) for op in ("permute", "unpermute")],
    case("permute", n(3, 2), indices=np.array([[2, 0], [0, 1], [1, 2]]), axis=0),
    case("unpermute", n(3, 2), indices=np.array([[2, 0], [0, 1], [1, 2]]), axis=0),
    *[Case("topk", (n(3, 6),), {"k": k}, through=values) for k in (2, 6)],
]

ERRORS = [
    Error("topk", (n(2, 3),), {"k": 4}, ValueError, r"topk: given k=4 for 3 entries along axis -1 of \(2, 3\)"),
    Error("topk", (n(2, 3),), {"k": -1}, ValueError, "topk: given k=-1"),
    Error("sort", (n(2, 3),), {"axis": 2}, ValueError, r"sort: given \(2, 3\): axis 2"),
    Error("partition", (n(2, 3),), {"kth": 5}, ValueError, "kth"),
]
