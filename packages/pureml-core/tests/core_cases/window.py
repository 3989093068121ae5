import numpy as np
import pureml_core as pm

from .case import Case, Error, case, draws

n, pos, c = draws(7)

SETTINGS = [
    ((5,), {"size": 2}),
    ((5,), {"size": 5}),
    ((7,), {"size": 3, "stride": 2}),
    ((7,), {"size": 3, "dilation": 3}),
    ((6,), {"size": 2, "stride": 3}),
    ((9,), {"size": 4, "stride": 2, "dilation": 2}),
    ((2, 6), {"size": 4, "stride": 2}),
    ((4, 4), {"size": (2, 2)}),
    ((2, 5, 6), {"size": (2, 3), "stride": (2, 1), "dilation": (1, 2)}),
    ((5, 2, 6), {"size": (2, 5), "axes": (0, 2)}),
    ((5, 2, 6), {"size": (2, 1), "axes": (-1, 0), "stride": 2}),
    ((4, 4, 2), {"size": 2, "axes": (0, 1), "stride": 2}),
    ((0, 4), {"size": 2}),
    ((3,), {"size": ()}),
]


def windows(shape, **settings):
    return pm.unfold(np.zeros(shape), **settings).shape


def sliding(x, size, axes=None):
    return np.lib.stride_tricks.sliding_window_view(x, size, axis=axes)


TAPS = [(np.array([0, 2, 2, 0]), np.array([0.5, 1.0, 0.0, 2.0])), (np.array([1, 2, 0, 2]), None)]

RESIZED = [
    {"size": 7},
    {"size": 2},
    {"size": 4},
    {"size": 1},
    {"scale": 2},
    {"scale": 0.6},
    {"size": (3, 9)},
    {"scale": (1.7, 0.5)},
    {"size": (3, 5), "axes": (0, -1)},
    {"scale": 2.0, "axes": (0, 1)},
]

CASES = [
    *[case("unfold", n(*shape), **settings) for shape, settings in SETTINGS],
    *[case("fold", n(*windows(shape, **settings)), shape=shape, **settings) for shape, settings in SETTINGS],
    Case("unfold", (n(3, 4),), {"size": (2, 3)}, numpy=sliding),
    Case("unfold", (n(3, 4),), {"size": (2, 3), "axes": (1, 0)}, numpy=sliding),
    Case("unfold", (n(3, 4),), {"size": 2, "axes": -1}, numpy=sliding),
    case("unfold", c(4), size=2),
    case("fold", c(3, 2), shape=(4,), size=2),
    *[
        case("interpolate", n(3, 3, 4), **resized, mode=mode, align_corners=align)
        for resized in RESIZED
        for mode, align in (("nearest", False), ("linear", False), ("linear", True))
    ],
    case("interpolate", n(1), size=3, mode="linear"),
    case("interpolate", n(0, 2), size=3, mode="linear"),
    case("interpolate", c(4), size=3, mode="linear"),
    case("weighted_take", n(2, 3), taps=TAPS, axis=1),
]

ERRORS = [
    Error("unfold", (n(2, 4),), {"size": 5}, ValueError, "unfold: a window of 5.*spans 5, more than the 4 of axis 1"),
    Error("unfold", (n(4),), {"size": 3, "dilation": 2}, ValueError, "spans 5"),
    Error("unfold", (n(4),), {"size": (2, 2)}, ValueError, r"size=\(2, 2\) for 2 axes"),
    Error("unfold", (n(4),), {"size": 2, "stride": 0}, ValueError, "at least 1"),
    Error(
        "unfold", (n(4, 4),), {"size": (2, 2), "stride": (1, 1, 1)}, ValueError, "3 values for stride, needed 1 or 2"
    ),
    Error("unfold", (n(4, 4),), {"size": 2, "axes": (0, -2)}, ValueError, "axes"),
    Error("fold", (n(3, 2),), {"shape": (5,), "size": 2}, ValueError, r"given \(3, 2\), needed \(4, 2\)"),
    Error("interpolate", (n(4),), {}, ValueError, "give one of the two"),
    Error("interpolate", (n(4),), {"size": 2, "scale": 2}, ValueError, "give one of the two"),
    Error("interpolate", (n(4),), {"size": 2, "mode": "cubic"}, ValueError, "mode='cubic'"),
    Error("interpolate", (n(4),), {"size": 2, "align_corners": True}, ValueError, "align_corners=True"),
    Error("interpolate", (n(4),), {"size": 2.5}, TypeError, "integer"),
    Error("interpolate", (n(4),), {"size": 0}, ValueError, "4 entries along axis 0"),
    Error("interpolate", (n(4),), {"size": (2, 2)}, ValueError, r"size=\(2, 2\) for 2 axes"),
]
