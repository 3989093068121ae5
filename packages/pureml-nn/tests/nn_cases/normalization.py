"""Normalisation and Embedding."""

import numpy as np
from pureml_nn import BatchNorm1d, BatchNorm2d, Embedding, GroupNorm, InstanceNorm, LayerNorm, LayerNorm1d, RMSNorm

from .case import LayerCase, LayerError

draw = np.random.default_rng(5).standard_normal


def scale_and_shift(n):
    return {"gamma": np.float32(1 + 0.3 * draw(n)), "beta": np.float32(draw(n))}


F3, F4, S34 = scale_and_shift(3), scale_and_shift(4), scale_and_shift((3, 4))
G4 = {"gamma": F4["gamma"]}
MOMENTS = {"running_mean": np.float32([0.5, -1, 0, 2]), "running_variance": np.float32([0.5, 1, 2, 4])}
INDICES = np.array([[1, 0, 4], [2, 2, 0]])

LAYERS = [
    # batch
    *[
        LayerCase(f"BatchNorm1d {s}", lambda: BatchNorm1d(4, **F4, **MOMENTS), (s,), s, train_differs=True)
        for s in [(5, 4), (4, 4), (2, 4), (5, 4, 3), (4, 4, 4), (1, 4, 3), (6, 4, 1)]
    ],
    *[
        LayerCase(f"BatchNorm2d {s}", lambda: BatchNorm2d(4, **F4, **MOMENTS), (s,), s, train_differs=True)
        for s in [(2, 4, 3, 2), (1, 4, 2, 2), (4, 4, 4, 4), (1, 4, 1, 4), (4, 4, 1, 1)]
    ],
    *[
        LayerCase(f"BatchNorm evaluated {s}", lambda f=f: f(4, **F4, **MOMENTS, training=False), (s,), s)
        for f, s in [
            (BatchNorm1d, (5, 4)), (BatchNorm1d, (4, 4)), (BatchNorm1d, (3, 4, 2)), (BatchNorm1d, (1, 4, 3)),
            (BatchNorm2d, (1, 4, 2, 1)), (BatchNorm2d, (2, 4, 2, 3)),
        ]
    ],
    # each example
    *[
        LayerCase(f"LayerNorm {s}", lambda: LayerNorm(4, **F4), (s,), s)
        for s in [(4,), (5, 4), (4, 4), (1, 4), (0, 4), (2, 3, 4), (4, 4, 4), (2, 1, 3, 4)]
    ],
    *[
        LayerCase(f"LayerNorm (3, 4) {s}", lambda: LayerNorm((3, 4), **S34), (s,), s)
        for s in [(3, 4), (2, 3, 4), (3, 3, 4)]
    ],
    LayerCase("LayerNorm without bias", lambda: LayerNorm(4, **G4, bias=False), ((3, 4),), (3, 4)),
    LayerCase("LayerNorm1d", lambda: LayerNorm1d(4, **F4), ((4, 4),), (4, 4)),
    LayerCase("LayerNorm1d 3-D", lambda: LayerNorm1d(4, bias=False), ((2, 3, 4),), (2, 3, 4)),
    *[
        LayerCase(f"RMSNorm {s}", lambda: RMSNorm(4, **G4), (s,), s)
        for s in [(4,), (5, 4), (4, 4), (1, 4), (0, 4), (2, 3, 4)]
    ],
    LayerCase("RMSNorm (3, 4)", lambda: RMSNorm((3, 4), gamma=S34["gamma"]), ((2, 3, 4),), (2, 3, 4)),
    *[
        LayerCase(f"GroupNorm {g} {s}", lambda g=g: GroupNorm(g, 4, **F4), (s,), s)
        for g, s in [
            (2, (3, 4, 3)), (1, (3, 4)), (2, (4, 4)), (2, (2, 4, 2, 3)), (4, (4, 4, 4)), (2, (1, 4, 2)), (2, (0, 4, 2)),
        ]
    ],
    LayerCase("GroupNorm plain", lambda: GroupNorm(2, 4, affine=False), ((3, 4, 2),), (3, 4, 2)),
    *[
        LayerCase(f"InstanceNorm {s}", lambda: InstanceNorm(4, **F4), (s,), s)
        for s in [(3, 4, 3), (4, 4, 4), (1, 4, 5), (2, 4, 2, 3), (0, 4, 3)]
    ],
    LayerCase("InstanceNorm plain", lambda: InstanceNorm(3), ((2, 3, 4),), (2, 3, 4)),
    # tables
    *[
        LayerCase(f"Embedding {i.shape}", lambda: Embedding(5, 3, seed=0), (i,), (*i.shape, 3))
        for i in [INDICES, INDICES[0], np.array(2), np.zeros((0, 2), int), np.array([4]), np.array([1, 1, 1])]
    ],
    LayerCase("Embedding sparse", lambda: Embedding(5, 3, seed=0, sparse=True), (INDICES,), (2, 3, 3)),
    LayerCase("Embedding square", lambda: Embedding(5, 5, seed=0), (np.arange(5),), (5, 5)),
]  # fmt: skip

X = np.ones((2, 4), np.float32)

