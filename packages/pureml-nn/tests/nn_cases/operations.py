"""Rows for the operations of pureml-nn: see `core_cases`."""

import numpy as np
from core_cases.case import Case, case, draws

n, pos, c = draws(20)
MASK = np.array([0, 2, 0, 2], np.int8)  # integers: no gradient, and no effect on the precision

CASES: list[Case] = [
    *[case("relu", n(*s)) for s in ((3, 4), (0, 4), ())],
    *[case("affine", n(*x), n(3, 3), b) for x in [(3,), (3, 3), (1, 3), (2, 3, 3), (0, 3)] for b in (None, n(3))],
    case("dropped", n(3, 4), MASK),
    case("binary_cross_entropy", n(3, 4), pos(3, 4)),
    case("cross_entropy", n(3, 4), pos(3, 4)),
    case("cross_entropy", n(2, 3, 4), pos(2, 3, 4)),
    case("clipped", pos(3), low=0.0, high=9.0),
]

# Attention and positions.

SEEN = np.array([[True, False, True], [False, False, False]])
ADDED = np.array([[0.5, -np.inf, 1.0], [-np.inf, -np.inf, -np.inf]])
DROPPED = np.array([[0, 2, 0], [2, 2, 2]], np.int8)

CASES += [
    case("attention", n(2, 4), n(3, 4), n(3, 2), None, None, scale=0.5),
    case("attention", n(2, 2, 2, 3), n(2, 2, 3, 3), n(2, 2, 3, 3), SEEN, None, scale=0.5),
    case("attention", n(2, 2, 3), n(1, 3, 3), n(3, 2), n(2, 2, 3), None, scale=0.5),
    case("attention", n(3, 3, 3), n(3, 3, 3), n(3, 3, 3), np.tri(3, dtype=bool), None, scale=1.0),
    case("attention", n(2, 2, 3), n(2, 3, 3), n(2, 3, 2), SEEN, DROPPED, scale=0.5),
    case("attention", 9 * n(2, 2, 3), 9 * n(2, 3, 3), n(2, 3, 2), SEEN, None, scale=1.0),
    case("attention", n(2, 1, 3), n(2, 0, 3), n(2, 0, 2), None, None, scale=1.0),
    case("attention", n(0, 2, 3), n(0, 3, 3), n(0, 3, 2), SEEN, None, scale=1.0),
    case("split_heads", n(2, 3, 12), parts=3, heads=2),
    case("split_heads", n(3, 4), parts=1, heads=2),
    case("join_heads", n(2, 2, 3, 4), n(2, 2, 3, 4)),
    case("join_heads", n(2, 3, 2)),
    case("turned", n(2, 3, 4), turns=np.exp(1j * n(3, 2))),
    case("turned", n(0, 3, 2), turns=np.exp(1j * n(3, 1))),
]

# Losses.

LABELS = np.array([3, 0, 3])
SCALE = np.array([1, 0, 2], np.int8)
PAIR = np.array([[2, 1], [1, 1]])  # labels of two samples, the second with a repetition
FRAMES, COUNT = np.array([4, 3]), np.array([2, 1])

