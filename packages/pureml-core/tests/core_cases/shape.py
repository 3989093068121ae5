import numpy as np

from .case import Case, Error, case, draws

n, pos, c = draws(4)


def joined(*xs, **settings):
    return np.concatenate(xs, **settings)


CASES = [
    Case("reshape", (n(2, 3, 4),), {"shape": (4, -1)}, numpy=lambda x, shape: np.reshape(x, shape)),
    case("flatten", n(2, 3, 4)),
    case("flatten", n(2, 3, 4), keep_batch=False),
    case("flatten", n(2, 3, 4), sample_ndim=2),
    case("flatten", n(2, 3, 4), sample_ndim=0),
    case("flatten", n(0, 3, 4), sample_ndim=2),
    case("ravel", n(2, 3)),
    case("ravel", n()),
    case("ravel", n(0, 2)),
    case("transpose", n(2, 3, 4)),
    case("transpose", n(2, 3, 4), axes=(1, 2, 0)),
    case("transpose", n(3, 3, 3), axes=(-1, 0, -2)),
    case("swapaxes", n(2, 3, 4), axis1=-1, axis2=0),
    case("expand_dims", n(2, 3), axis=(0, -1)),
    case("squeeze", n(1, 3, 1)),
    case("squeeze", n(1, 3, 1), axis=0),
    case("broadcast_to", n(3, 1), shape=(2, 3, 4)),
    Case("concatenate", (n(2, 3), n(4, 3), n(0, 3)), numpy=joined),
    Case("concatenate", (n(3, 2), n(3, 4)), {"axis": -1}, numpy=joined),
    Case("concatenate", (n(2, 3), n(2)), {"axis": None}, numpy=joined),
    case("split", n(6, 2), indices_or_sections=3),
    case("split", n(2, 6), indices_or_sections=[1, 4], axis=1),
]

ERRORS = [
    Error("reshape", (n(2, 3),), {"shape": (4,)}, ValueError, r"reshape: given \(2, 3\)"),
    Error("flatten", (n(2, 3),), {"sample_ndim": 3}, ValueError, "sample_ndim=3 for 2 axes"),
    Error("concatenate", (n(2, 3), n(2, 4)), {}, ValueError, "concatenate"),
]