ERRORS = [
    LayerError(lambda: BatchNorm1d(0), ValueError, r"BatchNorm1d: given num_features=0, needed a positive integer"),
    LayerError(lambda: BatchNorm1d(3, eps=0), ValueError, r"BatchNorm1d: given eps=0, needed a positive number"),
    LayerError(lambda: BatchNorm1d(3, momentum=1.5), ValueError, r"momentum=1\.5, needed 0 to 1"),
    LayerError(lambda: BatchNorm2d(3, gamma=np.ones(4)), ValueError, r"BatchNorm2d: given gamma of shape \(4,\)"),
    LayerError(lambda: BatchNorm2d(3, running_mean=np.ones(4)), ValueError, r"running_mean of shape \(4,\), .*\(3,\)"),
    LayerError(lambda: BatchNorm1d(3)(X), ValueError, r"given X of shape \(2, 4\), needed \(B, 3\) or \(B, 3, L\)"),
    LayerError(lambda: BatchNorm2d(4)(X), ValueError, r"given X of shape \(2, 4\), needed \(B, 4, H, W\): axis 1"),
    LayerError(lambda: BatchNorm1d(4)(X[:1]), ValueError, r"\(1, 4\) in training: 1 value .*use eval\(\)"),
    LayerError(lambda: BatchNorm1d(4)(X[:0]), ValueError, r"\(0, 4\) in training: 0 value"),
    LayerError(lambda: BatchNorm2d(4)(X[:1, :, None, None]), ValueError, r"\(1, 4, 1, 1\) in training"),
    LayerError(lambda: BatchNorm1d(4)([[1.0]]), TypeError, r"BatchNorm1d: given X of type list"),
    LayerError(lambda: LayerNorm(0), ValueError, r"LayerNorm: given shape\[0\]=0, needed a positive integer"),
    LayerError(lambda: LayerNorm(()), ValueError, r"LayerNorm: given shape=\(\), needed at least one axis"),
    LayerError(lambda: LayerNorm(3, eps=-1), ValueError, r"LayerNorm: given eps=-1"),
    LayerError(lambda: LayerNorm(3, eps="x"), ValueError, r"LayerNorm: given eps='x'"),
    LayerError(lambda: LayerNorm(3, gamma=np.ones(2)), ValueError, r"gamma of shape \(2,\), needed \(3,\)"),
    LayerError(lambda: LayerNorm(3, beta=np.ones(3), bias=False), ValueError, r"beta together with bias=False"),
    LayerError(lambda: LayerNorm(3)(X), ValueError, r"given X of shape \(2, 4\), needed \(\.\.\., 3\)"),
    LayerError(lambda: LayerNorm((2, 3))(X), ValueError, r"given X of shape \(2, 4\), needed \(\.\.\., 2, 3\)"),
    LayerError(lambda: LayerNorm(3)(np.array(1.0)), ValueError, r"given X of shape \(\)"),
    LayerError(lambda: LayerNorm(4)(X * 1j), TypeError, r"dtype complex64, needed real numbers"),
    LayerError(lambda: LayerNorm1d(-1), ValueError, r"LayerNorm1d: given num_features=-1"),
    LayerError(lambda: LayerNorm1d(3)(X), ValueError, r"LayerNorm1d: given X of shape"),
    LayerError(lambda: RMSNorm(3)(X), ValueError, r"RMSNorm: given X of shape \(2, 4\)"),
    LayerError(lambda: GroupNorm(3, 4), ValueError, r"GroupNorm: given 3 groups of 4 channels"),
    LayerError(lambda: GroupNorm(2, 4, gamma=X[0], affine=False), ValueError, r"together with affine=False"),
    LayerError(lambda: GroupNorm(2, 4)(X[:, :3]), ValueError, r"given X of shape \(2, 3\), needed \(B, 4, \.\.\.\)"),
    LayerError(lambda: InstanceNorm(4)(X), ValueError, r"InstanceNorm: given X of shape \(2, 4\), needed \(B, 4, L\)"),
    LayerError(lambda: InstanceNorm(4)(X[..., None]), ValueError, r"at least 2 values"),
    LayerError(lambda: Embedding(0, 3), ValueError, r"Embedding: given V=0"),
    LayerError(lambda: Embedding(5, 3, pad_idx=5), ValueError, r"pad_idx=5, needed 0 to 4"),
    LayerError(lambda: Embedding(5, 3, pad_idx=-1), ValueError, r"pad_idx=-1"),
    LayerError(lambda: Embedding(5, 3, W=np.ones((3, 5))), ValueError, r"W of shape \(3, 5\), needed .* \(5, 3\)"),
    LayerError(lambda: Embedding(5, 3, method="x"), ValueError, r"unknown initialisation 'x'"),
    LayerError(lambda: Embedding(5, 3)(np.array([1, 7, -2])), IndexError, r"given index -2, 7, needed 0 to 4"),
    LayerError(lambda: Embedding(5, 3)(np.array([np.nan])), IndexError, r"given index nan"),
    LayerError(lambda: Embedding(5, 3)(np.array(["a"])), TypeError, r"indices of dtype <U1, needed integers"),
    LayerError(lambda: Embedding(5, 3)(np.array([True])), TypeError, r"indices of dtype bool"),
]