CASES += [
    *[case("cross_entropy", n(*s), pos(*s)) for s in ((4,), (1, 3), (3, 3), (0, 3), (2, 1))],
    *[case("label_cross_entropy", z, LABELS, scale) for z in (n(3, 4), 40 * n(3, 4)) for scale in (None, SCALE)],
    case("label_cross_entropy", n(4), np.array(2), None),
    case("label_cross_entropy", n(2, 2, 3), np.array([[0, 2], [1, 1]]), None),
    case("label_cross_entropy", n(3, 3), np.array([1, 1, 0]), None),
    case("label_cross_entropy", n(0, 3), np.zeros(0, int), None),
    case("picked", n(3, 4), LABELS),
    case("picked", n(2, 2, 3), np.array([[0, 2], [1, 1]])),
    case("picked", n(4), np.array(2)),
    case("placed", n(3), LABELS, classes=4),
    case("placed", n(2, 2), np.array([[0, 2], [1, 1]]), classes=3),
    case("x_ln_x", pos(3, 4)),
    *[case("binary_cross_entropy", n(*s), pos(*s), 3) for s in ((3, 4), (), (0,))],
    case("binary_cross_entropy", n(3, 4), pos(3, 4), np.array([0, 1, 2, 3], np.int8)),
    *[case("binary_cross_entropy", n(3, 4), pos(3, 4), w, divisor=12) for w in (None, 3)],
    *[case("label_cross_entropy", n(3, 4), LABELS, scale, divisor=3.0) for scale in (None, SCALE)],
    case("cross_entropy", n(3, 4), pos(3, 4), divisor=3),
    *[case("binary_log_loss", pos(3, 4) / 3, pos(3, 4), w) for w in (None, 3)],
    *[case("mean_squared_error", n(*s), n(*s)) for s in ((3, 4), (1,), ())],
    *[case("huber", n(*s), delta=0.4) for s in ((3, 4), (), (0,))],
    case("connectionist", n(2, 4, 3), PAIR, FRAMES, COUNT, blank=0),
    case("connectionist", n(2, 4, 3), PAIR % 2 + 1, FRAMES, np.array([1, 0]), blank=0),
    case("connectionist", n(1, 5, 3), np.array([[1, 1]]), np.array([5]), np.array([2]), blank=2),
    case("connectionist", n(2, 3, 3), np.zeros((2, 0), int), np.array([3, 1]), np.array([0, 0]), blank=0),
]

# Recurrent.

LENGTHS = np.array([2, 0, 3])

for gates, name, extra in ((1, "rnn", ()), (3, "gru", (n(3),)), (4, "lstm", ())):  # no, one and all of the options
    state = (n(3, 1), n(3, 1))[: 2 if name == "lstm" else 1]
    CASES += [
        case(name, n(3, 3, 1), *(None for _ in state), n(1, gates), n(1, gates)),
        case(name, n(3, 3, 1), *state, n(1, gates), n(1, gates), n(gates), *extra, LENGTHS),
        case(name, n(3, 3, 1), *state, n(1, gates), n(1, gates), n(gates), *extra, LENGTHS, reverse=True),
        case(name, n(3, 2, 2), *state, n(2, gates), n(1, gates), n(gates), *extra, None, reverse=True),
        case(name, n(3, 0, 2), *state, n(2, gates), n(1, gates), n(gates), *extra, None),
    ]
CASES += [
    case("rnn", n(2, 3, 2), n(2, 2), n(2, 2), n(2, 2), n(2), None, nonlinearity="relu", reverse=r) for r in (0, 1)
]

# Normalisation, Embedding.

CASES += [
    *[
        case(name, n(*s), *weights, axes=axes)
        for s, axes in [((5, 4), 1), ((4, 4), 1), ((1, 4), 1), ((4,), 1), ((0, 4), 1), ((2, 3, 4), 2), ((2, 2, 2), 3)]
        for name, weights in [
            ("layer_norm", (pos(*s[-axes:]), n(*s[-axes:]))),
            ("layer_norm", (pos(*s[-axes:]), None)),
            ("layer_norm", ()),
            ("rms_norm", (pos(*s[-axes:]),)),
            ("rms_norm", ()),
        ]
    ],
    *[
        case("batch_norm", n(*s), pos(s[1]), n(s[1]), eps=0.1)
        for s in [(5, 3), (3, 3), (2, 3, 4), (3, 3, 3), (2, 3, 2, 2), (1, 3, 3)]
    ],
    *[
        case("channelwise", n(*s), mean, n(3), n(3))
        for s in [(5, 3), (3, 3), (2, 3, 4), (3, 3, 3), (2, 3, 2, 2), (0, 3, 2)]
        for mean in (n(3), None)
    ],
    *[case("embedding", n(4, 3), index=i, padding_idx=p) for i in (PAIR, np.array(1)) for p in (None, 0)],
    case("embedding", n(4, 4), index=PAIR, padding_idx=0, sparse=True),
]

# Activations: none of the entries is at a kink.

CASES += [
    *[
        case(name, np.asarray(3 * n(*s)), **settings)
        for s in ((4, 4), (0, 4), ())
        for name, settings in [
            ("leaky_relu", {}), ("leaky_relu", {"negative_slope": -0.3}), ("hardtanh", {}),
            ("hardtanh", {"min_val": -2, "max_val": 0.5}), ("hardsigmoid", {}), ("hardswish", {}), ("elu", {}),
            ("elu", {"alpha": 0.3}), ("celu", {}), ("celu", {"alpha": 0.3}), ("selu", {}), ("gelu", {}),
            ("gelu", {"approximate": "tanh"}), ("silu", {}), ("mish", {}), ("softplus", {}), ("softsign", {}),
            ("softplus", {"beta": 2.5}),
        ]
    ],
    *[case("rectified", n(3, 4), w) for w in (n(), n(1), n(4), n(3, 1))],
    Case("straight_through", (n(3, 4), n(3, 4)), order=0),
]  # fmt: skip

# Graphs.

NODES = np.array([2, 0, 2, 2])  # and no row for 1

CASES += [
    *[case("segment_softmax", n(4, *s), segments=NODES, n=3) for s in ((), (1,), (3,), (2, 2))],
    case("segment_softmax", 40 * n(4), segments=NODES, n=4),
    case("segment_softmax", n(0, 2), segments=np.zeros(0, int), n=2),
]

# Convolution and pooling.

CASES += [
    *[
        case("conv2d", n(*x), n(*w), n(w[0]), **settings)
        for x, w, settings in [
            ((3, 2, 3, 4), (3, 2, 2, 3), {}),
            ((2, 2, 2, 2), (2, 2, 2, 2), {"padding": ((1, 0), (0, 1))}),
            ((2, 2, 4, 3), (2, 1, 2, 1), {"stride": (2, 1), "padding": ((0, 0), (1, 1)), "groups": 2}),
            ((1, 4, 3, 4), (2, 2, 2, 2), {"stride": (1, 2), "dilation": (2, 1), "groups": 2}),
            ((0, 1, 2, 2), (1, 1, 1, 1), {}),
        ]
    ],
    case("conv2d", n(2, 1, 3, 3), n(2, 1, 2, 2), None),
    *[
        case("conv_transpose2d", n(*x), n(*w), n(w[1] * settings.get("groups", 1)), **settings)
        for x, w, settings in [
            ((3, 2, 2, 3), (2, 3, 2, 3), {}),
            ((2, 2, 2, 2), (2, 2, 2, 2), {"stride": (2, 1), "output_padding": (1, 0)}),
            ((1, 2, 2, 2), (2, 2, 2, 2), {"padding": ((1, 0), (0, 1)), "dilation": (1, 2), "groups": 2}),
            ((2, 1, 2, 1), (1, 2, 2, 1), {"dilation": (3, 1), "output_padding": (2, 0)}),
            ((0, 1, 2, 2), (1, 1, 1, 1), {}),
        ]
    ],
    case("conv_transpose2d", n(2, 1, 2, 2), n(1, 2, 2, 2), None, padding=((1, 1), (0, 0))),
    *[case("first_max", n(*x)) for x in [(3,), (2, 3), (3, 3), (2, 1), (0, 2), (2, 2, 3)]],
    *[
        case(name, n(*x), axis=axis, size=k, stride=s, dilation=d)
        for name in ("max_along", "mean_along")
        for x, axis, k, s, d in [
            ((2, 6), -1, 2, 2, 1), ((2, 5), -1, 2, 2, 1), ((2, 5), -1, 3, 1, 1), ((4, 2), -2, 2, 2, 1),
            ((2, 7, 2), -2, 3, 3, 1), ((2, 7), -1, 3, 1, 2), ((2, 5), -1, 1, 2, 1), ((2, 4), -1, 4, 4, 1),
            ((0, 4), -1, 2, 2, 1),
        ]
    ],
    case("unfold1d", n(2, 3, 5), kernel_size=2, stride=2, padding=1, dilation=2, pad_with=0.5),
    case("unfold1d", n(3, 3, 3), kernel_size=3),
    case("unfold2d", n(2, 2, 3, 4), kernel_size=(2, 3), stride=(1, 2), padding=(0, 1), dilation=(2, 1)),
    case("unfold2d", n(2, 2, 3, 3), kernel_size=2, padding="same"),
    case("unfold2d", n(0, 2, 2, 2), kernel_size=2),
]  # fmt: skip
